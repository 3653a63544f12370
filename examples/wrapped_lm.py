"""A language model of somebody else's, wrapped as a byte model: its windows become a codebook, which is exact.

The model below stands for any function from ids to logits: with a vocabulary of its own, in floats, and no state
between calls. The wrapper keeps the last bytes as its state, and picks the 256 logits that stand for bytes. What it
gives is not exact. But a codebook is a fixed table, so compiling the model freezes what it computes here and now:
encoding and decoding with the table need no model, and are the same everywhere.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Integer, UInt32

import ecjax
from ecjax.testing import check_model, check_tokenizer


class SomebodysModel(eqx.Module):
    """Logits of 300 tokens, ids 0 to 43 being special ones, after a window of 8 tokens."""

    embedding: Float[Array, "300 16"]
    layer: eqx.nn.MLP

    def __init__(self) -> None:
        """Random weights."""
        keys = jax.random.split(jax.random.key(1))
        self.embedding = jax.random.normal(keys[0], (300, 16))
        self.layer = eqx.nn.MLP(8 * 16, 300, 64, 1, key=keys[1])

    def __call__(self, ids: Integer[Array, "8"]) -> Float[Array, "300"]:
        """The logits of the next token."""
        return 4 * self.layer(self.embedding[ids].reshape(-1))


class Wrapped(ecjax.ByteModel):
    """The state is the ids of the last eight bytes; id 0 stands where there is none."""

    precision = 16
    exact = False
    model: SomebodysModel

    def init(self) -> Int32[Array, "8"]:
        return jnp.zeros(8, jnp.int32)

    def step(self, state: Int32[Array, "8"], byte: Integer[Array, ""]) -> Int32[Array, "8"]:
        return jnp.concatenate([state[1:], byte.astype(jnp.int32)[None] + 44])

    def frequencies(self, state: Int32[Array, "8"]) -> UInt32[Array, "257"]:
        return ecjax.frequency_table(self.model(state)[44:], self.precision)


wrapped = Wrapped(SomebodysModel())
check_model(wrapped)
codebook = ecjax.compile_codebook(wrapped, bits=12)
check_tokenizer(codebook, total=True)
text = b"Tokens of a model that nobody has trained are short, but they are exact."
ids = codebook.encode(text)
assert codebook.decode(ids) == text
print(f"{len(text)} bytes are {len(ids)} tokens of {codebook.vocab_size} in the codebook of somebody's model")
