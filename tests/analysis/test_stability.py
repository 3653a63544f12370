"""Whether a symbol stands for one text: counts by hand, and the windows of a codec that keeps its word."""

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


def test_the_first_token_of_a_window_always_means_the_same_and_later_ones_do_not():
    first, *later = analysis.stability_by_position(tokenizer(), ids())
    assert first.share == 1 and first.occurrences > len(ids()) / 3 * 0.99
    assert all(position.share < 0.9 for position in later)
    # By hand: the second token of every window.
    texts = [window[1] for window in analysis.token_texts(tokenizer(), ids())]
    assert later[0] == analysis.stability(ids()[1::3].tolist(), texts)


def test_a_window_always_means_the_same():
    windows = analysis.windows_of(tokenizer(), ids())
    texts = [b"".join(window) for window in analysis.token_texts(tokenizer(), ids())]
    found = analysis.window_stability(windows, texts)
    assert found.share == 1 and found.occurrences > len(windows) / 2
    swapped = analysis.window_stability(windows, texts[::-1])
    assert swapped.share < 1 and swapped.occurrences == found.occurrences
    assert analysis.window_stability(np.array([[1, 2], [1, 2]]), [b"a", b"b"]).share == pytest.approx(0.5)
