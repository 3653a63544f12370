"""Edit distances: the definition, the metric's laws, and what a first word changes."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import Bytes, analysis

sequences = st.lists(st.integers(0, 3), max_size=8).map(lambda ids: np.array(ids, np.int32))


@functools.cache
def recursive(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Levenshtein's distance as it is defined."""
    if not a or not b:
        return len(a) + len(b)
    return min(recursive(a[1:], b) + 1, recursive(a, b[1:]) + 1, recursive(a[1:], b[1:]) + (a[0] != b[0]))


@given(sequences, sequences)
def test_edit_distance_is_that_of_the_definition(a, b):
    assert analysis.edit_distance(a, b) == recursive(tuple(a.tolist()), tuple(b.tolist()))


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_edit_distance_is_a_metric(a, b, c):
    a, b, c = (np.frombuffer(text, np.uint8) for text in (a, b, c))
    distance = analysis.edit_distance
    assert distance(a, b) == distance(b, a) <= distance(a, c) + distance(c, b)
    assert (distance(a, b) == 0) == (a.tolist() == b.tolist())
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


def test_the_first_word_is_all_before_the_first_space():
    assert analysis.replace_first_word(b"The cat sat", b"A") == b"A cat sat"
    assert analysis.replace_first_word(b" cat", b"A") == b"A cat"
    assert analysis.replace_first_word(b"cat", b"A") == b"A"


def test_bytes_change_only_in_the_word():
    texts, words = [b"The cat sat.", b"cat", b"the end"], [b"Her", b"dog", b"the"]
    assert analysis.prefix_distances(Bytes(), texts, words) == pytest.approx([3 / 12, 1, 0])


def test_ids_that_no_part_of_the_text_keeps_are_at_distance_1():
    class Whole(Bytes):
        """One id for a text, another for each."""

        def encode(self, text: bytes) -> np.ndarray:
            return np.array([sum(text) % 257], np.int32)

    assert analysis.prefix_distances(Whole(), [b"the end", b""], [b"an", b""]).tolist() == [1, 0]
