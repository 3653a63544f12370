"""Arithmetic coding as tokens: streams of the plain Python definition in a frame, and what cannot be one is refused."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from ecjax import ArithmeticCoding, Unigram, serialisation
from ecjax.tokenizers.bits import write_number
from specs.oracle import stream as oracle
from tests.strategies import Markov, make_table, python_model, texts


@functools.cache
def markov() -> Markov:
    rng = np.random.default_rng(0)
    rows = np.stack([make_table(kind, 16, rng) for kind in ("random", "flat", "floor", "random")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), 16)


def frame(model: oracle.Model, text: bytes) -> bytes:
    """The byte string of a text by its definition."""
    out = write_number(len(text))
    for i in range(0, len(text), 10_240):
        code = oracle.encode(model, text[i : i + 10_240])
        out += len(code).to_bytes(2, "big") + code
    return out


@given(texts(160, markov()))
def test_ids_are_the_stream_of_the_definition(text):
    tokenizer = ArithmeticCoding(markov())
    ids = tokenizer.encode(text)
    assert bytes(ids.tolist()) == (frame(python_model(markov()), text) if text else b"")
    assert tokenizer.decode(ids) == text


@pytest.mark.slow
def test_blocks_are_streams_of_their_own():
    model = Unigram.fit(serialisation.asset("sample.txt").read_bytes())
    table = np.asarray(model.table).tolist()
    tokenizer = ArithmeticCoding(model, 16)
    batch = [serialisation.asset("sample.txt").read_bytes()[:n] for n in (10_240, 20_481, 3)]
    ids = tokenizer.encode_batch(batch)
    for text, own in zip(batch, ids, strict=True):
        code = b"".join(int(i).to_bytes(2, "big") for i in own)
        assert code.removesuffix(b"\0") == frame(lambda _: table, text).removesuffix(b"\0")
    assert tokenizer.decode_batch(ids) == batch


@pytest.mark.slow
def test_real_text_comes_back():
    text = serialisation.asset("sample.txt").read_bytes()
    tokenizer = ArithmeticCoding(Unigram.fit(text), 8)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert 8 * len(ids) < 4.7 * len(text)


def test_frames_that_cannot_be_are_refused():
    tokenizer = ArithmeticCoding(markov())
    code = bytes(tokenizer.encode(b"a text").tolist())
    for damaged, match in [
        (write_number(2**50) + code[1:], f"of {2**50} bytes, but are too few"),
        (b"\x06\xff\xff" + code[3:], "no whole code of each block"),
        (b"\x02" + code[1:], "no whole code of each block"),
        (code[:-1], "no whole code of each block"),
        (code + b"\0\0\1", "other than 0 after the last"),
    ]:
        with pytest.raises(ValueError, match=match):
            tokenizer.decode(list(damaged))
