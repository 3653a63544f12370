"""A tree as one table in which a step from a node to its child is a single look-up: a double array.

Each node but the root has a slot, and each inner node a base: its child by byte c has the slot `base + c`, and that
slot says that it is of byte c. Bases differ from one another, so no other node's child by byte c can be there. The base
of the root is 0: the slot of a single byte is the byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64, UInt, UInt8, UInt32

LABEL_BITS = 9
MAX_NODES = 1 << 22  # whose bases surely fit in the other bits
BEYOND = 257  # empty slots behind all others: what a node without children has in the place of a base is their first
_EMPTY = (1 << LABEL_BITS) - 1  # the label of a slot without a node
_TIER = 2048  # slots of the first part that is placed


class Slots(NamedTuple):
    """Where each node is.

    Attributes:
      links: Of each slot, the base of its node, or `len(links) - BEYOND`, times 2**9; plus the last byte of the node's
        string, or 511 where there is no node.
      places: The slot of each node; the root, which has none, is written as 0.
    """

    links: UInt32[np.ndarray, " slots"]
    places: Int64[np.ndarray, " nodes"]


class _Families(NamedTuple):
    """Inner nodes whose children need slots.

    Attributes:
      inner: The number of each.
      sizes: How many children it has.
      labels: Their last bytes, family by family.
    """

    inner: Int64[np.ndarray, " inner"]
    sizes: Int64[np.ndarray, " inner"]
    labels: Int64[np.ndarray, " edges"]

    def where(self, chosen: Bool[np.ndarray, " inner"]) -> _Families:
        return _Families(self.inner[chosen], self.sizes[chosen], self.labels[np.repeat(chosen, self.sizes)])


class _Room:
    """Slots and bases that are taken, and how many there are so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken, self.used = np.zeros((2, size + 256), bool)
        self.taken[:256] = self.used[0] = True

    def grow(self, more: int) -> None:
        self.size += more
        self.taken, self.used = np.pad([self.taken, self.used], [(0, 0), (0, more)])

    def settle(self, bases: Int64[np.ndarray, " inner"], families: _Families) -> Bool[np.ndarray, " inner"]:
        """Gives families the bases that they ask for, the first come first; says which got theirs."""
        ranks = np.arange(len(bases))
        slots, rank = np.repeat(bases, families.sizes) + families.labels, np.repeat(ranks, families.sizes)
        free = ~self.taken[slots] & _first(slots, rank, len(self.taken))
        got = np.logical_and.reduceat(free, np.cumsum(families.sizes) - families.sizes)
        got &= ~self.used[bases] & _first(bases, ranks, len(self.used))
        self.taken[slots[got[rank]]] = self.used[bases[got]] = True
        return got


def _first(keys: Int64[np.ndarray, " n"], rank: Int64[np.ndarray, " n"], most: int) -> Bool[np.ndarray, " n"]:
    """Whether none of a lower rank has the same key; ranks do not fall."""
    owner = np.empty(most, np.int64)
    owner[keys[::-1]] = rank[::-1]
    return owner[keys] == rank


def place(
    parents: UInt[np.ndarray, " nodes"],
    last_bytes: UInt8[np.ndarray, " nodes"],
    depths: Int[np.ndarray, " nodes"],
    weights: Float64[np.ndarray, " nodes"],
) -> Slots:
    """Gives each node of a tree in preorder its slot, those near each other that are often visited.

    Args:
      parents: Each node's parent.
      last_bytes: The last byte of each node's string.
      depths: Its length.
      weights: How often it is visited on the way to a string, more or less; no result depends on it.
    """
    order = np.argsort(depths, kind="stable")[257:]  # level by level, so that a node's children are side by side
    begins = np.flatnonzero(np.diff(parents[order].astype(np.int64), prepend=-1))
    sizes = np.diff(begins, append=len(order))
    families = _Families(parents[order[begins]].astype(np.int64), sizes, last_bytes[order].astype(np.int64))
    bases = np.full(len(parents), -1, np.int64)
    room = _Room(512)
    for tier in _tiers(families, weights):
        several = tier.where(tier.sizes > 1)
        begin = max(1, room.size - 256)
        room.grow(256 + int(several.sizes.sum()))
        for least in (256, 128, 64, 32, 16, 8, 4, 2):  # the large ones first, which are hard to place
            _scatter(several.where((least <= several.sizes) & (several.sizes < 2 * least)), room, bases, begin)
        _fill(tier.where(tier.sizes == 1), room, bases)
    places = np.zeros(len(parents), np.int64)
    places[1:] = np.where(parents[1:] > 0, bases[parents[1:]], 0) + last_bytes[1:]
    end = int(places.max()) + 1
    links = np.full(end + BEYOND, end << LABEL_BITS | _EMPTY, np.uint32)
    links[places[1:]] = np.where(bases[1:] < 0, end, bases[1:]) << LABEL_BITS | last_bytes[1:]
    return Slots(links, places)


def _tiers(families: _Families, weights: Float64[np.ndarray, " nodes"]) -> Iterator[_Families]:
    """The families, the heaviest first, in parts of which each has twice the slots of the one before."""
    order = np.argsort(-weights[families.inner], kind="stable")
    number = np.log2(1 + np.cumsum(families.sizes[order]) / _TIER).astype(np.int64)
    tiers = np.empty(len(order), np.int64)
    tiers[order] = number
    for tier in range(int(number.max(initial=-1)) + 1):
        yield families.where(tiers == tier)


def _scatter(families: _Families, room: _Room, bases: Int64[np.ndarray, " nodes"], begin: int) -> None:
    """Places families of any size by trying bases from `begin` on as if by chance."""
    attempt = 0
    while len(families.inner):
        attempt += 1
        tried = begin + (families.inner * 0x9E3779B1 + attempt * 0x85EBCA77) % 0xFFFFFFFB % (room.size - begin)
        got = room.settle(tried, families)
        bases[families.inner[got]] = tried[got]
        families = families.where(~got)
        room.grow(1 + (int(families.sizes.sum()) >> 4))  # so that there is a place in the end


def _fill(families: _Families, room: _Room, bases: Int64[np.ndarray, " nodes"]) -> None:
    """Places families of one child in the slots that are left: the first ones, as far as no two get one base."""
    newest = False
    while count := len(families.inner):
        free = np.flatnonzero(~room.taken[512 : room.size]) + 512
        if len(free) >= count:
            tried = (free[-count:] if newest else free[:count]) - families.labels
            got = room.settle(tried, families)
            bases[families.inner[got]] = tried[got]
            families = families.where(~got)
            newest = True  # of new ones, the last is surely free to use
        room.grow(256 + len(families.inner) if len(families.inner) else 0)
