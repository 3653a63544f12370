"""Arrays whose elements are those of another, and arrays that rise: what is known of elements in other places."""

from __future__ import annotations

from typing import NamedTuple

from jax.lax import GatherScatterMode

from ecjax.exactness.values import Definition, Value

_DEPTH = 8
_TAKING = (
    *("broadcast_in_dim", "cummax", "cummin", "dynamic_slice", "reduce_max", "reduce_min", "reshape", "rev", "slice"),
    *("squeeze", "transpose"),
)
"""Primitives that give elements of their first operand, and no others."""


def above(high: Value, low: Value) -> bool:
    """Whether an element of one value is surely not below one of another, if they are of one place."""
    return (
        _is_end("reduce_max", high, low)
        or _is_end("reduce_min", low, high)
        or _is_whole_sum(high, low)
        or _is_later(high, low)
    )


def _is_end(name: str, end: Value, other: Value) -> bool:
    """Whether one value is the greatest, or the least, of all that another takes its elements from."""
    d = _made(end)
    return d is not None and d.step.name == name and end.kind.size == 1 and are_elements(other, d.operands[0])


def _is_whole_sum(high: Value, low: Value) -> bool:
    """Whether one value is a sum of all of an array, none below 0, of which the other is one, or a sum of some."""
    d = _made(high)
    if d is None or d.step.name != "reduce_sum" or high.kind.size != 1 or not _is_exact(d):
        return False
    (x,) = d.operands
    if x.interval.low < 0:
        return False
    so_far = _source(low, "cumsum")
    if so_far is not None and _is_exact(so_far) and so_far.operands[0].identity is x.identity:
        return True
    return are_elements(low, x)


def _is_exact(d: Definition) -> bool:
    return not d.step.wrapped and not d.step.reasons


def _made(value: Value) -> Definition | None:
    """How a value was made, but for a change of its shape."""
    d = value.definition
    while d is not None and d.step.name in ("broadcast_in_dim", "reshape", "squeeze"):
        if d.operands[0].kind.size != value.kind.size:
            return d
        d = d.operands[0].definition
    return d


def _source(value: Value, name: str) -> Definition | None:
    """The equation of a name that a value takes its elements from."""
    for _ in range(_DEPTH):
        d = value.definition
        if d is None or d.step.name == name or not _takes(d):
            return d if d is not None and d.step.name == name else None
        value = d.operands[0]
    return None


def are_elements(value: Value, source: Value) -> bool:
    """Whether each element of a value is one of another's."""
    for _ in range(_DEPTH):
        if value.identity is source.identity:
            return True
        d = value.definition
        if d is None or not _takes(d):
            return False
        value = d.operands[0]
    return False


def _takes(d: Definition) -> bool:
    if d.step.name == "gather":
        return d.step.params["mode"] in (GatherScatterMode.CLIP, GatherScatterMode.PROMISE_IN_BOUNDS)
    return d.step.name in _TAKING or (d.step.name == "sort" and len(d.operands) == 1)


# Arrays that rise.


class _Slice(NamedTuple):
    """A part of an array: where it begins, and how long it is, along each axis."""

    source: Value
    starts: tuple[int, ...]
    sizes: tuple[int, ...]


def _slice(value: Value) -> _Slice:
    """The part of an array that a value is; of itself, if it is none."""
    d = _made(value)
    if d is None or d.step.name != "slice" or any(n != 1 for n in d.step.params["strides"] or ()):
        return _Slice(value, (0,) * len(value.kind.shape), value.kind.shape)
    starts, limits = d.step.params["start_indices"], d.step.params["limit_indices"]
    return _Slice(d.operands[0], tuple(starts), tuple(b - a for a, b in zip(starts, limits, strict=True)))


def _is_later(high: Value, low: Value) -> bool:
    """Whether one value is a part of a rising array behind the part that another is."""
    a, b = _slice(high), _slice(low)
    if a.source.identity is not b.source.identity:
        return False
    differ = [axis for axis, (i, j) in enumerate(zip(a.starts, b.starts, strict=True)) if i != j or a.sizes != b.sizes]
    if len(differ) != 1 or not rises(a.source, differ[0]):
        return False
    (axis,) = differ
    if a.sizes == b.sizes:
        return a.starts[axis] >= b.starts[axis]
    # One element against many: behind the last of them, or before the first.
    single = len(a.sizes) == 1 and 1 in (a.sizes[0], b.sizes[0])
    return single and a.starts[0] >= b.starts[0] + b.sizes[0] - 1


def rises(value: Value, axis: int, depth: int = 4) -> bool:
    """Whether no element along an axis is below the one before it."""
    d = value.definition
    if d is None or not depth or not _is_exact(d):
        return False
    params, operands = d.step.params, d.operands
    name = d.step.name
    if name == "iota":
        return params["dimension"] == axis
    if name == "sort":
        return params["dimension"] == axis and d.result == 0
    if name in ("cumsum", "cummax"):
        return params["axis"] == axis and not params["reverse"] and (name == "cummax" or operands[0].interval.low >= 0)
    if name == "concatenate" and params["dimension"] == axis and len(operands) == 2:
        begin, rest = operands
        short = begin.kind.shape[axis] == 1 and begin.interval.high <= rest.interval.low
        return short and rises(rest, axis, depth - 1)
    if name == "pad":
        low, high, inner = params["padding_config"][axis]
        alone = all(p == (0, 0, 0) for i, p in enumerate(params["padding_config"]) if i != axis)
        below = operands[1].interval.high <= operands[0].interval.low
        return alone and low >= 0 and high <= 0 and inner == 0 and below and rises(operands[0], axis, depth - 1)
    return False
