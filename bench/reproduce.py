"""The paper's tables on your text: every method's tokens, an M2 trained over each, our figures beside the paper's."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Literal

import jax
import typer
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench._common import console
from bench._machine import use_core_of
from bench._reproduce import report, work
from bench._reproduce.scales import SCALES, Run


def measure(
    scale: Annotated[Literal["laptop", "laptop-text", "gpu", "paper"], typer.Option(help="Which grid of runs.")],
    text: Annotated[list[Path], typer.Option(help="Training text: a file or a folder of files; repeatable.")],
    held_out: Annotated[list[Path], typer.Option(help="Text to measure on, in the same way.")],
    out: Annotated[Path, typer.Option(help="Where tokens, checkpoints and results go. Run it again to go on.")],
    m1: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    method: Annotated[list[str] | None, typer.Option(help="Only methods whose names begin so; repeatable.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side, each on a core. [default: 1 with an accelerator]")
    ] = None,
) -> None:
    """The paper's comparison: the runs that are missing in `out`, then its tables and figures of all that are there."""
    job = work.Job(scale, text, held_out, m1, out)
    grid = SCALES[scale].runs
    missing = [run for run in grid if not job.run_file(run).is_file() and run.method.startswith(tuple(method or [""]))]
    if missing:
        _run_all(job, missing, jobs)
    report.write(out, [file for run in grid if (file := job.run_file(run)).is_file()])
    console.print(f"Written: {out / 'tables.md'} and the figures beside it")


def _run_all(job: work.Job, runs: Sequence[Run], jobs: int | None) -> None:
    """Every run in a worker process, in the grid's order.

    Raises:
      ValueError: If runs failed, after all others.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    accelerated = jax.default_backend() != "cpu"
    workers = jobs or (1 if accelerated else len(cores) or 1)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    for core in [] if accelerated else cores:
        queue.put(core)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    failures = []
    with (
        Progress(*columns, console=console) as progress,
        ProcessPoolExecutor(workers, context, None if accelerated else use_core_of, (queue,)) as pool,
    ):
        task = progress.add_task(f"runs, {workers} at once", total=len(runs))
        futures = {pool.submit(work.execute, job, run): run for run in runs}
        for future in as_completed(futures):
            progress.advance(task)
            if error := future.exception():
                failures.append(f"{futures[future].name}: {type(error).__name__}: {error}")
                progress.console.print(failures[-1], markup=False)
            else:
                progress.console.print(futures[future].name)
    if failures:
        raise ValueError(f"{len(failures)} of {len(runs)} runs failed; mend what they say and run the command again")
