"""rANS streams: lossless, as the definition in plain Python says, total, and within the proved bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax import Unigram
from ecjax.coding import rans
from ecjax.exactness import audit, within
from tests.coding.alphabets import ALPHABETS, Alternating, ideal_bits, make, plain, sample
from tests.oracles import rans as oracle
from tests.strategies import models_and_texts, padded, python_model, seeds

SIZE = 120
jit_encode = jax.jit(rans.encode)
jit_decode = jax.jit(rans.decode, static_argnames="capacity")


def encode(model, symbols: np.ndarray, length: int) -> bytes:
    coded = jit_encode(model, jnp.asarray(symbols), jnp.array(length))
    code = np.asarray(coded.code)
    assert code.dtype == np.uint8 and code.shape == (rans.code_capacity(len(symbols), model.precision),)
    assert coded.length <= rans.code_capacity(length, model.precision)
    assert not code[coded.length :].any()
    return code[: coded.length].tobytes()


def decode(model, code: bytes, length: int, size: int) -> list[int]:
    array = jnp.asarray(padded(code, max(len(code), rans.code_capacity(size, model.precision))))
    symbols = np.asarray(jit_decode(model, array, jnp.array(length), capacity=size))
    assert not symbols[length:].any()
    return symbols[:length].tolist()


@pytest.mark.parametrize("alphabet, precision", ALPHABETS)
@given(seeds, st.sampled_from(["random", "spiky"]), st.sampled_from(["random", "spiky"]), st.booleans())
def test_symbols_come_back_in_the_code_of_the_definition(alphabet, precision, seed, first, second, likely):
    rng = np.random.default_rng(seed)
    model = make(alphabet, precision, (first, second), rng)
    symbols = sample(model, SIZE, rng) if likely else rng.integers(alphabet, size=SIZE).tolist()
    code = encode(model, np.array(symbols, np.int32), SIZE)
    assert decode(model, code, SIZE, SIZE) == symbols
    assert code == oracle.encode(plain(model), symbols, precision)
    assert 8 * len(code) < ideal_bits(model, symbols) * (1 + 2.0 ** (precision - 24)) + 32


@given(models_and_texts(SIZE))
def test_texts_come_back_whatever_pads_them(case):
    model, text = case
    codes = {encode(model, padded(text, SIZE, filler), len(text)) for filler in (0, 255)}
    (code,) = codes
    assert code == oracle.encode(python_model(model), list(text), model.precision)
    restored = jit_decode(model, jnp.asarray(padded(code, 2 * SIZE + 4)), jnp.array(len(text)), capacity=SIZE)
    assert restored.dtype == jnp.uint8 and np.asarray(restored)[: len(text)].tobytes() == text


@pytest.mark.parametrize("alphabet, precision", [(2, 16), (3, 16), (1000, 16), (512, 9)])
@given(seeds, st.binary(max_size=2 * SIZE + 4))
@example(0, b"")
@example(0, b"\xff" * (2 * SIZE + 4))
def test_any_bytes_decode(alphabet, precision, seed, code):
    model = make(alphabet, precision, ("spiky", "random"), np.random.default_rng(seed))
    assert decode(model, code, SIZE, SIZE) == oracle.decode(plain(model), code, SIZE, precision)


@pytest.mark.parametrize("x", [0, 1, 255, 256, (1 << 16) - 1, 1 << 16, (1 << 24) - 1, 1 << 24, (1 << 32) - 1])
def test_a_state_is_refilled_to_its_least(x):
    expected, read = x, 0
    while expected < 1 << 24 and read < 2:
        expected, read = expected << 8 | (171, 205)[read], read + 1
    found = rans.refill(jnp.array(x, jnp.uint32), jnp.array([171, 205], jnp.uint8))
    assert (int(found[0]), int(found[1])) == (expected, read)


def test_the_rarest_symbols_fill_the_capacity():
    for precision in (9, 12, 16):
        row = np.append(np.arange(256), 1 << precision).astype(np.uint32)
        model = Unigram(row, precision)
        text = np.full(1000, 254, np.int32)
        ideal = 1000 * precision
        length = int(jit_encode(model, text, jnp.array(1000)).length)
        assert ideal <= 8 * length and length <= rans.code_capacity(1000, precision) <= ideal * 1.004 / 8 + 5


def test_a_batch_gives_what_each_gives():
    rng = np.random.default_rng(3)
    model = make(1000, 16, ("random", "spiky"), rng)
    block = np.array([sample(model, SIZE, rng) for _ in range(5)], np.int32)
    lengths = jnp.array([SIZE, 0, 1, 7, SIZE - 1])
    coded = jax.vmap(lambda x, n: rans.encode(model, x, n))(block, lengths)
    restored = jax.vmap(lambda c, n: rans.decode(model, c, n, SIZE))(coded.code, lengths)
    for symbols, code, size, length, out in zip(block, coded.code, coded.length, lengths, restored, strict=True):
        assert np.asarray(code)[:size].tobytes() == encode(model, symbols, int(length))
        assert np.array_equal(out, np.where(np.arange(SIZE) < length, symbols, 0))


@pytest.mark.slow
def test_one_symbol_that_takes_nearly_all_costs_next_to_nothing():
    size, row = 200_000, np.array([[0, 65535, 65536]] * 2, np.uint32)
    model = Alternating(jnp.asarray(row), 16, 2)
    symbols = np.zeros(size, np.int32)
    symbols[[7, size // 2, size - 1]] = 1
    code = encode(model, symbols, size)
    assert decode(model, code, size, size) == symbols.tolist()
    assert 8 * len(code) < ideal_bits(model, symbols.tolist()) * (1 + 2**-8) + 32


@pytest.mark.parametrize("alphabet, precision, size", [(1000, 16, 50), (3, 4, 50), (2, 16, 3000), (1 << 16, 16, 5)])
def test_it_is_proved_exact(alphabet, precision, size):
    model = Alternating(within(jnp.zeros((2, alphabet + 1), jnp.uint32), 0, 1 << precision), precision, alphabet)
    struct = jax.ShapeDtypeStruct
    audit(rans.encode, model, within(struct((size,), jnp.int32), 0, alphabet - 1), struct((), jnp.int32)).check()
    code = struct((rans.code_capacity(size, precision),), jnp.uint8)
    audit(lambda m, c, n: rans.decode(m, c, n, size), model, code, struct((), jnp.int32)).check()


def test_what_cannot_be_coded_is_refused():
    model = make(3, 16, ("random", "random"), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"symbols of this model lie in 0 \.\. 2, got 3"):
        rans.encode(model, jnp.array([0, 3]), 2)
    falling = Alternating(model.tables[:, ::-1], 16, 3)
    with pytest.raises(ValueError, match="Alternating"):
        rans.encode(falling, jnp.array([0]), 1)
    with pytest.raises(ValueError, match="Alternating"):
        rans.decode(falling, jnp.zeros(2, jnp.uint8), 1, 1)
    with pytest.raises(ValueError, match="fewer than 536870912 symbols fit"):
        jax.eval_shape(lambda m, x: rans.encode(m, x, 1), model, jax.ShapeDtypeStruct((1 << 29,), jnp.int32))
