"""Saving and loading of models: float Transformers over bytes or tokens, and exact byte models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np

from ecjax import serialisation
from ecjax.models.base import ByteModel
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerByteModel, TransformerConfig
from ecjax.printable import printable
from ecjax.serialisation import Contents

KIND = "ecjax.transformer"
EXACT_KIND = "ecjax.integer_transformer"


_Model = TypeVar("_Model", bound=eqx.Module)


def save_transformer(path: str | Path, model: Transformer, provenance: Mapping[str, object]) -> str:
    """Writes a Transformer, over bytes or tokens, and returns its fingerprint.

    Args:
      path: The file, which is replaced if it is there.
      model: The model.
      provenance: Where it comes from, as JSON can hold it. It is not part of the fingerprint.

    Returns:
      SHA-256 of the sizes and the weights, in hexadecimal.

    Raises:
      ValueError: If a weight is not finite.
    """
    tensors = _tensors(model)
    _check_finite("the model", tensors)
    return serialisation.write(path, KIND, model.config.settings(), tensors, provenance)


def load_transformer(source: str | Path | Contents) -> Transformer:
    """The float Transformer of a file, over bytes or tokens.

    Args:
      source: A path, `-` for standard input, or what `ecjax.serialisation.read` gave.

    Raises:
      ValueError: If there is no such file, it is damaged or of another kind, or a weight is not finite.
    """
    contents = serialisation.read(source, KIND, EXACT_KIND)
    if contents.kind == EXACT_KIND:
        raise ValueError(f"{contents.name} is an exact byte model; this wants the float model that it was made from")
    model = _fill(contents.name, _create, contents.settings, contents.tensors)
    _check_finite(contents.name, contents.tensors)
    return model


def save_exact(
    path: str | Path, model: IntegerTransformer, provenance: Mapping[str, object], replace: bool = True
) -> str:
    """Writes an exact byte model and returns its fingerprint. Unless `replace`, a file that is there is left.

    Args:
      path: The file.
      model: The model.
      provenance: Where it comes from, as JSON can hold it. It is not part of the fingerprint.
      replace: Whether to replace a file that is there.

    Returns:
      SHA-256 of the sizes and the weights, in hexadecimal.

    Raises:
      ValueError: If the file is there and `replace` is false.
    """
    return serialisation.write(path, EXACT_KIND, model.config.settings(), _tensors(model), provenance, replace)


def load_exact(source: str | Path | Contents) -> IntegerTransformer:
    """The exact byte model of a shipped name ("m1-books"), of a file, or of what `ecjax.serialisation.read` gave.

    Args:
      source: The name, the path, or what was read.

    Raises:
      ValueError: If there is no such file, or it is damaged or of another kind.
    """
    contents = serialisation.read(source, EXACT_KIND)
    model = _fill(contents.name, IntegerTransformer.zeros, contents.settings, contents.tensors)
    try:
        model.check()
    except ValueError as error:
        raise serialisation.damaged(contents.name, str(error)) from error
    return model


def exact_shapes(settings: Mapping[str, object]) -> dict[str, jax.ShapeDtypeStruct]:
    """The tensors that the file of an exact model with these settings has (specs/transformer.md, T-2).

    Raises ValueError if no model has such settings.
    """
    return _shapes(IntegerTransformer.zeros, _configuration(settings))[0]


def exact_model(settings: Mapping[str, object], tensors: Mapping[str, np.ndarray]) -> IntegerTransformer:
    """The exact model of a file's settings and tensors. Raises ValueError if there is none."""
    model = _fill("the model", IntegerTransformer.zeros, settings, tensors)
    model.check()
    return model


def exact_fingerprint(model: IntegerTransformer) -> str:
    """The fingerprint that the file of an exact model has (specs/transformer.md, T-17)."""
    return serialisation.fingerprint(EXACT_KIND, model.config.settings(), _tensors(model))


