"""Equal-Info tokens: ids are slices of the oracle's windows, texts come back, and what cannot work is refused."""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import EqualInfo, Unigram
from ecjax.models.transformer import Transformer, TransformerByteModel, configuration
from specs.oracle import tokens
from specs.oracle import windows as oracle
from tests.coding.test_published import model as ambiguous
from tests.oracles import published, resets
from tests.strategies import Markov, annotations_unchecked, make_table, padded, python_model, sample, texts

SIZE = 48
SLICES = [
    (9, 9),
    pytest.param(33, 16, marks=pytest.mark.slow),
    *(pytest.param(b, v, marks=pytest.mark.deep) for b, v in [(16, 8), (127, 3)]),
]


@functools.cache
def model(seed: int = 0, precision: int = 16) -> Markov:
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, precision, rng) for kind in ("random", "flat", "floor", "random")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), precision)


jit_encode = jax.jit(EqualInfo.encode_array)
jit_decode = jax.jit(EqualInfo.decode_array, static_argnames="capacity")


@pytest.mark.parametrize("bits, token_bits", SLICES)
@given(st.integers(0, 1), st.data())
@pytest.mark.slow
def test_ids_are_slices_of_the_windows_of_the_oracle(bits, token_bits, seed, data):
    tokenizer = EqualInfo(model(seed), bits, token_bits)
    batch = [data.draw(texts(24, tokenizer.model)), data.draw(texts(24, tokenizer.model))]
    ids = tokenizer.encode_batch(batch)
    for text, encoded in zip(batch, ids, strict=True):
        codes = oracle.encode(python_model(tokenizer.model), text, bits)
        assert encoded.dtype == np.int32
        assert encoded.tolist() == tokens.cut(codes, bits, token_bits)
    assert tokenizer.decode_batch(ids) == batch


@pytest.mark.parametrize("bits, token_bits", SLICES)
def test_any_ids_decode(bits, token_bits):
    tokenizer = EqualInfo(model(), bits, token_bits)
    rng = np.random.default_rng(bits)
    for count in (0, 1, 2, 7, 40):
        ids = rng.integers(tokenizer.vocab_size, size=count)
        codes = tokens.join(ids.tolist(), bits, token_bits)
        expected = oracle.decode(python_model(tokenizer.model), codes, bits)
        assert tokenizer.decode(ids) == expected
        # Padding adds no text where windows and ids end together.
        if count * token_bits % bits == 0:
            assert tokenizer.decode([*ids.tolist(), *[0] * 5]) == expected


def test_ids_of_other_types_decode_too():
    tokenizer = EqualInfo(model(), 9)
    for dtype in (np.uint16, np.int64, np.uint64):
        assert tokenizer.decode(np.array([5, 300, 511], dtype)) == tokenizer.decode([5, 300, 511])
    with annotations_unchecked():
        assert tokenizer.decode(cast(Any, jnp.array([5, 300, 511]))) == tokenizer.decode([5, 300, 511])


@pytest.mark.slow
def test_a_batch_of_more_texts_than_are_encoded_at_once():
    tokenizer = EqualInfo(model(), 9)
    rng = np.random.default_rng(0)
    batch = [rng.bytes(int(n)) for n in rng.integers(0, 60, size=70)]
    ids = tokenizer.encode_batch(batch)
    assert [i.tolist() for i in ids[:5]] == [tokenizer.encode(text).tolist() for text in batch[:5]]
    assert tokenizer.decode_batch(ids) == batch


def test_a_batch_of_nothing():
    tokenizer = EqualInfo(model(), 9)
    assert tokenizer.encode_batch([]) == [] and tokenizer.decode_batch([]) == []
    assert [ids.tolist() for ids in tokenizer.encode_batch([b"", b""])] == [[], []]
    assert tokenizer.decode_batch([[], np.zeros(0, np.int32), [0]]) == [b"", b"", b""]


@pytest.mark.slow
def test_windows_longer_than_there_is_room_for_at_first():
    sure = np.ones(256, np.uint32)
    sure[97] = 512 - 255
    table = np.concatenate([[0], np.cumsum(sure)]).astype(np.uint32)
    tokenizer = EqualInfo(Unigram(table, 9), 16)
    text = b"b" + b"a" * 500 + b"xyz" + b"a" * 200
    ids = tokenizer.encode(text)
    assert max(len(tokenizer.decode([i])) for i in ids.tolist()) > 64
    assert tokenizer.decode(ids) == text


