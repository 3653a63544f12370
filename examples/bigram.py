"""A model of one's own: which byte follows which, counted in a text. It is exact, so it can be a tokenizer.

The counts become integer frequency tables (`ecjax.frequency_table_from_counts`), and that is all that coders ask for.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax
from ecjax.testing import check_model, check_tokenizer

TEXT = b"""\
Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing
particular to interest me on shore, I thought I would sail about a little and see the watery part of the world. It is a
way I have of driving off the spleen and regulating the circulation. Whenever I find myself growing grim about the
mouth; whenever it is a damp, drizzly November in my soul; then, I account it high time to get to sea as soon as I can.
"""


class Bigram(ecjax.ByteModel):
    """A table for each byte that may stand before; the first byte of a text is taken to follow a line's end."""

    precision = 14
    exact = True
    tables: UInt32[Array, "256 257"]

    def __init__(self, text: bytes) -> None:
        """Counts the pairs of bytes in a text."""
        counts = np.zeros((256, 256), np.int32)
        np.add.at(counts, (list(text[:-1]), list(text[1:])), 1)
        self.tables = jax.vmap(lambda row: ecjax.frequency_table_from_counts(row, self.precision))(jnp.asarray(counts))

    def init(self) -> Int32[Array, ""]:
        return jnp.asarray(ord("\n"), jnp.int32)

    def step(self, state: Int32[Array, ""], byte: Integer[Array, ""]) -> Int32[Array, ""]:
        return byte.astype(jnp.int32)

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, "257"]:
        return self.tables[state]


model = Bigram(TEXT)
check_model(model)  # belongs in your tests; it says what is wrong, if anything is
text = b"I thought I would sail about a little, with no money in my purse."
for tokenizer in (ecjax.ArithmeticCoding(model), ecjax.EqualInfo(model, 16), ecjax.EqualInfo(model, 12).compile()):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    bits = len(ids) * (tokenizer.vocab_size - 1).bit_length()
    print(f"{type(tokenizer).__name__}: {len(text)} bytes are {len(ids)} tokens, {bits / len(text):.2f} bits a byte")
check_tokenizer(ecjax.ArithmeticCoding(model))
print("a bigram model passes check_model, and its tokenizer check_tokenizer")
