"""The coder's interval: the shortest code inside it is the one that a search in Python integers finds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.coding.interval import Interval
from ecjax.exactness import audit, within
from ecjax.integers import from_limbs, limb_count, to_limbs
from specs.oracle.stream import interval as oracle_interval
from tests.oracles import published as oracle
from tests.strategies import PRECISIONS, Markov, annotations_unchecked, make_table, models, python_model, sample, seeds

BITS = 67


@functools.partial(jax.jit, static_argnames="precision")
def narrow(interval, row, byte, precision):
    return interval.narrow(row[byte], row[byte + 1], precision)


@jax.jit
def described(interval):
    return interval.code_length(), interval.code(BITS)


@jax.jit
def offset(interval, code):
    return interval.offset(code, BITS)


def low_of(interval: Interval) -> int:
    return from_limbs(np.asarray(interval.low)) >> (32 * len(interval.low) - 31 - int(interval.shifted))


def check_path(model: Markov, text: bytes) -> None:
    """Narrows byte by byte, one byte beyond what fits."""
    reached = Interval.whole(BITS)
    for n, byte in enumerate(text):
        row = model.tables[text[n - 1] if n else 256]
        reached = narrow(reached, row, jnp.array(byte), model.precision)
        low, r, shift = oracle_interval(python_model(model), text[: n + 1])
        m, k = oracle.shortest(low, r, shift)
        length, code = described(reached)
        assert (low_of(reached), int(reached.r), int(reached.shifted), int(length)) == (low, r, shift, k)
        if k > BITS:
            break
        assert from_limbs(np.asarray(code)) == m << (BITS - k)
        for number in (m << (BITS - k), ((m + 1) << (BITS - k)) - 1):
            expected = (number << (31 + shift) >> BITS) - low
            assert int(offset(reached, jnp.asarray(to_limbs(number, limb_count(BITS))))) == expected


@pytest.mark.parametrize("precision", [9, 16])
@given(st.data(), seeds)
def test_code_is_that_of_the_definition(precision, data, seed):
    model = data.draw(models(precision))
    rng = np.random.default_rng(seed)
    check_path(model, data.draw(st.sampled_from([sample(model, 20, rng), rng.bytes(20), bytes(20), b"\xff" * 20])))


intervals = st.tuples(
    st.integers(0, 2**31) | st.sampled_from([2**30, 2**31 - 1]),
    st.integers(2**31, 2**32 - 1) | st.sampled_from([2**31, 2**31 + 1, 2**32 - 1]),
    st.integers(0, 6),
    st.integers(0, 63),
)


@given(intervals)
@example((2**31 - 1, 2**31 + 1, 3, 5))
@example((1, 2**32 - 1, 3, 5))
@example((1, 2**32 - 2, 3, 5))
@example((2**30 + 1, 2**31 + 2**30 - 1, 3, 5))
@example((2**30 + 1, 2**31 + 2**30 - 2, 3, 5))
def test_any_interval_has_the_code_of_the_definition(drawn):
    # Not only those that texts lead to: at the edges of each of the cases.
    fraction, r, shift, above = drawn
    low = (fraction + (above << 31)) % (1 << (31 + shift))
    r = min(r, (1 << (31 + shift)) - low) if shift else 1 << 31
    low = low if shift else 0
    if r < 1 << 31:
        return
    room = Interval.whole(BITS).low.shape[0]
    interval = Interval(
        jnp.asarray(to_limbs(low << (32 * room - 31 - shift), room)),
        jnp.array(r, jnp.uint32),
        jnp.array(shift, jnp.int32),
        jnp.array(low % (1 << 31), jnp.uint32),
    )
    m, k = oracle.shortest(low, r, shift)
    length, code = described(interval)
    assert int(length) == k and from_limbs(np.asarray(code)) == m << (BITS - k)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_one_byte_has_a_code_of_at_most_f_bits(precision):
    row = make_table("random", precision, np.random.default_rng(precision))
    for byte in range(256):
        reached = narrow(Interval.whole(BITS), jnp.asarray(row), jnp.array(byte), precision)
        assert int(described(reached)[0]) <= precision


def test_the_whole_has_the_empty_code():
    length, code = described(Interval.whole(BITS))
    assert int(length) == 0 and not code.any()


def test_it_is_proved_exact():
    with annotations_unchecked():
        whole = Interval.whole(BITS)
        inside = Interval(
            whole.low,
            within(whole.r, 1 << 31, (1 << 32) - 1),
            within(whole.shifted, 0, BITS),
            within(whole.fraction, 0, (1 << 31) - 1),
        )
        bound = within(jnp.zeros((), jnp.uint32), 0, 1 << 16)
        number = jnp.zeros(limb_count(BITS), jnp.uint32)
        audit(lambda x, a, b: x.narrow(a, b, 16), inside, bound, bound).check()
        audit(lambda x: (x.code_length(), x.code(BITS)), inside).check()
        audit(lambda x, n: x.offset(n, BITS), inside, number).check()
