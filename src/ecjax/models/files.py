"""Saving and loading of byte models and token models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ecjax import serialisation
from ecjax.models.base import ByteModel
from ecjax.models.transformer import Transformer, TransformerByteModel, TransformerConfig

KIND = "ecjax.transformer"


def save_transformer(path: str | Path, model: Transformer, provenance: Mapping[str, object]) -> str:
    """Writes a Transformer, over bytes or tokens, and returns its fingerprint."""
    return serialisation.write(Path(path), KIND, dataclasses.asdict(model.config), _tensors(model), provenance)


def load_transformer(name_or_path: str | Path) -> Transformer:
    """Reads a Transformer. Raises ValueError for a missing, damaged or other file."""
    path = serialisation.resolve(name_or_path)
    settings, tensors, _, _ = serialisation.read(path, KIND)
    try:
        config = TransformerConfig(**settings)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its settings are not those of a Transformer") from error
    shape = eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0))
    paths, structure = jax.tree_util.tree_flatten_with_path(shape)
    names = [jax.tree_util.keystr(key) for key, _ in paths]
    if sorted(names) != sorted(tensors) or any(
        (tensors[n].shape, tensors[n].dtype) != (leaf.shape, leaf.dtype)
        for n, (_, leaf) in zip(names, paths, strict=True)
    ):
        raise ValueError(f"{path} is damaged: its tensors are not those of its configuration")
    return jax.tree.unflatten(structure, [jnp.asarray(tensors[name]) for name in names])


def read_provenance(name_or_path: str | Path) -> dict[str, object]:
    """What the file of a Transformer says of its origin. Raises ValueError as `load_transformer` does."""
    return serialisation.read(serialisation.resolve(name_or_path), KIND)[3]


def load_model(name_or_path: str | Path) -> ByteModel:
    """The byte model of a shipped name ("m1-books") or of a file.

    Raises:
      ValueError: If there is no such file, it is damaged, or its model is not one over bytes.
    """
    return TransformerByteModel(load_transformer(name_or_path))


def _tensors(model: eqx.Module) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_array))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
