"""How much a window's code says of its text, and how much it leaves untold, under the byte model itself.

A window is made of a string s and ends there, for the byte that follows in the text does not fit. Under a model that
starts anew in each window this has the probability `P(s) * e(s)`: P(s) is that of the string, e(s) that of all bytes
which do not fit after it. Several strings can have one published code C (arXiv 2404.03626, sec. 3.3), so

    told = -log2(sum of P(t) * e(t) over all t of code C)        untold = -log2(P(s) * e(s)) - told

are the bits that C is worth, and those that it would take besides to say which string it was. A code costs `told` to a
language model that has learnt how often there is each code, but nothing from the windows before; and where something is
untold, its loss is that of less than the text. Of preorder windows nothing is untold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int32, Int64, UInt8, UInt32

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
      untold: Bits of what the text says besides.
      bytes: Bytes that the window is made of.
    """

    told: Float64[np.ndarray, " windows"]
    untold: Float64[np.ndarray, " windows"]
    bytes: Int64[np.ndarray, " windows"]


def window_information(tokenizer: EqualInfo, texts: Sequence[bytes]) -> WindowInformation:
    """How much the windows of texts say of them, all but the last of each, which the text's end may have cut short.

    Args:
      tokenizer: Windows of code "preorder" or "published", M1 starting anew in each.
      texts: Any bytes.

    Returns:
      Of the windows of one text after another.

    Raises:
      TypeError: If a text is not bytes.
      ValueError: If windows pass something on: those of code "delayed" bytes, those of another `reset` M1's state.
    """
    if tokenizer.code == "delayed" or tokenizer.reset != 1:
        raise ValueError(
            f"windows of code {tokenizer.code!r} and reset {tokenizer.reset} do not begin afresh; take code 'preorder' "
            "or 'published' and reset 1"
        )
    code = Preorder(tokenizer.bits) if tokenizer.code == "preorder" else Published(tokenizer.bits)
    made_of, longest = [], []  # all strings of a code are beginnings of the longest, which is what it is read as
    for text in texts:
        made_of += tokenizer.cut(text)[:-1]
        longest += tokenizer.spell(tokenizer.encode(text))
        del longest[len(made_of) :]
    found = _logarithms(tokenizer.model, code, longest)
    own = np.array([found[whole][len(string)] for string, whole in zip(made_of, longest, strict=True)], np.float64)
    every = np.array([np.logaddexp2.reduce(found[whole]) for whole in longest], np.float64)
    return WindowInformation(-every, every - own, np.array(list(map(len, made_of)), np.int64))


def _logarithms(model: ByteModel, code: WindowCode, strings: Sequence[bytes]) -> dict[bytes, Float64[np.ndarray, " _"]]:
    """For each string, `log2(P * e)` of its first 0, 1, 2, ... bytes: those that have its code, of others -inf."""
    found: dict[bytes, Float64[np.ndarray, " _"]] = {}
    waiting = sorted(set(strings), key=len)
    while waiting:
        width = coarse_bucket(len(waiting[-1]), 16)
        rows = bucket(_BATCH_BYTES // width)
        batch, waiting = waiting[-rows:], waiting[:-rows]
        texts = np.array([np.frombuffer(string.ljust(width, b"\0"), np.uint8) for string in batch])
        texts = np.pad(texts, ((0, rows - len(batch)), (0, 0)))
        numbers, frequencies, ends = map(np.asarray, _follow(model, code, jnp.asarray(texts)))
        with np.errstate(divide="ignore"):
            likely = np.cumsum(np.log2(frequencies, dtype=np.float64) - model.precision, axis=1)
            logarithms = likely + np.log2(ends, dtype=np.float64) - model.precision
        for string, own, number in zip(batch, logarithms, numbers, strict=False):
            alike = np.all(number[: len(string)] == number[len(string) - 1], axis=1)
            found[string] = np.append(-np.inf, np.where(alike, own[: len(string)], -np.inf))
    return found


@eqx.filter_jit
def _follow(
    model: ByteModel, code: WindowCode, texts: UInt8[Array, "rows n"]
) -> tuple[UInt32[Array, "rows n limbs"], Int32[Array, "rows n"], Int32[Array, "rows n"]]:
    """After each byte of a window: its code so far, the byte's frequency, and that of all bytes that do not fit next.

    What comes after the window's end means nothing.
    """
    root, same = code.root(model), jnp.array(False)

    def advance(cursor: Any, item: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
        byte, after = item
        cursor, *_ = code.append(model, root, cursor, byte, same)
        _, new, _ = jax.vmap(lambda b: code.append(model, root, cursor, b, same))(jnp.arange(256, dtype=jnp.int32))
        return cursor, (code.number(cursor), jnp.sum(jnp.where(new, after, 0)))

    def follow(text: UInt8[Array, " n"]) -> tuple[Array, Array, Array]:
        frequencies = jnp.diff(model.sequence(jnp.append(text, jnp.uint8(0))).astype(jnp.int32), axis=1)
        item = text.astype(jnp.int32), frequencies[1:]
        _, (numbers, ends) = jax.lax.scan(advance, code.start(root), item)
        return numbers, jnp.take_along_axis(frequencies[:-1], item[0][:, None], axis=1)[:, 0], ends

    return jax.vmap(follow)(texts)
