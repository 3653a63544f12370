"""What a condition says of values: `where(x >= y, x - y, x)` subtracts only where it may.

`Condition` takes a boolean value apart into facts about the values it was computed from, and works out anew what
depends on them, as far as that is elementwise. A fact about a value holds for the elements where the condition does; as
a condition is often broadcast to the shape of what it chooses from, facts also hold of a value that is *lifted* by one
broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ecjax.exactness.domain import (
    Definition,
    Interval,
    Range,
    Refusal,
    Step,
    Unknown,
    Value,
    align,
    bits_of,
    is_float,
    join,
    meet,
    misfit,
)
from ecjax.exactness.elementwise import RULES, negative, total

Lift = tuple[tuple[int, ...], tuple[int, ...]] | None

_DEPTH = 8  # how far back through definitions it looks
_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
_BY_CASES = ("shift_left", "shift_right_arithmetic", "shift_right_logical", "div")
_RESHAPES = ("broadcast_in_dim", "reshape", "squeeze", "expand_dims")


class ImpossibleError(Exception):
    """The condition never holds."""


class Condition:
    """The facts that follow from a value's being one number."""

    def __init__(self, value: Value, number: int) -> None:
        """Raises ImpossibleError if the value is never that number, as far as is seen."""
        self._facts: dict[tuple[Value, Lift], Interval] = {}
        self._differences: dict[tuple[Any, Any, Lift], int] = {}  # at least, of the first and the second
        self._narrowed: dict[tuple[Value, Lift], Value] = {}
        self._learn(value, Interval(number, number), None)
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

    def _learn_operands(self, value: Value, d: Definition, new: Interval, lift: Lift) -> None:
        name, operands = d.step.name, d.operands
        if any(isinstance(x.range, Unknown) for x in operands):
            return
        if name in _RESHAPES:
            if operands[0].kind.size == 1:
                self._learn(operands[0], new, None)
            elif name == "broadcast_in_dim" and lift is None:
                self._learn(operands[0], new, _lift_of(d))
        elif name == "convert_element_type":
            if misfit(operands[0].interval, value.kind.dtype) is None:
                self._learn(operands[0], new, lift)
        elif name in _OPPOSITE:
            self._compare(name if new.low else _OPPOSITE[name], operands[0], operands[1], lift)
        elif (name == "and" and new.low and value.kind.dtype.name == "bool") or (name == "or" and new == (0, 0, 0)):
            for x in operands:
                self._learn(x, new, lift)
        elif name == "not" and value.kind.dtype.name == "bool":
            self._learn(operands[0], Interval(1 - new.high, 1 - new.low), lift)
        elif name in ("add", "sub") and value.kind.dtype.name != "bool":
            a, b = operands
            other = b.interval if name == "add" else negative(b.interval)
            if misfit(total(a.interval, other), value.kind.dtype) is None:  # it has not wrapped
                self._learn(a, total(new, negative(other)), lift)
                rest = total(new, negative(a.interval))
                self._learn(b, rest if name == "add" else negative(rest), lift)
        elif name in ("max", "min"):
            for x in operands:
                mine, bound = align(x.interval, new)
                low, high = (mine.low, bound.high) if name == "max" else (bound.low, mine.high)
                if low > high:
                    raise ImpossibleError
                self._learn(x, Interval(low, high, mine.grid), lift)
        elif name == "clz" and (operands[0].interval.low >= 0 or new.low > 0):
            width = bits_of(value.kind.dtype)
            low = 1 << (width - 1 - new.high) if new.high < width else 0
            self._learn(operands[0], Interval(low, (1 << (width - new.low)) - 1), lift)
        elif name == "sign":
            x = operands[0].interval
            low = x.low if new.low < 0 else new.low
            self._learn(operands[0], Interval(low, x.high if new.high > 0 else new.high, x.grid), lift)

    def _compare(self, name: str, a: Value, b: Value, lift: Lift) -> None:
        if name in ("gt", "ge"):
            name, a, b = {"gt": "lt", "ge": "le"}[name], b, a
        x, y = align(a.interval, b.interval)
        if name in ("lt", "le"):
            strict = int(name == "lt")
            self._differences[_identity(b), _identity(a), lift] = 0 if is_float(a.kind.dtype) else strict
            if x.low > y.high - strict:
                raise ImpossibleError
            self._learn(a, Interval(x.low, max(x.low, y.high - strict), x.grid), lift)
            self._learn(b, Interval(min(x.low + strict, y.high), y.high, x.grid), lift)
        elif name == "eq":
            self._learn(a, y, lift)
            self._learn(b, x, lift)
        else:
            for value, mine, other in ((a, x, y), (b, y, x)):
                if other.single:
                    low, high = mine.low + (mine.low == other.low), mine.high - (mine.high == other.low)
                    if low > high:
                        raise ImpossibleError
                    self._learn(value, Interval(low, high, mine.grid), lift)

    def _difference(self, a: Value, b: Value, lift: Lift) -> int | None:
        """The least that `a - b` can be, if the condition compares the two."""
        return self._differences.get((_identity(a), _identity(b), None if a.kind.size == b.kind.size == 1 else lift))

    # From the facts forward to what depends on them.

    def _narrow(self, value: Value, lift: Lift, depth: int) -> Value:
        key = (value, None if value.kind.size == 1 else lift)
        if key not in self._narrowed:
            result = self._again(value, key[1], depth)
            if (fact := self._facts.get(key)) is not None:
                result = result.narrowed(_must_meet(result.range, fact))
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
        if d.step.name not in RULES and d.step.name != "select_n":
            return value
        operands = tuple(self._narrow(x, lift, depth - 1) for x in d.operands)
        if d.step.name == "sub" and (least := self._difference(d.operands[0], d.operands[1], lift)) is not None:
            exact = total(operands[0].interval, negative(operands[1].interval))
            exact = _must_meet(exact, Interval(least, max(least, exact.high), exact.grid))
            if isinstance(exact, Interval) and misfit(exact, value.kind.dtype) is None:
                pending = value.pending and operands[0].pending | operands[1].pending
                return value.narrowed(exact, definition=Definition(d.step, operands), pending=pending)
        if all(x is y for x, y in zip(operands, d.operands, strict=True)):
            return value
        definition = Definition(d.step, operands)
        if d.step.name == "select_n":
            # Chosen without its own condition, so what that had discarded stays discarded.
            return value.narrowed(_must_meet(choose(*operands), value.range), definition=definition)
        if any(isinstance(x.range, Unknown) for x in operands):
            return value
        computed, refusals = apply(RULES[d.step.name], d, operands)
        # What is proved without the condition needs no second proof.
        pending = value.pending and refusals.union(*(x.pending for x in operands))
        return value.narrowed(_must_meet(computed, value.range), definition=definition, pending=pending)


