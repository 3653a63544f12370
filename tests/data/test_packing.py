"""Packing: every id once a pass, whole texts in a row of their own number, the same batches for the same seed."""

import itertools
import re
from typing import Any, cast

import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.data import packed
from ecjax.training import Masked
from tests.strategies import seeds


def draw_texts(seed: int, count: int, longest: int) -> list[np.ndarray]:
    """Texts no two of which begin with the same id, so that each is known again."""
    rng = np.random.default_rng(seed)
    return [np.r_[1000 + i, rng.integers(1, 100, size=n)] for i, n in enumerate(rng.integers(0, longest, size=count))]


def texts_of(batch: Masked) -> list[np.ndarray]:
    """The texts that are packed in a batch."""
    found = []
    assert batch.segments is not None
    for ids, counted, segments in zip(*map(np.asarray, (batch.ids, batch.counted, batch.segments)), strict=True):
        np.testing.assert_array_equal(counted, segments > 0)
        number = segments[counted]
        # Numbered from 1 in their order, and then what is left of the row.
        assert np.array_equal(np.unique(number), 1 + np.arange(number[-1])) and (np.diff(number) >= 0).all()
        assert counted[: len(number)].all()
        found += [ids[segments == i] for i in range(1, number[-1] + 1)]
        assert (ids[~counted] == 0).all()
    return found


@given(seeds, st.integers(1, 40), st.sampled_from([1, 5, 64]))
def test_whole_texts_come_each_as_often(seed, count, bins):
    texts = draw_texts(seed, count, 12)
    batches = packed(texts, 12, 2, seed, bins=bins)
    found = [text for batch in itertools.islice(batches, 3 * count) for text in texts_of(batch)]
    assert all(np.array_equal(text, texts[text[0] - 1000]) for text in found)
    seen = np.bincount([text[0] - 1000 for text in found], minlength=count)
    # Within a pass or two of each other, and those that are still in rows to come.
    assert seen.min() > 0 and seen.max() - seen.min() <= 2 + bins * 12 // count


def test_a_text_that_is_too_long_is_cut():
    found = texts_of(next(packed([np.arange(1, 26)], 10, 8, 0, bins=8)))
    assert {tuple(text) for text in found} == {tuple(range(1, 11)), tuple(range(11, 21)), tuple(range(21, 26))}


def test_more_bins_leave_less_padding():
    texts = draw_texts(0, 200, 20)
    few, many = (
        np.mean([batch.counted.mean() for batch in itertools.islice(packed(texts, 32, 8, 0, bins=bins), 30)])
        for bins in (1, 64)
    )
    assert few < many > 0.95


def test_batches_are_resumed_and_follow_the_seed():
    texts = draw_texts(1, 50, 20)
    batches = packed(texts, 32, 4, 3, bins=8)
    first = next(batches)
    for _ in range(5):
        next(batches)
    state, expected = batches.get_state(), next(batches)
    again = packed(texts, 32, 4, 3, bins=8)
    np.testing.assert_array_equal(next(again).ids, first.ids)
    again.set_state(state)
    np.testing.assert_array_equal(next(again).ids, expected.ids)
    assert not np.array_equal(next(packed(texts, 32, 4, 4, bins=8)).ids, first.ids)


def test_what_fills_a_row_is_the_padding_id():
    batch = next(packed([np.array([1, 2]), np.zeros(0, np.int32)], 3, 2, 0, padding_id=9, bins=4))
    assert batch.ids.tolist() == [[1, 2, 9]] * 2 and batch.ids.dtype == batch.segments.dtype == np.int32


@pytest.mark.parametrize(
    "texts, numbers, told",
    [
        ([], {}, "the texts have no ids; give at least one that is not empty"),
        ([np.zeros(0, np.int32)], {}, "the texts have no ids"),
        ([np.ones(2, int)], {"length": 0}, "length must be at least 1, got 0"),
        ([np.ones(2, int)], {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ([np.ones(2, int)], {"bins": 0}, "bins must be at least 1, got 0"),
        ([np.ones(2, int)], {"seed": -1}, "seed must be"),
        ([np.ones(2, int)], {"padding_id": -1}, "padding_id must be"),
    ],
)
def test_what_cannot_be_packed_is_refused(texts: Any, numbers: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        packed(texts, **{"length": 4, "batch_size": 2, "seed": 0, **numbers})


@pytest.mark.parametrize("text", [np.zeros((1, 2), np.int32), np.zeros(2)], ids=["matrix", "floats"])
def test_a_text_of_another_kind_is_refused(text: Any) -> None:
    with pytest.raises((TypeError, jaxtyping.TypeCheckError), match="texts"):
        packed([text], 4, 2, 0)
    # Where types are not checked, too.
    with pytest.raises(TypeError, match=re.escape(f"integers in one dimension, got {text.dtype} of shape")):
        cast(Any, packed).__wrapped__([text], 4, 2, 0)
