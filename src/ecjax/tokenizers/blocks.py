"""Texts cut into blocks, each compressed by itself, and blocks gathered into arrays of few shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Array, Int32, UInt8

from ecjax.padding import coarse_bucket

BLOCK = 10_240
"""Bytes of a block, but for a text's last: the examples that the paper compresses (arXiv 2404.03626, sec. 3.1)."""

# Few, for a model takes seconds to compile; the last two are for the blocks of `ecjax.container`.
_SIZES = (BLOCK // 64, BLOCK // 16, BLOCK // 4, BLOCK, 1 << 15, 1 << 16)


def cut(text: bytes) -> list[bytes]:
    """The blocks of a text; the empty text has none."""
    return [text[i : i + BLOCK] for i in range(0, len(text), BLOCK)]


def lengths(total: int) -> list[int]:
    """The lengths of the blocks of a text of `total` bytes."""
    return [BLOCK] * (total // BLOCK) + [total % BLOCK] * (total % BLOCK > 0)


def room(length: int) -> int:
    """Bytes that a block of `length` bytes, at most 65,536, is filled up to."""
    return next(size for size in _SIZES if length <= size)


def lanes(cpu: int, others: int) -> int:
    """How many blocks are worked on side by side at most: on a processor's core, and on other backends."""
    return cpu if jax.default_backend() == "cpu" else others


def groups(sizes: Sequence[int], most: int) -> Iterator[tuple[list[int], int]]:
    """Gathers items of equal size into groups of up to `most`.

    Args:
      sizes: The size of each item.
      most: Items of a group, at most.

    Yields:
      The indices of a group's items, and the rows of its arrays: `most`, or a power of four from the items' number on.
    """
    for size in sorted(set(sizes)):
        members = [i for i, other in enumerate(sizes) if other == size]
        for begin in range(0, len(members), most):
            group = members[begin : begin + most]
            yield group, min(most, coarse_bucket(len(group)))


def stack(parts: Sequence[bytes], rows: int, size: int) -> UInt8[Array, "rows size"]:
    """Byte strings as rows, filled with zeros."""
    out = np.zeros((rows, size), np.uint8)
    for row, part in zip(out, parts, strict=False):
        row[: len(part)] = np.frombuffer(part, np.uint8)
    return jax.device_put(out)


def counts(numbers: Sequence[int], rows: int) -> Int32[Array, " rows"]:
    """Numbers, filled with zeros."""
    return jax.device_put(np.pad(np.array(numbers, np.int32), (0, rows - len(numbers))))
