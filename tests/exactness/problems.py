"""For each rule the problems that it is tried with: all intervals of few-bit integers, and as few steps of floats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax
from jax.lax import GatherScatterMode, RoundingMethod

from ecjax.exactness.domain import Interval, Kind
from tests.exactness.brute import Problem, arrays_of, equation, grid_of_samples, intervals

INT8, UINT8, INT16, BOOL = (np.dtype(x) for x in ("int8", "uint8", "int16", "bool"))
BF16, F16, F32 = np.dtype(ml_dtypes.bfloat16), np.dtype("float16"), np.dtype("float32")
DTYPES = (INT8, UINT8)
SMALL = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "bool")

Problems = Iterator[Problem]


def small(dtype: np.dtype, bits: int) -> list[int]:
    """The integers of so many bits, in a wider dtype."""
    if dtype == BOOL:
        return [0, 1]
    return list(range(-(1 << bits >> 1), 1 << bits >> 1)) if dtype.kind == "i" else list(range(1 << bits))


def ends(dtype: np.dtype, bits: int) -> list[int]:
    """As many integers from both ends and the middle of a dtype's range."""
    info = np.iinfo(dtype)
    low, high, quarter = int(info.min), int(info.max), 1 << bits >> 2
    middle = 0 if low else high // 2 + 1
    return sorted(
        {*range(low, low + quarter), *range(middle - quarter, middle + quarter), *range(high + 1 - quarter, high + 1)}
    )


def domains(dtype: np.dtype, bits: int) -> Iterator[tuple[list[int], bool]]:
    yield small(dtype, bits), True
    if dtype != BOOL:
        yield ends(dtype, bits), False


def scalars(*dtypes: np.dtype) -> tuple[Kind, ...]:
    return tuple(Kind((), dtype) for dtype in dtypes)


def of_numbers(
    name: str, operands: Sequence[Kind], result: np.dtype, numbers: Sequence[Sequence[int]], **more: Any
) -> Problem:
    """An elementwise problem of numbers, with all intervals of them."""
    samples = grid_of_samples([np.array(x, np.int64) for x in numbers])
    params = more.pop("params", {})
    return Problem(
        name, params, tuple(operands), scalars(result), samples, tuple(map(intervals, numbers)), **more
    )  # fmt: skip


def elementwise(
    name: str, count: int, result: np.dtype | None = None, dtypes: Sequence[np.dtype] = DTYPES, same: bool = False
) -> Callable[[int], Problems]:
    """An elementwise primitive of integers, all of one dtype."""

    def make(bits: int) -> Problems:
        for dtype in dtypes:
            for numbers, contiguous in domains(dtype, bits):
                kinds = scalars(*[dtype] * count)
                yield of_numbers(name, kinds, result or dtype, [numbers] * count, contiguous=contiguous)
                if same:
                    x = np.array(numbers, np.int64)
                    every = (intervals(numbers),) * count
                    yield Problem(
                        name, {}, kinds, scalars(result or dtype), (x,) * count, every, same=True, about="with itself"
                    )  # fmt: skip

    return make


