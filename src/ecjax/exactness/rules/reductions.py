"""The rules of primitives that reduce, accumulate, sort and count."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ecjax.exactness import known
from ecjax.exactness.domain import Interval, Range, is_float, join, meet, top
from ecjax.exactness.rules.base import Conclude, Covers, Rule, anything, only
from ecjax.exactness.rules.elementwise import RULES as ELEMENTWISE
from ecjax.exactness.values import Step, Value


def times(x: Interval, n: int) -> Interval:
    """All sums of n numbers."""
    return Interval(n * x.low, n * x.high, x.grid)


def up_to(x: Interval, n: int) -> Interval:
    """All sums of none to n numbers."""
    return Interval(min(0, n * x.low), max(0, n * x.high), x.grid)


def summed(step: Step, term: Interval, n: int, what: str) -> Range:
    """The range of a sum of n terms, of which every partial sum has to fit too: their order is the backend's."""
    return _exactly(step, times(term, n), up_to(term, n), f"{what} of {n} terms")


def _exactly(step: Step, exact: Interval, partial: Interval, what: str) -> Range:
    """The range of a sum that is `exact`, if all its partial sums fit."""
    found = step.fit(partial, what)
    return exact if isinstance(found, Interval) and exact in found else found


def _reduced(step: Step, a: Value) -> int:
    return math.prod(a.kind.shape[axis] for axis in step.params["axes"])


def _reduce_sum(step: Step, a: Value) -> Range:
    n = _reduced(step, a)
    if (weighted := _weighted(a)) is None:
        return summed(step, a.interval, n, "the sum")
    axes = tuple(step.params["axes"])
    low, high = (ends.astype(object).sum(axis=axes) for ends in weighted)
    least, most = np.minimum(weighted[0], 0).sum(axis=axes), np.maximum(weighted[1], 0).sum(axis=axes)
    exact = Interval(int(np.min(low)), int(np.max(high)))
    return _exactly(step, exact, Interval(int(np.min(least)), int(np.max(most))), f"the sum of {n} terms")


def _weighted(a: Value) -> tuple[np.ndarray, np.ndarray] | None:
    """The bounds of each element of an array of products by known integers, as in `sum(bits << places)`."""
    d = a.definition if a.kind.size else None
    while d is not None and d.step.name in ("convert_element_type", "reshape", "squeeze"):
        (x,) = d.operands
        if is_float(x.kind.dtype) or x.range != a.range:  # it has not changed a number
            return None
        d = x.definition
    if d is None or d.step.name not in ("mul", "shift_left") or d.step.wrapped or d.step.reasons:
        return None
    for x, y in (d.operands, d.operands[::-1]):
        if y.constant is None or not isinstance(x.range, Interval) or not known.narrow(y.kind.dtype) or not y.kind.size:
            continue
        if d.step.name == "shift_left" and y is not d.operands[1]:
            continue
        weights = np.asarray(y.constant).astype(object)
        weights = 1 << weights if d.step.name == "shift_left" else weights
        ends = np.broadcast_to(weights, d.step.kind.shape).reshape(a.kind.shape)
        low, high = ends * x.range.low, ends * x.range.high
        return np.minimum(low, high), np.maximum(low, high)
    return None


def _psum(step: Step, *operands: Value) -> Sequence[Range]:
    """A sum over axes of the arrays themselves; how many devices an axis of a mesh has is not known."""
    axes = step.params["axes"]
    if len(operands) != 1 or not all(isinstance(axis, int) for axis in axes):
        step.refuse("the number of devices is not known to the audit")
        return [step.unknown(kind) for kind in step.outputs]
    (a,) = operands
    return [summed(step, a.interval, math.prod(a.kind.shape[axis] for axis in axes), "the sum")]


def _reduce_prod(step: Step, a: Value) -> Range:
    return _product(step, a.interval, _reduced(step, a))


def _product(step: Step, x: Interval, n: int) -> Range:
    """The range of all products of none to n numbers."""
    grid = min(x.grid, 0)
    bound = max(x.on(grid).magnitude, 1 << -grid)
    if bound == 1:
        n = 1
    if n > 2048:
        return step.give_up(f"a product of {n} factors cannot be bounded")
    return step.fit(Interval(-(bound**n) if x.low < 0 else 0, bound**n, grid * n), f"the product of {n} factors")


def _cumsum(step: Step, a: Value) -> Range:
    n, x = a.kind.shape[step.params["axis"]], a.interval
    found = step.fit(up_to(x, n), f"the sum of {n} terms")
    # At least one term each.
    tight = Interval(min(x.low, n * x.low), max(x.high, n * x.high), x.grid)
    return meet(found, tight) or found if isinstance(found, Interval) and tight in found else found


def _cumprod(step: Step, a: Value) -> Range:
    return _product(step, a.interval, a.kind.shape[step.params["axis"]])


