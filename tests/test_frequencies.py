"""Frequency tables: always valid, near the real distribution, the same however they are computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import frequencies
from tests.strategies import PRECISIONS, precisions, seeds, tables

LOGIT_EDGES = (0.0, -0.0, 1.0, 88.0, 1e-45, 3e38, -3e38, 1e30, np.inf, -np.inf, np.nan)

jit_table = jax.jit(frequencies.cumulative_frequencies, static_argnames="precision")
jit_fixed_point = jax.jit(frequencies.fixed_point)


@st.composite
def real_logits(draw, edges: bool = True) -> np.ndarray:
    """float32[256]: normal of some scale, a few of them anything at all."""
    rng = np.random.default_rng(draw(seeds))
    logits = (rng.standard_normal(256) * draw(st.sampled_from([0, 1e-3, 1, 5, 30, 1e4]))).astype(np.float32)
    if edges:
        value = st.sampled_from(LOGIT_EDGES) | st.floats(width=32)
        for byte, edge in draw(st.dictionaries(st.integers(0, 255), value, max_size=8)).items():
            logits[byte] = edge
    return logits


@st.composite
def fixed_logits(draw) -> np.ndarray:
    """int32[256] of any magnitude up to 2**30."""
    rng = np.random.default_rng(draw(seeds))
    bound = 1 << draw(st.integers(0, 30))
    logits = rng.integers(-bound, bound + 1, 256).astype(np.int32)
    for byte, edge in draw(
        st.dictionaries(st.integers(0, 255), st.sampled_from([-1 << 30, 1 << 30]), max_size=3)
    ).items():
        logits[byte] = edge
    return logits


def table_of(logits: np.ndarray, precision: int) -> np.ndarray:
    return np.asarray(jit_table(jit_fixed_point(jnp.asarray(logits)), precision))


def definition(logits: np.ndarray, precision: int) -> list[int]:
    """The table in Python integers."""
    below = [min(int(logits.max()) - int(logit), 1 << 20) for logit in logits]
    exp2 = [int(np.round(2.0 ** (23 - i / 256))) for i in range(256)]
    weights = [(2 * exp2[b % 256] + (1 << b // 256)) >> (b // 256 + 1) for b in below]
    total, spread, cumulative, table = sum(weights), (1 << precision) - 256, 0, [0]
    for i, weight in enumerate(weights):
        cumulative += weight
        table.append(cumulative * spread // total + i + 1)
    return table


@pytest.mark.parametrize("precision", [-1, 0, 8, 17, 32])
def test_precision_must_be_9_to_16(precision):
    with pytest.raises(ValueError, match="9 to 16"):
        frequencies.check_precision(precision)
    with pytest.raises(ValueError, match="9 to 16"):
        frequencies.cumulative_frequencies(jnp.zeros(256, jnp.int32), precision)
    with pytest.raises(ValueError, match="9 to 16"):
        frequencies.from_counts(np.ones(256, np.int32), precision)


@given(real_logits(), precisions)
def test_any_logits_give_a_table(logits, precision):
    frequencies.check_table(table_of(logits, precision), precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("value", LOGIT_EDGES)
def test_equal_logits_give_equal_shares(value, precision):
    shares = np.diff(table_of(np.full(256, value, np.float32), precision))
    assert shares.tolist() == [1 << (precision - 8)] * 256


def test_infinities_and_nan():
    logits = np.zeros(256, np.float32)
    logits[:3] = np.inf, -np.inf, np.nan
    shares = np.diff(table_of(logits, 16).astype(int))
    assert shares.tolist() == [(1 << 16) - 255] + [1] * 255


@given(fixed_logits(), precisions)
def test_table_is_that_of_the_definition(logits, precision):
    assert jit_table(jnp.asarray(logits), precision).tolist() == definition(logits, precision)


@pytest.mark.slow
def test_every_fraction_of_a_bit():
    # A unit of a weight seldom shows in a table; in a thousand of them it does.
    logits = np.full((1024, 256), -(1 << 20), np.int32)
    for i, row in enumerate(logits):
        row[: 1 + i // 64] = -i
        row[255] = 0
    actual = jax.jit(jax.vmap(lambda row: frequencies.cumulative_frequencies(row, 16)))(jnp.asarray(logits))
    np.testing.assert_array_equal(actual, [definition(row, 16) for row in logits])


@given(real_logits(edges=False))
def test_fixed_point_logits_count_256ths_of_a_bit(logits):
    bits = (logits.astype(np.float64) - float(logits.max())) / np.log(2)
    fixed = np.asarray(jit_fixed_point(jnp.asarray(logits)))
    assert fixed.dtype == np.int32
    assert (np.abs(fixed / 256 - np.maximum(bits, -4096)) <= 2.0**-9 - bits * 2.0**-22).all()


@given(real_logits(edges=False), precisions)
def test_rounding_costs_less_than_the_bound(logits, precision):
    exact = np.exp(logits.astype(np.float64) - logits.max())
    p = exact / exact.sum()
    q = np.diff(table_of(logits, precision).astype(int)) / (1 << precision)
    divergence = np.sum(p * np.log2(np.where(p > 0, p, 1) / q))
    assert divergence <= -np.log2(1 - 2.0 ** (8 - precision)) + 2.0**-12


@given(real_logits(), precisions)
def test_a_larger_logit_has_no_smaller_frequency_but_for_rounding(logits, precision):
    fixed = np.asarray(jit_fixed_point(jnp.asarray(logits)))
    shares = np.diff(np.asarray(jit_table(jnp.asarray(fixed), precision)).astype(int))[np.argsort(fixed)]
    assert (np.maximum.accumulate(shares) - shares).max() <= 1


@pytest.mark.deep
@given(st.lists(fixed_logits(), min_size=3, max_size=3), precisions)
@pytest.mark.slow
def test_the_same_op_by_op_compiled_and_batched(batch, precision):
    arrays = jnp.stack([jnp.asarray(logits) for logits in batch])
    batched = jax.vmap(lambda logits: frequencies.cumulative_frequencies(logits, precision))(arrays)
    for logits, table in zip(arrays, batched, strict=True):
        np.testing.assert_array_equal(jit_table(logits, precision), table)


@pytest.mark.slow
def test_wider_default_dtypes_change_nothing():
    logits = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    expected = table_of(logits, 16)
    with jax.enable_x64(True):
        table = jax.jit(lambda x: frequencies.cumulative_frequencies(frequencies.fixed_point(x), 16))(logits)
        assert table.dtype == jnp.uint32
        np.testing.assert_array_equal(table, expected)


@given(seeds, st.integers(1, 31), st.floats(0, 1), precisions)
def test_from_counts(seed, bits, present, precision):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1 << bits, size=256) * (rng.random(256) <= present)
    for dtype in (np.int32, np.int64):
        table = frequencies.from_counts(counts.astype(dtype), precision)
        assert table.dtype == np.uint32
        frequencies.check_table(table, precision)
        if counts.any():
            proportional = counts * (((1 << precision) - 256) / counts.sum())
            assert np.abs(np.diff(table.astype(int)) - 1 - proportional).max() < 1 + 1e-6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_from_counts_of_nothing(precision):
    table = frequencies.from_counts(np.zeros(256, np.int64), precision)
    assert np.diff(table).tolist() == [1] * 255 + [(1 << precision) - 255]


@given(precisions.flatmap(lambda p: st.tuples(st.just(p), st.lists(tables(p), min_size=1, max_size=3))))
def test_check_table_accepts_tables(case):
    precision, rows = case
    frequencies.check_table(rows[0], precision)
    frequencies.check_table(np.stack(rows), precision)


def break_table(how: str) -> np.ndarray:
    table = np.arange(257, dtype=np.uint32) * 16
    if how == "starts late":
        table[0] = 1
    elif how == "ends early":
        table[256] -= 1
    elif how == "ends late":
        table[256] += 1
    elif how == "stands still":
        table[100] = table[99]
    elif how == "falls":
        table[100] = table[98]
    return table


@pytest.mark.parametrize("how", ["starts late", "ends early", "ends late", "stands still", "falls"])
def test_check_table_refuses_what_is_none(how):
    frequencies.check_table(break_table("not at all"), 12)
    with pytest.raises(ValueError, match=r"strictly from 0 to 2\*\*12 = 4096"):
        frequencies.check_table(break_table(how), 12)
    with pytest.raises(ValueError, match="strictly"):
        frequencies.check_table(np.stack([break_table("not at all"), break_table(how)]), 12)


def test_check_table_names_a_wrong_size():
    with pytest.raises(ValueError, match="257 entries, got 256"):
        frequencies.check_table(np.arange(256, dtype=np.uint32), 12)


def test_check_table_of_another_precision():
    with pytest.raises(ValueError, match="strictly"):
        frequencies.check_table(break_table("not at all"), 13)
