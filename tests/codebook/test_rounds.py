"""A round of the trainer: how the texts are dealt out, what is expected in them, and which strings go."""

import itertools
import math

import numpy as np
import pytest

from ecjax.codebook import fitting
from ecjax.codebook.candidates import Strings, given
from ecjax.codebook.fitting import SEEN


def by_string(strings: Strings, values: np.ndarray) -> dict[bytes, float]:
    return dict(zip(strings.spelled(), values[strings.members].tolist(), strict=True))


# Fitting.


def test_a_string_that_is_to_cost_more_is_expected_less():
    text = b"ab" * 400
    found = []
    for token_cost in (0.0, 4.0):
        strings, _ = fitting._fitted(given([b"ab"], token_cost=token_cost), fitting._pieces([text]))
        found.append(by_string(strings, strings.counts)[b"ab"])
    # Weights are 1/257 at first: "ab" against "a" and "b" is 257 to 1, and 16 times that.
    assert found == [pytest.approx(400 * 257 / 258, rel=1e-3), pytest.approx(400 * 4112 / 4113, rel=1e-3)]


def test_what_is_hardly_expected_goes_as_long_as_enough_are_left():
    longer = {b"ab", b"xy", b"ba" * 9}
    strings, pieces = given([*longer]), fitting._pieces([b"ab" * 5] * 20)
    for wanted, left in ((strings.size - 2, {b"ab"}), (strings.size - 1, longer), (None, longer)):
        kept, _ = fitting._fitted(strings, pieces, wanted)
        assert {string for string in kept.spelled() if len(string) > 1} == left
    fitted, fit = fitting._fitted(strings, pieces)
    counts = by_string(fitted, fitted.counts)
    assert counts[b"a"] >= SEEN and counts[b"\xff"] == SEEN and 0 < counts[b"xy"] < 1e-6
    assert 99 < fit.expected.sum() < 102 and np.all(fit.most <= fit.expected)


def test_the_share_of_the_work_grows_even_if_no_string_goes_at_once():
    pairs = [bytes([a, b]) for a in range(30, 54) for b in range(30, 54)]
    text = b"".join(pairs[i] for i in np.random.default_rng(0).permutation(np.repeat(np.arange(len(pairs)), 20)))
    shares: list[float] = []
    left = fitting._shrink(given(pairs), fitting._pieces([text]), 511, lambda share, found: shares.append(share))
    assert left.size == 511
    assert shares[0] == pytest.approx(0.1) and shares[-1] == pytest.approx(0.9) and shares == sorted(shares)


# Leaving out.


def test_ties_are_decided_the_same_everywhere():
    """Strings that are worth the same, most of them nothing: those that come first in the tree go first."""
    strings = given([bytes([a, b]) for a in range(20) for b in range(20)])
    left = fitting._without_least(strings, strings.counts, 100)
    most = np.lexsort(np.zeros((1, 400)))[100:]
    pairs = sorted(bytes([a, b]) for a in range(20) for b in range(20))
    assert [string for string in left.spelled() if len(string) == 2] == [pairs[i] for i in most]


def test_of_what_one_part_alone_uses_the_least_used_goes_first():
    strings = given([b"ab", b"cd"])
    counts = np.where(strings.members, 100.0, 0.0)
    counts[strings.trie.depths == 2] = 50.0, 5.0
    strings = strings.counting(counts)
    left = fitting._without_least(strings, strings.counts, 1)
    assert b"ab" in left.spelled() and b"cd" not in left.spelled()


def test_what_a_string_saves():
    """By its definition: its parts at what they cost once they are used for it too, less what it costs."""
    listed = {b"ab": 30.0, b"abc": 12.0, b"cd": 7.0, b"abcd": 5.0, b"aa": 3.0}
    strings = given([*listed], join_cost=0.0, token_cost=1.5)
    counts = np.array([listed.get(string, 2.0) for string in strings.spelled()])
    every = strings.counts.copy()
    every[strings.members] = counts
    strings = strings.counting(every)
    total = counts.sum()
    nodes = np.flatnonzero(strings.members & (strings.trie.depths > 1)).astype(np.int32)
    found = fitting._saved(strings, strings.surprises, nodes)
    parts = {b"aa": [b"a", b"a"], b"ab": [b"a", b"b"], b"cd": [b"c", b"d"]}
    parts |= {b"abc": [b"ab", b"c"], b"abcd": [b"ab", b"cd"]}
    count_of = dict(zip(strings.spelled(), counts.tolist(), strict=True))
    for string, saved in zip(sorted(parts), found.tolist(), strict=True):
        n = count_of[string]
        grown = total + n * (len(parts[string]) - 1)
        right = sum(1.5 - math.log2((count_of[part] + n) / grown) for part in parts[string])
        assert saved == pytest.approx(right - 1.5 + math.log2(n / total))


@pytest.mark.parametrize(
    "texts",
    [
        [b"a"],
        [b"ab", b"c"],
        [b"a" * 16],
        [b"abc" * 16],
        [bytes([n]) * 3 for n in range(16)],
        [b"x" * 1000],
        [b"a" * 7, b"b" * 100, b"c" * 53],
        [b"a"] * 50,
    ],
)
def test_parts_are_the_texts_dealt_out_and_pieces_end_where_texts_do(texts, monkeypatch):
    monkeypatch.setattr(fitting, "_PIECE", 10)
    pieces = fitting._pieces(texts)
    size = -(-sum(map(len, texts)) // 16)
    cut = [text[begin : begin + size] for text in texts for begin in range(0, len(text), size)]
    assert [piece.part for piece in pieces] == sorted(piece.part for piece in pieces)
    assert {piece.part for piece in pieces} == {*range(min(16, len(cut)))}
    for part in range(min(16, len(cut))):
        own = [piece for piece in pieces if piece.part == part]
        whole, ends = b"".join(piece.texts.tobytes() for piece in own), {0}
        for piece in own:
            borders = [0, *piece.ends.tolist()]
            assert 0 < borders[-1] == len(piece.texts) <= 10 and all(a < b for a, b in itertools.pairwise(borders))
            ends |= {max(ends) + end for end in piece.ends.tolist()}
        assert whole == b"".join(cut[part::16])
        assert ends == {*itertools.accumulate(map(len, cut[part::16])), *range(0, len(whole), 10), len(whole)}


def test_the_most_of_a_part_is_counted_over_all_of_its_pieces(monkeypatch):
    texts = [b"ab" * 40] * 2
    whole = fitting._fitted(given([b"ab"]), fitting._pieces(texts))[1]
    monkeypatch.setattr(fitting, "_PIECE", 4)
    pieces = fitting._pieces(texts)
    assert len(pieces) == 48
    cut = fitting._fitted(given([b"ab"]), pieces)[1]
    assert np.allclose(cut.expected, whole.expected) and np.allclose(cut.most, whole.most)
