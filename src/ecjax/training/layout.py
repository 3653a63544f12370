"""How to spread a model over a mesh."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from ecjax.models.transformer import Transformer
from ecjax.training.devices import DATA, FSDP, TENSOR, trimmed
from ecjax.training.own import LanguageModel

# Of the Transformer: the matrices that read what others have split by columns, and the table that ids are rows of.
_BY_ROWS = (".attention.out.weight", ".mlp.down.weight", ".embedding")
_WHOLE = (".attention.bias", ".attention.vectors")  # too small to be worth it


def shardings(model: PyTree, mesh: Mesh) -> PyTree[NamedSharding | None]:
    """Where each array of a model is to be on a mesh of the axes "data", "fsdp" and "tensor", or some of these.

    - "data": each of its devices has the same weights, and other rows of a batch (data parallel).
    - "fsdp": each of its devices has other rows of a batch, and keeps a part of each matrix. The whole is gathered
      where it is used (fully sharded data parallel).
    - "tensor": each of its devices has the same rows, and computes a part of each product. The last axis of an array is
      split; of a `Transformer`'s embedding and of the matrices that close attention and MLP, the first.

    Splits are of arrays of two axes and more, along an axis whose length the number of parts divides. What cannot be
    split so, what has fewer axes, and what a `Transformer` learns of distances are whole on every device. Where arrays
    are changes results by rounding alone.

    Args:
      model: An Equinox module, or any tree. It may be one of `jax.ShapeDtypeStruct` (`equinox.filter_eval_shape`).
      mesh: The devices. Its axes must be of the type Auto.

    Returns:
      The model's tree with a sharding for each array and None for the rest:
      `equinox.filter_shard(model, shardings(model, mesh))` places it.

    Raises:
      ValueError: If an axis of the mesh has another name.
    """
    unknown = [name for name in mesh.axis_names if name not in (DATA, FSDP, TENSOR)]
    if unknown:
        raise ValueError(
            f"the mesh has the axes {mesh.axis_names}; those that shardings knows are {DATA!r}, {FSDP!r} and {TENSOR!r}"
        )

    def one(path: tuple, x: object) -> NamedSharding | None:
        if not isinstance(x, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            return None
        name = jax.tree_util.keystr(path)
        if name.endswith(_WHOLE):
            return NamedSharding(mesh, PartitionSpec())
        return NamedSharding(mesh, _split(x.shape, mesh, first=name.endswith(_BY_ROWS)))

    return jax.tree_util.tree_map_with_path(one, model)


def with_whole_rows(model: LanguageModel, mesh: Mesh) -> LanguageModel:
    """Inside `jit`: a `Transformer` whose embedding is gathered along "fsdp"; any other model as it is.

    Ids look up rows. From parts of rows, activations would be split by columns, and devices of "fsdp" split them by
    examples.
    """
    if FSDP not in mesh.axis_names or not isinstance(model, Transformer):
        return model
    others = PartitionSpec(*(name if name == TENSOR else None for name in _split(model.embedding.shape, mesh, True)))
    whole = jax.lax.with_sharding_constraint(model.embedding, NamedSharding(mesh, others))
    return eqx.tree_at(lambda model: model.embedding, model, whole)


def _split(shape: tuple[int, ...], mesh: Mesh, first: bool) -> PartitionSpec:
    """What splits each axis: "tensor" the `first` or else the last, "fsdp" the longest of the others that it can."""
    names: list[str | None] = [None] * len(shape)
    tensor, fsdp = mesh.shape.get(TENSOR, 1), mesh.shape.get(FSDP, 1)
    if len(shape) > 1:
        axis = 0 if first else len(shape) - 1
        if tensor > 1 and shape[axis] % tensor == 0:
            names[axis] = TENSOR
        free = [i for i, size in enumerate(shape) if names[i] is None and size % fsdp == 0]
        if fsdp > 1 and free:
            names[max(free, key=lambda i: shape[i])] = FSDP
    return trimmed(PartitionSpec(*names))
