"""Cases of codebooks.md in which members or costs are not those of a codebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..oracle.codebook import Codebook
from .books import filled, prefixes, trie, written
from .case import Case

_STRINGS = filled([b"abc", b"mno", b"uv", b"uvw", b"xy", b"xyz"])
_BOOK = trie(_STRINGS)  # of all nodes only `ab` and `mn` are no strings of it
_COSTS = [0] + [1_000] * 511
_NODES = sorted({b""} | prefixes(_STRINGS))


def cases() -> Iterator[Case]:
    """All of them, and next to them codebooks that are right."""
    yield _case("right: members, with which the next begin", "B-10", _BOOK)
    yield _case("right: members and costs", "B-10 B-11", _BOOK._replace(costs=_COSTS))
    for book, what in _wrong_members():
        yield _case(what, "B-1 B-2 B-3 B-10", book)
    for book, what in _wrong_costs():
        yield _case(what, "B-11", book)
    for size, verdict in ((255, "right"), (256, "too long")):
        chain = filled(b"a" * length for length in range(2, size + 1))
        apart = filled([b"a" * size])
        yield _case(f"{verdict}: a string of {size} bytes and costs", "B-12", trie(chain, _COSTS))
        yield _case(f"{verdict}: a string of {size} bytes and members", "B-12", trie(apart))
        yield _case(f"{verdict}: a string of {size} bytes, members and costs", "B-12", trie(apart, _COSTS))
    chain = filled(b"a" * length for length in range(2, 257))
    yield _case("right: a string of 256 bytes without members and costs", "B-12", trie(chain))
    book = {"codebook": written(_changed({b"ab": 1}))}
    yield Case("ids of no codebook", "B-10", {"op": "codebook.decode", "ids": [512]} | book)
    yield Case("the fingerprint of no codebook", "B-8 B-10", {"op": "codebook.fingerprint"} | book)


def _case(what: str, rules: str, book: Codebook) -> Case:
    return Case(what, rules, {"op": "codebook.encode", "codebook": written(book), "text": "616263"})


def _changed(members: Mapping[bytes, int]) -> Codebook:
    """The codebook with other members at some strings."""
    changed = list(_BOOK.members or [])
    for spelled, number in members.items():
        changed[_NODES.index(spelled)] = number
    return _BOOK._replace(members=changed)


def _wrong_members() -> Iterator[tuple[Codebook, str]]:
    members, parents = list(_BOOK.members or []), list(_BOOK.parents)
    yield _changed({b"xy": 0}), "511 members"
    yield _changed({b"ab": 1}), "513 members"
    yield _changed({b"ab": 1, b"mn": 1}), "all are members, and too many"
    yield _changed({b"": 0, b"ab": 1}), "the empty string is no member"
    yield _changed({b"a": 0, b"ab": 1}), "a byte that has children is no member"
    yield _changed({b"b": 0, b"ab": 1}), "a byte that has no children is no member"
    yield _changed({b"\xff": 0, b"ab": 1}), "the last byte is no member"
    yield _changed({b"abc": 0, b"ab": 1}), "a node without children is no member"
    yield _changed({b"xy": 2}), "a member of 2"
    yield _changed({b"uv": 0, b"xy": 2}), "a member of 2 that makes up for one that is missing"
    yield _changed({b"ab": -1}), "a member of -1"
    yield _changed({b"ab": -1, b"mn": 1}), "a member of -1 that makes up for one too many"
    yield _BOOK._replace(members=members[:-1]), "a member too few in the list"
    yield _BOOK._replace(members=[*members, 0]), "a member too many in the list"
    yield _BOOK._replace(members=[]), "no members"
    yield _BOOK._replace(members=None), "514 nodes, and members left out"
    closed = trie(filled([b"ab", b"abc"]))
    yield closed._replace(members=[1] * 512), "all are members"
    parents[_NODES.index(b"xyz")] = 0
    yield _BOOK._replace(parents=parents), "members are right, the order of nodes is wrong"
    parents[_NODES.index(b"xyz")] = 514
    yield _BOOK._replace(parents=parents), "members are right, and a parent is no node"
    nodes = 2**17 + 1
    yield Codebook([0] * nodes, [0] * nodes, [1] * 2**17 + [0]), "2^17 members"
    yield Codebook([0] * 513, [0] * 513, [1] * 512 + [0]), "512 members of the same byte"


def _wrong_costs() -> Iterator[tuple[Codebook, str]]:
    right = _BOOK._replace(costs=_COSTS)
    yield right._replace(costs=_COSTS[:-1]), "a cost too few"
    yield right._replace(costs=[*_COSTS, 1, 1]), "a cost for each node"
    yield right._replace(costs=[]), "no costs"
    yield right._replace(costs=[1, *_COSTS[1:]]), "the empty string costs 1"
    yield right._replace(costs=[*_COSTS[:-1], 65_536]), "a cost of 65536"
    yield right._replace(costs=[*_COSTS[:-1], -1]), "a cost of -1"
    yield trie(filled([b"ab", b"abc"]), [*_COSTS, 1]), "a cost too many, without members"
