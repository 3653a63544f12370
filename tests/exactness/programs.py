"""Random programs of elementwise, structural and loop operations, each made from its number alone.

`Program(number)` is a function of two arrays of four numbers, with bounds. It is traced once, audited once, and run by
`tests.exactness.machine` where it was proved.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ecjax import integers
from ecjax.exactness import Audit, audit, within
from tests.exactness.machine import Machine, TooLong, Violation, start

SIZE = 4
DTYPES = ("int32", "int32", "int32", "uint32", "int16", "uint8", "int8")

Operation = Callable[[random.Random, Any, Any], Any]
"""From a source of numbers for constants and two arrays to a third."""


def _like(x: Any, n: int) -> Any:
    info = jnp.iinfo(x.dtype)
    return np.asarray(min(max(n, int(info.min)), int(info.max)), x.dtype)


def _small(rng: random.Random, x: Any, low: int = -9, high: int = 99) -> Any:
    return _like(x, rng.choice((rng.randint(low, 9), rng.randint(low, high))))


def _divisor(rng: random.Random, x: Any) -> Any:
    n = rng.choice((1, 2, 3, 4, 5, 7, 8, 10, 16, -1, -2, -3, -4, -7))
    return _like(x, abs(n) if jnp.issubdtype(x.dtype, jnp.unsignedinteger) else n)


def _full(x: Any, scalar: Any) -> Any:
    return lax.broadcast_in_dim(scalar.astype(x.dtype), (SIZE,), ())


def _wrapped(fn: Callable[..., Any]) -> Operation:
    def apply(rng: random.Random, x: Any, y: Any) -> Any:
        with integers.wrapping():
            return fn(x, y)

    return apply


def _to(name: str) -> Operation:
    """There and back, clipped to what both dtypes hold."""

    def apply(rng: random.Random, x: Any, y: Any) -> Any:
        mine, other = jnp.iinfo(x.dtype), jnp.iinfo(name)
        low, high = max(int(mine.min), int(other.min)), min(int(mine.max), int(other.max))
        if rng.random() < 0.8:
            x = lax.clamp(_like(x, low), x, _like(x, high))
        return x.astype(name).astype(y.dtype)

    return apply


def _bits(rng: random.Random, x: Any, y: Any) -> Any:
    width = jnp.iinfo(x.dtype).bits
    other = jnp.dtype(f"{'int' if jnp.issubdtype(x.dtype, jnp.unsignedinteger) else 'uint'}{width}")
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, other), x.dtype)


def _searched(rng: random.Random, x: Any, y: Any) -> Any:
    table = np.sort(np.array([rng.randint(-20, 60) for _ in range(5)])).clip(0)
    table = jnp.asarray(table.astype(x.dtype))

    def halve(ends: Any, _: Any) -> Any:
        low, high = ends
        middle = (low + high) >> 1
        right = table[jnp.clip(middle, 0, 4)] <= x
        return (jnp.where(right, middle + 1, low), jnp.where(right, high, middle)), None

    ends = jnp.zeros(SIZE, jnp.int32), jnp.full(SIZE, 5, jnp.int32)
    (low, _), _ = lax.scan(lambda c, z: halve(c, z), ends, None, length=3)
    return jnp.clip(low, 0, 5).astype(x.dtype)


def _rolled(rng: random.Random, x: Any, y: Any) -> Any:
    n = rng.randint(1, SIZE - 1)
    return lax.concatenate([x[n:], x[:n]], 0)


def _difference(rng: random.Random, x: Any, y: Any) -> Any:
    return lax.pad(x[1:] - x[:-1], _like(x, 0), [(1, 0, 0)])


def _one_of_cases(rng: random.Random, x: Any, y: Any) -> Any:
    return lax.select_n(lax.rem(jnp.abs(x.astype(jnp.int32)), np.int32(3)), x, y, jnp.full(SIZE, 7, x.dtype))


def _weighted(rng: random.Random, x: Any, y: Any) -> Any:
    weights = jnp.asarray(np.array([rng.randint(-2, 6) for _ in range(SIZE)]).clip(_floor_of(x)).astype(x.dtype))
    kind = rng.randint(0, 2)
    if kind == 0:
        return _full(x, jnp.sum(x * weights, dtype=x.dtype))
    if kind == 1:
        return _full(x, lax.dot(x, weights))
    return _full(x, jnp.sum((x & _like(x, 1)) << lax.iota(x.dtype, SIZE), dtype=x.dtype))


def _floor_of(x: Any) -> int:
    return int(jnp.iinfo(x.dtype).min)


def _under_a_number(rng: random.Random, x: Any, y: Any) -> Any:
    """Chosen by one number for the whole array."""
    a, b = _first(x), _first(y)
    which = _compare(rng, a, b if rng.random() < 0.6 else _small(rng, x))
    cases = [x - a, x - b, x + a, _full(x, a - b), _full(x, b - a), x, _full(x, a + _like(x, 1)), y - x]
    return lax.select(lax.broadcast_in_dim(which, (SIZE,), ()), *(rng.choice(cases) for _ in range(2)))


def _under_rows(rng: random.Random, x: Any, y: Any) -> Any:
    """Chosen by a condition on rows or columns of a table."""
    axis = rng.randint(0, 1)
    rows = [lax.broadcast_in_dim(z, (SIZE, SIZE), (axis,)) for z in (x, y)]
    others = [lax.broadcast_in_dim(z, (SIZE, SIZE), (1 - axis,)) for z in (x, y)]
    which = lax.broadcast_in_dim(_condition(rng, x, y), (SIZE, SIZE), (axis,))
    pool = [rows[0] - rows[1], rows[1] - rows[0], rows[0] - others[1], rows[0], others[0], rows[1] + _like(x, 1)]
    table = lax.select(which, *(rng.choice(pool) for _ in range(2)))
    return rng.choice((jnp.max, jnp.min))(table, axis=rng.randint(0, 1))


def _by_number(rng: random.Random, x: Any, y: Any) -> Any:
    which = rng.choice((x & _like(x, 1), lax.clamp(_like(x, 0), x, _like(x, 2)), x % _like(x, 3))).astype(jnp.int32)
    pool = [x, x - y, x - _like(x, 1), -x, x + _like(x, 1), y, lax.div(x, _like(x, 2))]
    return lax.select_n(which, *(rng.choice(pool) for _ in range(3)))


def _chosen_twice(rng: random.Random, x: Any, y: Any) -> Any:
    inner = lax.select(_condition(rng, x, y), x - y, x)
    return lax.select(_condition(rng, x, y), *((inner, y) if rng.random() < 0.5 else (y, inner)))


def _parts_of_one(rng: random.Random, x: Any, y: Any) -> Any:
    """Differences of what comes from one number."""
    x = lax.clamp(_like(x, rng.choice((0, 0, -20))), x, _like(x, rng.randint(1, 60)))
    k = _like(x, rng.choice((2, 3, 5, 8)))
    pool = [x, lax.div(x, k), lax.rem(x, k), x & k, lax.div(x + k - _like(x, 1), k), lax.max(x, k), lax.min(x, k)]
    pool += [x >> _like(x, 1), x | k, lax.div(x, k) * k, lax.max(x - k, _like(x, 0)), lax.clamp(_like(x, 1), x, k)]
    a, b = rng.choice(pool), rng.choice(pool)
    return a - b if rng.random() < 0.8 else a + b


def _rounded(rng: random.Random, x: Any, y: Any) -> Any:
    n = lax.clamp(_like(x, rng.choice((0, 1, 1))), y, _like(x, rng.randint(1, 5)))
    half = _like(x, 1) << (n - _like(x, 1))
    return (lax.max(x, _like(x, 0)) + half) >> n


def _ends(rng: random.Random, x: Any, y: Any) -> Any:
    """A loop that carries two ends, of which it is seen that the one stays below the other, or not."""
    seed, turns = rng.getrandbits(32), rng.randint(1, 4)
    target = _between(rng, y, y)

    def body(ends: Any) -> Any:
        inner = random.Random(seed)
        low, high = ends
        middle = inner.choice(
            (lambda: (low + high) >> 1, lambda: low + ((high - low) >> 1), lambda: lax.max(low, high))
        )()
        right = inner.choice((lax.lt, lax.le, lax.ge))(middle, target)
        above = inner.choice((middle, middle + _like(x, 1), low, lax.min(middle + _like(x, 1), high)))
        below = inner.choice((middle, middle - _like(x, 1), high, middle))
        return lax.select(right, above, low), lax.select(right, high, below)

    start = rng.choice(((jnp.zeros_like(x), lax.clamp(_like(x, 0), x, _like(x, 99))), (lax.min(x, y), lax.max(x, y))))
    if rng.random() < 0.6:
        low, high = lax.fori_loop(0, turns, lambda i, c: body(c), start)
    else:
        alive = lambda c: jnp.any(c[0][0] < c[1][0]) & (c[2] < turns)
        low, high, _ = lax.while_loop(alive, lambda c: (*body(c[:2]), c[2] + 1), (*start, jnp.zeros((), jnp.int32)))
    return rng.choice((lambda: high - low, lambda: low, lambda: high))()


def _counts(rng: random.Random, x: Any, y: Any) -> Any:
    """A scan that counts, adds up and resets."""
    limit, seed = _small(rng, x), rng.getrandbits(32)

    def body(carry: Any, row: Any) -> Any:
        inner = random.Random(seed)
        count, total = carry
        ways = [lambda: count + _like(x, 1), lambda: count - _like(x, 1), lambda: count + (row & _like(x, 1)),
                lambda: lax.select(row > y, count + _like(x, 1), count),
                lambda: lax.select(row > limit, jnp.zeros_like(count), count + _like(x, 1)),
                lambda: lax.select(count < _like(x, 3), count + _like(x, 1), count)]  # fmt: skip
        sums = [lambda: total + count, lambda: lax.max(total, count), lambda: total + (row & _like(x, 3)),
                lambda: lax.max(total, row) - lax.min(row, total), lambda: total - (row & _like(x, 1))]  # fmt: skip
        new = inner.choice(ways)()
        return (new, inner.choice(sums)()), new

    start = (jnp.full(SIZE, _like(x, rng.randint(0, 4)), x.dtype), y & _like(y, 7))
    (count, total), seen = lax.scan(body, start, jnp.stack([x, y, x, y]))
    return rng.choice((lambda: count, lambda: total, lambda: seen[rng.randint(0, 3)]))()


def _first(x: Any) -> Any:
    return lax.squeeze(lax.slice(x, (0,), (1,)), (0,))


def _sort_pair(rng: random.Random, x: Any, y: Any) -> Any:
    return lax.sort((x, y), num_keys=rng.randint(1, 2), is_stable=rng.random() < 0.8)[1]


def _taken(rng: random.Random, x: Any, y: Any) -> Any:
    return jnp.take(x, y.astype(jnp.int32), mode=rng.choice(("clip", "fill")), fill_value=rng.choice((0, 5)))


def _scattered(rng: random.Random, x: Any, y: Any) -> Any:
    places = lax.rem(lax.abs(lax.bitwise_and(y.astype(jnp.int32), np.int32(7))), np.int32(rng.choice((3, 4, 6))))
    method = rng.choice(("add", "max", "min", "add", "set"))
    return getattr(jnp.zeros(SIZE, x.dtype).at[places], method)(x, mode="drop")


def _written(rng: random.Random, x: Any, y: Any) -> Any:
    return x.at[_first(y).astype(jnp.int32) & 3].set(y[1])


def _counted(rng: random.Random, x: Any, y: Any) -> Any:
    order = jnp.arange(SIZE, dtype=jnp.int32)
    return jnp.zeros(SIZE, x.dtype).at[order[::-1] if rng.random() < 0.5 else order].set(x)


def _cut(rng: random.Random, x: Any, y: Any) -> Any:
    part = lax.dynamic_slice(x, (_first(y).astype(jnp.int32),), (2,))
    return lax.dynamic_update_slice(y, part, (_first(x).astype(jnp.int32),))


def _table(rng: random.Random, x: Any, y: Any) -> Any:
    values = np.array([rng.randint(-3, 12) for _ in range(8)]).clip(int(jnp.iinfo(x.dtype).min))
    return jnp.asarray(values.astype(x.dtype))[x & _like(x, 7)]


def _between(rng: random.Random, x: Any, y: Any) -> Any:
    low = rng.randint(-5, 20)
    return lax.clamp(_like(x, low), x, _like(x, low + rng.randint(0, 60)))


def _compare(rng: random.Random, x: Any, y: Any) -> Any:
    return rng.choice((lax.lt, lax.le, lax.gt, lax.ge, lax.eq, lax.ne))(x, y)


def _condition(rng: random.Random, x: Any, y: Any) -> Any:
    first = _compare(rng, x, y if rng.random() < 0.5 else jnp.full(SIZE, _small(rng, x), x.dtype))
    if rng.random() < 0.3:
        second = _compare(rng, y, jnp.full(SIZE, _small(rng, y), y.dtype))
        first = rng.choice((lax.bitwise_and, lax.bitwise_or))(first, second)
    return lax.bitwise_not(first) if rng.random() < 0.2 else first


def _where(rng: random.Random, x: Any, y: Any) -> Any:
    n = _small(rng, x)
    cases = [x - y, y - x, x + y, x + n, x - n, x, y, -x, x << 1, x * y]
    return lax.select(_condition(rng, x, y), *(rng.choice(cases) for _ in range(2)))


def _row_and_column(rng: random.Random, x: Any, y: Any) -> Any:
    table = lax.broadcast_in_dim(x, (SIZE, SIZE), (0,)) + lax.broadcast_in_dim(y, (SIZE, SIZE), (1,))
    return rng.choice((jnp.max, jnp.min, jnp.sum))(table, axis=rng.randint(0, 1)).astype(x.dtype)


def _one_hot(rng: random.Random, x: Any, y: Any) -> Any:
    hot = (x[:, None] & _like(x, 3)) == jnp.arange(SIZE, dtype=x.dtype)[None]
    return jnp.sum(jnp.where(hot, y[None], _like(y, 0)), axis=1, dtype=x.dtype)


INTEGERS: dict[str, Operation] = {
    "add": lambda rng, x, y: x + y,
    "sub": lambda rng, x, y: x - y,
    "mul": lambda rng, x, y: x * y,
    "neg": lambda rng, x, y: -x,
    "abs": lambda rng, x, y: lax.abs(x) if jnp.issubdtype(x.dtype, jnp.signedinteger) else x,
    "sign": lambda rng, x, y: lax.sign(x),
    "square": lambda rng, x, y: lax.square(x),
    "cube": lambda rng, x, y: lax.integer_pow(x, 3),
    "max": lambda rng, x, y: lax.max(x, y),
    "min": lambda rng, x, y: lax.min(x, y),
    "clip": _between,
    "clip again": _between,
    "and": lambda rng, x, y: x & y,
    "or": lambda rng, x, y: x | y,
    "xor": lambda rng, x, y: x ^ y,
    "not": lambda rng, x, y: ~x,
    "low bits": lambda rng, x, y: x & _like(x, rng.choice((1, 3, 7, 15, 63, 127))),
    "plus": lambda rng, x, y: x + _small(rng, x),
    "minus": lambda rng, x, y: _small(rng, x) - x,
    "times": lambda rng, x, y: x * _small(rng, x, -3, 12),
    "right": lambda rng, x, y: lax.shift_right_arithmetic(x, jnp.full(SIZE, _like(x, rng.randint(0, 5)), x.dtype)),
    "right by": lambda rng, x, y: lax.shift_right_logical(x, y & _like(y, 7)),
    "left": lambda rng, x, y: x << _like(x, rng.randint(0, 3)),
    "left by": lambda rng, x, y: x << (y & _like(y, 3)),
    "rounding shift": lambda rng, x, y: (x + (_like(x, 1) << (y & _like(y, 3)))) >> ((y & _like(y, 3)) + _like(y, 1)),
    "clz": lambda rng, x, y: lax.clz(x),
    "normalised": lambda rng, x, y: (z := lax.max(x, _like(x, 1))) << lax.max(lax.clz(z) - _like(x, 1), _like(x, 0)),
    "population count": lambda rng, x, y: lax.population_count(x),
    "div": lambda rng, x, y: lax.div(x, lax.max(y, _like(y, 1))),
    "rem": lambda rng, x, y: lax.rem(x, lax.max(y, _like(y, 1))),
    "quotient": lambda rng, x, y: lax.div(x, jnp.full(SIZE, _divisor(rng, x), x.dtype)),
    "floor div": lambda rng, x, y: x // _divisor(rng, x),
    "mod": lambda rng, x, y: x % _divisor(rng, x),
    "parts": lambda rng, x, y: (d := jnp.full(SIZE, _divisor(rng, x), x.dtype)) * (x // d) + x % d,
    "remainder": lambda rng, x, y: x - (x // (d := jnp.full(SIZE, _divisor(rng, x), x.dtype))) * d,
    "where": _where,
    "where it fits": lambda rng, x, y: lax.select(x >= y, x - y, x),
    "distance": lambda rng, x, y: lax.select(x > y, x - y, y - x),
    "up to": lambda rng, x, y: jnp.where(x + _like(x, 1) < _like(x, 30), x + _like(x, 1), _like(x, 5)),
    "switch": _one_of_cases,
    "sum": lambda rng, x, y: _full(x, jnp.sum(x, dtype=x.dtype)),
    "product": lambda rng, x, y: _full(x, jnp.prod(x, dtype=x.dtype)),
    "below the largest": lambda rng, x, y: jnp.max(x) - x,
    "above the least": lambda rng, x, y: x - jnp.min(x),
    "missing from the sum": lambda rng, x, y: jnp.sum(x, dtype=x.dtype) - x,
    "argmax": lambda rng, x, y: _full(x, lax.argmax(x, 0, jnp.int32)),
    "cumsum": lambda rng, x, y: lax.cumsum(x, reverse=rng.random() < 0.5),
    "cummax": lambda rng, x, y: lax.cummax(x) - (x if rng.random() < 0.5 else _like(x, 0)),
    "cummin": lambda rng, x, y: x - lax.cummin(x),
    "difference": _difference,
    "associative scan": lambda rng, x, y: lax.associative_scan(rng.choice((jnp.add, jnp.maximum)), x),
    "sort": lambda rng, x, y: lax.sort(x),
    "gaps": lambda rng, x, y: (s := lax.sort(x))[jnp.array([1, 2, 3, 3])] - s,
    "sort pairs": _sort_pair,
    "top": lambda rng, x, y: lax.concatenate([a.astype(x.dtype) for a in lax.top_k(x, 2)], 0),
    "reverse": lambda rng, x, y: lax.rev(x, (0,)),
    "roll": _rolled,
    "barrier": lambda rng, x, y: lax.optimization_barrier(x),
    "shifted in": lambda rng, x, y: lax.pad(x, _small(rng, x), [(2, -2, 0)]),
    "gather": lambda rng, x, y: x[(y & _like(y, 3)).astype(jnp.int32)],
    "taken": _taken,
    "table": _table,
    "searched": _searched,
    "scattered": _scattered,
    "written": _written,
    "counted": _counted,
    "cut": _cut,
    "dot": lambda rng, x, y: _full(x, lax.dot(x, y)),
    "row and column": _row_and_column,
    "one hot": _one_hot,
    "iota": lambda rng, x, y: lax.iota(x.dtype, SIZE) + x,
    "int8": _to("int8"),
    "uint16": _to("uint16"),
    "truth": lambda rng, x, y: _condition(rng, x, y).astype(x.dtype),
    "bits": _bits,
    "declared": lambda rng, x, y: integers.declare(x & _like(x, 31), 0, 31),
    "weighted": _weighted,
    "under a number": _under_a_number,
    "under rows": _under_rows,
    "by number": _by_number,
    "chosen twice": _chosen_twice,
    "parts of one": _parts_of_one,
    "parts of one again": _parts_of_one,
    "rounded": _rounded,
    "ends": _ends,
    "counts": _counts,
    "wrapping sum": _wrapped(lambda x, y: x + y),
    "wrapping product": _wrapped(lambda x, y: x * y),
    "wrapping shift": _wrapped(lambda x, y: x << 3),
}
"""Operations on arrays of integers."""


def _half(rng: random.Random, x: Any, y: Any) -> Any:
    return x * np.float32(rng.choice((0.5, 0.25, 2.0, 4.0, 2.0**-12, 2.0**12)))


def _floats_table(rng: random.Random, x: Any, y: Any) -> Any:
    return jnp.array([-1.0, 0.5, 2.0, 3.25], jnp.float32)[x.astype(jnp.int32) & 3]


FLOATS: dict[str, Operation] = {
    "add": lambda rng, x, y: x + y,
    "sub": lambda rng, x, y: x - y,
    "mul": lambda rng, x, y: x * y,
    "neg": lambda rng, x, y: -x,
    "abs": lambda rng, x, y: lax.abs(x),
    "sign": lambda rng, x, y: lax.sign(x),
    "square": lambda rng, x, y: lax.square(x),
    "max": lambda rng, x, y: lax.max(x, y),
    "min": lambda rng, x, y: lax.min(x, y),
    "clip": lambda rng, x, y: lax.clamp(np.float32(-3), x, np.float32(17.5)),
    "scaled": _half,
    "and a half": lambda rng, x, y: x + np.float32(1.5),
    "floor": lambda rng, x, y: lax.floor(x),
    "ceil": lambda rng, x, y: lax.ceil(x),
    "round": lambda rng, x, y: lax.round(x, rng.choice(list(lax.RoundingMethod))),
    "whole": lambda rng, x, y: x.astype(jnp.int32).astype(jnp.float32),
    "fraction": lambda rng, x, y: x - lax.floor(x),
    "split": lambda rng, x, y: x * np.float32(2.0**-4) - (y - lax.floor(x)),
    "where": lambda rng, x, y: lax.select(_compare(rng, x, y), *(rng.choice([x - y, x + y, x, -y]) for _ in "ab")),
    "sum": lambda rng, x, y: _full(x, jnp.sum(x)),
    "below the largest": lambda rng, x, y: jnp.max(x) - x,
    "cumsum": lambda rng, x, y: lax.cumsum(x),
    "associative scan": lambda rng, x, y: lax.associative_scan(jnp.add, x),
    "sort": lambda rng, x, y: lax.sort(x),
    "reverse": lambda rng, x, y: lax.rev(x, (0,)),
    "roll": _rolled,
    "gather": lambda rng, x, y: x[y.astype(jnp.int32) & 3],
    "table": _floats_table,
    "dot": lambda rng, x, y: _full(x, lax.dot(x, y, precision="highest")),
    "narrow": lambda rng, x, y: x.astype(rng.choice((jnp.bfloat16, jnp.float16))).astype(jnp.float32),
    "narrow sum": lambda rng, x, y: (x.astype(jnp.bfloat16) + y.astype(jnp.bfloat16)).astype(jnp.float32),
    "precision": lambda rng, x, y: lax.reduce_precision(x, 8, rng.choice((7, 15))),
}
"""Operations on arrays of floats."""

LOOPS = ("scan", "scan back", "while", "fori", "cond", "switch", "function", "count down")


def _closed(rng: random.Random, x: Any) -> Any:
    """What a loop carries, most often brought within bounds."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return lax.clamp(np.float32(-8), lax.floor(x) if rng.random() < 0.7 else x, np.float32(8))
    kind = rng.random()
    if kind < 0.4:
        return _between(rng, x, x)
    return x & _like(x, rng.choice((7, 63))) if kind < 0.7 else x


