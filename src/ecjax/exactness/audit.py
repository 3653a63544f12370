"""The audit: the search for a proof, and the second opinion on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
from jax.extend import core
from jaxtyping import PyTree

from ecjax.exactness.arguments import Bounded, check_holds, varies
from ecjax.exactness.control import CONTROL, look_into
from ecjax.exactness.domain import Interval, Refusal, Unknown, top
from ecjax.exactness.interpreter import Interpreter, Scope
from ecjax.exactness.jaxprs import is_wrapping, kind_of
from ecjax.exactness.proof import Proof
from ecjax.exactness.values import Value


class InexactError(ValueError):
    """A function is not proved exact, or was seen not to be."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
      refusals: What could not be proved, in the order of the program; nothing if the function is exact.
      outputs: The proved range of each array of the result, in the result's structure: an `Interval`, or `Unknown` of
        floats that were only moved about. Of no meaning unless `proved`.
      x64: Whether JAX had 64-bit numbers when it traced the function. The proof is of that trace; one that wraps
        nowhere gives the same numbers in the other.
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
            return f"proved exact ({x64}); results: {ranges}"
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
      ValueError: If the dtype that JAX makes of an argument does not hold its bounds.
    """
    leaves, structure = jax.tree.flatten(args, is_leaf=lambda x: isinstance(x, Bounded))
    structs = {i: leaf.struct if isinstance(leaf, Bounded) else leaf for i, leaf in enumerate(leaves) if varies(leaf)}
    for leaf in leaves:
        if isinstance(leaf, Bounded):
            check_holds(leaf.range, leaf.struct.dtype)
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
    interpreter = Interpreter(CONTROL, look_into)
    outputs = interpreter.use(interpreter.run(closed.jaxpr, closed.consts, operands, Scope()))
    ranges = [x.range for x in outputs]
    tree = jax.tree.unflatten(shape[-1], ranges)
    refusals = [*interpreter.refusals]
    x64 = bool(jax.config.jax_enable_x64)
    if interpreter.wrapped and not refusals:
        refusals += _other_width(called, list(structs.values()), closed.jaxpr, interpreter.wrapped)
    return Audit(tuple(refusals), tree, x64, interpreter.proof)


def _other_width(
    fn: Callable[..., Any], structs: list[Any], jaxpr: core.Jaxpr, wrapped: dict[tuple[str, str], str]
) -> list[Refusal]:
    """The operations that wrap in one width, and with x64 switched over would wrap in another."""
    x64 = bool(jax.config.jax_enable_x64)
    canonical = [jax.ShapeDtypeStruct(x.shape, var.aval.dtype) for x, var in zip(structs, jaxpr.invars, strict=True)]
    with jax.enable_x64(not x64):
        try:
            other = jax.make_jaxpr(fn)(*canonical).jaxpr
        except Exception:
            return [Refusal("the function", f"it cannot be traced with x64 {'off' if x64 else 'on'}", "<unknown line>")]
    if _wrapping(jaxpr) == _wrapping(other):
        return []
    reason = f"and what is declared to wrap has other dtypes with x64 {'off' if x64 else 'on'}: name them, as in "
    return [
        Refusal(text, f"it wraps in {dtype}, {reason}jnp.sum(x, dtype=x.dtype)", where)
        for (where, dtype), text in wrapped.items()
    ]


def _wrapping(jaxpr: core.Jaxpr, inside: bool = False) -> list[Any]:
    """The primitives and dtypes of the equations of a jaxpr, and of those it holds, that are declared to wrap."""
    found: list[Any] = []
    for eqn in jaxpr.eqns:
        wraps = inside or is_wrapping(eqn)
        if wraps:
            found.append((eqn.primitive.name, *(kind_of(var.aval).dtype for var in eqn.outvars)))
        for inner in core.jaxprs_in_params(eqn.params):
            found += _wrapping(inner, wraps)
    return found


def _is_range(x: Any) -> bool:
    return isinstance(x, (Interval, Unknown))
