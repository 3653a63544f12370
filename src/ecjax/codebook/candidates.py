"""The strings that a codebook is chosen from, with what is known of each, as arrays over the nodes of their trie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, UInt8

from ecjax.checks import check_text
from ecjax.codebook.compiled import compiled
from ecjax.codebook.counting import frequent
from ecjax.codebook.lattice import MAX_NODES, Trie, trie_of
from ecjax.codebook.table import LONGEST
from ecjax.codebook.tree import tree_of

SEEN = 0.5
"""How often a byte counts at least, and what another string is dropped for if it counts less."""

_NEVER = 1e-9  # how often any string counts at least, so that what it costs is a number
_MOST_EXTRA = 200.0  # bits; so that weights stay above 1e-90, as `lattice.expect` wants them
_CANDIDATES = 1 << 20  # strings to begin with, at most
_PER_STRING = 64  # and at most so many for each that is wanted
_LENGTH = 32  # bytes of the longest candidate
_RARE = 2_000_000  # a candidate occurs twice, and once more in each so many bytes


class Strings(NamedTuple):
    """Strings to choose from.

    Attributes:
      trie: They and what leads to them.
      members: Which nodes are still among them.
      counts: How often each is expected in the texts; 0 for other nodes.
      extra: What each costs beyond its surprise, in bits.
    """

    trie: Trie
    members: Bool[np.ndarray, " nodes"]
    counts: Float64[np.ndarray, " nodes"]
    extra: Float64[np.ndarray, " nodes"]

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.members.sum())

    @property
    def surprises(self) -> Float64[np.ndarray, " nodes"]:
        """What each member costs, in bits; without meaning for others."""
        return self.extra - np.log2(np.maximum(self.counts, _NEVER) / self.counts.sum())

    def counting(self, counts: Float64[np.ndarray, " nodes"], least: float = _NEVER) -> Strings:
        """The same strings with other counts, which are at least `least`, and at least `SEEN` for single bytes."""
        least_of = np.where(self.trie.parents == 0, SEEN, least)
        return self._replace(counts=np.where(self.members, np.maximum(counts, least_of), 0.0))

    def without(self, left_out: Bool[np.ndarray, " nodes"]) -> Strings:
        """The strings but for some, as nodes of the same trie."""
        members = self.members & ~left_out
        return self._replace(members=members, counts=np.where(members, self.counts, 0.0))

    def compact(self) -> Strings:
        """The same strings, in a trie of nothing but them and what leads to them."""
        return _compact(self.trie.parents, self.trie.last_bytes, self.members, self.counts, self.extra)

    def spelled(self) -> list[bytes]:
        """The strings, in the order of their nodes."""
        spelled = [b""]
        for parent, byte in zip(self.trie.parents[1:].tolist(), self.trie.last_bytes[1:].tolist(), strict=True):
            spelled.append(spelled[parent] + bytes([byte]))
        return [spelled[node] for node in np.flatnonzero(self.members)]


def counted(
    texts: Sequence[bytes], bits: int, join_cost: float, token_cost: float, report: Callable[[int, int], None]
) -> Strings:
    """The strings that take most of the texts: those whose count times length is highest.

    Args:
      texts: Not empty.
      bits: Of the codebook that is wanted.
      join_cost: As in `train_codebook`.
      token_cost: As in `train_codebook`.
      report: Called with each length whose strings are counted, and the greatest length.
    """
    least = 2 + sum(map(len, texts)) // _RARE
    found = frequent(texts, _LENGTH, least, lambda length: report(length, _LENGTH))
    taken = found.counts * found.depths.astype(np.float64)
    taken[found.depths == 1] = np.inf
    members = np.zeros(len(taken), bool)
    most = min(_CANDIDATES, _PER_STRING << bits, len(taken) - 1)
    members[np.argsort(-taken, kind="stable")[:most]] = True  # stable: the same strings on all machines
    members[0] = False
    return _strings(found.parents, found.last_bytes, members, found.counts, join_cost, token_cost)


def given(candidates: Sequence[bytes], join_cost: float = 0.0, token_cost: float = 0.0) -> Strings:
    """Given strings and all single bytes, all of which count the same at first.

    Raises:
      TypeError: If one is not bytes.
      ValueError: If one is longer than a codebook may have, or there are too many.
    """
    strings = sorted({b"", *(bytes([byte]) for byte in range(256)), *map(check_text, candidates)})
    if max(map(len, strings)) > LONGEST:
        raise ValueError(f"a string has at most {LONGEST} bytes, got one of {max(map(len, strings))}")
    tree = tree_of(strings)
    if len(tree.parents) >= MAX_NODES:
        raise ValueError(f"these strings' tree has {len(tree.parents):,} nodes, above {MAX_NODES - 1:,}; give fewer")
    members = np.ones(len(tree.parents), bool) if tree.members is None else tree.members == 1
    members[0] = False
    return _strings(tree.parents.astype(np.int32), tree.last_bytes, members, members, join_cost, token_cost)


def _strings(
    parents: Int32[np.ndarray, " nodes"],
    last_bytes: UInt8[np.ndarray, " nodes"],
    members: Bool[np.ndarray, " nodes"],
    counts: np.ndarray,
    join_cost: float,
    token_cost: float,
) -> Strings:
    joins = _joins(parents, last_bytes, _kinds())
    extra = np.minimum(token_cost + join_cost * joins, _MOST_EXTRA)
    strings = _compact(parents, last_bytes, members, counts.astype(np.float64), extra)
    return strings.counting(strings.counts)


def _compact(
    parents: Int32[np.ndarray, " nodes"],
    last_bytes: UInt8[np.ndarray, " nodes"],
    members: Bool[np.ndarray, " nodes"],
    counts: Float64[np.ndarray, " nodes"],
    extra: Float64[np.ndarray, " nodes"],
) -> Strings:
    """The members, in a trie of nothing but them and what leads to them."""
    needed = _needed(parents, members)
    numbers = (np.cumsum(needed) - 1).astype(np.int32)
    trie = trie_of(numbers[parents[needed]], last_bytes[needed])
    return Strings(trie, members[needed], counts[needed], extra[needed])


@compiled
def _needed(parents: Int32[np.ndarray, " nodes"], members: Bool[np.ndarray, " nodes"]) -> Bool[np.ndarray, " nodes"]:
    needed = members.copy()
    needed[0] = True
    for node in range(len(parents) - 1, 0, -1):
        if needed[node]:
            needed[parents[node]] = True
    return needed


def _kinds() -> UInt8[np.ndarray, "256"]:
    """The kind of each byte as a character: letter, digit, space or another."""
    characters = [chr(byte) for byte in range(256)]
    kinds = [
        0 if byte >= 128 or c.isalpha() else 1 if c.isdigit() else 2 if c == " " else 3
        for byte, c in enumerate(characters)
    ]
    return np.array(kinds, np.uint8)


@compiled
def _joins(
    parents: Int32[np.ndarray, " nodes"], last_bytes: UInt8[np.ndarray, " nodes"], kinds: UInt8[np.ndarray, "256"]
) -> Int32[np.ndarray, " nodes"]:
    """How often, in each node's string, the kind of character changes, but for changes after a space."""
    joins = np.zeros(len(parents), np.int32)
    for node in range(1, len(parents)):
        parent = parents[node]
        before, kind = kinds[last_bytes[parent]], kinds[last_bytes[node]]
        joins[node] = joins[parent] + (parent != 0 and before != kind and before != 2)
    return joins
