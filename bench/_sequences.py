"""Sequence-to-sequence tasks for a small language model, trained and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int32
from rich.status import Status

from ecjax import ArithmeticCoding, ByteModel, data
from ecjax.analysis import Pairs, SequenceAccuracy, plots, sequence_accuracy
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import TrainingSettings, train

_POINTS = 10  # how often a training is measured on the way
_FRAME = 3  # ids of AC[8] before the code of a text of at most 127 bytes: its length, and the code's in two


def bare_codes(model: ByteModel, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
    """The arithmetic codes of texts of 1 to 127 bytes as ids of 8 bits, without what says how long they are."""
    return [ids[_FRAME:] for ids in ArithmeticCoding(model, 8).encode_batch(texts)]


def learn(
    tasks: Mapping[str, tuple[Pairs, Pairs]], settings: TrainingSettings, figure: Path | None, status: Status
) -> list[dict[str, Any]]:
    """Trains a model of its own for each task, and measures it on the way.

    Args:
      tasks: What to train on, and what is held out.
      settings: Of each training.
      figure: Where to draw the accuracies, if anywhere.
      status: Shows which task is at work.

    Returns:
      A row of results for each task.
    """
    rows, curves = [], {}
    for name, (pairs, held_out) in tasks.items():
        status.update(name)
        points, found = _learn(pairs, held_out, settings)
        curves[name] = (points, [accuracy.tokens for accuracy in found])
        rows.append(
            {
                "task": name,
                "ids_in_an_example": pairs.length,
                "token_accuracy": found[-1].tokens,
                "sequence_accuracy": found[-1].sequences,
                "curve": {"steps": points, "token_accuracy": curves[name][1]},
            }
        )
    if figure is not None:
        plots.draw_sequences(curves, figure)
    return rows


def _learn(pairs: Pairs, held_out: Pairs, settings: TrainingSettings) -> tuple[list[int], list[SequenceAccuracy]]:
    context = max(pairs.length, held_out.length)
    model = Transformer(configuration("tiny", pairs.vocabulary.size, context), key=jax.random.key(settings.seed))
    points = sorted({max(1, settings.steps * i // _POINTS) for i in range(1, _POINTS + 1)})
    measured: list[SequenceAccuracy] = []

    def measure(step: int, loss: float, model: Transformer) -> None:
        if step in points:
            measured.append(sequence_accuracy(model, held_out))

    train(model, data.batches(pairs, settings.batch_size, settings.seed), settings, report=measure)
    return points, measured
