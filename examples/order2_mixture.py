"""An adaptive model: it learns the text while it codes it, by counts that follow two, one and no bytes, mixed.

There is nothing to train and nothing to ship: the decoder learns the same from the text that it has decoded so far. It
is all in integers, so it is exact. Its state is the counts; contexts of two bytes share 256 rows by a hash.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax
from ecjax.integers import wrapping
from ecjax.testing import check_model

ROWS = 256
MOST = 4096  # a count stops there


class State(NamedTuple):
    """Counts of bytes after two, one and no bytes; and the two bytes before."""

    after_two: Int32[Array, "rows 256"]
    after_one: Int32[Array, "256 256"]
    after_none: Int32[Array, "256"]
    last: Int32[Array, ""]
    before: Int32[Array, ""]


def row(state: State) -> Int32[Array, ""]:
    """The row of the two bytes before."""
    with wrapping():  # a hash, modulo 2**32
        mixed = (state.last * 256 + state.before).astype(jnp.uint32) * jnp.uint32(2654435761)
    return (mixed >> 24).astype(jnp.int32)


class Mixture(ecjax.ByteModel):
    """Counts after longer contexts weigh more; where those are empty, shorter ones decide."""

    precision = 16
    exact = True

    def init(self) -> State:
        zero = jnp.zeros((), jnp.int32)
        return State(
            jnp.zeros((ROWS, 256), jnp.int32), jnp.zeros((256, 256), jnp.int32), jnp.zeros(256, jnp.int32), zero, zero
        )

    def step(self, state: State, byte: Integer[Array, ""]) -> State:
        byte = byte.astype(jnp.int32)

        def count(counts: Int32[Array, "*n"], *place: Int32[Array, ""]) -> Int32[Array, "*n"]:
            return counts.at[place].set(jnp.clip(counts[place], 0, MOST - 1) + 1)

        return State(
            count(state.after_two, row(state), byte),
            count(state.after_one, state.last, byte),
            count(state.after_none, byte),
            byte,
            state.last,
        )

    def frequencies(self, state: State) -> UInt32[Array, "257"]:
        counts = (state.after_two[row(state)], state.after_one[state.last], state.after_none)
        two, one, none = (jnp.clip(count, 0, MOST) for count in counts)  # no change, but shows that no sum overflows
        return ecjax.frequency_table_from_counts(two * 4096 + one * 128 + none * 2 + 1, self.precision)


model = Mixture()
check_model(model, b"abracadabra, abracadabra")
tokenizer = ecjax.ArithmeticCoding(model, token_bits=8)
for repeats in (1, 2, 10, 40):
    text = b"It learns as it goes: what comes again costs less and less. " * repeats
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    print(f"{len(text):4} bytes are {len(ids):3} bytes of code, {8 * len(ids) / len(text):.2f} bits a byte")
