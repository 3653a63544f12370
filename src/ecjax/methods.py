"""Methods over arrays: they can be jitted, mapped, passed on, and run on any mesh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Int32, Integer

_S = TypeVar("_S")
_P = ParamSpec("_P")
_R = TypeVar("_R")


class array_method(Generic[_S, _P, _R]):
    """A method that `jax.jit` takes as it is bound: `jax.jit(codebook.encode_array)`.

    Equinox binds methods to a pytree that is hashed by its arrays, which have no hash. This binds them to one that is
    hashed by its identity.
    """

    def __init__(self, function: Callable[Concatenate[_S, _P], _R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> Callable[Concatenate[_S, _P], _R]: ...
    @overload
    def __get__(self, instance: _S, owner: Any) -> Callable[_P, _R]: ...
    def __get__(self, instance: _S | None, owner: Any = None) -> Callable[..., _R]:
        return self._function if instance is None else jax.tree_util.Partial(self._function, instance)


class compiled(Generic[_P, _R]):
    """A function of arrays, and of what does not change, compiled once for each of their shapes.

    Where arrays lie on a mesh with explicit axes, the compiler places what is in between: JAX has no rule for looking
    ids of several devices up in one table. What comes back has the axes that `jax.vmap` maps over, and no others.
    """

    def __init__(self, function: Callable[_P, _R]) -> None:
        self._jitted: Callable[..., _R] = eqx.filter_jit(function)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        arrays, rest = eqx.partition((args, kwargs), eqx.is_array)
        mesh = next((mesh for leaf in jax.tree.leaves(arrays) if (mesh := _explicit(leaf)) is not None), None)
        if mesh is None:
            return self._jitted(*args, **kwargs)

        def inside(arrays: Any) -> _R:
            args, kwargs = eqx.combine(arrays, rest)
            return self._jitted(*args, **kwargs)

        axes = tuple(n for n, kind in zip(mesh.axis_names, mesh.axis_types, strict=True) if kind == AxisType.Explicit)
        everywhere = NamedSharding(mesh, PartitionSpec())
        placed: Any = jax.sharding.auto_axes(inside, axes=axes, out_sharding=everywhere)
        return placed(arrays)


def _explicit(array: Any) -> Any:
    """The mesh that an array lies on, if any of its axes is explicit."""
    mesh = jax.typeof(array).sharding.mesh
    return None if mesh.empty or AxisType.Explicit not in mesh.axis_types else mesh


def as_text(text: Any, length: Any) -> tuple[Integer[Array, " n"], Int32[Array, ""]]:
    """A text and the number of its bytes as arrays, so that no number has something compiled for it."""
    return jnp.asarray(text), jnp.asarray(length).astype(jnp.int32)
