"""Codebooks of models: the same tokens as running the model."""

import itertools
import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax.codebook import compile_codebook
from specs.oracle import windows as oracle
from tests.codebook.support import codebook_of, compiled, jit_decode, random_model, strings_of, walk
from tests.strategies import Markov, python_model, sample, texts


@pytest.mark.parametrize("bits", [9, pytest.param(12, marks=pytest.mark.deep)])
@given(st.integers(0, 2), st.data())
def test_encodes_as_the_oracle_does(bits, seed, data):
    model, codebook = compiled(bits, seed)
    text = data.draw(texts(24, model))
    ids = codebook.encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == oracle.encode(python_model(model), text, bits)
    assert codebook.decode(ids) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "bits, kinds",
    [
        (9, ("spiky", "floor")),
        pytest.param(10, ("floor", "random"), marks=pytest.mark.deep),
        pytest.param(16, ("random", "floor"), marks=pytest.mark.deep),
    ],
)
def test_is_the_tokenizer_that_runs_the_model(bits, kinds):
    model, codebook = compiled(bits, 7, *kinds)
    tokenizer = ecjax.EqualInfo(model, bits)
    rng = np.random.default_rng(bits)
    batch = [b"", b"a", rng.bytes(500), bytes(range(256)), sample(model, 500, rng), b"a" * 300, bytes(300)]
    for text, ids, expected in zip(batch, codebook.encode_batch(batch), tokenizer.encode_batch(batch), strict=True):
        np.testing.assert_array_equal(ids, expected)
        assert ids.dtype == expected.dtype == np.int32
        assert codebook.decode(ids) == text
    ids = rng.integers(2**bits, size=200)
    assert codebook.decode(ids) == tokenizer.decode(ids)
    assert (codebook.vocab_size, codebook.padding_id) == (tokenizer.vocab_size, tokenizer.padding_id)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [9, pytest.param(10, marks=pytest.mark.slow), 12])
def test_has_the_strings_of_the_oracle(bits):
    model, codebook = compiled(bits, 0)
    strings = strings_of(codebook)
    assert all(lower < upper for lower, upper in itertools.pairwise(strings))
    assert [len(s) for s in strings] == codebook.lengths.tolist()
    table = python_model(model)
    for code in [*range(3), *np.random.default_rng(0).integers(2**bits, size=40).tolist(), 2**bits - 1]:
        assert codebook.decode([code]) == strings[code] == oracle.decode_window(table, code, bits)


@pytest.mark.slow
@pytest.mark.parametrize("bits, following", [(9, 255), (10, 256), (10, 5)])
def test_bytes_that_never_follow_another(bits, following):
    extra = [bytes([a, b]) for a in range(3, 256) for b in range(255, 255 - following, -1)]
    codebook = codebook_of(extra, bits)
    assert len(set(codebook.last_bytes[np.asarray(codebook.parents) > 0].tolist())) == following
    codes = {string: code for code, string in enumerate(strings_of(codebook))}
    for byte in range(256):
        text = bytes([3, byte, byte, 4, byte, 5, 255, byte, 3])
        assert codebook.encode(text).tolist() == walk(codes, text)
    restored, total = jit_decode(codebook, jnp.array([codes[b"\7"], codes[b"\3\xff"]]), capacity=9)
    assert total == 3 and np.asarray(restored).tobytes() == b"\7\3\xff".ljust(9, b"\0")


@pytest.mark.deep
@pytest.mark.slow
def test_a_tree_in_which_every_byte_follows_another():
    model, codebook = compiled(16, 3, "flat", "random")
    assert len(set(codebook.last_bytes[np.asarray(codebook.parents) > 0].tolist())) == 256
    text = bytes(range(256)) * 3 + np.random.default_rng(1).bytes(500)
    assert codebook.encode(text).tolist() == oracle.encode(python_model(model), text, 16)


def test_compiling_reports_and_keeps_its_provenance():
    found = []
    codebook = compile_codebook(random_model(0), 9, {"b": 1, "a": "x"}, found.append)
    assert found[-1] == 512 and found == sorted(found)
    assert json.loads(codebook.provenance) == {"a": "x", "b": 1}


def test_a_model_of_another_precision_is_refused():
    model = random_model(0)
    with pytest.raises(ValueError, match="9 to 16 bits, got 17"):
        compile_codebook(Markov(model.tables, 17), 9)


@pytest.mark.parametrize("bits", [0, 8, 17, 32])
def test_there_are_codebooks_of_9_to_16_bits_only(bits):
    with pytest.raises(ValueError, match=f"9 to 16 bits, got {bits}"):
        compile_codebook(random_model(0), bits)


@pytest.mark.slow
def test_a_model_too_sure_for_a_table_is_refused_before_all_is_found(monkeypatch):
    monkeypatch.setattr("ecjax.codebook.table._MAX_STRINGS", 1 << 22)
    with pytest.raises(ValueError, match="too sure of itself for a table; use EqualInfo"):
        compile_codebook(random_model(0, ("spiky",)), 16)
