"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import grain

from ecjax.models.transformer import Transformer
from ecjax.training.checkpoints import Checkpoints
from ecjax.training.devices import data_mesh, local, replicate, spread
from ecjax.training.settings import TrainingSettings
from ecjax.training.step import TrainingState, training_step


def train(
    model: Transformer,
    examples: grain.DatasetIterator,
    settings: TrainingSettings,
    *,
    directory: Path | None = None,
    checkpoint_every: int = 500,
    report: Callable[[int, float, Transformer], None] | None = None,
) -> tuple[Transformer, list[float]]:
    """Trains `model` on batches of token ids, over all devices of `jax.devices()`.

    After `jax.distributed.initialize`, all processes call this with the same arguments; each works off its devices'
    rows of every batch, and all return the same.

    Args:
      model: Where to begin.
      examples: Batches of token ids, as `ecjax.data.batches` gives them: arrays `[batch_size, n]`, or `Masked`, or
        tuples of these of several lengths, all of whose tokens count alike.
      settings: Optimiser, steps, seed, precision.
      directory: Where checkpoints go. If it has one already, the run goes on from it, to the same bits as if it had
        never stopped.
      checkpoint_every: Steps between checkpoints.
      report: Called after each step with the number of steps done, the step's loss in nats per token, and the model,
        whose arrays live until the next step.

    Returns:
      The trained model and the loss of each step, in nats per token.

    Raises:
      ValueError: If `directory` holds a run with other settings or another model, if the devices cannot have equally
        many examples of a batch, or if the loss is no longer a number.
    """
    mesh = data_mesh()
    state = replicate(TrainingState.begin(model, settings), mesh)
    checkpoints = None if directory is None else Checkpoints(directory, settings, model)
    losses: list[float] = []
    if checkpoints is not None:
        state, losses = checkpoints.restore(state, examples)
    for step in range(len(losses) + 1, settings.steps + 1):
        state, loss = training_step(settings, mesh, state, spread(next(examples), mesh, settings.accumulate))
        losses.append(float(loss))
        if not math.isfinite(losses[-1]):
            raise ValueError(f"the loss became {losses[-1]} at step {step}; lower the learning rate")
        if report is not None:
            report(step, losses[-1], local(state.model))
        if checkpoints is not None and (step % checkpoint_every == 0 or step == settings.steps):
            checkpoints.save(state, examples, losses)
    if checkpoints is not None:
        checkpoints.close()
    return local(state.model), losses
