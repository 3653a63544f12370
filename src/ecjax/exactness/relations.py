"""What is known of two values together, which no interval of each says: how far one is above the other.

`least_difference(a, b)` takes both apart into sums of other values, where what they have in common cancels, and
replaces the rest by bounds of it: `x // 3` is at most a third of x, a maximum at least each of its elements. It only
ever finds a lower bound, and gives up soon.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ecjax.exactness import elements
from ecjax.exactness.domain import Interval, is_float, misfit, negative, product, total
from ecjax.exactness.tabulation import enumerated_difference, found_in_turn, is_looked_up, is_small
from ecjax.exactness.values import Definition, Value

_DEPTH = 4  # of bounds in place of values
_TERMS = 12  # in a sum
_NEAR = 24  # values behind one that are looked at
_ROOM = 40  # sums that are looked at, in all

_ALIKE = (
    "broadcast_in_dim",
    "copy",
    "device_put",
    "ecjax_declare",
    "reshape",
    "sharding_constraint",
    "squeeze",
    "stop_gradient",
    "transpose",
)
"""Primitives each element of whose result is an element of the operand, and the same wherever the operand is."""

Lift = tuple[tuple[int, ...], tuple[int, ...]]
"""How an array is seen in a larger one: the shape, and the axis in it of each of its own axes."""


@dataclass(frozen=True, eq=False)
class _Term:
    """A value as one of the summands.

    Attributes:
      value: The value.
      lift: How it is seen in the whole, or None for element by element.
    """

    value: Value
    lift: Lift | None

    @property
    def key(self) -> Any:
        """The same for summands that are the same in each place."""
        return self.value.identity, None if self.value.kind.size == 1 else self.lift


Number = int | Fraction  # of which integers are quicker


def _number(steps: int, grid: int) -> Number:
    return steps << grid if grid >= 0 else Fraction(steps, 1 << -grid)


class _Sum:
    """`constant` and so many times each term."""

    def __init__(self, constant: Number, terms: Mapping[Any, tuple[Number, _Term]]) -> None:
        self.constant = constant
        self.terms = {key: (times, term) for key, (times, term) in terms.items() if times}

    def plus(self, other: _Sum, times: Number = 1) -> _Sum:
        terms = dict(self.terms)
        for key, (n, term) in other.terms.items():
            before, kept = terms.get(key, (0, term))
            terms[key] = before + n * times, kept
        return _Sum(self.constant + other.constant * times, terms)

    def scaled(self, times: Number) -> _Sum:
        return _Sum(0, {}).plus(self, times)

    def bound(self) -> Number:
        """The least that it can be, as far as each term says by itself."""
        least = self.constant
        for times, term in self.terms.values():
            x = term.value.interval
            least += times * _number(x.low if times > 0 else x.high, x.grid)
        return least


def least_difference(a: Value, b: Value) -> Number | None:
    """The least that an element of `a` can be above that of `b` in the same place, as far as is seen."""
    whole = _whole(a, b)
    if whole is None or not _are_related(a, b):
        return None
    return _Search().least(_sum(_in(a, whole), _DEPTH).plus(_sum(_in(b, whole), _DEPTH), -1), _DEPTH)


def greatest_sum(a: Value, b: Value) -> Number | None:
    """The greatest that an element of `a` and that of `b` in the same place come to, as far as is seen."""
    whole = _whole(a, b)
    if whole is None or not (_is_part(a) or _is_part(b)) or not _are_related(a, b):
        return None
    return -_Search().least(_sum(_in(a, whole), _DEPTH).plus(_sum(_in(b, whole), _DEPTH)).scaled(-1), _DEPTH)


def _are_related(a: Value, b: Value) -> bool:
    """Whether two values come from a common one: else no relation will be found."""
    return not _behind(a).isdisjoint(_behind(b))


def _behind(value: Value) -> set[Value]:
    """The values that a value comes from, itself among them, and what they are above; not too many."""
    found: dict[Value, None] = {value: None}
    for x in found_in_turn(found):
        if len(found) > _NEAR:
            break
        if x.definition is not None and x.constant is None:
            found.update((y, None) for y in x.definition.operands if y.constant is None)
        found.update((y, None) for y, _ in x.above)
    return {x.identity for x in found}


def _is_part(value: Value) -> bool:
    """Whether a value is a part of another, such as its half: then a sum may be less than those of the two."""
    d = value.definition
    while d is not None and d.step.name in ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze"):
        d = d.operands[0].definition
    return d is not None and d.step.name in (
        "div",
        "shift_right_logical",
        "shift_right_arithmetic",
        "rem",
        "and",
        "min",
    )


def _whole(a: Value, b: Value) -> tuple[int, ...] | None:
    """The shape of an elementwise operation's result, or None if they are no operands of one."""
    if a.kind.dtype != b.kind.dtype:
        return None
    try:
        return tuple(np.broadcast_shapes(a.kind.shape, b.kind.shape))
    except ValueError:
        return None


