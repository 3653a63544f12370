"""The rules of gathers and scatters: which elements they read and write, and whether two updates may meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jax.extend import core
from jax.lax import GatherScatterMode

from ecjax.exactness.domain import (
    Interval,
    Range,
    is_float,
    is_signed,
    join,
    meet,
    misfit,
    product,
    range_of,
    top,
    total,
)
from ecjax.exactness.rules.base import Conclude, Covers, Rule, anything, only
from ecjax.exactness.rules.movement import signed_limit
from ecjax.exactness.rules.reductions import up_to
from ecjax.exactness.values import Step, Value

_HELP = 'take with mode="clip" or "fill", or bound the index'


def components(indices: Value, count: int) -> list[Interval]:
    """The range of each component of index vectors, which lie along the last axis."""
    d = indices.definition
    if not count:
        return []
    if indices.constant is not None and indices.kind.size:
        columns = np.asarray(indices.constant).reshape(-1, count)
        return [Interval(int(c.min()), int(c.max())) for c in columns.T]
    if d is not None and d.step.name == "concatenate" and d.step.params["dimension"] == len(indices.kind.shape) - 1:
        found = [r for part in d.operands for r in components(part, part.kind.shape[-1])]
        # A narrowed copy may know more than its definition says.
        return [m if isinstance(m := meet(r, indices.range), Interval) else r for r in found]
    return [indices.interval] * count


def _inside(components: Sequence[Interval], limits: Sequence[int]) -> bool:
    return all(c.low >= 0 and c.high <= limit for c, limit in zip(components, limits, strict=True))


def _sorted(
    indices: Value, vectors: int, axes: Sequence[Any], of_operand: Sequence[Any], of_indices: Sequence[Any]
) -> bool:
    """Whether the places of index vectors are surely in order; of batches, with the number of the batch in front."""
    if [*of_operand] != [*of_indices] or [*of_operand] != [*range(len(of_operand))] or [*axes] != sorted(axes):
        return False
    if vectors <= 1:
        return True
    if indices.constant is None or of_indices or not indices.kind.size:
        return False
    rows = [tuple(row) for row in np.asarray(indices.constant).reshape(-1, indices.kind.shape[-1]).tolist()]
    return all(a <= b for a, b in pairwise(rows))


def _distinct_rows(indices: Value) -> bool:
    if not indices.kind.size:
        return math.prod(indices.kind.shape[:-1]) <= 1
    rows = np.asarray(indices.constant).reshape(-1, indices.kind.shape[-1])
    return len(np.unique(rows, axis=0)) == len(rows)


# Gathers


def _gather(step: Step, a: Value, indices: Value) -> Range:
    params = step.params
    numbers, sizes = params["dimension_numbers"], params["slice_sizes"]
    limits = [a.kind.shape[axis] - sizes[axis] for axis in numbers.start_index_map]
    found = components(indices, len(limits))
    batches = set(numbers.start_indices_batching_dims)
    vectors = math.prod(n for axis, n in enumerate(indices.kind.shape[:-1]) if axis not in batches)
    batching = numbers.operand_batching_dims, numbers.start_indices_batching_dims
    in_order = _inside(found, limits) and _sorted(indices, vectors, numbers.start_index_map, *batching)
    one = vectors <= 1 and (not batches or _sorted(indices, vectors, (), *batching))
    if params["indices_are_sorted"] and not in_order and not one:
        step.refuse("nothing proves that the indices are sorted, as is promised; leave indices_are_sorted out")
    if params["unique_indices"] and vectors > 1 and (indices.constant is None or not _distinct_rows(indices)):
        step.refuse("nothing proves that the indices differ, as is promised; leave unique_indices out")
    if not step.kind.size:
        return a.range
    _comparable(step, indices, limits, _inside(found, limits))
    if _inside(found, limits):
        return a.range
    if params["mode"] in (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP):
        return a.range if params["mode"] == GatherScatterMode.CLIP else join(a.range, _fill(step))
    where = ", ".join(f"{c} of 0..{limit}" for c, limit in zip(found, limits, strict=True))
    step.refuse(f"the index may be out of bounds ({where}); {_HELP}")
    return a.range


def _comparable(step: Step, indices: Value, limits: Sequence[int], inside: bool) -> None:
    """Refuses indices that may be taken for negative, or cannot be compared with their limits in their dtype.

    Those of one element alone are where XLA makes a slice of it.
    """
    most, dtype = signed_limit(indices.kind.dtype), indices.kind.dtype
    alone = math.prod(indices.kind.shape[:-1]) == 1
    if (indices.interval.high > most or max(limits, default=0) > most) and (alone or not inside):
        found = f"indices of {dtype.name} that may be {indices.interval}"
        step.refuse(f"{found}, for places up to {max(limits, default=0)}: convert them to int32")


def _fill(step: Step) -> Range:
    """What a gather puts in place of elements that are not there."""
    value, dtype = step.params["fill_value"], step.kind.dtype
    limits = top(dtype)
    if value is None:
        if not isinstance(limits, Interval):
            return limits  # NaN
        end = limits.low if is_signed(dtype) or dtype == np.bool_ else limits.high
        return Interval(end, end) if dtype != np.bool_ else limits
    if not isinstance(limits, Interval):
        return range_of(np.asarray(value, dtype)) if is_float(dtype) else limits
    # In the dtype of the array it may be another number.
    with np.errstate(all="ignore"):
        held = int(np.asarray(value).astype(dtype))
    return Interval(held, held) if held == value else limits


# Scatters


def _scatter(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    distinct = _targets(step, a, indices, updates)
    if not distinct and not uniform(updates):
        step.refuse(
            "indices may coincide, and which update stays is the backend's choice; scatter with add, max or min, "
            "whose order does not matter, or with indices that are known to differ"
        )
    return join(a.range, updates.range) if updates.kind.size else a.range


def _scatter_add(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    coinciding = 1 if _targets(step, a, indices, updates) else _vectors(step, indices)
    what = f"the sum with {coinciding} updates"
    found = step.fit(total(a.interval, up_to(updates.interval, coinciding)), what)
    if is_float(step.kind.dtype) and isinstance(found, Interval):
        partial = total(a.partial_sums, up_to(updates.partial_sums, coinciding))
        if reason := misfit(partial, step.kind.dtype):
            return step.give_up(f"{what} {reason}, and XLA may add some of them first")
    return found


def _scatter_sub(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    x = updates.interval
    return _scatter_add(step, a, indices, updates.narrowed(Interval(-x.high, -x.low, x.grid)))


def _scatter_mul(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    coinciding = 1 if _targets(step, a, indices, updates) else _vectors(step, indices)
    if is_float(step.kind.dtype) and coinciding > 1:
        return step.give_up("floats are multiplied in an order that the backend chooses; multiply one at a time")
    factors = Interval(min(updates.interval.low, 1), max(updates.interval.high, 1))
    bound = Interval(-(factors.magnitude**coinciding) if factors.low < 0 else 0, factors.magnitude**coinciding)
    exact = join(a.range, product(a.interval, updates.interval if coinciding == 1 else bound))
    assert isinstance(exact, Interval)
    return step.fit(exact, f"the product with {coinciding} updates")


def _scatter_extremum(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    _targets(step, a, indices, updates)
    return join(a.range, updates.range) if updates.kind.size else a.range


def _targets(step: Step, a: Value, indices: Value, updates: Value) -> bool:
    """Whether no two updates surely have the same target. Refuses what the scatter promises and nobody proves."""
    limits = _limits(step, a, updates)
    found = components(indices, len(limits))
    inside = _inside(found, limits)
    mode = step.params["mode"]
    if not inside and mode == GatherScatterMode.PROMISE_IN_BOUNDS:
        where = ", ".join(f"{c} of 0..{limit}" for c, limit in zip(found, limits, strict=True))
        step.refuse(f"an index that is promised to be in bounds may not be ({where}); leave the promise out")
    _comparable(step, indices, limits, inside)
    # Different indices outside may be clipped to one.
    distinct = _distinct_targets(step, indices) and (inside or mode == GatherScatterMode.FILL_OR_DROP)
    if _vectors(step, indices) <= 1:
        distinct = True
    if step.params["unique_indices"] and not distinct:
        step.refuse("indices that are promised to be unique may coincide; leave unique_indices out")
    numbers = step.params["dimension_numbers"]
    batching = numbers.operand_batching_dims, numbers.scatter_indices_batching_dims
    vectors = _vectors(step, indices)
    in_order = inside and _sorted(indices, vectors, numbers.scatter_dims_to_operand_dims, *batching)
    one = vectors <= 1 and (not batching[0] or _sorted(indices, vectors, (), *batching))
    if step.params["indices_are_sorted"] and not in_order and not one:
        step.refuse("nothing proves that the indices are sorted, as is promised; leave indices_are_sorted out")
    return distinct


def _vectors(step: Step, indices: Value) -> int:
    """How many index vectors there are for each batch."""
    batches = set(step.params["dimension_numbers"].scatter_indices_batching_dims)
    return math.prod(n for axis, n in enumerate(indices.kind.shape[:-1]) if axis not in batches)


def _limits(step: Step, a: Value, updates: Value) -> list[int]:
    """The greatest index of each component that is in bounds."""
    numbers = step.params["dimension_numbers"]
    window = [updates.kind.shape[axis] for axis in numbers.update_window_dims]
    absent = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    present = [axis for axis in range(len(a.kind.shape)) if axis not in absent]
    sizes = dict(zip(present, window, strict=True))
    return [a.kind.shape[axis] - sizes.get(axis, 1) for axis in numbers.scatter_dims_to_operand_dims]


def _distinct_targets(step: Step, indices: Value) -> bool:
    """Whether no two updates of a scatter have the same target, as far as they are in bounds."""
    numbers = step.params["dimension_numbers"]
    points = set(numbers.scatter_dims_to_operand_dims) <= set(numbers.inserted_window_dims)
    if not points:
        return False
    if indices.constant is not None and not numbers.scatter_indices_batching_dims:
        return _distinct_rows(indices)
    # In each batch one component whose elements differ along the only axis of several indices.
    batches = set(numbers.scatter_indices_batching_dims)
    d = indices.definition
    parts = [indices]
    if d is not None and d.step.name == "concatenate" and d.step.params["dimension"] == len(indices.kind.shape) - 1:
        parts = list(d.operands)  # vectors differ if one of their components does
    differ = set().union(*map(differing, parts))
    return all(n == 1 or axis in batches or axis in differ for axis, n in enumerate(indices.kind.shape[:-1])) and (
        sum(n > 1 and axis not in batches for axis, n in enumerate(indices.kind.shape[:-1])) <= 1
    )


def differing(value: Value) -> set[int]:
    """Axes along each of which alone no two elements of a value are the same."""
    d = value.definition
    if value.constant is not None and value.kind.size <= 1 << 16:
        return {axis for axis in range(len(value.kind.shape)) if _differ_along(np.asarray(value.constant), axis)}
    if d is None or value.pending or d.step.wrapped:
        return set()
    name, params, operands = d.step.name, d.step.params, d.operands
    if name == "iota":
        return {int(params["dimension"])}
    if name in ("add", "sub"):
        for x, y in (operands, operands[::-1]):
            if uniform(y) and x.kind.shape == value.kind.shape:
                return differing(x)
    if name == "mul":
        for x, y in (operands, operands[::-1]):
            if uniform(y) and isinstance(y.range, Interval) and not y.range.low <= 0 <= y.range.high:
                return differing(x) if x.kind.shape == value.kind.shape else set()
    if name == "convert_element_type" and operands[0].range == value.range:
        return differing(operands[0])
    if name == "select_n" and isinstance(operands[0].range, Interval) and operands[0].range.single:
        return differing(operands[1 + operands[0].range.low])
    if name == "broadcast_in_dim":
        axes = params["broadcast_dimensions"]
        shape = operands[0].kind.shape
        return {int(axes[axis]) for axis in differing(operands[0]) if shape[axis] == value.kind.shape[axes[axis]]}
    if name in ("rev", "copy", "sharding_constraint", "ecjax_declare"):
        return differing(operands[0])
    if name in ("reshape", "squeeze"):
        long = [axis for axis, n in enumerate(operands[0].kind.shape) if n != 1]
        now = [axis for axis, n in enumerate(value.kind.shape) if n != 1]
        if [operands[0].kind.shape[i] for i in long] == [value.kind.shape[i] for i in now]:
            return {after for before, after in zip(long, now, strict=True) if before in differing(operands[0])}
    if name == "top_k" and d.result == 1:
        return {int(params.get("axis", -1)) % len(value.kind.shape)}
    if name == "sort" and params["dimension"] in differing(operands[d.result]):
        return {int(params["dimension"])}  # each row keeps its elements, in another order
    return set()


def _differ_along(array: np.ndarray, axis: int) -> bool:
    rows = np.sort(array, axis=axis)
    return not (np.diff(rows.astype(np.int64), axis=axis) == 0).any() if array.dtype.kind in "iu" else False


def uniform(value: Value) -> bool:
    """Whether all elements are the same bits."""
    if value.kind.size == 1 or (not is_float(value.kind.dtype) and _single(value.range)):
        return True
    if value.constant is not None and value.kind.size:
        return bool((value.constant.reshape(-1)[:1] == value.constant).all()) and not is_float(value.kind.dtype)
    d = value.definition
    return d is not None and d.step.name in ("broadcast_in_dim", "reshape") and uniform(d.operands[0])


def _single(found: Range) -> bool:
    return isinstance(found, Interval) and found.single


def _updates_by(name: str | None) -> Covers:
    """Covers the jaxpr of an update that is the named operation of both, or, of None, the update itself."""

    def covers(value: Any) -> bool:
        if value is None:
            return name is None
        jaxpr: core.Jaxpr = getattr(value, "jaxpr", value)
        first, second = jaxpr.invars
        if name is None:
            return not jaxpr.eqns and jaxpr.outvars[0] is second
        if len(jaxpr.eqns) != 1:
            return False
        (eqn,) = jaxpr.eqns
        same = [*map(id, eqn.invars)] == [id(first), id(second)] and jaxpr.outvars[0] is eqn.outvars[0]
        return eqn.primitive.name == name and same and not any(eqn.params.values())

    return covers


def _scattering(conclude: Conclude, update: str | None, moves: bool = False) -> Rule:
    parameters: dict[str, Covers] = {
        **dict.fromkeys(("dimension_numbers", "indices_are_sorted", "unique_indices"), anything),
        "mode": only(*(m for m in GatherScatterMode if m.name != "ONE_HOT")),
        "update_jaxpr": _updates_by(update),
        "update_consts": only(()),
    }
    return Rule(conclude, parameters, moves=moves, unsized=moves)


RULES: dict[str, Rule] = {
    "gather": Rule(
        _gather,
        {
            **dict.fromkeys(("dimension_numbers", "slice_sizes", "unique_indices", "indices_are_sorted"), anything),
            "mode": only(*(m for m in GatherScatterMode if m.name != "ONE_HOT")),
            "fill_value": anything,
        },
        moves=True,
        unsized=True,
    ),
    "scatter": _scattering(_scatter, None, moves=True),
    "scatter-add": _scattering(_scatter_add, "add"),
    "scatter-max": _scattering(_scatter_extremum, "max"),
    "scatter-mul": _scattering(_scatter_mul, "mul"),
    "scatter-min": _scattering(_scatter_extremum, "min"),
    "scatter-sub": _scattering(_scatter_sub, "sub"),
}
