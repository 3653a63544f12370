"""Compressing and decompressing short texts as tasks for a small language model (arXiv 2404.03626, Table 5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from bench._common import Json, console, excerpts, file_names, report
from ecjax import ArithmeticCoding, Bytes, EqualInfo, data, load_model
from ecjax.analysis import (
    Pairs,
    SequenceAccuracy,
    Vocabulary,
    compression,
    decompression,
    plots,
    sequence_accuracy,
)
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import TrainingSettings, train

_POINTS = 10  # how often a training is measured on the way
_FRAME = 3  # ids of AC[8] before the code of a text of at most 127 bytes: its length, and the code's in two


def _texts(paths: Sequence[Path], count: int, size: int) -> list[bytes]:
    """Neighbouring stretches of `size` bytes from the middle of all documents."""
    parts = excerpts(data.read_documents(paths), count * size)
    return [part[i : i + size] for part in parts for i in range(0, len(part) - size + 1, size)]


def _tasks(model: str, bits: int, texts: Sequence[bytes]) -> dict[str, Pairs]:
    """Every task, and the texts by themselves: what of them can be told without a source."""
    loaded, raw = load_model(model), Bytes().encode_batch(texts)
    codebook = EqualInfo(loaded, bits).compile()
    coded = [ids[_FRAME:] for ids in ArithmeticCoding(loaded, 8).encode_batch(texts)]
    nothing = [np.zeros(0, np.int32)] * len(texts)
    there, back = (Vocabulary(*sizes) for sizes in ((Bytes.vocab_size, 256), (256, Bytes.vocab_size)))
    return {
        f"EqualInfo[{bits}], decompress": decompression(codebook, texts),
        "AC[8], decompress": Pairs(coded, raw, back),
        "text alone": Pairs(nothing, raw, Vocabulary(1, Bytes.vocab_size)),
        f"EqualInfo[{bits}], compress": compression(codebook, texts),
        "AC[8], compress": Pairs(raw, coded, there),
    }


def _learn(pairs: Pairs, held_out: Pairs, settings: TrainingSettings) -> tuple[list[int], list[SequenceAccuracy]]:
    """Trains a model, measuring it on the way."""
    context = max(pairs.length, held_out.length)
    model = Transformer(configuration("tiny", pairs.vocabulary.size, context), key=jax.random.key(settings.seed))
    points = sorted({max(1, settings.steps * i // _POINTS) for i in range(1, _POINTS + 1)})
    measured: list[SequenceAccuracy] = []

    def measure(step: int, loss: float, model: Transformer) -> None:
        if step in points:
            measured.append(sequence_accuracy(model, held_out))

    train(model, data.batches(pairs, settings.batch_size, settings.seed), settings, report=measure)
    return points, measured


def measure(
    text: Annotated[list[Path], typer.Option(help="Training text: a file or a folder; repeatable.")],
    held_out: Annotated[list[Path], typer.Option(help="Text to measure on, in the same way.")],
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[int, typer.Option(min=9, max=16, help="Window size.")] = 9,
    size: Annotated[int, typer.Option("--bytes", min=1, max=127, help="Bytes of each text.")] = 12,
    count: Annotated[int, typer.Option(min=1, help="Texts to train on; a twentieth as many are held out.")] = 40_000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each model.")] = 3000,
    figures: Annotated[Path | None, typer.Option("--out", help="Folder for the figure.")] = None,
    out: Json = None,
) -> None:
    """Accuracy of small models at compressing and decompressing short texts, with windows and with plain AC."""
    settings = TrainingSettings(steps, batch_size=64, learning_rate=3e-3)
    rows, curves = [], {}
    with console.status("tokens") as status:
        tasks, measured = (
            _tasks(model, bits, _texts(paths, n, size)) for paths, n in ((text, count), (held_out, count // 20))
        )
        for name, pairs in tasks.items():
            status.update(name)
            points, found = _learn(pairs, measured[name], settings)
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
    if figures is not None:
        plots.draw_sequences(curves, figures / "analysis-sequences.svg")
    about = {
        "model": model.rpartition("/")[2],
        "trained_on": file_names(text),
        "held_out": file_names(held_out),
        "texts": len(tasks[rows[0]["task"]]),
        "bytes_of_each": size,
        "size": "tiny",
        "steps": steps,
        "batch_size": settings.batch_size,
    }
    report("sequences", about, rows, out)
