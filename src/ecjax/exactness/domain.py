"""What the audit knows of a value: the numbers that it may hold.

An `Interval` holds the multiples of `2**grid` from `low * 2**grid` to `high * 2**grid`, all in Python integers. The
grid is 0 for integers and booleans. For floats it is what exactness rests on: numbers on a grid of which none exceeds
`2**p` steps, p being the bits of the significand, are added and multiplied without rounding, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ecjax.exactness.hardware import INTEGERS, Format, format_of


class Interval(NamedTuple):
    """The multiples of `2**grid` from `low * 2**grid` to `high * 2**grid`."""

    low: int
    high: int
    grid: int = 0

    def on(self, grid: int) -> Interval:
        """The same numbers in steps of a finer grid, or 0 on any."""
        shift = self.grid - grid if self.magnitude else 0
        return Interval(self.low << shift, self.high << shift, grid)

    @property
    def magnitude(self) -> int:
        """The largest absolute value, in steps of the grid."""
        return max(abs(self.low), abs(self.high))

    @property
    def single(self) -> bool:
        """Whether it holds one number only."""
        return self.low == self.high

    def __contains__(self, other: object) -> bool:
        if not isinstance(other, Interval):
            return False
        mine, theirs = align(self, other)
        if mine.grid < self.grid and theirs.magnitude and self.magnitude:
            return False
        return mine.low <= theirs.low and theirs.high <= mine.high

    def __str__(self) -> str:
        unit = "" if not self.grid else f" * 2**{self.grid}"
        return f"{_power(self.low)}..{_power(self.high)}{unit}" if not self.single else f"{_power(self.low)}{unit}"


@dataclass(frozen=True)
class Refusal:
    """An equation that the audit could not prove exact.

    Attributes:
      equation: The primitive, with shapes and dtypes.
      reason: What may happen.
      where: The user's line, as `file:line (function)`.
    """

    equation: str
    reason: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.equation}: {self.reason}"


@dataclass(frozen=True)
class Unknown:
    """A float of which nothing is known: NaN, infinite, subnormal or inexact.

    Attributes:
      refusals: What has been refused on the way to it. If there is nothing, it was only moved about so far, and the
        first operation on it will be refused. So nothing known is made of it without a refusal.
    """

    refusals: frozenset[Refusal] = frozenset()

    def __str__(self) -> str:
        return "refused" if self.refusals else "any float"


Range = Interval | Unknown


class Kind(NamedTuple):
    """Shape and dtype of a value. A key's dtype is none of numpy's."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


def align(a: Interval, b: Interval) -> tuple[Interval, Interval]:
    """Both on the finer grid of the two."""
    if a.grid == b.grid:
        return a, b
    grid = common_grid((a, b))
    return a.on(grid), b.on(grid)


def common_grid(intervals: Iterable[Interval]) -> int:
    """The finest grid; 0 is on every grid and has no say."""
    intervals = tuple(intervals)
    return min((r.grid for r in intervals if r.magnitude), default=min(r.grid for r in intervals))


def total(a: Interval, b: Interval) -> Interval:
    """All sums of two numbers."""
    x, y = align(a, b)
    return Interval(x.low + y.low, x.high + y.high, x.grid)


def product(a: Interval, b: Interval) -> Interval:
    """All products of two numbers."""
    corners = hull(x * y for x in (a.low, a.high) for y in (b.low, b.high))
    return Interval(corners.low, corners.high, a.grid + b.grid)


def negative(a: Interval) -> Interval:
    """All negatives."""
    return Interval(-a.high, -a.low, a.grid)


def join(*ranges: Range) -> Range:
    """The least range that contains all of `ranges`."""
    unknown = [r for r in ranges if isinstance(r, Unknown)]
    if unknown:
        return Unknown(frozenset().union(*(r.refusals for r in unknown)))
    intervals = [r for r in ranges if isinstance(r, Interval)]
    grid = common_grid(intervals)
    return Interval(min(r.on(grid).low for r in intervals), max(r.on(grid).high for r in intervals), grid)


def meet(a: Range, b: Range) -> Range | None:
    """What both contain, or None for nothing. Of two grids the coarser stays."""
    if isinstance(a, Unknown):
        return b
    if isinstance(b, Unknown):
        return a
    grid = max(a.grid, b.grid)
    x, y = align(a, b)
    low, high, shift = max(x.low, y.low), min(x.high, y.high), grid - x.grid
    if shift:
        low, high = -(-low >> shift), high >> shift
    return Interval(low, high, grid) if low <= high else None


