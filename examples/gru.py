"""A recurrent network as a byte model, and why it is not exact.

Its tables are integers, for `ecjax.frequency_table` rounds the logits. But the logits are floats, and another machine,
batch or version may round a float differently: then a table differs by a unit, and the rest of the text is lost. So it
says `exact = False`. Tokenizers refuse such a model unless they are told to take it.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Integer, UInt32

import ecjax
from ecjax.testing import BrokenPromise, check_model


class GRU(ecjax.ByteModel):
    """One layer of gated recurrent units over bytes."""

    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)
    embedding: eqx.nn.Embedding
    cell: eqx.nn.GRUCell
    readout: eqx.nn.Linear

    def __init__(self, width: int, *, exact: bool = False) -> None:
        """A network that has learnt nothing yet."""
        keys = jax.random.split(jax.random.key(0), 3)
        self.precision, self.exact = 16, exact
        self.embedding = eqx.nn.Embedding(256, width, key=keys[0])
        self.cell = eqx.nn.GRUCell(width, width, key=keys[1])
        self.readout = eqx.nn.Linear(width, 256, key=keys[2])

    def init(self) -> Float32[Array, " width"]:
        return jnp.zeros(self.cell.hidden_size)

    def step(self, state: Float32[Array, " width"], byte: Integer[Array, ""]) -> Float32[Array, " width"]:
        return self.cell(self.embedding(byte), state)

    def frequencies(self, state: Float32[Array, " width"]) -> UInt32[Array, "257"]:
        return ecjax.frequency_table(self.readout(state), self.precision)


model = GRU(32)
check_model(model)  # the tables are valid, and every way to compute them gives nearly the same
print("a GRU that says exact = False passes check_model")

try:
    check_model(GRU(32, exact=True))
except BrokenPromise as error:
    print(f"one that says exact = True does not:\n  {str(error)[:160]} ...")

try:
    ecjax.ArithmeticCoding(model)
except ValueError as error:
    print(f"tokenizers refuse it:\n  {error}")

text = b"On one machine, in one program, it will do for an experiment."
tokenizer = ecjax.ArithmeticCoding(model, allow_inexact=True)
assert tokenizer.decode(tokenizer.encode(text)) == text
print(f"with allow_inexact=True: {len(text)} bytes are {len(tokenizer.encode(text))} tokens of 8 bits")
