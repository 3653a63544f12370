"""Proves from a function's jaxpr that its results are the same bits on every backend.

`audit` walks the jaxpr with intervals in place of arrays. It proves, or refuses with the equation and its source line,
that

- no integer operation overflows, unless declared to wrap (`ecjax.integers.wrapping`);
- every float operation is exact, so that no rounding and no order of a sum can matter;
- nothing depends on what a backend is free to choose: shift counts, signed division, indices out of bounds or
  coinciding, NaN, subnormal numbers.

It knows nothing of codecs; use it for your own. docs/exactness.md tells the rules and what a proof does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ecjax.exactness.control import CONTROL
from ecjax.exactness.domain import Interval, Range, Refusal, Value, misfit, top
from ecjax.exactness.interpreter import Interpreter, Scope, kind_of

__all__ = ["Audit", "InexactError", "Interval", "Refusal", "audit", "within"]


class InexactError(ValueError):
    """A function is not proved exact."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
      refusals: What could not be proved, in the order of the program; nothing if the function is exact.
      outputs: The proved range of each array of the result, in the result's structure: an `Interval`, or `Unknown` of
        floats that were only moved about. Of no meaning unless `proved`.
    """

    refusals: tuple[Refusal, ...]
    outputs: PyTree[Any]

    @property
    def proved(self) -> bool:
        """Whether the function is exact on every backend."""
        return not self.refusals

    def check(self) -> Audit:
        """Itself. Raises InexactError, with every refusal, unless the function is proved exact."""
        if self.refusals:
            raise InexactError(str(self))
        return self

    def __str__(self) -> str:
        if self.proved:
            return f"proved exact; results: {', '.join(map(str, jax.tree.leaves(self.outputs, is_leaf=_is_range)))}"
        return "\n".join([f"not proved exact, {len(self.refusals)} refusals:", *(f"  {r}" for r in self.refusals)])


@dataclass(frozen=True)
class _Within:
    """An argument with bounds."""

    struct: jax.ShapeDtypeStruct
    range: Interval


def within(tree: PyTree[Any], low: int | float, high: int | float, step: int | float = 1) -> PyTree[Any]:
    """Arguments for `audit` whose numbers are known to lie in bounds.

    Args:
      tree: Arrays or `jax.ShapeDtypeStruct`s; their values do not matter.
      low: The least number.
      high: The greatest number, in the bounds as well.
      step: A power of two of which all numbers are multiples. Of integers it is 1.

    Returns:
      The tree, its arrays with bounds.

    Raises:
      ValueError: If there is no such number, or the dtype does not hold them all.
    """
    grid = Fraction(step)
    if grid <= 0 or grid.numerator & (grid.numerator - 1) or grid.denominator & (grid.denominator - 1):
        raise ValueError(f"step must be a power of two, got {step}")
    ends = [Fraction(end) / grid for end in (low, high)]
    if any(end.denominator != 1 for end in ends) or low > high:
        raise ValueError(
            f"bounds must be multiples of step, the lower one first: got {low} and {high} in steps of {step}"
        )
    interval = Interval(int(ends[0]), int(ends[1]), grid.numerator.bit_length() - grid.denominator.bit_length())

    def bound(leaf: Any) -> _Within:
        struct = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        if reason := misfit(interval, np.dtype(struct.dtype)):
            raise ValueError(f"an argument that {reason}")
        return _Within(struct, interval)

    return jax.tree.map(bound, tree)


def audit(fn: Callable[..., Any], *args: PyTree[Any]) -> Audit:
    """Proves that a function is exact on every backend, or says where it may not be.

    Args:
      fn: A function that `jax.jit` can trace. Arrays that it closes over have their actual values.
      args: Its arguments. Arrays and `jax.ShapeDtypeStruct`s, in any pytrees, stand for every array of their shape and
        dtype; those from `within` for every one in those bounds. Anything else is itself.

    Returns:
      Every refusal, not only the first, and the bounds of the results.
    """
    leaves, structure = jax.tree.flatten(args, is_leaf=lambda x: isinstance(x, _Within))
    structs = {i: leaf.struct if isinstance(leaf, _Within) else leaf for i, leaf in enumerate(leaves) if _varies(leaf)}
    shape: list[Any] = []

    def called(*arrays: Any) -> list[Any]:
        given = dict(zip(structs, arrays, strict=True))
        result = fn(*jax.tree.unflatten(structure, [given.get(i, leaf) for i, leaf in enumerate(leaves)]))
        flat, tree = jax.tree.flatten(result)
        shape.append(tree)
        return flat

    closed = jax.make_jaxpr(called)(*structs.values())
    operands = []
    for i, var in zip(structs, closed.jaxpr.invars, strict=True):
        kind, leaf = kind_of(var.aval), leaves[i]
        operands.append(Value(kind, leaf.range if isinstance(leaf, _Within) else top(kind.dtype)))
    interpreter = Interpreter(CONTROL)
    outputs = interpreter.use(interpreter.run(closed.jaxpr, closed.consts, operands, Scope()))
    return Audit(tuple(interpreter.refusals), jax.tree.unflatten(shape[-1], [x.range for x in outputs]))


def _varies(leaf: Any) -> bool:
    return isinstance(leaf, _Within) or (hasattr(leaf, "shape") and hasattr(leaf, "dtype"))


def _is_range(x: Any) -> bool:
    return isinstance(x, Range)
