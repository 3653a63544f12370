"""A user's own byte model, and the tokenizers over it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax


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
texts: list[bytes] = [tokenizer.decode(tokenizer.encode(b"text")) for tokenizer in tokenizers]