def _in(value: Value, whole: tuple[int, ...]) -> _Term:
    """A value as it is seen in an elementwise operation: an axis of length 1 is repeated."""
    shape = value.kind.shape
    if shape == whole or value.kind.size == 1:
        return _Term(value, None)
    return _Term(value, (whole, tuple(range(len(whole) - len(shape), len(whole)))))


def _operand(x: Value, term: _Term) -> _Term:
    """An operand of the elementwise equation that made a term."""
    mine = term.value.kind.shape
    if x.kind.shape == mine or x.kind.size == 1:
        return _Term(x, term.lift)
    shape, axes = term.lift or (mine, tuple(range(len(mine))))
    return _Term(x, (shape, axes[len(mine) - len(x.kind.shape) :]))


_BOUNDED = {
    *("and", "ceil", "cummax", "cummin", "cumsum", "div", "floor", "max", "min", "or", "rem"),
    *("shift_right_arithmetic", "shift_right_logical"),
}


class _Search:
    """The search for the best bound of a sum."""

    def __init__(self) -> None:
        self.room = _ROOM

    def least(self, form: _Sum, depth: int) -> Number:
        best = form.bound()
        self.room -= 1
        if not depth or self.room <= 0 or len(form.terms) > _TERMS or not form.terms:
            return best
        for following in itertools.chain(_pairs(form), _bounds(form)):
            best = max(best, self.least(following, depth - 1))
        for cases in _cases(form):
            best = max(best, min(self.least(case, depth - 1) for case in cases))
        return best


def _sum(term: _Term, depth: int) -> _Sum:
    """A term as a sum of others, as far as it is one."""
    value, d = term.value, term.value.definition
    x = value.interval
    if x.single:
        return _Sum(_number(x.low, x.grid), {})
    itself = _Sum(0, {term.key: (1, term)})
    if d is None or not depth or any(not isinstance(y.range, Interval) for y in d.operands):
        return itself
    name, operands = d.step.name, d.operands
    if (seen := _seen_through(term)) is not None:
        return _sum(seen, depth)
    parts = [_operand(y, term) for y in operands]
    if name in ("add", "sub", "neg") and _is_exact(d):
        first = _sum(parts[0], depth - 1)
        if name == "neg":
            return first.scaled(-1)
        return first.plus(_sum(parts[1], depth - 1), 1 if name == "add" else -1)
    if name == "mul" and _is_exact(d):
        for i in (0, 1):
            factor = operands[i].interval
            if factor.single:
                return _sum(parts[1 - i], depth - 1).scaled(_number(factor.low, factor.grid))
    return itself


def _is_exact(d: Definition) -> bool:
    """Whether a sum or product is surely what it says, and has not wrapped."""
    if not d.step.wrapped and not d.step.reasons:
        return True
    # With operands that are known better now it may be so after all.
    x, y = d.operands[0].interval, d.operands[-1].interval
    exact = {"add": total(x, y), "sub": total(x, negative(y)), "neg": negative(x), "mul": product(x, y)}[d.step.name]
    return misfit(exact, d.step.kind.dtype) is None


