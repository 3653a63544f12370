"""What primitives mean, in plain numpy, independently of the audit: integers as int64, floats as float64.

A meaning gets the parameters, the kinds of operands and results, and the elements; it gives the exact elements of the
results, and which of them are undefined: those that a backend may choose. What does not fit the dtype is for the caller
to see (`fits`), as is what has to be exact in every order (`orders`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from jax.lax import GatherScatterMode, RoundingMethod

from ecjax.exactness.domain import Kind

Elements = np.ndarray


class Call(NamedTuple):
    """An application of a primitive: its parameters, and the kinds of operands and results."""

    params: dict[str, Any]
    operands: Sequence[Kind]
    results: Sequence[Kind]

    @property
    def dtype(self) -> np.dtype:
        return self.results[0].dtype

    @property
    def width(self) -> int:
        return 8 * self.dtype.itemsize


Meaning = Callable[..., Any]
"""From the call and the elements to the elements of the only result, those of all results in a list, or either with
which are undefined, in a pair."""


def limits(dtype: np.dtype) -> tuple[int, int]:
    if dtype == np.bool_:
        return 0, 1
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == ml_dtypes.bfloat16


def wrapped(x: Elements, dtype: np.dtype) -> Elements:
    """Integers modulo `2**width`, as the dtype has them."""
    if dtype == np.bool_:
        return x
    low, high = limits(dtype)
    return low + (x - low) % (high - low + 1) if high - low < 1 << 62 else x


def fits(x: Elements, dtype: np.dtype) -> Elements:
    """Which numbers a dtype holds, and no subnormal ones."""
    if not is_float(dtype):
        low, high = limits(dtype)
        return (x >= low) & (x <= high)
    with np.errstate(all="ignore"):
        held = x.astype(dtype).astype(np.float64)
    tiny = float(ml_dtypes.finfo(dtype).tiny) if dtype != np.float64 else float(np.finfo(dtype).tiny)
    return (held == x) & np.isfinite(x) & ((x == 0) | (abs(x) >= tiny))


# Elementwise


def _unsigned(x: Elements, width: int) -> Elements:
    return x & ((1 << width) - 1)


def _bits(call: Call, x: Elements) -> Elements:
    return _unsigned(x, 8 * call.operands[0].dtype.itemsize)


def _lengths(x: Elements) -> Elements:
    """The bit lengths of numbers that are not negative."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64) if x.size == 0 or x.max() < 1 << 53 else _slow_lengths(x)


def _slow_lengths(x: Elements) -> Elements:
    return np.vectorize(lambda n: int(n).bit_length(), otypes=[np.int64])(x)


def _counted(x: Elements) -> Elements:
    return np.vectorize(lambda n: int(n).bit_count(), otypes=[np.int64])(x)