def reduce_bits(rule: Conclude) -> Conclude:
    """The rule of a bitwise reduction, whose identity is 0."""

    def reduce(step: Step, a: Value) -> Range:
        if a.kind.dtype == np.bool_:
            return join(Interval(0, 0), a.range)
        found = rule(step, a, a)
        assert isinstance(found, Interval)
        return join(Interval(0, 0), a.range, found)

    return reduce


def _reduce_and(step: Step, a: Value) -> Range:
    return a.range if a.kind.dtype == np.bool_ and a.kind.size else top(a.kind.dtype)


def _extremum(step: Step, a: Value) -> Range:
    return a.range if a.kind.size else step.give_up("a maximum or minimum of nothing")


def _index_of_extremum(step: Step, a: Value) -> Range:
    n = math.prod(a.kind.shape[axis] for axis in step.params["axes"])
    return step.fit(Interval(0, max(n - 1, 0)), "the index")


def _iota(step: Step, *_: Value) -> Range:
    return step.fit(Interval(0, max(step.kind.shape[step.params["dimension"]] - 1, 0)), "the index")


def _same(step: Step, a: Value) -> Range:
    return a.range


# Windows


def _windows(step: Step, a: Value) -> tuple[int, bool]:
    """The most elements in a window, and whether one may have none but padding."""
    p = step.params
    most, empty = 1, False
    for axis, n in enumerate(a.kind.shape):
        size, stride, dilation, base = (
            p[name][axis] for name in ("window_dimensions", "window_strides", "window_dilation", "base_dilation")
        )
        low, high = p["padding"][axis]
        spread = max(n - 1, 0) * base + (n > 0)
        if n * size > 1 << 16:  # too many to count
            most, empty = most * size, empty or low > 0 or high > 0 or base > 1
            continue
        counts = []
        for begin in range(-low, spread + high - (size - 1) * dilation, stride):
            places = range(begin, begin + size * dilation, dilation)
            counts.append(sum(0 <= i < spread and i % base == 0 for i in places))
        most *= max(counts, default=0)
        empty = empty or 0 in counts
    return most, empty


def _window_sum(step: Step, a: Value) -> Range:
    most, _ = _windows(step, a)
    return step.fit(up_to(a.interval, most), f"the sum of windows of {most} elements")


def _window_extremum(step: Step, a: Value) -> Range:
    if _windows(step, a)[1]:
        return step.give_up("a window holds nothing but padding")
    return a.range


# Order


def _sort(step: Step, *operands: Value) -> Sequence[Range]:
    if not step.params["is_stable"] and step.params["num_keys"] < len(operands):
        step.refuse("an unstable sort leaves the order of equal keys to the backend; make it stable")
    return [x.range for x in operands]


def _top_k(step: Step, a: Value) -> Sequence[Range]:
    x = a.interval
    if is_float(a.kind.dtype) and x.low <= 0 <= x.high:
        step.refuse("0 and -0 may be told apart, which changes the indices; add 1 to the floats, or sort integers")
    return [a.range, Interval(0, max(a.kind.shape[step.params.get("axis", -1)] - 1, 0))]


def _rule(conclude: Conclude, **parameters: Covers) -> Rule:
    return Rule(conclude, parameters)


_WINDOW: dict[str, Covers] = dict.fromkeys(
    ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation"), anything
)
_REDUCE: dict[str, Covers] = {"axes": anything, "out_sharding": anything}
_SO_FAR: dict[str, Covers] = {"axis": anything, "reverse": anything}
RULES: dict[str, Rule] = {
    "argmax": _rule(_index_of_extremum, axes=anything, index_dtype=anything),
    "argmin": _rule(_index_of_extremum, axes=anything, index_dtype=anything),
    "cummax": _rule(_same, **_SO_FAR),
    "cummin": _rule(_same, **_SO_FAR),
    "cumprod": _rule(_cumprod, **_SO_FAR),
    "cumsum": _rule(_cumsum, **_SO_FAR),
    "iota": _rule(_iota, dtype=anything, shape=anything, dimension=anything, sharding=anything),
    "psum": _rule(_psum, axes=anything, axis_index_groups=only(None)),
    "reduce_and": _rule(_reduce_and, **_REDUCE),
    "reduce_max": _rule(_extremum, **_REDUCE),
    "reduce_min": _rule(_extremum, **_REDUCE),
    "reduce_or": _rule(reduce_bits(ELEMENTWISE["or"].conclude), **_REDUCE),
    "reduce_prod": _rule(_reduce_prod, **_REDUCE),
    "reduce_sum": _rule(_reduce_sum, **_REDUCE),
    "reduce_window_max": _rule(_window_extremum, **_WINDOW),
    "reduce_window_min": _rule(_window_extremum, **_WINDOW),
    "reduce_window_sum": _rule(_window_sum, **_WINDOW),
    "reduce_xor": _rule(reduce_bits(ELEMENTWISE["xor"].conclude), **_REDUCE),
    "sort": _rule(_sort, dimension=anything, is_stable=anything, num_keys=anything),
    "top_k": _rule(_top_k, k=anything, axis=anything, is_stable=only(True)),
}
