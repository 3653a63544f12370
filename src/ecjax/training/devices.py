"""Where a step's arrays are: the rows of a batch over the devices, and the state as it was placed, or on each."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding
from jaxtyping import Array, PyTree

T = TypeVar("T")
DATA, FSDP, TENSOR = "data", "fsdp", "tensor"
"""Axes of a mesh: `DATA` and `FSDP` for the rows of batches, `FSDP` and `TENSOR` for what `shardings` splits."""


def data_mesh() -> Mesh:
    """All devices of all processes, in a row."""
    return Mesh(np.array(jax.devices()), (DATA,))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on each device."""
    return NamedSharding(mesh, PartitionSpec())


def _rows(mesh: Mesh) -> tuple[str, ...]:
    """The mesh's axes that the rows of batches are spread over."""
    return tuple(name for name in (DATA, FSDP) if name in mesh.axis_names)


def over_rows(x: Array, mesh: Mesh, axis: int) -> Array:
    """Inside `jit`: `x` with `axis` spread over the devices."""
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec(*[None] * axis, _rows(mesh))))


def placement(tree: PyTree, mesh: Mesh) -> PyTree[Sharding] | None:
    """Where each array of `tree` is and is to stay; None if every device has, or is to have, a copy of all.

    Raises:
      ValueError: If `mesh` has no axis for the rows of batches, an axis is explicit, or an array is on other devices.
    """
    if not _rows(mesh):
        raise ValueError(f"the mesh has the axes {mesh.axis_names}; call the one for the rows of batches {DATA!r}")
    found = jax.tree_util.tree_map_with_path(lambda path, x: _placed(path, x, mesh), tree)
    shardings = jax.tree.leaves(found)
    for used in [mesh, *(x.mesh for x in shardings if isinstance(x, NamedSharding))]:
        if any(kind != AxisType.Auto for kind in used.axis_types):
            raise ValueError(
                f"the mesh's axes are of the types {used.axis_types}; they must be Auto: jax.make_mesh(shape, names, "
                "axis_types=(jax.sharding.AxisType.Auto,) * len(names))"
            )
    return None if all(x.is_fully_replicated for x in shardings) else found


def _placed(path: tuple[Any, ...], x: Any, mesh: Mesh) -> Sharding | None:
    if not eqx.is_array(x):
        return None
    # Inside another transformation nobody can tell where an array is.
    if isinstance(x, Tracer) or x.sharding.is_fully_replicated:
        return replicated(mesh)
    if x.sharding.device_set != set(mesh.devices.flat):
        raise ValueError(
            f"the array {jax.tree_util.keystr(path)} is spread over {len(x.sharding.device_set)} devices that are not "
            f"the mesh's {mesh.size}; make both with one mesh"
        )
    if isinstance(x.sharding, NamedSharding):
        return NamedSharding(x.sharding.mesh, trimmed(x.sharding.spec))
    return x.sharding


def trimmed(spec: PartitionSpec) -> PartitionSpec:
    """A spec as XLA gives it back, without the axes at its end that nothing splits: for another, it compiles anew."""
    names = tuple(spec)
    while names and names[-1] is None:
        names = names[:-1]
    return PartitionSpec(*names)


def check_whole(tree: PyTree) -> None:
    """Raises ValueError if an array is spread over devices."""
    for path, x in jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))[0]:
        if not x.sharding.is_fully_replicated:
            raise ValueError(
                f"the model's array {jax.tree_util.keystr(path)} is spread over devices as {x.sharding}, but without "
                "a mesh train keeps a copy on each; give it the mesh: train(..., mesh=...)"
            )


def at(tree: T, mesh: Mesh, places: PyTree[Sharding] | None) -> T:
    """Every array where `placement` says; those that are there already are not copied."""
    if places is None:
        places = jax.tree.map(lambda x: replicated(mesh) if eqx.is_array(x) else None, tree)

    def one(x: Any, sharding: Sharding | None) -> Any:
        if sharding is None or isinstance(x, Tracer) or x.sharding == sharding:
            return x
        if x.sharding.device_set == sharding.device_set:  # of other processes too, which no host reads
            return jax.device_put(x, sharding)
        return _place(np.array(x), sharding)

    return jax.tree.map(one, tree, places)


def copied(tree: T) -> T:
    """A copy of every array, where it is."""
    return jax.tree.map(lambda x: jnp.copy(x) if eqx.is_array(x) else x, tree)


def local(tree: T) -> T:
    """This process's first copy of what is replicated."""
    return jax.tree.map(lambda x: x.addressable_data(0) if eqx.is_array(x) else x, tree)


def spread(batch: PyTree[np.ndarray], mesh: Mesh, accumulate: int = 1) -> PyTree[Array]:
    """A batch with its rows spread over the devices. Every process gives the whole batch and keeps its devices' rows.

    Raises:
      ValueError: If the rows are not as many on each device in each of `accumulate` micro-batches.
    """
    count = math.prod(mesh.shape[name] for name in _rows(mesh))
    for rows in {len(part) for part in jax.tree.leaves(batch)}:
        if rows % (count * accumulate):
            raise ValueError(
                f"a batch of {rows} examples cannot be spread evenly over {count} devices in {accumulate} "
                f"micro-batches; give a batch size that is a multiple of {count * accumulate}"
            )
    sharding = NamedSharding(mesh, PartitionSpec(_rows(mesh)))
    return jax.tree.map(lambda x: _place(np.asarray(x), sharding), batch)


def _place(x: np.ndarray, sharding: Sharding) -> Array:
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])