def truncated(x: Elements, y: Elements) -> Elements:
    safe = np.where(y == 0, 1, y)
    return np.sign(x) * np.sign(safe) * (abs(x) // abs(safe))


def _indivisible(call: Call, x: Elements, y: Elements) -> Elements:
    if is_float(call.dtype):
        return np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
    low, _ = limits(call.dtype)
    return (y == 0) | ((x == low) & (y == -1) & (low < 0))


def _div(call: Call, x: Elements, y: Elements) -> Any:
    return truncated(x, y), _indivisible(call, x, y)


def _rem(call: Call, x: Elements, y: Elements) -> Any:
    return x - y * truncated(x, y), _indivisible(call, x, y)


def _convert(call: Call, x: Elements) -> Any:
    before, after = call.operands[0].dtype, call.dtype
    if after == np.bool_:
        return (x != 0).astype(np.int64)
    if is_float(after):
        return x.astype(np.float64)
    if not is_float(before):
        return x
    whole = np.trunc(x).astype(np.int64)
    return whole, ~fits(whole, after)  # that is no wrapping


def _shift(call: Call, x: Elements, n: Elements, fn: Callable[[Elements, Elements], Elements]) -> Any:
    outside = (n < 0) | (n >= call.width)
    return fn(x, np.where(outside, 0, n)), outside


def _shift_left(call: Call, x: Elements, n: Elements) -> Any:
    return _shift(call, x, n, lambda x, n: x << n)


def _shift_right_logical(call: Call, x: Elements, n: Elements) -> Any:
    return _shift(call, x, n, lambda x, n: wrapped(_bits(call, x) >> n, call.dtype))


def _shift_right_arithmetic(call: Call, x: Elements, n: Elements) -> Any:
    found, outside = _shift(call, x, n, lambda x, n: x >> n)
    return found, outside | (x >> (call.width - 1) > 0)  # of an unsigned number whose first bit is set


def _round(call: Call, x: Elements) -> Elements:
    if call.params["rounding_method"] == RoundingMethod.TO_NEAREST_EVEN:
        return np.rint(x)
    return np.sign(x) * np.floor(abs(x) + 0.5)


def _reduce_precision(call: Call, x: Elements) -> Any:
    bits = call.params["mantissa_bits"] + 1
    mantissa, exponent = np.frexp(x)
    few = 1 << (call.params["exponent_bits"] - 1)
    inexact = (np.rint(mantissa * 2.0**bits) != mantissa * 2.0**bits) | ((x != 0) & (abs(exponent - 1) > few - 2))
    return x, inexact


def _bitcast(call: Call, x: Elements) -> Any:
    before, after = call.operands[0].dtype, call.dtype
    if is_float(before) or is_float(after) or np.bool_ in (before, after):
        return np.zeros(call.results[0].shape), np.ones(call.results[0].shape, bool)
    array = np.array(x, before, order="C")
    if before.itemsize == after.itemsize:
        return array.view(after).astype(np.int64)
    if before.itemsize < after.itemsize:
        return array.view(after)[..., 0].astype(np.int64)
    return array[..., None].view(after).astype(np.int64)


def _total_order(fn: Callable[[Elements, Elements], Elements]) -> Meaning:
    def meaning(call: Call, x: Elements, y: Elements) -> Any:
        return fn(x, y), (x == 0) & (y == 0) & is_float(call.operands[0].dtype)  # the signs are not known

    return meaning


def _power(call: Call, x: Elements) -> Any:
    n = call.params["y"]
    return (x ** max(n, 0), np.full(x.shape, n < 0))


def _declared(call: Call, x: Elements) -> Any:
    return x, (x < call.params["low"]) | (x > call.params["high"])


def _select(call: Call, which: Elements, *cases: Elements) -> Any:
    outside = (which < 0) | (which >= len(cases))
    places = np.broadcast_to(np.where(outside, 0, which), cases[0].shape)
    return np.take_along_axis(np.stack(cases), places[None], 0)[0], np.broadcast_to(outside, cases[0].shape)


ELEMENTWISE: dict[str, Meaning] = {
    "abs": lambda c, x: abs(x),
    "add": lambda c, x, y: x + y,
    "add_any": lambda c, x, y: x + y,
    "and": lambda c, x, y: x & y,
    "ceil": lambda c, x: np.ceil(x),
    "clamp": lambda c, low, x, high: np.minimum(np.maximum(x, low), high),
    "clz": lambda c, x: c.width - _lengths(_bits(c, x)),
    "convert_element_type": _convert,
    "copy": lambda c, x: x,
    "div": _div,
    "ecjax_declare": _declared,
    "eq": lambda c, x, y: x == y,
    "eq_to": _total_order(lambda x, y: x == y),
    "floor": lambda c, x: np.floor(x),
    "ge": lambda c, x, y: x >= y,
    "gt": lambda c, x, y: x > y,
    "integer_pow": _power,
    "is_finite": lambda c, x: np.isfinite(x),
    "le": lambda c, x, y: x <= y,
    "le_to": _total_order(lambda x, y: x <= y),
    "lt": lambda c, x, y: x < y,
    "lt_to": _total_order(lambda x, y: x < y),
    "max": lambda c, x, y: np.maximum(x, y),
    "min": lambda c, x, y: np.minimum(x, y),
    "mul": lambda c, x, y: x * y,
    "ne": lambda c, x, y: x != y,
    "neg": lambda c, x: -x,
    "not": lambda c, x: 1 - x if c.dtype == np.bool_ else wrapped(~x, c.dtype),
    "or": lambda c, x, y: x | y,
    "population_count": lambda c, x: _counted(_bits(c, x)),
    "reduce_precision": _reduce_precision,
    "rem": _rem,
    "round": _round,
    "select_n": _select,
    "shift_left": _shift_left,
    "shift_right_arithmetic": _shift_right_arithmetic,
    "shift_right_logical": _shift_right_logical,
    "sign": lambda c, x: np.sign(x),
    "square": lambda c, x: x * x,
    "stop_gradient": lambda c, x: x,
    "sub": lambda c, x, y: x - y,
    "xor": lambda c, x, y: x ^ y,
}

# Movement


def _broadcast(call: Call, x: Elements) -> Elements:
    shape = [1] * len(call.results[0].shape)
    for axis, n in zip(call.params["broadcast_dimensions"], x.shape, strict=True):
        shape[axis] = n
    return np.broadcast_to(x.reshape(shape), call.results[0].shape)


def _starts(x: Elements, starts: Sequence[Elements], sizes: Sequence[int]) -> tuple[slice, ...]:
    clamped = [min(max(int(s), 0), n - size) for s, n, size in zip(starts, x.shape, sizes, strict=True)]
    return tuple(slice(s, s + size) for s, size in zip(clamped, sizes, strict=True))


def _dynamic_update_slice(call: Call, x: Elements, update: Elements, *starts: Elements) -> Elements:
    out = x.copy()
    out[_starts(x, starts, update.shape)] = update
    return out


def _pad(call: Call, x: Elements, padding: Elements) -> Elements:
    for axis, (low, high, inner) in enumerate(call.params["padding_config"]):
        n = x.shape[axis]
        spread = n + max(n - 1, 0) * inner
        places = [i * (inner + 1) + low for i in range(n)]
        out = np.full((*x.shape[:axis], max(spread + low + high, 0), *x.shape[axis + 1 :]), padding, x.dtype)
        for i, place in enumerate(places):
            if 0 <= place < out.shape[axis]:
                out[(slice(None),) * axis + (place,)] = x[(slice(None),) * axis + (i,)]
        x = out
    return x


def _slice(call: Call, x: Elements) -> Elements:
    p = call.params
    strides = p["strides"] or (1,) * x.ndim
    return x[tuple(slice(*part) for part in zip(p["start_indices"], p["limit_indices"], strides, strict=True))]


def _split(call: Call, x: Elements) -> list[Elements]:
    return np.split(x, np.cumsum(call.params["sizes"])[:-1], call.params["axis"])


def _unstack(call: Call, x: Elements) -> list[Elements]:
    return list(np.moveaxis(x, call.params["axis"], 0))


MOVEMENT: dict[str, Meaning] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda c, *xs: np.concatenate(xs, c.params["dimension"]),
    "device_put": lambda c, *xs: list(xs),
    "dynamic_slice": lambda c, x, *starts: x[_starts(x, starts, c.params["slice_sizes"])],
    "dynamic_update_slice": _dynamic_update_slice,
    "optimization_barrier": lambda c, *xs: list(xs),
    "pad": _pad,
    "reshape": lambda c, x: x.reshape(c.results[0].shape),
    "reshard": lambda c, x: x,
    "rev": lambda c, x: np.flip(x, c.params["dimensions"]),
    "sharding_constraint": lambda c, x: x,
    "slice": _slice,
    "split": _split,
    "squeeze": lambda c, x: x.reshape(c.results[0].shape),
    "stack": lambda c, *xs: np.stack(xs, c.params["axis"]),
    "tile": lambda c, x: np.tile(x, c.params["reps"]),
    "transpose": lambda c, x: np.transpose(x, c.params["permutation"]),
    "unstack": _unstack,
}