def _create(config: TransformerConfig) -> Transformer:
    return Transformer(config, key=jax.random.key(0))


def _configuration(settings: Mapping[str, object]) -> TransformerConfig:
    """The configuration that a file's settings are. Raises ValueError if they are none."""
    sizes = {field.name for field in dataclasses.fields(TransformerConfig)} - {"relative"}
    names = sizes | ({"relative"} & settings.keys())
    if settings.keys() != names:
        wrong = printable(min(settings.keys() ^ names), 80)
        raise ValueError(f"a model's settings are {', '.join(sorted(sizes))}; {wrong} is missing or too much")
    integers = {name: value for name, value in settings.items() if type(value) is int}
    if wrong := sorted(sizes - integers.keys()):
        raise ValueError(f"{wrong[0]} is no integer")
    # A model has one file: what is meant if nothing is said is never said.
    if settings.get("relative", "vectors") != "vectors":
        raise ValueError("relative is there and is not 'vectors'")
    return TransformerConfig(**integers, relative="vectors" if "relative" in settings else "bias")


def _shapes(
    create: Callable[[TransformerConfig], eqx.Module], config: TransformerConfig
) -> tuple[dict[str, jax.ShapeDtypeStruct], Any]:
    """The arrays of a model of such sizes by name, in order, and its structure."""
    paths, structure = jax.tree_util.tree_flatten_with_path(eqx.filter_eval_shape(create, config))
    return {jax.tree_util.keystr(key): leaf for key, leaf in paths}, structure


def _fill(
    name: str,
    create: Callable[[TransformerConfig], _Model],
    settings: Mapping[str, object],
    tensors: Mapping[str, np.ndarray],
) -> _Model:
    """The model of a file's settings with its tensors."""
    try:
        config = _configuration(settings)
        _check_claims(config, tensors)
        shapes, structure = _shapes(create, config)
    except ValueError as error:
        raise serialisation.damaged(name, str(error)) from error
    if shapes.keys() != tensors.keys() or any(
        (tensors[key].shape, tensors[key].dtype) != (leaf.shape, leaf.dtype) for key, leaf in shapes.items()
    ):
        raise serialisation.damaged(name, "its tensors are not those of its settings")
    # Copies: what is put on a processor may share its memory with NumPy. `jnp.asarray` would compile for each shape.
    return jax.tree.unflatten(structure, jax.device_put([np.array(tensors[key]) for key in shapes]))


def _check_claims(config: TransformerConfig, tensors: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError if settings claim more than the tensors hold, before a model of such sizes is traced."""
    name, width = ("bias", config.heads) if config.relative == "bias" else ("vectors", config.head_dim)
    layers = sum(key.startswith(".layers[") and key.endswith(f".attention.{name}") for key in tensors)
    positions = config.layers * width * config.context
    least = (config.vocab_size + 1) * config.d_model + config.parameters + positions
    there = sum(tensor.size for tensor in tensors.values())
    if layers != config.layers or least > there:
        raise ValueError(
            f"its settings are those of {config.layers} layers and at least {least} weights, and it has {layers} and "
            f"{there}"
        )


def _check_finite(name: str, tensors: Mapping[str, np.ndarray]) -> None:
    for key, tensor in tensors.items():
        if not np.isfinite([tensor.min(), tensor.max()]).all():
            raise ValueError(f"{name} has a weight in {key} that is not finite; train it again, or get it again")


def load_model(source: str | Path | Contents) -> ByteModel:
    """The byte model of a shipped name ("m1-books") or of a file, exact or float.

    Args:
      source: The name or the path, `-` for standard input, or what `ecjax.serialisation.read` gave.

    Raises:
      ValueError: If there is no such file, it is damaged, or its model is not one over bytes.
    """
    contents = serialisation.read(source, KIND, EXACT_KIND)
    return load_exact(contents) if contents.kind == EXACT_KIND else TransformerByteModel(load_transformer(contents))


def _tensors(model: eqx.Module) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_array))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
