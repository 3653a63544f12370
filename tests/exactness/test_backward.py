"""What a fact about a result says of operands, against all operands that there are; and the evaluation of known arrays.

The rules read backwards (`rules/backward.py`) are tried with all intervals of operands and results of a few bits. Facts
may say too little, never too much: each tuple of operands whose result is in the interval must fulfil all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.exactness import known
from ecjax.exactness.domain import Interval, Kind
from ecjax.exactness.rules.backward import OPPOSITE, Difference, ImpossibleError, alternatives, learn
from ecjax.exactness.values import Definition, Value
from tests.exactness import parameters, reference
from tests.exactness.brute import grid_of_samples, intervals, outcomes, step_of
from tests.exactness.problems import BF16, BOOL, INT8, PROBLEMS, UINT8, ends, small
from tests.exactness.reference import Call
from tests.strategies import annotations_unchecked

HANDLED = ("add", "and", "clz", "convert_element_type", "max", "min", "not", "or", "sign", "sub", *OPPOSITE)


def numbers_of(dtype: np.dtype, bits: int) -> list[list[int]]:
    if dtype == BOOL:
        return [[0, 1]]
    if bits > 3:
        return [small(dtype, 3), ends(dtype, 3)]
    return [small(dtype, 3)[1:-1], [*ends(dtype, 3)[:2], *ends(dtype, 3)[3:5], ends(dtype, 3)[-1]]]


def results_of(name: str, call: Call, samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the primitive makes of the samples: modulo `2**width`, as it does even where that was refused."""
    (values,), (undefined,) = reference.apply(name, call, samples)
    if not reference.is_float(call.dtype):
        return reference.wrapped(values, call.dtype), undefined
    return values, undefined | ~reference.fits(values, call.dtype)


def contained(x: np.ndarray, interval: Interval) -> np.ndarray:
    steps = x / 2.0**interval.grid
    return (steps >= interval.low) & (steps <= interval.high) & (steps == np.floor(steps))


def cases(name: str, bits: int) -> Any:
    """Operands' dtypes and grids, and the result's dtype, with which a primitive is tried."""
    if name in ("and", "or", "not"):
        dtypes: list[tuple[np.dtype, np.dtype]] = [(BOOL, BOOL), (INT8, INT8), (UINT8, UINT8)]
    elif name in OPPOSITE:
        dtypes = [(INT8, BOOL), (UINT8, BOOL), *([(BOOL, BOOL)] if name in ("eq", "ne") else [])]
    elif name == "convert_element_type":
        dtypes = list(itertools.product((INT8, UINT8, BOOL, np.dtype("int16")), (INT8, UINT8, BOOL)))
    else:
        dtypes = [(INT8, INT8), (UINT8, UINT8)]
    count = {"not": 1, "clz": 1, "sign": 1, "convert_element_type": 1}.get(name, 2)
    for mine, result in dtypes:
        for numbers in numbers_of(mine, bits):
            yield [mine] * count, (0,) * count, [numbers] * count, result
    floats = {"add", "sub", "max", "min", "sign", *OPPOSITE}
    if name in floats:
        steps = [-3, -1, 0, 1, 2] if bits > 3 else [-3, 0, 1]
        for grids in itertools.product((0, -2, 1), repeat=count):
            yield [BF16] * count, grids, [steps] * count, BOOL if name in OPPOSITE else BF16
    if name == "convert_element_type":
        for grid, result in itertools.product((0, -1, 1), (INT8, BOOL, BF16)):
            yield [BF16], (grid,), [[-3, -1, 0, 1, 2, 127]], result
        yield [INT8], (0,), [[-128, -1, 0, 1, 127]], BF16


