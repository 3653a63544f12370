"""What the two corpora of this folder are written with.

`unsound.py` has functions that are not exact, `sound.py` those that are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ecjax.exactness import Audit, audit, within


@dataclass(frozen=True)
class Bounded:
    """An argument that `within` is to bound, kept as it was said, so that a test can draw numbers for it."""

    tree: Any
    low: float
    high: float
    step: float = 1


class Case(NamedTuple):
    """A function and its arguments.

    Attributes:
      fn: The function.
      args: Its arguments, as `audit` takes them but for `Bounded`.
      x64: Whether it is traced with 64-bit numbers.
      most: The largest integer to run it with, if it would take too long with larger ones.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    x64: bool = False
    most: int | None = None

    def audit(self) -> Audit:
        """Its audit. Raises ValueError if the arguments are impossible."""
        with jax.enable_x64(True) if self.x64 else contextlib.nullcontext():
            return audit(self.fn, *jax.tree.map(_within, self.args, is_leaf=_is_bounded))


def _is_bounded(x: Any) -> bool:
    return isinstance(x, Bounded)


def _within(x: Any) -> Any:
    return within(x.tree, x.low, x.high, x.step) if isinstance(x, Bounded) else x


Cases = dict[str, Callable[[], Case]]
"""Cases by name, each built when it is asked for: arrays take a while to make, and arguments may be impossible."""


def case(fn: Callable[..., Any], *args: Any, x64: bool = False, most: int | None = None) -> Case:
    return Case(fn, args, x64, most)


def array(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def bounded(dtype: Any, low: float, high: float, *shape: int, step: float = 1) -> Bounded:
    return Bounded(array(dtype, *shape), low, high, step)


def i32(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.int32, *shape)


def u32(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.uint32, *shape)


def u8(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.uint8, *shape)


def i8(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.int8, *shape)


def f32(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.float32, *shape)


def ints(low: int, high: int, *shape: int) -> Bounded:
    return bounded(jnp.int32, low, high, *shape)


def words(low: int, high: int, *shape: int) -> Bounded:
    return bounded(jnp.uint32, low, high, *shape)


def floats(low: float, high: float, *shape: int, step: float = 1) -> Bounded:
    return bounded(jnp.float32, low, high, *shape, step=step)


def to_int(x: Any) -> jax.Array:
    """Float results as integers that show each bit of theirs, or nearly: results that are floats may hide little."""
    return jnp.floor(x * 65536).astype(jnp.int32)


def numbers(*values: float, dtype: Any = np.int32) -> np.ndarray:
    return np.array(values, dtype)
