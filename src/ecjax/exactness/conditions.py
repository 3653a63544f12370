"""What a condition says of values: `where(x >= y, x - y, x)` subtracts only where it may.

`Condition` takes a boolean value apart into facts about the values it was computed from, and works out anew what
depends on them, as far as that is elementwise. A fact about a value holds for the elements where the condition does; as
a condition is often broadcast to the shape of what it chooses from, facts also hold of a value that is *lifted* by one
broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecjax.exactness import rules
from ecjax.exactness.domain import Interval, Range, Refusal, Unknown, is_float, join, meet, misfit, negative, total
from ecjax.exactness.rules.backward import Difference, ImpossibleError, alternatives, learn
from ecjax.exactness.values import Definition, Step, Value

Lift = tuple[tuple[int, ...], tuple[int, ...]] | None

_DEPTH = 8  # how far back through definitions it looks
_CASES = 8  # of alternatives that are looked at apart
_BY_CASES = ("shift_left", "shift_right_arithmetic", "shift_right_logical", "div")
_RESHAPES = ("broadcast_in_dim", "reshape", "squeeze")


def _elementwise(name: str) -> bool:
    return name in rules.RULES and rules.RULES[name].elementwise


def conditions(value: Value, number: int) -> list[Condition]:
    """The conditions one of which holds where a value is a number: several where `a & b` is false.

    Raises ImpossibleError if it never is that number, as far as is seen.
    """
    pending: list[tuple[tuple[Value, Interval], ...]] = [()]
    done: list[Condition] = []
    while pending:
        assumed = pending.pop()
        try:
            condition = Condition(value, number, assumed)
        except ImpossibleError:
            continue
        cases = condition.open_alternatives()
        if cases and len(pending) + len(done) + len(cases) <= _CASES:
            pending += [(*assumed, case) for case in cases]
        else:
            done.append(condition)
    if not done:
        raise ImpossibleError
    return done


def under(value: Value, number: int, x: Value) -> Value:
    """A value where another is a number. Raises ImpossibleError if it never is."""
    seen: list[Value] = []
    for condition in conditions(value, number):
        try:
            seen.append(condition.apply(x))
        except ImpossibleError:
            continue
    if not seen:
        raise ImpossibleError
    if len(seen) == 1:
        return seen[0]
    return x.narrowed(join(*(y.range for y in seen)), pending=frozenset().union(*(y.pending for y in seen)))


class Condition:
    """The facts that follow from a value's being one number."""

    def __init__(self, value: Value, number: int, assumed: Sequence[tuple[Value, Interval]] = ()) -> None:
        """Raises ImpossibleError if the value is never that number, as far as is seen.

        Args:
          value: The value.
          number: What it is.
          assumed: What else is assumed, of values of its shape.
        """
        self._facts: dict[tuple[Value, Lift], Interval] = {}
        self._differences: dict[tuple[Any, Any, Lift], int] = {}  # at least, of the first and the second
        self._above: dict[tuple[Value, Lift], list[tuple[Value, int]]] = {}
        self._narrowed: dict[tuple[Value, Lift], Value] = {}
        self._alternatives: list[list[tuple[Value, Interval]]] = []
        self._learn(value, Interval(number, number), None)
        for other, interval in assumed:
            self._learn(other, interval, None)
        for fact, lift in tuple(self._facts):
            self._narrow(fact, lift, _DEPTH)

    def apply(self, value: Value) -> Value:
        """The value where the condition holds. Raises ImpossibleError if it never does."""
        return self._narrow(value, None, _DEPTH)

    # From the condition back to what it is about.

    def _learn(self, value: Value, interval: Interval, lift: Lift) -> None:
        """Takes note that elements of `value` are in `interval`."""
        key = (value, None if value.kind.size == 1 else lift)
        known = self._facts.get(key, value.range)
        new = meet(known, interval)
        if new is None:
            raise ImpossibleError
        if new == known or isinstance(new, Unknown):
            return
        self._facts[key] = new
        if value.definition is not None:
            self._learn_operands(value, value.definition, new, key[1])

    def open_alternatives(self) -> list[tuple[Value, Interval]]:
        """Facts one of which holds, if it is not known which."""
        for cases in self._alternatives:
            known = [(self._facts.get((x, None), x.range), x, fact) for x, fact in cases]
            possible = [(x, fact) for now, x, fact in known if meet(now, fact) is not None]
            if len(possible) > 1 and not any(now == fact for now, _, fact in known):
                return possible
        return []

    def _learn_operands(self, value: Value, d: Definition, new: Interval, lift: Lift) -> None:
        name, operands = d.step.name, d.operands
        if any(isinstance(x.range, Unknown) for x in operands):
            return
        if name in _RESHAPES:
            if operands[0].kind.size == 1:
                self._learn(operands[0], new, None)
            elif name == "broadcast_in_dim" and lift is None:
                self._learn(operands[0], new, _lift_of(d))
            return
        for fact in learn(d, value.kind.dtype, new):
            if isinstance(fact, Difference):
                above, below = operands[fact.above], operands[fact.below]
                self._differences[_shared(above), _shared(below), lift] = fact.least
                if above.kind.shape == below.kind.shape:
                    self._above.setdefault((above, lift), []).append((below, fact.least))
            else:
                self._learn(operands[fact.operand], fact.interval, lift)
        if lift is None and (cases := alternatives(d, value.kind.dtype, new)):
            self._alternatives.append([(operands[fact.operand], fact.interval) for fact in cases])

    def _difference(self, a: Value, b: Value, lift: Lift) -> int | None:
        """The least that `a - b` can be, if the condition compares the two."""
        return self._differences.get((_shared(a), _shared(b), None if a.kind.size == b.kind.size == 1 else lift))

    # From the facts forward to what depends on them.

    def _narrow(self, value: Value, lift: Lift, depth: int) -> Value:
        key = (value, None if value.kind.size == 1 else lift)
        if key not in self._narrowed:
            result = self._again(value, key[1], depth)
            if (fact := self._facts.get(key)) is not None:
                result = result.narrowed(_must_meet(result.range, fact))
            if above := self._above.get(key):
                result = result.narrowed(result.range, above=(*result.above, *above))
            self._narrowed[key] = result
        return self._narrowed[key]

    def _again(self, value: Value, lift: Lift, depth: int) -> Value:
        """The value computed anew from narrowed operands."""
        d = value.definition
        if d is None or not depth:
            return value
        if d.step.name in _RESHAPES:
            (x,) = d.operands[:1]
            if x.kind.size == 1:
                narrowed = self._narrow(x, None, depth - 1)
            elif d.step.name == "broadcast_in_dim" and lift is None:
                narrowed = self._narrow(x, _lift_of(d), depth - 1)
            else:
                return value
            return value if narrowed is x else value.narrowed(narrowed.range, pending=narrowed.pending)
        if not _elementwise(d.step.name) and d.step.name != "select_n":
            return value
        operands = tuple(self._narrow(x, lift, depth - 1) for x in d.operands)
        if d.step.name == "sub" and (least := self._difference(d.operands[0], d.operands[1], lift)) is not None:
            exact = total(operands[0].interval, negative(operands[1].interval))
            exact = _must_meet(exact, Interval(least, max(least, exact.high), exact.grid))
            sums = total(operands[0].partial_sums, negative(operands[1].partial_sums))
            fits = misfit(exact, value.kind.dtype) is None if isinstance(exact, Interval) else False
            if fits and (not is_float(value.kind.dtype) or misfit(sums, value.kind.dtype) is None):
                pending = value.pending and operands[0].pending | operands[1].pending
                return value.narrowed(exact, definition=Definition(d.step, operands), pending=pending)
        if all(x is y for x, y in zip(operands, d.operands, strict=True)):
            return value
        definition = Definition(d.step, operands)
        if d.step.name == "select_n":
            found, pending = choose(*operands), value.pending
            if pending and isinstance(operands[0].range, Interval):  # more of it may be discarded here
                found, pending = select(d.step.afresh(), *operands)
            return value.narrowed(_must_meet(found, value.range), definition=definition, pending=pending)
        if any(isinstance(x.range, Unknown) for x in operands):
            return value
        computed, refusals = _apply(d, operands)
        # What is proved without the condition needs no second proof.
        pending = value.pending and refusals.union(*(x.pending for x in operands))
        return value.narrowed(_must_meet(computed, value.range), definition=definition, pending=pending)


