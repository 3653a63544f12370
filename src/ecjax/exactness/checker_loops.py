"""What the checker knows of loops: whether an invariant holds at first, what it says of a step, what a step adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

from ecjax.exactness import relations
from ecjax.exactness.domain import (
    Interval,
    Kind,
    Range,
    Unknown,
    is_float,
    join,
    misfit,
    negative,
    top,
    total,
    within_range,
)
from ecjax.exactness.proof import Invariant
from ecjax.exactness.rules.reductions import up_to
from ecjax.exactness.values import Value
from ecjax.integers import DECLARE

# Values of which no equation is known. Of floats they remember the sums and products that a compiler may make first.


def bare(kind: Kind, found: Range) -> Value:
    """A value of a range. What was refused on its way is pending, so that it counts once used."""
    return Value(kind, found, pending=found.refusals if isinstance(found, Unknown) else frozenset())


def of_results(kind: Kind, values: Sequence[Value]) -> Value:
    """A value that is one of several, or made of their elements."""
    x = bare(kind, join(*(x.range for x in values)))
    if not is_float(kind.dtype) or isinstance(x.range, Unknown):
        return x
    sums, exponents = join(*(y.partial_sums for y in values)), [y.partial_exponents for y in values]
    assert isinstance(sums, Interval)
    return replace(x, sums=sums, exponents=(min(e[0] for e in exponents), max(e[1] for e in exponents)))


# Loops.


class Loop:
    """A loop and its invariant."""

    def __init__(
        self,
        invariant: Invariant,
        first: list[Value],
        length: int | None,
        parts: dict[int, Interval] | None = None,
        anew: dict[int, Value] | None = None,
    ) -> None:
        self.invariant, self.first, self.length = invariant, first, length
        self.parts = parts or invariant.steps
        """Of floats that steps are added to, what some of the summands of a step are."""
        self.anew = anew or {}
        """Of floats that a step makes anew, a value whose summands and factors they may have."""
        values = [self._carried(i, r) for i, r in enumerate(invariant.ranges)]
        above = [tuple((values[j], k) for i, j, k in invariant.differences if i == n) for n in range(len(values))]
        self.before = [x.narrowed(x.range, above=pairs) for x, pairs in zip(values, above, strict=True)]
        """What is carried into a step, of which the invariant holds."""

    def last(self, i: int, length: int) -> Value:
        """What is carried out of the last of some steps."""
        if i not in self.invariant.steps:
            return self.before[i]
        return self._carried(i, total(self.first[i].interval, up_to(self.invariant.steps[i], length)))

    def _carried(self, i: int, found: Range) -> Value:
        """What is carried in a place and lies in a range."""
        x, first = bare(self.first[i].kind, found), self.first[i]
        if not is_float(x.kind.dtype) or isinstance(found, Unknown) or isinstance(first.range, Unknown):
            return x
        sums = _counted(first, self.parts.get(i), self.length)
        if sums is None:  # those of what it begins with, of what a step makes anew, or of all that was added
            sums = join(first.partial_sums, x.partial_sums, total(found, negative(first.interval)))
        assert isinstance(sums, Interval)
        (a, b), (c, d) = x.partial_exponents, first.partial_exponents
        x = replace(x, sums=sums, exponents=(min(a, c), max(b, d)))
        return of_results(x.kind, [x, self.anew[i]]) if i in self.anew else x

    def with_parts(self, after: Sequence[Value]) -> Loop | None:
        """The loop with the summands of its steps, if these are larger than the steps; else None."""
        parts = dict(self.parts)
        for i, step in self.parts.items():
            plus = added(after[i], self.before[i]) if is_float(after[i].kind.dtype) else None
            both = join(step, plus.some) if plus is not None else step
            assert isinstance(both, Interval)
            parts[i] = both
        anew = {i: x for i, x in enumerate(after[: len(self.before)]) if self._is_anew(i, x)}
        wider = any(up_to(x, 1) not in up_to(self.parts[i], 1) for i, x in parts.items())
        return Loop(self.invariant, self.first, self.length, parts, anew) if wider or anew else None

    def _is_anew(self, i: int, after: Value) -> bool:
        """Whether a step makes a float of what it carries otherwise than by adding to it, with other summands."""
        unknown = any(isinstance(x.range, Unknown) for x in (after, self.before[i], self.first[i]))
        if unknown or not is_float(after.kind.dtype) or added(after, self.before[i]) is not None:
            return False
        return not self.keeps_parts(i, after)

    def keeps_parts(self, i: int, after: Value) -> bool:
        """Whether partial sums and products after a step are among those that are assumed before."""
        before, first, length = self.before[i], self.first[i], self.length
        if not is_float(after.kind.dtype) or any(isinstance(x.range, Unknown) for x in (after, before, first)):
            return True
        if _clips(after):
            after = bare(after.kind, after.range)
        (a, b), (c, d) = after.partial_exponents, before.partial_exponents
        if a < c or b > d:
            return False
        plus = added(after, before)
        if plus is None or after.partial_sums in before.partial_sums:
            return after.partial_sums in before.partial_sums
        if i in self.invariant.steps:
            return _counted(first, plus.some, length) in before.partial_sums
        # If all that is added has one sign, some of it is no more than all of it.
        hides = not within_range(first.partial_sums, join(first.interval, Interval(0, 0)))
        return not hides and (plus.some.low >= 0 or plus.some.high <= 0)


def _clips(x: Value) -> bool:
    """Whether a value is the greater or less of a number and something else, which no compiler knows to be either."""
    d = x.definition
    if d is None or d.step.name not in ("max", "min") or len(d.operands) != 2:
        return False
    known = [isinstance(y.range, Interval) and y.range.single for y in d.operands]
    return sum(known) == 1


def _counted(first: Value, step: Interval | None, length: int | None) -> Interval | None:
    """What some of the summands are of a value to which up to so many steps are added."""
    return None if step is None else total(first.partial_sums, up_to(step, length or 0))


def wrong(found: Invariant, first: Sequence[Value], length: int | None) -> str:
    """What is wrong with an invariant where a loop begins, or nothing."""
    places = range(len(first))
    named = {*found.steps, *(i for d in found.differences for i in d[:2])}
    if len(found.ranges) != len(first) or not named <= {*places}:
        return "finds that the invariant is of another loop"
    for i, x, claim in zip(places, first, found.ranges, strict=True):
        limits = top(x.kind.dtype)
        if isinstance(limits, Interval) and not within_range(claim, limits):
            return f"finds that {x.kind} of place {i} does not hold {claim}"
        if not within_range(x.range, claim):
            return f"finds {x.range} in place {i} at first, which is said to be {claim}"
        if i not in found.steps:
            continue
        if length is None or not isinstance(x.range, Interval):
            return f"finds that steps are counted in place {i}, whose number is not known"
        # That the last step fits too, and some of the steps alone, the rules ask where the body adds them.
        exact = total(x.interval, up_to(found.steps[i], max(length - 1, 0)))
        if not within_range(exact, claim):
            return f"finds that place {i} may be {exact} before the last step, not only {claim}"
    for i, j, k in found.differences:
        if not is_above(first[i], first[j], k):
            return f"does not find that place {i} is {k} above place {j} at first"
    return ""


def is_above(a: Value, b: Value, k: int) -> bool:
    """Whether no element of one value is seen to be less than k above that of another."""
    if not isinstance(a.range, Interval) or not isinstance(b.range, Interval):
        return False
    if a.interval.low - b.interval.high >= k:
        return True
    least = relations.least_difference(a, b)
    return least is not None and least >= k


class _Added(NamedTuple):
    """What is added to a value: all of it, and of floats also some of its summands alone."""

    whole: Interval
    some: Interval


def added(after: Value, before: Value) -> _Added | None:
    """What a step adds to a value, if what it makes of it is seen to be a sum with it, in all cases."""
    if after.identity is before.identity:
        return _Added(Interval(0, 0), Interval(0, 0))
    d = after.definition
    if d is None or not d.operands or d.step.wrapping or any(isinstance(x.range, Unknown) for x in d.operands):
        return None
    name, (x, *others) = d.step.name, d.operands
    if name in ("add", "sub"):
        for mine, other in ((x, others[0]), (others[0], x))[: 2 if name == "add" else 1]:
            if (found := added(mine, before)) is not None:
                parts = other.interval, other.partial_sums
                whole, some = parts if name == "add" else map(negative, parts)
                return _Added(total(found.whole, whole), total(found.some, some))
    elif name == "select_n" and x.interval.low >= 0 and x.interval.high < len(others):
        cases = [added(y, before) for y in others[x.interval.low : x.interval.high + 1]]
        found = [y for y in cases if y is not None]
        return reduce(_either, found) if len(found) == len(cases) else None
    elif name == DECLARE.name or (name == "convert_element_type" and misfit(x.interval, after.kind.dtype) is None):
        return added(x, before)
    return None


def _either(a: _Added, b: _Added) -> _Added:
    whole, some = join(a.whole, b.whole), join(a.some, b.some)
    assert isinstance(whole, Interval) and isinstance(some, Interval)
    return _Added(whole, some)
