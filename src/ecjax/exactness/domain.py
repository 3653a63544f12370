"""What the audit knows of a value: the numbers it may hold, and the equation that made it.

An `Interval` holds the multiples of `2**grid` from `low * 2**grid` to `high * 2**grid`, all in Python integers. The
grid is 0 for integers and booleans. For floats it is what exactness rests on: numbers on a grid of which none exceeds
`2**p` steps, p being the bits of the significand, are added and multiplied without rounding, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

# Significand bits (the hidden one included), least exponent of a normal number, bits below which all numbers lie.
_FLOATS = {
    "float16": (11, -14, 16),
    "bfloat16": (8, -126, 128),
    "float32": (24, -126, 128),
    "float64": (53, -1022, 1024),
}


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
            return NotImplemented
        mine, theirs = align(self, other)
        if mine.grid < self.grid and theirs.magnitude and self.magnitude:
            return False
        return mine.low <= theirs.low and theirs.high <= mine.high

    def __str__(self) -> str:
        unit = "" if not self.grid else f" * 2**{self.grid}"
        return f"{_power(self.low)}..{_power(self.high)}{unit}" if not self.single else f"{_power(self.low)}{unit}"


class Unknown(Enum):
    """A float of which nothing is known: NaN, infinite, subnormal or inexact."""

    ANY = "any float"  # nobody has complained yet: the first operation on it will be refused
    REFUSED = "refused"  # it comes from an equation that was refused


Range = Interval | Unknown


class Kind(NamedTuple):
    """Shape and dtype of a value."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


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


@dataclass(eq=False, frozen=True)
class Value:
    """A value of the audited function.

    Attributes:
      kind: Its shape and dtype.
      range: Numbers that its elements may be.
      definition: The equation that computed it, or None for inputs, constants and what loops carry.
      pending: Refusals that count once the value is used: a `where` may still discard the elements they are about.
      constant: Its elements, if they are known.
    """

    kind: Kind
    range: Range
    definition: Definition | None = field(default=None, repr=False)
    pending: frozenset[Refusal] = frozenset()
    constant: np.ndarray | None = None

    @property
    def interval(self) -> Interval:
        """The range of a value that the interpreter has found to have an interval."""
        assert isinstance(self.range, Interval)
        return self.range

    def narrowed(self, interval: Range, **changes: Any) -> Value:
        """The same value with a smaller range."""
        return replace(self, range=interval, **changes)


@dataclass(eq=False, frozen=True)
class Definition:
    """How a value came about: an equation, and the values it was applied to."""

    step: Step
    operands: tuple[Value, ...]


@dataclass(frozen=True)
class Step:
    """An equation in its context, as the rules see it: they add to `reasons` what they cannot prove.

    Attributes:
      name: The primitive's.
      params: The primitive's parameters.
      outputs: Shapes and dtypes of the results.
      wrapping: Whether it was declared to wrap.
      declared: The bounds that the equation declares of its operand, if it is such a declaration.
      text: The equation, for people.
      where: Its line, for people.
      reasons: What could not be proved.
    """

    name: str
    params: dict[str, Any]
    outputs: tuple[Kind, ...]
    wrapping: bool
    declared: Interval | None
    text: str
    where: str
    reasons: list[str] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """Shape and dtype of the first result."""
        return self.outputs[0]

    def refuse(self, reason: str) -> None:
        """Says that the equation may not be exact, and why."""
        self.reasons.append(reason)

    def fit(self, exact: Interval, what: str = "the result") -> Range:
        """The range of a result that is `exact` if it fits; refused if it does not, unless declared to wrap."""
        dtype = self.kind.dtype
        reason = misfit(exact, dtype)
        if reason is None:
            return exact
        if is_float(dtype):
            self.refuse(f"{what} {reason}")
            return Unknown.REFUSED
        if self.wrapping and not exact.grid:
            return top(dtype)
        self.refuse(f"{what} {reason}")
        # One fault, one refusal: what follows is judged as if this had been right.
        return meet(exact, top(dtype)) or top(dtype)

    def give_up(self, reason: str) -> Range:
        """Refuses the equation; of its result nothing is known."""
        self.refuse(reason)
        return Unknown.REFUSED if is_float(self.kind.dtype) else top(self.kind.dtype)

    def afresh(self) -> Step:
        """The same step with nothing refused yet."""
        return replace(self, reasons=[])

    def refusals(self) -> frozenset[Refusal]:
        """The reasons as refusals."""
        return frozenset(Refusal(self.text, reason, self.where) for reason in self.reasons)


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


def join(*ranges: Range) -> Range:
    """The least range that contains all of `ranges`."""
    unknown = [r for r in ranges if isinstance(r, Unknown)]
    if unknown:
        return Unknown.ANY if Unknown.ANY in unknown else Unknown.REFUSED
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
    return isinstance(outer, Unknown)


def is_float(dtype: np.dtype) -> bool:
    """Whether a dtype is one of floats whose arithmetic the audit knows."""
    return dtype.name in _FLOATS


def is_signed(dtype: np.dtype) -> bool:
    """Whether a dtype is one of signed integers."""
    return jnp.issubdtype(dtype, jnp.signedinteger)


def bits_of(dtype: np.dtype) -> int:
    """Width of an integer dtype."""
    return jnp.iinfo(dtype).bits


def top(dtype: np.dtype) -> Range:
    """Everything that a dtype can hold."""
    if dtype == np.bool_:
        return Interval(0, 1)
    if jnp.issubdtype(dtype, jnp.integer):
        info = jnp.iinfo(dtype)
        return Interval(int(info.min), int(info.max))
    return Unknown.ANY


def misfit(interval: Interval, dtype: np.dtype) -> str | None:
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
    significand, least, bits = _FLOATS[dtype.name]
    if not interval.magnitude:
        return None
    if interval.magnitude > 1 << significand:
        steps = f" steps of 2**{interval.grid}" if interval.grid else ""
        return f"may reach {_power(interval.magnitude)}{steps}, above 2**{significand}, and {dtype.name} then rounds"
    if interval.grid < least:
        return f"may be a multiple of 2**{interval.grid}, which is subnormal in {dtype.name}"
    if interval.magnitude.bit_length() + interval.grid > bits:
        return f"may reach 2**{interval.magnitude.bit_length() + interval.grid}, above {dtype.name}"
    return None


def range_of(array: np.ndarray) -> Range:
    """The range of known elements."""
    dtype = array.dtype
    if not is_float(dtype):
        if dtype != np.bool_ and not jnp.issubdtype(dtype, jnp.integer):
            return Unknown.ANY
        return Interval(int(array.min()), int(array.max())) if array.size else Interval(0, 0)
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        return Unknown.ANY
    if not wide.any():
        return Interval(0, 0)
    mantissas, exponents = np.frexp(wide[wide != 0])
    whole = (mantissas * 2.0**53).astype(np.int64)
    grid = int((np.frexp((whole & -whole).astype(np.float64))[1] - 1 + exponents - 53).min())
    # The steps may be too many for exact sums: the first operation will say so.
    steps = [Fraction(float(x)) / Fraction(2) ** grid for x in (wide.min(), wide.max())]
    return Unknown.ANY if grid < _FLOATS[dtype.name][1] else Interval(int(steps[0]), int(steps[1]), grid)


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
