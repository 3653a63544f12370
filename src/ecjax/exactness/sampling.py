"""Arrays to try a function with: the corners of what an argument may be, and random numbers between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ecjax.exactness.domain import Interval, top

_MASK = (1 << 64) - 1


class Source(NamedTuple):
    """What an argument may be.

    Attributes:
      shape: Its shape.
      dtype: Its dtype: truth values, integers, or floats.
      bounds: Where its numbers lie; None of floats that may be anything.
      given: The array that was given for it, if one was.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    bounds: Interval | None
    given: np.ndarray | None


def source(argument: Any, bounds: Interval | None, name: str) -> Source:
    """What an argument may be: its bounds, or all that its dtype holds.

    Args:
      argument: An array, or a `jax.ShapeDtypeStruct`.
      bounds: Where its numbers lie, if that is known. They fit its dtype.
      name: Its name, for the error.

    Raises:
      ValueError: If the dtype is neither one of truth values nor of integers nor of floats.
    """
    dtype = argument.dtype
    if not (dtype == np.bool_ or any(jnp.issubdtype(dtype, kind) for kind in (jnp.integer, jnp.floating))):
        raise ValueError(
            f"{name} is of {dtype}, of which trial draws no samples; it can be of integers, floats or truth values"
        )
    dtype = np.dtype(jax.dtypes.canonicalize_dtype(dtype))
    if bounds is None and not jnp.issubdtype(dtype, jnp.floating):
        everything = top(dtype)
        bounds = everything if isinstance(everything, Interval) else None
    given = None if isinstance(argument, jax.ShapeDtypeStruct) else np.asarray(argument).astype(dtype)
    return Source(tuple(argument.shape), dtype, bounds, given)


def draw(sources: Sequence[Source], count: int, seed: int) -> list[list[np.ndarray]]:
    """Samples of all arguments.

    The arrays that were given come first, then all low, all high, all as near to 0 as can be, alternating corners. The
    others are of a random kind, each argument of its own: a mix of corners, numbers near them, any numbers. Of floats
    that may be anything the corners are NaNs (quiet, signalling, with payloads), infinities, subnormals, both zeros and
    the largest and least numbers, and any numbers are any bits. Zeros of floats with bounds get a sign by chance.

    Args:
      sources: What the arguments may be.
      count: How many samples.
      seed: Of the random numbers: the same seed gives the same samples.

    Returns:
      `count` samples, each an array for each argument.
    """
    rng = np.random.default_rng(seed)
    numbers = [_Bounded(s, rng) if s.bounds is not None else _Floats(s, rng) for s in sources]
    return list(itertools.islice(_samples(sources, numbers, rng), count))