class Program:
    """A random program.

    Attributes:
      number: All that it is made from.
      dtype: Of its arrays.
      bounds: Of their elements, in steps.
      step: The step, which is 1 for integers.
    """

    def __init__(self, number: int, floats: bool = False, loops: bool = True) -> None:
        rng = random.Random(number)
        self.number, self.floats, self.loops = number, floats, loops
        self.dtype = np.dtype("float32" if floats else rng.choice(DTYPES))
        self.step = 2.0 ** rng.choice((0, 0, -1, -4, 2)) if floats else 1
        low, high = (-(1 << 24), 1 << 24) if floats else (int(f(self.dtype)) for f in (_least, _most))
        self.bounds = tuple(tuple(_bounds(rng, low, high)) for _ in range(2))
        self.seed = rng.getrandbits(32)

    def __call__(self, x: Any, y: Any) -> list[Any]:
        rng = random.Random(self.seed)
        made = self.block(rng, [x, y], rng.randint(2, 6), 2 if self.loops else 0)
        return [made[-1], rng.choice(made)]

    def block(self, rng: random.Random, given: list[Any], count: int, depth: int) -> list[Any]:
        made = list(given)
        operations = FLOATS if self.floats else INTEGERS
        for _ in range(count):
            x, y = (made[-1] if rng.random() < 0.5 else rng.choice(made) for _ in range(2))
            if depth and rng.random() < 0.2:
                made.append(self.loop(rng, x, y, depth - 1))
                continue
            out = operations[rng.choice(list(operations))](rng, x, y)
            out = out.astype(self.dtype)
            if rng.random() < 0.25 and not self.floats:
                out = _between(rng, out, out)
            made.append(out)
        return made

    def loop(self, rng: random.Random, x: Any, y: Any, depth: int) -> Any:
        kind, seed, count = rng.choice(LOOPS), rng.getrandbits(32), rng.randint(1, 3)
        turns = rng.randint(0, 5)

        def body(x: Any, y: Any, part: int = 0) -> Any:
            inner = random.Random(seed + part)
            return _closed(inner, self.block(inner, [x, y], count, depth)[-1])

        if kind.startswith("scan"):
            rows = jnp.stack([y, x, y])
            last, seen = lax.scan(lambda c, z: ((n := body(c, z)), n), x, rows, reverse=kind == "scan back")
            return last if rng.random() < 0.5 else seen[rng.randint(0, 2)]
        if kind == "while":
            zero = jnp.zeros((), jnp.int32)
            most = np.int32(turns)
            return lax.while_loop(lambda c: c[1] < most, lambda c: (body(c[0], y), c[1] + 1), (x, zero))[0]
        if kind == "count down":
            n = _first(y).astype(jnp.int32) & 3
            return lax.while_loop(lambda c: c[1] > 0, lambda c: (body(c[0], y), c[1] - 1), (x, n))[0]
        if kind == "fori":
            n = (_first(y).astype(jnp.int32) & 3) if rng.random() < 0.5 else turns
            return lax.fori_loop(0, n, lambda i, c: body(c, y + i.astype(y.dtype) if turns & 1 else y), x)
        if kind == "cond":
            return lax.cond(_compare(rng, _first(x), _first(y)), body, lambda x, y: body(x, y, 1), x, y)
        if kind == "switch":
            which = _first(y).astype(jnp.int32) & 3
            return lax.switch(which, [body, lambda x, y: body(x, y, 1), lambda x, y: x], x, y)
        return jax.jit(body)(x, y)

    @property
    def arguments(self) -> list[Any]:
        struct = jax.ShapeDtypeStruct((SIZE,), self.dtype)
        step = self.step
        return [within(struct, low * step, high * step, step) for low, high in self.bounds]

    def points(self, count: int) -> list[list[np.ndarray]]:
        """Corners of the bounds, and random points."""
        rng = np.random.default_rng(self.seed)
        found = []
        for kind in range(count):
            point = []
            for i, (low, high) in enumerate(self.bounds):
                edges = np.array([low, high])
                if kind < 4:
                    x = np.full(SIZE, edges[kind >> i & 1])
                elif kind % 2:
                    x = rng.integers(low, high, SIZE, endpoint=True)
                else:
                    x = np.where(rng.random(SIZE) < 0.3, rng.integers(low, high, SIZE, endpoint=True),
                                 edges[rng.integers(0, 2, SIZE)])  # fmt: skip
                point.append(x * self.step)
            found.append(point)
        return found

    def audit(self, checked: bool = True) -> Audit:
        """Its audit, without the second opinion if it is not to be `checked`: the search has to be right by itself."""
        if checked:
            return audit(self, *self.arguments)
        with mock.patch.object(importlib.import_module("ecjax.exactness.audit"), "check", lambda *_: []):
            return audit(self, *self.arguments)

    def check(self, found: Audit, points: int = 6) -> None:
        """Raises Violation if what was proved is not so."""
        closed = jax.make_jaxpr(self)(*(jax.ShapeDtypeStruct((SIZE,), self.dtype) for _ in range(2)))
        for point in self.points(points):
            try:
                made = Machine(found.proof).run(
                    closed.jaxpr, closed.consts, [start(x, self.dtype) for x in point], (), False
                )
                if any(x.spoilt.any() for x in made):
                    raise Violation(f"a result is spoilt: {made}")
                for x, claim in zip(made, found.outputs, strict=True):
                    unit = 2.0**claim.grid
                    if not ((x.x >= claim.low * unit) & (x.x <= claim.high * unit)).all():
                        raise Violation(f"{x} is not in {claim}")
            except TooLong:
                continue
            except Violation as violation:
                raise Violation(
                    f"{violation}\nof Program({self.number}, {self.floats}, {self.loops}), {self.dtype} in "
                    f"{self.bounds} steps of {self.step}, at {[x.tolist() for x in point]}:\n{closed.jaxpr}"
                ) from None


def _least(dtype: np.dtype) -> int:
    return int(np.iinfo(dtype).min)


def _most(dtype: np.dtype) -> int:
    return int(np.iinfo(dtype).max)


def _bounds(rng: random.Random, low: int, high: int) -> list[int]:
    """Bounds, more often small than large."""
    kind = rng.random()
    if kind < 0.55:
        low, high = max(low, -12), min(high, 40)
    elif kind < 0.85:
        low, high = max(low, -1000), min(high, 1000)
    return sorted(rng.choice((low, high, rng.randint(low, high))) for _ in range(2))


class Seen(NamedTuple):
    """Programs tried and proved."""

    tried: int
    proved: int


def program(number: int) -> Program:
    """A program of each kind in turn: of integers, with loops and without, and of floats."""
    return Program(number, floats=number % 4 == 3, loops=number % 4 != 1)


def try_programs(numbers: Iterable[int]) -> Seen:
    """Tries programs, every second one without the checker. Raises Violation if what was proved is not so."""
    count = proved = 0
    for number in numbers:
        count += 1
        tried = program(number)
        found = tried.audit(checked=number % 8 < 4)
        if found.proved:
            proved += 1
            tried.check(found)
    return Seen(count, proved)
