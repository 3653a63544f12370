"""What commands show on the terminal: reports on standard output, notes and progress on standard error."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from ecjax.printable import printable

if TYPE_CHECKING:
    from ecjax.models.transformer import Transformer


class _Console(Console):
    """A console whose reader may go: then it says no more, and the command goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True  # rich would point standard output, where data may go, at nothing, and end the thread


console = Console(highlight=False, emoji=False)
errors = _Console(stderr=True, highlight=False, emoji=False)

Report = Callable[[int, float, "Transformer"], None]

_FIRST, _EVERY = 5.0, 30.0  # seconds to the first line of progress where there is no terminal, and between lines


def note(text: str) -> None:
    """Prints one line on standard error, if that can be."""
    with contextlib.suppress(OSError, ValueError):  # a full disk, a terminal that is gone
        errors.print(f"ecjax: {printable(text)}", markup=False, soft_wrap=True)


def show(results: Mapping[str, object], as_json: bool, on_errors: bool = False) -> None:
    """Prints results as one JSON object, or as a table of those that are not None.

    They go to standard output; to standard error if that is where data goes.
    """
    if as_json:
        print(json.dumps(results), file=sys.stderr if on_errors else sys.stdout)
        return
    table = Table("", Column(overflow="fold"), show_header=False, box=None)
    for name, value in results.items():
        if value is None:
            continue
        text = f"{value:,.4f}" if isinstance(value, float) else printable(f"{value}")
        table.add_row(Text(name.replace("_", " ")), Text(text))
    (errors if on_errors else console).print(table)


@contextlib.contextmanager
def _ticking(line: Callable[[], str]) -> Iterator[None]:
    """Prints a line now and then, so that a log shows that work goes on where no progress bar can be drawn."""
    ended = threading.Event()

    def tick() -> None:
        seconds = _FIRST
        while not ended.wait(seconds):
            note(line())
            seconds = _EVERY

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def counting(what: str, unit: str, total: int | None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Shows how many of so many units are done; yields what to tell that number.

    On a terminal it is a progress bar; elsewhere a line now and then.
    """
    if quiet:
        yield lambda done: None
        return
    if not errors.is_terminal:
        told = [0]

        def keep(done: int) -> None:
            told[0] = done

        of = "" if total is None else f" of {total:,}"
        with _ticking(lambda: f"{what}: {told[0]:,}{of} {unit} are done"):
            yield keep
        return
    amount: ProgressColumn = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn(what), BarColumn(), amount, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    progress = Progress(*columns, console=errors, transient=True)
    task = progress.add_task(what, total=total)
    progress.start()
    try:
        yield lambda done: progress.update(task, completed=done)
    finally:
        _stop(progress)


@contextlib.contextmanager
def sharing(what: str, quiet: bool = False) -> Iterator[Callable[[float, str], None]]:
    """Shows which share of the work is done, and a line on what was found; yields what to tell both."""
    if quiet:
        yield lambda share, found: None
        return
    if not errors.is_terminal:
        told = [f"{what} has begun"]

        def keep(share: float, found: str) -> None:
            told[0] = f"{what}: {share:.0%} are done, {found}"

        with _ticking(lambda: told[0]):
            yield keep
        return
    columns = (
        TextColumn(what),
        BarColumn(20),
        TaskProgressColumn(),
        TextColumn("{task.fields[found]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=errors, transient=True)
    task = progress.add_task(what, total=1.0, found="")

    def report(share: float, found: str) -> None:
        progress.start()  # not before, as in `training_progress`
        progress.update(task, completed=share, found=found)

    try:
        yield report
    finally:
        _stop(progress)


@contextlib.contextmanager
def training_progress(name: str, steps: int, bytes_per_token: float, quiet: bool = False) -> Iterator[Report]:
    """Shows steps, loss, bits per byte and the time left; yields what `train` reports to."""

    def measures(loss: float) -> str:
        return f"loss {loss:.3f}  {loss / math.log(2) / bytes_per_token:.3f} bits/byte"

    if quiet:
        yield lambda step, loss, model: None
        return
    if not errors.is_terminal:
        told = [f"{name}: no step of {steps:,} is done yet"]

        def keep(step: int, loss: float, model: Transformer) -> None:
            told[0] = f"{name}: step {step:,} of {steps:,}, {measures(loss)}"

        with _ticking(lambda: told[0]):
            yield keep
        return
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
        progress.update(task, completed=step, measures=measures(loss))

    try:
        yield report
    finally:
        _stop(progress)


def _stop(progress: Progress) -> None:
    """Takes a progress bar away, if the terminal is still there."""
    with contextlib.suppress(OSError):
        progress.stop()
