"""The greedy parse on the host, compiled by numba: four pieces of text in turn, as in `ecjax.codebook.host.cheapest`.

Each piece is parsed as if a string began with its first byte. Then the pieces of a text are joined: the parse of what
is before a piece goes on into it until a string begins where one begins in the piece's own parse. From there on both
are the same, since a string depends on the bytes from its beginning on alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt16, UInt64

from ecjax.codebook.compiled import compiled, inlined

_U = np.uint64
_0, _1 = _U(0), _U(1)
_END = np.uint16(256)
_LABEL, _LABELS, _BASE, _LOW = _U(0x1FF), _U(32), _U(41), _U(0xFFFFFFFF)  # the fields of a step


class _Walk(NamedTuple):
    """A walk that looks for the longest string, again and again.

    Attributes:
      place: The next symbol to look at.
      base: Where the children of the walk's node are.
      id: The id of the longest string so far.
      end: Where that string ends.
      out: Where its id is written.
    """

    place: _U
    base: _U
    id: _U
    end: _U
    out: _U


@inlined
def _further(
    walk: _Walk,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    out: Int32[np.ndarray, " _"],
) -> _Walk:
    """A byte further, or on to the next string."""
    symbol = _U(symbols[walk.place])
    step = steps[walk.base + symbol]
    fits = ((step >> _LABELS) & _LABEL) == symbol
    mask = _0 - _U(fits)
    further = walk.place + _1
    found = fits & ((step & _LOW) != _0)
    token = (step & _LOW) if found else walk.id
    end = further if found else walk.end
    out[walk.out] = np.int32(token)
    return _Walk(end ^ ((end ^ further) & mask), (step >> _BASE) & mask, token, end, walk.out + _1 + mask)


@compiled
def _in_turn(
    a: _Walk,
    b: _Walk,
    c: _Walk,
    d: _Walk,
    end_a: Any,
    end_b: Any,
    end_c: Any,
    end_d: Any,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    out: Int32[np.ndarray, " _"],
) -> tuple[_Walk, _Walk, _Walk, _Walk]:
    """Four walks, until a string of one ends where its piece does, or behind that."""
    while (a.end < end_a) & (b.end < end_b) & (c.end < end_c) & (d.end < end_d):
        a = _further(a, steps, symbols, out)
        b = _further(b, steps, symbols, out)
        c = _further(c, steps, symbols, out)
        d = _further(d, steps, symbols, out)
    return a, b, c, d


@compiled
def _finish(
    walk: _Walk,
    end: Any,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    out: Int32[np.ndarray, " _"],
) -> _U:
    """Goes on until no string begins before `end`. Where the next id would be written."""
    while walk.end < end:
        walk = _further(walk, steps, symbols, out)
    last = walk.out
    while walk.out == last:  # the last string may still become longer
        walk = _further(walk, steps, symbols, out)
    return walk.out


@compiled
def _seek(
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    starts: UInt64[np.ndarray, " pieces"],
    stops: UInt64[np.ndarray, " pieces"],
    found: Int32[np.ndarray, " _"],
    counts: Int64[np.ndarray, " pieces"],
) -> None:
    """Notes the ids of each piece from its place in `found` on, and how many it has: strings of any codebook."""
    count = len(starts)
    done = 0
    if count >= 4:
        a, b = _Walk(starts[0], _0, _0, starts[0], starts[0]), _Walk(starts[1], _0, _0, starts[1], starts[1])
        c, d = _Walk(starts[2], _0, _0, starts[2], starts[2]), _Walk(starts[3], _0, _0, starts[3], starts[3])
        held = np.arange(4)
        done = 4
        while True:
            ea, eb, ec, ed = stops[held[0]], stops[held[1]], stops[held[2]], stops[held[3]]
            a, b, c, d = _in_turn(a, b, c, d, ea, eb, ec, ed, steps, symbols, found)
            lane = 0 if a.end >= ea else 1 if b.end >= eb else 2 if c.end >= ec else 3
            ready = a if lane == 0 else b if lane == 1 else c if lane == 2 else d
            p = held[lane]
            counts[p] = np.int64(_finish(ready, stops[p], steps, symbols, found) - starts[p])
            if done == count:
                break
            held[lane] = done
            fresh = _Walk(starts[done], _0, _0, starts[done], starts[done])
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
                p = held[other]
                counts[p] = np.int64(_finish(left, stops[p], steps, symbols, found) - starts[p])
    for p in range(done, count):
        fresh = _Walk(starts[p], _0, _0, starts[p], starts[p])
        counts[p] = np.int64(_finish(fresh, stops[p], steps, symbols, found) - starts[p])


class _Node(NamedTuple):
    """A walk down a tree in which every node's string is in the codebook.

    Attributes:
      place: The next symbol to look at.
      base: Where the children of its node are.
      id: The id of its node.
      out: Where that id is written if it does not become a longer string.
    """

    place: _U
    base: _U
    id: _U
    out: _U


@inlined
def _down(
    node: _Node,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    found: Int32[np.ndarray, " _"],
) -> _Node:
    """A byte further. Where the string does not go on with it, the next one begins with it: no byte is seen twice."""
    symbol = _U(symbols[node.place])
    step = steps[node.base + symbol]
    fits = ((step >> _LABELS) & _LABEL) == symbol
    found[node.out] = np.int32(node.id)
    step = step if fits else steps[symbol]
    return _Node(node.place + _1, step >> _BASE, step & _LOW, node.out + _1 - _U(fits))


@compiled
def _all_down(
    a: _Node,
    b: _Node,
    c: _Node,
    d: _Node,
    count: Any,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    found: Int32[np.ndarray, " _"],
) -> tuple[_Node, _Node, _Node, _Node]:
    """Four walks, `count` bytes further."""
    for _ in range(count):
        a = _down(a, steps, symbols, found)
        b = _down(b, steps, symbols, found)
        c = _down(c, steps, symbols, found)
        d = _down(d, steps, symbols, found)
    return a, b, c, d


@compiled
def _to_end(
    node: _Node,
    stop: Any,
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    found: Int32[np.ndarray, " _"],
) -> _U:
    """To the end of the last string that begins before `stop`. Where the next id would be written."""
    while node.place < stop:
        node = _down(node, steps, symbols, found)
    last = node.out
    while node.out == last:
        node = _down(node, steps, symbols, found)
    return node.out


@compiled
def _walk(
    steps: UInt64[np.ndarray, " slots"],
    symbols: UInt16[np.ndarray, " _"],
    starts: UInt64[np.ndarray, " pieces"],
    stops: UInt64[np.ndarray, " pieces"],
    found: Int32[np.ndarray, " _"],
    counts: Int64[np.ndarray, " pieces"],
) -> None:
    """As `_seek`, for strings that are closed under prefixes: every byte is one step."""
    count, done = len(starts), 0
    if count >= 4:
        a, b = _Node(starts[0], _0, _0, starts[0]), _Node(starts[1], _0, _0, starts[1])
        c, d = _Node(starts[2], _0, _0, starts[2]), _Node(starts[3], _0, _0, starts[3])
        held = np.arange(4)
        done = 4
        while True:
            left_a, left_b = np.int64(stops[held[0]] - a.place), np.int64(stops[held[1]] - b.place)
            left_c, left_d = np.int64(stops[held[2]] - c.place), np.int64(stops[held[3]] - d.place)
            least = min(left_a, left_b, left_c, left_d)
            a, b, c, d = _all_down(a, b, c, d, least, steps, symbols, found)
            lane = 0 if left_a == least else 1 if left_b == least else 2 if left_c == least else 3
            ready = a if lane == 0 else b if lane == 1 else c if lane == 2 else d
            p = held[lane]
            counts[p] = np.int64(_to_end(ready, stops[p], steps, symbols, found) - starts[p])
            if done == count:
                break
            held[lane] = done
            fresh = _Node(starts[done], _0, _0, starts[done])
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
                p = held[other]
                counts[p] = np.int64(_to_end(left, stops[p], steps, symbols, found) - starts[p])
    for p in range(done, count):
        fresh = _Node(starts[p], _0, _0, starts[p])
        counts[p] = np.int64(_to_end(fresh, stops[p], steps, symbols, found) - starts[p])


@compiled
def parse(
    steps: UInt64[np.ndarray, " slots"],
    lengths: Int32[np.ndarray, " size"],
    closed: bool,
    text: UInt8[np.ndarray, " n"],
    bounds: Int64[np.ndarray, " texts+1"],
    pieces: Int64[np.ndarray, "pieces 3"],
    ends: Int64[np.ndarray, " _"],
) -> tuple[Int32[np.ndarray, " m"], Int64[np.ndarray, " texts"]]:
    """The ids of texts, and how many each has.

    Args:
      steps: Of each slot, what `ecjax.codebook.slots` has as its link, times 2**32, plus the id of its string; or 0 if
        that is not in the codebook.
      lengths: The length of each id's string.
      closed: Whether each string in the codebook less its last byte is there, too.
      text: The texts, end to end.
      bounds: Where each begins, and where the last one ends.
      pieces: Where each piece of a text begins and ends, and where its text ends.
      ends: Where to note at which byte of its text each id's string ends, as many as there are bytes; or empty.
    """
    symbols = np.empty(len(text) + len(bounds), np.uint16)  # an end behind each text
    for k in range(len(bounds) - 1):
        for i in range(bounds[k], bounds[k + 1]):
            symbols[_U(i) + _U(k)] = text[_U(i)]
        symbols[bounds[k + 1] + k] = _END
    starts, stops = np.empty(len(pieces), np.uint64), np.empty(len(pieces), np.uint64)  # among symbols
    k = 0
    for p in range(len(pieces)):
        while pieces[p, 0] >= bounds[k + 1]:
            k += 1
        starts[p], stops[p] = pieces[p, 0] + k, pieces[p, 1] + k
    found, counts = np.empty(len(symbols), np.int32), np.empty(len(pieces), np.int64)
    if closed:
        _walk(steps, symbols, starts, stops, found, counts)
    else:
        _seek(steps, symbols, starts, stops, found, counts)
    return _join(steps, lengths, symbols, bounds, starts, stops, found, counts, ends)


@compiled
def _join(
    steps: UInt64[np.ndarray, " slots"],
    lengths: Int32[np.ndarray, " size"],
    symbols: UInt16[np.ndarray, " _"],
    bounds: Int64[np.ndarray, " texts+1"],
    starts: UInt64[np.ndarray, " pieces"],
    stops: UInt64[np.ndarray, " pieces"],
    found: Int32[np.ndarray, " _"],
    counts: Int64[np.ndarray, " pieces"],
    ends: Int64[np.ndarray, " _"],
) -> tuple[Int32[np.ndarray, " m"], Int64[np.ndarray, " texts"]]:
    """The ids of whole texts, of those of their pieces."""
    out, sizes = np.empty(len(symbols), np.int32), np.zeros(len(bounds) - 1, np.int64)
    one = np.empty(2, np.int32)
    m, p = 0, 0
    for k in range(len(bounds) - 1):
        begin, end = _U(bounds[k] + k), _U(bounds[k + 1] + k)
        place, first = begin, m
        while place < end:
            while stops[p] <= place:
                p += 1
            q, at = 0, starts[p]
            while at < place and q < counts[p]:
                at += _U(lengths[found[starts[p] + _U(q)]])
                q += 1
            if at == place:
                for i in range(q, counts[p]):
                    token = found[starts[p] + _U(i)]
                    place += _U(lengths[token])
                    out[m] = token
                    if len(ends):
                        ends[m] = np.int64(place - begin)
                    m += 1
            else:
                _finish(_Walk(place, _0, _0, place, _0), place + _1, steps, symbols, one)
                place += _U(lengths[one[0]])
                out[m] = one[0]
                if len(ends):
                    ends[m] = np.int64(place - begin)
                m += 1
        while p < len(stops) and stops[p] <= end:
            p += 1
        sizes[k] = m - first
    return out[:m], sizes
