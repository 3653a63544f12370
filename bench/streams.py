"""Speed of coders of symbols and their distance from the ideal code length: many streams, any alphabet, and peers."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import typer

from bench import _coders
from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report
from ecjax import Unigram, frequency_table_from_counts
from ecjax.coding import rans, stream

_TABLES = 64  # different ones, where each symbol has its own
_PROBABILITIES = 1 << 26  # that a task has at most, for peers are given them all

Coder = Callable[[_coders.Task], _coders.Runs]

OURS: dict[str, Coder] = {
    "ecjax, stream": functools.partial(_coders.ours, stream),
    "ecjax, rANS": functools.partial(_coders.ours, rans),
}
_CODERS: dict[str, Coder] = {
    **OURS,
    "constriction, range coder": functools.partial(_coders.constriction, "queue"),
    "constriction, rANS": functools.partial(_coders.constriction, "stack"),
    "codex, rANS": _coders.codex,
}


def text_task(text: bytes, streams: int) -> _coders.Task:
    """Bytes under the unigram table of the text, cut into equal streams."""
    array = np.frombuffer(text, np.uint8)[: len(text) // streams * streams].astype(np.int32).reshape(streams, -1)
    return _coders.Task(array, np.asarray(Unigram.fit(text).table)[None], np.zeros_like(array))


def made_up_task(alphabet: int, size: int, streams: int) -> _coders.Task:
    """Symbols drawn from tables of their own: each at random, from even to spiked."""
    rng = np.random.default_rng(alphabet)
    size = max(min(size, _PROBABILITIES // alphabet), streams)
    spread = np.exp(rng.uniform(-3, 3, _TABLES))
    shares = [rng.dirichlet(np.full(alphabet, s)) for s in spread]
    counts = [np.round(share * (1 << 24)).astype(np.int64) for share in shares]
    tables = np.stack([np.asarray(frequency_table_from_counts(count, _coders.PRECISION)) for count in counts])
    index = rng.integers(_TABLES, size=(streams, size // streams)).astype(np.int32)
    points = rng.integers(1 << _coders.PRECISION, size=index.shape)
    symbols = np.zeros_like(index)
    for i, table in enumerate(tables):
        symbols[index == i] = np.searchsorted(table, points[index == i], "right") - 1
    return _coders.Task(symbols, tables, index)


def compare(task: _coders.Task, coders: Mapping[str, Coder], repeats: int) -> list[dict[str, Any]]:
    """Figures of each coder that is installed, from runs in turns, the shortest of each after one that is not timed."""
    runs = {}
    for name, make in coders.items():
        try:
            runs[name] = make(task)
        except ImportError:
            continue
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            for what in ("encode", "decode"):
                begin = time.perf_counter()
                getattr(run, what)()
                seconds.setdefault((name, what), []).append(time.perf_counter() - begin)
    streams, size, ideal = len(task.symbols), task.symbols.size, task.ideal_bits
    return [
        {
            "coder": name,
            "encode_symbols_per_s": size / min(seconds[name, "encode"][1:]),
            "decode_symbols_per_s": size / min(seconds[name, "decode"][1:]),
            "bits_per_symbol": run.bits / size,
            "overhead_ppm": (run.bits / ideal - 1) * 1e6,
            "overhead_bits_per_stream": (run.bits - ideal) / streams,
            "lossless": np.array_equal(np.asarray(run.decode()), task.symbols),
        }
        for name, run in runs.items()
    ]


def measure(
    text: Texts = None,
    streams: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Streams that are coded side by side; repeatable. [default: 1 64 256]"),
    ] = None,
    alphabet: Annotated[
        list[int] | None,
        typer.Option(min=2, max=1 << 14, help="Alphabets with a table per symbol; repeatable. [default: 2 256 4096]"),
    ] = None,
    size: Annotated[int, typer.Option("--bytes", min=1, max=1 << 26, help="Bytes of text, and symbols, at most.")] = (
        1 << 18
    ),
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """Symbols per second on one core, and bits beyond the ideal: streams, rANS and peers, for several alphabets."""
    original, counts = b"".join(read_texts(text))[:size], streams or [1, 64, 256]
    if len(original) < max(counts):
        raise ValueError(f"{len(original)} bytes are too few for {max(counts)} streams; give more text or fewer")
    tasks: dict[str, Callable[[int], _coders.Task]] = {"text, one table": functools.partial(text_task, original)}
    for k in alphabet or [2, 256, 4096]:
        tasks[f"{k} symbols, a table each"] = functools.partial(made_up_task, k, size)
    rows = []
    with console.status("") as status:
        for name, make in tasks.items():
            for count in counts:
                status.update(f"{name}, streams: {count}")
                task = make(count)
                what = {"task": name, "streams": count, "symbols": task.symbols.size}
                rows += [{**what, **row} for row in compare(task, _CODERS, repeats)]
    settings: dict[str, Any] = {
        "precision": _coders.PRECISION,
        "text": file_names(text),
        "bytes": len(original),
        "repeats": repeats,
        "not_installed": [name for name in _CODERS if not any(row["coder"] == name for row in rows)],
    }
    report("streams", settings, rows, out)
