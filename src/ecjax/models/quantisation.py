"""Float M1 to exact M1: calibration on text, fine-tuning with rounding, and the change to integers.

1. `fold_norms` and `equalise` rewrite the model, without changing what it computes, so that little is lost by rounding.
2. `calibrate` finds the unit of each activation that the exact model keeps as a small integer, from how the float model
   uses it on real text: the unit with the least squared error after rounding and clipping.
3. `rounded` gives the same Transformer with that rounding in its products, as float operations that training passes
   gradients straight through. Training it further (`ecjax.training.train`) teaches it to live with the rounding.
4. `quantise` writes its weights as the integers that it rounded them to (`ecjax.models.integer`).

A channel's scale from a product to the next unit is `multiplier * 2**-shift` with a multiplier of 7 bits. It is chosen
first and the weights rounded accordingly, so its coarseness costs at most 1/64 of their range.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer

from ecjax.frequencies import LOGIT_BITS
from ecjax.models import integer
from ecjax.models.integer import GATE_LIMIT, RESIDUAL_BITS, IntegerTransformer, Rescale, check_sizes
from ecjax.models.transformer import BiasAttention, Layer, Linear, RMSNorm, Transformer

_INT8 = 127
LOGIT_UNIT = math.log(2) / (1 << LOGIT_BITS)
"""What a logit of the exact model counts, in nats."""
RESIDUAL_UNIT = 2.0**-RESIDUAL_BITS
"""What the exact model's residual stream counts."""
_CLIPS = np.linspace(0.3, 1.0, 29)  # of the largest magnitude


