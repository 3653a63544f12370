"""From float to integers: units, scales of 7 bits, and how near each model is to the one it was made from."""

import dataclasses
import functools
import math
from fractions import Fraction
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.models.integer import IntegerTransformer
from ecjax.models.quantisation import (
    Activation,
    Activations,
    RoundedLinear,
    calibrate,
    equalise,
    fold_norms,
    quantise,
    rounded,
    snap,
)
from ecjax.models.transformer import Linear, Transformer, TransformerConfig
from tests.strategies import seeds

CONFIG = TransformerConfig(vocab_size=256, d_model=32, heads=2, layers=2, head_dim=16, mlp_dim=64, context=8)
LOGIT_UNIT = math.log(2) / 256

jit_logits = eqx.filter_jit(jax.vmap(lambda model, text: model(text), in_axes=(None, 0)))
jit_integer_logits = eqx.filter_jit(jax.vmap(lambda model, text: model.logits(text), in_axes=(None, 0)))


def make(config: TransformerConfig = CONFIG) -> Transformer:
    """A Transformer with every parameter at random and logits of some bits."""
    model = Transformer(config, key=jax.random.key(0))
    leaves, structure = jax.tree.flatten(model)
    rng = np.random.default_rng(0)
    leaves = [leaf + jnp.asarray(0.1 * rng.standard_normal(leaf.shape), leaf.dtype) for leaf in leaves]
    return jax.tree.unflatten(structure, leaves)


def draw_texts(seed: int, count: int = 32) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).integers(256, size=(count, CONFIG.context)).astype(np.uint8))


@functools.cache
def stages() -> tuple[Transformer, Activations, Transformer, IntegerTransformer]:
    """A model that is prepared for rounding, its units, and what is made of them."""
    folded = equalise(fold_norms(make()), draw_texts(0))
    units = calibrate(folded, draw_texts(0))
    rounding = rounded(folded, units)
    return folded, units, rounding, quantise(rounding)


def every_activation(units: Activations) -> list[Activation]:
    return [units.output, *(activation for layer in units.layers for activation in vars(layer).values())]


def centred(logits) -> np.ndarray:
    """Logits in 1/256 of log2 less their mean, which no distribution depends on."""
    logits = np.asarray(logits, np.float64)
    return logits - logits.mean(axis=-1, keepdims=True)


# Scales of 7 bits.

GRID = sorted({Fraction(m, 2**s) for m in range(128) for s in range(1, 25)})
EDGES = [float(x) for x in GRID] + [float(np.nextafter(np.float32(127 / 2**s), np.float32(64))) for s in range(2, 25)]


@given(st.floats(0, 63.5, width=32, allow_subnormal=False) | st.sampled_from(EDGES[1:]) | st.sampled_from(EDGES[-23:]))
def test_snap_gives_the_least_scale_not_below(scale):
    multiplier, shift = map(int, snap(jnp.float32(scale)))
    assert 0 <= multiplier <= 127 and 1 <= shift <= 24
    assert Fraction(multiplier, 2**shift) == next(x for x in GRID if x >= Fraction(float(np.float32(scale))))
    assert multiplier >= 64 or shift == 24 or multiplier == 0
    assert multiplier == 0 or shift == 24 or Fraction(multiplier, 2**shift) <= Fraction(scale) * Fraction(65, 64)


@pytest.mark.parametrize("scale", [63.5, 63.6, 64.0, 1e9])
def test_snap_of_what_is_too_large(scale):
    assert tuple(map(int, snap(jnp.float32(scale)))) == (127, 1)


# Rounding.


@given(seeds, st.sampled_from([0.01, 0.37, 5.0]), st.integers(1, 127))
def test_an_activation_is_the_nearest_of_its_integers(seed, unit, limit):
    x = np.random.default_rng(seed).standard_normal(64).astype(np.float32) * unit * limit
    out = np.asarray(Activation((unit,), limit)(jnp.asarray(x)), np.float64) / unit
    integers = np.round(out)
    assert np.abs(out - integers).max() < 1e-3 and np.abs(integers).max() <= limit
    assert (np.abs(integers - np.clip(x / unit, -limit, limit)) <= 0.5 + 1e-3).all()


def test_gradients_pass_straight_through_unless_clipped():
    activation = Activation((0.5, 0.25), 10)
    x = jnp.array([0.3, -4.9, 5.2, 0.3, -2.6, 2.4])
    gradient = jax.grad(lambda x: jnp.sum(activation(x) * jnp.arange(1.0, 7.0)))(x)
    assert gradient.tolist() == [1, 2, 0, 4, 0, 6]
    assert Activation((0.5,), None)(x).tolist() == x.tolist()


@pytest.mark.slow
def test_gradients_of_weights_pass_straight_through():
    linear = stages()[2].layers[0].attention.out
    x = jax.random.normal(jax.random.key(1), (5, linear.weight.shape[0])) * 0.1
    direction = jax.random.normal(jax.random.key(2), (5, linear.weight.shape[1]))
    gradient = eqx.filter_grad(lambda linear: jnp.sum(linear(x) * direction))(linear).weight
    np.testing.assert_allclose(gradient, cast(Any, linear).source(x).T @ direction, rtol=1e-4, atol=1e-5)