def _seen_through(term: _Term) -> _Term | None:
    """What a term is an array of, if it is made by moving elements only."""
    value, d = term.value, term.value.definition
    assert d is not None
    name = d.step.name
    if name == "convert_element_type":
        (x,) = d.operands
        same = not is_float(x.kind.dtype) or is_float(value.kind.dtype)
        return _Term(x, term.lift) if same and misfit(x.interval, value.kind.dtype) is None else None
    if name == "optimization_barrier":
        return _Term(d.operands[d.result], term.lift)
    if name not in _ALIKE or name == "transpose":
        return None
    x = d.operands[0]
    if x.kind.size == 1 or x.kind.shape == value.kind.shape:
        return _Term(x, term.lift)
    axes = _axes(d)
    if axes is None:
        return None
    shape, mine = term.lift or (value.kind.shape, tuple(range(len(value.kind.shape))))
    lift = shape, tuple(mine[axis] for axis in axes)
    return _Term(x, None if lift == (x.kind.shape, tuple(range(len(x.kind.shape)))) else lift)


def _axes(d: Definition) -> tuple[int, ...] | None:
    """The axis of the result that each axis of the operand becomes, if none is split or joined."""
    before, after = d.operands[0].kind.shape, d.step.kind.shape
    if d.step.name == "broadcast_in_dim":
        return tuple(map(int, d.step.params["broadcast_dimensions"]))
    # Others that put axes of length 1 in or take them out. One of length 1 may become any other such.
    kept, long = [i for i, n in enumerate(after) if n != 1], [n for n in before if n != 1]
    if [after[i] for i in kept] != long or len(before) > len(after):
        return None
    free = iter([i for i, n in enumerate(after) if n == 1])
    places = iter(kept)
    found = [next(places) if n != 1 else next(free, None) for n in before]
    return None if None in found else tuple(i for i in found if i is not None)


def _pairs(form: _Sum) -> Iterator[_Sum]:
    """Sums in which a term and one below it are replaced by their least difference."""
    for (n, high), (m, low) in itertools.product(form.terms.values(), repeat=2):
        if n > 0 > m and (difference := _apart(high, low)) is not None:
            times = min(n, -m)
            terms = dict(form.terms)
            terms[high.key], terms[low.key] = (n - times, high), (m + times, low)
            yield _Sum(form.constant + times * difference, terms)


def _apart(high: _Term, low: _Term) -> int | None:
    """The least that one term is above another, if it is known."""
    if high.lift == low.lift:
        for other, k in high.value.above:
            if other.identity is low.value.identity:
                return k
    if high.lift is None and low.lift is None and is_looked_up(low.value) and is_small(high.value):
        found = enumerated_difference(high.value, low.value)
        if found is not None:
            return found.low
    same_places = high.lift == low.lift or high.value.kind.size == 1 or low.value.kind.size == 1
    if same_places and elements.above(high.value, low.value):
        return 0
    d, other = high.value.definition, low.value.definition
    if d is not None and other is not None and (d.step.name, other.step.name) == ("reduce_max", "reduce_min"):
        alike = d.operands[0].identity is other.operands[0].identity and high.lift == low.lift
        return 0 if alike and tuple(d.step.params["axes"]) == tuple(other.step.params["axes"]) else None
    if d is None or not d.operands or d.operands[0].identity is not low.value.identity or low.lift is not None:
        return None
    axes = d.step.params.get("axes") or ()
    x = d.operands[0]
    if d.step.name == "reduce_max" or (d.step.name == "reduce_sum" and x.interval.low >= 0 and not d.step.wrapped):
        kept = tuple(i for i in range(len(x.kind.shape)) if i not in axes)
        if high.value.kind.size == 1 and len(kept) == 0:
            return 0
        # In the places of the whole that this is the maximum of.
        if high.lift == (x.kind.shape, kept):
            return 0
    return None


