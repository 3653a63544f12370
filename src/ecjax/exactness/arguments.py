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
    try:
        grid, ends = Fraction(step), [Fraction(low), Fraction(high)]
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"bounds and step must be finite numbers, got {low}, {high} and {step}") from error
    if grid <= 0 or grid.numerator & (grid.numerator - 1) or grid.denominator & (grid.denominator - 1):
        raise ValueError(f"step must be a power of two, got {step}")
    ends = [end / grid for end in ends]
    if any(end.denominator != 1 for end in ends) or low > high:
        raise ValueError(
            f"bounds must be multiples of step, the lower one first: got {low} and {high} in steps of {step}"
        )
    interval = Interval(int(ends[0]), int(ends[1]), grid.numerator.bit_length() - grid.denominator.bit_length())

    def bound(leaf: Any) -> Any:
        if not varies(leaf):
            return leaf
        struct = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        if interval.grid and not is_float(struct.dtype):
            raise ValueError(f"steps are of floats; numbers of {struct.dtype} are bounded with step 1, got {step}")
        check_holds(interval, struct.dtype)
        return Bounded(struct, interval)

    return jax.tree.map(bound, tree)


def check_holds(interval: Interval, dtype: Any) -> None:
    """Raises ValueError unless the dtype that JAX makes of `dtype` holds all numbers of an interval."""
    held = jax.dtypes.canonicalize_dtype(dtype) if isinstance(dtype, np.dtype) else dtype
    if reason := misfit(interval, held):
        hint = f" (JAX makes {held.name} of {dtype.name} while x64 is off)" if held != dtype else ""
        raise ValueError(f"an argument that {reason}{hint}")


def check_argument(leaf: Any) -> None:
    """Raises ValueError unless the dtype that JAX makes of an argument holds all that it stands for."""
    if isinstance(leaf, Bounded):
        check_holds(leaf.range, leaf.struct.dtype)
    elif varies(leaf) and isinstance(leaf.dtype, np.dtype):
        held = jax.dtypes.canonicalize_dtype(leaf.dtype)
        if held != leaf.dtype:
            raise ValueError(
                f"an argument is of {leaf.dtype}, of which JAX makes {held} while x64 is off: give it as {held}"
            )


def varies(leaf: Any) -> bool:
    """Whether an argument stands for arrays, and is not simply itself."""
    return isinstance(leaf, Bounded) or (hasattr(leaf, "shape") and hasattr(leaf, "dtype"))
