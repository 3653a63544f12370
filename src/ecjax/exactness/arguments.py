"""Arguments of `audit` and `trial`: what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ecjax.exactness.domain import Interval, is_float, misfit


@dataclass(frozen=True)
class Bounded:
    """An argument with bounds, as `within` makes it.

    Attributes:
      struct: Its shape and dtype.
      range: The numbers that it stands for.
    """

    struct: jax.ShapeDtypeStruct
    range: Interval


def within(tree: PyTree[Any], low: int | float, high: int | float, step: int | float = 1) -> PyTree[Any]:
    """Arguments for `audit` and `trial` whose numbers are known to lie in bounds.

    Args:
      tree: Arrays or `jax.ShapeDtypeStruct`s; their values do not matter. What is neither stays as it is.
      low: The least number.
      high: The greatest number, in the bounds as well.
      step: A power of two of which all numbers are multiples. Of integers it is 1.

    Returns:
      The tree, its arrays with bounds.

    Raises:
      ValueError: If there is no such number, or the dtype does not hold them all. That is the dtype which JAX makes of
        it: int32 of int64 where x64 is off.
    """
    for what, number in {"low": low, "high": high, "step": step}.items():
        if not isinstance(number, (int, float, np.integer, np.floating)) or not np.isfinite(number):
            raise ValueError(f"{what} must be a finite number, got {number!r}")
    grid, least, most = Fraction(step), Fraction(low), Fraction(high)
    if grid <= 0 or grid.numerator & (grid.numerator - 1) or grid.denominator & (grid.denominator - 1):
        raise ValueError(f"step must be a power of two, got {step}")
    if least > most:
        raise ValueError(f"the lower bound comes first: got {low} and {high}")
    ends = [least / grid, most / grid]
    if any(end.denominator != 1 for end in ends):
        raise ValueError(
            f"bounds must be multiples of step, {step}: got {low} and {high}; for floats give a finer "
            "step, such as step=2**-10"
        )
    interval = Interval(int(ends[0]), int(ends[1]), grid.numerator.bit_length() - grid.denominator.bit_length())
    found: list[Bounded] = []

    def bound(leaf: Any) -> Any:
        if not varies(leaf):
            return leaf
        struct = leaf.struct if isinstance(leaf, Bounded) else jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        if interval.grid and not is_float(struct.dtype):
            raise ValueError(f"step must be 1 for {struct.dtype}, got {step}")
        check_holds(interval, struct.dtype)
        found.append(Bounded(struct, interval))
        return found[-1]

    bounded = jax.tree.map(bound, tree)
    if not found:
        raise ValueError("there is no array to bound: give arrays or jax.ShapeDtypeStructs")
    return bounded


def check_holds(interval: Interval, dtype: Any) -> None:
    """Raises ValueError unless the dtype that JAX makes of `dtype` holds all numbers of an interval."""
    held = jax.dtypes.canonicalize_dtype(dtype) if isinstance(dtype, np.dtype) else dtype
    if reason := misfit(interval, held):
        hint = f" (JAX turns {dtype} into {held} while x64 is off)" if held != dtype else ""
        raise ValueError(f"{dtype} does not have these bounds: a number {reason}{hint}")


def check_argument(leaf: Any) -> None:
    """Raises ValueError unless the dtype that JAX makes of an argument holds all that it stands for.

    An array of NumPy stands for those of the dtype that JAX makes of it, as `jax.jit` takes it.
    """
    if isinstance(leaf, Bounded):
        check_holds(leaf.range, leaf.struct.dtype)
    elif isinstance(leaf, jax.ShapeDtypeStruct) and isinstance(leaf.dtype, np.dtype):
        held = jax.dtypes.canonicalize_dtype(leaf.dtype)
        if held != leaf.dtype:
            raise ValueError(
                f"an argument has dtype {leaf.dtype}, which JAX turns into {held} while x64 is off: pass it as {held}"
            )


def varies(leaf: Any) -> bool:
    """Whether an argument stands for arrays, and is not simply itself."""
    return isinstance(leaf, Bounded) or (hasattr(leaf, "shape") and hasattr(leaf, "dtype"))
