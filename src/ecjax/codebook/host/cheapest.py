"""The cheapest parse on the host, compiled by numba: four pieces of text in turn.

The string with which the cheapest way begins is found for each byte of a text, from the last one to the first. A step
down the tree waits for memory, and the next step needs what it brings. So four pieces are parsed in turn: while one
waits, the others go on. For the same reason a step does not branch on whether it fits, which a processor cannot
foresee: it computes what becomes of the walk in both cases, and takes one by a mask, which is all ones or all zeros.

The choices in a piece depend on what follows only through the costs of the best ways from the first bytes behind it,
and only on the differences of these. So a piece is parsed from a guess: the differences there would be if the text
ended `GUESS` bytes later. If the piece after it finds just these for its first bytes, the choices are right, and so is
what this piece finds for its own: by induction from the text's end, where nothing is guessed. Where it finds others,
the piece is parsed again from those. So each piece is parsed twice at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt16, UInt32, UInt64

from ecjax.codebook.compiled import compiled, inlined
from ecjax.codebook.host.pieces import GUESS, MOST

_U = np.uint64
_0, _1, _ONES = _U(0), _U(1), _U(0xFFFFFFFFFFFFFFFF)
_END = np.uint16(256)
_LABEL, _LABELS, _BASE, _LOW = _U(0x1FF), _U(32), _U(41), _U(0xFFFFFFFF)  # the fields of a step
_ROOM = MOST + GUESS + 512  # places of a lane in the arrays that lanes share; some are left on both sides
_MARGIN = 64
_ZERO = np.uint32(1 << 25)  # what best ways are counted from where they are given as differences


class _Cheapest(NamedTuple):
    """A walk that looks for the string with which the cheapest way from a row begins. Rows are done last to first.

    Attributes:
      row: The row.
      place: The next byte to look at.
      base: Where the children of the walk's node are.
      value: The cost of the cheapest way so far; all ones if there is none yet.
      slot: The slot of its first string.
      low: The text's first row.
    """

    row: _U
    place: _U
    base: _U
    value: _U
    slot: _U
    low: _U


@inlined
def _cheaper(
    lane: _Cheapest,
    steps: UInt64[np.ndarray, " slots"],
    text: UInt16[np.ndarray, " _"],
    best: UInt32[np.ndarray, " _"],
    slots: UInt32[np.ndarray, " _"],
) -> _Cheapest:
    """A byte further, or on to the next row."""
    symbol = _U(text[lane.place])
    slot = lane.base + symbol
    step = steps[slot]
    fits = _0 - _U(((step >> _LABELS) & _LABEL) == symbol)
    further = lane.place + _1
    total = ((step & _LOW) + _U(best[further])) | ~fits
    better = total <= lane.value  # of equal ones the longest, which comes last
    value = total if better else lane.value
    first = slot if better else lane.slot
    best[lane.row] = np.uint32(value)
    slots[lane.row] = np.uint32(first)
    row = lane.row - _1 - fits
    return _Cheapest(row, row ^ ((row ^ further) & fits), (step >> _BASE) & fits, value | ~fits, first, lane.low)


@compiled
def _in_turn(
    a: _Cheapest,
    b: _Cheapest,
    c: _Cheapest,
    d: _Cheapest,
    steps: UInt64[np.ndarray, " slots"],
    text: UInt16[np.ndarray, " _"],
    best: UInt32[np.ndarray, " _"],
    slots: UInt32[np.ndarray, " _"],
) -> tuple[_Cheapest, _Cheapest, _Cheapest, _Cheapest]:
    """Four walks, until one is through with its text."""
    while (a.row >= a.low) & (b.row >= b.low) & (c.row >= c.low) & (d.row >= d.low):
        a = _cheaper(a, steps, text, best, slots)
        b = _cheaper(b, steps, text, best, slots)
        c = _cheaper(c, steps, text, best, slots)
        d = _cheaper(d, steps, text, best, slots)
    return a, b, c, d


@compiled
def _cheapest_rows(
    steps: UInt64[np.ndarray, " slots"],
    text: UInt16[np.ndarray, " _"],
    best: UInt32[np.ndarray, " _"],
    slots: UInt32[np.ndarray, " _"],
    row: _U,
    low: _U,
) -> None:
    """All rows below `row`, one after the other: where one text is left, branches are faster than masks."""
    while row > low:
        row -= _1
        slot = _U(text[row])
        step = steps[slot]
        first, place = slot, row + _1
        value = (step & _LOW) + _U(best[place])
        while True:
            symbol = _U(text[place])
            slot = (step >> _BASE) + symbol
            step = steps[slot]
            if ((step >> _LABELS) & _LABEL) != symbol:
                break
            place += _1
            total = (step & _LOW) + _U(best[place])
            better = total <= value
            value = total if better else value
            first = slot if better else first
        best[row] = np.uint32(value)
        slots[row] = np.uint32(first)


@compiled
def _place(text: UInt8[np.ndarray, " _"], begin: int, end: int, into: UInt16[np.ndarray, " _"], at: int) -> None:
    """Puts bytes into a lane's place, and the end behind them."""
    for i in range(end - begin):
        into[_U(at) + _U(i)] = text[_U(begin) + _U(i)]
    into[_U(at) + _U(end - begin)] = _END


@compiled
def _begin(
    k: int,
    lane: int,
    text: UInt8[np.ndarray, " _"],
    pieces: Int64[np.ndarray, "pieces 3"],
    lanes: UInt16[np.ndarray, " _"],
    best: UInt32[np.ndarray, " _"],
) -> _Cheapest:
    """Piece k in a lane. It is parsed as if its text ended `GUESS` bytes behind it, or where that ends."""
    begin, end, limit = pieces[k]
    end = min(end + GUESS, limit)
    at = lane * _ROOM + _MARGIN
    _place(text, begin, end, lanes, at)
    row = _U(at + end - begin)
    best[row] = np.uint32(0)
    return _Cheapest(row - _1, row - _1, _0, _ONES, _0, _U(at))


