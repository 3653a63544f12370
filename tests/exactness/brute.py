"""Rules against brute force: every number in the intervals of the operands has to lead into the interval of the result.

A `Problem` is a primitive with its parameters, some elements for its operands (the samples), and intervals of these.
`violations` has the rule conclude from all combinations of intervals, and looks at all samples inside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from ecjax.exactness import rules
from ecjax.exactness.domain import Interval, Kind, Unknown, range_of
from ecjax.exactness.known import constant_of
from ecjax.exactness.values import Definition, Step, Value
from tests.exactness import reference
from tests.exactness.reference import Call, Elements


def step_of(name: str, params: dict[str, Any], results: tuple[Kind, ...], wrapping: bool = False) -> Step:
    """An equation as the rules see it."""
    return Step(name, params, results, wrapping, lambda: name, lambda: "here")


@dataclass(frozen=True)
class Problem:
    """A primitive, and what it is to be tried with.

    Attributes:
      name: The primitive's.
      params: Its parameters.
      operands: Shapes and dtypes of its operands.
      results: Those of its results.
      samples: Elements for each operand, samples along the first axis.
      intervals: The intervals of each operand that are tried, in all combinations.
      same: Whether all operands are one value.
      known: Operands whose elements the rule is told, one sample at a time.
      contiguous: Whether the samples are all there are, so that the least interval is known.
      about: Which it is, for people.
    """

    name: str
    params: dict[str, Any]
    operands: tuple[Kind, ...]
    results: tuple[Kind, ...]
    samples: tuple[Elements, ...]
    intervals: tuple[Sequence[Interval], ...]
    same: bool = False
    known: tuple[int, ...] = ()
    contiguous: bool = False
    about: str = ""

    @property
    def call(self) -> Call:
        return Call(self.params, self.operands, self.results)

    def step(self, wrapping: bool = False) -> Step:
        return step_of(self.name, self.params, self.results, wrapping)


@dataclass
class Tally:
    """What was seen: conclusions, those refused, those refused though nothing was wrong, and those not the least."""

    tried: int = 0
    refused: int = 0
    needlessly: int = 0
    loose: int = 0
    found: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Outcomes:
    """For each sample and one result: its least and greatest element and the finest grid; what is wrong with any."""

    least: Elements
    most: Elements
    grid: Elements
    undefined: Elements
    unfit: Elements
    wrapped_least: Elements
    wrapped_most: Elements


def intervals(numbers: Sequence[int], grid: int = 0) -> list[Interval]:
    """All intervals with ends among some integers."""
    ordered = sorted(set(numbers))
    return [Interval(a, b, grid) for i, a in enumerate(ordered) for b in ordered[i:]]


def grids_of(x: Elements) -> Elements:
    """The exponent of the last bit of each number; large for 0."""
    mantissas, exponents = np.frexp(x.astype(np.float64))
    whole = (mantissas * 2.0**53).astype(np.int64)
    last = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return np.where(whole == 0, 4000, last + exponents - 53)


def outcomes(problem: Problem) -> list[_Outcomes]:
    """What the primitive makes of each sample."""
    count = len(problem.samples[0]) if problem.samples else 1
    if problem.name in reference.ELEMENTWISE and all(k.shape == () for k in problem.operands):
        values, undefined = reference.apply(problem.name, problem.call, problem.samples)
        parts = [(x[:, None], u[:, None]) for x, u in zip(values, undefined, strict=True)]
        unfit = [np.zeros(count, bool)] * len(parts)
    else:
        made = [reference.apply(problem.name, problem.call, [x[i] for x in problem.samples]) for i in range(count)]
        parts = [
            (np.stack([v[j].reshape(-1) for v, _ in made]), np.stack([u[j].reshape(-1) for _, u in made]))
            for j in range(len(problem.results))
        ]
        unfit = [_unfit_orders(problem, j, count) for j in range(len(parts))]
    found = []
    for (x, u), kind, wrong in zip(parts, problem.results, unfit, strict=True):
        fits = reference.fits(x, kind.dtype) | u
        whole = not reference.is_float(kind.dtype)
        modulo = reference.wrapped(x, kind.dtype) if whole else x
        ends = [_ends(y, u) for y in (x, modulo)]
        found.append(
            _Outcomes(
                *ends[0],
                np.where(u, 4000, grids_of(x)).min(1, initial=4000),
                np.asarray(u.any(1)),
                ~fits.all(1) | wrong,
                *ends[1],
            )
        )
    return found


def _ends(x: Elements, undefined: Elements) -> tuple[Elements, Elements]:
    """The least and the greatest of what is defined in each row."""
    if x.dtype.kind == "f":
        low, high = math.inf, -math.inf
    else:
        low, high = (1 << 62), -(1 << 62)
    return np.where(undefined, low, x).min(1, initial=low), np.where(undefined, high, x).max(1, initial=high)


def _unfit_orders(problem: Problem, result: int, count: int) -> Elements:
    """For which samples of floats some partial sum or product does not fit."""
    dtype = problem.results[result].dtype
    found = np.zeros(count, bool)
    if not reference.is_float(dtype):
        return found
    for i in range(count):
        for terms, multiply in parts_of(problem, [x[i] for x in problem.samples]):
            subsets = itertools.chain.from_iterable(itertools.combinations(terms, k) for k in range(1, len(terms) + 1))
            made = np.array([math.prod(s) if multiply else math.fsum(s) for s in subsets] or [0.0])
            found[i] |= not reference.fits(made, dtype).all()
    return found


def parts_of(problem: Problem, arrays: Sequence[Elements]) -> Iterator[tuple[list[float], bool]]:
    """The summands, or factors, of each number that a primitive makes of arrays of one axis."""
    name, call = problem.name, problem.call
    if name in ("reduce_sum", "cumsum", "psum"):
        yield [float(x) for x in arrays[0].reshape(-1)], False
    elif name in ("reduce_prod", "cumprod"):
        yield [float(x) for x in arrays[0].reshape(-1)], True
    elif name == "reduce_window_sum":
        lists: list[list[float]] = []
        reference.windows(call, arrays[0], lambda xs: lists.append([float(x) for x in xs]))
        yield from ((terms, False) for terms in lists)
    elif name == "dot_general":
        x, y = (z.reshape(-1) for z in arrays)
        yield [float(z) for z in x * y], False
    elif name in ("scatter-add", "scatter-sub", "scatter-mul"):
        x, indices, updates = arrays
        sign = -1 if name == "scatter-sub" else 1
        for place in range(len(x)):
            terms = [sign * float(u) for i, u in zip(indices.reshape(-1), updates, strict=True) if i == place]
            yield [float(x[place]), *terms], name == "scatter-mul"


def violations(problem: Problem, tally: Tally | None = None) -> list[str]:
    """What the rule says that is not so, for all combinations of intervals."""
    tally = tally or Tally()
    if problem.known:
        for part in _one_by_one(problem):
            _compare(part, tally)
    else:
        _compare(problem, tally)
    return tally.found


def _one_by_one(problem: Problem) -> Iterator[Problem]:
    """The problem for each array that its known operands may be."""
    flat = [problem.samples[i].reshape(len(problem.samples[i]), -1) for i in problem.known]
    rows, inverse = np.unique(np.concatenate(flat, 1), axis=0, return_inverse=True)
    for n in range(len(rows)):
        chosen = inverse.reshape(-1) == n
        yield replace(problem, samples=tuple(x[chosen] for x in problem.samples))


def _compare(problem: Problem, tally: Tally) -> None:
    made = outcomes(problem)
    count = len(problem.samples[0]) if problem.samples else 1
    inside = []
    for i, (x, kind) in enumerate(zip(problem.samples, problem.operands, strict=True)):
        flat = x.reshape(count, -1)
        held = reference.fits(flat, kind.dtype).all(1)
        assert problem.intervals[i] or not flat.size
        if i in problem.known:
            inside.append([(None, held)])
            continue
        masks = []
        for r in problem.intervals[i]:
            low, high = r.low * 2.0**r.grid, r.high * 2.0**r.grid
            if reference.fits(np.array([low, high]), kind.dtype).all():  # or no such operand exists
                masks.append((r, ((flat >= low) & (flat <= high)).all(1) & _on_grid(flat, r.grid) & held))
        inside.append(masks)
    if problem.same:
        combinations: Iterator[Any] = ((x,) * len(inside) for x in inside[0])
    else:
        combinations = itertools.product(*inside)
    for combination in combinations:
        chosen = np.ones(count, bool)
        for _, mask in combination:
            chosen = chosen & mask
        if not chosen.any():
            continue
        operands = [
            _value(problem, i, kind, interval)
            for i, (kind, (interval, _)) in enumerate(zip(problem.operands, combination, strict=True))
        ]
        if problem.same:
            operands = [operands[0]] * len(operands)
        tally.tried += 1
        for wrapping in (False, True):
            step = problem.step(wrapping)
            claims = rules.conclude(step, operands)
            if not step.reasons:
                _judge(problem, operands, step, claims, made, chosen, tally)
                break
            if not wrapping:
                tally.refused += 1
                wrong = any((m.undefined | m.unfit)[chosen].any() for m in made)
                tally.needlessly += problem.contiguous and not wrong


def _on_grid(flat: Elements, grid: int) -> Elements:
    if not grid:
        return np.ones(len(flat), bool)
    return np.asarray((grids_of(flat) >= grid).all(1))


def _value(problem: Problem, i: int, kind: Kind, interval: Interval | None) -> Value:
    if interval is None:
        array = problem.samples[i][0].astype(kind.dtype)
        return Value(kind, range_of(array), constant=array)
    return Value(kind, interval)


def _judge(
    problem: Problem,
    operands: Sequence[Value],
    step: Step,
    claims: Sequence[Any],
    made: Sequence[_Outcomes],
    chosen: Elements,
    tally: Tally,
) -> None:
    """Compares what is claimed with what is so."""

    def report(what: str) -> None:
        tally.found.append(f"{problem.name} {problem.about} of {', '.join(_describe(x) for x in operands)}: {what}")

    for claim, m, kind in zip(claims, made, problem.results, strict=True):
        if m.undefined[chosen].any():
            report("not refused, though it may be undefined")
            return
        unfit = m.unfit[chosen].any()
        if unfit and (not step.wrapping or not step.wrapped or reference.is_float(kind.dtype)):
            report(f"not refused, though it may not fit {kind.dtype}")
            return
        if isinstance(claim, Unknown):
            continue
        least, most = (m.wrapped_least, m.wrapped_most) if unfit else (m.least, m.most)
        low, high = least[chosen].min(), most[chosen].max()
        if low > high:  # no elements
            continue
        unit = 2.0**claim.grid
        if low < claim.low * unit or high > claim.high * unit:
            report(f"{low}..{high} is not in {claim}")
        elif (m.grid[chosen] < claim.grid).any() and (claim.grid or reference.is_float(kind.dtype)):
            report(f"a number is not a multiple of 2**{claim.grid}")
        elif problem.contiguous and (low > claim.low * unit or high < claim.high * unit):
            tally.loose += 1


def _describe(x: Value) -> str:
    return f"{x.kind} {x.range}" + (f" = {x.constant.tolist()}" if x.constant is not None else "")


# How problems are made.


def grid_of_samples(parts: Sequence[Elements]) -> tuple[Elements, ...]:
    """All combinations of the samples of each operand."""
    counts = [len(x) for x in parts]
    places = np.indices(counts).reshape(len(counts), -1)
    return tuple(x[i] for x, i in zip(parts, places, strict=True))


def arrays_of(numbers: Sequence[float], shape: tuple[int, ...]) -> Elements:
    """All arrays of a shape with elements among some numbers, samples along the first axis."""
    size = math.prod(shape)
    rows = list(itertools.product(numbers, repeat=size))
    return np.array(rows).reshape(len(rows), *shape)


def equation(name: str, fn: Callable[..., Any], *operands: Kind) -> tuple[dict[str, Any], tuple[Kind, ...]]:
    """The parameters and the results' kinds of the equation of a primitive that a function traces to."""
    jaxpr = jax.make_jaxpr(fn)(*(jax.ShapeDtypeStruct(k.shape, k.dtype) for k in operands)).jaxpr
    (eqn,) = [e for e in _flat(jaxpr) if e.primitive.name == name]
    return dict(eqn.params), tuple(Kind(tuple(var.aval.shape), var.aval.dtype) for var in eqn.outvars)


def _flat(jaxpr: Any) -> Iterator[Any]:
    for eqn in jaxpr.eqns:
        inner = eqn.params.get("jaxpr") if eqn.primitive.name == "jit" else None
        if inner is not None:
            yield from _flat(getattr(inner, "jaxpr", inner))
        else:
            yield eqn


def concluded(name: str, operands: Sequence[Value], kind: Kind, wrapping: bool = False, **params: Any) -> Value:
    """The value that the interpreter makes of an equation, without its conditions."""
    step = step_of(name, params, (kind,), wrapping)
    (found,) = rules.conclude(step, operands)
    pending = step.refusals() | rules.inherited(operands)
    known = constant_of(step, operands) if not pending else None
    return Value(kind, found, Definition(step, tuple(operands)), pending, known)
