"""The ByteModel protocol: a model that a user writes in ten lines works everywhere."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax.coding import stream
from ecjax.frequencies import check_table
from ecjax.models.base import ByteModel
from ecjax.testing import check_model
from specs.oracle import windows as oracle
from tests.strategies import make_table, models, precisions, python_model, texts

SIZE = 40


class Pairs(ecjax.ByteModel):
    """Counts of pairs: what a user may write."""

    tables: jax.Array
    precision: int = eqx.field(static=True, default=12)
    exact: bool = eqx.field(static=True, default=True)

    def init(self):
        return jnp.array(32)

    def step(self, state, byte):
        return byte.astype(state.dtype)

    def frequencies(self, state):
        return self.tables[state]


def pairs(text: bytes) -> Pairs:
    counts = np.zeros((256, 256), np.int32)
    np.add.at(counts, (list(text[:-1]), list(text[1:])), 1)
    return Pairs(jax.vmap(lambda row: ecjax.frequency_table_from_counts(row, 12))(jnp.asarray(counts)))


TEXT = b"the quick brown fox jumps over the lazy dog; the dog sleeps on. " * 3
jit_sequence = eqx.filter_jit(lambda model, text: model.sequence(text))
jit_stepping = eqx.filter_jit(lambda model, text: ByteModel.sequence(model, text))


@pytest.mark.slow
def test_a_users_model_tokenizes():
    model = pairs(TEXT)
    check_model(model, TEXT)
    for tokenizer in (ecjax.EqualInfo(model, 12), ecjax.EqualInfo(model, 12).compile()):
        for text in (TEXT, TEXT[7:50] + b"\xff\0never seen", b""):
            ids = tokenizer.encode(text)
            assert tokenizer.decode(ids) == text
            assert len(ids) < max(1, len(text))
    rows = np.asarray(model.tables).tolist()
    expected = oracle.encode(lambda text: rows[text[-1] if text else 32], TEXT[:60], 12)
    assert ecjax.EqualInfo(model, 12).encode(TEXT[:60]).tolist() == expected


@pytest.mark.slow
def test_a_users_model_codes_streams():
    model = pairs(TEXT)
    text = jnp.asarray(np.frombuffer(TEXT, np.uint8))
    coded = jax.jit(stream.encode)(model, text, jnp.array(len(TEXT)))
    assert coded.length < len(TEXT) // 2
    restored = stream.decode(model, coded.code, len(TEXT), len(TEXT))
    assert np.asarray(restored).tobytes() == TEXT


@pytest.mark.slow
def test_precision_and_exact_may_be_said_in_any_way():
    class Flat(ecjax.ByteModel):
        precision = 9

        @property
        def exact(self):  # pyright: ignore[reportIncompatibleVariableOverride]
            return True

        def init(self):
            return ()

        def step(self, state, byte):
            return ()

        def frequencies(self, state):
            return jnp.arange(257, dtype=jnp.uint32) * 2

    tokenizer = ecjax.EqualInfo(Flat(), 9)
    assert tokenizer.decode(tokenizer.encode(b"flat")) == b"flat"


def test_a_model_that_leaves_something_out_cannot_be_made():
    class Silent(ecjax.ByteModel):
        precision: int = 16

        def init(self):
            return ()

        def step(self, state, byte):
            return ()

        def frequencies(self, state):
            return jnp.arange(257, dtype=jnp.uint32)

    with pytest.raises(TypeError, match="exact"):
        Silent()

    class Half(ecjax.ByteModel):
        precision: int = 16
        exact: bool = True

        def init(self):
            return ()

    with pytest.raises(TypeError, match=r"abstract.*frequencies"):
        cast(Any, Half)()


@given(precisions.flatmap(models).flatmap(lambda m: st.tuples(st.just(m), texts(SIZE, m))))
def test_sequence_equals_stepping(case):
    model, text = case
    array = jnp.asarray(np.frombuffer(text.ljust(SIZE, b"\0"), np.uint8))
    tables = np.asarray(jit_sequence(model, array))
    assert tables.dtype == np.uint32 and tables.shape == (SIZE, 257)
    np.testing.assert_array_equal(tables, jit_stepping(model, array))
    table = python_model(model)
    for i in range(len(text)):
        assert tables[i].tolist() == table(text[:i])


@given(st.binary(max_size=SIZE), precisions)
def test_unigram(text, precision):
    model = ecjax.Unigram.fit(text, precision)
    assert model.exact and model.precision == precision
    check_table(np.asarray(model.table), precision)
    frequencies = np.diff(np.asarray(model.table).astype(int))
    for byte in set(text):
        assert frequencies[byte] >= (text.count(byte) / len(text)) * ((1 << precision) - 256)
    array = jnp.asarray(np.frombuffer(text.ljust(SIZE, b"\0"), np.uint8))
    np.testing.assert_array_equal(jit_sequence(model, array), jit_stepping(model, array))


@pytest.mark.parametrize("length", [0, 1])
def test_sequences_of_nothing_and_one_byte(length):
    rng = np.random.default_rng(0)
    for model in (ecjax.Unigram(make_table("random", 16, rng)), pairs(TEXT)):
        tables = model.sequence(jnp.zeros(length, jnp.uint8))
        assert tables.shape == (length, 257)
        np.testing.assert_array_equal(tables, ByteModel.sequence(model, jnp.zeros(length, jnp.uint8)))


def test_a_unigram_of_another_precision_is_refused():
    table = make_table("random", 12, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"strictly from 0 to 2\*\*16"):
        ecjax.Unigram(table)
    with pytest.raises(ValueError, match="9 to 16 bits"):
        ecjax.Unigram(table, 17)