# Reductions


def _axes(call: Call) -> tuple[int, ...]:
    return tuple(call.params["axes"])


def _start(call: Call, low: bool) -> int:
    return limits(call.dtype)[0 if low else 1]


def _reduce_bits(fn: np.ufunc, start: Callable[[Call], int]) -> Meaning:
    return lambda c, x: fn.reduce(x, axis=_axes(c), initial=start(c))


def _all_ones(call: Call) -> int:
    return 1 if call.dtype == np.bool_ else int(wrapped(np.asarray(-1), call.dtype))


def _so_far(fn: np.ufunc) -> Meaning:
    def meaning(call: Call, x: Elements) -> Elements:
        axis = call.params["axis"]
        if call.params["reverse"]:
            return np.flip(fn.accumulate(np.flip(x, axis), axis), axis)
        return fn.accumulate(x, axis)

    return meaning


def _extremum(fn: np.ufunc) -> Meaning:
    def meaning(call: Call, x: Elements) -> Any:
        if not x.size:
            return np.zeros(call.results[0].shape), np.ones(call.results[0].shape, bool)
        return fn.reduce(x, axis=_axes(call))

    return meaning


def _iota(call: Call) -> Elements:
    shape = call.results[0].shape
    return np.broadcast_to(np.indices(shape)[call.params["dimension"]], shape)