@compiled
def _note(
    k: int,
    lane: int,
    pieces: Int64[np.ndarray, "pieces 3"],
    best: UInt32[np.ndarray, " _"],
    slots: UInt32[np.ndarray, " _"],
    before: UInt32[np.ndarray, "pieces reach"],
    chosen: UInt32[np.ndarray, " n"],
) -> None:
    """Notes what was found in a lane: the choices of piece k, and the best ways from its first rows."""
    begin, end, limit = pieces[k]
    at = lane * _ROOM + _MARGIN
    for i in range(end - begin):
        chosen[_U(begin) + _U(i)] = slots[_U(at) + _U(i)]
    for i in range(min(before.shape[1], limit - begin + 1)):
        before[k, i] = best[at + i] - best[at]


@compiled
def _note_guess(
    k: int,
    lane: int,
    pieces: Int64[np.ndarray, "pieces 3"],
    best: UInt32[np.ndarray, " _"],
    after: UInt32[np.ndarray, "pieces reach"],
) -> None:
    """Notes what piece k took the best ways from the rows behind it for."""
    begin, end, limit = pieces[k]
    at = lane * _ROOM + _MARGIN + end - begin
    for i in range(min(after.shape[1], limit - end + 1)):
        after[k, i] = best[at + i] - best[at]


@compiled
def parse(
    steps: UInt64[np.ndarray, " slots"],
    reach: int,
    text: UInt8[np.ndarray, " n"],
    pieces: Int64[np.ndarray, "pieces 3"],
) -> UInt32[np.ndarray, " n"]:
    """The slot of the string with which the cheapest way from each byte of each text begins.

    Args:
      steps: Of each slot, what `ecjax.codebook.slots` has as its link, times 2**32, plus what its string costs; or
        2**25 if that is not in the codebook.
      reach: The length of the longest string; at most 255.
      text: The texts, end to end.
      pieces: Where each piece of a text begins and ends, and where its text ends; each of `MOST` bytes at most.
    """
    count = len(pieces)
    room = (4 if count >= 4 else 1) * _ROOM
    lanes, best, slots = np.empty(room, np.uint16), np.empty(room, np.uint32), np.empty(room, np.uint32)
    before, after = np.zeros((count, reach), np.uint32), np.zeros((count, reach), np.uint32)
    chosen = np.empty(len(text), np.uint32)
    done = 0
    if count >= 4:
        a, b = _begin(0, 0, text, pieces, lanes, best), _begin(1, 1, text, pieces, lanes, best)
        c, d = _begin(2, 2, text, pieces, lanes, best), _begin(3, 3, text, pieces, lanes, best)
        held = np.arange(4)
        done = 4
        while True:
            a, b, c, d = _in_turn(a, b, c, d, steps, lanes, best, slots)
            lane = 0 if a.row < a.low else 1 if b.row < b.low else 2 if c.row < c.low else 3
            _note(held[lane], lane, pieces, best, slots, before, chosen)
            _note_guess(held[lane], lane, pieces, best, after)
            if done == count:
                break
            held[lane] = done
            fresh = _begin(done, lane, text, pieces, lanes, best)
            done += 1
            if lane == 0:
                a = fresh
            elif lane == 1:
                b = fresh
            elif lane == 2:
                c = fresh
            else:
                d = fresh
        for other, left in enumerate((a, b, c, d)):
            if other != lane:
                # The row that a lane is at is done from its longest string on anew.
                _cheapest_rows(steps, lanes, best, slots, left.row + _1, left.low)
                _note(held[other], other, pieces, best, slots, before, chosen)
                _note_guess(held[other], other, pieces, best, after)
    for k in range(done, count):
        left = _begin(k, 0, text, pieces, lanes, best)
        _cheapest_rows(steps, lanes, best, slots, left.row + _1, left.low)
        _note(k, 0, pieces, best, slots, before, chosen)
        _note_guess(k, 0, pieces, best, after)
    for k in range(count - 2, -1, -1):
        begin, end, limit = pieces[k]
        if end == limit:
            continue
        known = min(reach, limit - end + 1)
        if (after[k, :known] != before[k + 1, :known]).any():
            _place(text, begin, min(end + reach, limit), lanes, _MARGIN)
            row = _MARGIN + end - begin
            for i in range(known):
                best[row + i] = _ZERO + before[k + 1, i]
            _cheapest_rows(steps, lanes, best, slots, _U(row), _U(_MARGIN))
            _note(k, 0, pieces, best, slots, before, chosen)
    return chosen


@compiled
def follow(
    chosen: UInt32[np.ndarray, " n"],
    ids: UInt16[np.ndarray, " slots"],
    lengths: Int32[np.ndarray, " size"],
    bounds: Int64[np.ndarray, " texts+1"],
    ends: Int64[np.ndarray, " _"],
) -> tuple[Int32[np.ndarray, " m"], Int64[np.ndarray, " texts"]]:
    """The ids that texts come to from their first bytes on, and how many each has; notes where they end, if asked."""
    out, counts = np.empty(len(chosen), np.int32), np.zeros(len(bounds) - 1, np.int64)
    count = 0
    for k in range(len(bounds) - 1):
        place, before = bounds[k], count
        while place < bounds[k + 1]:
            token = ids[chosen[place]]
            place += lengths[token]
            out[count] = token
            if len(ends):
                ends[count] = place - bounds[k]
            count += 1
        counts[k] = count - before
    return out[:count], counts
