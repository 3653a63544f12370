"""Calls, branches and loops.

The ranges of what a loop carries are sought as a fixed point: from the first values on, widened where they keep
growing, then narrowed again. They count only once a last run of the body has shown that they are inductive: the first
values lie in them, and what the body makes of values in them does too. Counts of a `scan`, whose number of steps is
known, need not be: if a step adds a number of an interval, n steps add at most n of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
from jax.extend import core

from ecjax.exactness.conditions import Condition, ImpossibleError
from ecjax.exactness.domain import (
    Interval,
    Kind,
    Range,
    Step,
    Unknown,
    Value,
    align,
    join,
    meet,
    misfit,
    top,
    within_range,
)
from ecjax.exactness.elementwise import negative, total
from ecjax.exactness.interpreter import Interpreter, Scope, declared_bounds, is_jax_function, kind_of
from ecjax.exactness.structural import up_to

Handler = Callable[[Interpreter, core.JaxprEqn, Step, list[Value], Scope], Sequence[Value]]
# A body that is run on carried values: these as they were when it ran, and what it made of them.
Body = Callable[[Sequence[Range]], tuple[Sequence[Value], Sequence[Value]]]

_ROUNDS = 24  # of looking for bounds, after which they are given up


def call(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """Calls of every kind: what is called is looked into as if it stood there."""
    called = next(eqn.params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr") if name in eqn.params)
    jaxpr, consts = _open(called)
    if is_jax_function(jaxpr):
        scope = Scope(scope.wrapping, step.where)
    return self.run(jaxpr, consts, operands, scope)


def cond(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """A branch: each is run under the condition that it is taken."""
    index, *operands = self.use(operands)
    branches = eqn.params["branches"]
    # The index is clamped, everywhere.
    first, last = (min(max(n, 0), len(branches) - 1) for n in index.interval[:2])
    results: list[Sequence[Value]] = []
    for number in range(first, last + 1):
        inner = operands
        if index.interval in Interval(0, len(branches) - 1):
            try:
                condition = Condition(index, number)
                inner = [condition.apply(x) for x in operands]
            except ImpossibleError:
                continue
        results.append(self.use(self.run(*_open(branches[number]), inner, scope)))
    if not results:  # in code that never runs
        return [Value(kind, top(kind.dtype)) for kind in step.outputs]
    return [
        Value(kind, join(*(x.range for x in values)))
        for kind, values in zip(step.outputs, zip(*results, strict=True), strict=True)
    ]


def scan(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """A scan over the first axis."""
    params, operands = eqn.params, self.use(operands)
    jaxpr, closed = _open(params["jaxpr"])
    # What is scanned has one axis less inside. JAX's parameters that tell the numbers differ between its versions.
    end = sum(len(x.kind.shape) == len(kind_of(var.aval).shape) for x, var in zip(operands, jaxpr.invars, strict=True))
    begin = end - sum(
        len(k.shape) == len(kind_of(var.aval).shape) for k, var in zip(step.outputs, jaxpr.outvars, strict=True)
    )
    consts, first, rows = operands[:begin], operands[begin:end], operands[end:]
    rows = [Value(Kind(x.kind.shape[1:], x.kind.dtype), x.range) for x in rows]

    def body(ranges: Sequence[Range]) -> tuple[Sequence[Value], Sequence[Value]]:
        carried = [Value(x.kind, r) for x, r in zip(first, ranges, strict=True)]
        return carried, self.use(self.run(jaxpr, closed, [*consts, *carried, *rows], scope))

    loop = _Loop(first, body, params["length"], _thresholds((jaxpr,), operands))
    last, outputs = loop.solve(self, (id(eqn), scope.wrapping, tuple(x.range for x in operands)))
    ranges = [*last, *(x.range for x in outputs[len(first) :])]
    return [Value(kind, r) for kind, r in zip(step.outputs, ranges, strict=True)]


def while_loop(
    self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope
) -> Sequence[Value]:
    """A loop with a condition, which holds where the body begins and fails where the loop ends."""
    params, operands = eqn.params, self.use(operands)
    test, body = params["cond_jaxpr"], params["body_jaxpr"]
    begin, end = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    test_consts, body_consts, first = operands[:begin], operands[begin:end], operands[end:]

    def tested(ranges: Sequence[Range], number: int) -> tuple[list[Value], list[Value]]:
        carried = [Value(x.kind, r) for x, r in zip(first, ranges, strict=True)]
        (again,) = self.use(self.run(*_open(test), [*test_consts, *carried], scope))
        condition = Condition(again, number)
        return carried, [condition.apply(x) for x in carried]

    def turn(ranges: Sequence[Range]) -> tuple[Sequence[Value], Sequence[Value]]:
        try:
            carried, inside = tested(ranges, 1)
        except ImpossibleError:
            return first, []
        return carried, self.use(self.run(*_open(body), [*body_consts, *inside], scope))

    loop = _Loop(first, turn, None, _thresholds((test.jaxpr, body.jaxpr), operands))
    last, _ = loop.solve(self, (id(eqn), scope.wrapping, tuple(x.range for x in operands)))
    try:
        return [Value(x.kind, x.range) for x in tested(last, 0)[1]]
    except ImpossibleError:  # it never ends
        return [Value(kind, r) for kind, r in zip(step.outputs, last, strict=True)]


class _Loop:
    """The search for the ranges of what a loop carries.

    `ranges` are those before each step. Those that count up, by `steps` in every one of the loop's `length` steps, need
    not be inductive by themselves.
    """

    def __init__(self, first: Sequence[Value], body: Body, length: int | None, thresholds: Sequence[int]) -> None:
        self.first = [x.range for x in first]
        self.dtypes = [x.kind.dtype for x in first]
        self.body = body
        self.length = length
        self.thresholds = thresholds
        self.ranges: list[Range] = list(self.first)
        self.steps: dict[int, Interval] = {}

    def solve(self, interpreter: Interpreter, key: Any) -> tuple[list[Range], Sequence[Value]]:
        """The ranges of what the loop carries in the end, and what a last run of its body made."""
        # First what it was before. Then with all that grows let go at once, as narrowing often gets it back; and if
        # that is refused, threshold by threshold.
        for attempt in ("known", "boldly", "slowly"):
            with interpreter.silently():
                if attempt == "known":
                    self.ranges, self.steps = interpreter.bounds.get(key, (self.ranges, self.steps))
                else:
                    self.ranges, self.steps = list(self.first), {}
                    self._climb(() if attempt == "boldly" else self.thresholds)
                    self._descend()
            with interpreter.apart() as refusals:
                carried, outputs = self.body(self.ranges)
            if self._inductive(carried, outputs) and (attempt != "boldly" or not refusals):
                break
        else:
            raise RuntimeError("the audit found no inductive bounds of a loop: please report this")
        interpreter.bounds[key] = self.ranges, self.steps
        interpreter.report(refusals)
        if not outputs:  # not a single step
            return list(self.first), outputs
        last = list(self.ranges)
        for i, step in self.steps.items():
            last[i] = self._after(i, step, self.length or 0)
        return last, outputs

    def _after(self, i: int, step: Interval, steps: int) -> Interval:
        """What a count is after up to so many steps."""
        first = self.first[i]
        assert isinstance(first, Interval)
        return total(first, up_to(step, steps))

    def _inductive(self, carried: Sequence[Value], outputs: Sequence[Value]) -> bool:
        """Whether what the body makes of values in the ranges is in the ranges of the next step."""
        for i, (before, after) in enumerate(zip(carried, outputs, strict=False)):
            if not within_range(self.first[i], self.ranges[i]):
                return False
            if i in self.steps:
                added = increment(after, before)
                if added is None or added not in self.steps[i]:
                    return False
            elif not within_range(after.range, self.ranges[i]):
                return False
        return True

    def _climb(self, thresholds: Sequence[int]) -> None:
        """Widens the ranges, from threshold to threshold, until they are inductive, as those of all numbers are."""
        for turn in range(_ROUNDS * (1 + len(self.ranges))):
            carried, outputs = self.body(self.ranges)
            if self._inductive(carried, outputs):
                return
            for i, (before, after) in enumerate(zip(carried, outputs, strict=False)):
                old = self.ranges[i]
                if within_range(after.range, old) and i not in self.steps:
                    continue
                added = increment(after, before) if turn < _ROUNDS and self.length else None
                if added is not None:
                    added = join(added, self.steps.get(i, added))
                    assert isinstance(added, Interval)
                    if misfit(self._after(i, added, self.length or 0), self.dtypes[i]) is None:
                        self.steps[i] = added
                        self.ranges[i] = self._after(i, added, (self.length or 1) - 1)
                        continue
                if i in self.steps:
                    del self.steps[i]
                    if within_range(after.range, old):
                        continue
                new = join(old, after.range)
                self.ranges[i] = new if turn < 2 else self._widen(i, old, new, thresholds if turn < _ROUNDS else ())

    def _descend(self) -> None:
        """Takes back what widening gave too much, as long as the ranges stay inductive."""
        for _ in range(4):
            kept = list(self.ranges)
            outputs = self.body(kept)[1]
            for i, after in enumerate(outputs[: len(kept)]):
                if i not in self.steps:
                    self.ranges[i] = meet(kept[i], join(self.first[i], after.range)) or kept[i]
            if self.ranges == kept:
                return
            if not self._inductive(*self.body(self.ranges)):
                self.ranges = kept
                return

    def _widen(self, i: int, old: Range, new: Range, thresholds: Sequence[int]) -> Range:
        """A range around `new` that ends in thresholds where it has grown."""
        if isinstance(new, Unknown) or isinstance(old, Unknown):
            return new
        limits = top(self.dtypes[i])
        if isinstance(limits, Unknown):
            if not thresholds:
                return limits
            limits = Interval(thresholds[0], thresholds[-1])
        old, new = align(old, new)
        scale = max(-new.grid, 0)
        ends = sorted({t << scale for t in (*limits[:2], *thresholds)})
        low = max((t for t in ends if t <= new.low), default=None) if new.low < old.low else new.low
        high = min((t for t in ends if t >= new.high), default=None) if new.high > old.high else new.high
        if low is None or high is None:
            return Unknown.ANY
        return meet(Interval(low, high, new.grid), limits if not scale else Unknown.ANY) or limits


def increment(after: Value, before: Value) -> Interval | None:
    """What a step adds to a value, if the one after it is seen to be the one before it and something."""
    if after is before:
        return Interval(0, 0)
    d = after.definition
    if d is None or d.step.wrapping or any(isinstance(x.range, Unknown) for x in d.operands):
        return None
    operands = d.operands
    if d.step.name in ("add", "sub"):
        a, b = operands
        other = b.interval if d.step.name == "add" else negative(b.interval)
        if (added := increment(a, before)) is not None:
            return total(added, other)
        if d.step.name == "add" and (added := increment(b, before)) is not None:
            return total(added, a.interval)
    elif d.step.name == "select_n":
        which = operands[0].interval
        added = [increment(x, before) for x in operands[1 + which.low : 2 + which.high]]
        if added and None not in added:
            result = join(*(x for x in added if x is not None))
            assert isinstance(result, Interval)
            return result
    elif d.step.declared is not None or (
        d.step.name == "convert_element_type" and misfit(operands[0].interval, after.kind.dtype) is None
    ):
        return increment(operands[0], before)
    return None


def _open(jaxpr: Any) -> tuple[core.Jaxpr, Sequence[Any]]:
    """A jaxpr, closed or not, and the values of its constants."""
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())


def _thresholds(jaxprs: Sequence[core.Jaxpr], operands: Sequence[Value]) -> list[int]:
    """Numbers at which a range may come to rest: those of the loop's code and its operands, and powers of two."""
    found = {n for x in operands if isinstance(x.range, Interval) for n in x.interval.on(min(x.interval.grid, 0))[:2]}
    for jaxpr in jaxprs:
        found.update(_literals(jaxpr))
    found.update(1 << k for k in (0, 4, 8, 16, 24, 31, 32))
    return sorted({m for n in found for m in (n - 1, n, n + 1, -n)})


def _literals(jaxpr: core.Jaxpr) -> Iterator[int]:
    """The integers that are written in a jaxpr, and those that it declares to be bounds."""
    for eqn in jaxpr.eqns:
        yield from declared_bounds(eqn) or ()
        for atom in eqn.invars:
            if isinstance(atom, core.Literal) and jnp.ndim(atom.val) == 0 and float(atom.val).is_integer():
                yield int(atom.val)
        for inner in core.jaxprs_in_params(eqn.params):
            yield from _literals(inner)


CONTROL: dict[str, Handler] = {
    "closed_call": call,
    "cond": cond,
    "core_call": call,
    "custom_jvp_call": call,
    "custom_vjp_call": call,
    "jit": call,
    "pjit": call,
    "remat2": call,
    "scan": scan,
    "while": while_loop,
}
"""Primitives that hold jaxprs of their own."""
