"""What the checker sees where a value is a number: facts about what it comes from, and what comes from these again.

A `World` is a place of an array where some values are known to lie in intervals. Facts go back through definitions by
`rules.backward`, and ranges forward again by the rules. An element of a smaller array is seen in the place by a *view*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ecjax.exactness import rules
from ecjax.exactness.domain import Interval, Range, Refusal, Unknown, is_float, join, meet, misfit, negative, total
from ecjax.exactness.rules.backward import Difference, ImpossibleError, alternatives, learn
from ecjax.exactness.values import Definition, Step, Value

View = tuple[int | None, ...]
"""How an array is seen in a place of the whole: the axis of the whole for each of its own, None for one of length 1."""
Key = tuple[Value, View]
Assumed = tuple[Value, View, Interval]

SHAPING = ("broadcast_in_dim", "reshape", "squeeze")
"""Primitives each element of whose result is an element of the operand, which a `View` may see through."""
_DEPTH = 10  # of definitions that are computed anew
_INSIDE = 2  # worlds within a world
_WORLDS = 8  # that a value may be a number in
_NUMBERS = 64  # of a value by which a shift is seen apart


def is_elementwise(name: str) -> bool:
    """Whether each element of a primitive's result depends on the same element of the operands alone."""
    return name in rules.RULES and rules.RULES[name].elementwise


def plain(value: Value) -> View:
    """The view of a value that is as large as the whole."""
    return tuple(None if n == 1 else axis for axis, n in enumerate(value.kind.shape))


def _inner(x: Value, view: View) -> View:
    """The view of an operand of an elementwise equation, which may have length 1 where others have more, or no axes."""
    return tuple(None if n == 1 else axis for n, axis in zip(x.kind.shape, view, strict=False))


def _through(d: Definition, view: View) -> View | None:
    """The view of a shaping's operand, if each axis of it is one of the result's."""
    before, after = d.operands[0].kind.shape, d.step.kind.shape
    if d.step.name == "broadcast_in_dim":
        axes = d.step.params["broadcast_dimensions"]
        return tuple(None if n == 1 else view[axis] for n, axis in zip(before, axes, strict=True))
    if [n for n in before if n != 1] != [n for n in after if n != 1]:
        return None
    axes = iter([axis for n, axis in zip(after, view, strict=True) if n != 1])
    return tuple(None if n == 1 else next(axes) for n in before)


def _base(value: Value, view: View) -> Key:
    """What a value is only another shape of, and how that is seen."""
    while (d := value.definition) is not None and d.step.name in SHAPING:
        inner = _through(d, view)
        if inner is None:
            break
        value, view = d.operands[0], inner
    return value, view


def _key(value: Value, view: View) -> Key:
    base, at = _base(value, view)
    return base.identity, at


