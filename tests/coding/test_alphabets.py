"""Streams of symbols of any alphabet: lossless, as the definition says, and within the proved bounds."""

import math
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.coding import stream
from ecjax.coding.symbols import locate
from ecjax.exactness import audit, within
from specs.oracle import stream as oracle
from tests.coding.alphabets import ALPHABETS, Alternating, ideal_bits, make, plain, sample, table
from tests.strategies import seeds

jit_slot = jax.jit(stream.slot, static_argnums=2)
jit_locate = jax.jit(locate)
jit_encode = jax.jit(stream.encode)
jit_decode = jax.jit(stream.decode, static_argnames="capacity")


def check(model: Alternating, symbols: list[int], by_definition: bool = True) -> None:
    size = len(symbols)
    coded = jit_encode(model, jnp.array(symbols, jnp.int32), jnp.array(size))
    code = np.asarray(coded.code)[: int(coded.length)].tobytes()
    restored = jit_decode(model, coded.code, jnp.array(size), capacity=size)
    assert restored.dtype == jnp.int32 and restored.tolist() == symbols
    if by_definition:
        assert code == cast(Any, oracle.encode)(plain(model), symbols)
    least = min(model.precision, (model.alphabet - 1) / (2 * math.log(2)))
    relative = -math.log2(1 - 2.0 ** (model.precision - 31)) / least
    assert 8 * len(code) < ideal_bits(model, symbols) * (1 + relative) + 8


@pytest.mark.parametrize("alphabet, precision", ALPHABETS)
@given(seeds, st.sampled_from(["random", "spiky"]), st.sampled_from(["random", "spiky"]), st.booleans())
def test_symbols_come_back_in_the_code_of_the_definition(alphabet, precision, seed, first, second, likely):
    rng = np.random.default_rng(seed)
    model = make(alphabet, precision, (first, second), rng)
    check(model, sample(model, 120, rng) if likely else rng.integers(alphabet, size=120).tolist())


@pytest.mark.parametrize("alphabet, precision", [(2, 16), pytest.param(3, 15, marks=pytest.mark.deep)])
@pytest.mark.parametrize("likely", [0, -1])
@pytest.mark.slow
def test_hundreds_of_thousands_of_symbols_share_a_limb(alphabet, precision, likely):
    size, likely = 400_000, likely % alphabet
    frequencies = np.ones(alphabet, int)
    frequencies[likely] = (1 << precision) - (alphabet - 1)
    row = np.concatenate([[0], np.cumsum(frequencies)]).astype(np.uint32)
    model = Alternating(jnp.asarray(np.stack([row, row])), precision, alphabet)
    symbols = [likely] * size
    for place in (7, size // 2, size - 1):
        symbols[place] = alphabet - 1 - likely
    check(model, symbols, by_definition=False)
    coded = jit_encode(model, jnp.array(symbols, jnp.int32), jnp.array(size))
    assert np.asarray(coded.code)[: int(coded.length)].tobytes() == by_sums(row.tolist(), symbols, precision)


def by_sums(row: list[int], symbols: list[int], precision: int) -> bytes:
    """The definition's code under one table, where the interval's ends are as long as the code, not as the text."""
    low, r, shift = 0, 1 << 31, 0
    for symbol in symbols:
        lo, hi = r * row[symbol] >> precision, r * row[symbol + 1] >> precision
        s = 32 - (hi - lo).bit_length()
        low, r, shift = (low + lo) << s, (hi - lo) << s, shift + s
    size = 0
    while True:
        number = ((low + r - 1) << 8 * size) >> (31 + shift)
        if number << (31 + shift) >= low << 8 * size:
            return number.to_bytes(size, "big")
        size += 1


@given(st.integers(1 << 31, (1 << 32) - 1), st.integers(0, (1 << 32) - 1), st.integers(1, 16))
@example((1 << 32) - 1, (1 << 32) - 2, 16)
@example(1 << 31, (1 << 31) - 1, 16)
@example((1 << 31) + 0xFFFF, (1 << 31) + 0xFFFE, 16)
@example((1 << 31) + 0xFFFF, (1 << 31) - 1, 16)
def test_the_slot_is_a_quotient(r, d, precision):
    d %= r
    found = jit_slot(jnp.array(r, jnp.uint32), jnp.array(d, jnp.uint32), precision)
    assert int(found) == (((d + 1) << precision) - 1) // r


@given(st.sampled_from([2, 3, 4, 5, 7, 8, 9, 256, 1000, 1023, 1025]), seeds, st.data())
def test_a_slot_is_located_in_its_symbol(alphabet, seed, data):
    rising = table(data.draw(st.sampled_from(["random", "spiky"])), alphabet, 16, np.random.default_rng(seed))
    slot = data.draw(st.sampled_from(sorted({0, 65535, *rising[1:-1].tolist(), *(rising[1:] - 1).tolist()})))
    assert (
        int(jit_locate(jnp.asarray(rising), jnp.array(slot, jnp.uint32))) == np.searchsorted(rising, slot, "right") - 1
    )


def test_two_symbols_of_which_one_takes_nearly_all_are_the_case_that_sums_apart():
    assert stream.most_addends(256, 16) <= 8536
    assert 2.1e6 < stream.most_addends(2, 16) < 2.2e6
    assert stream.most_addends(64, 16) < (1 << 16) - 1 < stream.most_addends(32, 16)


@pytest.mark.parametrize("alphabet, precision, size", [(1000, 16, 50), (3, 4, 50), (2, 16, 70_000)])
def test_they_are_proved_exact(alphabet, precision, size):
    tables = within(jnp.zeros((2, alphabet + 1), jnp.uint32), 0, 1 << precision)
    model = Alternating(tables, precision, alphabet)
    struct = jax.ShapeDtypeStruct
    symbols = within(struct((size,), jnp.int32), 0, alphabet - 1)
    audit(stream.encode, model, symbols, struct((), jnp.int32)).check()
    code = struct((stream.code_capacity(size, precision),), jnp.uint8)
    audit(lambda m, c, n: stream.decode(m, c, n, 50), model, code, struct((), jnp.int32)).check()


def test_what_cannot_be_coded_is_refused():
    model = make(3, 16, ("random", "random"), np.random.default_rng(0))
    for symbols in ([0, 3], [-1]):
        with pytest.raises(ValueError, match=r"symbols of this model lie in 0 \.\. 2, got"):
            stream.encode(model, jnp.array(symbols), len(symbols))
    assert stream.encode(model, jnp.array([0, 3]), 1).length == stream.encode(model, jnp.array([0]), 1).length
    falling = Alternating(model.tables[:, ::-1], 16, 3)
    with pytest.raises(ValueError, match="Alternating"):
        stream.encode(falling, jnp.array([0]), 1)
    with pytest.raises(ValueError, match="Alternating"):
        stream.decode(falling, jnp.zeros(2, jnp.uint8), 1, 1)
    with pytest.raises(ValueError, match="fewer than 134217728 symbols fit"):
        jax.eval_shape(lambda m, x: stream.encode(m, x, 1), model, jax.ShapeDtypeStruct((1 << 28,), jnp.int32))