def _apply(d: Definition, operands: tuple[Value, ...]) -> tuple[Range, frozenset[Refusal]]:
    """The range that a rule gives to a step with other operands, and what it refuses then."""
    step = d.step.afresh()
    (found,) = rules.conclude(step, operands)
    return found, step.refusals()


def choose(which: Value, *cases: Value) -> Range:
    """The range of `select_n`, of which nothing is known but the range of the predicate."""
    possible = cases[max(which.interval.low, 0) : max(which.interval.high + 1, 0)]
    return join(*(case.range for case in possible or cases))


def select(step: Step, which: Value, *cases: Value) -> tuple[Range, frozenset[Refusal]]:
    """The range of `select_n` and what is pending on it, each case seen under the condition that it is chosen."""
    seen: list[Value] = list(cases)
    possible: list[Value] = []
    for number in range(max(which.interval.low, 0), min(which.interval.high, len(cases) - 1) + 1):
        try:
            seen[number] = under(which, number, cases[number])
        except ImpossibleError:
            continue
        possible.append(seen[number])
    # No case is possible only in code that never runs. The rule sees none that is not.
    possible = possible or list(cases)
    (found,) = rules.conclude(step, (which, *(x if any(x is y for y in possible) else possible[0] for x in seen)))
    return found, step.refusals().union(which.pending, *(x.pending for x in possible))


