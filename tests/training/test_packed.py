"""Packed texts in training: the losses and gradients of the texts alone."""

import dataclasses
import re
from typing import Any

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float, Integer, Key

from ecjax.data import packed
from ecjax.training import Loss, Masked, TrainingSettings, TrainingState, cross_entropy, train, training_step
from ecjax.training.batches import check_shapes
from ecjax.training.devices import data_mesh
from ecjax.training.step import loss_and_gradients
from tests.training.runs import SETTINGS, examples, is_one_line, model

TEXTS = [np.random.default_rng(i).integers(16, size=n).astype(np.int32) for i, n in enumerate((5, 11, 3, 20, 1))]
LENGTH = 24
MODEL = model()

differentiate = eqx.filter_jit(lambda settings, batch: loss_and_gradients(settings, data_mesh(), MODEL, batch))


def rows() -> Masked:
    """All of `TEXTS` in two rows."""
    ids, segments = np.full((2, LENGTH), 7, np.int32), np.zeros((2, LENGTH), np.int32)
    for row, begin, number, text in ((0, 0, 1, 0), (0, 5, 2, 1), (0, 16, 3, 2), (1, 0, 1, 3), (1, 20, 2, 4)):
        place = slice(begin, begin + len(TEXTS[text]))
        ids[row, place], segments[row, place] = TEXTS[text], number
    return Masked(ids, segments > 0, segments)


def alone() -> Masked:
    """Each of `TEXTS` in a row of its own."""
    ids, counted = np.zeros((len(TEXTS), LENGTH), np.int32), np.zeros((len(TEXTS), LENGTH), bool)
    for i, text in enumerate(TEXTS):
        ids[i, : len(text)], counted[i, : len(text)] = text, True
    return Masked(ids, counted)


@pytest.mark.parametrize("change", [{}, {"accumulate": 2, "remat": True}], ids=["plain", "saving"])
def test_losses_and_gradients_are_those_of_the_texts_alone(change: dict[str, Any]) -> None:
    loss, gradients = differentiate(dataclasses.replace(SETTINGS, **change), rows())
    expected, others = differentiate(SETTINGS, alone())
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    chex.assert_trees_all_close(gradients, others, rtol=1e-5, atol=1e-6)
    # Without the segments they are others.
    joined, _ = differentiate(SETTINGS, Masked(rows().ids, rows().counted))
    assert abs(float(joined) - float(expected)) > 1e-3


def test_each_text_has_the_losses_that_it_has_alone():
    def losses(batch: Masked) -> np.ndarray:
        read = jax.vmap(lambda ids, segments: cross_entropy(MODEL(ids, segments), ids)[0])
        segments = jnp.zeros_like(batch.ids) if batch.segments is None else jnp.asarray(batch.segments)
        return np.asarray(read(jnp.asarray(batch.ids), segments))[batch.counted]

    np.testing.assert_allclose(losses(rows()), losses(alone()), rtol=1e-5)


def test_packed_batches_are_learnt():
    # What follows is certain within a text, and chance between texts.
    texts = [np.arange(begin, begin + 4 + begin % 5) % 16 for begin in range(16)]
    settings = TrainingSettings(steps=60, batch_size=8, learning_rate=2e-2, warmup=5)
    _, losses = train(MODEL, packed(texts, 16, settings.batch_size, seed=0, bins=16), settings)
    assert losses[0] > 2.5 and np.mean(losses[-10:]) < 0.75  # ln 16 / 6 for the first of about six is 0.46


class Previous(eqx.Module):
    """Logits that depend on the last id alone, or on nothing where a text begins."""

    rows: Float[Array, "v v"]
    first: Float[Array, " v"]

    def __init__(self, *, key: Key[Array, ""]) -> None:
        self.rows, self.first = jax.random.normal(key, (16, 16)), jnp.zeros(16)

    def __call__(self, ids: Integer[Array, " n"], segments: Integer[Array, " n"] | None = None) -> Float[Array, "n v"]:
        segments = jnp.zeros_like(ids) if segments is None else segments
        begins = jnp.concatenate([jnp.ones(1, bool), segments[1:] != segments[:-1]])
        return jnp.where(begins[:, None], self.first, self.rows[jnp.roll(ids, 1)])


class Single(Previous):
    """One that reads single texts only."""

    def __call__(self, ids: Integer[Array, " n"]) -> Float[Array, "n v"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().__call__(ids)


def doubled(logits: Float[Array, "n v"], ids: Integer[Array, " n"]) -> Float[Array, " n"]:
    return 2 * cross_entropy(logits, ids)[0]


def test_a_model_and_a_loss_of_ones_own_read_packed_texts():
    own, sgd = Previous(key=jax.random.key(0)), optax.sgd(0.1)

    def loss_of(batch: Masked, loss: Loss | None = None) -> float:
        state = TrainingState.begin(jax.tree.map(jnp.copy, own), SETTINGS, sgd)
        return float(training_step(SETTINGS, data_mesh(), state, batch, optimizer=sgd, loss=loss)[1])

    together = loss_of(rows())
    assert together == pytest.approx(loss_of(alone()), rel=1e-5)
    assert together != pytest.approx(loss_of(Masked(rows().ids, rows().counted)), rel=1e-3)
    assert loss_of(rows(), doubled) == pytest.approx(2 * together, rel=1e-5)


def test_a_model_that_takes_no_segments_is_told_so():
    single = Single(key=jax.random.key(0))  # pyright: ignore[reportCallIssue]
    train(single, examples(), TrainingSettings(1, SETTINGS.batch_size))
    with pytest.raises(ValueError, match="several texts in a row, but the Single takes no segments") as refusal:
        train(single, packed(TEXTS, LENGTH, 8, 0, bins=8), TrainingSettings(1, 8))
    assert is_one_line(refusal.value)


@pytest.mark.parametrize("wrong", [np.zeros((2, LENGTH)), np.zeros((2, 3), np.int32)], ids=["floats", "shape"])
def test_segments_of_the_wrong_kind_are_refused(wrong: Any) -> None:
    batch = eqx.tree_at(lambda x: x.segments, rows(), wrong)  # which types would refuse where they are checked
    told = f"the segments of the batch of step 1 are {wrong.dtype} of shape {wrong.shape}; they must be whole numbers"
    with pytest.raises(ValueError, match=re.escape(told)):
        check_shapes(batch, 1)
