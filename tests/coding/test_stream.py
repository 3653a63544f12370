"""Whole-stream coding: what ecjax.coding.stream promises, and agreement with the plain Python definition."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding import stream
from ecjax.models.base import ByteModel
from ecjax.models.unigram import Unigram
from specs.oracle import stream as oracle
from tests.strategies import (
    PRECISIONS,
    Markov,
    make_table,
    models,
    models_and_texts,
    padded,
    precisions,
    python_model,
    texts,
)

SIZE = 300
jit_encode = jax.jit(stream.encode)
jit_decode = jax.jit(stream.decode, static_argnames="capacity")


def encode(model: ByteModel, text: bytes, size: int = SIZE, filler: int = 0) -> bytes:
    coded = jit_encode(model, jnp.asarray(padded(text, size, filler)), jnp.array(len(text)))
    code = np.asarray(coded.code)
    assert code.dtype == np.uint8 and code.shape == (stream.code_capacity(size, model.precision),)
    assert 0 <= coded.length <= stream.code_capacity(len(text), model.precision)
    assert not code[coded.length :].any()
    return code[: coded.length].tobytes()


def decode(model: ByteModel, code: bytes, length: int, size: int = SIZE) -> bytes:
    array = jnp.asarray(padded(code, stream.code_capacity(size, model.precision)))
    text = np.asarray(jit_decode(model, array, jnp.array(length), capacity=size))
    assert text.dtype == np.uint8 and text.shape == (size,)
    assert not text[length:].any()
    return text[:length].tobytes()


def ideal_bits(model: Markov, text: bytes) -> float:
    table = python_model(model)
    rows = [(table(text[:i]), byte) for i, byte in enumerate(text)]
    return sum(model.precision - math.log2(t[byte + 1] - t[byte]) for t, byte in rows)


def check_overhead(model: Markov, text: bytes, code: bytes) -> None:
    relative = -math.log2(1 - 2.0 ** (model.precision - 31)) / model.precision
    assert 8 * len(code) < ideal_bits(model, text) * (1 + relative) + 8


@given(models_and_texts(SIZE))
def test_decodes_to_the_text(case):
    model, text = case
    assert decode(model, encode(model, text), len(text)) == text


@given(models_and_texts(SIZE))
def test_code_is_that_of_the_definition(case):
    model, text = case
    assert encode(model, text) == oracle.encode(python_model(model), text)


@given(models_and_texts(SIZE))
def test_overhead_is_below_its_bound(case):
    model, text = case
    check_overhead(model, text, encode(model, text))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_text_of_nothing_but_unlikely_bytes_fits(precision):
    row = make_table("spiky", precision, np.random.default_rng(0))
    model = Markov(jnp.asarray(np.tile(row, (257, 1))), precision)
    rarest = bytes([int(np.argmin(np.diff(row)))])
    for length in (0, 1, 2, 3, SIZE):
        code = encode(model, rarest * length)
        assert decode(model, code, length) == rarest * length


@given(precisions.flatmap(models).flatmap(lambda model: st.tuples(st.just(model), texts(12, model))))
def test_the_definition_takes_the_fewest_bytes_and_the_greatest_of_their_numbers(case):
    model, text = case
    low, r, shift = oracle.interval(python_model(model), text)
    first, end = Fraction(low, 1 << (31 + shift)), Fraction(low + r, 1 << (31 + shift))
    code = oracle.encode(python_model(model), text)
    number, unit = Fraction(int.from_bytes(code), 256 ** len(code)), Fraction(1, 256 ** len(code))
    assert first <= number < end <= number + unit
    for k in range(len(code)):
        assert math.ceil(first * 256**k) >= end * 256**k


@given(precisions.flatmap(models), st.binary(max_size=2 * SIZE + 20), st.integers(0, SIZE))
def test_every_code_decodes(model, code, length):
    code = code[: stream.code_capacity(SIZE, model.precision)]
    assert decode(model, code, length) == oracle.decode(python_model(model), code, length)


@given(models_and_texts(SIZE), st.integers(0, 255))
def test_what_follows_the_text_does_not_matter(case, filler):
    model, text = case
    assert encode(model, text, filler=filler) == encode(model, text)


class Strict(Markov):
    """A model that one number that is no byte throws off everywhere, as NaN would a Transformer."""

    def sequence(self, text):
        return jnp.where(jnp.all((text >= 0) & (text < 256)), super().sequence(text), 0)


def test_filler_need_not_be_bytes():
    row = make_table("random", 16, np.random.default_rng(0))
    model = Strict(jnp.asarray(np.tile(row, (257, 1))), 16, True)
    coded = jit_encode(model, jnp.array([7, 8, -1, 1 << 30]), jnp.array(2))
    assert np.asarray(coded.code)[: coded.length].tobytes() == oracle.encode(python_model(model), bytes([7, 8]))


@pytest.mark.parametrize(("size", "precision"), [(0, 16), (1, 9), (1, 16), (7, 12)])
def test_small_arrays(size, precision):
    row = make_table("random", precision, np.random.default_rng(size))
    model = Markov(jnp.asarray(np.tile(row, (257, 1))), precision)
    for length in range(size + 1):
        text = bytes(range(250, 250 - length, -1))
        assert encode(model, text, size) == encode(model, text)
        assert decode(model, encode(model, text, size), length, size) == text


@pytest.mark.slow
def test_a_code_may_be_of_any_size():
    model = Unigram(make_table("random", 12, np.random.default_rng(1)), 12)
    text = b"any size"
    code = encode(model, text)
    for size in (len(code), len(code) + 1, len(code) + 50):
        restored = jit_decode(model, jnp.asarray(padded(code, size)), jnp.array(len(text)), capacity=len(text))
        assert np.asarray(restored).tobytes() == text
    nothing = jit_decode(model, jnp.zeros(0, jnp.uint8), jnp.array(3), capacity=5)
    assert np.asarray(nothing).tobytes() == decode(model, b"", 3, 5)[:3] + b"\0\0"


@given(models(12).flatmap(lambda model: st.tuples(st.just(model), st.lists(texts(SIZE, model), max_size=4))))
def test_a_batch_equals_its_members(case):
    model, batch = case
    batch = [*batch, b"", b"\xff", bytes(SIZE), b"abc"][:4]
    arrays = jnp.stack([jnp.asarray(padded(text, SIZE)) for text in batch])
    lengths = jnp.array([len(text) for text in batch])
    coded = batch_encode(model, arrays, lengths)
    for text, code, length in zip(batch, coded.code, coded.length, strict=True):
        assert np.asarray(code)[:length].tobytes() == encode(model, text)
    np.testing.assert_array_equal(batch_decode(model, coded.code, lengths), arrays)


batch_encode = jax.jit(jax.vmap(stream.encode, in_axes=(None, 0, 0)))
batch_decode = jax.jit(jax.vmap(lambda m, code, length: stream.decode(m, code, length, SIZE), in_axes=(None, 0, 0)))


def low_bits(table: oracle.Model, text: bytes) -> str:
    low, _, shift = oracle.interval(table, text)
    return f"{low:0{31 + shift}b}"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ["flat", "floor", "random"])
def test_carries_run_through_the_whole_code(kind, precision):
    # A text in whose interval one half lies has a low of 0.0111... Its last byte, if it is made greater, moves low past
    # one half, to 0.1000...: a carry through all the bits there are.
    rng = np.random.default_rng(precision)
    model = Markov(jnp.asarray(np.stack([make_table(kind, precision, rng) for _ in range(257)])), precision)
    table = python_model(model)
    half = oracle.decode(table, b"\x80", SIZE)
    assert encode(model, half) == oracle.encode(table, half) == b"\x80"
    carried = []
    for length in range(1, SIZE, 17):
        for text in (half[:length] + b"\x00", half[:length] + b"\xff"):
            assert encode(model, text) == oracle.encode(table, text)
        below, above = (low_bits(table, text) for text in (half[:length], half[:length] + b"\xff"))
        carried.append(below.startswith("0" + 200 * "1") and above.startswith("1" + 200 * "0"))
    assert any(carried) or kind == "flat"  # the flat one meets one half exactly


@pytest.mark.slow
@pytest.mark.parametrize("precision", [pytest.param(9, marks=pytest.mark.deep), 16])
@pytest.mark.parametrize("byte", [0, 1, 255])
def test_thousands_of_bytes_share_a_limb(byte, precision):
    # Each costs 0.0056 bits at precision 16: about 8,500 addends, all but nothing for byte 0, fall within 48 bits.
    size = 20_000
    frequencies = np.ones(256, np.uint32)
    frequencies[byte] = (1 << precision) - 255
    row = np.concatenate([[0], np.cumsum(frequencies)]).astype(np.uint32)
    model = Markov(jnp.asarray(np.tile(row, (257, 1))), precision)
    text = bytes([byte]) * (size - 1) + bytes([255 - byte])
    code = encode(model, text, size)
    assert code == oracle.encode(python_model(model), text)
    assert decode(model, code, size, size) == text
    check_overhead(model, text, code)


@pytest.mark.deep
@pytest.mark.slow
def test_wider_default_dtypes_change_nothing():
    model = Unigram(make_table("random", 16, np.random.default_rng(2)))
    text = bytes(range(256))
    expected = encode(model, text)
    with jax.enable_x64(True):
        coded = jit_encode(model, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)))
        assert coded.length.dtype == jnp.int32
        assert np.asarray(coded.code)[: coded.length].tobytes() == expected
        restored = jit_decode(model, coded.code, jnp.array(len(text)), capacity=SIZE)
        assert np.asarray(restored)[: len(text)].tobytes() == text


@pytest.mark.slow
@given(models_and_texts(40))
def test_markov_steps_as_it_reads_sequences(case):
    model, text = case
    array = jnp.asarray(padded(text, 40))
    np.testing.assert_array_equal(model.sequence(array), ByteModel.sequence(model, array))
