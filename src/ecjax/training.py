"""Training of Transformers over bytes or tokens: optimisers, the step, and a loop that resumes to the same bits."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import grain
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Integer, PyTree

from ecjax.models.transformer import Transformer

Optimizer = Literal["adamw", "paper"]


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What a training run is made of, besides model and data.

    Attributes:
      steps: Optimiser steps in all.
      batch_size: Examples per step.
      optimizer: "adamw" (cosine decay to zero; for small runs) or "paper" (Adafactor with the paper's schedule, sec.
        3.2).
      learning_rate: Peak learning rate of "adamw"; "paper" has its own.
      warmup: Steps of linear warm-up of "adamw".
      z_loss: Weight of the squared log of the softmax's normaliser.
      seed: Seed of initialisation and data order.
    """

    steps: int
    batch_size: int
    optimizer: Optimizer = "adamw"
    learning_rate: float = 3e-3
    warmup: int = 100
    z_loss: float = 1e-4
    seed: int = 0


def make_optimizer(settings: TrainingSettings) -> optax.GradientTransformation:
    """The optimiser that `settings` names."""
    if settings.optimizer == "paper":
        return optax.adafactor(lambda step: 1.0 / jnp.sqrt(jnp.maximum(step, 10_000)))
    warmup = min(settings.warmup, settings.steps // 2)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup, settings.steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01))


def cross_entropy(
    logits: Float[Array, "*n v"], targets: Integer[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The loss of each target in nats, and the log of the softmax's normaliser."""
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None].astype(jnp.int32), axis=-1)[..., 0]
    return normaliser - chosen, normaliser


class TrainingState(eqx.Module):
    """Everything that a step changes."""

    model: Transformer
    optimizer: optax.OptState


@eqx.filter_jit(donate="all-except-first")
def _step(
    optimizer: optax.GradientTransformation, state: TrainingState, batch: PyTree[Integer[Array, "_ _"]], z_loss: float
) -> tuple[TrainingState, Float[Array, ""]]:
    def objective(model: Transformer) -> tuple[Float[Array, ""], Float[Array, ""]]:
        parts = [cross_entropy(jax.vmap(model)(part), part) for part in jax.tree.leaves(batch)]
        losses, normaliser = (jnp.concatenate([jnp.ravel(part[i]) for part in parts]) for i in range(2))
        loss = losses.mean()
        return loss + z_loss * jnp.square(normaliser).mean(), loss

    (_, loss), gradients = eqx.filter_value_and_grad(objective, has_aux=True)(state.model)
    updates, optimizer_state = optimizer.update(
        gradients, state.optimizer, eqx.filter(state.model, eqx.is_inexact_array)
    )
    return TrainingState(eqx.apply_updates(state.model, updates), optimizer_state), loss


def train(
    model: Transformer,
    examples: grain.DatasetIterator,
    settings: TrainingSettings,
    *,
    directory: Path | None = None,
    checkpoint_every: int = 500,
    report: Callable[[int, float, Transformer], None] | None = None,
) -> tuple[Transformer, list[float]]:
    """Trains `model` on batches of token ids.

    Args:
      model: Where to begin.
      examples: Batches of token ids, as `ecjax.data.batches` gives them: arrays `[batch_size, n]`, or tuples of arrays
        of several lengths, all of whose tokens count alike.
      settings: Optimiser, steps, seed.
      directory: Where checkpoints go. If it has one already, the run goes on from it, to the same bits as if it had
        never stopped.
      checkpoint_every: Steps between checkpoints.
      report: Called after each step with the number of steps done, the step's loss in nats per token, and the model,
        whose arrays live until the next step.

    Returns:
      The trained model and the loss of each step, in nats per token.

    Raises:
      ValueError: If `directory` holds a run with other settings or another model.
    """
    optimizer = make_optimizer(settings)
    model = jax.tree.map(lambda x: jnp.copy(x) if eqx.is_array(x) else x, model)  # a step consumes what it is given
    state = TrainingState(model, optimizer.init(eqx.filter(model, eqx.is_inexact_array)))
    checkpoints = None if directory is None else _Checkpoints(directory, settings, model)
    losses: list[float] = []
    if checkpoints is not None:
        state, losses = checkpoints.restore(state, examples)
    for step in range(len(losses) + 1, settings.steps + 1):
        state, loss = _step(optimizer, state, next(examples), settings.z_loss)
        losses.append(float(loss))
        if not math.isfinite(losses[-1]):
            raise ValueError(f"the loss became {losses[-1]} at step {step}; lower the learning rate")
        if report is not None:
            report(step, losses[-1], state.model)
        if checkpoints is not None and (step % checkpoint_every == 0 or step == settings.steps):
            checkpoints.save(state, examples, losses)
    if checkpoints is not None:
        checkpoints.close()
    return state.model, losses


class _Checkpoints:
    """Orbax checkpoints of a run: training state, data iterator, losses so far."""

    def __init__(self, directory: Path, settings: TrainingSettings, model: Transformer) -> None:
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            raise ImportError("checkpoints need orbax: pip install 'ecjax[train]'") from error
        self._ocp = ocp
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        run = {"settings": dataclasses.asdict(settings), "model": dataclasses.asdict(model.config)}
        record, contents = directory / "run.json", json.dumps(run, indent=2) + "\n"
        if record.exists() and record.read_text() != contents:
            raise ValueError(f"{directory} holds a run with other settings; use them again, or another folder")
        record.write_text(contents)
        self._manager = ocp.CheckpointManager(
            directory / "checkpoints", options=ocp.CheckpointManagerOptions(max_to_keep=2)
        )

    def restore(self, state: TrainingState, examples: grain.DatasetIterator) -> tuple[TrainingState, list[float]]:
        if self._manager.latest_step() is None:
            return state, []
        arrays, static = eqx.partition(state, eqx.is_array)
        leaves, structure = jax.tree.flatten(arrays)
        restored: Any = self._manager.restore(
            self._manager.latest_step(),
            args=self._ocp.args.Composite(
                state=self._ocp.args.StandardRestore(leaves),
                examples=grain.checkpoint.CheckpointRestore(examples),
                losses=self._ocp.args.ArrayRestore(),
            ),
        )
        arrays = jax.tree.unflatten(structure, restored.state)
        return eqx.combine(arrays, static), np.asarray(restored.losses).tolist()

    def save(self, state: TrainingState, examples: grain.DatasetIterator, losses: list[float]) -> None:
        self._manager.save(
            len(losses),
            args=self._ocp.args.Composite(
                state=self._ocp.args.StandardSave(jax.tree.leaves(eqx.filter(state, eqx.is_array))),
                examples=grain.checkpoint.CheckpointSave(examples),
                losses=self._ocp.args.ArraySave(np.asarray(losses, np.float64)),
            ),
        )
        # Waiting keeps the data iterator from moving on while its state is written.
        self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()