@given(st.data(), st.integers(0, 255))
@pytest.mark.slow
def test_arrays_inside_jit(data, filler):
    tokenizer = EqualInfo(model(), 16, 5)
    text = data.draw(texts(SIZE, tokenizer.model))
    ids, count = jit_encode(tokenizer, jnp.asarray(padded(text, SIZE, filler)), jnp.array(len(text)))
    codes = oracle.encode(python_model(tokenizer.model), text, 16)
    assert ids.dtype == jnp.int32 and not ids[count:].any()
    assert ids[:count].tolist() == tokens.cut(codes, 16, 5)
    strings, lengths = map(np.asarray, jit_decode(tokenizer, ids, capacity=SIZE))
    assert b"".join(row[:n].tobytes() for row, n in zip(strings, lengths, strict=True)) == text


@pytest.mark.deep
@pytest.mark.slow
def test_wider_default_dtypes_change_nothing():
    tokenizer = EqualInfo(model(), 33, 16)
    text = sample(tokenizer.model, SIZE, np.random.default_rng(0))
    expected = tokenizer.encode(text)
    with jax.enable_x64(True):
        ids = tokenizer.encode(text)
        assert ids.dtype == np.int32 and ids.tolist() == expected.tolist()
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("bits, token_bits", [(9, 9), (15, 15), (16, 16), (17, 16), (128, 16)])
def test_default_ids_are_whole_windows_up_to_16_bits(bits, token_bits):
    tokenizer = EqualInfo(model(), bits)
    assert tokenizer.token_bits == token_bits
    assert (tokenizer.vocab_size, tokenizer.padding_id) == (2**token_bits, 0)


def test_default_windows_have_16_bits():
    assert EqualInfo(model()).bits == 16


@pytest.mark.parametrize("bits", [-1, 0, 8, 129])
def test_other_budgets_are_refused(bits):
    with pytest.raises(ValueError, match=f"a window has 9 to 128 bits, got {bits}"):
        EqualInfo(model(), bits)


@pytest.mark.parametrize("token_bits", [-1, 0, 17, 32])
def test_other_ids_are_refused(token_bits):
    with pytest.raises(ValueError, match=f"a token has 1 to 16 bits, got {token_bits}"):
        EqualInfo(model(), 32, token_bits)


@pytest.mark.parametrize("policy", ["", "Greedy", "delayed"])
def test_other_policies_are_refused(policy):
    with annotations_unchecked(), pytest.raises(ValueError, match=f"greedy.* got '{policy}'"):
        EqualInfo(model(), 16, policy=policy)


@pytest.mark.parametrize("precision", [8, 17])
def test_models_of_another_precision_are_refused(precision):
    with pytest.raises(ValueError, match=f"9 to 16 bits, got {precision}"):
        EqualInfo(Markov(model().tables, precision), 16)


def float_model() -> TransformerByteModel:
    return TransformerByteModel(Transformer(configuration("tiny", 256, 4), key=jax.random.key(0)))


def test_inexact_models_are_refused_unless_allowed():
    with pytest.raises(ValueError, match=r"TransformerByteModel is not exact.*ecjax quantize.*allow_inexact=True"):
        EqualInfo(float_model(), 9)
    with pytest.raises(ValueError, match="Markov is not exact"):
        EqualInfo(Markov(model().tables, 16, exact=False))
    assert EqualInfo(float_model(), 9, allow_inexact=True).bits == 9


def test_compiled_tokens_are_the_same():
    tokenizer = EqualInfo(model(), 9)
    codebook = tokenizer.compile({"from": "a test"})
    text = sample(model(), 200, np.random.default_rng(1))
    assert codebook.encode(text).tolist() == tokenizer.encode(text).tolist()
    assert "a test" in codebook.provenance


@pytest.mark.parametrize("bits, token_bits", [(16, 8), (9, 10)])
def test_there_is_no_codebook_of_parts_of_windows(bits, token_bits):
    with pytest.raises(ValueError, match=f"token_bits must be {bits}, not {token_bits}"):
        EqualInfo(model(), bits, token_bits).compile()


def test_there_is_no_codebook_of_more_than_16_bits():
    for token_bits in (None, 8):
        with pytest.raises(ValueError, match="9 to 16 bits, got 32; windows of more have no table"):
            EqualInfo(model(), 32, token_bits).compile()


# The paper's own windows, and windows that pass M1's state on.


