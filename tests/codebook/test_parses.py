"""Codebooks of all kinds: each parse is the oracle's, and the promises hold whichever it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.codebook import Codebook, parsing
from tests.codebook.support import ALPHABET, SIZE, Drawn, codebooks, drawn, jit_encode, mixed_text
from tests.strategies import padded, seeds

KINDS = [(True, None), (False, None), (False, "any"), (True, "few")]
short_texts = st.text(ALPHABET[:5].decode(), max_size=SIZE).map(str.encode) | st.binary(max_size=SIZE)
jit_encode_batch = jax.jit(jax.vmap(Codebook.encode_array, (None, 0, 0)))


@given(codebooks, short_texts)
def test_a_parse_is_the_oracles_and_lossless(book, text):
    book = drawn(*book)
    ids = book.codebook.encode(text)
    assert ids.dtype == np.int32 and ids.tolist() == book.parse(text)
    assert book.codebook.decode(ids) == text and 0 not in ids


@given(codebooks, seeds)
def test_a_text_of_runs_and_periods(book, seed):
    book = drawn(*book)
    text = mixed_text(np.random.default_rng(seed), 900)
    assert book.codebook.encode(text).tolist() == book.parse(text)


@given(codebooks, st.lists(st.integers(0, 511), max_size=50))
def test_any_ids_decode(book, ids):
    book = drawn(*book)
    strings = sorted([b"", *book.ids])
    assert book.codebook.decode(ids) == b"".join(strings[i] for i in ids)
    assert [book.codebook.token_bytes(i) for i in ids] == [strings[i] for i in ids]


@given(codebooks)
def test_ids_sort_as_their_strings_and_0_is_the_empty_one(book):
    book = drawn(*book)
    strings = [book.codebook.token_bytes(i) for i in range(512)]
    assert strings == sorted(strings) == [b"", *book.ids]
    assert book.codebook.vocab_size == 512 and book.codebook.longest == max(map(len, strings))


@given(codebooks, st.integers(0, 511))
def test_descendants_begin_with_the_string(book, code):
    book = drawn(*book)
    strings = [b"", *book.ids]
    expected = [i for i, string in enumerate(strings) if string.startswith(strings[code])]
    assert list(range(*book.codebook.descendants(code))) == expected


@pytest.mark.parametrize("closed, costs", KINDS)
def test_inside_jit_and_vmap(closed, costs):
    book = drawn(1, 12, closed, costs)
    rng = np.random.default_rng(0)
    batch = [mixed_text(rng, n) for n in (SIZE, SIZE - 1, 5, 1, 0)]
    arrays = jnp.asarray(np.stack([padded(text, SIZE, 97) for text in batch]))
    lengths = jnp.array([len(text) for text in batch], jnp.int32)
    ids, counts = jit_encode_batch(book.codebook, arrays, lengths)
    assert ids.dtype == counts.dtype == jnp.int32
    for k, text in enumerate(batch):
        assert ids[k, : counts[k]].tolist() == book.parse(text) and not ids[k, counts[k] :].any()
        alone, count = jit_encode(book.codebook, arrays[k], lengths[k])
        np.testing.assert_array_equal(alone, ids[k])
        assert count == counts[k]


@pytest.mark.parametrize("closed, costs", KINDS)
def test_maps_inside_maps(closed, costs):
    book = drawn(1, 12, closed, costs)
    rng = np.random.default_rng(3)
    batch = [[mixed_text(rng, n) for n in row] for row in ((SIZE, 9), (0, 40), (1, SIZE - 3))]
    arrays = jnp.asarray(np.stack([[padded(text, SIZE, 97) for text in row] for row in batch]))
    lengths = jnp.array([[len(text) for text in row] for row in batch], jnp.int32)
    encode = jax.vmap(jax.vmap(book.codebook.encode_array, in_axes=(1, 0)), in_axes=(2, 0))
    ids, counts = encode(jnp.transpose(arrays, (2, 1, 0)), lengths)
    for i, row in enumerate(batch):
        for k, text in enumerate(row):
            assert ids[i, k, : counts[i, k]].tolist() == book.parse(text) and not ids[i, k, counts[i, k] :].any()
    one_text, counts = jax.vmap(book.codebook.encode_array, (None, 0))(arrays[0, 0], jnp.array([SIZE, 3], jnp.int32))
    assert one_text[1, : counts[1]].tolist() == book.parse(batch[0][0][:3])


@pytest.mark.parametrize("closed, costs", KINDS)
@pytest.mark.parametrize("texts, size", [(0, 5), (3, 0), (0, 0)])
def test_batches_of_nothing(closed, costs, texts, size):
    book = drawn(1, 12, closed, costs)
    ids, counts = jax.vmap(book.codebook.encode_array)(jnp.zeros((texts, size), jnp.uint8), jnp.zeros(texts, jnp.int32))
    assert ids.shape == (texts, size) and counts.tolist() == [0] * texts


def test_a_map_over_codebooks():
    books = [drawn(1, 12, True, "few"), drawn(1, 12, True, "few")]
    several = jax.tree.map(lambda *x: jnp.stack(x), *(book.codebook.rules for book in books))
    text = mixed_text(np.random.default_rng(4), SIZE)
    texts, lengths = jnp.asarray(padded(text, SIZE, 0))[None], jnp.array([SIZE], jnp.int32)
    ids, counts = jax.vmap(parsing.encode, in_axes=(0, None, None))(several, texts, lengths)
    for k, book in enumerate(books):
        assert ids[k, 0, : counts[k, 0]].tolist() == book.parse(text)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 7, 9, 255, 257, 700])
@pytest.mark.parametrize("closed, costs", KINDS)
def test_arrays_of_all_sizes(closed, costs, size):
    book = drawn(2, 40, closed, costs)
    text = mixed_text(np.random.default_rng(size), size)
    for length in {size, size // 2}:
        ids, count = jit_encode(book.codebook, jnp.asarray(padded(text, size)), jnp.array(length))
        assert ids.shape == (size,) and ids[:count].tolist() == book.parse(text[:length])


@pytest.mark.parametrize("closed, costs", KINDS)
def test_wider_default_dtypes_change_nothing(closed, costs):
    book = drawn(1, 12, closed, costs)
    text = mixed_text(np.random.default_rng(1), SIZE - 3)
    with jax.enable_x64(True):
        ids, count = jit_encode(book.codebook, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)))
        assert ids.dtype == count.dtype == jnp.int32
        assert ids[:count].tolist() == book.parse(text)


def simple(costs: dict[bytes, int], cost: int = 1000) -> Drawn:
    """Some strings at these costs, and others at another."""
    others = [bytes([c]) for c in range(256)] + [bytes([255, a]) for a in range(255)]
    every = {string: cost for string in others[: 511 - len(costs.keys() - set(others[:256]))]} | costs
    codebook = Codebook.from_strings(list(every), list(every.values()))
    ordered = sorted([b"", *every])
    return Drawn(codebook, {s: i for i, s in enumerate(ordered) if i}, [every.get(s, 0) for s in ordered])


@pytest.mark.parametrize(
    "costs, text, expected",
    [
        ({b"ab": 10, b"abc": 21, b"c": 11, b"a": 9, b"bc": 12}, b"abc", [b"abc"]),  # all three ways cost 21
        ({b"ab": 10, b"abc": 22, b"c": 11, b"a": 9, b"bc": 12}, b"abc", [b"ab", b"c"]),  # the longest costs more
        ({b"ab": 11, b"abc": 22, b"c": 11, b"a": 9, b"bc": 12}, b"abc", [b"a", b"bc"]),
        ({b"a": 0, b"aa": 0, b"aaaa": 0}, b"aaaaaaa", [b"aaaa", b"aa", b"a"]),
        ({b"a": 65535, b"aa": 65535, b"aaa": 65535}, b"aaaaa", [b"aaa", b"aa"]),
    ],
)
def test_ties_go_to_the_longest_string_first(costs, text, expected):
    book = simple(costs)
    found = [book.codebook.token_bytes(int(i)) for i in book.codebook.encode(text)]
    assert found == expected and book.codebook.encode(text).tolist() == book.parse(text)


def test_the_longest_string_is_found_behind_prefixes_that_are_none():
    strings = [bytes([c]) for c in range(256)] + [b"abcdefgh", b"abc", b"cd"] + [bytes([255, a]) for a in range(252)]
    codebook = Codebook.from_strings(strings)
    for text, cut in ((b"abcdefgh", [b"abcdefgh"]), (b"abcdefgx", [b"abc", *(b"%c" % c for c in b"defgx")])):
        assert [codebook.token_bytes(int(i)) for i in codebook.encode(text)] == cut
