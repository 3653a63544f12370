"""The search for the invariant of a loop: what holds of the values that it carries, before each of its steps.

It is sought as a fixed point: from the first values on, ranges are widened where they keep growing, and then narrowed.
It counts only once a last run of the body has shown that it is one: the first values fulfil it, and what the body makes
of values that do fulfils it too. What is refused in that run is reported. A value that stays unknown carries what was
refused on its way, so no refusal is lost with the search. Counts of a `scan`, whose number of steps is known, need not
be inductive: if a step adds a number of an interval, n steps add at most n of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.extend import core

from ecjax.exactness import relations
from ecjax.exactness.domain import (
    Interval,
    Range,
    Refusal,
    Unknown,
    align,
    is_float,
    join,
    meet,
    misfit,
    negative,
    top,
    total,
    within_range,
)
from ecjax.exactness.interpreter import Interpreter, Scope
from ecjax.exactness.proof import Invariant
from ecjax.exactness.rules.reductions import up_to
from ecjax.exactness.values import Step, Value, merged
from ecjax.integers import DECLARE

_ROUNDS = 24  # of looking for bounds, after which they are given up
_PAIRS = 56  # of carried values that are compared
# First what it was before. Then with all that grows let go at once, as narrowing often gets it back; and if something
# is refused then, threshold by threshold, with and without counts.
_ATTEMPTS = ("known", "boldly", "slowly", "without counts")


class Turn(NamedTuple):
    """One run of a loop's body.

    Attributes:
      before: What the loop carried into it.
      after: What it carries out of it, and then what else the body gives; nothing if it never runs.
    """

    before: Sequence[Value]
    after: Sequence[Value]


Body = Callable[[Invariant], Turn]


def carry(first: Sequence[Value], invariant: Invariant, length: int | None) -> list[Value]:
    """What a loop of so many steps carries before one of them, of which its invariant holds."""
    values = []
    for i, (x, r) in enumerate(zip(first, invariant.ranges, strict=True)):
        value = merged(x.kind, r, x)
        if value.sums is not None and isinstance(r, Interval):
            # A compiler may add what the steps add first: all of it, or what has come to the first value so far.
            steps = invariant.steps.get(i)
            added = up_to(steps, length or 0) if steps is not None else total(r, negative(x.interval))
            sums = join(value.sums, total(x.partial_sums, added) if steps is not None else added)
            assert isinstance(sums, Interval)
            value = replace(value, sums=sums)
        values.append(value)
    above: dict[int, list[tuple[Value, int]]] = {}
    for i, j, k in invariant.differences:
        above.setdefault(i, []).append((values[j], k))
    return [x.narrowed(x.range, above=tuple(above.get(i, ()))) for i, x in enumerate(values)]


class Loop:
    """The search for the invariant of a loop."""

    def __init__(
        self, step: Step, first: Sequence[Value], body: Body, length: int | None, thresholds: Sequence[int]
    ) -> None:
        self.step = step
        self.values = first
        self.first = [x.range for x in first]
        self.dtypes = [x.kind.dtype for x in first]
        self.body = body
        self.length = length
        self.thresholds = thresholds
        self.ranges: list[Range] = list(self.first)
        self.steps: dict[int, Interval] = {}
        self.differences: frozenset[tuple[int, int, int]] = frozenset()
        self._last: tuple[Invariant, Turn] | None = None

    @property
    def invariant(self) -> Invariant:
        """As it is so far."""
        return Invariant(tuple(self.ranges), dict(self.steps), self.differences)

    @invariant.setter
    def invariant(self, found: Invariant) -> None:
        self.ranges, self.steps, self.differences = list(found.ranges), dict(found.steps), found.differences

    def solve(self, interpreter: Interpreter, key: Any, scope: Scope) -> tuple[list[Range], Sequence[Value]]:
        """The ranges of what the loop carries in the end, and what a last run of its body made."""
        found: list[tuple[dict[Refusal, None], Invariant, Turn]] = []
        before = interpreter.bounds.get(key)
        for attempt in _ATTEMPTS if before is not None else _ATTEMPTS[1:]:
            with interpreter.silently():
                self._seek(attempt, before)
            with interpreter.apart() as refusals:
                turn = self.body(self.invariant)
            if self._inductive(turn):
                found.append((refusals, self.invariant, turn))
                if not refusals or attempt == "known":
                    break
        if not found:  # there always is one, that of all numbers; but no input shall end an audit
            interpreter.report([self.step.refusal("no invariant is found of the loop: please report this")])
            return [self.step.unknown(x.kind) for x in self.values], ()
        refusals, self.invariant, turn = min(found, key=lambda x: len(x[0]))
        interpreter.bounds[key] = interpreter.proof.invariants[scope.place] = self.invariant
        interpreter.report(refusals)
        if not turn.after:  # not a single step
            return list(self.first), turn.after
        last = list(self.ranges)
        for i, step in self.steps.items():
            last[i] = self._after(i, step, self.length or 0)
        return last, turn.after

    def _turn(self) -> Turn:
        """A run of the body whose refusals do not count; the last one again if the invariant is still the same."""
        if self._last is None or self._last[0] != self.invariant:
            self._last = self.invariant, self.body(self.invariant)
        return self._last[1]

    def _seek(self, attempt: str, known: Invariant | None) -> None:
        """Looks for an invariant, in one of the ways of `_ATTEMPTS`."""
        if attempt == "known":
            assert known is not None
            self.invariant = known
            return
        self.invariant = Invariant(tuple(self.first), {}, self._candidates())
        self._climb(() if attempt == "boldly" else self.thresholds, counting=attempt != "without counts")
        self._descend()

    def _candidates(self) -> frozenset[tuple[int, int, int]]:
        """Pairs of carried integers, of which the one is not below the other at first."""
        whole = [i for i, x in enumerate(self.values) if x.kind.dtype.kind in "iu"]
        found = [
            (i, j, 0)
            for i, j in itertools.permutations(whole, 2)
            if self.values[i].kind == self.values[j].kind and _not_below(self.values[i], self.values[j], 0)
        ]
        return frozenset(found if len(found) <= _PAIRS else ())

    def _after(self, i: int, step: Interval, steps: int) -> Interval:
        """What a count is after up to so many steps."""
        first = self.first[i]
        assert isinstance(first, Interval)
        return total(first, up_to(step, steps))

    def _inductive(self, turn: Turn) -> bool:
        """Whether what the body makes of values in the ranges is in the ranges of the next step."""
        for i, (before, after) in enumerate(zip(turn.before, turn.after, strict=False)):
            if not within_range(self.first[i], self.ranges[i]):
                return False
            if i in self.steps:
                added = increment(after, before)
                if added is None or added not in self.steps[i]:
                    return False
            elif not within_range(after.range, self.ranges[i]):
                return False
        return self._hold_at_first() and self._kept(turn) == self.differences

    def _hold_at_first(self) -> bool:
        """Whether the differences hold of the first values."""
        return all(_not_below(self.values[i], self.values[j], k) for i, j, k in self.differences)

    def _kept(self, turn: Turn) -> frozenset[tuple[int, int, int]]:
        """The differences that a step keeps."""
        if not turn.after:
            return self.differences
        return frozenset((i, j, k) for i, j, k in self.differences if _not_below(turn.after[i], turn.after[j], k))

    def _climb(self, thresholds: Sequence[int], counting: bool) -> None:
        """Widens the ranges, from threshold to threshold, until they are inductive, as those of all numbers are."""
        for round in range(_ROUNDS * (1 + len(self.ranges)) + len(self.differences)):
            turn = self._turn()
            if self._inductive(turn):
                return
            self.differences = self._kept(turn)
            for i, (before, after) in enumerate(zip(turn.before, turn.after, strict=False)):
                old = self.ranges[i]
                if within_range(after.range, old) and i not in self.steps:
                    continue
                added = increment(after, before) if counting and round < _ROUNDS and self.length else None
                if added is not None:
                    added = join(added, self.steps.get(i, added))
                    assert isinstance(added, Interval)
                    if self._counts(i, added):
                        self.steps[i] = added
                        self.ranges[i] = self._after(i, added, (self.length or 1) - 1)
                        continue
                if i in self.steps:
                    del self.steps[i]
                    if within_range(after.range, old):
                        continue
                new = join(old, after.range)
                self.ranges[i] = new if round < 2 else self._widen(i, old, new, thresholds if round < _ROUNDS else ())

    def _counts(self, i: int, added: Interval) -> bool:
        """Whether a carried value with this added in each step stays exact."""
        steps = up_to(added, self.length or 0)
        fits = misfit(self._after(i, added, self.length or 0), self.dtypes[i]) is None
        # A compiler that unrolls the loop may add the steps first.
        return fits and (not is_float(self.dtypes[i]) or misfit(steps, self.dtypes[i]) is None)

    def _descend(self) -> None:
        """Takes back what widening gave too much, as long as the ranges stay inductive."""
        for _ in range(4):
            kept = list(self.ranges)
            after = self._turn().after
            for i, x in enumerate(after[: len(kept)]):
                if i not in self.steps:
                    self.ranges[i] = meet(kept[i], join(self.first[i], x.range)) or kept[i]
            if self.ranges == kept:
                return
            if not self._inductive(self._turn()):
                self.ranges = kept
                return

    def _widen(self, i: int, old: Range, new: Range, thresholds: Sequence[int]) -> Range:
        """A range around `new` that ends in thresholds where it has grown."""
        if isinstance(new, Unknown) or isinstance(old, Unknown):
            return new
        limits = top(self.dtypes[i])
        if isinstance(limits, Unknown):
            if not thresholds:
                return self._unbounded(i)
            limits = Interval(thresholds[0], thresholds[-1])
        old, new = align(old, new)
        scale = max(-new.grid, 0)
        ends = sorted({t << scale for t in (*limits[:2], *thresholds)})
        low = max((t for t in ends if t <= new.low), default=None) if new.low < old.low else new.low
        high = min((t for t in ends if t >= new.high), default=None) if new.high > old.high else new.high
        if low is None or high is None:
            return self._unbounded(i)
        return meet(Interval(low, high, new.grid), limits if not scale else Unknown()) or limits

    def _unbounded(self, i: int) -> Unknown:
        """A float of which the loop knows no bounds: refused, so that nothing is made of it."""
        reason = f"no bounds are found of what it carries in place {i} ({self.values[i].kind}); bound it with jnp.clip"
        return Unknown(frozenset([self.step.refusal(reason)]))


def _not_below(a: Value, b: Value, k: int) -> bool:
    """Whether no element of one value is seen to be less than k above that of another."""
    if not isinstance(a.range, Interval) or not isinstance(b.range, Interval):
        return False
    if a.interval.low - b.interval.high >= k:
        return True
    least = relations.least_difference(a, b)
    return least is not None and least >= k


def increment(after: Value, before: Value) -> Interval | None:
    """What a step adds to a value, if the one after it is seen to be the one before it and something."""
    if after.identity is before.identity:
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
        added = [increment(x, before) for x in operands[1 + max(which.low, 0) : 2 + which.high]]
        if added and None not in added:
            result = join(*(x for x in added if x is not None))
            assert isinstance(result, Interval)
            return result
    elif d.step.name == DECLARE.name or (
        d.step.name == "convert_element_type" and misfit(operands[0].interval, after.kind.dtype) is None
    ):
        return increment(operands[0], before)
    return None


def thresholds(jaxprs: Sequence[core.Jaxpr], operands: Sequence[Value]) -> list[int]:
    """Numbers at which a range may come to rest: those of the loop's code and its operands, and powers of two."""
    found = {n for x in operands if isinstance(x.range, Interval) for n in x.interval.on(min(x.interval.grid, 0))[:2]}
    for jaxpr in jaxprs:
        found.update(_literals(jaxpr))
    found.update(1 << k for k in (0, 4, 8, 16, 24, 31, 32))
    return sorted({m for n in found for m in (n - 1, n, n + 1, -n)})


def _literals(jaxpr: core.Jaxpr) -> Iterator[int]:
    """The integers that are written in a jaxpr, and those that it declares to be bounds."""
    for eqn in jaxpr.eqns:
        if eqn.primitive is DECLARE:
            yield from (eqn.params["low"], eqn.params["high"])
        for atom in eqn.invars:
            if isinstance(atom, core.Literal) and jnp.ndim(atom.val) == 0:
                number = complex(atom.val)
                if not number.imag and number.real.is_integer():
                    yield int(number.real)
        for inner in core.jaxprs_in_params(eqn.params):
            yield from _literals(inner)
