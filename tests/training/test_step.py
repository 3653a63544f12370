"""One step: what counts in the loss, and the same loss and gradients however the step is computed."""

import dataclasses
import re
from typing import Any, cast

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import data
from ecjax.models.transformer import TransformerConfig
from ecjax.training import Masked, TrainingSettings, TrainingState, cross_entropy, train, training_step
from ecjax.training.devices import data_mesh
from ecjax.training.own import Method
from ecjax.training.step import compiled_step, loss_and_gradients
from tests.strategies import seeds
from tests.training.runs import SETTINGS, model

CONFIG = TransformerConfig(vocab_size=16, d_model=8, heads=2, layers=1, head_dim=4, mlp_dim=16, context=4)
MODEL = model(0, CONFIG)
ROWS, LENGTH = 8, 4

differentiate = eqx.filter_jit(lambda settings, batch: loss_and_gradients(settings, data_mesh(), MODEL, batch))
read = eqx.filter_jit(lambda ids: cross_entropy(jax.vmap(MODEL)(ids), ids))


def draw_ids(seed: int, rows: int = ROWS, length: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(CONFIG.vocab_size, size=(rows, length)).astype(np.int32)


def alike(a: object, b: object, tolerance: float = 1e-5) -> None:
    """Every array of the one is that of the other, as far as float32 can tell."""
    chex.assert_trees_all_close(jax.tree.leaves(a), jax.tree.leaves(b), rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_cross_entropy_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((3, 5, 7)).astype(np.float32), rng.integers(7, size=(3, 5))
    losses, normaliser = cross_entropy(jnp.asarray(logits), jnp.asarray(targets))
    expected = np.log(np.exp(logits).sum(-1))
    np.testing.assert_allclose(normaliser, expected, rtol=1e-5)
    chosen = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(losses, expected - chosen, rtol=1e-5, atol=1e-6)
    uniform, _ = cross_entropy(jnp.zeros((1, 7)), jnp.array([3], jnp.uint8))
    np.testing.assert_allclose(uniform, np.log(7), rtol=1e-6)


# What counts.


@given(seed=seeds, share=st.sampled_from([0.1, 0.5, 1.0]))
def test_only_what_counts_counts(seed, share):
    ids, counted = draw_ids(seed), np.random.default_rng(seed).random((ROWS, LENGTH)) < share
    loss, _ = differentiate(SETTINGS, Masked(ids, counted))
    losses, _ = read(jnp.asarray(ids))
    np.testing.assert_allclose(loss, np.asarray(losses)[counted].mean() if counted.any() else 0, rtol=1e-5)


@given(seed=seeds, share=st.sampled_from([0.1, 0.5, 1.0]))
def test_micro_batches_make_the_whole(seed, share):
    # Rows with few that count and rows with many: a mean of means would be another.
    ids, rng = draw_ids(seed), np.random.default_rng(seed)
    counted = rng.random((ROWS, LENGTH)) < share * rng.random((ROWS, 1))
    batch = Masked(ids, counted)
    alike(differentiate(SETTINGS, batch), differentiate(dataclasses.replace(SETTINGS, accumulate=4), batch))


@pytest.mark.slow
def test_masked_examples_are_batched_by_grain_and_learnt():
    class Echo:
        """Examples whose second half, which alone counts, says the first again; the first half is all chance."""

        length = LENGTH

        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: int) -> Masked:
            half = np.random.default_rng(index).integers(16, size=LENGTH // 2).astype(np.int32)
            return Masked(np.tile(half, 2), np.arange(LENGTH) >= LENGTH // 2)

    settings = TrainingSettings(steps=150, batch_size=16, learning_rate=1e-2, warmup=5)
    batches = data.batches(Echo(), settings.batch_size, seed=0)
    assert next(batches).ids.shape == (16, LENGTH)
    _, losses = train(MODEL, batches, settings)
    assert losses[0] > 2.5 and np.mean(losses[-10:]) < 1.5


# How it is computed.


@pytest.mark.slow
def test_what_saves_memory_changes_no_gradient():
    # Of two lengths, as `train-m1 --length` gives them; a text may as well be longer with an end that does not count.
    ids, shorter = draw_ids(2), np.arange(ROWS)[:, None] >= ROWS // 2
    counted = ~(shorter & (np.arange(LENGTH) >= LENGTH // 2))
    saving = dataclasses.replace(SETTINGS, remat=True, accumulate=4)
    batch = (ids[: ROWS // 2], ids[ROWS // 2 :, : LENGTH // 2])
    alike(differentiate(saving, batch), differentiate(SETTINGS, Masked(ids, counted)))


def test_remat_computes_layers_anew():
    def products(settings: TrainingSettings) -> int:
        return str(jax.make_jaxpr(lambda m: loss_and_gradients(settings, data_mesh(), m, draw_ids(0)))(MODEL)).count(
            "dot_general["
        )

    forward = 6 * CONFIG.layers  # queries, keys and values; scores; their mean; out; gate and up; down
    assert products(dataclasses.replace(SETTINGS, remat=True)) >= products(SETTINGS) + forward


HALF = dataclasses.replace(SETTINGS, compute="bfloat16")


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
def test_products_are_of_bfloat16_and_what_is_delicate_of_float32():
    state = TrainingState.begin(MODEL, HALF)
    lowered = (
        cast(Any, compiled_step).lower((Method(HALF), None), data_mesh(), state, jnp.asarray(draw_ids(0))).as_text()
    )
    operations = re.findall(r"stablehlo\.(\w+) .*: (.*)", lowered)
    products = [types for name, types in operations if name == "dot_general"]
    delicate = [types for name, types in operations if name in ("exponential", "log", "rsqrt")]
    assert len(products) > 20 and not any("f32" in types.replace("bf16", "") for types in products)
    assert len(delicate) > 5 and not any("bf16" in types for types in delicate)


@pytest.mark.slow
def test_bfloat16_gives_nearly_the_same():
    batch = Masked(draw_ids(4), np.ones((ROWS, LENGTH), bool))
    (loss, gradients), (half_loss, half_gradients) = (differentiate(s, batch) for s in (SETTINGS, HALF))
    assert half_loss.dtype == jnp.float32 and half_loss == pytest.approx(float(loss), rel=0.01) and half_loss != loss
    for whole, half in zip(jax.tree.leaves(gradients), jax.tree.leaves(half_gradients), strict=True):
        assert half.dtype == jnp.float32
        assert np.linalg.norm(half - whole) < 0.05 * np.linalg.norm(whole) + 1e-4


def test_the_state_stays_float32():
    state = TrainingState.begin(MODEL, HALF)
    after, loss = eqx.filter_eval_shape(training_step, HALF, data_mesh(), state, jnp.asarray(draw_ids(0)))
    assert loss.dtype == jnp.float32
    assert [x.dtype for x in jax.tree.leaves(after)] == [x.dtype for x in jax.tree.leaves(state)]