def steps_of(dtype: np.dtype, bits: int) -> list[list[int]]:
    """Numbers of steps of floats: a few around 0, and a few around the limit."""
    limit, few = 256 if dtype == BF16 else 2048, 3 if bits == 3 else 8
    at_ends = {*range(-limit, -limit + few // 2), -1, 0, 1, *range(limit - few // 2, limit + 1)}
    return [list(range(-few, few)), sorted(at_ends)]


def of_floats(
    name: str,
    grids: Iterable[tuple[int, ...]],
    result: np.dtype | None = None,
    params: dict[str, Any] | None = None,
    same: bool = False,
) -> Callable[[int], Problems]:
    """An elementwise primitive of floats on given grids, one for each operand."""

    def make(bits: int) -> Problems:
        for dtype, places in itertools.product((BF16, F16), grids):
            if bits == 3 and dtype == F16 and any(places) and not {-14, -7, -8, 5} & {*places}:
                continue
            for steps in steps_of(dtype, bits):
                samples = [np.array([n * 2.0**g for n in steps]) for g in places]
                every = tuple(intervals(steps, g) for g in places)
                arrays = (samples[0],) * len(places) if same else grid_of_samples(samples)
                kinds = scalars(*[dtype] * len(places))
                about = f"on grids {places}"
                yield Problem(name, params or {}, kinds, scalars(result or dtype), arrays, every, same, about=about)

    return make


def both(*makers: Callable[[int], Problems]) -> Callable[[int], Problems]:
    return lambda bits: itertools.chain.from_iterable(make(bits) for make in makers)


ONE = [(0,), (-2,), (2,), (-126,), (-14,), (5,)]
TWO = [(0, 0), (-2, 0), (1, 0), (0, 2)]
FACTORS = [*TWO, (-63, -63), (-64, -63), (-7, -7), (-8, -7), (50, 44), (5, 0)]


def _ternary(bits: int) -> Problems:
    """Clamp, whose three operands make many combinations: with a bit less."""
    for dtype in DTYPES:
        for numbers, contiguous in domains(dtype, bits - 1):
            yield of_numbers("clamp", scalars(dtype, dtype, dtype), dtype, [numbers] * 3, contiguous=contiguous)
    for places in ((0, 0, 0), (-1, 1, 0)):
        steps = [-2, 0, 1, 3]
        samples = grid_of_samples([np.array([n * 2.0**g for n in steps]) for g in places])
        kinds = scalars(BF16, BF16, BF16)
        yield Problem("clamp", {}, kinds, kinds[:1], samples, tuple(intervals(steps, g) for g in places))


def _select(bits: int) -> Problems:
    for which, cases in ((BOOL, 2), (np.dtype("int32"), 2), (np.dtype("int32"), 3)):
        numbers = [0, 1] if which == BOOL else [-1, 0, 1, 2, 3]
        operands = scalars(which, *[INT8] * cases)
        yield of_numbers("select_n", operands, INT8, [numbers, *[[-2, 0, 1, 5][: bits + 1]] * cases])


def _shift(name: str) -> Callable[[int], Problems]:
    def make(bits: int) -> Problems:
        for dtype in DTYPES:
            counts = [*([-1] if dtype == INT8 else []), 0, 1, 2, 6, 7, 8, *([3, 4, 5, 9] if bits > 3 else [])]
            for numbers, _ in domains(dtype, bits):
                yield of_numbers(name, scalars(dtype, dtype), dtype, [numbers, counts])
            yield of_numbers(name, scalars(dtype, dtype), dtype, [small(dtype, bits), range(8)], contiguous=True)

    return make


def _converted(bits: int) -> Problems:
    name = "convert_element_type"
    for before, after in itertools.product(SMALL, SMALL):
        mine = np.dtype(before)
        for numbers, contiguous in domains(mine, bits):
            params = {"new_dtype": np.dtype(after), "weak_type": False, "sharding": None}
            yield of_numbers(name, scalars(mine), np.dtype(after), [numbers], params=params, contiguous=contiguous)
    for before, after in itertools.product(SMALL, (BF16, F16, F32)):
        if before in ("uint32", "int32"):
            continue
        numbers = [0, 1] if before == "bool" else ends(np.dtype(before), bits)
        near = [n for n in (255, 256, 257, 2047, 2048, 2049) if before != "bool" and n <= np.iinfo(before).max]
        params = {"new_dtype": after, "weak_type": False, "sharding": None}
        yield of_numbers(name, scalars(np.dtype(before)), after, [sorted({*numbers, *near})], params=params)
    for grid, after in itertools.product((-3, -1, 0, 1, 2), (*SMALL, "bfloat16", "float16")):
        target = BF16 if after == "bfloat16" else np.dtype(after)
        params = {"new_dtype": target, "weak_type": False, "sharding": None}
        yield from of_floats(name, [(grid,)], target, params)(bits)


def _powers(bits: int) -> Problems:
    for y in (-1, 0, 1, 2, 3, 4, 7):
        for dtype in DTYPES:
            for numbers, contiguous in domains(dtype, bits):
                more = {"params": {"y": y}, "contiguous": contiguous, "about": f"{y}"}
                yield of_numbers("integer_pow", scalars(dtype), dtype, [numbers], **more)
        yield from of_floats("integer_pow", [(0,), (-1,), (-42,), (-5,), (5,)], params={"y": y})(bits)


def _declared(bits: int) -> Problems:
    for dtype in DTYPES:
        for low, high in itertools.combinations_with_replacement((-2, 0, 1, 3), 2):
            params = {"low": low, "high": high}
            yield of_numbers("ecjax_declare", scalars(dtype), dtype, [small(dtype, bits)], params=params)


def _precision(bits: int) -> Problems:
    for exponent, mantissa in ((8, 7), (8, 3), (5, 7), (8, 0)):
        params = {"exponent_bits": exponent, "mantissa_bits": mantissa}
        yield from of_floats("reduce_precision", ONE, params=params)(bits)


def _rounded(bits: int) -> Problems:
    for method in (RoundingMethod.AWAY_FROM_ZERO, RoundingMethod.TO_NEAREST_EVEN):
        yield from of_floats("round", [*ONE, (-1,), (-3,)], params={"rounding_method": method})(bits)


def _bitcast(bits: int) -> Problems:
    numbers = {
        1: [-128, -127, -1, 0, 1, 5, 127],
        2: [-32768, -32767, -256, -1, 0, 1, 127, 128, 255, 256, 257, 511, 32767],
        4: [-(1 << 31), -65536, -1, 0, 1, 255, 256, 65535, 65536, 16777216, (1 << 31) - 1],
    }
    dtypes = [np.dtype(x) for x in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "bool")]
    for before, after in itertools.product(dtypes, (*dtypes, F16)):
        wide, narrow = max(before.itemsize, after.itemsize), min(before.itemsize, after.itemsize)
        shape: tuple[int, ...] = (wide // narrow,) if before.itemsize < after.itemsize else ()
        kind = Kind(shape, before)
        if max(shape, default=0) > 2 and bits < 4:
            pool = [0, 1, -1, 127, -128]
        else:
            pool = numbers[before.itemsize]
        if before.kind == "u":
            pool = [n % (1 << (8 * before.itemsize)) for n in pool]
        if before == BOOL or after == BOOL:
            if before.itemsize != after.itemsize:
                continue
            pool = [0, 1] if before == BOOL else pool
        out = Kind((wide // narrow,) if before.itemsize > after.itemsize else (), after)
        params = {"new_dtype": after}
        samples = arrays_of(pool, shape)
        yield Problem("bitcast_convert_type", params, (kind,), (out,), (samples,), (intervals(pool),))


# Movement: elements of a few numbers, all intervals


def moved(
    name: str, fn: Callable[..., Any], *shapes: tuple[int, ...], dtypes: Sequence[np.dtype] = (), about: str = ""
) -> Callable[[int], Problems]:
    """A primitive that moves elements: arrays of all of a few numbers."""

    def make(bits: int) -> Problems:
        kinds = tuple(Kind(s, d) for s, d in zip(shapes, dtypes or [INT8] * len(shapes), strict=True))
        params, results = equation(name, fn, *kinds)
        if sum(int(np.prod(s)) for s in shapes) > 4:
            numbers = [0, 3]
        else:
            numbers = [-2, 0, 1, 3] if bits > 3 else [-2, 0, 3]
        parts = [arrays_of(numbers, s).astype(np.int64) for s in shapes]
        if sum(int(np.prod(s)) for s in shapes) > 10:
            rng = np.random.default_rng(0)
            parts = [rng.choice(numbers, (60, *s)) for s in shapes]
            samples = tuple(parts)
        else:
            samples = grid_of_samples(parts)
        yield Problem(name, params, kinds, results, samples, (intervals(numbers),) * len(shapes), about=about)

    return make


def _direct(name: str, count: int = 1, params: dict[str, Any] | None = None) -> Callable[[int], Problems]:
    """A primitive that leaves its operands as they are."""

    def make(bits: int) -> Problems:
        kinds = tuple(Kind((), INT8) for _ in range(count))
        numbers = small(INT8, bits)
        samples = grid_of_samples([np.array(numbers, np.int64)] * count)
        yield Problem(name, params or {}, kinds, kinds, samples, (intervals(numbers),) * count, contiguous=True)

    return make


def _padded(bits: int) -> Problems:
    ranges = range(-1, 3)
    for low, high, inner in itertools.product(ranges, ranges, range(3)):
        for n in (1, 2, 3) if bits > 3 else (1, 2):
            if n + max(n - 1, 0) * inner + low + high <= 0:
                continue
            fn = lambda x, p, config=(low, high, inner): lax.pad(x, p, [config])
            yield from moved("pad", fn, (n,), (), about=f"{low} {high} {inner}")(bits)
    yield from moved("pad", lambda x, p: lax.pad(x, p, [(1, 0, 0), (0, 0, 0)]), (1, 2), ())(bits)


def _dynamic(name: str) -> Callable[[int], Problems]:
    def make(bits: int) -> Problems:
        places, numbers = range(-2, 5), [-2, 0, 3]
        for size in (1, 2, 3):
            x, s = Kind((3,), INT8), Kind((), np.dtype("int32"))
            start = np.arange(-2, 5)
            every: tuple[Any, ...]
            if name == "dynamic_slice":
                kinds: tuple[Kind, ...] = (x, s)
                params, results = equation(name, lambda x, i, size=size: _slice_of(x, i, size), *kinds)
                samples = grid_of_samples([arrays_of(numbers, (3,)), start])
                every = (intervals(numbers), intervals(places))
            else:
                kinds = (x, Kind((size,), INT8), s)
                params, results = equation(name, lambda x, u, i: _updated(x, u, i), *kinds)
                samples = grid_of_samples([arrays_of(numbers, (3,)), arrays_of([-1, 5], (size,)), start])
                every = (intervals(numbers), intervals([-1, 5]), intervals(places))
            yield Problem(name, params, kinds, results, samples, every)

    return make


def _slice_of(x: Any, i: Any, size: int) -> Any:
    return lax.dynamic_slice_p.bind(x, i, slice_sizes=(size,))


def _updated(x: Any, u: Any, i: Any) -> Any:
    return lax.dynamic_update_slice_p.bind(x, u, i)


# Reductions


def arrays(
    name: str,
    fn: Callable[..., Any],
    shapes: Sequence[tuple[int, ...]] = ((1,), (2,), (3,)),
    dtypes: Sequence[np.dtype] = DTYPES,
    floats: Sequence[int] = (),
) -> Callable[[int], Problems]:
    """A primitive of one array: all arrays of few-bit integers; and of floats on some grids."""

    def make(bits: int) -> Problems:
        for dtype, shape in itertools.product(dtypes, shapes):
            kind = Kind(shape, dtype)
            params, results = equation(name, fn, kind)
            for numbers, contiguous in domains(dtype, bits):
                if int(np.prod(shape)) > 3:
                    numbers = numbers[:: max(len(numbers) // 4, 1)]
                if bits > 3 and int(np.prod(shape)) == 3:
                    numbers = numbers[::2]
                contiguous = contiguous and int(np.prod(shape)) < 3
                samples = arrays_of(numbers, shape).astype(np.int64)
                yield Problem(name, params, (kind,), results, (samples,), (intervals(numbers),), contiguous=contiguous)
        for dtype, grid, shape in itertools.product((BF16, F16), floats, [s for s in shapes if np.prod(s) <= 3]):
            kind = Kind(shape, dtype)
            params, results = equation(name, fn, kind)
            for steps in steps_of(dtype, bits):
                steps = steps if np.prod(shape) < 3 else [steps[0], *steps[3:6], steps[-1]]
                samples = arrays_of([n * 2.0**grid for n in steps], shape)
                yield Problem(name, params, (kind,), results, (samples,), (intervals(steps, grid),), about=f"2**{grid}")

    return make


def _reduced(name: str, dtypes: Sequence[np.dtype] = DTYPES, floats: Sequence[int] = (), empty: bool = True) -> Any:
    fn = getattr(lax, name)
    whole = lambda x: fn(x, tuple(range(x.ndim)))
    first = lambda x: fn(x, (0,))
    shapes = ((1,), (2,), (3,), *([(0,)] if empty else []))
    return both(arrays(name, whole, shapes, dtypes, floats), arrays(name, first, ((2, 2), (1, 2)), dtypes))


def _psum(bits: int) -> Problems:
    over = lambda x: jax.vmap(lambda y: lax.psum(y, "i"), axis_name="i")(x)
    yield from arrays("psum", lambda x: over(x), ((1,), (2,), (3,)), floats=(0,))(bits)


def _so_far(name: str, floats: Sequence[int] = ()) -> Any:
    fn = getattr(lax, name)
    shapes = ((1,), (2,), (3,), (0,))
    return both(
        *(arrays(name, lambda x, r=r: fn(x, reverse=r), shapes, floats=floats) for r in (False, True)),
        arrays(name, lambda x: fn(x, axis=1), ((2, 2),)),
    )


def _index(name: str) -> Any:
    fn = getattr(lax, name)

    def long(bits: int) -> Problems:
        kind = Kind((200,), INT8)
        for dtype in (INT8, UINT8, INT16):
            params, results = equation(name, lambda x, dtype=dtype: fn(x, 0, dtype), kind)
            samples = np.zeros((200, 200), np.int64) + np.eye(200, dtype=np.int64) * (1 if name == "argmax" else -1)
            yield Problem(name, params, (kind,), results, (samples,), ([Interval(-1, 1)],), about="a long one")

    return both(
        arrays(name, lambda x: fn(x, 0, jnp.int8)), arrays(name, lambda x: fn(x, 1, jnp.int32), ((2, 2),)), long
    )


def _iota(bits: int) -> Problems:
    for dtype, shape, axis in itertools.product(
        (INT8, UINT8, INT16, BF16, F16), ((3,), (2, 3), (127,), (128,), (129,), (256,), (257,), (258,), (0,)), (0, 1)
    ):
        if axis < len(shape):
            params = {"dtype": dtype, "shape": shape, "dimension": axis, "sharding": None}
            yield Problem("iota", params, (), (Kind(shape, dtype),), (), (), about=f"{shape} {axis}")


def _windows(name: str) -> Callable[[int], Problems]:
    primitive = getattr(lax, f"{name}_p", None)

    def make(bits: int) -> Problems:
        pads = (0, 1) if bits == 3 else (-1, 0, 1, 2)
        for n, size, stride, low, high, base, dilation in itertools.product(
            (1, 2, 3), (1, 2, 3), (1, 2), pads, pads, (1, 2), (1, 2)
        ):
            p = {
                "window_dimensions": (size,), "window_strides": (stride,), "padding": ((low, high),),
                "base_dilation": (base,), "window_dilation": (dilation,),
            }  # fmt: skip
            spread = max(n - 1, 0) * base + 1 + low + high - (size - 1) * dilation - 1
            if spread < 0:
                continue
            count = spread // stride + 1
            kinds = Kind((n,), INT8), Kind((count,), INT8)
            numbers = [-2, 0, 1] if n > 2 else [-128, -2, 0, 1, 127]
            samples = arrays_of(numbers, (n,)).astype(np.int64)
            yield Problem(name, p, kinds[:1], kinds[1:], (samples,), (intervals(numbers),), about=str(p))
            if name == "reduce_window_sum" and stride == 1 and base == 1:
                steps = [-129, -128, 0, 1, 127, 128] if n < 3 else [-86, -1, 85, 128]
                samples = arrays_of(steps, (n,)).astype(np.float64)
                kinds = Kind((n,), BF16), Kind((count,), BF16)
                yield Problem(name, p, kinds[:1], kinds[1:], (samples,), (intervals(steps),), about=str(p))
        for padding in (((0, 0), (0, 0)), ((1, 0), (0, 1)), ((2, 0), (0, 0))):
            p = {
                "window_dimensions": (2, 1), "window_strides": (1, 1), "padding": padding,
                "base_dilation": (1, 1), "window_dilation": (1, 1),
            }  # fmt: skip
            kind = Kind((2, 2), INT8)
            shape = tuple(2 + a + b - (w - 1) for (a, b), w in zip(padding, (2, 1), strict=True))
            samples = arrays_of([-100, 0, 64], (2, 2)).astype(np.int64)
            yield Problem(name, p, (kind,), (Kind(shape, INT8),), (samples,), (intervals([-100, 0, 64]),))

    assert primitive is not None or name.startswith("reduce_window")
    return make


def _sorted(bits: int) -> Problems:
    for stable, keys in itertools.product((True, False), (1, 2)):
        for count in (1, 2):
            if keys > count:
                continue
            kinds = tuple(Kind((3,), INT8) for _ in range(count))
            fn = lambda *xs, s=stable, k=keys: lax.sort(xs, dimension=0, is_stable=s, num_keys=k)
            params, results = equation("sort", fn, *kinds)
            numbers = [-2, 0, 1, 3] if count == 1 else [0, 1]
            samples = grid_of_samples([arrays_of(numbers, (3,)) for _ in range(count)])
            yield Problem("sort", params, kinds, results, samples, (intervals(numbers),) * count)


def _top_k(bits: int) -> Problems:
    for k in (1, 2, 3):
        yield from arrays("top_k", lambda x, k=k: lax.top_k(x, k), ((3,),), floats=(0, -1))(bits)


# Products


def _dots(bits: int) -> Problems:
    def problem(first: Kind, second: Kind, numbers: Any, dims: Any, out: Any, known: Any = (), **more: Any) -> Problem:
        fn = lambda x, y: lax.dot_general(x, y, dims, preferred_element_type=out, precision=more.get("precision"))
        params, results = equation("dot_general", fn, first, second)
        samples = grid_of_samples([arrays_of(numbers[0], first.shape), arrays_of(numbers[1], second.shape)])
        if not more.get("grids"):
            samples = tuple(x.astype(np.int64) for x in samples)
        every = tuple(intervals(steps, g) for steps, g in zip(numbers, more.get("grids", (0, 0)), strict=True))
        if more.get("grids"):
            samples = tuple(x * 2.0**g for x, g in zip(samples, more["grids"], strict=True))
        about = f"{dims} in {out}"
        return Problem("dot_general", params, (first, second), results, samples, every, known=known, about=about)

    inner = (((0,), (0,)), ((), ()))
    for dtype in DTYPES:
        for numbers in (small(dtype, bits), ends(dtype, bits)):
            few = numbers if bits == 3 else numbers[::2]
            for n, out in itertools.product((1, 2), (np.dtype(dtype), INT16, np.dtype("int32"))):
                if bits == 3 and out != dtype and (n == 2 or out != INT16):
                    continue
                pool = few if n == 1 else few[::2]
                kinds = Kind((n,), dtype), Kind((n,), dtype)
                yield problem(*kinds, (pool, pool), inner, out)
        matrix = Kind((2, 2), dtype), Kind((2, 2), dtype)
        pool = [-9, 1] if dtype == INT8 else [1, 12]
        yield problem(*matrix, (pool, pool), (((1,), (0,)), ((), ())), dtype)
        yield problem(*matrix, (pool, pool), (((1,), (1,)), ((0,), (0,))), dtype)
        weights = [-3, 0, 2] if dtype == INT8 else [0, 1, 3]
        for known in ((1,), (0,)):
            first, second = Kind((2,), dtype), Kind((2,), dtype)
            pools = (small(dtype, bits), weights) if known == (1,) else (weights, small(dtype, bits))
            yield problem(first, second, pools, inner, np.dtype("int32"), known)
            yield problem(first, second, pools, inner, dtype, known)
    pool = [-2, 1, 3]
    yield problem(
        Kind((2,), INT8), Kind((2, 2), INT8), (pool, [-1, 0, 2]), (((0,), (0,)), ((), ())), INT16, (1,)
    )  # fmt: skip
    for out, grids in itertools.product((BF16, F32), ((0, 0), (-2, 1), (-64, -63), (-64, -62))):
        steps = [-128, -64, -1, 0, 1, 2, 127] if out == BF16 else [-256, -255, 0, 1, 256]
        for n in (1, 2):
            pool = steps if n == 1 else steps[::2]
            kinds = Kind((n,), BF16), Kind((n,), BF16)
            yield problem(*kinds, (pool, pool), inner, out, grids=grids)
    steps = [-4096, -4095, -1, 0, 1, 2897, 4096, 4097]
    for precision in ("highest", None, "default", ("highest", "default")):
        kinds = Kind((1,), F32), Kind((1,), F32)
        given = {"grids": (0, 0), "precision": precision}
        yield problem(*kinds, (steps, steps), inner, F32, **given)


def _convolutions(bits: int) -> Problems:
    def problem(n: int, k: int, numbers: Any, dtype: np.dtype = INT8, channels: int = 1, **params: Any) -> Problem:
        groups, batches = params.get("feature_group_count", 1), params.get("batch_group_count", 1)
        kinds = Kind((batches, channels, n), dtype), Kind((groups * batches, channels // groups, k), dtype)
        out = {"preferred_element_type": dtype, "dimension_numbers": ("NCH", "OIH", "NCH")}
        fn = lambda x, y: lax.conv_general_dilated(x, y, **out, **params)
        given, results = equation("conv_general_dilated", fn, *kinds)
        samples = grid_of_samples([arrays_of(pool, kind.shape) for pool, kind in zip(numbers, kinds, strict=True)])
        samples = tuple(x.astype(np.int64) for x in samples)
        every = tuple(map(intervals, numbers))
        return Problem("conv_general_dilated", given, kinds, results, samples, every, about=str(params))

    pads = (0, 1) if bits == 3 else (-1, 0, 1)
    for n, k, stride, low, high, base, dilation in itertools.product(
        (1, 2), (1, 2), (1, 2), pads, pads, (1, 2), (1, 2)
    ):
        if (n - 1) * base + 1 + low + high < (k - 1) * dilation + 1:
            continue
        params = {
            "window_strides": (stride,), "padding": [(low, high)], "lhs_dilation": (base,), "rhs_dilation": (dilation,)
        }  # fmt: skip
        yield problem(n, k, ([-9, 1, 8], [1, 7, 16]), **params)
        if dilation == base == 1:
            yield problem(n, k, ([1, 3, 127], [-1, 2]), **params)
    plain = {"window_strides": (1,), "padding": [(1, 0)]}
    yield problem(1, 2, ([1, 9], [-8, 8]), channels=2, feature_group_count=2, **plain)
    yield problem(1, 2, ([1, 9], [-8, 8]), channels=2, **plain)
    yield problem(1, 2, ([1, 9], [-8, 8]), batch_group_count=2, **plain)


# Gathers and scatters

MODES = (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP, GatherScatterMode.PROMISE_IN_BOUNDS)
_SWAPPED = lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0, 1), start_index_map=(1, 0))
_POINT = lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))


def _gathers(bits: int) -> Problems:
    places = list(range(-2, 5))

    def problem(
        x: Kind, i: Kind, numbers: Any, options: Any, dims: Any = _POINT, sizes: Any = (1,), known: Any = ()
    ) -> Problem:
        fn = lambda x, i: lax.gather(x, i, dims, sizes, **options)
        params, results = equation("gather", fn, x, i)
        pool = arrays_of(numbers, x.shape)
        if len(pool) > 9:
            pool = pool[:: len(pool) // 9]
        near = places if np.prod(i.shape) < 3 else [0, 1, 2]
        samples = grid_of_samples([pool.astype(np.int64), arrays_of(near, i.shape)])
        every = (intervals(numbers), intervals(near))
        return Problem("gather", params, (x, i), results, samples, every, known=known, about=str(options))

    fills: dict[np.dtype, tuple[Any, ...]] = {
        INT8: (None, 0, 5, -1, 300), UINT8: (None, 0, 5, -1, 255, 300), BOOL: (None, True, False, 2)
    }  # fmt: skip
    for dtype, mode in itertools.product((INT8, UINT8, BOOL), MODES):
        numbers = [0, 1] if dtype == BOOL else [0, 2, 7]
        for fill in fills[dtype]:
            i = Kind((1, 1), INT8)
            yield problem(Kind((3,), dtype), i, numbers, {"mode": mode, "fill_value": fill})
    for mode, unique, in_order in itertools.product(MODES, (False, True), (False, True)):
        options = {"mode": mode, "unique_indices": unique, "indices_are_sorted": in_order}
        x, i = Kind((3,), INT8), Kind((2, 1), INT8)
        yield problem(x, i, [0, 7], options)
        yield problem(x, i, [0, 7], options, known=(1,))
    rows = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(), start_index_map=(0,))
    for mode in MODES:
        yield problem(Kind((3,), INT8), Kind((1, 1), INT8), [1, 7], {"mode": mode}, rows, (2,))
        yield problem(Kind((2, 3), INT8), Kind((1, 2), INT8), [1, 7], {"mode": mode}, _SWAPPED, (1, 1))
    batched = lax.GatherDimensionNumbers(
        offset_dims=(), collapsed_slice_dims=(1,), start_index_map=(1,), operand_batching_dims=(0,),
        start_indices_batching_dims=(0,),
    )  # fmt: skip
    for mode, in_order in itertools.product(MODES, (False, True)):
        options = {"mode": mode, "indices_are_sorted": in_order}
        yield problem(Kind((2, 2), INT8), Kind((2, 1), INT8), [1, 7], options, batched, (1, 1))


_WRITTEN = lax.ScatterDimensionNumbers(
    update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
)


SCATTERING: dict[str, Callable[..., Any]] = {
    "scatter": lax.scatter,
    "scatter-add": lax.scatter_add,
    "scatter-max": lax.scatter_max,
    "scatter-min": lax.scatter_min,
    "scatter-mul": lax.scatter_mul,
    "scatter-sub": lax.scatter_sub,
}


def _scatters(name: str) -> Callable[[int], Problems]:
    method = SCATTERING[name]

    def problem(
        kinds: tuple[Kind, ...], numbers: Any, options: Any, dims: Any, known: Any = (), grid: int = 0
    ) -> Problem:
        x, i, u = kinds
        fn = lambda x, i, u: method(x, i, u, dims, **options)
        params, results = equation(name, fn, x, i, u)
        pool = np.unique(np.array([np.full(x.shape, n) for n in numbers[0]]), axis=0)
        samples = grid_of_samples([pool, arrays_of(numbers[1], i.shape), arrays_of(numbers[2], u.shape)])
        if not grid and x.dtype.kind != "V" and x.dtype not in (BF16, F16):
            samples = tuple(s.astype(np.int64) for s in samples)
        else:
            samples = (samples[0].astype(float), samples[1].astype(np.int64), samples[2].astype(float))
        every = tuple(map(intervals, numbers))
        about = f"{options} {'known' if known else ''}"
        return Problem(name, params, kinds, results, samples, every, known=known, about=about)

    def make(bits: int) -> Problems:
        places = list(range(-2, 5)) if bits > 3 else [-2, -1, 0, 1, 2, 3]
        for dtype, mode, unique, in_order in itertools.product(DTYPES, MODES, (False, True), (False, True)):
            options = {"mode": mode, "unique_indices": unique, "indices_are_sorted": in_order}
            kinds = Kind((3,), dtype), Kind((2, 1), INT8), Kind((2,), dtype)
            numbers = ([0, 127] if dtype == INT8 else [0, 250], places, [1, 4])
            if dtype == INT8 or not (unique or in_order):
                yield problem(kinds, numbers, options, _WRITTEN)
                yield problem(kinds, numbers, options, _WRITTEN, known=(1,))
            one = Kind((3,), dtype), Kind((1, 1), INT8), Kind((1,), dtype)
            if bits > 3 or not (unique or in_order):
                few = small(dtype, bits) if bits > 3 else ends(dtype, bits)[1::2]
                yield problem(one, ([0, 3, 120], places, few), options, _WRITTEN)
        window = lax.ScatterDimensionNumbers(
            update_window_dims=(1,), inserted_window_dims=(), scatter_dims_to_operand_dims=(0,)
        )
        for mode, unique in itertools.product(MODES, (False, True)):
            options = {"mode": mode, "unique_indices": unique}
            kinds = Kind((3,), INT8), Kind((2, 1), INT8), Kind((2, 2), INT8)
            yield problem(kinds, ([0, 100], [-1, 0, 1, 2], [1, 20]), options, window)
            yield problem(kinds, ([0, 100], [-1, 0, 1, 2], [1, 20]), options, window, known=(1,))
        batched = lax.ScatterDimensionNumbers(
            update_window_dims=(), inserted_window_dims=(1,), scatter_dims_to_operand_dims=(1,),
            operand_batching_dims=(0,), scatter_indices_batching_dims=(0,),
        )  # fmt: skip
        for mode, unique in itertools.product(MODES, (False, True)):
            options = {"mode": mode, "unique_indices": unique}
            kinds = Kind((2, 2), INT8), Kind((2, 1), INT8), Kind((2,), INT8)
            yield problem(kinds, ([0, 100], [-1, 0, 1, 2], [1, 27]), options, batched)
        if name in ("scatter-add", "scatter-mul", "scatter-sub"):
            kinds = Kind((2,), BF16), Kind((2, 1), INT8), Kind((2,), BF16)
            for mode in MODES:
                steps = [-128, 0, 2, 128], [0, 1, 2], [-100, 1, 128, 129]
                yield problem(kinds, steps, {"mode": mode}, _WRITTEN)

    return make


def sorted_pairs(name: str) -> Problems:
    """Known indices of two components, in another order than the axes, that are promised to be sorted."""
    numbers, places = [1, 7], arrays_of([0, 1, 2], (2, 2)).astype(np.int64)
    x, i, u = Kind((2, 3), INT8), Kind((2, 2), INT8), Kind((2,), INT8)
    pool = np.array([np.full((2, 3), n) for n in numbers])
    every = (intervals(numbers), intervals([0, 1, 2]), intervals([1]))
    for mode in MODES:
        options = {"mode": mode, "indices_are_sorted": True}
        if name == "gather":
            fn = lambda x, i, o=options: lax.gather(x, i, _SWAPPED, (1, 1), **o)
            kinds, samples = (x, i), grid_of_samples([pool, places])
        else:
            dims = lax.ScatterDimensionNumbers((), (0, 1), (1, 0))
            fn = lambda x, i, u, d=dims, o=options: SCATTERING[name](x, i, u, d, **o)
            kinds, samples = (x, i, u), grid_of_samples([pool, places, np.ones((1, 2), np.int64)])
        params, results = equation(name, fn, *kinds)
        yield Problem(name, params, kinds, results, samples, every[: len(kinds)], known=(1,), about=str(options))


INTEGER_GRIDS: dict[str, Any] = {"dtypes": (INT8, UINT8, BOOL)}
PROBLEMS: dict[str, Callable[[int], Problems]] = {
    "abs": both(elementwise("abs", 1, dtypes=(INT8,)), of_floats("abs", ONE)),
    "add": both(elementwise("add", 2, same=True), of_floats("add", TWO), of_floats("add", TWO[:1], same=True)),
    "add_any": both(elementwise("add_any", 2), of_floats("add_any", TWO)),
    "and": elementwise("and", 2, **INTEGER_GRIDS, same=True),
    "argmax": _index("argmax"),
    "argmin": _index("argmin"),
    "bitcast_convert_type": _bitcast,
    "broadcast_in_dim": both(
        moved("broadcast_in_dim", lambda x: lax.broadcast(x, (2,)), (2,)),
        moved("broadcast_in_dim", lambda x: lax.broadcast(x, (2, 3)), ()),
    ),
    "ceil": of_floats("ceil", [*ONE, (-1,)]),
    "clamp": _ternary,
    "clz": elementwise("clz", 1),
    "concatenate": both(
        moved("concatenate", lambda x, y: lax.concatenate([x, y], 0), (2,), (1,)),
        moved("concatenate", lambda x, y: lax.concatenate([x, y], 1), (1, 2), (1, 1)),
    ),
    "conv_general_dilated": _convolutions,
    "convert_element_type": _converted,
    "copy": _direct("copy"),
    "cummax": _so_far("cummax"),
    "cummin": _so_far("cummin"),
    "cumprod": _so_far("cumprod", (0, -3)),
    "cumsum": _so_far("cumsum", (0, -2)),
    "device_put": _direct("device_put", 2, {"devices": (None,) * 2, "srcs": (None,) * 2, "copy_semantics": ()}),
    "div": both(elementwise("div", 2), of_floats("div", TWO[:1])),
    "dot_general": _dots,
    "dynamic_slice": _dynamic("dynamic_slice"),
    "dynamic_update_slice": _dynamic("dynamic_update_slice"),
    "ecjax_declare": _declared,
    "eq": both(elementwise("eq", 2, BOOL, (*DTYPES, BOOL), same=True), of_floats("eq", TWO, BOOL)),
    "eq_to": both(elementwise("eq_to", 2, BOOL), of_floats("eq_to", TWO, BOOL)),
    "floor": of_floats("floor", [*ONE, (-1,)]),
    "gather": _gathers,
    "ge": both(elementwise("ge", 2, BOOL, same=True), of_floats("ge", TWO, BOOL)),
    "gt": both(elementwise("gt", 2, BOOL, same=True), of_floats("gt", TWO, BOOL)),
    "integer_pow": _powers,
    "iota": _iota,
    "is_finite": of_floats("is_finite", ONE, BOOL),
    "le": both(elementwise("le", 2, BOOL, same=True), of_floats("le", TWO, BOOL)),
    "le_to": both(elementwise("le_to", 2, BOOL), of_floats("le_to", TWO, BOOL)),
    "lt": both(elementwise("lt", 2, BOOL, same=True), of_floats("lt", TWO, BOOL)),
    "lt_to": both(elementwise("lt_to", 2, BOOL), of_floats("lt_to", TWO, BOOL)),
    "max": both(elementwise("max", 2, same=True), of_floats("max", TWO)),
    "min": both(elementwise("min", 2, same=True), of_floats("min", TWO)),
    "mul": both(
        elementwise("mul", 2, same=True),
        of_floats("mul", FACTORS),
        of_floats("mul", [(0, 0), (-63, -63)], same=True),
    ),
    "ne": both(elementwise("ne", 2, BOOL, (*DTYPES, BOOL), same=True), of_floats("ne", TWO, BOOL)),
    "neg": both(elementwise("neg", 1), of_floats("neg", ONE)),
    "not": elementwise("not", 1, **INTEGER_GRIDS),
    "optimization_barrier": _direct("optimization_barrier", 2),
    "or": elementwise("or", 2, **INTEGER_GRIDS, same=True),
    "pad": _padded,
    "population_count": elementwise("population_count", 1),
    "psum": _psum,
    "reduce_and": _reduced("reduce_and", (*DTYPES, BOOL)),
    "reduce_max": _reduced("reduce_max"),
    "reduce_min": _reduced("reduce_min"),
    "reduce_or": _reduced("reduce_or", (*DTYPES, BOOL)),
    "reduce_precision": _precision,
    "reduce_prod": _reduced("reduce_prod", floats=(0, -3)),
    "reduce_sum": _reduced("reduce_sum", floats=(0, -2)),
    "reduce_window_max": _windows("reduce_window_max"),
    "reduce_window_min": _windows("reduce_window_min"),
    "reduce_window_sum": _windows("reduce_window_sum"),
    "reduce_xor": _reduced("reduce_xor", (*DTYPES, BOOL)),
    "rem": both(elementwise("rem", 2), of_floats("rem", TWO[:1])),
    "reshape": moved("reshape", lambda x: lax.reshape(x, (1, 3)), (3,)),
    "reshard": _direct("reshard", 1, {"dst_sharding": None, "concrete_mesh": None}),
    "rev": moved("rev", lambda x: lax.rev(x, (0,)), (3,)),
    "round": _rounded,
    "scatter": _scatters("scatter"),
    "scatter-add": _scatters("scatter-add"),
    "scatter-max": _scatters("scatter-max"),
    "scatter-min": _scatters("scatter-min"),
    "scatter-mul": _scatters("scatter-mul"),
    "scatter-sub": _scatters("scatter-sub"),
    "select_n": _select,
    "sharding_constraint": _direct(
        "sharding_constraint", 1, dict.fromkeys(("sharding", "layout", "context_mesh", "unconstrained_dims"))
    ),
    "shift_left": _shift("shift_left"),
    "shift_right_arithmetic": _shift("shift_right_arithmetic"),
    "shift_right_logical": _shift("shift_right_logical"),
    "sign": both(elementwise("sign", 1), of_floats("sign", ONE)),
    "slice": both(
        moved("slice", lambda x: lax.slice(x, (1,), (3,)), (3,)),
        moved("slice", lambda x: lax.slice(x, (0,), (3,), (2,)), (3,)),
    ),
    "sort": _sorted,
    "split": moved("split", lambda x: lax.split(x, (1, 2)), (3,)),
    "square": both(elementwise("square", 1), of_floats("square", [(0,), (-63,), (-64,), (-7,), (-8,), (5,), (48,)])),
    "squeeze": moved("squeeze", lambda x: lax.squeeze(x, (0,)), (1, 3)),
    "stack": moved("stack", lambda x, y: jnp.stack([x, y]), (2,), (2,)),
    "stop_gradient": _direct("stop_gradient"),
    "sub": both(elementwise("sub", 2, same=True), of_floats("sub", TWO), of_floats("sub", TWO[:1], same=True)),
    "tile": moved("tile", lambda x: jnp.tile(x, 2), (3,)),
    "top_k": _top_k,
    "transpose": moved("transpose", lambda x: lax.transpose(x, (1, 0)), (2, 2)),
    "unstack": moved("unstack", lambda x: jnp.unstack(x), (3,)),
    "xor": elementwise("xor", 2, **INTEGER_GRIDS, same=True),
}  # fmt: skip
"""For each rule the problems, given the number of bits of the integers in them."""
