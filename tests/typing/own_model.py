"""A user's own byte model, and the tokenizers over it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax
from ecjax.testing import check_model, check_tokenizer


class Follows(ecjax.ByteModel):
    """Knows the byte before; its precision and exactness are those of the class."""

    precision = 12
    exact = True
    tables: UInt32[Array, "257 257"]

    def init(self) -> Int32[Array, ""]:
        return jnp.asarray(256, jnp.int32)

    def step(self, state: Int32[Array, ""], symbol: Integer[Array, ""]) -> Int32[Array, ""]:
        return symbol.astype(jnp.int32)

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, "257"]:
        return self.tables[state]


class Settable(ecjax.ByteModel):
    """Its precision is a field."""

    table: UInt32[Array, "257"]
    precision: int = eqx.field(static=True, default=16)
    exact: bool = eqx.field(static=True, default=True)

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], symbol: Integer[Array, ""]) -> tuple[()]:
        return state

    def frequencies(self, state: tuple[()]) -> UInt32[Array, "257"]:
        return self.table


model = Settable(jnp.arange(257, dtype=jnp.uint32) << 8)
tokenizers: list[ecjax.Tokenizer] = [
    ecjax.ArithmeticCoding(model),
    ecjax.Huffman(model, 8),
    ecjax.EqualInfo(model, 16),
    ecjax.EqualText(model, 4, token_bits=8),
    ecjax.ArithmeticCoding(Follows(jnp.zeros((257, 257), jnp.uint32))),
]


class Bases(ecjax.SymbolModel):
    """Four symbols that are always alike."""

    precision = 2
    alphabet = 4
    exact = True

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], base: Integer[Array, ""]) -> tuple[()]:
        return state

    def frequencies(self, state: tuple[()]) -> UInt32[Array, "5"]:
        return ecjax.frequency_table_from_counts([1, 1, 1, 1], self.precision)


bases: ecjax.SymbolModel = Bases()
made: list[Array] = [
    ecjax.frequency_table(jnp.zeros(256)),
    ecjax.frequency_table([0.5, -1.0], precision=12),
    ecjax.frequency_table_from_counts(jnp.zeros(4, jnp.uint32), 12),
    ecjax.frequency_table_from_cdf(jnp.asarray([0.25, 0.5]), 12),
    ecjax.gaussian_table(0.0, 1.0, -8, 8),
    ecjax.logistic_table(jnp.asarray(0.0), 1.0, low=-8, high=8, precision=12),
]
check_model(model, b"text")
check_model(bases, [0, 1, 2, 3])
check_tokenizer(ecjax.Bytes(), total=True)
texts: list[bytes] = [tokenizer.decode(tokenizer.encode(b"text")) for tokenizer in tokenizers]
