"""Whether a symbol stands for one text: counts by hand, and the windows of a codec that keeps its word."""

import functools
import math

import numpy as np
import pytest

from ecjax import analysis
from tests.analysis.test_positions import ids, tokenizer


def test_readings_are_counted_by_symbol():
    found = analysis.readings([1, 2, 1, 1], [b"a", b"a", b"b", b"a"])
    assert found == {1: {b"a": 2, b"b": 1}, 2: {b"a": 1}}


def test_stability_counts_symbols_that_occur_twice():
    found = analysis.stability([1, 2, 1, 1, 3, 3], [b"a", b"a", b"b", b"a", b"c", b"c"])
    assert found == analysis.Stability(share=4 / 5, symbols=2, occurrences=5)
    assert analysis.stability([4, 4], [b"a", b"b"]).share == 0.5
    nothing = analysis.stability([1, 2], [b"a", b"a"])
    assert math.isnan(nothing.share) and (nothing.symbols, nothing.occurrences) == (0, 0)


@functools.cache
def windows() -> tuple[np.ndarray, list[list[bytes]]]:
    return analysis.windows_of(tokenizer(), ids()), analysis.token_texts(tokenizer(), ids())


@pytest.mark.slow
def test_the_first_token_of_a_window_always_means_the_same_and_later_ones_do_not():
    symbols, texts = windows()
    first, *later = analysis.stability_by_position(symbols, texts)
    assert first.share == 1 and first.occurrences > 0.99 * len(symbols)
    assert all(position.share < 0.9 for position in later)
    assert later[1] == analysis.stability(ids()[2::3].tolist(), [window[2] for window in texts])


@pytest.mark.slow
def test_a_window_always_means_the_same():
    symbols = windows()[0]
    texts = [b"".join(window) for window in windows()[1]]
    found = analysis.window_stability(symbols, texts)
    assert found.share == 1 and found.occurrences > len(symbols) / 2
    swapped = analysis.window_stability(symbols, texts[::-1])
    assert swapped.share < 1 and swapped.occurrences == found.occurrences
    assert analysis.window_stability(np.array([[1, 2], [1, 2]]), [b"a", b"b"]).share == pytest.approx(0.5)