def check(name: str, bits: int) -> int:
    """Tries a primitive; says how many facts there were."""
    facts = 0
    for dtypes, grids, numbers, result in cases(name, bits):
        kinds = [Kind((), dtype) for dtype in dtypes]
        params = {"new_dtype": result, "weak_type": False} if name == "convert_element_type" else {}
        step = step_of(name, params, (Kind((), result),))
        samples = grid_of_samples([np.array(x) * (2.0**g if g else 1) for x, g in zip(numbers, grids, strict=True)])
        out, undefined = results_of(name, Call(params, kinds, step.outputs), samples)
        every = [intervals(x, g) for x, g in zip(numbers, grids, strict=True)]
        inside = [[(r, contained(x, r)) for r in rs] for rs, x in zip(every, samples, strict=True)]
        grid = min(grids) if reference.is_float(result) and name != "sign" else 0
        ends_of = sorted({int(x) for x in (out[~undefined] / 2.0**grid).tolist()})
        ends_of = ends_of if len(ends_of) <= 6 or bits > 3 else sorted({*ends_of[:2], *ends_of[2:-2:3], *ends_of[-1:]})
        news = [(r, contained(out, r) & ~undefined) for r in intervals(ends_of, grid)]
        for combination in itertools.product(*inside):
            operands = tuple(Value(k, r) for k, (r, _) in zip(kinds, combination, strict=True))
            d = Definition(step, operands)
            chosen = np.logical_and.reduce([mask for _, mask in combination])
            for new, mask in news:
                facts += judge(d, result, new, chosen & mask, samples)
    return facts


def judge(d: Definition, dtype: np.dtype, new: Interval, chosen: np.ndarray, samples: Sequence[np.ndarray]) -> int:
    where = f"{d.step.name} of {[str(x.range) for x in d.operands]} {d.operands[0].kind} in {new}"
    try:
        facts = list(learn(d, dtype, new))
    except ImpossibleError:
        assert not chosen.any(), f"{where} is not impossible: {[x[chosen][0] for x in samples]}"
        return 1
    for fact in facts:
        if isinstance(fact, Difference):
            apart = samples[fact.above] - samples[fact.below]
            assert (apart[chosen] >= fact.least).all(), f"{where}: {fact}"
        else:
            assert contained(samples[fact.operand], fact.interval)[chosen].all(), f"{where}: {fact}"
    if cases := alternatives(d, dtype, new):
        one = np.logical_or.reduce([contained(samples[c.operand], c.interval) for c in cases])
        assert one[chosen].all(), f"{where}: {cases}"
    return len(facts) + len(cases)


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDLED)
def test_what_is_learned_of_operands_is_true(name: str) -> None:
    with annotations_unchecked():
        assert check(name, 3) > 5


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("name", HANDLED)
def test_what_is_learned_of_operands_is_true_of_three_bits(name: str) -> None:
    with annotations_unchecked():
        assert check(name, 4) > 5


def test_nothing_is_learned_of_others() -> None:
    """What is handled is what is tried above."""
    kind = Kind((), INT8)
    for name in sorted({*PROBLEMS, *known.ELEMENTWISE} - {*HANDLED}):
        d = Definition(step_of(name, {}, (kind,)), (Value(kind, Interval(0, 3)),) * 2)
        for dtype in (INT8, BOOL):
            assert not list(learn(d, dtype, Interval(1, 1))) and not alternatives(d, dtype, Interval(1, 1)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({**known.ELEMENTWISE, **known.SHAPING}))
def test_known_arrays_are_evaluated_as_jax_does(name: str) -> None:
    primitive = parameters.primitives().get(name)
    rng, compared = np.random.default_rng(1), 0
    wholes = [p for p in PROBLEMS[name](3) if all(known.narrow(k.dtype) for k in (*p.operands, *p.results))]
    for problem in [wholes[i] for i in rng.choice(len(wholes), min(12, len(wholes)), replace=False)]:
        made = outcomes(problem)
        count = len(made[0].least)
        sound = [i for i in range(count) if not any(m.undefined[i] or m.unfit[i] for m in made)]
        for i in rng.permutation(sound)[:8]:
            given = [np.asarray(x[i]) for x in problem.samples]
            found = known.evaluate(problem.step(), given)
            meant = reference.apply(name, problem.call, given)[0][0]
            if found is None:  # it may give up
                continue
            assert np.array_equal(found, meant), (problem.about, given)
            if primitive is not None and compared < 12:
                arrays = [jnp.asarray(x.astype(k.dtype)) for x, k in zip(given, problem.operands, strict=True)]
                assert np.array_equal(np.asarray(primitive.bind(*arrays, **problem.params)), meant)
            compared += 1
    assert compared >= min(8, len(wholes))
