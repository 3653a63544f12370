"""What the measurements share: their options, their texts, and how results are written and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench._machine import environment
from ecjax import data, serialisation

console = Console(highlight=False)

Texts = Annotated[
    list[Path] | None,
    typer.Option("--text", help="Text to measure on: a file, or a folder of files; repeatable. [default: the sample]"),
]
Json = Annotated[Path | None, typer.Option("--json", help="Where to write the results.")]
Repeats = Annotated[int, typer.Option(min=1, help="Timed runs; the shortest counts.")]


def read_texts(paths: Sequence[Path] | None) -> list[bytes]:
    """The documents at `paths`, or the sample text that the package ships."""
    return data.read_documents(paths or [serialisation.asset("sample.txt")])


def excerpts(texts: Sequence[bytes], size: int) -> list[bytes]:
    """About `size` bytes, the same number from the middle of each text."""
    share = max(1, size // len(texts))
    return [text[max(0, len(text) - share) // 2 :][:share] for text in texts]


def file_names(paths: Sequence[Path] | None) -> list[str]:
    """What to call texts in results: names without folders."""
    return [path.name for path in paths] if paths else ["sample.txt"]


def report(name: str, settings: Mapping[str, Any], results: Sequence[Mapping[str, Any]], out: Path | None) -> None:
    """Shows results, the first of which has every key; writes them with the machine's description.

    They stand side by side, or below one another if they are as many as their keys. What is a mapping is only written.
    """
    keys = [key for key, value in results[0].items() if not isinstance(value, Mapping)]
    for key, value in settings.items():
        console.print(f"{key.replace('_', ' ')}: {_cell(value)}")
    rows = [[key.replace("_", " ") for key in keys], *([_cell(row.get(key)) for key in keys] for row in results)]
    header, *lines = rows if len(results) >= len(keys) else zip(*rows, strict=True)
    table = Table(*header)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines:
        table.add_row(*line)
    console.print(table)
    write(name, settings, results, out)


def write(name: str, settings: Mapping[str, Any], results: Sequence[Mapping[str, Any]], out: Path | None) -> None:
    """Writes results with the machine's description, if `out` says where."""
    if out is not None:
        content = {"bench": name, "environment": environment(), "settings": settings, "results": results}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if value < 100 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
