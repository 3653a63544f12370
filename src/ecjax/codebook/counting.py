"""The strings that occur often in texts, found level by level: those of n + 1 bytes among the places of those of n."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int16, Int32, Int64, UInt8

from ecjax.codebook.compiled import compiled

_END = 256  # stands after each text


class Frequent(NamedTuple):
    """The strings that occur at least so often, and all single bytes, as a tree, shorter ones before longer ones.

    Attributes:
      parents: Each node's parent; node 0 is the empty string.
      last_bytes: The last byte of each node's string; 0 for the root.
      depths: The length of each node's string.
      counts: How often it occurs.
    """

    parents: Int32[np.ndarray, " nodes"]
    last_bytes: UInt8[np.ndarray, " nodes"]
    depths: UInt8[np.ndarray, " nodes"]
    counts: Int64[np.ndarray, " nodes"]


class _Level(NamedTuple):
    """The strings of one length.

    Attributes:
      borders: Where each string's places begin among the places of all, and where the last one's end.
      parents: Each string's number at the level before.
      last_bytes: Its last byte.
    """

    borders: Int64[np.ndarray, " k+1"]
    parents: Int32[np.ndarray, " k"]
    last_bytes: UInt8[np.ndarray, " k"]


def frequent(texts: Sequence[bytes], longest: int, least: int, report: Callable[[int], None] | None = None) -> Frequent:
    """The strings of up to `longest` bytes that occur at least `least` times in texts of fewer than 2**31 bytes.

    Args:
      texts: The texts; a string does not reach from one into the next.
      longest: At most 255.
      least: At least 1.
      report: Called with each length that is done.
    """
    text = np.full(sum(map(len, texts)) + len(texts), _END, np.int16)
    begin = 0
    for part in texts:
        text[begin : begin + len(part)] = np.frombuffer(part, np.uint8)
        begin += len(part) + 1
    places = np.arange(len(text), dtype=np.int32)[text != _END]
    root = np.zeros(1, np.int32)
    levels = [_Level(np.array([0, len(places)]), root, root.astype(np.uint8))]
    for depth in range(longest):
        places, *level = _deeper(text, places, levels[-1].borders, depth, least)
        if not len(places):
            break
        levels.append(_Level(*level))
        if report is not None:
            report(depth + 1)
    return _with_all_bytes(levels)


def _with_all_bytes(levels: list[_Level]) -> Frequent:
    """All levels as one tree, and the bytes that are too rare or do not occur at all."""
    rare = np.setdiff1d(np.arange(256, dtype=np.uint8), levels[1].last_bytes if len(levels) > 1 else [])
    sizes = [len(level.parents) for level in levels]
    firsts = np.cumsum([0, *sizes])
    parents = [level.parents + firsts[max(0, depth - 1)] for depth, level in enumerate(levels)]
    depths = np.repeat(np.arange(len(levels)), sizes)
    nothing = np.zeros(len(rare), np.int64)
    return Frequent(
        np.concatenate([*parents, nothing]).astype(np.int32),
        np.concatenate([*(level.last_bytes for level in levels), rare]),
        np.concatenate([depths, nothing + 1]).astype(np.uint8),
        np.concatenate([*(np.diff(level.borders) for level in levels), nothing]),
    )


@compiled
def _deeper(
    text: Int16[np.ndarray, " n"],
    places: Int32[np.ndarray, " m"],
    borders: Int64[np.ndarray, " k+1"],
    depth: int,
    least: int,
) -> tuple:
    """The next level, from the places of the strings of `depth` bytes: each string's, sorted by the next byte."""
    kept, filled = np.empty(len(places), np.int32), 0
    new_borders, parents = [np.int64(0)], [np.int32(0) for _ in range(0)]
    last_bytes = [np.uint8(0) for _ in range(0)]
    counts, slots = np.zeros(_END + 1, np.int64), np.zeros(_END + 1, np.int64)
    for string in range(len(borders) - 1):
        group = places[borders[string] : borders[string + 1]]
        counts[:] = 0
        for place in group:
            counts[text[place + depth]] += 1
        for byte in range(_END):
            slots[byte] = -1
            if counts[byte] >= least:
                slots[byte] = filled
                filled += counts[byte]
                new_borders.append(filled)
                parents.append(np.int32(string))
                last_bytes.append(np.uint8(byte))
        slots[_END] = -1
        for place in group:
            byte = text[place + depth]
            if slots[byte] >= 0:
                kept[slots[byte]] = place
                slots[byte] += 1
    return kept[:filled].copy(), np.array(new_borders), np.array(parents), np.array(last_bytes)
