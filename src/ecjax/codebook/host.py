"""Texts of any number and length through a codebook, on the host: cut up, parsed side by side, and joined exactly.

Where a string is chosen for each position, the choices are followed (`ecjax.codebook.stretches`). Where a text is
walked through (`parsing.closed`), it is cut into lanes, each walked as if a string began with its first byte, and
joined where both walks begin a string (`ecjax.coding.joining`).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt16, UInt32

from ecjax.checks import as_bytes, check_ids
from ecjax.codebook import parsing, stretches, vocabulary
from ecjax.codebook.parsing import Rules
from ecjax.codebook.vocabulary import Spelling
from ecjax.coding.joining import Walk, join
from ecjax.padding import bucket
from ecjax.programs import jit

LANE, OVERLAP = 3840, 256  # bytes of a lane, and how far its walk goes into the next one
_LANES = 256  # lanes side by side, at most

Text = UInt8[np.ndarray, " _"]


@jit
def _walk(rules: Rules, texts: UInt8[Array, "n lanes"], lengths: Int32[Array, " lanes"]) -> UInt32[Array, "lanes n+1"]:
    return parsing.closed(rules, parsing.symbols_of(texts, lengths)).T


@jit
def _decode(
    spelling: Spelling, ids: Int32[Array, " n"], capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    return vocabulary.spell(spelling, ids, capacity)


def encode_batch(rules: Rules, texts: Sequence[bytes | str]) -> list[Int32[np.ndarray, " _"]]:
    """The ids of each text; a str is taken as UTF-8."""
    arrays = [np.frombuffer(as_bytes(text), np.uint8) for text in texts]
    if rules.parse == "closed":
        return _walked(rules, arrays)
    lengths = np.asarray(rules.lengths)
    return [_followed(ids, lengths) for ids in stretches.choose(rules, arrays)]


def _followed(ids: UInt16[np.ndarray, " n"], lengths: Int32[np.ndarray, " size"]) -> Int32[np.ndarray, " k"]:
    """The ids that a text comes to, from its first byte on, if the one chosen for each position is known."""
    steps = lengths[ids].astype(np.uint8).tobytes()
    begins, position = [], 0
    while position < len(steps):
        begins.append(position)
        position += steps[position]
    return ids[np.array(begins, np.int64)].astype(np.int32)


def _walked(rules: Rules, texts: Sequence[Text]) -> list[Int32[np.ndarray, " _"]]:
    """The ids of each text, if the strings are closed under prefixes and have no costs."""
    words = np.asarray(rules.words)
    begins = [range(0, max(1, len(text)), LANE) for text in texts]
    parts = [text[b : b + LANE + OVERLAP] for text, every in zip(texts, begins, strict=True) for b in every]
    walks = iter(_walk_all(rules, parts))

    def joined(text: Text, every: Sequence[int]) -> Int32[np.ndarray, " _"]:
        def again(begin: int, k: int) -> Walk:
            return _walk_all(rules, [text[begin : every[k + 1] + LANE + OVERLAP]])[0]

        slots = join(len(text), every, [next(walks) for _ in every], again).codes
        return parsing.ids_of(words[slots - 1]).astype(np.int32)

    return [joined(text, every) for text, every in zip(texts, begins, strict=True)]


def _walk_all(rules: Rules, texts: Sequence[Text]) -> list[Walk]:
    """The walk of each text, side by side in lanes; as codes the slots plus 1."""
    out: list[Walk] = []
    for first in range(0, len(texts), _LANES):
        group = texts[first : first + _LANES]
        block = np.zeros((bucket(max(map(len, group))), bucket(len(group))), np.uint8)
        lengths = np.zeros(block.shape[1], np.int32)
        for column, text in enumerate(group):
            block[: len(text), column] = text
            lengths[column] = len(text)
        ended = np.asarray(_walk(rules, *jax.device_put((block, lengths))))
        for row, text in zip(ended, group, strict=False):
            begins = row[: len(text)] > 0
            begins[:1] = True
            codes = row[: len(text) + 1]
            out.append(Walk(begins, codes[codes > 0]))
    return out


def decode(spelling: Spelling, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
    """The text of ids. Raises TypeError or ValueError unless they are ids."""
    array = check_ids(ids, len(spelling.lengths))
    parts = []
    for begin in range(0, len(array), 1 << 16):
        part = array[begin : begin + (1 << 16)]
        total = int(np.asarray(spelling.lengths)[part].sum())
        padded = np.zeros(bucket(len(part)), np.int32)
        padded[: len(part)] = part
        text, _ = _decode(spelling, jax.device_put(padded), bucket(total))
        parts.append(np.asarray(text)[:total].tobytes())
    return b"".join(parts)


def decode_batch(spelling: Spelling, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
    """The text of each sequence of ids."""
    checked = [check_ids(ids, len(spelling.lengths)) for ids in batch]
    text = decode(spelling, np.concatenate([np.zeros(0, np.int32), *checked]))
    lengths = np.asarray(spelling.lengths)
    sizes = [int(lengths[ids].sum()) for ids in checked]
    ends = np.cumsum(sizes, dtype=np.int64)
    return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]
