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
import optax
from jax.sharding import Mesh

from ecjax.checks import check_integer
from ecjax.training import record
from ecjax.training.batches import check_ids, check_shapes, peek, take
from ecjax.training.checkpoints import Checkpoints, opened
from ecjax.training.devices import at, check_whole, copied, data_mesh, local, placement, spread
from ecjax.training.own import Loss, Method, Model, vocab_size
from ecjax.training.processes import check_alike
from ecjax.training.settings import TrainingSettings
from ecjax.training.step import TrainingState, compiled_step


def train(
    model: Model,
    examples: grain.DatasetIterator,
    settings: TrainingSettings,
    *,
    directory: Path | None = None,
    inputs: Mapping[str, Any] | None = None,
    checkpoint_every: int = 500,
    report: Callable[[int, float, Model], None] | None = None,
    save: Callable[[Model, list[float]], None] | None = None,
    warn: Callable[[str], None] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss | None = None,
    description: Mapping[str, Any] | None = None,
    mesh: Mesh | None = None,
) -> tuple[Model, list[float]]:
    """Trains `model` on batches of token ids, on all devices of `jax.devices()` or those of a mesh.

    Several processes can train together. After `jax.distributed.initialize` all of them call this with the same
    arguments. Each computes the rows of every batch that belong to its devices, and all return the same.

    Args:
      model: The model to begin with: a `Transformer`, or any Equinox module whose `model(ids)` takes the ids of one
        text, int `[n]`, and gives float logits `[n, v]`. Row `i` predicts `ids[i]` from `ids[:i]` alone. All its JAX
        arrays of floats are trained. For batches of packed texts it takes their `segments`, too.
      examples: Batches of token ids, as `ecjax.data.batches` gives them: arrays `[batch_size, n]`, `Masked`, or tuples
        of these of several lengths, in which each token has the same weight.
      settings: Optimiser, steps, seed, precision.
      directory: The folder for checkpoints, made if it is not there; without one, none are kept. If it holds this run
        already, the run goes on from the last checkpoint that is whole, and ends with the same bits as if it had never
        stopped. `extended_settings` gives a finished run more steps. One process at a time may train there (or the
        processes of one run).
      inputs: What else the result depends on, as JSON with names of your own: fingerprints of the texts and of the
        tokenizer, say. A run goes on only if they are the same. Settings, model, first batch, versions and devices are
        always compared.
      checkpoint_every: Steps between checkpoints.
      report: Called after each step with the number of steps done, the loss of the step in nats per token, and the
        model, whose arrays are valid until the next step.
      save: Called in the first process with the results, after the last checkpoint, while the folder is still locked.
        Once it has returned, the run is finished.
      warn: Called in the first process with one line for each damaged checkpoint that was passed over. By default it is
        `warnings.warn`.
      optimizer: An optax transformation instead of the settings' `optimizer`, `learning_rate` and `warmup`. It is
        given the loss of the step as `value`, if it asks for that.
      loss: A function of the float32 logits `[n, v]` and the ids `[n]` of one text that gives the loss of each id,
        float `[n]`, instead of cross-entropy in nats. What is minimised is its mean over the ids that count, and
        nothing else: no z-loss is added. What it does not count it must give a finite loss all the same.
      description: What `optimizer` and `loss` are, as JSON with names of your own. A run in `directory` goes on only if
        it is the same. It is needed there, as functions cannot be compared.
      mesh: The devices to train on, with an axis "data" or "fsdp" for the rows of batches. The model's arrays stay
        spread over it as they are (`shardings` tells how to spread them), and so do the optimiser's moments. By default
        every device has a copy of all.

    Returns:
      The trained model, and the loss of each step, in nats per token or as `loss` has it. If the model's arrays were
      spread over `mesh`, they are so still.

    Raises:
      ValueError: If the model gives no logits of one row for each id, does not take the `segments` that batches
        have; if it is spread over devices other than those of `mesh`; if `mesh` is none that `training_step` takes; if
        `loss` does not give one number for each id; if `optimizer` or `loss` is given without a `description`, and a
        `directory`; if `directory` holds another run (the message says what differs) or a damaged one, or if another
        process trains there; if an id is out of range; if the examples end too soon; if a batch cannot be divided
        evenly among the devices; or if the loss is no longer a finite number.
      OSError: If `directory` cannot be written, because the disk is full, say. What is in it stays good.
    """
    check_integer("checkpoint_every", checkpoint_every, 1)
    first = peek(examples)
    method = Method(settings, optimizer, loss)
    method.check(model)
    if mesh is None:
        check_whole(model)
    known = vocab_size(model, check_shapes(first, 1)[0])
    check_ids(first, known, 1)
    with contextlib.ExitStack() as stack:
        checkpoints = None
        if directory is not None:
            run = record.describe(method, model, first, inputs, description, mesh)
            check_alike("settings, models, inputs or examples", run)
            checkpoints = stack.enter_context(opened(Path(directory), run, warn or _warn))
        chosen = data_mesh() if mesh is None else mesh
        trained, losses = _steps(model, examples, method, known, chosen, checkpoints, checkpoint_every, report)
        if save is not None and jax.process_index() == 0:
            save(trained, losses)
        if checkpoints is not None:
            checkpoints.finish(settings.total_steps)
    return trained, losses


def _steps(
    model: Model,
    examples: grain.DatasetIterator,
    method: Method,
    known: int,
    mesh: Mesh,
    checkpoints: Checkpoints | None,
    checkpoint_every: int,
    report: Callable[[int, float, Model], None] | None,
) -> tuple[Model, list[float]]:
    """All steps after those of the last checkpoint; the ids of batches are below `known`."""
    settings, total = method.settings, method.settings.total_steps
    state, losses = TrainingState.begin(model, settings, method.optimizer), list[float]()
    places = placement(state, mesh)
    # Steps consume the state, and the caller keeps the model.
    state, given = at(copied(state), mesh, places), local if places is None else _as_it_is
    if checkpoints is not None:
        state, losses = checkpoints.restore(state, examples, total)
    for step in range(len(losses) + 1, total + 1):
        batch = take(examples, step)
        check_ids(batch, known, step)
        # What `training_step` looks at before each step was looked at once, and the state stays where it is.
        now = method._replace(settings=settings.until(step))
        state, loss = compiled_step((now, places), mesh, state, spread(batch, mesh, settings.accumulate))
        losses.append(_checked(float(loss), step))
        if report is not None:
            report(step, losses[-1], given(state.model))
        if checkpoints is not None and (step % checkpoint_every == 0 or step == total):
            checkpoints.save(state, examples, losses)
    return given(state.model), losses


def _as_it_is(model: Model) -> Model:
    return model


def _checked(loss: float, step: int) -> float:
    """The loss. Raises ValueError if it is no number."""
    if not math.isfinite(loss):
        if step == 1:  # before any update
            raise ValueError(f"the loss is {loss} at step 1, before any update; begin with a model of finite weights")
        raise ValueError(f"the loss became {loss} at step {step}; lower the learning rate")
    return loss


def _warn(line: str) -> None:
    warnings.warn(line, RuntimeWarning, stacklevel=2)
