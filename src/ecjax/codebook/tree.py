"""Sets of byte strings as trees: numbered in preorder, so that nodes sort as their strings do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt, UInt8, UInt16, UInt32

from ecjax.codebook import slots
from ecjax.coding.windows import MIN_BITS

MAX_CODEBOOK_BITS = 16
"""The most bits of a codebook's ids."""
LONGEST = 255  # bytes of a string in a codebook that is not closed under prefixes, or has costs


class Tree(NamedTuple):
    """Strings as nodes numbered in preorder, children in byte order; node 0, the root, is the empty string.

    Attributes:
      parents: Each node's parent; 0 for the root and its children. uint16 if that holds every number, else uint32.
      last_bytes: The last byte of each node's string; 0 for the root.
      members: 1 for each node whose string is in the set, 0 for one that only leads to longer ones; None if all are.
    """

    parents: UInt[np.ndarray, " nodes"]
    last_bytes: UInt8[np.ndarray, " nodes"]
    members: UInt8[np.ndarray, " nodes"] | None


def parents_type(nodes: int) -> type[np.uint16] | type[np.uint32]:
    """The dtype of `parents` in a tree of so many nodes."""
    return np.uint16 if nodes <= 1 << 16 else np.uint32


def tree_of(strings: Sequence[bytes]) -> Tree:
    """The tree of byte strings that are sorted, differ, and begin with the empty one."""
    parents, last_bytes, members = [0], [0], [1]
    path, previous = [0], b""  # the nodes from the root down to the string before
    for string in strings[1:]:
        common = _common(previous, string)
        del path[common + 1 :]
        for byte in string[common:]:
            parents.append(path[-1])
            last_bytes.append(byte)
            members.append(0)
            path.append(len(parents) - 1)
        members[-1] = 1
        previous = string
    return Tree(
        np.array(parents, parents_type(len(parents))),
        np.array(last_bytes, np.uint8),
        None if all(members) else np.array(members, np.uint8),
    )


def _common(a: bytes, b: bytes) -> int:
    """The number of bytes that two strings have in common at their beginning."""
    least = min(len(a), len(b))
    if a[:least] == b[:least]:
        return least
    # The first byte that differs is the highest of the exclusive or, read as one big-endian number.
    differing = int.from_bytes(a[:least], "big") ^ int.from_bytes(b[:least], "big")
    return least - (differing.bit_length() + 7) // 8


def depths_of(
    parents: UInt[np.ndarray, " nodes"], last_bytes: UInt8[np.ndarray, " nodes"]
) -> Int32[np.ndarray, " nodes"]:
    """The length of each node's string.

    Raises:
      ValueError: If the nodes are not in preorder, or a node's children not in the order of their bytes; the message
        names the first node that is out of place.
    """
    numbers, above = np.arange(len(parents)), parents.astype(np.int64)
    right = np.append(True, above[1:] < numbers[1:])
    whole = len(parents) if right.all() else int(np.argmin(right))  # up to here, parents come first
    numbers, above = numbers[:whole], above[:whole]
    depths = _depths(above)
    if whole == len(parents) and _in_preorder(above, last_bytes, depths).all():
        return depths
    found = np.append(_in_preorder(above, last_bytes[:whole], depths), False)
    raise ValueError(f"code {int(np.argmin(found))} breaks the preorder of the codebook's tree")


def _depths(parents: np.ndarray) -> Int32[np.ndarray, " nodes"]:
    """The depth of each node of a tree in which parents come first: by jumps, each twice as far as the one before."""
    depths, jumps = np.ones(len(parents), np.int32), parents
    depths[:1] = 0
    while jumps.any():
        depths += depths[jumps]
        jumps = jumps[jumps]
    return depths


def _in_preorder(parents: np.ndarray, last_bytes: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Whether each node is where preorder wants it, if those before it are."""
    levels = np.argsort(depths, kind="stable")
    before, after = np.full((2, len(depths)), len(depths))  # the neighbours at the same depth
    same = depths[levels[1:]] == depths[levels[:-1]]
    before[levels[1:][same]] = levels[:-1][same]
    after[levels[:-1][same]] = levels[1:][same]
    # A node follows its parent with no node of the parent's depth between them, and none before it is less deep than
    # its parent: then its parent is on the way from the root to the node before.
    numbers = np.arange(len(depths))
    right = after[parents] > numbers
    right[1:] &= depths[1:] <= depths[:-1] + 1
    siblings = np.flatnonzero(before < len(depths))
    siblings = siblings[parents[before[siblings]] == parents[siblings]]
    right[siblings] &= last_bytes[siblings] > last_bytes[before[siblings]]
    return right


def check_members(nodes: int, members: UInt8[np.ndarray, " nodes"] | None) -> int:
    """The bits of a codebook with so many nodes. Raises ValueError unless it has as many strings as it may have."""
    if nodes > slots.MAX_NODES:
        raise ValueError(f"a codebook's tree has at most {slots.MAX_NODES} nodes, got {nodes}")
    if members is not None and (len(members) != nodes or members.max(initial=0) > 1 or members.all()):
        raise ValueError(
            "members are a 0 or a 1 for each node, a 0 among them; leave them out if all nodes are members"
        )
    size = nodes if members is None else int(members.sum(dtype=np.int64))
    bits = size.bit_length() - 1
    if not MIN_BITS <= bits <= MAX_CODEBOOK_BITS or size != 1 << bits:
        raise ValueError(f"a codebook has 2**{MIN_BITS} to 2**{MAX_CODEBOOK_BITS} strings, got {size}")
    return bits


def check_plain(
    members: UInt8[np.ndarray, " nodes"] | None,
    costs: UInt16[np.ndarray, " size"] | None,
    parents: UInt16[np.ndarray, " nodes"] | UInt32[np.ndarray, " nodes"],
    size: int,
    longest: int,
) -> None:
    """Raises ValueError unless members, costs and the longest string are as a codebook may have them."""
    if longest > LONGEST:
        raise ValueError(f"a string of a codebook with members or costs has at most {LONGEST} bytes, got {longest}")
    if members is not None:
        needed = np.ones(len(parents), bool)
        needed[parents] = False
        needed[parents == 0] = True
        missing = np.flatnonzero(needed & (members == 0))
        if len(missing):
            raise ValueError(
                f"node {missing[0]} must be a member: the root, single bytes and nodes without children are members"
            )
    if costs is not None and (len(costs) != size or costs[0]):
        raise ValueError(f"a codebook has {size} costs, one for each id, and that of id 0 is 0")


def strings_of(
    nodes: np.ndarray, lengths: np.ndarray, parents: np.ndarray, last_bytes: np.ndarray
) -> tuple[UInt8[np.ndarray, " total"], Int32[np.ndarray, " size"]]:
    """The strings of some nodes end to end, and where each begins."""
    ends = np.cumsum(lengths, dtype=np.int64)
    strings = np.zeros(ends[-1], np.uint8)
    node, place = nodes[lengths > 0], ends[lengths > 0] - 1
    while len(node):  # every string from its last byte to its first, all at once
        strings[place] = last_bytes[node]
        node = parents[node]
        going = node > 0
        node, place = node[going], place[going] - 1
    return strings, (ends - lengths).astype(np.int32)