def _bounds(form: _Sum) -> Iterator[_Sum]:
    """Sums in which a term is replaced by a bound of it."""
    for key, (times, term) in form.terms.items():
        rest = _Sum(form.constant, {k: v for k, v in form.terms.items() if k != key})
        for bound in _below(term) if times > 0 else _above(term):
            # A part helps only if something cancels, or is known to be above another.
            parts = bound.terms.values()
            part = any(isinstance(n, Fraction) for n, _ in parts) and not any(t.value.above for _, t in parts)
            if not part or not rest.terms.keys().isdisjoint(bound.terms):
                yield rest.plus(bound, times)


def _bounded(term: _Term) -> tuple[str, list[_Term]]:
    """The primitive that made a term and its operands, if it bounds them; else no operands."""
    d = term.value.definition
    if d is None or d.step.name not in _BOUNDED or d.step.wrapped:
        return "", []
    if any(not isinstance(x.range, Interval) for x in d.operands):
        return "", []
    return d.step.name, [_operand(x, term) for x in d.operands]


def _above(term: _Term) -> Iterator[_Sum]:
    """Sums that a term is at most."""
    name, operands = _bounded(term)
    if not operands:
        return
    x, y = operands[0].value.interval, operands[-1].value.interval
    integers = not is_float(term.value.kind.dtype)
    if name in ("div", "shift_right_logical", "shift_right_arithmetic") and integers and x.low >= 0 and y.low >= 0:
        least = 1 << y.low if name != "div" else y.low
        if least:
            yield _sum(operands[0], 2).scaled(Fraction(1, least) if least > 1 else 1)
    elif name == "rem" and integers and x.low >= 0:
        yield _sum(operands[0], 2)
    elif name == "and" and integers:
        yield from (_sum(part, 2) for part in operands if part.value.interval.low >= 0)
    elif name == "min":
        yield from (_sum(part, 2) for part in operands)
    elif name in ("cummin", "floor"):
        yield _sum(operands[0], 2)


def _below(term: _Term) -> Iterator[_Sum]:
    """Sums that a term is at least."""
    name, operands = _bounded(term)
    if not operands:
        return
    x, y = operands[0].value.interval, operands[-1].value.interval
    integers = not is_float(term.value.kind.dtype)
    if name in ("div", "shift_right_logical", "shift_right_arithmetic") and integers and x.low >= 0 and y.single:
        by = 1 << y.low if name != "div" and y.low >= 0 else y.low
        if by > 0:
            least = _sum(operands[0], 2).plus(_Sum(1 - by, {}))
            yield least.scaled(Fraction(1, by))
    elif name == "max" or (name == "or" and integers and min(x.low, y.low) >= 0):
        yield from (_sum(part, 2) for part in operands)
    elif name in ("cummax", "ceil") or (name == "cumsum" and x.low >= 0):
        yield _sum(operands[0], 2)


def _cases(form: _Sum) -> Iterator[list[_Sum]]:
    """For a predicate that terms are selected by: the sums for each of its numbers."""
    chosen: dict[Any, list[tuple[Any, Number, _Term, Definition]]] = {}
    for key, (times, term) in form.terms.items():
        d = term.value.definition
        if d is not None and d.step.name == "select_n" and isinstance(d.operands[0].range, Interval):
            chosen.setdefault(_operand(d.operands[0], term).key, []).append((key, times, term, d))
    for found in chosen.values():
        numbers = found[0][3].operands[0].interval
        count = min(len(d.operands) for *_, d in found) - 1
        if numbers.low < 0 or numbers.high >= count or numbers.high - numbers.low > 3:
            continue
        if any(not isinstance(x.range, Interval) for *_, d in found for x in d.operands[1:]):
            continue
        keys = {key for key, *_ in found}
        cases = []
        for number in range(numbers.low, numbers.high + 1):
            case = _Sum(form.constant, {k: v for k, v in form.terms.items() if k not in keys})
            for _, times, term, d in found:
                case = case.plus(_sum(_operand(d.operands[1 + number], term), _DEPTH), times)
            cases.append(case)
        yield cases


def ceil(x: Number, grid: int) -> int:
    """The least number of steps of a grid that is not below x."""
    return math.ceil(Fraction(x) / _number(1, grid)) if grid else math.ceil(x)