def windows(call: Call, x: Elements, each: Callable[[list[Any]], Any]) -> Elements:
    """What `each` makes of the elements of each window that are no padding."""
    p, shape = call.params, call.results[0].shape
    out = np.empty(shape, object)
    for place in np.ndindex(*shape):
        found = []
        for inside in np.ndindex(*p["window_dimensions"]):
            index = []
            for axis, (i, j) in enumerate(zip(place, inside, strict=True)):
                at = i * p["window_strides"][axis] + j * p["window_dilation"][axis] - p["padding"][axis][0]
                base = p["base_dilation"][axis]
                index.append(at // base if at % base == 0 and 0 <= at // base < x.shape[axis] else None)
            if None not in index:
                found.append(x[tuple(index)])
        out[place] = each(found)
    return out


def _window_sum(call: Call, x: Elements) -> Elements:
    return windows(call, x, sum).astype(x.dtype)


def _window_extremum(fn: Callable[[list[Any]], Any]) -> Meaning:
    def meaning(call: Call, x: Elements) -> Any:
        found = windows(call, x, lambda xs: fn(xs) if xs else None)
        empty = np.vectorize(lambda z: z is None, otypes=[bool])(found)
        return np.where(empty, 0, found).astype(x.dtype), empty

    return meaning


def _sort(call: Call, *operands: Elements) -> Any:
    axis, keys = call.params["dimension"], call.params["num_keys"]
    order = np.lexsort([np.moveaxis(x, axis, -1) for x in operands[:keys][::-1]], axis=-1)
    found = [np.moveaxis(np.take_along_axis(np.moveaxis(x, axis, -1), order, -1), -1, axis) for x in operands]
    undefined = np.zeros(operands[0].shape, bool)
    if not call.params["is_stable"] and keys < len(operands):
        near = [np.diff(x, axis=axis) == 0 for x in found[:keys]]
        undefined = np.full(operands[0].shape, bool(np.all(near, axis=0).any()))
    return found, [undefined] * len(found)


def _top_k(call: Call, x: Elements) -> Any:
    axis, k = call.params.get("axis", x.ndim - 1), call.params["k"]
    order = np.argsort(-np.moveaxis(x, axis, -1), axis=-1, kind="stable")[..., :k]
    found = np.take_along_axis(np.moveaxis(x, axis, -1), order, -1)
    zeros = is_float(call.dtype) and np.count_nonzero(x == 0) > 1  # 0 and -0 may be told apart
    parts = [np.moveaxis(found, -1, axis), np.moveaxis(order, -1, axis)]
    return parts, [np.full(part.shape, zeros) for part in parts]


REDUCTIONS: dict[str, Meaning] = {
    "argmax": lambda c, x: np.argmax(x, axis=_axes(c)[0]),
    "argmin": lambda c, x: np.argmin(x, axis=_axes(c)[0]),
    "cummax": _so_far(np.maximum),
    "cummin": _so_far(np.minimum),
    "cumprod": _so_far(np.multiply),
    "cumsum": _so_far(np.add),
    "iota": _iota,
    "psum": lambda c, x: [np.add.reduce(x, axis=_axes(c))],
    "reduce_and": _reduce_bits(np.bitwise_and, _all_ones),
    "reduce_max": _extremum(np.maximum),
    "reduce_min": _extremum(np.minimum),
    "reduce_or": _reduce_bits(np.bitwise_or, lambda c: 0),
    "reduce_prod": lambda c, x: np.multiply.reduce(x, axis=_axes(c)),
    "reduce_sum": lambda c, x: np.add.reduce(x, axis=_axes(c)),
    "reduce_window_max": _window_extremum(max),
    "reduce_window_min": _window_extremum(min),
    "reduce_window_sum": _window_sum,
    "reduce_xor": _reduce_bits(np.bitwise_xor, lambda c: 0),
    "sort": _sort,
    "top_k": _top_k,
}

# Products


def _dot_general(call: Call, x: Elements, y: Elements) -> Elements:
    (mine, theirs), (first, second) = call.params["dimension_numbers"]
    free = [i for i in range(x.ndim) if i not in (*mine, *first)]
    other = [i for i in range(y.ndim) if i not in (*theirs, *second)]
    x = np.transpose(x, (*first, *free, *mine))
    y = np.transpose(y, (*second, *other, *theirs))
    batch = x.shape[: len(first)]
    out = np.zeros(call.results[0].shape, x.dtype)
    for b in np.ndindex(*batch):
        rows = x[b].reshape(-1, int(np.prod([call.operands[0].shape[i] for i in mine], dtype=int)))
        columns = y[b].reshape(-1, rows.shape[1])
        out[b] = (rows[:, None, :] * columns[None, :, :]).sum(-1).reshape(out[b].shape)
    return out


def convolution_terms(call: Call, x: Elements, y: Elements) -> dict[tuple[int, ...], list[Any]]:
    """The products whose sum is each element of a convolution; padding has none."""
    p, numbers = call.params, call.params["dimension_numbers"]
    x, y = np.transpose(x, numbers.lhs_spec), np.transpose(y, numbers.rhs_spec)
    shape = [call.results[0].shape[i] for i in numbers.out_spec]
    features, batches = p["feature_group_count"], p["batch_group_count"]
    found: dict[tuple[int, ...], list[Any]] = {}
    for place in np.ndindex(*shape):
        n, o, *spatial = place
        group = o // (shape[1] // (features * batches))
        terms = []
        for c in range(y.shape[1]):
            channel = c + (group * y.shape[1] if features > 1 else 0)
            row = n + (group * (x.shape[0] // batches) if batches > 1 else 0)
            for inside in np.ndindex(*y.shape[2:]):
                index = []
                for axis, (i, j) in enumerate(zip(spatial, inside, strict=True)):
                    at = i * p["window_strides"][axis] + j * p["rhs_dilation"][axis] - p["padding"][axis][0]
                    base = p["lhs_dilation"][axis]
                    index.append(at // base if at % base == 0 and 0 <= at // base < x.shape[2 + axis] else None)
                if None not in index:
                    terms.append(x[(row, channel, *index)] * y[(o, c, *inside)])
        found[tuple(place[numbers.out_spec.index(i)] for i in range(len(shape)))] = terms
    return found


def _convolution(call: Call, x: Elements, y: Elements) -> Elements:
    out = np.zeros(call.results[0].shape, x.dtype)
    for place, terms in convolution_terms(call, x, y).items():
        out[place] = sum(terms)
    return out


PRODUCTS: dict[str, Meaning] = {"conv_general_dilated": _convolution, "dot_general": _dot_general}

# Gathers and scatters


def _broken_promise(call: Call, starts: list[list[int]]) -> bool:
    """Whether places are not sorted as is promised: as indices of the operand, whatever the order of components."""
    return call.params["indices_are_sorted"] and any(a > b for a, b in itertools.pairwise(starts))


def _placed(start: list[int], room: list[int], mode: Any) -> tuple[list[int] | None, bool]:
    """Where a window is, or None if it is nowhere; and whether that is undefined."""
    if all(0 <= s <= n for s, n in zip(start, room, strict=True)):
        return start, False
    if mode == GatherScatterMode.CLIP:
        return [min(max(s, 0), n) for s, n in zip(start, room, strict=True)], False
    return None, mode == GatherScatterMode.PROMISE_IN_BOUNDS


def _fill(call: Call) -> Any:
    value, dtype = call.params["fill_value"], call.dtype
    if value is not None:
        return np.asarray(value).astype(dtype).astype(np.float64 if is_float(dtype) else np.int64)
    if is_float(dtype):
        return np.nan
    return 1 if dtype == np.bool_ else limits(dtype)[0 if dtype.kind == "i" else 1]


def _gather(call: Call, x: Elements, indices: Elements) -> Any:
    p, d = call.params, call.params["dimension_numbers"]
    sizes, shape = p["slice_sizes"], call.results[0].shape
    undefined = np.zeros(shape, bool)
    out = np.zeros(shape, x.dtype)
    dropped = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    batch_axes = [i for i in range(len(shape)) if i not in d.offset_dims]
    seen: list[Any] = []
    for b in np.ndindex(*indices.shape[:-1]):
        start = [0] * x.ndim
        for j, axis in enumerate(d.start_index_map):
            start[axis] = int(indices[b][j])
        for axis, at in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
            start[axis] = b[at]
        placed, unknown = _placed(start, [n - s for n, s in zip(x.shape, sizes, strict=True)], p["mode"])
        target: list[Any] = [slice(None)] * len(shape)
        for axis, i in zip(batch_axes, b, strict=True):
            target[axis] = i
        if placed is None:
            out[tuple(target)] = 0 if unknown else _fill(call)
            undefined[tuple(target)] |= unknown
        else:
            window = x[tuple(slice(s, s + n) for s, n in zip(placed, sizes, strict=True))]
            kept = [n for axis, n in enumerate(sizes) if axis not in dropped]
            out[tuple(target)] = window.reshape(kept)
        undefined |= p["unique_indices"] and start in seen
        seen.append(start)
    return out, undefined | _broken_promise(call, seen)


def _scatter(call: Call, x: Elements, indices: Elements, updates: Elements, name: str) -> Any:
    p, d = call.params, call.params["dimension_numbers"]
    absent = {*d.inserted_window_dims, *d.operand_batching_dims}
    present = [axis for axis in range(x.ndim) if axis not in absent]
    sizes = [1] * x.ndim
    for axis, at in zip(present, d.update_window_dims, strict=True):
        sizes[axis] = updates.shape[at]
    batch_axes = [i for i in range(updates.ndim) if i not in d.update_window_dims]
    out, undefined = x.copy(), np.zeros(x.shape, bool)
    starts: list[list[int]] = []
    touched = np.zeros(x.shape, bool)
    for b in np.ndindex(*indices.shape[:-1]):
        start = [0] * x.ndim
        for j, axis in enumerate(d.scatter_dims_to_operand_dims):
            start[axis] = int(indices[b][j])
        for axis, at in zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True):
            start[axis] = b[at]
        placed, unknown = _placed(start, [n - s for n, s in zip(x.shape, sizes, strict=True)], p["mode"])
        starts.append(placed if placed is not None else start)
        undefined |= unknown
        if placed is None:
            continue
        source: list[Any] = [slice(None)] * updates.ndim
        for axis, i in zip(batch_axes, b, strict=True):
            source[axis] = i
        window = updates[tuple(source)].reshape(sizes)
        target = tuple(slice(s, s + n) for s, n in zip(placed, sizes, strict=True))
        if p["unique_indices"]:
            undefined |= bool(touched[target].any())
        if name == "scatter":
            undefined[target] |= touched[target] & (out[target] != window)
            out[target] = window
        else:
            change = {
                "scatter-add": lambda x, y: x + y,
                "scatter-sub": lambda x, y: x - y,
                "scatter-max": np.maximum,
                "scatter-mul": lambda x, y: x * y,
                "scatter-min": np.minimum,
            }[name]
            out[target] = change(out[target], window)
        touched[target] = True
    return out, undefined | _broken_promise(call, starts)


def _scattering(name: str) -> Meaning:
    return lambda c, x, indices, updates: _scatter(c, x, indices, updates, name)


SCATTERS = ("scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub")
INDEXING: dict[str, Meaning] = {
    "gather": _gather,
    **{name: _scattering(name) for name in SCATTERS},
}

MEANINGS: dict[str, Meaning] = {
    **ELEMENTWISE,
    "bitcast_convert_type": _bitcast,
    **MOVEMENT,
    **REDUCTIONS,
    **PRODUCTS,
    **INDEXING,
}
"""The meaning of each primitive that has a rule."""


def apply(name: str, call: Call, arrays: Sequence[Elements]) -> tuple[list[Elements], list[Elements]]:
    """The elements of all results of a primitive, and which of them are undefined."""
    found = MEANINGS[name](call, *arrays)
    values, undefined = found if isinstance(found, tuple) else (found, None)
    if not isinstance(values, list):
        values, undefined = [values], None if undefined is None else [undefined]
    values = [np.asarray(x).astype(np.float64 if is_float(k.dtype) else np.int64)
              for x, k in zip(values, call.results, strict=True)]  # fmt: skip
    undefined = undefined or [np.zeros(x.shape, bool) for x in values]
    return values, [np.broadcast_to(u, x.shape) for u, x in zip(undefined, values, strict=True)]