class World:
    """What holds in places where some values are assumed to lie in intervals."""

    def __init__(self, assumed: Sequence[Assumed], inside: int = 0) -> None:
        """Raises ImpossibleError if there are no such places, as far as is seen.

        Args:
          assumed: What is assumed.
          inside: How many worlds this one is part of.
        """
        self._assumed, self._inside = assumed, inside
        self._facts: dict[Key, Interval] = {}
        self._about: list[Key] = []
        self._apart: dict[tuple[Key, Key], int] = {}
        self._above: dict[Key, list[tuple[Value, int]]] = {}
        self._choices: list[list[Assumed]] = []
        self._seen: dict[Key, Value] = {}
        for fact in assumed:
            self._assume(fact)
        for value, view in tuple(self._about):
            self.see(value, view)

    def _assume(self, assumed: Assumed) -> None:
        """Takes note of a fact, and of what follows for what the value was computed from."""
        value, view, interval = assumed
        base, at = _base(value, view)
        key = base.identity, at
        before = self._facts.get(key, base.range)
        if isinstance(before, Unknown):
            return
        now = meet(_must_meet(before, value.range), interval)
        if now is None:
            raise ImpossibleError
        d = base.definition
        if now == before or isinstance(now, Unknown):
            return
        self._facts[key] = now
        self._about.append((base, at))
        if d is None or not is_elementwise(d.step.name):
            return
        for fact in learn(d, base.kind.dtype, now):
            if isinstance(fact, Difference):
                self._compare(d.operands[fact.above], d.operands[fact.below], at, fact.least)
            else:
                x = d.operands[fact.operand]
                self._assume((x, _inner(x, at), fact.interval))
        if cases := alternatives(d, base.kind.dtype, now):
            found = [(d.operands[case.operand], case.interval) for case in cases]
            self._choices.append([(x, _inner(x, at), interval) for x, interval in found])

    def _compare(self, a: Value, b: Value, view: View, least: int) -> None:
        keys = _key(a, _inner(a, view)), _key(b, _inner(b, view))
        self._apart[keys] = max(least, self._apart.get(keys, least))
        for x, y, at in ((a, b, view), (keys[0][0], keys[1][0], keys[0][1])):
            if x.kind.shape == y.kind.shape and (x is a or keys[0][1] == keys[1][1]):
                self._above.setdefault((x.identity, at), []).append((y, least))

    def choices(self) -> list[Assumed]:
        """Facts one of which holds, if it is not known which."""
        for cases in self._choices:
            known = [(self._facts.get(_key(x, view), x.range), (x, view, fact)) for x, view, fact in cases]
            possible = [case for now, case in known if meet(now, case[2]) is not None]
            if len(possible) > 1 and not any(now == case[2] for now, case in known):
                return possible
        return []

    def see(self, value: Value, view: View | None = None, depth: int = _DEPTH) -> Value:
        """A value in these places. Raises ImpossibleError if there are none."""
        key = value, plain(value) if view is None else view
        if key not in self._seen:
            result = self._again(*key, depth)
            fact = self._facts.get(_key(*key))
            if fact is not None and (both := _must_meet(result.range, fact)) != result.range:
                result = result.narrowed(both)
            if above := self._above.get((value.identity, key[1])):
                result = result.narrowed(result.range, above=(*result.above, *above))
            self._seen[key] = result
        return self._seen[key]

    def _again(self, value: Value, view: View, depth: int) -> Value:
        """A value computed anew from what its operands are in these places."""
        d = value.definition
        if d is None or not depth:
            return value
        name = d.step.name
        if name in SHAPING:
            inner = _through(d, view)
            x = d.operands[0] if inner is None else self.see(d.operands[0], inner, depth - 1)
            if x is d.operands[0]:
                return value
            both = _must_meet(x.range, value.range)
            return value.narrowed(both, definition=Definition(d.step, (x,)), pending=value.pending and x.pending)
        if not is_elementwise(name) and name != "select_n":
            return value
        operands = tuple(self.see(x, _inner(x, view), depth - 1) for x in d.operands)
        keys = tuple(_key(x, _inner(x, view)) for x in d.operands[:2]) if name == "sub" else ()
        apart = self._apart.get(keys) if len(keys) == 2 else None
        if apart is None and all(x is y for x, y in zip(operands, d.operands, strict=True)):
            return value
        made = Definition(d.step, operands)
        if name == "select_n":
            cases = operands[1:][max(operands[0].interval.low, 0) : operands[0].interval.high + 1] or operands[1:]
            chosen = _must_meet(join(*(x.range for x in cases)), value.range)
            pending = value.pending and self._pending(d, operands[0], view, value.pending)
            return value.narrowed(chosen, definition=made, pending=pending)
        if any(isinstance(x.range, Unknown) for x in operands):
            return value
        if apart is not None and (exact := _difference(operands[0], operands[1], apart)) is not None:
            pending = value.pending and operands[0].pending | operands[1].pending
            return value.narrowed(exact, definition=made, pending=pending)
        step = d.step.afresh()
        (found,) = rules.conclude(step, operands)
        pending = value.pending and step.refusals() | rules.inherited(operands)
        return value.narrowed(_must_meet(found, value.range), definition=made, pending=pending)

    def _pending(self, d: Definition, which: Value, view: View, before: frozenset[Refusal]) -> frozenset[Refusal]:
        """What is pending on a `select_n` here, each case seen where it is chosen too; else all that was `before`."""
        if self._inside >= _INSIDE:
            return before
        found = d.step.refusals() | which.pending
        for number in range(max(which.interval.low, 0), min(which.interval.high, len(d.operands) - 2) + 1):
            predicate, case = d.operands[0], d.operands[1 + number]
            chosen = predicate, _inner(predicate, view), Interval(number, number)
            with suppress(ImpossibleError):
                world = World([*self._assumed, chosen], self._inside + 1)
                found |= world.see(case, _inner(case, view)).pending
        return found


def _difference(a: Value, b: Value, least: int) -> Interval | None:
    """The range of `a - b` where that is at least a number, or None if it may not be exact."""
    exact = total(a.interval, negative(b.interval))
    low = max(exact.low, least)
    if low > exact.high:
        raise ImpossibleError
    exact = Interval(low, exact.high, exact.grid)
    if is_float(a.kind.dtype) and misfit(total(a.partial_sums, negative(b.partial_sums)), a.kind.dtype):
        return None
    return exact if misfit(exact, a.kind.dtype) is None else None


