"""Frequency tables: always valid, near the real distribution, the same however they are computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import frequencies
from tests.strategies import PRECISIONS, annotations_unchecked, precisions, seeds, tables

LOGIT_EDGES = (0.0, -0.0, 1.0, 88.0, 1e-45, 3e38, -3e38, 1e30, np.inf, -np.inf, np.nan)

jit_table = jax.jit(frequencies.cumulative_frequencies, static_argnames="precision")
jit_fixed_point = jax.jit(frequencies.fixed_point)
jit_from_logits = jax.jit(ecjax.frequency_table, static_argnums=1)
jit_from_counts = jax.jit(ecjax.frequency_table_from_counts, static_argnums=1)

ALPHABETS = (2, 3, 4, 17, 256, 1000, 4096)


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


def share_out(weights: list[int], precision: int) -> list[int]:
    """The table of weights, in Python integers."""
    if not any(weights):
        weights = [1] * len(weights)
    surplus = max(0, sum(weights).bit_length() - 31)
    weights = [weight >> surplus for weight in weights]
    total, spread, cumulative, table = sum(weights), (1 << precision) - len(weights), 0, [0]
    for i, weight in enumerate(weights):
        cumulative += weight
        table.append(cumulative * spread // total + i + 1)
    return table


def definition(logits: np.ndarray, precision: int) -> list[int]:
    """The table of fixed-point logits, in Python integers."""
    below = [min(int(logits.max()) - int(logit), 1 << 20) for logit in logits]
    exp2 = [int(np.round(2.0 ** (23 - i / 256))) for i in range(256)]
    return share_out([(2 * exp2[b % 256] + (1 << b // 256)) >> (b // 256 + 1) for b in below], precision)


@st.composite
def alphabets(draw) -> tuple[int, int]:
    """A number of symbols, and a precision that its tables can have, often the least."""
    size = draw(st.sampled_from(ALPHABETS))
    least = 9 if size == 256 else (size - 1).bit_length()
    return size, draw(st.sampled_from([least, min(least + 3, 16), 16]))


@st.composite
def rows(draw, size: int, bound: int, dtype: type) -> np.ndarray:
    """Integers of up to `bound`, most of them alike or of any size, the greatest and least among them."""
    rng = np.random.default_rng(draw(seeds))
    most = min(bound, 1 << draw(st.integers(0, bound.bit_length())))
    row = rng.integers(0, most, size, endpoint=True) * (rng.random(size) <= draw(st.sampled_from([0, 0.01, 0.5, 1])))
    edges = st.sampled_from([0, bound, bound >> 1])
    for i, edge in draw(st.dictionaries(st.integers(0, size - 1), edges, max_size=3)).items():
        row[i] = edge
    return row.astype(dtype)


@pytest.mark.parametrize("precision", [-1, 0, 8, 17, 32])
def test_precision_must_be_9_to_16(precision):
    with pytest.raises(ValueError, match="9 to 16"):
        frequencies.check_precision(precision)
    with pytest.raises(ValueError, match="9 to 16"):
        frequencies.cumulative_frequencies(jnp.zeros(256, jnp.int32), precision)
    with pytest.raises(ValueError, match="9 to 16"):
        ecjax.frequency_table_from_counts(np.ones(256, np.int32), precision)
    with pytest.raises(ValueError, match="9 to 16"):
        ecjax.frequency_table(np.ones(256), precision)


@pytest.mark.parametrize(
    ("size", "precision", "message"),
    [
        (1, 9, "2 to 65536 symbols, got 1"),
        (65537, 16, "2 to 65536 symbols, got 65537"),
        (2, 0, "1 to 16 bits for an alphabet of 2 symbols, got 0"),
        (257, 8, "9 to 16 bits for an alphabet of 257 symbols, got 8"),
        (1000, 17, "10 to 16 bits for an alphabet of 1000 symbols, got 17"),
    ],
)
def test_precision_must_be_one_for_the_alphabet(size, precision, message):
    with pytest.raises(ValueError, match=message):
        frequencies.check_precision(precision, size)
    with pytest.raises(ValueError, match=message):
        ecjax.frequency_table(np.zeros(size), precision)
    with pytest.raises(ValueError, match=message):
        ecjax.frequency_table_from_counts(np.zeros(size, int), precision)


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


@given(st.data(), alphabets())
def test_tables_of_any_alphabet_are_those_of_the_definition(data, alphabet):
    size, precision = alphabet
    logits = data.draw(rows(size, (1 << 31) - 1, np.int32)) - np.int32(data.draw(st.sampled_from([0, 1 << 30])))
    table = np.asarray(jit_from_logits(jnp.asarray(logits), precision))
    frequencies.check_table(table, precision, size)
    assert table.tolist() == definition(logits, precision)


@given(st.data(), alphabets())
def test_rounding_costs_less_than_the_bound_for_any_alphabet(data, alphabet):
    size, precision = alphabet
    rng = np.random.default_rng(data.draw(seeds))
    logits = (rng.standard_normal(size) * data.draw(st.sampled_from([0, 1, 5, 30]))).astype(np.float32)
    exact = np.exp(logits.astype(np.float64) - logits.max())
    p = exact / exact.sum()
    q = np.diff(np.asarray(jit_from_logits(logits, precision)).astype(int)) / (1 << precision)
    spare = 1 - size / 2**precision
    if spare > 0:
        divergence = np.sum(p * np.log2(np.where(p > 0, p, 1) / q))
        assert divergence <= -np.log2(spare) + size * 2.0**-20 + 2.0**-19
    else:
        assert (q == 1 / size).all()


@given(st.data(), alphabets())
def test_tables_of_counts_are_those_of_the_definition(data, alphabet):
    size, precision = alphabet
    counts = data.draw(rows(size, (1 << 32) - 1, np.uint32))
    table = np.asarray(jit_from_counts(jnp.asarray(counts), precision))
    assert table.dtype == np.uint32
    frequencies.check_table(table, precision, size)
    assert table.tolist() == share_out(counts.tolist(), precision)


@pytest.mark.parametrize("size", [4096, 65536])
@pytest.mark.parametrize("value", [1, 1 << 15, 1 << 16, (1 << 32) - 1])
def test_sums_of_counts_do_not_overflow(size, value):
    counts = np.full(size, value, np.uint32)
    counts[7] = counts[7] // 2
    table = np.asarray(jit_from_counts(counts, 16))
    assert table.tolist() == share_out(counts.tolist(), 16)


@pytest.mark.parametrize("size", ALPHABETS)
def test_counts_of_nothing_are_counts_of_all_alike(size):
    nothing, once = jit_from_counts(np.zeros(size, np.int32), 16), jit_from_counts(np.ones(size, np.int32), 16)
    np.testing.assert_array_equal(nothing, once)
    shares = np.diff(np.asarray(nothing))
    assert shares.max() - shares.min() <= 1


def test_counts_may_be_of_any_integer_dtype_where_they_are_seen():
    counts = [3, 0, 200, 7]
    expected = share_out(counts, 12)
    assert ecjax.frequency_table_from_counts(counts, 12).tolist() == expected
    for dtype in (np.uint8, np.int32, np.int64, np.uint64):
        assert ecjax.frequency_table_from_counts(np.array(counts, dtype), 12).tolist() == expected
    assert jit_from_counts(jnp.array([3, -5, 200, 7]), 12).tolist() == expected


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, np.float64])
def test_logits_may_be_floats_of_any_dtype(dtype):
    logits = np.array([0, -1.5, 2, -np.inf, 0.25])
    expected = definition(np.round(np.maximum(logits - 2, -9999) * 256 / np.log(2)).astype(int), 14)
    assert ecjax.frequency_table(np.asarray(logits, dtype), 14).tolist() == expected


def test_small_integers_are_fixed_point_logits():
    logits = np.array([100, -128, 0, 127], np.int8)
    expected = definition(logits.astype(int), 14)
    assert ecjax.frequency_table(logits, 14).tolist() == expected
    assert jit_from_logits(jnp.asarray(logits), 14).tolist() == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ecjax.frequency_table(np.array([0, 1 << 31]), 9), "lie in -2147483648 .. 2147483647, got 2147483648"),
        (lambda: ecjax.frequency_table(jnp.zeros((2, 9)), 9), r"one row, got shape \(2, 9\); use jax.vmap"),
        (lambda: ecjax.frequency_table(jnp.zeros(9, jnp.uint32), 9), "int32 in 1/256 of a bit, got uint32"),
        (lambda: ecjax.frequency_table([True, False], 9), "got bool"),
        (lambda: ecjax.frequency_table_from_counts([5, -1], 9), "lie in 0 .. 4294967295, got -1"),
        (lambda: ecjax.frequency_table_from_counts([5, 1 << 32], 9), "lie in 0 .. 4294967295, got 4294967296"),
        (lambda: ecjax.frequency_table_from_counts([5.0, 1.0], 9), "int32 or uint32, got float32"),
        (lambda: ecjax.frequency_table_from_counts(jnp.zeros(9, bool), 9), "int32 or uint32, got bool"),
    ],
)
def test_what_has_no_table_is_refused(call, message):
    with annotations_unchecked(), pytest.raises(ValueError, match=message):
        call()


@given(precisions.flatmap(lambda p: st.tuples(st.just(p), st.lists(tables(p), min_size=1, max_size=3))))
def test_check_table_accepts_tables(case):
    precision, rows = case
    frequencies.check_table(rows[0], precision)
    frequencies.check_table(np.stack(rows), precision)


def broken(**changes: int) -> np.ndarray:
    """A table of precision 12 with some entries changed, `e9=5` being entry 9."""
    table = np.arange(257, dtype=np.uint32) * 16
    for entry, value in changes.items():
        table[int(entry[1:])] = value
    return table


FAULTS = {
    "starts late": (broken(e0=1), "entry 0 is 1, not 0"),
    "ends early": (broken(e256=4095), "the last entry, 256, is 4095, not 4096"),
    "ends at another power": (broken(e256=8192), r"the last entry, 256, is 8192, not 4096 \(a table of .* 13\?\)"),
    "stands still": (broken(e100=1584), "entry 100 is 1584, not above the 1584 before it"),
    "falls": (broken(e100=1568), "entry 100 is 1568, not above the 1584 before it"),
    "falls at its end": (broken(e256=9), "entry 256 is 9, not above the 4080 before it"),
}


@pytest.mark.parametrize("how", FAULTS)
def test_check_table_says_what_is_wrong(how):
    table, message = FAULTS[how]
    right = r"; it must rise strictly from 0 to 2\*\*12 = 4096$"
    with pytest.raises(ValueError, match="^frequency table: " + message + right):
        frequencies.check_table(table, 12)
    with pytest.raises(ValueError, match="^frequency table 1: " + message + right):
        frequencies.check_table(np.stack([broken(), table, broken(e3=0)]), 12)
    with pytest.raises(ValueError, match=r"^frequency table \[1, 0\]: " + message + right):
        frequencies.check_table(np.stack([broken(), table])[:, None], 12)


def test_check_table_names_a_wrong_size():
    with pytest.raises(ValueError, match="257 entries, got 256"):
        frequencies.check_table(np.arange(256, dtype=np.uint32), 12)
    with pytest.raises(ValueError, match="5 entries, got 257"):
        frequencies.check_table(broken(), 12, 4)
    frequencies.check_table(np.array([0, 1, 2, 3, 4], np.uint32), 2, 4)


def test_check_table_names_a_wrong_dtype():
    with annotations_unchecked(), pytest.raises(ValueError, match=r"of integers \(uint32\), got float32"):
        frequencies.check_table(broken().astype(np.float32), 12)
    with annotations_unchecked(), pytest.raises(ValueError, match="got a single number"):
        frequencies.check_table(np.array(7, np.uint32), 12)


def test_check_table_of_another_precision():
    with pytest.raises(ValueError, match=r"4096, not 8192 \(a table of precision 12\?\)"):
        frequencies.check_table(broken(), 13)
