"""Exact M1 to float M1: the Transformer that integers stand for, as training needs it."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ecjax.models import integer
from ecjax.models.integer import IntegerTransformer, Rescale
from ecjax.models.quantisation import LOGIT_UNIT, RESIDUAL_UNIT
from ecjax.models.transformer import Layer, Transformer


def dequantise(model: IntegerTransformer) -> Transformer:
    """The float Transformer that an exact model's weights stand for, to be trained further.

    It computes the same but for the rounding of activations. Where units cancel out (of queries and keys, of values and
    their mean, of gate, up and hidden) they are chosen for weights that are alike in size before and after.

    Args:
      model: The exact model. It stays as it is.

    Returns:
      A model with float32 weights and the same sizes.
    """
    floats = Transformer(model.config, key=jax.random.key(0))
    layers = tuple(_layer(layer, exact) for layer, exact in zip(floats.layers, model.layers, strict=True))
    embedding = RESIDUAL_UNIT * model.embedding.astype(jnp.float32)
    unembedding = LOGIT_UNIT * _weight(model.unembedding, model.norm)
    return eqx.tree_at(
        lambda m: (m.embedding, m.layers, m.unembedding.weight), floats, (embedding, layers, unembedding)
    )


def _layer(layer: Layer, exact: integer.Layer) -> Layer:
    attention, mlp = exact.attention, exact.mlp
    qkv = _weight(attention.qkv, exact.attention_norm)
    d_model, heads = qkv.shape[0], layer.attention.heads
    queries, keys, values = jnp.moveaxis(qkv.reshape(d_model, 3, heads, -1), 1, 0)
    # Each head's units of queries and keys have a known product; its unit of values is in proportion to the mean's.
    score = _ratio(attention.scores)[:, None] * math.sqrt(queries.shape[-1]) * LOGIT_UNIT
    imbalance = jnp.sqrt(_size(keys, (0, 2)) / _size(queries, (0, 2)))
    queries, keys = queries * jnp.sqrt(score) * imbalance, keys * jnp.sqrt(score) / imbalance
    values = values * _ratio(attention.average)[:, None] * 2**15
    out = RESIDUAL_UNIT * _weight(attention.out)
    mean_unit = jnp.sqrt(_size(out) / _size(values))
    gate, up = _weight(mlp.gate, exact.mlp_norm), _weight(mlp.up, exact.mlp_norm)
    down = RESIDUAL_UNIT * _ratio(mlp.hidden) * _weight(mlp.down)
    size = jnp.cbrt(_size(gate)) * jnp.cbrt(_size(up)) * jnp.cbrt(_size(down))
    gate_unit, up_unit = size / _size(gate), size / _size(up)
    return eqx.tree_at(
        lambda x: (
            x.attention.qkv.weight,
            x.attention.bias,
            x.attention.out.weight,
            x.mlp.gate.weight,
            x.mlp.up.weight,
            x.mlp.down.weight,
        ),
        layer,
        (
            jnp.stack([queries, keys, values * mean_unit], axis=1).reshape(d_model, -1),
            LOGIT_UNIT * attention.bias.astype(jnp.float32),
            out / mean_unit,
            gate * gate_unit,
            up * up_unit,
            down / (gate_unit * up_unit),
        ),
    )


def _ratio(scale: Rescale) -> Float[Array, "*m"]:
    return jnp.ldexp(scale.multiplier.astype(jnp.float32), -scale.shift.astype(jnp.int32))


def _weight(linear: integer.Linear, norm: integer.Norm | None = None) -> Float[Array, "k m"]:
    """Weights to the integers of the output: from those of the input, or from a row of root mean square 1."""
    weight = linear.weight * _ratio(linear.scale)
    if norm is None:
        return weight
    gain = jnp.ldexp(norm.gain.astype(jnp.float32), -norm.gain_shift.astype(jnp.int32))
    return weight * gain / math.sqrt(weight.shape[0])


def _size(weight: Float[Array, "..."], axis: tuple[int, ...] | None = None) -> Float[Array, "..."]:
    """The root mean square; axes that are named stay as ones. That of zeros is small."""
    return jnp.sqrt(jnp.mean(jnp.square(weight), axis=axis, keepdims=axis is not None) + 1e-30)
