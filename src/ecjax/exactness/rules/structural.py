"""The rules of primitives that move, choose, reduce and multiply arrays.

Like the elementwise rules, but a rule returns the ranges of all results if there are several. Those in `MOVES` only
move elements and may be applied to floats of which nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jax.lax import GatherScatterMode, Precision

from ecjax.exactness.domain import Interval, Range, Step, Value, is_float, is_signed, join, meet, top
from ecjax.exactness.elementwise import RULES as ELEMENTWISE
from ecjax.exactness.elementwise import product, total

Rule = Callable[..., Range | Sequence[Range]]


def _same(step: Step, a: Value, *_: Value) -> Range:
    return a.range


def _any_of(step: Step, *operands: Value) -> Range:
    return join(*(x.range for x in operands))


def _all_same(step: Step, *operands: Value) -> Sequence[Range]:
    return [x.range for x in operands]


def _parts(step: Step, a: Value) -> Sequence[Range]:
    return [a.range] * len(step.outputs)


def _pad(step: Step, a: Value, padding: Value) -> Range:
    if any(low > 0 or high > 0 or inner > 0 for low, high, inner in step.params["padding_config"]):
        return join(a.range, padding.range)
    return a.range


def _iota(step: Step, *_: Value) -> Range:
    return step.fit(Interval(0, max(step.kind.shape[step.params["dimension"]] - 1, 0)), "the index")


# Sums


def times(x: Interval, n: int) -> Interval:
    """All sums of n numbers."""
    return Interval(n * x.low, n * x.high, x.grid)


def up_to(x: Interval, n: int) -> Interval:
    """All sums of none to n numbers."""
    return Interval(min(0, n * x.low), max(0, n * x.high), x.grid)


def _sum(step: Step, term: Interval, n: int, what: str) -> Range:
    """The range of a sum of n terms, of which every partial sum has to fit too: their order is the backend's."""
    found = step.fit(up_to(term, n), f"{what} of {n} terms")
    exact = times(term, n)
    return exact if isinstance(found, Interval) and exact in found else found


def _reduced(step: Step, a: Value) -> int:
    return math.prod(a.kind.shape[axis] for axis in step.params["axes"])


def _reduce_sum(step: Step, a: Value) -> Range:
    return _sum(step, a.interval, _reduced(step, a), "the sum")


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
    n = a.kind.shape[step.params["axis"]]
    found = step.fit(up_to(a.interval, n), f"the sum of {n} terms")
    # At least one term each.
    x = a.interval
    tight = Interval(min(x.low, n * x.low), max(x.high, n * x.high), x.grid)
    return meet(found, tight) or found if isinstance(found, Interval) and tight in found else found


def _cumprod(step: Step, a: Value) -> Range:
    return _product(step, a.interval, a.kind.shape[step.params["axis"]])


def reduce_bits(rule: Callable[[Step, Value, Value], Range]) -> Rule:
    """The rule of a bitwise reduction, whose identity is 0."""

    def reduce(step: Step, a: Value) -> Range:
        return join(Interval(0, 0), rule(step, a, a)) if a.kind.dtype != np.bool_ else join(Interval(0, 0), a.range)

    return reduce


def _reduce_and(step: Step, a: Value) -> Range:
    return a.range if a.kind.dtype == np.bool_ and a.kind.size else top(a.kind.dtype)


def _extremum(step: Step, a: Value) -> Range:
    return a.range if a.kind.size else step.give_up("a maximum or minimum of nothing")


def _index_of_extremum(step: Step, a: Value) -> Range:
    n = math.prod(a.kind.shape[axis] for axis in step.params["axes"])
    return step.fit(Interval(0, max(n - 1, 0)), "the index")


def _dot_general(step: Step, a: Value, b: Value) -> Range:
    (contracted, _), _ = step.params["dimension_numbers"]
    return _products(step, a, b, math.prod(a.kind.shape[axis] for axis in contracted))


