"""Equal-Text tokens: the shortest code of each window by its definition, with and without delimiters."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import EqualText, Unigram, serialisation
from ecjax.tokenizers.bits import write_number
from specs.oracle import stream
from tests.oracles import published
from tests.strategies import Markov, make_table, models, python_model, texts

SIZE = 4


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def window_codes(model: Markov, text: bytes) -> list[str]:
    """The code of each window by its definition."""
    out = []
    for i in range(0, len(text), SIZE):
        m, k = published.shortest(*stream.interval(python_model(model), text[i : i + SIZE]))
        out.append(f"{m:0{k}b}")
    return out


def slices(bits: str, token_bits: int) -> list[int]:
    return [int(bits[i : i + token_bits].ljust(token_bits, "0"), 2) for i in range(0, len(bits), token_bits)]


models_and_texts = models(16).flatmap(lambda model: st.tuples(st.just(model), texts(40, model)))
token_bits = st.sampled_from((1, 8, 12, 16))


@pytest.mark.slow
@given(models_and_texts, token_bits)
def test_windows_have_their_shortest_codes_and_a_delimiter(case, v):
    model, text = case
    tokenizer = EqualText(model, SIZE, v)
    groups = [bits_of(write_number(len(text))), *window_codes(model, text)] if text else []
    assert tokenizer.encode(text).tolist() == [i for group in groups for i in [*(j + 1 for j in slices(group, v)), 0]]
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.slow
@given(models_and_texts, token_bits)
def test_without_delimiters_codes_follow_one_another(case, v):
    model, text = case
    tokenizer = EqualText(model, SIZE, v, delimiters=False)
    bits = bits_of(write_number(len(text))) + "".join(window_codes(model, text)) if text else ""
    assert tokenizer.encode(text).tolist() == slices(bits, v)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.slow
def test_batches_of_texts_of_other_lengths():
    for delimiters in (True, False):
        tokenizer = EqualText(certain(), SIZE, 8, delimiters)
        batch = [b"a" * 9, b"", b"bcd", b"\xff" * 16, b"a"]
        assert tokenizer.decode_batch(tokenizer.encode_batch(batch)) == batch


@functools.cache
def certain() -> Markov:
    """A model that expects one byte after each."""
    rng = np.random.default_rng(1)
    return Markov(jnp.asarray(np.stack([make_table("spiky", 16, rng) for _ in range(257)])), 16)


def test_windows_that_do_not_fit_are_refused():
    for precision, most in ((16, 8), (9, 14)):
        for size in (0, most + 1):
            with pytest.raises(ValueError, match=f"precision {precision} a window has 1 to {most} bytes, got {size}"):
                EqualText(Unigram.fit(b"a", precision), size)


def test_ids_that_are_not_those_of_a_text_are_refused():
    tokenizer = EqualText(certain(), SIZE, 8)
    ids = tokenizer.encode(b"windows of a text").tolist()
    for damaged, match in [
        (ids[:-1], "do not end with a delimiter"),
        (ids[: -ids[::-1].index(0, 1)], "of 17 bytes have 5 windows, these have 4"),
        ([*ids, 5, 0], "of 17 bytes have 5 windows, these have 6"),
    ]:
        with pytest.raises(ValueError, match=match):
            tokenizer.decode(damaged)
    tokenizer = EqualText(certain(), SIZE, 8, delimiters=False)
    ids = tokenizer.encode(b"windows of a text").tolist()
    for damaged, match in [
        (list(write_number(2**50)) + ids[1:], f"of {2**50} bytes, but are too few"),
        (ids[:4], "not those of one text"),
        ([*ids, 0, 1], "not those of one text"),
    ]:
        with pytest.raises(ValueError, match=match):
            tokenizer.decode(damaged)


@pytest.mark.slow
@pytest.mark.parametrize("delimiters", [True, False])
def test_real_text_comes_back(delimiters):
    text = serialisation.asset("sample.txt").read_bytes()[:20_000]
    tokenizer = EqualText(Unigram.fit(text), 8, 16, delimiters)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert 16 * len(ids) < 4.7 * len(text) + delimiters * 32 * (len(text) / 8 + 3)
