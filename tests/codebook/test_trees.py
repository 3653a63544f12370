"""Trees that are no codebook's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from ecjax import serialisation
from ecjax.codebook import Codebook, load_codebook
from ecjax.codebook.slots import MAX_NODES
from ecjax.codebook.tree import depths_of
from tests.codebook.support import drawn, tree
from tests.strategies import annotations_unchecked, seeds


def swap(a: np.ndarray, i: int, j: int) -> None:
    a[[i, j]] = a[[j, i]]


@pytest.mark.parametrize(
    "damage, match",
    [
        (lambda p, b: (p[:511], b[:511]), r"2\*\*9 to 2\*\*16 strings, got 511"),
        (lambda p, b: (p[:256], b[:256]), r"2\*\*9 to 2\*\*16 strings, got 256"),
        (lambda p, b: (p[:0], b[:0]), r"2\*\*9 to 2\*\*16 strings, got 0"),
        (lambda p, b: p.__setitem__(5, 400), "code 5 breaks the preorder"),
        (lambda p, b: p.__setitem__(5, 5), "code 5 breaks the preorder"),
        (lambda p, b: p.__setitem__(510, int(depths_of(p, b).argmax())), "code 510 breaks the preorder"),
        (lambda p, b: swap(b, 300, 301), "breaks the preorder"),
        (lambda p, b: b.__setitem__(slice(None), 0), "breaks the preorder"),
        (lambda p, b: p.__setitem__(511, 510), "a string for each of the 256 bytes"),
        (lambda p, b: p.__setitem__(0, 1), "empty string are written as 0"),
        (lambda p, b: b.__setitem__(0, 1), "empty string are written as 0"),
    ],
)
def test_what_is_no_tree_in_preorder_is_refused(damage, match, tmp_path):
    parents, last_bytes = tree()
    out = damage(parents, last_bytes)
    if isinstance(out, tuple):
        parents, last_bytes = out
    with pytest.raises(ValueError, match=match):
        Codebook(parents, last_bytes)
    path = tmp_path / "tree.safetensors"
    tensors = {"parents": parents, "last_bytes": last_bytes}
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, tensors, {})
    with pytest.raises(ValueError, match="is damaged: .*" + match):
        load_codebook(path)


def test_strings_too_long_for_a_table_are_refused():
    # One chain of 65,279 strings, of all lengths: two thousand million bytes.
    parents = np.concatenate([np.zeros(256), np.arange(255, 65535)]).astype(np.uint16)
    parents[256] = 0
    last_bytes = np.concatenate([[0], np.arange(255), [255], np.zeros(65279)]).astype(np.uint8)
    with pytest.raises(ValueError, match="too sure of itself for a table; use EqualInfo"):
        Codebook(parents, last_bytes)


# Members and costs.


def with_members() -> dict[str, Any]:
    """A tree of 513 nodes, one of which only leads to longer strings, and costs."""
    book = drawn(0, 12, False, "any").codebook
    return {name: np.array(getattr(book, name)) for name in ("parents", "last_bytes", "members", "costs")}


def put(name: str, place: int, value: int) -> Callable[[dict[str, Any]], None]:
    def change(book: dict[str, Any]) -> None:
        book[name][place] = value

    return change


def drop_last_node(book: dict[str, Any]) -> None:
    for name in ("parents", "last_bytes", "members"):
        book[name] = book[name][:-1]


def swap_members(book: dict[str, Any]) -> None:
    """An inner node in the place of a leaf."""
    members, leaf = book["members"], len(book["parents"]) - 1
    while leaf in book["parents"] or not members[leaf]:
        leaf -= 1
    members[leaf], members[np.flatnonzero(members == 0)[0]] = 0, 1


@pytest.mark.parametrize(
    "change, match",
    [
        (put("members", 300, 2), "a 0 or a 1 for each node"),
        (lambda book: book.update(members=book["members"][:-1]), "a 0 or a 1 for each node|its arrays must be"),
        (lambda book: book.update(members=np.ones_like(book["members"])), "leave them out if all nodes are members"),
        (lambda book: book.update(members=None), r"2\*\*9 to 2\*\*16 strings, got"),
        (drop_last_node, r"2\*\*9 to 2\*\*16 strings, got 511"),
        (swap_members, r"node \d+ must be a member: the root, single bytes and nodes without children"),
        (put("costs", 0, 1), "a codebook has 512 costs, one for each id, and that of id 0 is 0"),
        (lambda book: book.update(costs=book["costs"][:-1]), "a codebook has 512 costs"),
        (lambda book: book.update(costs=np.append(book["costs"], np.uint16(3))), "a codebook has 512 costs"),
        (put("parents", 400, 400), "breaks the preorder"),
    ],
)
def test_members_and_costs_that_are_none_are_refused(change, match, tmp_path):
    book = with_members()
    Codebook(**book)
    change(book)
    with annotations_unchecked(), pytest.raises(ValueError, match=match):
        Codebook(**book)
    path = tmp_path / "book.safetensors"
    tensors = {name: array for name, array in book.items() if array is not None}
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, tensors, {})
    with pytest.raises(ValueError, match="is damaged: .*(" + match + ")") as caught:
        load_codebook(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("costs", [None, [0] * 511])
def test_strings_of_more_than_255_bytes_need_prefixes_and_no_costs(costs):
    others = [bytes([c]) for c in range(256)] + [bytes([255, c]) for c in range(254)]
    assert Codebook.from_strings([*others, b"a" * 255], costs).longest == 255
    with pytest.raises(ValueError, match="at most 255 bytes, got 256"):
        Codebook.from_strings([*others, b"a" * 256], costs)


@pytest.mark.parametrize(
    "change, costs, match",
    [
        (lambda s: s[:-1], None, "strings, got 511"),
        (lambda s: [*s[:-1], s[0]], None, "each string once"),
        (lambda s: [*s[1:], b"abc"], None, "a string for each of the 256 bytes|2\\*\\*9 to"),
        (lambda s: s, [1] * 510, "got 511 strings and 510 costs"),
        (lambda s: s, [1] * 510 + [65536], "costs are integers from 0 to 65535"),
        (lambda s: s, [1] * 510 + [-1], "costs are integers from 0 to 65535"),
        (lambda s: s, [1.0] * 511, "costs are integers from 0 to 65535"),
    ],
)
def test_strings_that_are_no_codebooks_are_refused(change, costs, match):
    strings = [bytes([c]) for c in range(256)] + [bytes([255, c]) for c in range(255)]
    with annotations_unchecked(), pytest.raises(ValueError, match=match):
        Codebook.from_strings(change(strings), costs)


def test_a_tree_too_large_is_refused_before_anything_is_built():
    nodes = np.zeros(MAX_NODES + 1, np.uint32)
    with pytest.raises(ValueError, match="at most 4194304 nodes, got 4194305"):
        Codebook(nodes, nodes.astype(np.uint8), members=nodes.astype(np.uint8))


@given(seeds)
def test_preorder_is_what_one_walk_through_the_tree_finds(seed):
    rng = np.random.default_rng(seed)
    parents, last_bytes = (np.array(array) for array in tree())
    for _ in range(rng.integers(3)):
        place = rng.integers(1, 512)
        parents[place] = rng.choice([place - 1, place - 2, place, parents[place - 1], rng.integers(512)]) % 512
    last_bytes[rng.integers(1, 512)] += rng.integers(2, dtype=np.uint8)
    path, newest, depths, wrong = [0], [-1], [0], None
    for code in range(1, 512):
        while path and path[-1] != parents[code]:
            path.pop()
            newest.pop()
        if not path or last_bytes[code] <= newest[-1]:
            wrong = code
            break
        newest[-1] = last_bytes[code]
        path.append(code)
        newest.append(-1)
        depths.append(len(path) - 1)
    if wrong is None:
        assert depths_of(parents, last_bytes).tolist() == depths
    else:
        with pytest.raises(ValueError, match=f"code {wrong} breaks the preorder"):
            depths_of(parents, last_bytes)
