"""The audit: the search for a proof, and the second opinion on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
from jaxtyping import PyTree

from ecjax.exactness.arguments import Bounded, check_argument, varies
from ecjax.exactness.checker import check
from ecjax.exactness.control import look_into
from ecjax.exactness.domain import Interval, Refusal, Unknown, top
from ecjax.exactness.interpreter import Interpreter, Scope
from ecjax.exactness.jaxprs import is_x64, kind_of, line_of_function
from ecjax.exactness.proof import Proof
from ecjax.exactness.rules.control import PARAMETERS
from ecjax.exactness.values import Value
from ecjax.exactness.widths import other_width


class InexactError(ValueError):
    """A function is not proved exact, or was seen not to be."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
      refusals: What could not be proved, in the order of the program; nothing if the function is exact.
      outputs: The proved range of each array of the result, in the result's structure: an `Interval`, or `Unknown` of
        floats that were only moved about. Of no meaning unless `proved`.
      x64: Whether JAX had 64-bit numbers when it traced the function. What is proved gives the same numbers with the
        setting switched over, if in other dtypes.
      proof: What was found on the way, which the checker has verified.
    """

    refusals: tuple[Refusal, ...]
    outputs: PyTree[Any]
    x64: bool
    proof: Proof = field(repr=False)

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
        x64 = "x64 on" if self.x64 else "x64 off"
        if self.proved:
            ranges = ", ".join(map(str, jax.tree.leaves(self.outputs, is_leaf=_is_range)))
            return f"proved exact ({x64}); results: {ranges or 'none'}"
        count = f"{len(self.refusals)} refusal{'s' * (len(self.refusals) > 1)}"
        return "\n".join([f"not proved exact ({x64}), {count}:", *(f"  {r}" for r in self.refusals)])


def audit(fn: Callable[..., Any], *args: PyTree[Any]) -> Audit:
    """Proves that a function is exact on every backend, or says where it may not be.

    Args:
      fn: A function that `jax.jit` can trace. Arrays that it closes over have their actual values.
      args: Its arguments. Arrays and `jax.ShapeDtypeStruct`s, in any pytrees, stand for every array of their shape and
        dtype; those from `within` for every one in those bounds. Anything else is itself.

    Returns:
      Every refusal, not only the first, and the bounds of the results.

    Raises:
      ValueError: If JAX makes another dtype of an argument (int32 of int64 while x64 is off), which does not hold it.
    """
    leaves, structure = jax.tree.flatten(args, is_leaf=lambda x: isinstance(x, Bounded))
    structs = {i: leaf.struct if isinstance(leaf, Bounded) else leaf for i, leaf in enumerate(leaves) if varies(leaf)}
    for leaf in leaves:
        check_argument(leaf)
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
        operands.append(Value(kind, leaf.range if isinstance(leaf, Bounded) else top(kind.dtype)))
    locate = line_of_function(fn)
    interpreter = Interpreter(PARAMETERS, look_into)
    outputs = interpreter.use(interpreter.run(closed.jaxpr, closed.consts, operands, Scope(where=locate)))
    ranges = [x.range for x in outputs]
    tree = jax.tree.unflatten(shape[-1], ranges)
    refusals = [*interpreter.refusals]
    x64 = is_x64()
    if not refusals:
        refusals += check(closed, [x.range for x in operands], interpreter.proof, ranges, locate)
    if not refusals:
        refusals += other_width(called, list(structs.values()), closed, interpreter.proof)
    return Audit(tuple(refusals), tree, x64, interpreter.proof)


def _is_range(x: Any) -> bool:
    return isinstance(x, (Interval, Unknown))
