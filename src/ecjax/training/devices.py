"""Data parallelism: every device has a copy of the state and its rows of the batch, in one process or several."""

from __future__ import annotations

from typing import TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

T = TypeVar("T")
_ROWS = "data"


def data_mesh() -> Mesh:
    """All devices of all processes, in a row."""
    return Mesh(np.array(jax.devices()), (_ROWS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on each device."""
    return NamedSharding(mesh, PartitionSpec())


def over_rows(x: Array, mesh: Mesh, axis: int) -> Array:
    """Inside `jit`: `x` with `axis` spread over the devices."""
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec(*[None] * axis, _ROWS)))


def replicate(tree: T, mesh: Mesh) -> T:
    """A copy of every array on every device. Every process gives the same tree."""
    return jax.tree.map(lambda x: _place(np.array(x), replicated(mesh)) if eqx.is_array(x) else x, tree)


def local(tree: T) -> T:
    """This process's first copy of what is replicated."""
    return jax.tree.map(lambda x: x.addressable_data(0) if eqx.is_array(x) else x, tree)


def spread(batch: PyTree[np.ndarray], mesh: Mesh, accumulate: int) -> PyTree[Array]:
    """A batch with its rows spread over the devices. Every process gives the whole batch and keeps its devices' rows.

    Raises:
      ValueError: If the rows are not as many on each device in each of `accumulate` micro-batches.
    """
    for rows in {len(part) for part in jax.tree.leaves(batch)}:
        if rows % (mesh.size * accumulate):
            raise ValueError(
                f"a batch of {rows} examples cannot be spread evenly over {mesh.size} devices in {accumulate} "
                f"micro-batches; give a batch size that is a multiple of {mesh.size * accumulate}"
            )
    sharding = NamedSharding(mesh, PartitionSpec(_ROWS))
    return jax.tree.map(lambda x: _place(np.asarray(x), sharding), batch)


def _place(x: np.ndarray, sharding: NamedSharding) -> Array:
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])