def within_range(inner: Range, outer: Range) -> bool:
    """Whether `outer` contains all of `inner`."""
    if isinstance(inner, Interval) and isinstance(outer, Interval):
        return inner in outer
    if isinstance(inner, Unknown) and isinstance(outer, Unknown):
        # What was refused on the way must not be forgotten.
        return bool(outer.refusals) or not inner.refusals
    return isinstance(outer, Unknown)


@cache
def is_float(dtype: Any) -> bool:
    """Whether a dtype is one of floats whose arithmetic the audit knows."""
    return format_of(dtype.name) is not None


@cache
def _format(dtype: np.dtype) -> Format:
    found = format_of(dtype.name)
    assert found is not None, f"{dtype} is no float whose arithmetic is known"
    return found


@cache
def has_arithmetic(dtype: Any) -> bool:
    """Whether the backends are known to compute with a dtype, and not only to move it."""
    return dtype.name == "bool" or dtype.name in INTEGERS or is_float(dtype)


@cache
def is_signed(dtype: np.dtype) -> bool:
    """Whether a dtype is one of signed integers."""
    return jnp.issubdtype(dtype, jnp.signedinteger)


@cache
def bits_of(dtype: np.dtype) -> int:
    """Width of an integer dtype."""
    return jnp.iinfo(dtype).bits


@cache
def top(dtype: Any) -> Range:
    """Everything that a dtype can hold."""
    if dtype == np.bool_:
        return Interval(0, 1)
    if jnp.issubdtype(dtype, jnp.integer):
        info = jnp.iinfo(dtype)
        return Interval(int(info.min), int(info.max))
    return Unknown()


def misfit(interval: Interval, dtype: Any) -> str | None:
    """Why not every number of an interval is held exactly by `dtype`, and so sums in any order may not be; or None."""
    if not is_float(dtype):
        limits = top(dtype)
        if isinstance(limits, Unknown):
            return f"is of {dtype.name}, of which the audit knows nothing"
        if interval.grid < 0:
            return f"may have a fraction, which {dtype.name} has not"
        interval = interval.on(0)
        if interval.high > limits.high:
            return f"may reach {_power(interval.high)}, above {dtype.name}"
        if interval.low < limits.low:
            return f"may reach {_power(interval.low)}, below {dtype.name}"
        return None
    significand, least, most = _format(dtype)
    if not interval.magnitude:
        return None
    if interval.magnitude > 1 << significand:
        steps = f" steps of 2**{interval.grid}" if interval.grid else ""
        return f"may reach {_power(interval.magnitude)}{steps}, above 2**{significand}, and {dtype.name} then rounds"
    if interval.grid < least:
        return f"may be a multiple of 2**{interval.grid}, which is subnormal in {dtype.name}"
    if interval.magnitude.bit_length() + interval.grid > most:
        return f"may reach 2**{interval.magnitude.bit_length() + interval.grid}, above {dtype.name} as it is proved of"
    return None


def range_of(array: np.ndarray) -> Range:
    """The range of known elements."""
    dtype = array.dtype
    if not is_float(dtype):
        if dtype != np.bool_ and not jnp.issubdtype(dtype, jnp.integer):
            return Unknown()
        return Interval(int(array.min()), int(array.max())) if array.size else Interval(0, 0)
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        return Unknown()
    if not wide.any():
        return Interval(0, 0)
    mantissas, exponents = np.frexp(wide[wide != 0])
    whole = (mantissas * 2.0**53).astype(np.int64)
    grid = int((np.frexp((whole & -whole).astype(np.float64))[1] - 1 + exponents - 53).min())
    # The steps may be too many for exact sums: the first operation will say so.
    steps = [Fraction(float(x)) / Fraction(2) ** grid for x in (wide.min(), wide.max())]
    return Unknown() if grid < _format(dtype).least else Interval(int(steps[0]), int(steps[1]), grid)


def _power(x: int) -> str:
    """A number as people like to read it: near a power of two, by that."""
    near = abs(x).bit_length()
    for exponent in (near - 1, near):
        difference = abs(x) - (1 << exponent) if exponent >= 0 else None
        if exponent >= 14 and difference is not None and abs(difference) <= 4:
            sign = "-" if x < 0 else ""
            tail = f" {'+' if difference > 0 else '-'} {abs(difference)}" if difference else ""
            return f"{sign}2**{exponent}{tail}" if not tail or not sign else f"-(2**{exponent}{tail})"
    return str(x)


def hull(values: Iterable[int]) -> Interval:
    """The interval of some integers or truth values."""
    values = [int(x) for x in values]
    return Interval(min(values), max(values))
