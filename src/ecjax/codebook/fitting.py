"""From texts to a codebook: which strings, and what each costs.

As SentencePiece's unigram trainer does, this begins with many strings that occur often, fits a unigram model to the
texts by expectation-maximisation over all of their cuts, and leaves out the strings without which the texts take the
fewest bits more; and again, until 2**b are left. Unlike it, a string is worth what it saves outside the part of the
texts that uses it most. So the names of one book's people take no places. What a string costs is how surprising it is
where the cheapest parse of the texts uses it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8

from ecjax.checks import check_integer, check_text
from ecjax.codebook import lattice
from ecjax.codebook.candidates import SEEN, Strings, counted, given
from ecjax.codebook.table import MAX_CODEBOOK_BITS, Codebook
from ecjax.coding.windows import MIN_BITS

T = TypeVar("T")
R = TypeVar("R")

Report = Callable[[float, str], None]
"""Is told which share of the work is done, and what was found."""

_MOST_BITS = 200.0  # that a string may be made to cost more
_KEPT = 0.75  # of the strings in each round
_FITS = 2  # of the unigram model in each round
_PARTS = 16  # of the texts: a string is worth what it saves outside one of them
_PIECE = 1 << 20  # bytes that a thread takes at once
_ROWS = 1 << 14  # strings whose worth is found at once
_SETTLING = 4  # rounds of costs from the cheapest parse, at the end
_MOST_TEXT = (1 << 31) - 1
_UNIT = 256  # costs are in 1/256 bit


class _Piece(NamedTuple):
    """Some bytes of a part of the texts: what a thread takes at once.

    Attributes:
      part: Which part.
      texts: Texts, end to end; the first and the last may be cut off.
      ends: Where each ends.
    """

    part: int
    texts: UInt8[np.ndarray, " n"]
    ends: Int64[np.ndarray, " k"]


class _Fit(NamedTuple):
    """What the forward-backward algorithm finds in the texts.

    Attributes:
      expected: How often each node's string is expected.
      most: How often in the part that uses it most.
      bits: Of all texts, over all of their cuts.
    """

    expected: Float64[np.ndarray, " nodes"]
    most: Float64[np.ndarray, " nodes"]
    bits: float


def train_codebook(
    texts: Sequence[bytes],
    bits: int,
    *,
    join_cost: float | int = 0.0,
    token_cost: float | int = 0.0,
    candidates: Sequence[bytes] | None = None,
    provenance: Mapping[str, object] | None = None,
    report: Report | None = None,
) -> Codebook:
    """Makes a codebook of 2**bits strings from texts, with costs.

    Two cores take half a minute for 10 MB of text and five minutes for 100 MB. It takes 700 MB of memory, or 20 bytes
    for each byte of text if that is more. The result depends on the texts, their order and the arguments, not on the
    number of cores; between kinds of machine the last bits of logarithms may differ, and with them a few strings.

    Args:
      texts: Documents of any bytes, less than 2 GiB together. Strings do not reach across their ends.
      bits: b, 9 to 16.
      join_cost: Bits that a string costs more for each place inside it where the kind of character changes (letters,
        digits, spaces, others), but for changes after a space. So " word" joins nothing, "word," and " of the" do. 0
        gives the densest codebook, 3 or so one that small models learn more easily, 30 one whose strings are single
        words.
      token_cost: Bits that each string costs more. Above 0, parses have fewer tokens than the likeliest ones.
      candidates: Strings to choose from besides those that occur often in the texts: those of a model, say.
      provenance: What people should know of the codebook's origin.
      report: Called now and then with the share of the work that is done and a line on what was found.

    Returns:
      A codebook whose costs are in 1/256 bit.

    Raises:
      TypeError: If a text is not bytes.
      ValueError: If a number is out of its range, there is no text, or the texts are too small for so many strings.
      ImportError: If numba is not installed.
    """
    check_integer("bits", bits, MIN_BITS, MAX_CODEBOOK_BITS)
    for name, value in (("join_cost", join_cost), ("token_cost", token_cost)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_BITS:
            raise ValueError(f"{name} is a number of bits from 0 to {_MOST_BITS:g}, got {value!r}")
    texts = _checked(texts)
    report = report or (lambda share, found: None)
    strings = counted(
        texts, bits, join_cost, token_cost, lambda n, most: report(0.1 * n / most, f"counted strings of {n} bytes")
    )
    if candidates is not None:
        strings = given([*strings.spelled(), *candidates], join_cost, token_cost)
    wanted = (1 << bits) - 1  # the empty string is one more
    if strings.size < wanted:
        raise ValueError(_too_few(strings.size, bits))
    pieces = _pieces(texts)
    strings = _settle(_shrink(strings, pieces, wanted, report), pieces, report)
    return _codebook(strings, provenance)


def refine(codebook: Codebook, texts: Sequence[bytes]) -> Codebook:
    """The same strings with costs that are fitted to texts.

    Args:
      codebook: Any codebook.
      texts: As in `train_codebook`.

    Returns:
      A codebook whose costs are in 1/256 bit, of the same provenance.

    Raises:
      TypeError, ValueError, ImportError: As `train_codebook`.
    """
    pieces = _pieces(_checked(texts))
    strings = given([codebook.token_bytes(i) for i in range(1, codebook.vocab_size)])
    for _ in range(_FITS):
        strings, _ = _fitted(strings, pieces)
    settled = _settle(strings, pieces, lambda share, found: None)
    return _codebook(settled, json.loads(codebook.provenance))


def _checked(texts: Sequence[bytes]) -> list[bytes]:
    found = [text for text in map(check_text, texts) if text]
    if not found:
        raise ValueError("there is no text to learn from; give at least one that is not empty")
    if sum(map(len, found)) + len(found) > _MOST_TEXT:
        raise ValueError("texts have less than 2 GiB together; give a part of them")
    return found


def _too_few(size: int, bits: int) -> str:
    fitting = (size + 1).bit_length() - 1
    fewer = f", or at most {fitting} bits" if fitting >= MIN_BITS else ""
    return (
        f"these texts yield {size:,} strings that occur often enough, and {bits} bits have {(1 << bits) - 1:,}; "
        f"give more text{fewer}"
    )


# A round.


def _shrink(strings: Strings, pieces: list[_Piece], wanted: int, report: Report) -> Strings:
    """Leaves out strings until `wanted` are left."""
    size, total = strings.size, _bytes_of(pieces)
    while True:
        for _ in range(_FITS - 1):
            strings, _ = _fitted(strings, pieces, wanted)
        strings, fit = _fitted(strings, pieces, wanted)
        left = strings.size
        share = 1.0 if left == wanted else math.log(size / left) / math.log(size / wanted)
        report(
            0.1 + 0.8 * share,
            f"{left:,} strings, {fit.bits / total:.3f} bits and {strings.counts.sum() / total:.3f} tokens per byte",
        )
        if left == wanted:
            return strings
        strings = _without_least(strings, fit.most, left - max(wanted, int(left * _KEPT)))


def _fitted(strings: Strings, pieces: list[_Piece], wanted: int | None = None) -> tuple[Strings, _Fit]:
    """One step of expectation-maximisation; with `wanted`, what is hardly expected goes as long as so many are left."""
    trie, members = strings.trie, strings.members
    weights = np.where(members, strings.counts / strings.counts.sum() * np.exp2(-strings.extra), 0.0)

    def expect(piece: _Piece) -> tuple[Float64[np.ndarray, " nodes"], float]:
        expected = np.zeros(len(members))
        return expected, lattice.expect(trie, members, weights, piece.texts, piece.ends, expected)

    expected, most, bits = np.zeros(len(members)), np.zeros(len(members)), 0.0
    found = zip(pieces, _in_threads(expect, pieces), strict=True)
    for _, of_part in groupby(found, lambda pair: pair[0].part):
        within = np.zeros(len(members))
        for _, (counts, cost) in of_part:
            within, bits = within + counts, bits + cost
        expected, most = expected + within, np.maximum(most, within)
    strings = strings.counting(expected)
    rare = members & (strings.counts < SEEN)
    if wanted is not None and strings.size - rare.sum() >= wanted:
        strings = strings.without(rare)
    return strings, _Fit(expected, most, bits)


def _without_least(strings: Strings, most: Float64[np.ndarray, " nodes"], number: int) -> Strings:
    """Without the strings that are worth least: the bits that the texts would take more if each were left out."""
    nodes = np.flatnonzero(strings.members & (strings.trie.depths > 1)).astype(np.int32)
    rows = [nodes[begin : begin + _ROWS] for begin in range(0, len(nodes), _ROWS)]
    surprises = strings.surprises
    saved = np.concatenate(list(_in_threads(lambda some: _saved(strings, surprises, some), rows)))
    count = strings.counts[nodes]
    elsewhere = np.maximum(count - most[nodes], 0.0)
    # Of those that are worth the same outside one part, most often nothing, those that are worth less in all.
    least = np.lexsort((count * saved, elsewhere * saved))[:number]
    left_out = np.zeros(len(strings.members), bool)
    left_out[nodes[least]] = True
    return strings.without(left_out).compact()


def _saved(
    strings: Strings, surprises: Float64[np.ndarray, " nodes"], nodes: Int32[np.ndarray, " m"]
) -> Float64[np.ndarray, " m"]:
    """The bits that each use of some strings saves."""
    trie, members, counts, extra = strings
    parts = lattice.replace(trie, members, surprises, nodes)
    used = parts > 0
    count, total = counts[nodes], counts.sum()
    # Left out, its parts take over its count; the total grows by as many as there are parts, less one.
    grown = np.log2(total + count * (used.sum(1) - 1))
    alone = np.log2(total) - np.log2(count) + extra[nodes]
    replaced = grown[:, None] - np.log2(counts[parts] + count[:, None]) + extra[parts]
    return np.where(used, replaced, 0.0).sum(1) - alone


def _settle(strings: Strings, pieces: list[_Piece], report: Report) -> Strings:
    """Costs from the cheapest parse under the costs before, a few times."""
    trie, members = strings.trie, strings.members
    for i in range(_SETTLING):
        costs = strings.surprises

        def parse(piece: _Piece, costs: Float64[np.ndarray, " nodes"] = costs) -> Float64[np.ndarray, " nodes"]:
            counts = np.zeros(len(members))
            lattice.count(trie, members, costs, piece.texts, piece.ends, counts)
            return counts

        counts = sum(_in_threads(parse, pieces), np.zeros(len(members)))
        report(0.9 + 0.1 * (i + 1) / _SETTLING, f"{_bytes_of(pieces) / counts.sum():.3f} bytes per token")
        strings = strings.counting(counts, least=SEEN)  # what is never used costs accordingly
    return strings


# What these are made of.


def _pieces(texts: list[bytes]) -> list[_Piece]:
    """Texts in parts, and these in pieces of `_PIECE` bytes; where a part or a piece ends, a string is cut off.

    Texts are dealt out in turn: those of one language often follow each other, and are to come into several parts.
    """
    size = -(-sum(map(len, texts)) // _PARTS)
    dealt = [text[begin : begin + size] for text in texts for begin in range(0, len(text), size)]
    return [piece for part in range(min(_PARTS, len(dealt))) for piece in _pieces_of(part, dealt[part::_PARTS])]


def _pieces_of(part: int, texts: list[bytes]) -> Iterator[_Piece]:
    whole, ends = np.frombuffer(b"".join(texts), np.uint8), np.cumsum([len(text) for text in texts])
    for begin in range(0, len(whole), _PIECE):
        some = whole[begin : begin + _PIECE]
        within = ends[(ends > begin) & (ends < begin + len(some))] - begin
        yield _Piece(part, some, np.append(within, len(some)))


def _bytes_of(pieces: list[_Piece]) -> int:
    return sum(len(piece.texts) for piece in pieces)


def _in_threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """`map` over the cores that this process may use; the results keep their order.

    An interrupt waits for the items that are being worked on, so they are small.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        yield from pool.map(function, items)


def _codebook(strings: Strings, provenance: Mapping[str, object] | None) -> Codebook:
    costs = np.clip(np.rint(_UNIT * strings.surprises[strings.members]), 1, (1 << 16) - 1).astype(np.uint16)
    return Codebook.from_strings(strings.spelled(), costs, json.dumps(dict(provenance or {}), sort_keys=True))