def _must_meet(a: Range, b: Range) -> Range:
    both = meet(a, b)
    if both is None:
        raise ImpossibleError
    return both


def worlds(value: Value, number: int) -> list[World]:
    """The worlds in one of which each place is where a value is a number: several if that is so for several reasons."""
    left: list[list[Assumed]] = [[(value, plain(value), Interval(number, number))]]
    found: list[World] = []
    while left:
        assumed = left.pop()
        with suppress(ImpossibleError):
            world = World(assumed)
            cases = world.choices()
            if cases and len(left) + len(found) + len(cases) <= _WORLDS:
                left += [[*assumed, case] for case in cases]
            else:
                found.append(world)
    return found


def where(value: Value, number: int, operands: Sequence[Value]) -> list[Value] | None:
    """Other values where one is a number; None if it never is."""
    rows: list[list[Value]] = []
    for world in worlds(value, number):
        with suppress(ImpossibleError):
            rows.append([world.see(x) for x in operands])
    if len(rows) < 2:
        return rows[0] if rows else None
    return [_either(x, seen) for x, *seen in zip(operands, *rows, strict=True)]


def _either(x: Value, seen: Sequence[Value]) -> Value:
    """A value that is as in one of several worlds."""
    above = tuple(pair for pair in seen[0].above if all(pair in y.above for y in seen))
    pending = frozenset[Refusal]().union(*(y.pending for y in seen))
    return x.narrowed(join(*(y.range for y in seen)), pending=pending, above=above)


def chosen(step: Step, which: Value, *cases: Value) -> tuple[Range, frozenset[Refusal]]:
    """The range of a `select_n` and what is pending on it: of each case, that of the places where it is chosen."""
    numbers = range(max(which.interval.low, 0), min(which.interval.high, len(cases) - 1) + 1)
    seen = {n: found[0] for n in numbers if (found := where(which, n, [cases[n]])) is not None}
    seen = seen or dict(enumerate(cases))  # none is chosen only in code that never runs
    given = [seen.get(n, next(iter(seen.values()))) for n in range(len(cases))]
    (found,) = rules.conclude(step, (which, *given))
    pending = step.refusals() | rules.inherited([which, *seen.values()])
    blind = any(isinstance(x.range, Unknown) for x in seen.values())
    assert pending or not blind or isinstance(found, Unknown), "a refusal was lost"
    return found, pending


def by_numbers(step: Step, operands: Sequence[Value]) -> tuple[Range, bool] | None:
    """The range of a shift or division, seen apart for each number that a value behind both operands may be.

    Also whether it is proved so. None if there is no such value.
    """
    first: tuple[Range, bool] | None = None
    for value, view in _behind_both(*operands):
        ranges: list[Range] = []
        proved = True
        for number in range(value.interval.low, value.interval.high + 1):
            case = step.afresh()
            with suppress(ImpossibleError):
                world = World([(value, view, Interval(number, number))])
                given = [world.see(x) for x in operands]
                ranges += rules.conclude(case, given)
                proved = proved and not case.reasons and not case.wrapped and not any(x.pending for x in given)
        if ranges and proved:
            return join(*ranges), True
        first = first or ((join(*ranges), False) if ranges else None)
    return first


def _behind_both(a: Value, b: Value) -> Iterator[Key]:
    """Values of few numbers that one operand comes from and the other too, or their `clz` does."""
    if b.constant is not None:
        return
    behind: tuple[dict[Key, None], dict[Key, None]] = ({}, {})
    for found, x in zip(behind, (a, b), strict=True):
        _trace(x, plain(x), _DEPTH, found)
    others = {(x.identity, view) for x, view in behind[0]}
    for x, view in behind[1]:
        if not isinstance(x.range, Interval) or not 0 < x.range.high - x.range.low < _NUMBERS or is_float(x.kind.dtype):
            continue
        d = x.definition
        counted = d is not None and d.step.name == "clz" and (d.operands[0].identity, view) in others
        if (x.identity, view) in others or counted:
            yield x, view


def _trace(value: Value, view: View, depth: int, found: dict[Key, None]) -> None:
    """Adds a value and what it comes from elementwise."""
    d = value.definition
    if (value, view) in found:
        return
    found[value, view] = None
    if d is None or not depth:
        return
    if d.step.name in SHAPING:
        inner = _through(d, view)
        if inner is not None:
            _trace(d.operands[0], inner, depth - 1, found)
    elif is_elementwise(d.step.name):
        for x in d.operands:
            _trace(x, _inner(x, view), depth - 1, found)
