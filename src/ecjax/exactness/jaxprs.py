"""How a jaxpr is read: shapes, dtypes, constants, lines and scopes. It is all that the search and the checker share."""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
from jax._src import custom_batching, pjit, source_info_util
from jax._src.lax import lax as lax_internal
from jax.extend import core
from jax.extend.core import primitives

from ecjax.exactness.domain import Kind, Unknown, range_of
from ecjax.exactness.values import OTHER, Step, Value
from ecjax.integers import DECLARE, WRAPPING_SCOPE

_JAX, _JAXTYPING = (str(Path(str(package.__file__)).parent) for package in (jax, jaxtyping))
_OURS = str(Path(__file__).parent)


def kind_of(aval: Any) -> Kind:
    """Shape and dtype of an abstract value."""
    return Kind(tuple(getattr(aval, "shape", ())), getattr(aval, "dtype", np.dtype(object)))


def is_x64() -> bool:
    """Whether JAX has 64-bit numbers now."""
    return jax.dtypes.canonicalize_dtype(np.int64) == np.int64


def constant(x: Any, kind: Kind | None = None) -> Value:
    """A value that is known."""
    dtype = getattr(x, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.extended):  # a key
        return Value(Kind(tuple(x.shape), dtype), Unknown())
    array = np.asarray(x) if kind is None else np.asarray(x, kind.dtype)
    return Value(Kind(array.shape, array.dtype), range_of(array), constant=array)


COMPOSED = "call_hi_primitive"
"""The primitive of functions that JAX, from 0.12 on, writes in terms of others: `jnp.nonzero` is one."""


@functools.cache
def _primitives() -> dict[str, set[core.Primitive]]:
    """The primitives of JAX, and ours, by name."""
    found: dict[str, set[core.Primitive]] = {DECLARE.name: {DECLARE}}
    modules = [primitives, jax.lax, lax_internal, pjit, custom_batching]
    if importlib.util.find_spec("jax._src.hijax") is not None:
        modules.append(importlib.import_module("jax._src.hijax"))
    for module in modules:
        for name in dir(module):
            primitive = getattr(module, name)
            if isinstance(primitive, core.Primitive):
                found.setdefault(primitive.name, set()).add(primitive)
    return found


def name_of(eqn: core.JaxprEqn) -> str:
    """The name of an equation's primitive; of one that is neither JAX's nor ours, no name that a rule is found by."""
    ours = eqn.primitive in _primitives().get(eqn.primitive.name, ())
    return eqn.primitive.name if ours else f"{eqn.primitive.name}{OTHER}"


def step_of(eqn: core.JaxprEqn, operands: Sequence[Value], wrapping: bool, locate: Callable[[], str] | None) -> Step:
    """An equation as the rules see it; `wrapping` and `locate`, its line, are what it inherits from calls around it."""
    outputs = tuple(kind_of(var.aval) for var in eqn.outvars)
    name = name_of(eqn)
    kinds = [x.kind for x in operands]
    return Step(
        name=name,
        params=eqn.params,
        outputs=outputs,
        wrapping=wrapping or is_wrapping(eqn),
        describe=lambda: f"{eqn.primitive.name}({', '.join(map(str, kinds))}) -> {', '.join(map(str, outputs))}",
        locate=locate or (lambda: line_of(eqn)),
    )


def open_jaxpr(jaxpr: Any) -> tuple[core.Jaxpr, Sequence[Any]]:
    """A jaxpr, closed or not, and the values of its constants."""
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())


@functools.lru_cache(maxsize=1024)
def _expanded(whole: Any, kinds: tuple[Kind, ...], x64: bool) -> core.ClosedJaxpr:
    """What a primitive that is written in terms of others is written as; kept, so that its equations are."""
    expand = lambda *xs: jax.tree.leaves(whole.expand(*jax.tree.unflatten(whole.in_tree, xs)))
    return jax.make_jaxpr(expand)(*(jax.ShapeDtypeStruct(*kind) for kind in kinds))


def called(eqn: core.JaxprEqn) -> tuple[core.Jaxpr, Sequence[Any]]:
    """The jaxpr that a call calls, and the values of its constants."""
    if eqn.primitive.name == COMPOSED:
        kinds = tuple(kind_of(x.aval) for x in eqn.invars)
        return open_jaxpr(_expanded(eqn.params["_prim"], kinds, is_x64()))
    names = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
    return open_jaxpr(next(eqn.params[name] for name in names if name in eqn.params))


def scan_parts(jaxpr: core.Jaxpr, operands: Sequence[Kind], outputs: Sequence[Kind]) -> tuple[int, int]:
    """How many operands of a scan are constants, and how many these and those that are carried.

    What is scanned has one axis less inside. JAX's parameters that tell the numbers differ between its versions.
    """
    inside = [kind_of(var.aval) for var in jaxpr.invars]
    end = sum(len(x.shape) == len(y.shape) for x, y in zip(operands, inside, strict=True))
    made = [kind_of(var.aval) for var in jaxpr.outvars]
    return end - sum(len(x.shape) == len(y.shape) for x, y in zip(outputs, made, strict=True)), end


def is_wrapping(eqn: core.JaxprEqn) -> bool:
    """Whether an equation stands in a `with wrapping()`: the scope itself counts, not one of its name."""
    return any(getattr(entry, "name", None) is WRAPPING_SCOPE for entry in eqn.source_info.name_stack.stack)


def line_of(eqn: core.JaxprEqn) -> str:
    """The user's line that an equation comes from; of a declaration, that of its caller."""
    skip = "declare" if eqn.primitive is DECLARE else None
    for frame in source_info_util.user_frames(eqn.source_info.traceback):
        # Between the two may be what checks annotations, which is not the user's either.
        if frame.function_name != skip and not frame.file_name.startswith((_JAXTYPING, "<@beartype", _OURS)):
            return f"{frame.file_name}:{frame.start_line} ({frame.function_name})"
    return "<unknown line>"


def line_of_function(fn: Callable[..., Any]) -> Callable[[], str] | None:
    """Names a function of JAX itself, which has no line of the user's; None for the user's own."""
    while (inner := fn.func if isinstance(fn, functools.partial) else inspect.unwrap(fn)) is not fn:
        fn = inner
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", type(fn).__name__)
    module = getattr(fn, "__module__", None) or type(fn).__module__
    return (lambda: f"<{name} of JAX>") if module.split(".")[0] == "jax" else None


def is_jax_function(jaxpr: core.Jaxpr) -> bool:
    """Whether a jaxpr is of a function of JAX itself, such as `jnp.where`."""
    info = jaxpr.debug_info
    return info is not None and _JAX in (info.func_src_info or "")
