"""Divergence of bit n-grams from uniform ones: tiny cases by hand, bounds, and what the correction corrects."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import analysis

bit_streams = st.lists(st.integers(0, 1), min_size=1, max_size=200).map(lambda bits: np.array(bits, np.uint8))


def bits(text: str) -> np.ndarray:
    return np.array(list(map(int, text)), np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16])
def test_bits_of_ids_come_first_bits_first(dtype):
    assert analysis.bits_of(np.array([5, 0, 3], dtype), 3).tolist() == [1, 0, 1, 0, 0, 0, 0, 1, 1]
    assert analysis.bits_of(np.array([255], dtype), 8).tolist() == [1] * 8


@given(bit_streams, st.integers(1, 24))
def test_ngrams_are_the_numbers_that_slices_write(stream, width):
    text = "".join(map(str, stream))
    slices = [text[i : i + width] for i in range(len(text) - width + 1)]
    assert analysis.overlapping_ngrams(stream, width).tolist() == [int(s, 2) for s in slices]
    assert analysis.cut_tokens(stream, width).tolist() == [int(s, 2) for s in slices[::width]]


def test_entropies_of_counts_by_hand():
    assert analysis.plug_in_entropy(np.array([2, 0, 1, 1])) == pytest.approx(1.5)
    assert analysis.plug_in_entropy(np.array([7])) == 0
    assert analysis.miller_madow_entropy(np.array([2, 0, 1, 1])) == pytest.approx(1.5 + 2 / (2 * 4 * math.log(2)))


def test_divergences_by_hand():
    # Overlapping pairs of 00110: 00, 01, 11, 10; cut ones: 00, 11.
    found = analysis.divergences(bits("00110"), [1, 2], overlapping=True)
    ones = -(0.4 * math.log2(0.4) + 0.6 * math.log2(0.6))
    assert found.widths.tolist() == [1, 2]
    assert found.plug_in == pytest.approx([1 - ones, 0])
    assert found.corrected == pytest.approx([1 - ones - 1 / (10 * math.log(2)), -3 / (8 * math.log(2))])
    assert analysis.divergences(bits("00110"), [2], overlapping=False).plug_in == pytest.approx([1])
    assert analysis.divergences(bits("0000"), [1, 2, 4], overlapping=True).plug_in.tolist() == [1, 2, 4]


@given(bit_streams, st.booleans())
def test_the_plug_in_divergence_of_n_bits_lies_between_0_and_n(stream, overlapping):
    widths = range(1, min(24, len(stream)) + 1)
    found = analysis.divergences(stream, widths, overlapping=overlapping)
    assert (found.plug_in > -1e-9).all() and (found.plug_in <= found.widths).all()
    assert (found.corrected <= found.plug_in).all()


@pytest.mark.parametrize("overlapping", [True, False])
def test_the_correction_takes_the_bias_of_random_bits_away(overlapping):
    stream = np.random.default_rng(0).integers(0, 2, 1 << 17, np.uint8)
    found = analysis.divergences(stream, [10, 12], overlapping=overlapping)
    # Seen 2**n n-grams in N samples: a bias of (2**n - 1) / (2 * N * ln 2).
    bias = (2.0**found.widths - 1) / (2 * len(stream) / (1 if overlapping else found.widths) * np.log(2))
    assert found.plug_in == pytest.approx(bias, rel=0.2)
    assert (abs(found.corrected) < 0.15 * found.plug_in).all()


@pytest.mark.parametrize("width, size", [(0, 9), (25, 30), (10, 9)])
def test_widths_without_ngrams_are_refused(width, size):
    with pytest.raises(ValueError, match=f"n-grams of {size} bits have 1 to {min(size, 24)} bits, got {width}"):
        analysis.divergences(np.zeros(size, np.uint8), [1, width], overlapping=True)
