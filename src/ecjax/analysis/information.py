"""How much a window's code says of its text, and how much it leaves untold, under the byte model itself.

A window is made of a string s and ends there, for the byte that follows in the text, c, does not fit. Under a model M1
that starts anew in each window, P(s) is the probability of the string and e(s) that of all bytes which do not fit after
it. Several strings t can have one published code C (arXiv 2404.03626, sec. 3.3). Then

    told = -log2(sum of P(t) * e(t))

are the bits that C costs a language model which has learnt how often there is each code, as far as M1 can say, but
nothing from the windows before. And of all t after which c does not fit

    untold = -log2(P(s) * P(c | s) / sum of P(t) * P(c | t))

are those that it takes to say which string was meant, to a reader of all codes: the next one begins with c whatever its
string is, and first bytes are all that windows have to do with one another. Of preorder windows nothing is untold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float64, Int32, Int64, UInt8, UInt32

from ecjax.coding.code import WindowCode
from ecjax.coding.published import Published
from ecjax.coding.windows import Preorder
from ecjax.models.base import ByteModel
from ecjax.padding import bucket, coarse_bucket
from ecjax.tokenizers.equal_info import EqualInfo

_BATCH_BYTES = 8192  # of strings that are followed side by side


@dataclasses.dataclass(frozen=True)
class WindowInformation:
    """What the code of each window is worth.

    Attributes:
      told: Bits of the code.
      untold: Bits of what the text says besides: 0 for windows of code "preorder".
      likeliest: Whether to a reader of all codes no other string of this code is likelier than the one meant.
      bytes: Bytes that the window is made of.
    """

    told: Float64[np.ndarray, " windows"]
    untold: Float64[np.ndarray, " windows"]
    likeliest: Bool[np.ndarray, " windows"]
    bytes: Int64[np.ndarray, " windows"]


def window_information(tokenizer: EqualInfo, texts: Sequence[bytes]) -> WindowInformation:
    """How much the windows of texts say of them, all but the last of each, which the text's end may have cut short.

    Args:
      tokenizer: Windows of code "preorder" or "published", M1 exact and starting anew in each.
      texts: Any bytes.

    Returns:
      Of the windows of one text after another.

    Raises:
      TypeError: If a text is not bytes.
      ValueError: If windows pass something on: those of code "delayed" bytes, those of another `reset` M1's state. If
        M1 is not exact: then a window need not have a string.
    """
    if not tokenizer.model.exact:
        raise ValueError(
            f"{type(tokenizer.model).__name__} is not exact: what its windows are read as need not be what they are "
            "made of; use an exact model, which `ecjax quantize` makes of a float one"
        )
    if tokenizer.code == "delayed" or tokenizer.reset != 1:
        raise ValueError(
            f"windows of code {tokenizer.code!r} and reset {tokenizer.reset} do not begin afresh; take code 'preorder' "
            "or 'published' and reset 1"
        )
    code = Preorder(tokenizer.bits) if tokenizer.code == "preorder" else Published(tokenizer.bits)
    made_of: list[bytes] = []
    read: list[tuple[bytes, int]] = []  # the longest string of each code, all others being its beginnings; what follows
    for text in texts:
        for (own, longest), (after, _) in pairwise(tokenizer.read_back(text)):
            made_of.append(own)
            read.append((longest, after[0]))
    found = _logarithms(tokenizer.model, code, read)
    told = np.array([-np.logaddexp2.reduce(found[window][0]) for window in read], np.float64)
    every = np.array([np.logaddexp2.reduce(found[window][1]) for window in read], np.float64)
    sizes = np.array([len(string) for string in made_of], np.int64)
    meant = np.array([found[window][1][size - 1] for window, size in zip(read, sizes, strict=True)], np.float64)
    likeliest = meant >= [found[window][1].max() for window in read]
    return WindowInformation(told, every - meant, likeliest, sizes)


def _logarithms(
    model: ByteModel, code: WindowCode, windows: Sequence[tuple[bytes, int]]
) -> dict[tuple[bytes, int], Float64[np.ndarray, "2 _"]]:
    """For a string and a byte c, `log2(P * e)` and `log2(P * P(c))` of its first 1, 2, ... bytes.

    Of those that do not have its code, and of those after which c fits, it is -inf.
    """
    found: dict[tuple[bytes, int], Float64[np.ndarray, "2 _"]] = {}
    waiting = sorted(set(windows), key=lambda window: len(window[0]))
    while waiting:
        width = coarse_bucket(len(waiting[-1][0]), 16)
        rows = bucket(_BATCH_BYTES // width)
        batch, waiting = waiting[-rows:], waiting[:-rows]
        texts, following = np.zeros((rows, width), np.uint8), np.zeros(rows, np.int32)
        for row, (string, byte) in enumerate(batch):
            texts[row, : len(string)], following[row] = np.frombuffer(string, np.uint8), byte
        numbers, frequencies, ends = map(np.asarray, _follow(model, code, jnp.asarray(texts), jnp.asarray(following)))
        with np.errstate(divide="ignore"):
            likely, ends = (np.log2(x, dtype=np.float64) - model.precision for x in (frequencies, ends))
        logarithms = np.cumsum(likely, axis=1)[:, None] + ends
        for window, own, number in zip(batch, logarithms, numbers, strict=False):
            size = len(window[0])
            alike = np.all(number[:size] == number[size - 1], axis=1)
            found[window] = np.where(alike, own[:, :size], -np.inf)
    return found


@eqx.filter_jit
def _follow(
    model: ByteModel, code: WindowCode, texts: UInt8[Array, "rows n"], following: Int32[Array, " rows"]
) -> tuple[UInt32[Array, "rows n limbs"], Int32[Array, "rows n"], Int32[Array, "rows 2 n"]]:
    """After each byte of a window: its code so far, the byte's frequency, and those of what does not fit next.

    The last are that of all such bytes, and that of the following one, should it be among them.

    What comes after the window's end means nothing.
    """
    root, same = code.root(model), jnp.array(False)

    def advance(cursor: Any, item: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
        byte, after = item
        cursor, *_ = code.append(model, root, cursor, byte, same)
        _, new, _ = jax.vmap(lambda b: code.append(model, root, cursor, b, same))(jnp.arange(256, dtype=jnp.int32))
        return cursor, (code.number(cursor), jnp.where(new, after, 0))

    def follow(text: UInt8[Array, " n"], following: Int32[Array, ""]) -> tuple[Array, Array, Array]:
        frequencies = jnp.diff(model.sequence(jnp.append(text, jnp.uint8(0))).astype(jnp.int32), axis=1)
        item = text.astype(jnp.int32), frequencies[1:]
        _, (numbers, ends) = jax.lax.scan(advance, code.start(root), item)
        own = jnp.take_along_axis(frequencies[:-1], item[0][:, None], axis=1)[:, 0]
        return numbers, own, jnp.stack([ends.sum(axis=1), ends[:, following]])

    return jax.vmap(follow)(texts, following)