@pytest.mark.deep
@pytest.mark.slow
def test_training_a_rounded_model_moves_every_weight():
    _, _, rounding, _ = stages()
    gradients = eqx.filter_grad(lambda model: jnp.mean(jnp.square(jax.vmap(model)(draw_texts(1, 4)))))(rounding)
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all() and np.abs(leaf).max() > 0


# Units.


@pytest.mark.slow
def test_folding_norms_keeps_the_function():
    model, text = make(), draw_texts(2)
    expected = jit_logits(model, text)
    np.testing.assert_allclose(jit_logits(fold_norms(model), text), expected, rtol=1e-3, atol=1e-3)
    twice = eqx.tree_at(lambda m: m.norm, fold_norms(model), model.norm)
    assert np.abs(np.asarray(jit_logits(twice, text)) - expected).max() > 0.01


def hidden_ranges(model: Transformer, text: jax.Array) -> np.ndarray:
    """The largest magnitude of each hidden channel of the first layer."""
    layer = model.layers[0]
    start = jnp.full((len(text), 1), model.config.vocab_size)
    x = model.embedding[jnp.concatenate([start, text.astype(jnp.int32)], axis=1)[:, :-1]]
    x = layer.mlp_norm(x + jax.vmap(layer.attention)(layer.attention_norm(x)))
    return np.asarray(jnp.abs(jax.nn.relu(layer.mlp.gate(x)) * layer.mlp.up(x)).max(axis=(0, 1)))


@pytest.mark.slow
def test_equalising_keeps_the_function_and_brings_channels_together():
    model, text = fold_norms(make()), draw_texts(0)
    gates = model.layers[0].mlp.gate.weight
    gates = gates.at[:, 3].set(0).at[:, 4].multiply(1e-3)  # one that never opens and one that hardly does
    model = eqx.tree_at(lambda m: m.layers[0].mlp.gate.weight, model, gates)
    equal = equalise(model, text)
    np.testing.assert_allclose(jit_logits(equal, text), jit_logits(model, text), rtol=1e-3, atol=1e-3)
    before, after = hidden_ranges(model, text), hidden_ranges(equal, text)
    assert before.min() == 0 and sorted(before)[2] > before.max() / 16
    scale = np.sqrt(np.maximum(before, before.max() / 16))
    np.testing.assert_allclose(after, before / scale, rtol=1e-3)
    down = np.asarray(equal.layers[0].mlp.down.weight / model.layers[0].mlp.down.weight)
    np.testing.assert_allclose(down, np.broadcast_to(scale[:, None], down.shape), rtol=1e-3)


@pytest.mark.slow
def test_units_are_positive_and_as_many_as_heads():
    _, units, _, _ = stages()
    for activation in every_activation(units):
        assert all(unit > 0 and math.isfinite(unit) for unit in activation.units)
        assert activation.limit in (127, 2047)
    assert [len(layer.qkv.units) for layer in units.layers] == [3 * CONFIG.heads] * CONFIG.layers
    assert all(len(a.units) in (1, 3 * CONFIG.heads) for a in every_activation(units))


@pytest.mark.slow
def test_units_of_a_model_of_zeros():
    model = equalise(jax.tree.map(jnp.zeros_like, fold_norms(make())), draw_texts(0))
    exact = quantise(rounded(model, calibrate(model, draw_texts(0))))
    exact.check()
    assert not np.asarray(jit_integer_logits(exact, draw_texts(3))).any()


# Integers.


@pytest.mark.slow
@given(seeds, st.sampled_from([0.003, 0.2, 30.0]), st.sampled_from([1e-3, 0.05]))
def test_a_rounded_product_is_one_of_integers(seed, size, unit):
    weight = size * np.random.default_rng(seed).standard_normal((16, 4)).astype(np.float32)
    weight[:, 3] = 0
    linear = eqx.tree_at(lambda x: x.weight, Linear(16, 4, jax.random.key(0)), jnp.asarray(weight))
    linear = RoundedLinear(linear, Activation((0.02,), 127), Activation((unit,), None))
    multiplier, shift = map(np.asarray, cast(Any, linear).ratios())
    units = np.asarray(cast(Any, linear).units(), np.float64)
    np.testing.assert_allclose(units * 0.02, np.maximum(multiplier, 1) * 2.0**-shift * unit, rtol=1e-5)
    integers = np.round(weight / units)
    if 0.02 * np.abs(weight).max() / 127 / unit < 63:  # else the scale saturates, and so do weights
        assert np.abs(integers).max() <= 127
        assert (np.abs(integers[:, :3]).max(axis=0) >= 125)[multiplier[:3] >= 64].all()
    x = 0.02 * np.random.default_rng(seed).integers(-127, 128, (3, 16))
    expected = (x / 0.02) @ integers * np.maximum(multiplier, 1) * 2.0**-shift * unit
    np.testing.assert_allclose(
        linear(jnp.asarray(x, jnp.float32)), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max() + 1e-9
    )