@dataclasses.dataclass(frozen=True)
class Activation:
    """How an activation is rounded.

    Attributes:
      units: What it counts in: one unit for all channels, or one for each of equal parts of them.
      limit: The largest integer; None if the unit is so fine that rounding to it need not be imitated.
    """

    units: tuple[float, ...]
    limit: int | None

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """`x` rounded, with the gradient of clipping alone."""
        if self.limit is None:
            return x
        units = jnp.repeat(jnp.array(self.units), x.shape[-1] // len(self.units))
        clipped = jnp.clip(x / units, -self.limit, self.limit)
        return units * (clipped + jax.lax.stop_gradient(jnp.round(clipped) - clipped))


@dataclasses.dataclass(frozen=True)
class LayerActivations:
    """The activations of a layer that are rounded; queries, keys and values have a unit for each head."""

    attention: Activation
    qkv: Activation
    mixed: Activation
    mlp: Activation
    gate: Activation
    up: Activation
    hidden: Activation


@dataclasses.dataclass(frozen=True)
class Activations:
    """All activations that are rounded."""

    layers: tuple[LayerActivations, ...]
    output: Activation


_RESIDUAL = Activation((RESIDUAL_UNIT,), None)


class RoundedLinear(Linear):
    """A matrix product as the exact model has it: input, weights and output rounded."""

    source: Activation = eqx.field(static=True)
    target: Activation = eqx.field(static=True)

    def __init__(self, linear: Linear, source: Activation, target: Activation) -> None:
        self.weight, self.source, self.target = linear.weight, source, target

    def __call__(self, x: Float[Array, "*n k"]) -> Float[Array, "*n m"]:
        weight = self.weight
        rounded = self.units() * jnp.round(weight / self.units())
        return self.target(self.source(x) @ (weight + jax.lax.stop_gradient(rounded - weight)))

    def ratios(self) -> tuple[Int32[Array, " m"], Int32[Array, " m"]]:
        """Multiplier and shift of each channel, from products to the output's unit."""
        largest = jax.lax.stop_gradient(jnp.max(jnp.abs(self.weight), axis=0))
        return snap(largest / _INT8 * self.source.units[0] / self._targets())

    def units(self) -> Float[Array, " m"]:
        """The unit of each channel's weights."""
        multiplier, shift = self.ratios()
        ratio = jnp.maximum(multiplier, 1) * jnp.exp2(-shift.astype(jnp.float32))
        return ratio * self._targets() / self.source.units[0]

    def _targets(self) -> Float[Array, " m"]:
        units = self.target.units
        return jnp.repeat(jnp.array(units), self.weight.shape[1] // len(units))


def snap(scale: Float[Array, "*n"]) -> tuple[Int32[Array, "*n"], Int32[Array, "*n"]]:
    """The least `multiplier / 2**shift` that is at least `scale`, with multipliers to 127 and shifts of 1 to 24.

    Scales above 63.5 get that; 0 stays 0.
    """
    scale = jnp.minimum(scale, 63.5)
    shift = jnp.clip(7 - jnp.frexp(scale)[1], 1, 24)
    multiplier = jnp.ceil(jnp.ldexp(scale, shift)).astype(jnp.int32)
    carried = multiplier > _INT8
    return jnp.where(carried, 64, multiplier), jnp.where(carried, shift - 1, shift).astype(jnp.int32)


def _snapped(scale: float) -> float:
    multiplier, shift = snap(jnp.array(scale))
    return float(multiplier) / 2.0 ** float(shift)


class UnitNorm(eqx.Module):
    """RMSNorm without a scale of its own."""

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        return RMSNorm(x.shape[-1])(x)


def fold_norms(model: Transformer) -> Transformer:
    """The same function with the scales of RMSNorm moved into the products that follow."""

    def scaled(linear: Linear, norm: RMSNorm) -> Linear:
        return eqx.tree_at(lambda x: x.weight, linear, linear.weight * norm.scale[:, None])

    def fold(layer: Layer) -> Layer:
        return eqx.tree_at(
            lambda x: (x.attention.qkv, x.mlp.gate, x.mlp.up, x.attention_norm, x.mlp_norm),
            layer,
            (
                scaled(layer.attention.qkv, layer.attention_norm),
                scaled(layer.mlp.gate, layer.mlp_norm),
                scaled(layer.mlp.up, layer.mlp_norm),
                UnitNorm(),
                UnitNorm(),
            ),
        )

    return eqx.tree_at(
        lambda x: (x.layers, x.norm, x.unembedding),
        model,
        (tuple(map(fold, model.layers)), UnitNorm(), scaled(model.unembedding, model.norm)),
    )


def equalise(model: Transformer, texts: Integer[Array, "b n"]) -> Transformer:
    """The same function with hidden channels of the MLPs nearer to each other in range, for they share one unit.

    The weights up of a channel are divided by the square root of its range, those down multiplied by it: half of the
    differences move into weights, which have a unit for each output. As in SmoothQuant (arXiv 2211.10438, sec. 4), but
    by the ranges of activations alone, for their rounding is what costs.

    Args:
      model: As `fold_norms` gives it.
      texts: Bytes of real text, as for `calibrate`.
    """
    layers, x = [], _embedded(model, texts)
    for layer in model.layers:
        mlp, x = layer.mlp, x + jax.vmap(layer.attention)(layer.attention_norm(x))
        middle = layer.mlp_norm(x)
        hidden = jax.nn.relu(mlp.gate(middle)) * mlp.up(middle)
        x = x + mlp.down(hidden)
        largest = jnp.max(jnp.abs(hidden), axis=(0, 1))
        # Channels that are hardly ever used count as a sixteenth of the largest, lest their weights up become so large
        # that the unit of what these give, which is one for all channels too, suffers.
        scale = jnp.sqrt(jnp.maximum(largest, jnp.max(largest) / 16 + 1e-12))
        weights = mlp.up.weight / scale, mlp.down.weight * scale[:, None]
        layers.append(eqx.tree_at(lambda y: (y.mlp.up.weight, y.mlp.down.weight), layer, weights))
    return eqx.tree_at(lambda m: m.layers, model, tuple(layers))


def _embedded(model: Transformer, texts: Integer[Array, "b n"]) -> Float[Array, "b n d"]:
    start = jnp.full((texts.shape[0], 1), model.config.vocab_size)
    return model.embedding[jnp.concatenate([start, texts.astype(start.dtype)], axis=1)[:, :-1]]


def _best_unit(values: Float[Array, "..."]) -> float:
    """The unit with the least squared error of rounding to int8 and clipping."""
    return float(_search_unit(jnp.ravel(values)))


@jax.jit
def _search_unit(x: Float[Array, " n"]) -> Float[Array, ""]:
    largest = jnp.maximum(jnp.max(jnp.abs(x)), 1e-6)

    def error(clip: Array) -> Array:
        unit = clip * largest / _INT8
        return jnp.mean(jnp.square(unit * jnp.clip(jnp.round(x / unit), -_INT8, _INT8) - x))

    clips = jnp.asarray(_CLIPS, jnp.float32)
    return clips[jnp.argmin(jax.lax.map(error, clips))] * largest / _INT8


def calibrate(model: Transformer, texts: Integer[Array, "b n"]) -> Activations:
    """Units for the activations of a model with folded norms.

    Args:
      model: As `fold_norms` and `equalise` give it.
      texts: Bytes of real text, n of them at most the model's context; some thousands of bytes in all do.

    Returns:
      The units.
    """
    n, heads = texts.shape[1], model.config.heads
    x = _embedded(model, texts)
    distance, written = jnp.arange(n)[:, None] - jnp.arange(n), jnp.ones((1, n), bool)
    layers = []
    for layer in model.layers:
        attention, mlp = layer.attention, layer.mlp
        source = layer.attention_norm(x)
        queries, keys, values = jnp.moveaxis(jax.vmap(attention.project)(source), 1, 0)
        mixed = jax.vmap(attention.mix, (0, 0, 0, None, None))(queries, keys, values, distance, written)
        x = x + attention.out(mixed)
        middle = layer.mlp_norm(x)
        gate, up = mlp.gate(middle), mlp.up(middle)
        hidden = jax.nn.relu(gate) * up
        x = x + mlp.down(hidden)
        # Where a product of units has to be a scale of 7 bits, one of the units gives way.
        mixed_unit = _best_unit(mixed)
        query_units = [_best_unit(queries[:, :, h]) for h in range(heads)]
        key_units = [_best_unit(keys[:, :, h]) for h in range(heads)]
        score = math.sqrt(queries.shape[-1]) * LOGIT_UNIT
        key_units = [_snapped(q * k / score) * score / q for q, k in zip(query_units, key_units, strict=True)]
        average = mixed_unit * 2**15  # see `_quantise_layer`
        value_units = [_snapped(_best_unit(values[:, :, h]) / average) * average for h in range(heads)]
        gate_unit, up_unit = (max(float(jnp.max(jnp.abs(a))), 1e-6) * 1.25 / GATE_LIMIT for a in (gate, up))
        hidden_unit = gate_unit * up_unit / _snapped(gate_unit * up_unit / _best_unit(hidden))
        layers.append(
            LayerActivations(
                attention=Activation((_best_unit(source),), _INT8),
                qkv=Activation((*query_units, *key_units, *value_units), _INT8),
                mixed=Activation((mixed_unit,), _INT8),
                mlp=Activation((_best_unit(middle),), _INT8),
                gate=Activation((gate_unit,), GATE_LIMIT),
                up=Activation((up_unit,), GATE_LIMIT),
                hidden=Activation((hidden_unit,), _INT8),
            )
        )
    return Activations(tuple(layers), Activation((_best_unit(model.norm(x)),), _INT8))


def rounded_layer(layer: Layer, units: LayerActivations) -> Layer:
    """A layer whose products round."""
    return eqx.tree_at(
        lambda x: (x.attention.qkv, x.attention.out, x.mlp.gate, x.mlp.up, x.mlp.down),
        layer,
        (
            RoundedLinear(layer.attention.qkv, units.attention, units.qkv),
            RoundedLinear(layer.attention.out, units.mixed, _RESIDUAL),
            RoundedLinear(layer.mlp.gate, units.mlp, units.gate),
            RoundedLinear(layer.mlp.up, units.mlp, units.up),
            RoundedLinear(layer.mlp.down, units.hidden, _RESIDUAL),
        ),
    )


def rounded(model: Transformer, units: Activations) -> Transformer:
    """A Transformer with folded norms whose products round, ready to be trained on."""
    layers = tuple(rounded_layer(layer, u) for layer, u in zip(model.layers, units.layers, strict=True))
    unembedding = RoundedLinear(model.unembedding, units.output, Activation((LOGIT_UNIT,), None))
    return eqx.tree_at(lambda m: (m.layers, m.unembedding), model, (layers, unembedding))


def each_part(model: Transformer, rounding: Transformer) -> Iterator[tuple[str, Transformer]]:
    """`model` with one part at a time taken from `rounding`: each layer, then the projection to logits."""
    for i, layer in enumerate(rounding.layers):
        yield f"layer_{i}", eqx.tree_at(lambda m, i=i: m.layers[i], model, layer)
    yield "unembedding", eqx.tree_at(lambda m: m.unembedding, model, rounding.unembedding)


def quantise(model: Transformer) -> IntegerTransformer:
    """The exact model of a Transformer made by `rounded`, trained further or not.

    Its logits are those of `model` up to the rounding of what `model` leaves in float32: attention weights, the
    residual stream, norms and logits.

    Args:
      model: What `rounded` gave, with the weights of before or after further training.

    Returns:
      A model of precision 16.

    Raises:
      ValueError: If no exact model is built like this one: it has vectors for distances, or is too large.
      TypeError: If its products do not round.
    """
    check_sizes(model.config)
    layers = tuple(map(_quantise_layer, model.layers))
    embedding = jnp.clip(jnp.round(model.embedding / RESIDUAL_UNIT), -(1 << 15), (1 << 15) - 1).astype(jnp.int16)
    d_model = model.config.d_model
    return IntegerTransformer(
        embedding, layers, _norm(model.unembedding, d_model), _linear(model.unembedding), model.config
    )


def _quantise_layer(layer: Layer) -> integer.Layer:
    attention, mlp = layer.attention, layer.mlp
    assert isinstance(attention, BiasAttention)  # so `check_sizes` said
    qkv, out = _rounding(attention.qkv), _rounding(attention.out)
    gate, up, hidden = (_rounding(x) for x in (mlp.gate, mlp.up, mlp.down))
    queries, keys, values = np.array(qkv.target.units).reshape(3, -1)
    score = queries * keys / math.sqrt(qkv.weight.shape[1] // queries.size // 3) / LOGIT_UNIT
    bias = jnp.round(attention.bias / LOGIT_UNIT)
    d_model = out.weight.shape[1]
    return integer.Layer(
        attention_norm=_norm(qkv, d_model),
        attention=integer.Attention(
            qkv=_linear(qkv),
            scores=_rescale(score),
            bias=jnp.clip(bias, -(1 << 15), (1 << 15) - 1).astype(jnp.int16),
            # The mean of values leaves `Attention.mix` times 2**15.
            average=_rescale(values / out.source.units[0] / 2**15),
            out=_linear(out),
        ),
        mlp_norm=_norm(mlp.gate, d_model),
        mlp=integer.GatedMLP(
            gate=_linear(mlp.gate),
            up=_linear(mlp.up),
            hidden=_rescale(np.array(gate.target.units[0] * up.target.units[0] / hidden.source.units[0])),
            down=_linear(mlp.down),
        ),
    )


def _rounding(linear: Linear) -> RoundedLinear:
    if not isinstance(linear, RoundedLinear):
        raise TypeError("only a Transformer whose products round can become integers; see ecjax.models.quantisation")
    return linear


def _linear(product: Linear) -> integer.Linear:
    linear = _rounding(product)
    multiplier, shift = linear.ratios()
    weight = jnp.clip(jnp.round(linear.weight / linear.units()), -_INT8, _INT8)
    return integer.Linear(weight.astype(jnp.int8), Rescale(multiplier.astype(jnp.int8), shift.astype(jnp.int8)))


def _rescale(scale: np.ndarray) -> Rescale:
    # It is one of 7 bits, but for float rounding, which must not carry it to the next.
    multiplier, shift = snap(jnp.asarray(scale * (1 - 1e-6), jnp.float32))
    return Rescale(multiplier.astype(jnp.int8), shift.astype(jnp.int8))


def _norm(following: Linear, d_model: int) -> integer.Norm:
    # Only a norm that gives all zeros has a unit so small.
    gain = min(math.sqrt(d_model) / _rounding(following).source.units[0], 2.0**14 - 1)
    shift = 30 - math.frexp(gain)[1]
    return integer.Norm(jnp.array(round(math.ldexp(gain, shift)), jnp.int32), jnp.array(shift, jnp.int8))
