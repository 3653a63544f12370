"""Which tokens of a long window a language model learns first (arXiv 2404.03626, Fig. 10)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from bench._common import Json, console, excerpts, file_names, report
from ecjax import EqualInfo, data, load_model
from ecjax.analysis import PositionScores, plots, scores_by_position, tokens_per_window
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import TrainingSettings, train

_POINTS = 12  # how often the training is measured on the way
_CONTEXT = 64


def measure(
    text: Annotated[list[Path], typer.Option(help="Training text: a file or a folder; repeatable.")],
    held_out: Annotated[list[Path], typer.Option(help="Text to measure on, in the same way.")],
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[int, typer.Option(min=16, max=128, help="Window size.")] = 32,
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes to train on; held out are a 16th.")] = 1 << 20,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 4000,
    figures: Annotated[Path | None, typer.Option("--out", help="Folder for the figure.")] = None,
    out: Json = None,
) -> None:
    """Accuracy and loss at each position in a window over training, of a small model over 8-bit tokens."""
    tokenizer = EqualInfo(load_model(model), bits, 8)
    per_window = tokens_per_window(tokenizer)
    settings = TrainingSettings(steps, batch_size=32, learning_rate=3e-3)
    points = sorted({max(1, steps * i // _POINTS) for i in range(1, _POINTS + 1)})
    scores: list[PositionScores] = []
    with console.status("tokens") as status:
        training, measured = (
            np.concatenate(tokenizer.encode_batch(excerpts(data.read_documents(paths), share)))
            for paths, share in ((text, size), (held_out, size // 16))
        )
        status.update("training")

        def measure(step: int, loss: float, m2: Transformer) -> None:
            if step in points:
                scores.append(scores_by_position(m2, measured, per_window))

        # Examples begin with windows, as those that are measured do.
        examples = data.Slices(training, range(0, len(training), per_window), _CONTEXT)
        m2 = Transformer(configuration("tiny", tokenizer.vocab_size, _CONTEXT), key=jax.random.key(settings.seed))
        train(m2, data.batches(examples, settings.batch_size, settings.seed), settings, report=measure)
    if figures is not None:
        accuracy = np.stack([each.accuracy for each in scores])
        plots.draw_learning(points, accuracy, figures / "analysis-learning.svg", f"Learning EqualInfo[{bits},8]")
    about = {
        "model": model.rpartition("/")[2],
        "trained_on": file_names(text),
        "held_out": file_names(held_out),
        "training_tokens": len(training),
        "held_out_tokens": len(measured),
        "window": [bits, 8],
        "size": "tiny",
        "context": _CONTEXT,
        "batch_size": settings.batch_size,
    }
    rows = [
        {"steps": step, "accuracy": each.accuracy.tolist(), "loss_nats": each.loss.tolist()}
        for step, each in zip(points, scores, strict=True)
    ]
    report("positions", about, rows, out)
