"""From integers to float: nearly the same logits, and weights that can be trained."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.models.dequantisation import dequantise
from ecjax.models.integer import IntegerTransformer
from tests.models.test_quantisation import (
    CONFIG,
    LOGIT_UNIT,
    centred,
    draw_texts,
    jit_integer_logits,
    jit_logits,
    slope_and_residue,
    stages,
)


@pytest.mark.slow
def test_an_exact_model_becomes_floats_of_nearly_its_logits():
    exact = stages()[3]
    text = draw_texts(4)
    floats = dequantise(exact)
    expected = centred(jit_integer_logits(exact, text))
    slope, residue = slope_and_residue(centred(jit_logits(floats, text) / LOGIT_UNIT), expected)
    assert abs(slope - 1) < 0.01 and residue < 0.05
    size = lambda weight: float(jnp.sqrt(jnp.mean(jnp.square(weight))))
    for layer in floats.layers:
        queries, keys, values = jnp.split(layer.attention.qkv.weight, 3, axis=1)
        mlp = layer.mlp
        assert size(queries) == pytest.approx(size(keys), rel=1e-3)
        assert size(values) == pytest.approx(size(layer.attention.out.weight), rel=1e-3)
        assert size(mlp.gate.weight) == pytest.approx(size(mlp.up.weight), rel=1e-3)
        assert size(mlp.gate.weight) == pytest.approx(size(mlp.down.weight), rel=1e-3)


@pytest.mark.slow
def test_zeros_become_floats_that_can_be_trained():
    floats = dequantise(IntegerTransformer.zeros(CONFIG))
    assert not np.asarray(jit_logits(floats, draw_texts(4))).any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(floats))
