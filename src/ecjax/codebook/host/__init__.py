"""Texts of any number and length through a codebook, on the host: no JAX runtime, no compilation for each shape.

The loops are compiled by numba once, kept for the next process, and let other threads run. Where numba is missing plain
Python does the same, some twenty times slower. `Codebook.encode_array` is the reference; both give the same ids.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt16, UInt64

from ecjax.checks import as_bytes, check_ids
from ecjax.codebook import vocabulary
from ecjax.codebook.compiled import available
from ecjax.codebook.host import plain
from ecjax.codebook.host.pieces import joined
from ecjax.codebook.parsing import Parse
from ecjax.codebook.vocabulary import Spelling

_TOGETHER = 1 << 20  # bytes of texts that are parsed in one call, or one text if that is longer
_NEVER = 1 << 25  # a string's cost in place of one that is not in the codebook: no way takes it
LEAST, _STRINGS = 2048, 4  # bytes of a piece for the greedy parse at least, and the strings that it has room for

Ids = Integer[np.ndarray, " _"] | Sequence[int]


@runtime_checkable
class Parsed(plain.Tree, Protocol):
    """What a parse is made from: a codebook, or its rules."""

    lengths: Any
    longest: int

    @property
    def parse(self) -> Parse: ...


@runtime_checkable
class Spelled(Protocol):
    """What ids are spelled by: a codebook, or its spelling."""

    strings: Any
    offsets: Any
    lengths: Any


class Tokens(NamedTuple):
    """The tokens of a text.

    Attributes:
      ids: Their ids.
      ends: Where each ends, in bytes.
    """

    ids: Int32[np.ndarray, " n"]
    ends: Int64[np.ndarray, " n"]


class _Tables(NamedTuple):
    """What the compiled loops look up.

    Attributes:
      steps: Of each slot its link, times 2**32, plus what a parse needs of its string.
      ids: Of each slot the id of its string.
    """

    steps: UInt64[np.ndarray, " slots"]
    ids: UInt16[np.ndarray, " slots"]


_kept: dict[tuple[int, int, str], tuple[_Tables, list[weakref.ref]]] = {}  # by identity


def _tables(book: Parsed) -> _Tables:
    """The tables of a codebook: made once for each pair of arrays, and kept as long as these are there."""
    sources = (book.links, book.words)
    key = (id(book.links), id(book.words), book.parse)
    kept = _kept.get(key)
    if kept is not None and all(ref() is source for ref, source in zip(kept[1], sources, strict=True)):
        return kept[0]
    links, words = (np.asarray(source).astype(np.uint64) for source in sources)
    costs = np.where(words == 0, _NEVER, words >> 16).astype(np.uint64)
    tables = _Tables(
        links << np.uint64(32) | (costs if book.parse == "cheapest" else words & np.uint64(0xFFFF)),
        (words & np.uint64(0xFFFF)).astype(np.uint16),
    )
    _kept[key] = tables, [weakref.ref(source, lambda _: _kept.pop(key, None)) for source in sources]
    return tables


def encode_batch(book: Parsed, texts: Sequence[bytes | str]) -> list[Int32[np.ndarray, " _"]]:
    """The ids of each text; a str is taken as UTF-8."""
    return [ids for group in _groups(texts) for ids in _ids(*_parse(book, group, False)[:2])]


def encode_with_ends(book: Parsed, text: bytes | str) -> Tokens:
    """The tokens of a text; a str is taken as UTF-8."""
    ids, _, ends = _parse(book, [as_bytes(text)], True)
    return Tokens(ids, ends)


def _groups(texts: Sequence[bytes | str]) -> Iterator[list[bytes]]:
    """Texts, as many as are parsed in one call."""
    group, size = [], 0
    for text in texts:
        group.append(as_bytes(text))
        size += len(group[-1])
        if size >= _TOGETHER:
            yield group
            group, size = [], 0
    if group:
        yield group


def _parse(
    book: Parsed, texts: list[bytes], with_ends: bool
) -> tuple[Int32[np.ndarray, " n"], Int64[np.ndarray, " texts"], Int64[np.ndarray, " _"]]:
    """The ids of all texts, how many each has, and where they end in their texts, if that is asked for."""
    if not available():
        return _parse_plainly(book, texts)
    from ecjax.codebook.host import cheapest, greedy

    every, tables, lengths = joined(texts), _tables(book), _fixed(book.lengths)
    ends = np.zeros(len(every.bytes) if with_ends else 0, np.int64)
    if book.parse == "cheapest":
        chosen = cheapest.parse(tables.steps, book.longest, every.bytes, every.pieces())
        ids, counts = cheapest.follow(chosen, tables.ids, lengths, every.bounds, ends)
    else:
        pieces = every.pieces(max(LEAST, _STRINGS * book.longest))
        ids, counts = greedy.parse(
            tables.steps, lengths, book.parse == "closed", every.bytes, every.bounds, pieces, ends
        )
    return ids, counts, ends[: len(ids)]


def _parse_plainly(
    book: Parsed, texts: list[bytes]
) -> tuple[Int32[np.ndarray, " n"], Int64[np.ndarray, " texts"], Int64[np.ndarray, " _"]]:
    parse = plain.cheapest if book.parse == "cheapest" else plain.greedy
    batch = [np.array(parse(book, text), np.int32) for text in texts]
    lengths = np.asarray(book.lengths)
    ends = [np.cumsum(lengths[ids], dtype=np.int64) for ids in batch]
    return np.concatenate(batch), np.array([len(ids) for ids in batch]), np.concatenate(ends)


def _ids(ids: Int32[np.ndarray, " n"], counts: Int64[np.ndarray, " texts"]) -> list[Int32[np.ndarray, " _"]]:
    """The ids of each text, none of which keeps those of the others in memory."""
    ends = np.cumsum(counts).tolist()
    return [ids[begin:end].copy() for begin, end in itertools.pairwise([0, *ends])]


def decode(book: Spelled, ids: Ids) -> bytes:
    """The text of ids. Raises TypeError or ValueError unless they are ids."""
    return decode_batch(book, [ids])[0]


def decode_batch(book: Spelled, batch: Sequence[Ids]) -> list[bytes]:
    """The text of each sequence of ids. Raises TypeError or ValueError unless all are ids."""
    size = len(book.lengths)
    if not available():
        strings = vocabulary.tokens(Spelling(book.strings, book.offsets, book.lengths))
        return [b"".join([strings[i] for i in check_ids(ids, size).tolist()]) for ids in batch]
    from ecjax.codebook.host import spelling as loops

    arrays = [_plain(ids, size) for ids in batch]
    bounds = np.zeros(len(arrays) + 1, np.int64)
    np.cumsum([len(ids) for ids in arrays], out=bounds[1:])
    every = arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0, np.int32), *arrays])
    strings, offsets, lengths = map(_fixed, (book.strings, book.offsets, book.lengths))
    ends = loops.measure(lengths, every, bounds)
    if not len(ends):
        raise next(error for ids in arrays if (error := _error(ids, size)))
    out = np.empty(int(ends[-1]) + loops.WIDTH, np.uint8)
    loops.spell(strings, offsets, lengths, every, out)
    return [out[begin:end].tobytes() for begin, end in itertools.pairwise(ends.tolist())]


def _plain(ids: Ids, size: int) -> Int32[np.ndarray, " n"]:
    """Ids as the loops take them: checked, or such that the loops will see whether they are ids."""
    if isinstance(ids, np.ndarray) and ids.dtype == np.int32 and ids.ndim == 1 and ids.flags.c_contiguous:
        return ids
    return check_ids(ids, size)


def _error(ids: np.ndarray, size: int) -> ValueError | None:
    try:
        check_ids(ids, size)
    except ValueError as error:
        return error
    return None


def _fixed(array: object) -> np.ndarray:
    """An array on the host, which nobody writes to: of one type for numba, wherever it comes from."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
