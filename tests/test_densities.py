"""Tables of cumulative distributions: valid whatever the floats, near the distribution where they are right."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax.frequencies import check_table
from tests.strategies import annotations_unchecked

SIZES = (2, 3, 4, 17, 256, 1000)

from_cdf = jax.jit(ecjax.frequency_table_from_cdf, static_argnums=1)
gaussian = jax.jit(ecjax.gaussian_table, static_argnums=(2, 3, 4))
logistic = jax.jit(ecjax.logistic_table, static_argnums=(2, 3, 4))


def definition(cdf: np.ndarray, precision: int) -> list[int]:
    """The table of a cdf, from Python's own numbers."""
    spread, best, table = (1 << precision) - len(cdf) - 1, 0.0, [0]
    for i, value in enumerate(cdf.tolist()):
        best = max(best, 0.0 if math.isnan(value) else min(value, 1.0))
        table.append(math.floor(float(np.float32(best) * np.float32(spread))) + i + 1)
    return [*table, 1 << precision]


@st.composite
def cdfs(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Rising floats, a few of them anything at all, and a precision."""
    size = draw(st.sampled_from(SIZES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cdf = np.sort(rng.random(size - 1) ** draw(st.sampled_from([0.1, 1, 30]))).astype(np.float32)
    edges = st.sampled_from([0.0, 1.0, -0.0, np.inf, -np.inf, np.nan, 1e-45]) | st.floats(width=32)
    for i, edge in draw(st.dictionaries(st.integers(0, size - 2), edges, max_size=4)).items():
        cdf[i] = edge
    return cdf, draw(st.sampled_from([p for p in (9, 12, 16) if 1 << p >= size]))


@given(cdfs())
def test_any_floats_give_the_table_of_the_definition(case):
    cdf, precision = case
    table = np.asarray(from_cdf(jnp.asarray(cdf), precision))
    assert table.dtype == np.uint32
    check_table(table, precision, len(cdf) + 1)
    assert table.tolist() == definition(cdf, precision)


@pytest.mark.parametrize("make", [gaussian, logistic])
@pytest.mark.parametrize("mean", [0.0, 0.5, -1e30, np.nan, np.inf, 3.0])
@pytest.mark.parametrize("scale", [1.0, 0.0, -1.0, 1e-40, 1e30, np.nan, np.inf])
def test_any_parameters_give_a_table(make, mean, scale):
    check_table(np.asarray(make(mean, scale, -5, 5, 12)), 12, 11)


def normal(x: float) -> float:
    return math.erf(x / math.sqrt(2)) / 2 + 0.5


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(("make", "cdf"), [(gaussian, normal), (logistic, sigmoid)])
@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (2.25, 0.3), (-7.5, 6.0), (100.0, 2.0)])
def test_tables_of_distributions_are_near_them(make, cdf, mean, scale):
    low, high, precision = -20, 20, 16
    inner = [cdf((edge + 0.5 - mean) / scale) for edge in range(low, high)]
    p = np.array([b - a for a, b in pairwise([0.0, *inner, 1.0])])
    table = np.asarray(make(mean, scale, low, high, precision)).astype(int)
    q = np.diff(table) / (1 << precision)
    assert np.abs(q - p).max() < 2 * len(p) / (1 << precision)
    cost = np.sum(p * np.log2(np.where(p > 0, p, 1) / q))
    assert cost <= -np.log2(1 - len(p) / 2**precision) + 1e-4


def test_a_point_mass_gets_all_that_can_be():
    assert np.diff(np.asarray(gaussian(1.0, 1e-9, 0, 3, 8))).tolist() == [1, 253, 1, 1]


def test_many_distributions_by_vmap():
    means = jnp.linspace(-3, 3, 7)
    tables = jax.vmap(lambda mean: ecjax.gaussian_table(mean, 1.0, -8, 8, 12))(means)
    check_table(np.asarray(tables), 12, 17)
    assert np.argmax(np.diff(tables, axis=1), axis=1).tolist() == [5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ecjax.gaussian_table(0.0, 1.0, 3, 3), "two or more, got 3 to 3"),
        (lambda: ecjax.gaussian_table(0.0, 1.0, 0, 511, 8), "9 to 16 bits for an alphabet of 512"),
        (lambda: ecjax.logistic_table(0.0, 1.0, 0, 255, 8), "9 to 16"),
        (lambda: ecjax.frequency_table_from_cdf(jnp.zeros((2, 3))), "jax.vmap"),
        (lambda: ecjax.frequency_table_from_cdf(jnp.zeros(3, jnp.int32)), "row of floats, got int32"),
    ],
)
def test_what_has_no_table_is_refused(call, message):
    with annotations_unchecked(), pytest.raises(ValueError, match=message):
        call()