@pytest.mark.slow
def test_quantising_writes_the_integers_that_rounding_uses():
    _, _, rounding, exact = stages()
    pairs = [(rounding.unembedding, exact.unembedding)]
    for layer, other in zip(rounding.layers, exact.layers, strict=True):
        pairs += [(layer.attention.qkv, other.attention.qkv), (layer.attention.out, other.attention.out)]
        pairs += [(layer.mlp.gate, other.mlp.gate), (layer.mlp.up, other.mlp.up), (layer.mlp.down, other.mlp.down)]
    for linear, integers in pairs:
        assert integers.weight.dtype == jnp.int8
        expected = np.round(np.asarray(linear.weight) / np.asarray(cast(Any, linear).units()))
        np.testing.assert_array_equal(integers.weight, np.clip(expected, -127, 127))
        multiplier, shift = cast(Any, linear).ratios()
        np.testing.assert_array_equal(integers.scale.multiplier, multiplier)
        np.testing.assert_array_equal(integers.scale.shift, shift)
        assert np.abs(integers.weight).max(axis=0).min() >= 125  # no bit of int8 is wasted
        assert integers.scale.multiplier.min() >= 64


@pytest.mark.slow
def test_a_quantised_model_is_within_its_ranges():
    exact = stages()[3]
    exact.check()
    for norm in [exact.norm] + [n for layer in exact.layers for n in (layer.attention_norm, layer.mlp_norm)]:
        assert 1 << 29 <= int(norm.gain) <= 1 << 30 and 16 <= int(norm.gain_shift) <= 24
    for layer in exact.layers:
        for scale in (layer.attention.scores, layer.attention.average, layer.mlp.hidden):
            assert np.asarray(scale.multiplier).min() >= 64


def slope_and_residue(actual: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """What the expected logits have to be multiplied by to give the actual ones, and the rest, relative to them."""
    slope = np.sum(actual * expected) / np.sum(expected * expected)
    return float(slope), float(np.std(actual - slope * expected) / np.std(expected))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 4])  # calibrated on, and not
def test_integers_give_nearly_the_logits_of_the_rounded_model(seed):
    _, _, rounding, exact = stages()
    text = draw_texts(seed)
    expected, actual = centred(jit_logits(rounding, text) / LOGIT_UNIT), centred(jit_integer_logits(exact, text))
    assert np.std(expected) > 100
    # Where rounding falls the other way for a small difference, a whole unit of int8 is between the two.
    assert np.mean(np.abs(actual - expected)) < 8
    slope, residue = slope_and_residue(actual, expected)
    assert abs(slope - 1) < 0.005 and residue < 0.05


@pytest.mark.slow
def test_rounding_gives_nearly_the_logits_of_the_float_model():
    folded, _, rounding, exact = stages()
    text = draw_texts(4)
    expected = centred(jit_logits(folded, text) / LOGIT_UNIT)
    for logits in (jit_logits(rounding, text) / LOGIT_UNIT, jit_integer_logits(exact, text)):
        slope, residue = slope_and_residue(centred(logits), expected)
        assert abs(slope - 1) < 0.01 and residue < 0.05


@pytest.mark.parametrize("size", [1 / 40, pytest.param(1 / 1000, marks=pytest.mark.slow)])
def test_scales_of_heads_are_exact_even_if_one_is_much_smaller(size):
    width = CONFIG.heads * CONFIG.head_dim
    factor = np.ones(3 * width, np.float32)
    factor[2 * width : 2 * width + CONFIG.head_dim] = size
    model = fold_norms(make(dataclasses.replace(CONFIG, layers=1)))
    weights = [layer.attention.qkv.weight * factor for layer in model.layers]
    model = eqx.tree_at(lambda m: [layer.attention.qkv.weight for layer in m.layers], model, weights)
    units = calibrate(model, draw_texts(0))
    rounding = rounded(model, units)
    exact = quantise(rounding)
    for layer, u in zip(exact.layers, units.layers, strict=True):
        average = layer.attention.average
        ratio = np.asarray(average.multiplier) * 2.0 ** -np.asarray(average.shift, float)
        expected = np.array(u.qkv.units[2 * CONFIG.heads :]) / u.mixed.units[0] / 2**15
        np.testing.assert_allclose(ratio, expected, rtol=1e-5)


def test_no_model_with_vectors_for_distances_becomes_integers():
    with pytest.raises(ValueError, match="an exact model has a bias for each distance, not vectors"):
        quantise(make(dataclasses.replace(CONFIG, relative="vectors")))


def test_only_a_rounded_model_becomes_integers():
    with pytest.raises(TypeError, match="only a Transformer whose products round"):
        quantise(make())