def _samples(
    sources: Sequence[Source], numbers: Sequence[_Bounded | _Floats], rng: np.random.Generator
) -> Iterator[list[np.ndarray]]:
    if any(s.given is not None for s in sources):
        yield [n.low() if s.given is None else s.given for s, n in zip(sources, numbers, strict=True)]
    yield [n.low() for n in numbers]
    yield [n.high() for n in numbers]
    yield [n.zero() for n in numbers]
    yield [n.alternating(0) for n in numbers]
    yield [n.alternating(1 + i) for i, n in enumerate(numbers)]
    for turn in itertools.count():
        # By turns all arguments of one kind, and each of its own.
        kinds = [turn // 2 % 4] * len(numbers) if turn % 2 == 0 else rng.integers(4, size=len(numbers)).tolist()
        yield [_kinds(n, turn)[kind]() for n, kind in zip(numbers, kinds, strict=True)]


def _kinds(n: _Bounded | _Floats, turn: int) -> tuple[Callable[[], np.ndarray], ...]:
    return n.corners, n.near, n.any, lambda: n.alternating(turn)


class _Bounded:
    """Numbers of an argument with bounds, counted in steps of the grid from the lowest, modulo 2**64."""

    def __init__(self, of: Source, rng: np.random.Generator) -> None:
        assert of.bounds is not None
        self.of, self.rng, self.bounds = of, rng, of.bounds
        self.span = of.bounds.high - of.bounds.low
        self.zero_at = min(max(0, -of.bounds.low), self.span)

    def low(self) -> np.ndarray:
        return self._fill(0)

    def high(self) -> np.ndarray:
        return self._fill(self.span)

    def zero(self) -> np.ndarray:
        return self._fill(self.zero_at)

    def alternating(self, turn: int) -> np.ndarray:
        return self._array(np.array([0, self.span], np.uint64)[(self._places() + turn) % 2])

    def corners(self) -> np.ndarray:
        return self._signs(self._array(self.rng.choice(self._anchors(), self.of.shape)))

    def near(self) -> np.ndarray:
        """Anchors, and from each of them a distance that has a random number of bits."""
        exponents = self.rng.uniform(0, np.log2(float(self.span + 1)), self.of.shape)
        distance = np.minimum(np.exp2(exponents), np.nextafter(2.0**64, 0)).astype(np.uint64) - np.uint64(1)
        anchors = self.rng.choice(self._anchors(), self.of.shape)
        up = np.where(anchors == 0, True, np.where(anchors == self.span, False, self.rng.random(self.of.shape) < 0.5))
        room = np.where(up, np.uint64(self.span) - anchors, anchors)
        distance = np.minimum(distance, room)
        return self._signs(self._array(np.where(up, anchors + distance, anchors - distance)))

    def any(self) -> np.ndarray:
        return self._signs(self._array(self.rng.integers(0, self.span, self.of.shape, np.uint64, endpoint=True)))

    def _anchors(self) -> np.ndarray:
        return np.array([0, self.span, self.zero_at], np.uint64)

    def _places(self) -> np.ndarray:
        return np.arange(int(np.prod(self.of.shape, dtype=int))).reshape(self.of.shape)

    def _fill(self, steps: int) -> np.ndarray:
        return self._array(np.full(self.of.shape, steps, np.uint64))

    def _array(self, steps: Any) -> np.ndarray:
        low, _, grid = self.bounds
        numbers = np.asarray(np.asarray(steps, np.uint64) + np.array([low & _MASK], np.uint64)).reshape(self.of.shape)
        if low < 0:
            numbers = numbers.view(np.int64)
        if jnp.issubdtype(self.of.dtype, jnp.floating):
            return np.asarray(np.ldexp(numbers.astype(np.float64), grid)).astype(self.of.dtype)
        return np.asarray(numbers << np.asarray(grid, numbers.dtype)).astype(self.of.dtype)

    def _signs(self, numbers: np.ndarray) -> np.ndarray:
        if not jnp.issubdtype(numbers.dtype, jnp.floating):
            return numbers
        return np.where((numbers == 0) & (self.rng.random(numbers.shape) < 0.5), -numbers, numbers)


class _Floats:
    """Floats of which nothing is known."""

    def __init__(self, of: Source, rng: np.random.Generator) -> None:
        self.of, self.rng = of, rng
        self.info = jnp.finfo(of.dtype)
        self.bits = np.dtype(f"u{of.dtype.itemsize}")
        self.special = self._special()

    def low(self) -> np.ndarray:
        return np.full(self.of.shape, self.info.min, self.of.dtype)

    def high(self) -> np.ndarray:
        return np.full(self.of.shape, self.info.max, self.of.dtype)

    def zero(self) -> np.ndarray:
        return np.zeros(self.of.shape, self.of.dtype)

    def alternating(self, turn: int) -> np.ndarray:
        places = np.arange(int(np.prod(self.of.shape, dtype=int))).reshape(self.of.shape)
        return np.asarray(self.special[(places + turn) % self.special.size])

    def corners(self) -> np.ndarray:
        return np.asarray(self.rng.choice(self.special, self.of.shape))

    def near(self) -> np.ndarray:
        """Normal numbers of all magnitudes, of both signs."""
        exponents = self.rng.uniform(float(self.info.minexp), float(self.info.maxexp) - 1, self.of.shape)
        signs = self.rng.choice([-1.0, 1.0], self.of.shape)
        return np.asarray(signs * np.exp2(exponents)).astype(self.of.dtype)

    def any(self) -> np.ndarray:
        """Half of the time any bits, else numbers such as people use."""
        if self.rng.random() < 0.5:
            bits = self.rng.integers(0, np.iinfo(self.bits).max, self.of.shape, np.uint64, endpoint=True)
            return np.asarray(bits).astype(self.bits).view(self.of.dtype)
        return np.asarray(self.rng.normal(0, 4, self.of.shape)).astype(self.of.dtype)

    def _special(self) -> np.ndarray:
        # By their bits: what makes a float of a signalling NaN may make it a quiet one.
        quiet = 1 << (self.info.nmant - 1)
        infinity = int(np.array(np.inf, self.of.dtype).view(self.bits))
        payloads = [infinity | quiet, infinity | quiet | 1, infinity | 1, infinity | quiet - 1]
        magnitudes = [0, 1, quiet, int(np.array(self.info.tiny, self.of.dtype).view(self.bits)), infinity, *payloads]
        magnitudes += [int(np.array(x, self.of.dtype).view(self.bits)) for x in (1, self.info.max)]
        sign = 1 << (8 * self.of.dtype.itemsize - 1)
        return np.array([m | s for m in magnitudes for s in (0, sign)], self.bits).view(self.of.dtype)
