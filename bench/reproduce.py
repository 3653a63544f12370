"""The paper's tables on your text: every method's tokens, an M2 trained over each, our figures beside the paper's."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import typer
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench._common import console
from bench._machine import use_core_of
from bench._reproduce import comparison, report, tokens, work
from bench._reproduce.methods import yardstick
from bench._reproduce.scales import SCALES, Run


class _Task(NamedTuple):
    """Something to do in a process of its own."""

    name: str
    do: Callable[[], None]


def measure(
    scale: Annotated[
        Literal["laptop", "laptop-text", "windows", "gpu", "paper"], typer.Option(help="Which grid of runs.")
    ],
    out: Annotated[Path, typer.Option(help="Where tokens, checkpoints and results go. Run it again to go on.")],
    text: Annotated[
        list[Path] | None,
        typer.Option(help="Training text: a file or a folder; repeatable. Not needed where all tokens are in OUT."),
    ] = None,
    held_out: Annotated[list[Path] | None, typer.Option(help="Text to measure on, in the same way.")] = None,
    m1: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    method: Annotated[list[str] | None, typer.Option(help="Only methods whose names begin so; repeatable.")] = None,
    tokens_only: Annotated[
        bool, typer.Option(help="Stop when the tokens are there, for another machine, say.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Runs side by side: each on a core of the processor, or in threads on an accelerator."
        ),
    ] = None,
) -> None:
    """The paper's comparison: the runs that are missing in `out`, then its tables and figures of all that are there."""
    job = work.Job(scale, text or [], held_out or [], m1, out)
    grid = SCALES[scale].runs
    missing = [run for run in grid if not job.run_file(run).is_file() and run.method.startswith(tuple(method or [""]))]
    failures = _do_all("tokens", _tokens(job, missing), jobs)
    if not tokens_only:
        ready = [run for run in missing if all(job.tokens_file(name).is_file() for name in _needed(run))]
        failures += _do_all("runs", _runs(job, ready), jobs)
    files = [file for run in grid if (file := job.run_file(run)).is_file()]
    if not tokens_only and (files or not failures):
        page = comparison if SCALES[scale].together else report
        page.write(out, files)
        console.print(f"Written: {out / 'tables.md'} and the figures beside it")
    if failures:
        raise ValueError(f"{len(failures)} failed; mend what they say and run the command again")


def _needed(run: Run) -> list[str]:
    """The methods whose tokens a run needs."""
    return [run.method, yardstick(run.method)] if run.equal == "flops" else [run.method]


def _tokens(job: work.Job, runs: Iterable[Run]) -> list[_Task]:
    methods = dict.fromkeys(method for run in runs for method in _needed(run))
    wanted = [method for method in methods if not job.tokens_file(method).is_file()]
    return [_Task(f"tokens of {method}", partial(tokens.prepare, job, method)) for method in wanted]


def _runs(job: work.Job, runs: Sequence[Run]) -> list[_Task]:
    """A task for each run, or for all seeds of a run where they are trained together, in the grid's order."""
    if not SCALES[job.scale].together:
        return [_Task(run.name, partial(work.execute, job, run)) for run in runs]
    # A processor has enough to do with one; seeds go to its cores.
    alone = jax.default_backend() == "cpu"
    groups = [list(group) for _, group in groupby(runs, lambda run: run if alone else run._replace(seed=0))]
    return [_Task(", ".join(run.name for run in group), partial(work.execute_together, job, group)) for group in groups]


def _do_all(what: str, tasks: Sequence[_Task], jobs: int | None) -> list[str]:
    """Does every task, in order: in worker processes on a processor, here on an accelerator, which one process fills.

    Returns:
      What failed, and how.
    """
    failures: list[str] = []
    if not tasks:
        return failures
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        line = progress.add_task(what, total=len(tasks))

        def done(task: _Task, error: BaseException | None) -> None:
            progress.advance(line)
            if error is not None:
                failures.append(f"{task.name}: {type(error).__name__}: {error}")
            progress.console.print(failures[-1] if error is not None else task.name, markup=False)

        if jax.default_backend() != "cpu":
            _do_here(tasks, jobs or 1, done)
        else:
            _do_side_by_side(tasks, jobs, done)
    return failures


def _do_here(tasks: Iterable[_Task], jobs: int, done: Callable[[_Task, BaseException | None], None]) -> None:
    """In threads: while one waits for the compiler, the accelerator has the work of another."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(task.do): task for task in tasks}
        for future in as_completed(futures):
            done(futures[future], future.exception())


def _do_side_by_side(
    tasks: Iterable[_Task], jobs: int | None, done: Callable[[_Task, BaseException | None], None]
) -> None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    workers = jobs or len(cores) or 1
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    for core in cores:
        queue.put(core)
    with ProcessPoolExecutor(workers, context, use_core_of, (queue,)) as pool:
        futures = {pool.submit(task.do): task for task in tasks}
        for future in as_completed(futures):
            done(futures[future], future.exception())
