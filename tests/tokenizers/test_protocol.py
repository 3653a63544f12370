"""What all tokenizers have in common: texts come back, padding means nothing, and what is no text or id is refused."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import (
    ArithmeticCoding,
    Bytes,
    Codebook,
    EqualInfo,
    EqualText,
    GZip,
    Huffman,
    SentencePiece,
    Tokenizer,
    Unigram,
)
from ecjax.testing import check_tokenizer
from tests.strategies import Markov, annotations_unchecked, make_table

TRAINING = b"Texts to learn subwords from; the longer the better, but these few will do.\n" * 20


@functools.cache
def markov(exact: bool = True) -> Markov:
    rng = np.random.default_rng(0)
    rows = np.stack([make_table(kind, 16, rng) for kind in ("random", "flat", "floor", "random")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), 16, exact)


@functools.cache
def unigram() -> Unigram:
    return Unigram.fit(TRAINING)


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "bytes": Bytes,
    "equal-info": lambda: EqualInfo(markov(), 9),
    "equal-info slices": lambda: EqualInfo(markov(), 9, 4),
    "codebook": lambda: EqualInfo(markov(), 9).compile(),
    "gzip": GZip,
    "gzip bits": lambda: GZip(1, header=False),
    "sentencepiece": lambda: SentencePiece.train([TRAINING], 400),
    "ac": lambda: ArithmeticCoding(markov(), 12),
    "static ac": lambda: ArithmeticCoding(unigram(), 16),
    "huffman": lambda: Huffman(markov(), 8),
    "equal-text": lambda: EqualText(markov(), 4, 8),
    "equal-text joined": lambda: EqualText(markov(), 4, 8, delimiters=False),
}
SLOW = {"equal-info slices", "static ac"}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in MAKERS]


@functools.cache
def make(name: str) -> Tokenizer:
    return MAKERS[name]()


any_bytes = st.binary(max_size=30) | st.text(max_size=8).map(str.encode)


TOTAL = {"bytes", "equal-info", "equal-info slices", "codebook", "sentencepiece"}  # of which any ids decode


@pytest.mark.parametrize("name", NAMES)
def test_they_keep_the_promises_of_the_protocol(name):
    assert isinstance(make(name), Tokenizer)
    check_tokenizer(make(name), [TRAINING], total=name in TOTAL)


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(any_bytes, min_size=2, max_size=2))
def test_texts_come_back(name, batch):
    tokenizer = make(name)
    ids = tokenizer.encode_batch(batch)
    assert all(part.dtype == np.int32 for part in ids)
    assert all(((part >= 0) & (part < tokenizer.vocab_size)).all() for part in ids)
    assert tokenizer.decode_batch(ids) == batch


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(any_bytes, st.integers(1, 40))
def test_padding_after_a_text_means_nothing(name, text, count):
    tokenizer = make(name)
    padded = [*tokenizer.encode(text).tolist(), *[tokenizer.padding_id] * count]
    assert tokenizer.decode(padded) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_text_of_no_bytes_has_no_ids(name):
    tokenizer = make(name)
    assert [part.tolist() for part in tokenizer.encode_batch([b"", b""])] == [[], []]
    assert tokenizer.decode_batch([[], [tokenizer.padding_id] * 3]) == [b"", b""]
    assert tokenizer.encode_batch([]) == [] and tokenizer.decode_batch([]) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "ids, error, match",
    [
        ([0, 1 << 16], ValueError, "got 65536 at position 1"),
        ([-1], ValueError, "got -1 at position 0"),
        ([0, 2**70], ValueError, "got 1180591620717411303424 at position 1"),
        ([0.5], TypeError, "integers in one dimension"),
        ([[0]], TypeError, "integers in one dimension"),
        (3, TypeError, "integers in one dimension"),
        ("a", TypeError, "integers in one dimension"),
        (None, TypeError, "integers in one dimension"),
    ],
)
def test_what_is_no_id_is_refused(name, ids, error, match):
    tokenizer = make(name)
    with annotations_unchecked():
        with pytest.raises(error, match=match):
            tokenizer.decode(ids)
        with pytest.raises(error, match=match):
            tokenizer.decode_batch([[0], ids])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text, match", [("a", r"got str; encode it first"), (None, "NoneType"), ([97], "list")])
def test_what_is_no_text_is_refused(name, text, match):
    tokenizer = make(name)
    if isinstance(tokenizer, Codebook) and isinstance(text, str):
        pytest.skip("codebooks take str as UTF-8")
    with annotations_unchecked():
        with pytest.raises(TypeError, match=match):
            tokenizer.encode(text)
        with pytest.raises(TypeError, match=match):
            tokenizer.encode_batch([b"", text])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gzip", "ac", "huffman", "equal-text", "equal-text joined"])
@pytest.mark.parametrize("damage", ["cut", "changed", "random"])
def test_damaged_ids_are_refused_or_other_text(name, damage):
    tokenizer = make(name)
    rng = np.random.default_rng(0)
    ids = tokenizer.encode(b"a text of which something gets lost")
    for i in range(len(ids)):
        damaged = ids.copy()
        if damage == "cut":
            damaged = damaged[:i]
        elif damage == "changed":
            damaged[i] = rng.integers(tokenizer.vocab_size)
        else:
            damaged = rng.integers(tokenizer.vocab_size, size=i)
        try:
            assert isinstance(tokenizer.decode(damaged), bytes)
        except ValueError as error:
            assert "ids" in str(error)


@pytest.mark.parametrize("token_bits", [-1, 0, 17])
@pytest.mark.parametrize(
    "make",
    [
        GZip,
        lambda v: ArithmeticCoding(unigram(), v),
        lambda v: Huffman(unigram(), v),
        lambda v: EqualText(unigram(), 4, v),
    ],
)
def test_ids_of_other_sizes_are_refused(make, token_bits):
    with pytest.raises(ValueError, match=f"a token has 1 to 16 bits, got {token_bits}"):
        make(token_bits)


@pytest.mark.parametrize("kind", [ArithmeticCoding, Huffman, EqualText])
def test_inexact_models_are_refused_unless_allowed(kind):
    inexact = markov(exact=False)
    with pytest.raises(ValueError, match=r"Markov is not exact.*allow_inexact=True"):
        kind(inexact)
    assert kind(inexact, allow_inexact=True).model is inexact


def test_the_package_offers_them():
    assert ecjax.EqualInfo is EqualInfo and ecjax.Bytes is Bytes and ecjax.SentencePiece is SentencePiece
    assert set(ecjax.__all__) <= set(dir(ecjax))
