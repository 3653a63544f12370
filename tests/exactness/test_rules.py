"""Every rule against brute force, on all intervals of 3-bit integers, and of 4-bit ones in the deep run.

A rule has to be true, not tight. Of few-bit integers these are not always the least interval: `and`, `or`, `xor` and
their reductions; `argmax` and `argmin` of one number; `cumprod` and `reduce_prod`, which look at the largest size
only; `rem`; `shift_left` and `shift_right_logical` of what may be negative; `population_count`; `integer_pow`; and
`neg`, `sub` and `convert_element_type` where they wrap.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.exactness import rules
from ecjax.exactness.control import look_into
from ecjax.exactness.domain import Interval, Kind
from ecjax.exactness.interpreter import Interpreter, Scope
from ecjax.exactness.rules.control import PARAMETERS
from ecjax.exactness.rules.indexing import differing, uniform
from ecjax.exactness.values import Value
from tests.exactness import parameters, reference
from tests.exactness.brute import Problem, Tally, arrays_of, concluded, intervals, outcomes, violations
from tests.exactness.problems import BF16, INT8, PROBLEMS, sorted_pairs
from tests.strategies import annotations_unchecked


def test_every_rule_is_tried() -> None:
    assert set(PROBLEMS) == set(rules.RULES) == set(reference.MEANINGS)


def tried(name: str, bits: int) -> Tally:
    tally = Tally()
    with annotations_unchecked():
        for problem in PROBLEMS[name](bits):
            violations(problem, tally)
    assert tally.tried
    return tally


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(rules.RULES))
def test_a_rule_is_true_of_all_small_intervals(name: str) -> None:
    found = tried(name, 3).found
    assert not found, "\n".join(found[:9])


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(rules.RULES))
def test_a_rule_is_true_of_all_intervals_of_four_bits(name: str) -> None:
    found = tried(name, 4).found
    assert not found, "\n".join(found[:9])


@pytest.mark.parametrize("name", ["gather", "scatter", "scatter-add", "scatter-max"])
def test_a_promise_of_sorted_indices_is_about_places(name: str) -> None:
    found = [v for problem in sorted_pairs(name) for v in violations(problem)]
    assert not found, "\n".join(found[:9])


# The meanings themselves, against JAX.

_ONLY_MOVED = ("device_put", "optimization_barrier", "reshard", "sharding_constraint", "psum")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(rules.RULES) - {*_ONLY_MOVED}))
def test_the_meaning_of_a_primitive_is_what_jax_computes(name: str) -> None:
    primitive = parameters.primitives()[name]
    rng = np.random.default_rng(0)
    problems = [p for p in PROBLEMS[name](3) if np.float32 not in [k.dtype for k in p.operands]]
    problems = [problems[i] for i in rng.choice(len(problems), min(4, len(problems)), replace=False)]
    compared = 0
    for problem in problems:
        made = outcomes(problem)
        count = len(made[0].least)
        sound = [i for i in range(count) if not any(m.undefined[i] or m.unfit[i] for m in made) and held(problem, i)]
        for i in rng.permutation(sound)[:3]:
            arrays = [jnp.asarray(x[i].astype(k.dtype)) for x, k in zip(problem.samples, problem.operands, strict=True)]
            given = [x[i] for x in problem.samples]
            meant, _ = reference.apply(name, problem.call, given)
            got = primitive.bind(*arrays, **problem.params)
            for x, y in zip(got if primitive.multiple_results else [got], meant, strict=True):
                assert np.array_equal(np.asarray(x).astype(y.dtype), y), (problem.about, given)
                compared += 1
    assert compared or name in ("div", "rem", "is_finite", "iota")


def held(problem: Problem, i: int) -> bool:
    return all(reference.fits(x[i], k.dtype).all() for x, k in zip(problem.samples, problem.operands, strict=True))


# Sums and products of several steps, in every order that a compiler may choose.

TERMS = [-256, -129, -128, -1, 0, 1, 127, 129, 256]


def chains(a: Value, b: Value, c: Value) -> dict[str, tuple[Value, Any]]:
    kind = a.kind
    of = lambda name, *operands: concluded(name, operands, kind)
    return {
        "(a + b) + c": (of("add", of("add", a, b), c), (1, 1, 1)),
        "a + (b + c)": (of("add", a, of("add", b, c)), (1, 1, 1)),
        "(a - b) - c": (of("sub", of("sub", a, b), c), (1, -1, -1)),
        "a - (b - c)": (of("sub", a, of("sub", b, c)), (1, -1, 1)),
        "-(a + b) + c": (of("add", of("neg", of("add", a, b)), c), (-1, -1, 1)),
        "copy(a + b) - c": (of("sub", of("copy", of("add", a, b)), c), (1, 1, -1)),
    }


@pytest.mark.slow
def test_a_chain_of_float_sums_is_exact_in_every_order() -> None:
    kind, proved = Kind((), BF16), 0
    with annotations_unchecked():
        for x, y, z in itertools.product(intervals(TERMS)[::4], repeat=3):
            values = [Value(kind, r) for r in (x, y, z)]
            for name, (made, signs) in chains(*values).items():
                if made.pending:
                    continue
                proved += 1
                parts = [sorted((s * r.low, s * r.high)) for s, r in zip(signs, (x, y, z), strict=True)]
                for subset in itertools.chain.from_iterable(itertools.combinations(parts, k) for k in (1, 2, 3)):
                    ends = [sum(p[i] for p in subset) for i in (0, 1)]
                    assert max(map(abs, ends)) <= 256, (name, x, y, z)
                whole = Interval(sum(p[0] for p in parts), sum(p[1] for p in parts))
                assert whole in made.interval, (name, x, y, z)
    assert proved > 500


def test_a_chain_of_float_products_is_exact_in_every_order() -> None:
    kind, proved, refused = Kind((), BF16), 0, 0
    for exponents in itertools.product((-100, -60, -40, 0, 30, 60, 99), repeat=3):
        a, b, c = (Value(kind, Interval(-1, 1, g)) for g in exponents)
        for first, second, third in ((a, b, c), (b, c, a)):
            made = concluded("mul", (concluded("mul", (first, second), kind), third), kind)
            if made.pending:
                refused += 1
                continue
            proved += 1
            for count in (1, 2, 3):
                for subset in itertools.combinations(exponents, count):
                    assert -126 <= sum(subset) <= 100, exponents
            assert Interval(-1, 1, sum(exponents)) in made.interval
    assert proved > 50 and refused > 50


def test_a_sum_of_known_weights_is_exact() -> None:
    """`sum(x * weights)`, whose bounds the rule takes element by element."""
    shape, samples = (3,), arrays_of([-2, 0, 1, 3], (3,)).astype(np.int64)
    tight = 0
    for weights in arrays_of([-3, 0, 1, 2], shape)[::3].astype(np.int64):
        known = Value(
            Kind(shape, INT8), Interval(int(weights.min()), int(weights.max())), constant=weights.astype(INT8)
        )
        for r in intervals([-2, 0, 1, 3]):
            inside = samples[((samples >= r.low) & (samples <= r.high)).all(1)]
            for dtype in (INT8, np.dtype("int16")):
                x = Value(Kind(shape, INT8), r)
                product = concluded("mul", (x, known), Kind(shape, INT8))
                wide = product
                if dtype != INT8:
                    plain = {"new_dtype": dtype, "weak_type": False, "sharding": None}
                    wide = concluded("convert_element_type", (product,), Kind(shape, dtype), **plain)
                total = concluded("reduce_sum", (wide,), Kind((), dtype), axes=(0,), out_sharding=None)
                sums = (inside * weights).sum(1)
                assert not total.pending
                assert total.interval.low <= sums.min() and sums.max() <= total.interval.high, (weights, r)
                tight += total.interval == Interval(int(sums.min()), int(sums.max()))
    assert tight > 100


# What indices are known to differ, and what elements to be the same.

DISTINCT: dict[str, Any] = {
    "iota": lambda x: jax.lax.iota(jnp.int8, 3),
    "iota + 1": lambda x: jax.lax.iota(jnp.int8, 3) + 1,
    "iota + x[0]": lambda x: jax.lax.iota(jnp.int8, 3) + x[0],
    "x[0] - iota": lambda x: x[0] - jax.lax.iota(jnp.int8, 3),
    "iota + x": lambda x: jax.lax.iota(jnp.int8, 3) + x,
    "2 iota": lambda x: 2 * jax.lax.iota(jnp.int8, 3),
    "iota * x[0]": lambda x: x[0] * jax.lax.iota(jnp.int8, 3),
    "iota // 2": lambda x: jax.lax.div(jax.lax.iota(jnp.int8, 3), jnp.int8(2)),
    "reversed": lambda x: jax.lax.rev(jax.lax.iota(jnp.int8, 3), (0,)),
    "narrowed": lambda x: jax.lax.iota(jnp.int16, 3).astype(jnp.int8),
    "sorted": lambda x: jnp.sort(jax.lax.iota(jnp.int8, 3)),
    "rows": lambda x: jax.lax.broadcast_in_dim(jax.lax.iota(jnp.int8, 3), (2, 3), (1,)),
    "columns": lambda x: jax.lax.broadcast_in_dim(jax.lax.iota(jnp.int8, 3), (3, 2), (0,)),
    "reshaped": lambda x: jax.lax.iota(jnp.int8, 3).reshape(1, 3),
    "joined": lambda x: jax.lax.broadcasted_iota(jnp.int8, (2, 2), 1).reshape(4),
    "known": lambda x: jnp.asarray(np.array([3, 1, 2], np.int8)) + 0,
    "known, twice": lambda x: jnp.asarray(np.array([3, 1, 3], np.int8)) + 0,
    "chosen": lambda x: jnp.where(x > 0, jax.lax.iota(jnp.int8, 3), 1),
    "uniform": lambda x: jax.lax.broadcast_in_dim(x[0], (3,), ()),
    "x": lambda x: x,
    "x masked": lambda x: x & 0,
}


@pytest.mark.parametrize("name", DISTINCT)
def test_what_is_said_to_differ_differs(name: str) -> None:
    fn = DISTINCT[name]
    jaxpr = jax.make_jaxpr(fn)(jnp.zeros(3, jnp.int8))
    value = Value(Kind((3,), INT8), Interval(-2, 3))
    (found,) = Interpreter(PARAMETERS, look_into).run(jaxpr.jaxpr, jaxpr.consts, [value], Scope())
    axes, same = differing(found), uniform(found)
    for x in arrays_of([-2, 0, 3], (3,)):
        array = np.asarray(fn(jnp.asarray(x.astype(np.int8))))
        assert not same or (array == array.reshape(-1)[:1]).all()
        for axis in axes:
            assert (np.diff(np.sort(array, axis)[...], axis=axis) != 0).all(), (x, array)
    if name in ("iota", "iota + x[0]", "2 iota", "reversed", "known", "rows", "columns", "reshaped"):
        assert axes
