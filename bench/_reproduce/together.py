"""Training of several seeds side by side, many steps in one call: tiny models leave an accelerator idle otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer, PyTree, UInt16, UInt32

from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import TrainingSettings, TrainingState, make_optimizer
from ecjax.training.devices import data_mesh
from ecjax.training.step import loss_and_gradients

Batches = Integer[np.ndarray, "steps seeds batch n"]


class _Stretch(NamedTuple):
    """Steps `begin .. end - 1`, and what they need that they do not change."""

    settings: TrainingSettings
    examples: Integer[Array, "steps seeds batch n"]
    begin: Integer[Array, ""]
    end: Integer[Array, ""]


class _Training(NamedTuple):
    """What the steps carry on.

    Attributes:
      states: A `TrainingState` whose arrays have a leading axis for seeds.
      losses: Of the steps so far, in nats per token; the others are 0.
    """

    states: PyTree
    losses: Float[Array, "steps seeds"]


def draw(
    ids: Int32[np.ndarray, " n"], context: int, settings: TrainingSettings, seeds: Sequence[int]
) -> UInt16[np.ndarray, "steps seeds batch context"] | UInt32[np.ndarray, "steps seeds batch context"]:
    """The batches of each seed: slices of `ids` end to end, in an order of its own, none of them twice.

    Raises:
      ValueError: If there is too little text for that.
    """
    rows = ids[: len(ids) // context * context].reshape(-1, context)
    wanted = settings.steps * settings.batch_size
    if wanted > len(rows):
        raise ValueError(
            f"{settings.steps:,} steps of {settings.batch_size} examples see text twice: it makes {len(rows):,} "
            f"examples of {context} tokens; give {wanted / max(1, len(rows)):.1f} times the text"
        )
    rows = rows.astype(np.uint16 if ids.max() < 1 << 16 else np.uint32)
    orders = [np.random.default_rng(seed).permutation(len(rows))[:wanted] for seed in seeds]
    return rows[np.stack(orders, 1).reshape(settings.steps, settings.batch_size, -1).swapaxes(1, 2)]


def train(
    config: TransformerConfig,
    settings: TrainingSettings,
    seeds: Sequence[int],
    batches: Batches,
    points: Sequence[int],
    report: Callable[[int, list[float], list[Transformer]], None],
) -> tuple[list[Transformer], Float[np.ndarray, "steps seeds"]]:
    """Trains a model for each seed: what `ecjax.training.train` does, without checkpoints, and on one device.

    Args:
      config: Of all models.
      settings: Of all runs but for their seeds; micro-batches are not supported.
      seeds: Of the first weights.
      batches: Token ids for every step and seed.
      points: Steps after which `report` is called with their number, each seed's loss in that step and its model;
        ascending, the last being the last step.
      report: Called there.

    Returns:
      The models, and the losses in nats per token.

    Raises:
      ValueError: If a loss is no longer a finite number, or the settings want micro-batches.
    """
    if settings.accumulate != 1:
        raise ValueError(f"models trained together take no micro-batches; accumulate is {settings.accumulate}, not 1")
    losses = jnp.zeros(batches.shape[:2], jnp.float32)
    training = _Training(_begin(config, settings, jnp.array(seeds)), losses)
    examples = jax.device_put(batches)
    models: list[Transformer] = []
    begin = 0
    for end in points:
        training = _advance(_Stretch(settings, examples, jnp.array(begin), jnp.array(end)), training)
        recent = np.asarray(training.losses[begin:end])
        if not np.isfinite(recent).all():
            raise ValueError(f"a loss became {recent.max()} by step {end}; lower the learning rate")
        models = [jax.tree.map(lambda leaf, i=i: leaf[i], training.states.model) for i in range(len(seeds))]
        report(end, recent[-1].tolist(), models)
        begin = end
    return models, np.asarray(training.losses)


@eqx.filter_jit
def _begin(config: TransformerConfig, settings: TrainingSettings, seeds: Integer[Array, " seeds"]) -> PyTree:
    def one(seed: Integer[Array, ""]) -> TrainingState:
        return TrainingState.begin(Transformer(config, key=jax.random.key(seed)), settings)

    return jax.vmap(one)(seeds)


@eqx.filter_jit(donate="all-except-first")
def _advance(stretch: _Stretch, training: _Training) -> _Training:
    """All seeds after the steps of a stretch. `training` is consumed."""
    one = jax.vmap(lambda state, batch: _step(stretch.settings, state, batch))

    def advance(step: Integer[Array, ""], training: _Training) -> _Training:
        states, losses = one(training.states, stretch.examples[step])
        return _Training(states, training.losses.at[step].set(losses))

    # The bounds are arrays, so that one program does for stretches of any length.
    return jax.lax.fori_loop(stretch.begin, stretch.end, advance, training)


def _step(
    settings: TrainingSettings, state: TrainingState, batch: Integer[Array, "batch n"]
) -> tuple[TrainingState, Float[Array, ""]]:
    loss, gradients = loss_and_gradients(settings, data_mesh(), state.model, batch)
    updates, optimizer = make_optimizer(settings).update(
        gradients, state.optimizer, eqx.filter(state.model, eqx.is_inexact_array)
    )
    return TrainingState(eqx.apply_updates(state.model, updates), optimizer), loss
