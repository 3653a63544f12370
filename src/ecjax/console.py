"""What commands share on the terminal: where reports go, and the progress of a training."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from ecjax.models.transformer import Transformer

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Report = Callable[[int, float, Transformer], None]


def show(results: Mapping[str, object], as_json: bool) -> None:
    """Prints results as one JSON object, or as a table of those that are not None."""
    if as_json:
        print(json.dumps(results))
        return
    table = Table("", Column(overflow="fold"), show_header=False, box=None)
    for name, value in results.items():
        if value is None:
            continue
        table.add_row(name.replace("_", " "), f"{value:,.4f}" if isinstance(value, float) else f"{value}")
    console.print(table)


@contextlib.contextmanager
def training_progress(name: str, steps: int, bytes_per_token: float) -> Iterator[Report]:
    """A progress bar on stderr with loss, bits per byte and the time left; yields what `train` reports to."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[measures]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=errors)
    task = progress.add_task(name, total=steps, measures="")

    def report(step: int, loss: float, model: Transformer) -> None:
        progress.start()  # not before: what stops a run from starting is one line without a bar above it
        bits = loss / math.log(2) / bytes_per_token
        progress.update(task, completed=step, measures=f"loss {loss:.3f}  {bits:.3f} bits/byte")

    try:
        yield report
    finally:
        progress.stop()