def apply(rule: Callable[..., Range], d: Definition, operands: tuple[Value, ...]) -> tuple[Range, frozenset[Refusal]]:
    """The range that a rule gives to a step with other operands, and what it refuses then."""
    step = d.step.afresh()
    return rule(step, *operands), step.refusals()


def choose(which: Value, *cases: Value) -> Range:
    """The range of `select_n`, of which nothing is known but the range of the predicate."""
    return join(*(case.range for case in cases[which.interval.low : which.interval.high + 1]))


def select(which: Value, *cases: Value) -> tuple[Range, frozenset[Refusal]]:
    """The range of `select_n` and what is pending on it, each case seen under the condition that it is chosen."""
    chosen: list[Value] = []
    for number in range(max(which.interval.low, 0), min(which.interval.high, len(cases) - 1) + 1):
        try:
            chosen.append(Condition(which, number).apply(cases[number]))
        except ImpossibleError:
            continue
    # No case is possible only in code that never runs.
    chosen = chosen or list(cases)
    return join(*(case.range for case in chosen)), which.pending.union(*(case.pending for case in chosen))


def by_cases(
    rule: Callable[..., Range], step: Step, operands: Sequence[Value], pivot: Value
) -> tuple[Range, frozenset[Refusal]]:
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
        ranges.append(rule(case, *given))
        proved = proved and not case.reasons and not any(x.pending for x in given)
    if ranges and proved:
        return join(*ranges), frozenset()
    whole = rule(step, *operands)
    return join(*ranges) if ranges else whole, step.refusals().union(*(x.pending for x in operands))


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
        if d is not None and depth and (d.step.name in RULES or d.step.name in _RESHAPES):
            for x in d.operands:
                _behind(x, depth - 1, found)
    return found


def _lift_of(d: Definition) -> Lift:
    """The lift that a broadcast is."""
    return d.step.kind.shape, tuple(map(int, d.step.params["broadcast_dimensions"]))


def _identity(value: Value) -> Any:
    """The same for two values that are one number, or one array, broadcast to different shapes."""
    d = value.definition
    if d is not None and d.step.name in _RESHAPES:
        if d.operands[0].kind.size == 1:
            return _identity(d.operands[0])
        if d.step.name == "broadcast_in_dim":
            return _identity(d.operands[0]), _lift_of(d)
    return value


def _must_meet(a: Range, b: Range) -> Range:
    both = meet(a, b)
    if both is None:
        raise ImpossibleError
    return both