def _convolution(step: Step, a: Value, b: Value) -> Range:
    outputs = b.kind.shape[step.params["dimension_numbers"].rhs_spec[0]]
    # The padding's zeros take part.
    padded = Value(a.kind, join(a.range, Interval(0, 0)))
    return _products(step, padded, b, math.prod(b.kind.shape) // max(outputs, 1))


def _products(step: Step, a: Value, b: Value, n: int) -> Range:
    """The range of a sum of n products."""
    precision = step.params["precision"]
    both = precision if isinstance(precision, tuple) else (precision, precision)
    if np.dtype(np.float32) in (a.kind.dtype, b.kind.dtype) and set(both) != {Precision.HIGHEST}:
        step.refuse("float32 products need precision=HIGHEST on both sides: backends round operands otherwise")
    elif not all(p is None or isinstance(p, Precision) for p in both):
        step.refuse("an algorithm may round the operands")
    return _sum(step, product(a.interval, b.interval), n, "a product")


# Order


def _sort(step: Step, *operands: Value) -> Sequence[Range]:
    if not step.params["is_stable"] and step.params["num_keys"] < len(operands):
        step.refuse("an unstable sort leaves the order of equal keys to the backend")
    return [x.range for x in operands]


def _top_k(step: Step, a: Value) -> Sequence[Range]:
    return [a.range, Interval(0, max(a.kind.shape[step.params.get("axis", -1)] - 1, 0))]


# Indices


def components(indices: Value, count: int) -> list[Interval]:
    """The range of each component of index vectors, which lie along the last axis."""
    d = indices.definition
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


def _gather(step: Step, a: Value, indices: Value) -> Range:
    numbers, sizes = step.params["dimension_numbers"], step.params["slice_sizes"]
    limits = [a.kind.shape[axis] - sizes[axis] for axis in numbers.start_index_map]
    found = components(indices, len(limits))
    batches = set(numbers.start_indices_batching_dims)
    vectors = math.prod(n for axis, n in enumerate(indices.kind.shape[:-1]) if axis not in batches)
    if step.params["indices_are_sorted"] and vectors > 1:
        step.refuse("nothing proves that the indices are sorted, as is promised")
    if step.params["mode"] == GatherScatterMode.CLIP or not step.kind.size or _inside(found, limits):
        return a.range
    if step.params["mode"] == GatherScatterMode.FILL_OR_DROP:
        return join(a.range, _fill(step))
    where = ", ".join(f"{c} of 0..{limit}" for c, limit in zip(found, limits, strict=True))
    step.refuse(f"the index may be out of bounds ({where})")
    return a.range


def _fill(step: Step) -> Range:
    """What a gather puts in place of elements that are not there."""
    value, dtype = step.params["fill_value"], step.kind.dtype
    if value is not None and not is_float(dtype):
        return Interval(int(value), int(value))
    limits = top(dtype)
    if not isinstance(limits, Interval):
        return limits
    end = limits.low if is_signed(dtype) else limits.high
    return Interval(end, end)


def _dynamic_slice(step: Step, a: Value, *_: Value) -> Range:
    return a.range  # the start is clamped, everywhere


def _dynamic_update_slice(step: Step, a: Value, update: Value, *_: Value) -> Range:
    return join(a.range, update.range)


def _scatter(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    distinct = _targets(step, a, indices, updates)
    if not distinct and not _uniform(updates):
        step.refuse(
            "indices may coincide, and which update stays is the backend's choice; "
            "scatter with add, max or min, whose order does not matter"
        )
    return join(a.range, updates.range)


def _scatter_add(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    coinciding = 1 if _targets(step, a, indices, updates) else _vectors(step, indices)
    return step.fit(total(a.interval, up_to(updates.interval, coinciding)), f"the sum with {coinciding} updates")


def _scatter_sub(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    x = updates.interval
    return _scatter_add(step, a, indices, updates.narrowed(Interval(-x.high, -x.low, x.grid)))


def _scatter_extremum(step: Step, a: Value, indices: Value, updates: Value) -> Range:
    _targets(step, a, indices, updates)
    return join(a.range, updates.range)


def _targets(step: Step, a: Value, indices: Value, updates: Value) -> bool:
    """Whether no two updates surely have the same target. Refuses what the scatter promises and nobody proves."""
    distinct = _distinct_targets(step, indices)
    if not _bounded(step, a, indices, updates):
        step.refuse("an index that is promised to be in bounds may not be")
    if step.params["unique_indices"] and not distinct:
        step.refuse("indices that are promised to be unique may coincide")
    if step.params["indices_are_sorted"] and _vectors(step, indices) > 1:
        step.refuse("nothing proves that the indices are sorted, as is promised")
    return distinct


def _vectors(step: Step, indices: Value) -> int:
    """How many index vectors there are for each batch."""
    batches = set(step.params["dimension_numbers"].scatter_indices_batching_dims)
    return math.prod(n for axis, n in enumerate(indices.kind.shape[:-1]) if axis not in batches)


def _bounded(step: Step, a: Value, indices: Value, updates: Value) -> bool:
    """Whether out-of-bounds indices are defined or cannot be."""
    if step.params["mode"] != GatherScatterMode.PROMISE_IN_BOUNDS:
        return True
    numbers = step.params["dimension_numbers"]
    window = [updates.kind.shape[axis] for axis in numbers.update_window_dims]
    absent = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    present = [axis for axis in range(len(a.kind.shape)) if axis not in absent]
    sizes = dict(zip(present, window, strict=True))
    limits = [a.kind.shape[axis] - sizes.get(axis, 1) for axis in numbers.scatter_dims_to_operand_dims]
    return _inside(components(indices, len(limits)), limits)


def _distinct_targets(step: Step, indices: Value) -> bool:
    """Whether no two updates of a scatter have the same target."""
    if _vectors(step, indices) <= 1:
        return True
    numbers = step.params["dimension_numbers"]
    points = set(numbers.scatter_dims_to_operand_dims) <= set(numbers.inserted_window_dims)
    if not points or numbers.scatter_indices_batching_dims:
        return False
    if indices.constant is not None:
        rows = indices.constant.reshape(-1, indices.constant.shape[-1])
        return len(np.unique(rows, axis=0)) == len(rows) and not (rows < 0).any()
    # One component that counts along the only axis of several indices.
    return all(n == 1 or axis in _counting(indices) for axis, n in enumerate(indices.kind.shape[:-1]))


def _counting(value: Value) -> set[int]:
    """Axes along which all elements of a value differ, if there is one such axis."""
    d = value.definition
    if d is None or value.pending or d.step.wrapping:
        return set()
    name, params, operands = d.step.name, d.step.params, d.operands
    if name == "iota":
        return {params["dimension"]}
    if name in ("add", "sub"):
        for x, y in (operands, operands[::-1]):
            if _uniform(y):
                return _counting(x)
    if name == "convert_element_type" and operands[0].range == value.range:
        return _counting(operands[0])
    if name == "select_n" and operands[0].interval.single:
        return _counting(operands[1 + operands[0].interval.low])
    if name == "broadcast_in_dim":
        return {params["broadcast_dimensions"][axis] for axis in _counting(operands[0])}
    return set()


def _uniform(value: Value) -> bool:
    """Whether all elements are the same."""
    if value.kind.size == 1 or (isinstance(value.range, Interval) and value.range.single):
        return True
    d = value.definition
    return d is not None and d.step.name == "broadcast_in_dim" and _uniform(d.operands[0])


MOVES: dict[str, Rule] = {
    "broadcast_in_dim": _same,
    "concatenate": _any_of,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "expand_dims": _same,
    "gather": _gather,
    "optimization_barrier": _all_same,
    "pad": _pad,
    "reshape": _same,
    "rev": _same,
    "scatter": _scatter,
    "slice": _same,
    "split": _parts,
    "squeeze": _same,
    "stop_gradient": _same,
    "stack": _any_of,
    "tile": _same,
    "transpose": _same,
    "unstack": _parts,
}
"""Primitives that only move elements."""

RULES: dict[str, Rule] = {
    "argmax": _index_of_extremum,
    "argmin": _index_of_extremum,
    "conv_general_dilated": _convolution,
    "cummax": _same,
    "cummin": _same,
    "cumprod": _cumprod,
    "cumsum": _cumsum,
    "dot_general": _dot_general,
    "iota": _iota,
    "reduce_and": _reduce_and,
    "reduce_max": _extremum,
    "reduce_min": _extremum,
    "reduce_or": reduce_bits(ELEMENTWISE["or"]),
    "reduce_prod": _reduce_prod,
    "reduce_sum": _reduce_sum,
    "reduce_xor": reduce_bits(ELEMENTWISE["xor"]),
    "scatter-add": _scatter_add,
    "scatter-max": _scatter_extremum,
    "scatter-min": _scatter_extremum,
    "scatter-sub": _scatter_sub,
    "sort": _sort,
    "top_k": _top_k,
}
"""Primitives that compute with several elements, or with none."""
