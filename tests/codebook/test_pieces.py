"""Choices in pieces of long texts: exactly those of one parse from end to end."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecjax.codebook import Codebook, host
from ecjax.codebook.host.pieces import GUESS, MOST, WIDTH, joined
from tests.codebook.support import Drawn, codebooks, drawn, mixed_text
from tests.strategies import seeds

EDGES = (WIDTH, MOST, MOST + GUESS, 2 * WIDTH, 5 * WIDTH // 2, 3 * WIDTH)


def de_bruijn(alphabet: bytes, order: int) -> bytes:
    """A text in which every string of `order` bytes comes once, the last ones wrapped around."""
    a, out = [0] * len(alphabet) * order, []

    def extend(t: int, p: int) -> None:
        if t > order:
            out.extend(a[1 : p + 1] if order % p == 0 else [])
            return
        a[t] = a[t - p]
        extend(t + 1, p)
        for c in range(a[t - p] + 1, len(alphabet)):
            a[t] = c
            extend(t + 1, t)

    extend(1, 1)
    return bytes(alphabet[c] for c in out)


@settings(max_examples=8)
@given(codebooks, seeds, st.sampled_from(EDGES), st.sampled_from((-2, -1, 0, 1, 2)) | st.integers(-300, 300))
def test_a_long_text_is_parsed_as_a_whole(book, seed, edge, offset):
    book = drawn(*book)
    text = mixed_text(np.random.default_rng(seed), edge + offset)
    assert book.codebook.encode(text).tolist() == book.parse(text)


def priced(costs: dict[bytes, int]) -> Drawn:
    """The 256 bytes, the strings of `costs`, and others to fill it up, which cost 5,000 each as bytes do."""
    prices = {bytes([c]): 5000 for c in range(256)} | costs
    prices |= {bytes([255, c]): 5000 for c in range(511 - len(prices))}
    ordered = sorted(prices)
    ids = {string: number for number, string in enumerate(ordered, 1)}
    codebook = Codebook.from_strings([*prices], [*prices.values()])
    return Drawn(codebook, ids, [0, *(prices[string] for string in ordered)])


@functools.cache
def in_threes() -> Drawn:
    """Runs are cut in threes, so that the end of a run decides what its beginning is: b, ba or baa."""
    return priced({b"aaa": 100, b"aa": 30_000, b"a": 40_000, b"b": 2000, b"ba": 2000, b"baa": 2000})


@pytest.mark.parametrize("pieces", [1, 3, 7])
@pytest.mark.parametrize("tail", [b"", b"a", b"aa", b"bq", b"abq"])
def test_runs_whose_end_decides_their_beginning(tail, pieces):
    """Here every guess may be wrong, in three of four places it is."""
    text = b"qb" + b"a" * (pieces * WIDTH + 500) + tail
    assert in_threes().codebook.encode(text).tolist() == in_threes().parse(text)


def test_a_long_run_is_parsed_again_piece_by_piece():
    book = in_threes()
    for more in range(3):
        text = b"qb" + b"a" * (40 * WIDTH + more)
        ids = [book.ids[s] for s in (b"q", (b"baa", b"b", b"ba")[(40 * WIDTH + more + 1) % 3])]
        assert book.codebook.encode(text).tolist() == ids + [book.ids[b"aaa"]] * ((len(text) - 2) // 3)


def test_pieces_that_are_alike_but_followed_by_other_bytes():
    """The ways from the end of a run of a are as dear whether a or c follows, but strings that reach over it differ."""
    runs = {b"aaa": 100, b"aa": 30_000, b"a": 40_000}
    book = priced(runs | {string.replace(b"a", b"c"): cost for string, cost in runs.items()} | {b"ac": 90})
    texts = [b"a" * (2 * WIDTH) + c * (4 * WIDTH + more) for c in (b"a", b"c") for more in (0, 1, 2)]
    assert [ids.tolist() for ids in book.codebook.encode_batch(texts)] == [book.parse(text) for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize("text", [b"ab" * 7000, b"xyz" * 4500, de_bruijn(b"abxy", 6), de_bruijn(b"ab", 13)], ids=len)
@pytest.mark.parametrize("book", [(0, 12, False, None), (1, 40, False, "few"), (3, 12, False, "largest")])
def test_periods_and_de_bruijn_sequences(book, text):
    book = drawn(*book)
    assert book.codebook.encode(text).tolist() == book.parse(text)


@pytest.mark.parametrize("book", [(0, 12, False, None), (2, 255, False, "per byte")])
def test_all_strings_joined(book):
    book = drawn(*book)
    text = b"".join(book.ids) + b"".join(reversed(book.ids))
    assert book.codebook.encode(text).tolist() == book.parse(text)


@pytest.mark.parametrize("book", [(0, 12, False, None), (1, 40, False, "few")])
def test_a_batch_is_as_its_texts_alone(book):
    book = drawn(*book)
    rng = np.random.default_rng(4)
    batch = [mixed_text(rng, n) for n in (0, 1, 5, WIDTH, 0, 2 * WIDTH + 7, 300)] + [b"a" * (2 * WIDTH + 1)]
    assert [ids.tolist() for ids in book.codebook.encode_batch(batch)] == [book.parse(text) for text in batch]
    assert book.codebook.encode_batch([]) == []


@pytest.mark.slow
def test_many_texts_that_are_shorter_than_a_string():
    book = drawn(1, 40, False, "few")
    batch = [b"ab"[: i % 3] + b"q" for i in range(300)]
    assert [ids.tolist() for ids in book.codebook.encode_batch(batch)] == [book.parse(text) for text in batch]


@given(st.lists(st.binary(max_size=40), max_size=12), st.sampled_from((1, 2, 3, 7)))
def test_pieces_make_up_the_texts(texts, width):
    every = joined(texts)
    pieces = every.pieces(width)
    assert (pieces[:, 0] < pieces[:, 1]).all() and (pieces[:, 1] - pieces[:, 0] <= -(-3 * width // 2)).all()
    assert b"".join(every.bytes[begin:end].tobytes() for begin, end, _ in pieces) == b"".join(texts)
    inside = pieces[:, 1] < pieces[:, 2]
    assert np.array_equal(pieces[:-1, 1], pieces[1:, 0]) and not inside[-1:].any()
    assert sorted({*pieces[:, 2].tolist()}) == sorted({*pieces[~inside, 1].tolist()})


@pytest.mark.parametrize("length", [1, 7, 5000, MOST, WIDTH * 9 // 2])
@pytest.mark.parametrize("book", [(0, 12, True, None), (0, 12, False, None), (1, 40, False, "few")])
def test_ends_are_those_of_the_strings(book, length):
    text = mixed_text(np.random.default_rng(length), length)
    codebook = drawn(*book).codebook
    ids, ends = host.encode_with_ends(codebook, text)
    assert np.array_equal(ids, codebook.encode(text))
    assert np.array_equal(ends, np.cumsum(np.asarray(codebook.lengths)[ids]))
