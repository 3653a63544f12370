"""What is known of two values together, against all that they may be: on random expressions of few small numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ecjax.exactness import relations
from ecjax.exactness.domain import Interval, Kind, range_of
from ecjax.exactness.values import Value
from tests.exactness import reference
from tests.exactness.brute import concluded, grid_of_samples
from tests.exactness.problems import BF16, BOOL, INT8, UINT8
from tests.exactness.reference import Call
from tests.strategies import annotations_unchecked

PROGRAMS = 1000


class Made:
    """A value, and what it is under each assignment: one row each; with which rows are spoilt."""

    def __init__(self, value: Value, x: np.ndarray, spoilt: np.ndarray) -> None:
        self.value, self.x, self.spoilt = value, x, spoilt


class Expressions:
    """Random expressions: each a value of the audit and its elements under all assignments."""

    def __init__(self, number: int) -> None:
        rng = self.rng = random.Random(number)
        self.dtype = rng.choice((INT8, INT8, UINT8, BF16))
        self.shape: tuple[int, ...] = rng.choice(((), (), (2,), (2, 2)))
        size = int(np.prod(self.shape, dtype=int))
        pools = []
        for _ in range(2 if size < 4 else 1):
            low = rng.randint(-4, 3) if self.dtype != UINT8 else rng.randint(0, 4)
            count = rng.randint(1, {1: 7, 2: 3, 4: 2}[size])
            pools.append([low + i for i in range(count)])
        flat = grid_of_samples([_rows(pool, size) for pool in pools])
        self.made = []
        for pool, x in zip(pools, flat, strict=True):
            grid = rng.choice((0, 0, -1, 1)) if self.dtype == BF16 else 0
            x = x.reshape(len(x), *self.shape)
            value = Value(Kind(self.shape, self.dtype), Interval(pool[0], pool[-1], grid))
            self.made.append(Made(value, x * 2.0**grid if grid else x, np.zeros(len(x), bool)))
        for _ in range(rng.randint(2, 7)):
            self.made.append(self.step())

    def step(self) -> Made:
        rng, whole = self.rng, self.dtype != BF16
        x, y = (self.made[-1] if rng.random() < 0.4 else rng.choice(self.made) for _ in range(2))
        x, y = self.like(x), self.like(y)
        kind = Kind(self.shape, self.dtype)
        names = ["add", "sub", "max", "min", "neg", "mul", "select", "copy", "clamp", "add", "sub"]
        if whole:
            names += [
                "div",
                "rem",
                "right",
                "left",
                "and",
                "or",
                "xor",
                "abs",
                "logical",
                "narrow",
                "div",
                "rem",
                "not",
            ]
        else:
            names += ["floor", "ceil"]
        if self.shape:
            names += [
                "reduce_max",
                "cummax",
                "cummin",
                "rev",
                "row",
                "scalar",
                "cumsum",
                "reduce_sum",
                "barrier",
                "reshape",
            ]
        name = rng.choice(names)
        n = self.number(rng.randint(-3, 9))
        wraps = rng.random() < 0.15
        if name in ("add", "sub", "max", "min", "and", "or", "xor"):
            other = n if rng.random() < 0.3 else y
            pair = (x, other) if rng.random() < 0.8 else (other, x)
            return self.apply(name, pair, kind, wraps=wraps)
        if name in ("neg", "copy", "abs", "not", "floor", "ceil"):
            return self.apply(name, (x,), kind, wraps=wraps)
        if name == "mul":
            return self.apply(name, (x, n if rng.random() < 0.8 else y), kind, wraps=wraps)
        if name in ("div", "rem"):
            divisor = self.number(rng.choice((1, 2, 3, 4, 7, -1, -2, -3)))
            return self.apply(name, (x, divisor), kind)
        if name in ("right", "left", "logical"):
            long = {"right": "shift_right_arithmetic", "left": "shift_left", "logical": "shift_right_logical"}[name]
            count = self.number(rng.randint(0, 3))
            if rng.random() < 0.3:
                count = self.apply("and", (y, self.number(3)), kind)
            return self.apply(long, (x, count), kind, wraps=wraps)
        if name == "select":
            which = self.apply(rng.choice(("lt", "le", "eq", "ge")), (x, y), Kind(self.shape, BOOL))
            cases = rng.choice(((x, y), (y, x), (x, n), (n, y)))
            return self.apply("select_n", (which, *cases), kind)
        if name == "clamp":
            low = rng.randint(-3, 4)
            return self.apply(name, (self.number(low), x, self.number(low + rng.randint(0, 5))), kind)
        if name == "narrow":
            wide = Kind(self.shape, np.dtype(rng.choice(("int16", "uint8", "int8"))))
            params = {"weak_type": False, "sharding": None}
            there = self.apply("convert_element_type", (x,), wide, new_dtype=wide.dtype, **params)
            return self.apply("convert_element_type", (there,), kind, new_dtype=self.dtype, **params)
        return self.structural(name, x, kind)

    def structural(self, name: str, x: Made, kind: Kind) -> Made:
        rng, rank = self.rng, len(self.shape)
        axis = rng.randrange(rank)
        if name in ("cummax", "cummin", "cumsum"):
            return self.apply(name, (x,), kind, axis=axis, reverse=rng.random() < 0.5)
        if name == "rev":
            return self.apply(name, (x,), kind, dimensions=(axis,))
        if name == "barrier":
            return self.apply("optimization_barrier", (x,), kind)
        if name in ("reduce_max", "reduce_sum"):
            axes = (axis,) if rng.random() < 0.5 else tuple(range(rank))
            kept = tuple(i for i in range(rank) if i not in axes)
            small = Kind(tuple(self.shape[i] for i in kept), self.dtype)
            found = self.apply(name, (x,), small, axes=axes, out_sharding=None)
            dims = kept if rng.random() < 0.7 or len(kept) != 1 else (1 - kept[0],)
            return self.broadcast(found, dims)
        if name == "row":
            start, limit = [0] * rank, list(self.shape)
            start[axis], limit[axis] = (i := rng.randint(0, 1)), i + 1
            shape = tuple(b - a for a, b in zip(start, limit, strict=True))
            params = {"start_indices": tuple(start), "limit_indices": tuple(limit), "strides": None}
            part = self.apply("slice", (x,), Kind(shape, self.dtype), **params)
            return self.broadcast(part, tuple(range(rank)))
        if name == "scalar":
            params = {"start_indices": (0,) * rank, "limit_indices": (1,) * rank, "strides": None}
            part = self.apply("slice", (x,), Kind((1,) * rank, self.dtype), **params)
            return self.apply("squeeze", (part,), Kind((), self.dtype), dimensions=tuple(range(rank)))
        flat = self.apply("reshape", (x,), Kind((1, *self.shape), self.dtype), new_sizes=(1, *self.shape),
                          dimensions=None, sharding=None)  # fmt: skip
        return self.apply("squeeze", (flat,), kind, dimensions=(0,))

    def broadcast(self, x: Made, dims: Sequence[int]) -> Made:
        params = {"shape": self.shape, "broadcast_dimensions": tuple(dims), "sharding": None}
        return self.apply("broadcast_in_dim", (x,), Kind(self.shape, self.dtype), **params)

    def like(self, x: Made) -> Made:
        """The value as an array, or now and then left as a number, which JAX lets stand beside arrays."""
        if x.value.kind.shape == self.shape or self.rng.random() < 0.5:
            return self.broadcast(x, ()) if x.value.kind.shape != self.shape else x
        return self.broadcast(x, ())

    def number(self, n: int) -> Made:
        n = max(n, 0) if self.dtype == UINT8 else n
        array = np.asarray(n, self.dtype)
        count = len(self.made[0].x)
        wide = np.full(count, n, np.float64 if self.dtype == BF16 else np.int64)
        return Made(Value(Kind((), self.dtype), range_of(array), constant=array), wide, np.zeros(count, bool))

    def apply(self, name: str, operands: Sequence[Made], kind: Kind, wraps: bool = False, **params: Any) -> Made:
        if name == "optimization_barrier":
            value = concluded(name, [x.value for x in operands], kind, **params)
        else:
            value = concluded(name, [x.value for x in operands], kind, wraps, **params)
        call = Call(params, [x.value.kind for x in operands], (kind,))
        rows = []
        spoilt = np.logical_or.reduce([x.spoilt for x in operands])
        for i in range(len(operands[0].x)):
            arrays = [x.x[i] for x in operands]
            if name in reference.ELEMENTWISE and name != "select_n":
                arrays = list(np.broadcast_arrays(*arrays))
            elif name == "select_n":
                arrays = [np.broadcast_to(a, kind.shape) for a in arrays]
            (x,), (undefined,) = reference.apply(name, call, arrays)
            unfit = ~reference.fits(x, kind.dtype) & (not wraps or kind.dtype == BF16)
            spoilt[i] |= (undefined | unfit).any()
            rows.append(x if kind.dtype == BF16 else reference.wrapped(x, kind.dtype))
        return Made(value, np.stack(rows), spoilt)


def _rows(pool: Sequence[int], size: int) -> np.ndarray:
    return grid_of_samples([np.array(pool)] * size)[0][:, None] if size == 1 else np.stack(
        grid_of_samples([np.array(pool)] * size), 1
    )  # fmt: skip


def judge(number: int) -> tuple[int, int]:
    """Compares all pairs of values of an expression; says how many bounds were better than those of intervals."""
    made, better, worked = Expressions(number).made, 0, 0
    for a in made:
        assert_in_range(number, a)
        for b in made:
            if a is b or a.value.kind.dtype != b.value.kind.dtype or a.value.pending or b.value.pending:
                continue
            sound = ~(a.spoilt | b.spoilt)
            x, y = (z[sound].reshape(-1, *shape_beside(z, w)) for z, w in ((a.x, b.x), (b.x, a.x)))
            apart, together = x - y, x + y
            if not apart.size:
                continue
            least = relations.least_difference(a.value, b.value)
            where = f"Expressions({number}): {a.value} and {b.value}"
            if least is not None:
                assert least <= Fraction(float(apart.min())), f"{where}: {least}, but {apart.min()}"
                x, y = a.value.interval, b.value.interval
                by_range = x.low * Fraction(2) ** x.grid - y.high * Fraction(2) ** y.grid
                better += least > by_range
            most = relations.greatest_sum(a.value, b.value)
            assert most is None or most >= Fraction(float(together.max())), f"{where}: {most}, but {together.max()}"
            found = relations.enumerated_difference(a.value, b.value)
            if found is not None:
                worked += 1
                assert found.low <= apart.min() and apart.max() <= found.high, f"{where}: {found}, but {apart}"
    return better, worked


def shape_beside(x: np.ndarray, y: np.ndarray) -> tuple[int, ...]:
    """The shape of each row, with axes as another has them if it is a number."""
    return x.shape[1:] if x.ndim >= y.ndim else (1,) * (y.ndim - 1)


def assert_in_range(number: int, a: Made) -> None:
    if a.value.pending or not isinstance(a.value.range, Interval):
        return
    unit, x = 2.0**a.value.interval.grid, a.x[~a.spoilt]
    inside = (x >= a.value.interval.low * unit) & (x <= a.value.interval.high * unit)
    assert inside.all(), f"Expressions({number}): {a.value} is also {x[~inside]}"


@pytest.mark.slow
def test_what_is_known_of_two_values_is_true() -> None:
    with annotations_unchecked():
        better, worked = np.sum([judge(number) for number in range(PROGRAMS)], axis=0)
    assert better > PROGRAMS and worked > PROGRAMS / 2


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("shard", range(1, 41))
def test_what_is_known_of_two_values_is_true_of_many(shard: int) -> None:
    with annotations_unchecked():
        for number in range(shard * 5000, (shard + 1) * 5000):
            judge(number)
