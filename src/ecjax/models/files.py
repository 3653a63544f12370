"""Saving and loading of models: float Transformers over bytes or tokens, and exact byte models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ecjax import serialisation
from ecjax.models.base import ByteModel
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerByteModel, TransformerConfig

KIND = "ecjax.transformer"
EXACT_KIND = "ecjax.integer_transformer"


_Model = TypeVar("_Model", bound=eqx.Module)


def save_transformer(path: str | Path, model: Transformer, provenance: Mapping[str, object]) -> str:
    """Writes a Transformer, over bytes or tokens, and returns its fingerprint."""
    return serialisation.write(Path(path), KIND, dataclasses.asdict(model.config), _tensors(model), provenance)


def load_transformer(name_or_path: str | Path) -> Transformer:
    """Reads a Transformer. Raises ValueError for a missing, damaged or other file."""
    path = serialisation.resolve(name_or_path)
    if serialisation.read_kind(path) == EXACT_KIND:
        raise ValueError(f"{path} is an exact byte model; this wants the float model that it was made from")
    settings, tensors, _, _ = serialisation.read(path, KIND)
    return _fill(path, lambda config: Transformer(config, key=jax.random.key(0)), settings, tensors)


def save_exact(path: str | Path, model: IntegerTransformer, provenance: Mapping[str, object]) -> str:
    """Writes an exact byte model and returns its fingerprint."""
    return serialisation.write(Path(path), EXACT_KIND, dataclasses.asdict(model.config), _tensors(model), provenance)


def load_exact(name_or_path: str | Path) -> IntegerTransformer:
    """Reads an exact byte model. Raises ValueError for a missing, damaged or other file."""
    path = serialisation.resolve(name_or_path)
    settings, tensors, _, _ = serialisation.read(path, EXACT_KIND)
    model = _fill(path, IntegerTransformer.zeros, settings, tensors)
    model.check()
    return model


def exact_shapes(settings: Mapping[str, object]) -> dict[str, jax.ShapeDtypeStruct]:
    """The tensors that the file of an exact model with these settings has (specs/transformer.md, T-2).

    Raises ValueError if no model has such settings.
    """
    try:
        return _shapes(IntegerTransformer.zeros, settings)[0]
    except TypeError as error:
        raise ValueError(f"these are not the settings of a model: {error}") from error


def exact_model(settings: Mapping[str, object], tensors: Mapping[str, np.ndarray]) -> IntegerTransformer:
    """The exact model of a file's settings and tensors. Raises ValueError if there is none."""
    model = _fill(Path("the model"), IntegerTransformer.zeros, settings, tensors)
    model.check()
    return model


def exact_fingerprint(model: IntegerTransformer) -> str:
    """The fingerprint that the file of an exact model has (specs/transformer.md, T-17)."""
    return serialisation.fingerprint(EXACT_KIND, dataclasses.asdict(model.config), _tensors(model))


def _shapes(
    create: Callable[[TransformerConfig], eqx.Module], settings: Mapping[str, object]
) -> tuple[dict[str, jax.ShapeDtypeStruct], Any]:
    """The arrays of a model of such settings by name, in order, and its structure."""
    shape = eqx.filter_eval_shape(create, TransformerConfig(**settings))  # type: ignore[arg-type]
    paths, structure = jax.tree_util.tree_flatten_with_path(shape)
    return {jax.tree_util.keystr(key): leaf for key, leaf in paths}, structure


def _fill(
    path: Path,
    create: Callable[[TransformerConfig], _Model],
    settings: Mapping[str, object],
    tensors: Mapping[str, np.ndarray],
) -> _Model:
    """The model of a file's settings with its tensors."""
    try:
        shapes, structure = _shapes(create, settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its settings are not those of a model") from error
    if shapes.keys() != tensors.keys() or any(
        (tensors[name].shape, tensors[name].dtype) != (leaf.shape, leaf.dtype) for name, leaf in shapes.items()
    ):
        raise ValueError(f"{path} is damaged: its tensors are not those of its configuration")
    return jax.tree.unflatten(structure, [jnp.asarray(tensors[name]) for name in shapes])


def read_provenance(name_or_path: str | Path) -> dict[str, object]:
    """What a model's file says of its origin. Raises ValueError if it is missing, damaged or no model."""
    path = serialisation.resolve(name_or_path)
    return serialisation.read(path, EXACT_KIND if serialisation.read_kind(path) == EXACT_KIND else KIND)[3]


def load_model(name_or_path: str | Path) -> ByteModel:
    """The byte model of a shipped name ("m1-books") or of a file, exact or float.

    Raises:
      ValueError: If there is no such file, it is damaged, or its model is not one over bytes.
    """
    path = serialisation.resolve(name_or_path)
    exact = serialisation.read_kind(path) == EXACT_KIND
    return load_exact(path) if exact else TransformerByteModel(load_transformer(path))


def _tensors(model: eqx.Module) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_array))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