def by_cases(step: Step, operands: Sequence[Value], pivot: Value) -> tuple[Range, frozenset[Refusal]]:
    """The range of a step and what is pending on it, seen apart for each number that `pivot` may be."""
    ranges: list[Range] = []
    proved = True
    for number in range(pivot.interval.low, pivot.interval.high + 1):
        try:
            condition = Condition(pivot, number)
            given = [condition.apply(x) for x in operands]
        except ImpossibleError:
            continue
        case = step.afresh()
        ranges += rules.conclude(case, given)
        proved = proved and not case.reasons and not case.wrapped and not any(x.pending for x in given)
    if ranges and proved:
        return join(*ranges), frozenset()
    (whole,) = rules.conclude(step, operands)
    return join(*ranges) if ranges else whole, step.refusals() | rules.inherited(operands)


def pivot_of(step: Step, operands: Sequence[Value]) -> Value | None:
    """What a shift or a division is best seen apart by: a `clz` or a count that both its operands come from, or None.

    Normalising shifts, `x << clz(x)`, and rounding ones, `(x + (1 << (n - 1))) >> n`, are right because their operands
    belong together: no interval of each says so.
    """
    if step.name not in _BY_CASES or operands[1].constant is not None:
        return None
    first, second = (_behind(x, _DEPTH, {}) for x in operands)
    for x in second:
        if isinstance(x.range, Interval) and 0 < x.range.high - x.range.low < 64 and not is_float(x.kind.dtype):
            d = x.definition
            if x in first or (d is not None and d.step.name == "clz" and d.operands[0] in first):
                return x
    return None


def _behind(value: Value, depth: int, found: dict[Value, None]) -> dict[Value, None]:
    """The values that a value comes from elementwise, itself the first."""
    if value not in found:
        found[value] = None
        d = value.definition
        if d is not None and depth and (_elementwise(d.step.name) or d.step.name in _RESHAPES):
            for x in d.operands:
                _behind(x, depth - 1, found)
    return found


def _lift_of(d: Definition) -> Lift:
    """The lift that a broadcast is."""
    return d.step.kind.shape, tuple(map(int, d.step.params["broadcast_dimensions"]))


def _shared(value: Value) -> Any:
    """The same for two values that are one number, or one array, broadcast to different shapes."""
    d = value.definition
    if d is not None and d.step.name in _RESHAPES:
        if d.operands[0].kind.size == 1:
            return _shared(d.operands[0])
        if d.step.name == "broadcast_in_dim":
            return _shared(d.operands[0]), _lift_of(d)
    return value


def _must_meet(a: Range, b: Range) -> Range:
    both = meet(a, b)
    if both is None:
        raise ImpossibleError
    return both
