"""Trees as double arrays: whatever the tree, each child is found where it is to be, and nothing where none is."""

import time

import numpy as np
import pytest
from hypothesis import given

from ecjax.codebook import slots
from ecjax.codebook.tree import Tree, depths_of, tree_of
from tests.strategies import seeds


def placed(tree: Tree) -> slots.Slots:
    weights = np.random.default_rng(0).exponential(size=len(tree.parents)) ** 4
    return slots.place(tree.parents, tree.last_bytes, depths_of(tree.parents, tree.last_bytes), weights)


def check(tree: Tree) -> None:
    """Every step from a node, by each byte and by what is none."""
    links, places = placed(tree)
    bases = links >> slots.LABEL_BITS
    found = np.zeros((len(places), 257), np.int64)
    for node in range(len(places)):
        at = int(bases[places[node]]) if node else 0
        steps = np.arange(257)
        fits = (links[at + steps] & 511) == steps
        found[node, fits] = at + steps[fits] + 1
    expected = np.zeros_like(found)
    expected[tree.parents[1:], tree.last_bytes[1:]] = places[1:] + 1
    np.testing.assert_array_equal(found, expected)


def tree_from(strings: set[bytes]) -> Tree:
    return tree_of(sorted({b"", *(bytes([c]) for c in range(256)), *strings}))


@given(seeds)
def test_a_random_tree(seed):
    rng = np.random.default_rng(seed)
    letters = rng.choice(256, rng.choice([1, 2, 5, 256]), replace=False)
    check(tree_from({bytes(rng.choice(letters, rng.integers(2, 30)).astype(np.uint8)) for _ in range(300)}))


@pytest.mark.parametrize("following", [1, 2, 128, 255, 256])
def test_nodes_with_many_children(following):
    rng = np.random.default_rng(following)
    check(tree_from({bytes([a, b]) for a in range(0, 256, 4) for b in rng.choice(256, following, replace=False)}))


@pytest.mark.slow
def test_trees_that_are_hard_to_place_take_room_but_no_time():
    rng = np.random.default_rng(0)
    halves = {bytes([a, b, c]) for a in range(32) for b in range(16) for c in rng.choice(256, 128, replace=False)}
    chains = {bytes([a, b]) + bytes([a ^ b]) * 250 for a in range(256) for b in range(4)}
    for strings in (halves, chains):
        tree = tree_from(strings)
        begin = time.process_time()
        links, _ = placed(tree)
        assert len(links) < 40 * len(tree.parents) and time.process_time() - begin < 10
