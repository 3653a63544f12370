"""The loss with few logits in memory is the loss with all of them, and so is its gradient."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.models.transformer import Transformer, configuration
from ecjax.training import Masked, TrainingSettings, losses, step


def model(vocab_size: int = 50) -> Transformer:
    return Transformer(configuration("tiny", vocab_size, 16), key=jax.random.key(1))


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 12))
@pytest.mark.slow
def test_parts_of_any_size(b, n, positions):
    m2 = model()
    hidden = jax.random.normal(jax.random.key(n), (b, n, m2.config.d_model))
    targets = jax.random.randint(jax.random.key(b), (b, n), 0, 50)
    whole = losses.cross_entropy(m2.logits(hidden), targets)
    parts = losses.cross_entropy_in_parts(m2.logits, hidden, targets, positions)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
def test_a_step_in_parts_has_the_same_loss_and_gradients(compute, monkeypatch):
    settings = TrainingSettings(1, 3, compute=compute)
    ids = np.random.default_rng(0).integers(0, 50, (3, 16)).astype(np.int32)
    batch = [Masked(ids, np.arange(48).reshape(3, 16) % 5 > 0)]

    def of(m2):
        sums = step._sums(settings, m2, batch)
        return sums[0] + 1e-4 * sums[1]

    whole = eqx.filter_value_and_grad(of)(model())
    monkeypatch.setattr(step, "_MOST_LOGITS", 1)
    monkeypatch.setattr(step, "LOGITS", 3 * 50 * 4)
    parts = eqx.filter_value_and_grad(of)(model())
    tolerance = 1e-4 if compute == "float32" else 3e-2
    for one, other in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
        if eqx.is_array(one):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * float(jnp.abs(other).max() + 1))


def test_a_step_over_65536_ids_never_holds_all_logits():
    """XLA says how much memory the compiled step takes beside its arguments and results."""
    m2 = eqx.filter_eval_shape(lambda: Transformer(configuration("tiny", 1 << 16, 128), key=jax.random.key(0)))
    weights, static = eqx.partition(m2, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    ids = jax.ShapeDtypeStruct((32, 128), jnp.int32)

    def loss(weights, ids):
        batch = [Masked(ids, jnp.ones((32, 128), bool))]
        return step._sums(TrainingSettings(1, 32), eqx.combine(weights, static), batch)[0]

    compiled = jax.jit(jax.grad(loss)).lower(weights, ids).compile()
    analysis = compiled.memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes < 32 * 128 * (1 << 16) * 4 / 2  # half of the logits, which are 1 GiB
