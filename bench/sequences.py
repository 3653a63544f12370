"""Compressing and decompressing short texts as tasks for a small language model (arXiv 2404.03626, Table 5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bench._common import Json, console, excerpts, file_names, report
from bench._sequences import bare_codes, learn
from ecjax import Bytes, EqualInfo, data, load_model
from ecjax.analysis import Pairs, Vocabulary, compression, decompression
from ecjax.training import TrainingSettings


def _texts(paths: Sequence[Path], count: int, size: int) -> list[bytes]:
    """Neighbouring stretches of `size` bytes from the middle of all documents."""
    parts = excerpts(data.read_documents(paths), count * size)
    return [part[i : i + size] for part in parts for i in range(0, len(part) - size + 1, size)]


def _tasks(model: str, bits: int, texts: Sequence[bytes]) -> dict[str, Pairs]:
    """Every task, and the texts by themselves: what of them can be told without a source."""
    loaded, raw = load_model(model), Bytes().encode_batch(texts)
    codebook, coded = EqualInfo(loaded, bits).compile(), bare_codes(loaded, texts)
    nothing = [np.zeros(0, np.int32)] * len(texts)
    there, back = (Vocabulary(*sizes) for sizes in ((Bytes.vocab_size, 256), (256, Bytes.vocab_size)))
    return {
        f"EqualInfo[{bits}], decompress": decompression(codebook, texts),
        "AC[8], decompress": Pairs(coded, raw, back),
        "text alone": Pairs(nothing, raw, Vocabulary(1, Bytes.vocab_size)),
        f"EqualInfo[{bits}], compress": compression(codebook, texts),
        "AC[8], compress": Pairs(raw, coded, there),
    }


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
    with console.status("tokens") as status:
        training, measured = (_texts(paths, n, size) for paths, n in ((text, count), (held_out, count // 20)))
        tasks, held_out_tasks = _tasks(model, bits, training), _tasks(model, bits, measured)
        pairs = {name: (tasks[name], held_out_tasks[name]) for name in tasks}
        rows = learn(pairs, settings, figures and figures / "analysis-sequences.svg", status)
    about = {
        "model": model.rpartition("/")[2],
        "trained_on": file_names(text),
        "held_out": file_names(held_out),
        "texts": len(training),
        "bytes_of_each": size,
        "size": "tiny",
        "steps": steps,
        "batch_size": settings.batch_size,
    }
    report("sequences", about, rows, out)