@pytest.mark.slow
@pytest.mark.parametrize("code", ["published", pytest.param("delayed", marks=pytest.mark.deep)])
def test_published_windows_are_those_of_the_oracle_and_so_are_those_that_do_not_come_back(code):
    m = ambiguous(2, 9)
    tokenizer = EqualInfo(m, 16, 8, code=code)
    text = sample(m, 150, np.random.default_rng(3)) + b"\0\xff"
    windows = published.windows(python_model(m), text, 16, code == "delayed")
    read = [published.decode_window(python_model(m), number, 16, code == "delayed") for number, _ in windows]
    ids = tokenizer.encode(text)
    assert ids.tolist() == tokens.cut([number for number, _ in windows], 16, 8)
    assert tokenizer.decode(ids) == b"".join(read)
    wrong = [i for i, (_, string) in enumerate(windows) if read[i] != string]
    assert tokenizer.undecodable(text).tolist() == wrong
    assert bool(wrong) == (code == "published")


@pytest.mark.slow
@pytest.mark.parametrize("code", [pytest.param("published", marks=pytest.mark.deep), "delayed"])
def test_published_arrays_inside_jit(code):
    tokenizer = EqualInfo(model(0, 9), 16, 5, code=code)
    text = sample(tokenizer.model, SIZE - 8, np.random.default_rng(4))
    ids, count = jit_encode(tokenizer, jnp.asarray(padded(text, SIZE, 7)), jnp.array(len(text)))
    assert ids[:count].tolist() == tokenizer.encode(text).tolist() and not ids[count:].any()
    strings, lengths = map(np.asarray, jit_decode(tokenizer, ids[:count], capacity=SIZE))
    found = b"".join(row[:n].tobytes() for row, n in zip(strings, lengths, strict=True))
    assert found == tokenizer.decode(ids[:count].tolist())


def test_preorder_windows_all_come_back():
    tokenizer, text = EqualInfo(model(), 9), sample(model(), 100, np.random.default_rng(0))
    strings = tokenizer.cut(text)
    assert b"".join(strings) == text and all(strings) and len(strings) == len(tokenizer.encode(text))
    assert tokenizer.spell(tokenizer.encode(text)) == strings
    found = tokenizer.undecodable(text)
    assert found.dtype == np.int32 and len(found) == 0 and len(tokenizer.undecodable(b"")) == 0


@pytest.mark.parametrize("reset", [pytest.param(2, marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.deep)])
def test_windows_that_pass_the_state_on_come_back(reset):
    tokenizer = EqualInfo(model(), 33, 16, reset=reset)
    batch = [sample(model(), 200, np.random.default_rng(0)), b"", b"\0" * 9]
    ids = tokenizer.encode_batch(batch)
    codes = [resets.encode_blocks(python_model(model()), text, 33, reset) for text in batch]
    assert [own.tolist() for own in ids] == [tokens.cut(own, 33, 16) for own in codes]
    assert tokenizer.decode_batch(ids) == batch and len(tokenizer.undecodable(batch[0])) == 0


def test_settings_that_do_not_go_together_are_refused():
    with (
        annotations_unchecked(),
        pytest.raises(ValueError, match="'preorder', 'published' or 'delayed', got 'huffman'"),
    ):
        EqualInfo(model(), 16, code=cast(Any, "huffman"))
    with pytest.raises(ValueError, match=r"1 or more windows, or never \(None\), got 0"):
        EqualInfo(model(), 16, reset=0)
    for code in ("published", "delayed"):
        with pytest.raises(ValueError, match=f"code '{code}': reset must be 1, not None"):
            EqualInfo(model(), 16, code=code, reset=None)
        with pytest.raises(ValueError, match=r"one byte can take 16 bits.* got 15"):
            EqualInfo(model(), 15, code=code)
    with pytest.raises(ValueError, match="not of code 'published' and reset 1"):
        EqualInfo(model(), 16, code="published").compile()
    passing = EqualInfo(model(), 16, reset=2)
    with pytest.raises(ValueError, match="not of code 'preorder' and reset 2"):
        passing.compile()
    with pytest.raises(ValueError, match="reset must be 1, not 2"):
        passing.encode_array(jnp.zeros(3, jnp.uint8), jnp.array(3))
    with pytest.raises(ValueError, match="reset must be 1, not 2"):
        passing.decode_array(jnp.zeros(3, jnp.int32), 3)
