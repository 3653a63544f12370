"""Every function of ecjax.integers against Python's own integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import integers
from tests.strategies import WORD_EDGES, words

LANES = 16
WORD = 1 << 32

many_words = st.lists(words, min_size=LANES, max_size=LANES)
limb_counts = st.integers(1, 5)
# Compiled, for op by op each shape would compile every operation.
resolve_carries = jax.jit(integers.resolve_carries)
limbs_to_bits = jax.jit(integers.limbs_to_bits, static_argnums=1)
bits_to_limbs = jax.jit(integers.bits_to_limbs)
regroup_bits = jax.jit(integers.regroup_bits, static_argnums=(1, 2, 3))


def array(values: list[int]) -> jax.Array:
    return jnp.asarray(np.array(values, np.uint32))


def numbers(limbs: int) -> st.SearchStrategy[int]:
    """Numbers of so many limbs, made of edge values often, and sometimes of few bits."""
    value = st.lists(words, min_size=limbs, max_size=limbs).map(lambda ws: sum(w << (32 * i) for i, w in enumerate(ws)))
    return value | st.integers(0, (1 << 32 * limbs) - 1).flatmap(lambda v: st.integers(0, 32 * limbs).map(v.__rshift__))


pairs = limb_counts.flatmap(lambda limbs: st.tuples(st.just(limbs), numbers(limbs), numbers(limbs)))


def limbs_of(value: int, limbs: int) -> jax.Array:
    return jnp.asarray(integers.to_limbs(value, limbs))


def value_of(limbs: jax.Array) -> int:
    return integers.from_limbs(np.asarray(limbs))


@pytest.mark.parametrize(("bits", "limbs"), [(1, 1), (31, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 4)])
def test_limb_count(bits, limbs):
    assert integers.limb_count(bits) == limbs


@given(pairs)
def test_limbs_hold_numbers_least_significant_first(case):
    limbs, value, _ = case
    array = integers.to_limbs(value, limbs)
    assert array.dtype == np.uint32
    assert array.tolist() == [value >> (32 * i) & (WORD - 1) for i in range(limbs)]
    assert integers.from_limbs(array) == value


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_to_limbs_refuses_what_does_not_fit(value):
    with pytest.raises(OverflowError):
        integers.to_limbs(value, 2)


def test_multiply_wide_at_the_edges():
    a, b = np.meshgrid(np.array(WORD_EDGES, np.uint32), np.array(WORD_EDGES, np.uint32))
    high, low = integers.multiply_wide(jnp.asarray(a), jnp.asarray(b))
    for x, y, upper, lower in zip(a.flat, b.flat, np.asarray(high).flat, np.asarray(low).flat, strict=True):
        assert int(upper) * WORD + int(lower) == int(x) * int(y)


@given(many_words, words)
def test_multiply_wide(values, factor):
    high, low = integers.multiply_wide(array(values), jnp.uint32(factor))
    assert [h * WORD + w for h, w in zip(high.tolist(), low.tolist(), strict=True)] == [v * factor for v in values]


@given(many_words, st.lists(st.integers(0, 40) | words, min_size=LANES, max_size=LANES))
def test_rounding_shift(values, shifts):
    expected = [(2 * v + (1 << s)) >> (s + 1) if s < 100 else 0 for v, s in zip(values, shifts, strict=True)]
    assert integers.rounding_shift(array(values), array(shifts)).tolist() == expected


def test_rounding_shift_takes_signed_counts():
    assert integers.rounding_shift(array([7, 6, 5]), jnp.array([2, 2, 1], jnp.int32)).tolist() == [2, 2, 3]


@given(st.data(), st.sampled_from([1, 16, 32]))
def test_divide_wide(data, bits):
    divisors = data.draw(st.lists(st.integers(1, 1 << 31), min_size=LANES, max_size=LANES))
    divisors[0] = 1 << 31  # the greatest that is allowed
    highs = [data.draw(st.sampled_from([0, d - 1]) | st.integers(0, d - 1)) for d in divisors]
    lows = [data.draw(st.sampled_from([0, (1 << bits) - 1]) | st.integers(0, (1 << bits) - 1)) for _ in divisors]
    expected = [((h << bits) + low) // d for h, low, d in zip(highs, lows, divisors, strict=True)]
    assert integers.divide_wide(array(highs), array(lows), array(divisors), bits).tolist() == expected


@given(st.data(), st.integers(0, 31))
def test_proportion(data, bits):
    whole = data.draw(st.sampled_from([1, 1 << bits]) | st.integers(1, 1 << bits))
    parts = data.draw(st.lists(st.sampled_from([0, whole]) | st.integers(0, whole), min_size=LANES, max_size=LANES))
    factor = data.draw(st.sampled_from([0, 1, 65280, (1 << 16) - 1]) | st.integers(0, (1 << 16) - 1))
    expected = [part * factor // whole for part in parts]
    assert integers.proportion(array(parts), jnp.uint32(whole), factor).tolist() == expected


def test_proportion_where_the_quotient_is_a_whole_number():
    for whole in (1, 2, 3, 7, 255, (1 << 23) - 1, 1 << 23, (1 << 31) - 1, 1 << 31):
        parts = [0, whole // 3, whole // 2, max(whole - 1, 0), whole]
        for factor in (whole % 65536, 65535):
            expected = [part * factor // whole for part in parts]
            assert integers.proportion(array(parts), jnp.uint32(whole), factor).tolist() == expected


@given(pairs)
def test_add_subtract_compare(case):
    limbs, a, b = case
    x, y, modulus = limbs_of(a, limbs), limbs_of(b, limbs), 1 << (32 * limbs)
    assert value_of(integers.add(x, y)) == (a + b) % modulus
    assert value_of(integers.subtract(x, y)) == (a - b) % modulus
    assert bool(integers.less(x, y)) == (a < b)
    assert not integers.less(x, x)
    assert bool(integers.is_zero(x)) == (a == 0)


@pytest.mark.parametrize("limbs", range(1, 6))
def test_one_carry_or_borrow_runs_through_all_limbs(limbs):
    most, modulus = (1 << (32 * limbs)) - 1, 1 << (32 * limbs)
    one, zero = limbs_of(1, limbs), limbs_of(0, limbs)
    assert value_of(integers.add(limbs_of(most - 1, limbs), one)) == most
    assert value_of(integers.add(limbs_of(most, limbs), one)) == 0
    assert value_of(integers.add(limbs_of(most, limbs), limbs_of(most, limbs))) == 2 * most % modulus
    assert value_of(integers.subtract(zero, one)) == most
    assert value_of(integers.subtract(zero, limbs_of(most, limbs))) == 1
    assert bool(integers.is_zero(zero))
    for i in range(limbs):
        assert not integers.is_zero(limbs_of(1 << (32 * i + 31), limbs))
        assert bool(integers.less(limbs_of((1 << 32 * i) - 1, limbs), limbs_of(1 << 32 * i, limbs)))


@given(pairs, st.integers(1, 31), st.data())
def test_multiply_shift(case, shift, data):
    limbs, value, _ = case
    factor = data.draw(st.sampled_from([0, 1, (1 << shift) - 1, 1 << shift]) | st.integers(0, 1 << shift))
    product = integers.multiply_shift(limbs_of(value, limbs), jnp.uint32(factor), shift)
    assert value_of(product) == value * factor >> shift


def carried(limbs: list[int]) -> list[int]:
    value = sum(limb << (16 * i) for i, limb in enumerate(reversed(limbs)))
    return [value >> (16 * i) & 0xFFFF for i in reversed(range(len(limbs)))]


@given(st.sampled_from([1, 2, 3, 8, 33]).flatmap(lambda n: st.lists(words | st.just(0xFFFF), min_size=n, max_size=n)))
@pytest.mark.slow
def test_resolve_carries(limbs):
    assert resolve_carries(array(limbs)).tolist() == carried(limbs)


@pytest.mark.parametrize("last", [0xFFFF, 0x10000, 0x1FFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("length", [1, 2, 63, 64, 100])
@pytest.mark.slow
def test_resolve_carries_through_a_chain(length, last):
    limbs = [7] + [0xFFFF] * length + [last]
    assert resolve_carries(array(limbs)).tolist() == carried(limbs)
    limbs[length // 2 + 1] -= 1  # it stops the chain
    assert resolve_carries(array(limbs)).tolist() == carried(limbs)


def stream_of(values: list[int], bits: int) -> str:
    return "".join(f"{v & ((1 << bits) - 1):0{bits}b}" for v in values)


@given(st.sampled_from([(1, 1), (1, 9), (1, 32), (2, 31), (2, 33), (2, 64), (4, 97), (5, 128)]), st.data())
def test_numbers_and_their_bits(sizes, data):
    limbs, bits = sizes
    values = data.draw(st.lists(numbers(limbs), min_size=2, max_size=2))
    array = jnp.stack([limbs_of(v, limbs) for v in values])
    cut = limbs_to_bits(array, bits)
    assert cut.dtype == jnp.uint8 and cut.shape == (2, bits)
    assert "".join(map(str, cut.reshape(-1).tolist())) == stream_of(values, bits)
    back = bits_to_limbs(cut)
    assert back.shape == (2, integers.limb_count(bits))
    assert [value_of(row) for row in back] == [v & ((1 << bits) - 1) for v in values]


@pytest.mark.parametrize(
    ("bits", "group"),
    [
        (16, 16),
        (16, 8),
        (8, 16),
        (16, 5),
        (9, 16),
        (24, 16),
        (40, 16),
        (128, 16),
        (33, 31),
        (31, 33),
        (12, 64),
        (65, 1),
    ],
)
@pytest.mark.parametrize("surplus", [-2, 0, 3])
@pytest.mark.slow
def test_regroup_bits(bits, group, surplus):
    rng = np.random.default_rng(bits)
    values = [int.from_bytes(rng.bytes(16)) >> (128 - bits) for _ in range(5)]
    groups = max(0, -(-5 * bits // group) + surplus)
    array = jnp.stack([limbs_of(v, integers.limb_count(bits)) for v in values])
    regrouped = regroup_bits(array, bits, group, groups)
    assert regrouped.shape == (groups, integers.limb_count(group))
    expected = stream_of(values, bits).ljust(groups * group, "0")[: groups * group]
    assert stream_of([value_of(row) for row in regrouped], group) == expected
