"""The orders of sums and products that a compiler may choose, of which each has to be exact.

XLA makes `x + (c + d)` of `(x + c) + d` and `x * (c * d)` of `(x * c) * d` where it knows `c` and `d`, floats or not.
It does so through all that it finds to return its operand: a slice of everything, a `where` whose predicate it knows, a
loop of one turn. So each float has bounds of what sums of some of its summands, and products of some of its factors,
may be, and they go through every primitive that may return an operand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ecjax.exactness.domain import Interval, is_float, join, negative, product, total

if TYPE_CHECKING:
    from ecjax.exactness.values import Definition, Value

Exponents = tuple[int, int]
"""The least grid of some factors' products, and the least power of 2 that none exceeds."""


def with_zero(x: Interval) -> Interval:
    """The least interval that holds another and 0: the sum of no summand."""
    return Interval(min(x.low, 0), max(x.high, 0), x.grid)


def own_exponents(x: Interval) -> Exponents:
    """The exponents of numbers by themselves, and of 1: the product of no factor."""
    return min(x.grid, 0), max((x.magnitude - 1).bit_length() + x.grid, 0) if x.magnitude else 0


def partial_sums(value: Value) -> Interval:
    """What sums of some of a float's summands may be."""
    own, d = with_zero(value.interval), value.definition
    if d is None or not is_float(value.kind.dtype):
        return own if value.sums is None else _joined(own, value.sums)
    name = d.step.name
    parts = [x.partial_sums for x in d.operands if isinstance(x.range, Interval) and is_float(x.kind.dtype)]
    if not parts or name in _BARRIERS:
        return own
    if name in ("add", "add_any") and len(parts) == 2:
        return total(*parts)
    if name == "sub" and len(parts) == 2:
        return total(parts[0], negative(parts[1]))
    if name == "neg":
        return negative(parts[0])
    if name == "mul" and len(parts) == 2:
        return with_zero(product(*parts))
    if name == "dot_general" and len(parts) == 2:
        return _times(product(*parts), _terms(d))
    if name in ("reduce_sum", "cumsum", "reduce_window_sum", "psum"):
        return _times(parts[0], _terms(d))
    if name in ("scatter-add", "scatter-sub") and len(parts) == 2:
        added = _times(parts[1], math.prod(d.operands[1].kind.shape[:-1]))
        return total(parts[0], added if name == "scatter-add" else negative(added))
    return _joined(own, *parts)


def partial_exponents(value: Value) -> Exponents:
    """The exponents of products of some of a float's factors."""
    own, d = own_exponents(value.interval), value.definition
    if d is None or not is_float(value.kind.dtype):
        return own if value.exponents is None else _widest(own, value.exponents)
    name = d.step.name
    parts = [x.partial_exponents for x in d.operands if isinstance(x.range, Interval) and is_float(x.kind.dtype)]
    if not parts or name in _BARRIERS:
        return own
    if name in ("mul", "scatter-mul") and len(parts) == 2:
        return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    if name in ("reduce_prod", "cumprod"):
        return _terms(d) * parts[0][0], _terms(d) * parts[0][1]
    if name in ("integer_pow", "square"):
        times = int(d.step.params.get("y", 2))
        return times * parts[0][0], times * parts[0][1]
    if name == "dot_general" and len(parts) == 2:
        return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1] + _terms(d).bit_length()
    return _widest(own, *parts)


SUMS = frozenset(("add", "add_any", "cumsum", "dot_general", "psum", "reduce_sum", "reduce_window_sum", "sub"))
"""Primitives whose results are sums, which have to be exact in every order."""
PRODUCTS = frozenset(("cumprod", "dot_general", "integer_pow", "mul", "reduce_prod", "scatter-mul", "square"))
"""Primitives whose results are products, likewise."""
_BARRIERS = ("abs", "ceil", "clamp", "floor", "round", "sign")
"""Of these no compiler knows that they return their operand, unless it has no summands."""


def _terms(d: Definition) -> int:
    """The most terms of a sum: what is summed over, or all there is."""
    (x, *_), params = d.operands, d.step.params
    if d.step.name == "dot_general":
        (axes, _), _ = params["dimension_numbers"]
    elif "window_dimensions" in params:
        return math.prod(params["window_dimensions"])
    elif "axis" in params:
        axes = [params["axis"]]
    elif "axes" in params:
        axes = [axis for axis in params["axes"] if isinstance(axis, int)]
    else:
        axes = range(len(x.kind.shape))
    return math.prod(x.kind.shape[axis] for axis in axes)


def _times(x: Interval, n: int) -> Interval:
    return Interval(min(n * x.low, 0), max(n * x.high, 0), x.grid)


def _joined(*intervals: Interval) -> Interval:
    found = join(*intervals)
    assert isinstance(found, Interval)
    return found


def _widest(*exponents: Exponents) -> Exponents:
    return min(low for low, _ in exponents), max(high for _, high in exponents)
