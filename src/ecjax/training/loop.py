"""The training loop."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grain
import jax

from ecjax.checks import check_integer
from ecjax.models.transformer import Transformer
from ecjax.training import record
from ecjax.training.batches import check_ids, peek, take
from ecjax.training.checkpoints import Checkpoints, opened
from ecjax.training.devices import data_mesh, local, replicate, spread
from ecjax.training.processes import check_alike
from ecjax.training.settings import TrainingSettings
from ecjax.training.step import TrainingState, training_step


def train(
    model: Transformer,
    examples: grain.DatasetIterator,
    settings: TrainingSettings,
    *,
    directory: Path | None = None,
    inputs: Mapping[str, Any] | None = None,
    checkpoint_every: int = 500,
    report: Callable[[int, float, Transformer], None] | None = None,
    save: Callable[[Transformer, list[float]], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[Transformer, list[float]]:
    """Trains `model` on batches of token ids, over all devices of `jax.devices()`.

    After `jax.distributed.initialize`, all processes call this with the same arguments; each works off its devices'
    rows of every batch, and all return the same.

    Args:
      model: Where to begin.
      examples: Batches of token ids, as `ecjax.data.batches` gives them: arrays `[batch_size, n]`, or `Masked`, or
        tuples of these of several lengths, all of whose tokens count alike.
      settings: Optimiser, steps, seed, precision.
      directory: Where checkpoints go, made if need be. If it holds this run already, it goes on from the last
        checkpoint that is whole, to the same bits as if it had never stopped. `extended_settings` gives a finished run
        more steps. No other process may train there meanwhile.
      inputs: What else the result depends on, as JSON by any names: fingerprints of the texts and the tokenizer, say.
        A run goes on only with the same. Settings, model, first batch, versions and devices are compared without it.
      checkpoint_every: Steps between checkpoints.
      report: Called after each step with the number of steps done, the step's loss in nats per token, and the model,
        whose arrays live until the next step.
      save: Called in the first process with what is returned, after the last checkpoint, while the directory is still
        held. Once it has returned, the run counts as finished.
      warn: Called in the first process with one line about each damaged checkpoint that was passed over;
        `warnings.warn` by default.

    Returns:
      The trained model and the loss of each step, in nats per token.

    Raises:
      ValueError: If `directory` holds another run (what differs is named), a damaged one, or another process trains
        there; if an id is out of range; if the examples end; if the devices cannot have equally many examples of a
        batch; or if the loss is no longer a number.
      OSError: If `directory` cannot be written, because the disk is full, say. What is in it stays good.
    """
    check_integer("checkpoint_every", checkpoint_every, 1)
    first = peek(examples)
    check_ids(first, model.config.vocab_size, 1)
    with contextlib.ExitStack() as stack:
        checkpoints = None
        if directory is not None:
            run = record.describe(settings, model, first, inputs)
            check_alike("settings, models, inputs or examples", run)
            checkpoints = stack.enter_context(opened(Path(directory), run, warn or _warn))
        trained, losses = _steps(model, examples, settings, checkpoints, checkpoint_every, report)
        if save is not None and jax.process_index() == 0:
            save(trained, losses)
        if checkpoints is not None:
            checkpoints.finish(settings.total_steps)
    return trained, losses


def _steps(
    model: Transformer,
    examples: grain.DatasetIterator,
    settings: TrainingSettings,
    checkpoints: Checkpoints | None,
    checkpoint_every: int,
    report: Callable[[int, float, Transformer], None] | None,
) -> tuple[Transformer, list[float]]:
    """All steps after those of the last checkpoint."""
    mesh, total = data_mesh(), settings.total_steps
    state, losses = replicate(TrainingState.begin(model, settings), mesh), list[float]()
    if checkpoints is not None:
        state, losses = checkpoints.restore(state, examples, total)
    for step in range(len(losses) + 1, total + 1):
        batch = take(examples, step)
        check_ids(batch, model.config.vocab_size, step)
        state, loss = training_step(settings.until(step), mesh, state, spread(batch, mesh, settings.accumulate))
        losses.append(_checked(float(loss), step))
        if report is not None:
            report(step, losses[-1], local(state.model))
        if checkpoints is not None and (step % checkpoint_every == 0 or step == total):
            checkpoints.save(state, examples, losses)
    return local(state.model), losses


def _checked(loss: float, step: int) -> float:
    """The loss. Raises ValueError if it is no number."""
    if not math.isfinite(loss):
        if step == 1:  # before any update
            raise ValueError(f"the loss is {loss} at step 1, before any update; begin with a model of finite weights")
        raise ValueError(f"the loss became {loss} at step {step}; lower the learning rate")
    return loss


def _warn(line: str) -> None:
    warnings.warn(line, RuntimeWarning, stacklevel=2)
