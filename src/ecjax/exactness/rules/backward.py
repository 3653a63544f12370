"""What a fact about a result says of its operands: the rules, read from the result back.

`learn` takes an equation, of whose result some elements are known to lie in an interval, and says in which intervals
those elements of its operands lie then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ecjax.exactness.domain import Interval, Unknown, align, bits_of, is_float, meet, misfit, negative, total
from ecjax.exactness.values import Definition, Value


class ImpossibleError(Exception):
    """What is said to hold never does."""


class Fact(NamedTuple):
    """Elements of an operand lie in an interval."""

    operand: int
    interval: Interval


class Difference(NamedTuple):
    """Elements of one operand are at least `least` above those of another."""

    above: int
    below: int
    least: int


OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
"""The comparison that holds where another does not."""


def learn(d: Definition, kind_dtype: np.dtype, new: Interval) -> Iterator[Fact | Difference]:
    """The facts about operands, if elements of the result are in `new`. Raises ImpossibleError if they cannot be."""
    name, operands = d.step.name, d.operands
    if any(isinstance(x.range, Unknown) for x in operands):
        return
    boolean = kind_dtype == np.bool_
    if name == "convert_element_type":
        (x,) = operands
        if misfit(x.interval, kind_dtype) is None:
            yield Fact(0, new)
    elif name in OPPOSITE:
        if new.single:
            yield from _compared(name if new.low else OPPOSITE[name], operands[0], operands[1])
    elif (name == "and" and new.low > 0 and boolean) or (name == "or" and new.high == 0 and new.low == 0):
        for i in range(len(operands)):
            yield Fact(i, new)
    elif name == "not" and boolean:
        yield Fact(0, Interval(1 - new.high, 1 - new.low))
    elif name in ("add", "sub") and not boolean:
        a, b = (x.interval for x in operands)
        other = b if name == "add" else negative(b)
        if misfit(total(a, other), kind_dtype) is None:  # it has not wrapped
            yield Fact(0, total(new, negative(other)))
            rest = total(new, negative(a))
            yield Fact(1, rest if name == "add" else negative(rest))
    elif name in ("max", "min"):
        for i, x in enumerate(operands):
            mine, bound = align(x.interval, new)
            low, high = (mine.low, bound.high) if name == "max" else (bound.low, mine.high)
            if low > high:
                raise ImpossibleError
            yield Fact(i, Interval(low, high, mine.grid))
    elif name == "clz" and (operands[0].interval.low >= 0 or new.low > 0):
        width = bits_of(kind_dtype)
        low = 1 << (width - 1 - new.high) if new.high < width else 0
        yield Fact(0, Interval(low, (1 << (width - new.low)) - 1))
    elif name == "sign":
        x = operands[0].interval
        low = x.low if new.low < 0 else new.low
        yield Fact(0, Interval(low, x.high if new.high > 0 else new.high, x.grid))


def _compared(name: str, a: Value, b: Value) -> Iterator[Fact | Difference]:
    first, second = 0, 1
    if name in ("gt", "ge"):
        name, a, b, first, second = {"gt": "lt", "ge": "le"}[name], b, a, 1, 0
    x, y = align(a.interval, b.interval)
    if name in ("lt", "le"):
        strict = int(name == "lt")
        if x.low > y.high - strict:
            raise ImpossibleError
        yield Difference(second, first, 0 if is_float(a.kind.dtype) else strict)
        yield Fact(first, Interval(x.low, max(x.low, min(x.high, y.high - strict)), x.grid))
        yield Fact(second, Interval(min(max(x.low + strict, y.low), y.high), y.high, x.grid))
    elif name == "eq":
        if (both := meet(x, y)) is None:
            raise ImpossibleError
        yield Fact(first, both if isinstance(both, Interval) else y)
        yield Fact(second, both if isinstance(both, Interval) else x)
    else:
        for i, mine, other in ((first, x, y), (second, y, x)):
            if other.single:
                low, high = mine.low + (mine.low == other.low), mine.high - (mine.high == other.low)
                if low > high:
                    raise ImpossibleError
                yield Fact(i, Interval(low, high, mine.grid))


def alternatives(d: Definition, kind_dtype: np.dtype, new: Interval) -> list[Fact]:
    """Facts one of which holds, where it is not known which: of `a & b` that is false, or `a | b` that is true."""
    if kind_dtype != np.bool_ or not new.single or d.step.name not in ("and", "or"):
        return []
    if new.low == (1 if d.step.name == "or" else 0):
        return [Fact(i, new) for i in range(len(d.operands))]
    return []
