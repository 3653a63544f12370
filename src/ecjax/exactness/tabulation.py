"""What depends on one small number alone, and known tables: worked out for each number that it may be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ecjax.exactness import known
from ecjax.exactness.domain import Interval
from ecjax.exactness.values import Definition, Value


def tabulated(a: Value, b: Value) -> tuple[np.ndarray, np.ndarray] | None:
    """Both values for each number that a third may be, if both depend on it alone, place by place."""
    size = a.kind.size
    if (b.kind.shape != a.kind.shape and (size != 1 or b.kind.size != 1)) or not known.narrow(a.kind.dtype):
        return None
    for pivot in _pivots(a, b, size):
        x = pivot.interval
        numbers = np.arange(x.low, x.high + 1, dtype=np.int64)
        done: dict[Value, np.ndarray | None] = {pivot.identity: numbers}
        first, second = (_along(y, done, size, 12) for y in (a, b))
        if first is not None and second is not None:
            return np.broadcast_to(first, numbers.shape), np.broadcast_to(second, numbers.shape)
    return None


def _pivots(a: Value, b: Value, size: int) -> Iterator[Value]:
    """Values that both come from and that are one of not too many numbers; the nearest first."""
    behind = []
    for value in (a, b):
        found: dict[Value, None] = {value: None}
        for x in found_in_turn(found):
            if x.definition is not None and len(found) < 64:
                found.update((y, None) for y in x.definition.operands)
        behind.append(found)
    for x in behind[0]:
        fits = x in behind[1] and x.constant is None and known.narrow(x.kind.dtype) and x.kind.size == size
        if fits and not x.pending and isinstance(x.range, Interval) and x.range.high - x.range.low < known.LARGEST:
            yield x


def found_in_turn(found: dict[Value, None]) -> Iterator[Value]:
    """The keys of a dictionary that grows on the way."""
    for i in itertools.count():
        following = list(itertools.islice(found, i, i + 1))
        if not following:
            return
        yield following[0]


def _along(value: Value, done: dict[Value, np.ndarray | None], size: int, depth: int) -> np.ndarray | None:
    """A value for each number of the pivot, or None if it is no function of it, or not one that is worked out."""
    key = value.identity
    if key not in done:
        done[key] = None
        done[key] = _work_out(value, done, size, depth)
    return done[key]


def _work_out(value: Value, done: dict[Value, np.ndarray | None], size: int, depth: int) -> np.ndarray | None:
    if isinstance(value.range, Interval) and value.range.single and known.narrow(value.kind.dtype):
        return np.asarray([value.range.low])
    d = value.definition
    if d is None or not depth or value.pending or d.step.wrapped or not known.narrow(value.kind.dtype):
        return None
    if d.step.name in ("gather", "dynamic_slice"):
        return _looked_up(d, done, size, depth)
    if d.step.name in ("broadcast_in_dim", "reshape", "squeeze"):
        # Only as long as the order of elements stays.
        (x,) = d.operands
        return _along(x, done, size, depth - 1) if x.kind.size == size else None
    # Each operand is one number, or seen in the same places.
    alike = size == 1 or all(x.kind.shape == value.kind.shape or _is_one_number(x) for x in d.operands)
    if d.step.name not in known.ELEMENTWISE or value.kind.size != size or not alike:
        return None
    operands = [_along(x, done, size, depth - 1) for x in d.operands]
    if any(x is None for x in operands):
        return None
    return known.evaluate(d.step, [x for x in operands if x is not None])


def _is_one_number(x: Value) -> bool:
    return isinstance(x.range, Interval) and x.range.single


def _looked_up(d: Definition, done: dict[Value, np.ndarray | None], size: int, depth: int) -> np.ndarray | None:
    """The elements of a known table of one axis at an index."""
    table, index, *others = d.operands
    params = d.step.params
    plain = table.constant is not None and known.narrow(table.kind.dtype) and len(table.kind.shape) == 1
    if not plain or others or tuple(params["slice_sizes"]) != (1,) or not index.kind.size == d.step.kind.size == size:
        return None
    if d.step.name == "gather" and tuple(params["dimension_numbers"].start_index_map) != (0,):
        return None
    places = _along(index, done, size, depth - 1)
    if places is None or places.min() < 0 or places.max() >= table.kind.size:
        return None
    return np.asarray(table.constant).astype(np.int64)[places]


def is_looked_up(value: Value) -> bool:
    """Whether a value comes from a known table."""
    d = value.definition
    while d is not None and d.step.name in ("reshape", "squeeze", "broadcast_in_dim"):
        d = d.operands[0].definition
    return d is not None and d.step.name in ("gather", "dynamic_slice") and d.operands[0].constant is not None


def is_small(value: Value) -> bool:
    """Whether a value is one of not too many numbers."""
    return value.interval.high - value.interval.low < known.LARGEST


def enumerated_difference(a: Value, b: Value) -> Interval | None:
    """The exact range of `a - b` if both depend on one small number alone, or None."""
    found = tabulated(a, b)
    if found is None:
        return None
    difference = found[0] - found[1]
    return Interval(int(difference.min()), int(difference.max()))
