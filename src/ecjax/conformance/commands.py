"""The commands `ecjax conformance run` and `ecjax conformance serve`.

What they need is imported when they run: other commands start without the oracle and its tables.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ecjax import atomic
from ecjax.console import console, errors

app = typer.Typer(help="Tests a port of the codec against the specification.", no_args_is_help=True)


@app.command()
def run(
    program: Annotated[
        list[str],
        typer.Argument(metavar="-- PROGRAM [ARGUMENTS]", help="Starts the port; it must follow specs/conformance.md."),
    ],
    section: Annotated[
        list[str] | None, typer.Option(help="Only cases of this section of the report. Repeatable.")
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only cases of this name, as printed. * and ? match anything. Repeatable."),
    ] = None,
    fuzz: Annotated[int, typer.Option(min=0, help="How many random cases to run, too.")] = 0,
    golden_pieces: Annotated[
        int,
        typer.Option("--golden", metavar="N", min=0, max=10, help="Also code the first N MiB of the golden text."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random cases.")] = 0,
    measured: Annotated[
        bool, typer.Option("--speed", help="Also measure the port's speed, and how its time grows with the text.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for an answer.")] = 60.0,
    start_timeout: Annotated[
        float, typer.Option(min=0.01, help="Seconds for the program to start and answer a first small request.")
    ] = 60.0,
    max_failures: Annotated[int, typer.Option(min=1, help="Stop after this many failures.")] = 20,
    require_all: Annotated[
        bool, typer.Option("--require-all", help="Count an operation that the port does not have as a failure.")
    ] = False,
    save_failures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each request that failed, the right answer and the port's to DIR."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write everything about the run, and data for a badge."),
    ] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")] = None,
) -> None:
    """Runs every example and stored case against a port.

    Exits with status 0 if something passed and nothing failed, else with 1.
    """
    from ecjax.conformance import cases, golden, random_cases, report, runner, speed
    from ecjax.conformance.junit import junit
    from ecjax.conformance.summary import stopped, succeeded, summary
    from ecjax.specs.cases import SECTIONS, each

    known = [*SECTIONS, *([golden.SECTION] if golden_pieces else []), *([speed.SECTION] if measured else [])]
    for name in section or ():
        if name not in known:
            raise ValueError(f"there is no section {name}; sections are {', '.join(known)}")
    for path in filter(None, (json_file, junit_file)):
        atomic.check(path, replace=True)
    chosen = cases.chooser(section or (), case or ())
    stored = [*cases.listing(), *((golden.SECTION, name) for *_, name in golden.names(golden_pieces))]
    total = sum(chosen(*one) for one in stored) + len(random_cases.numbers(fuzz, seed, chosen))
    cases.check_names(case or (), [*(name for _, name in stored), *random_cases.names(fuzz, seed)])
    measured = measured and (not section or speed.SECTION in section)
    cases_only, total = total, total + (len(speed.names()) if measured else 0)
    if not total:
        raise ValueError("no case is in these sections and has these names; leave out --section, or name other cases")
    columns = (TextColumn("conformance"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("conformance", total=total)
        every = itertools.chain(
            each(chosen), random_cases.fuzz(fuzz, seed, chosen), golden.cases(golden_pieces, chosen)
        )
        results = runner.run(
            program,
            every,
            timeout,
            max_failures,
            lambda _: progress.advance(task),
            start_timeout=start_timeout,
            require_all=require_all,
            save=save_failures,
        )
        speeds: list[speed.Speed] = []
        if measured and stopped(results, cases_only) is None:
            speeds = speed.measure(program, timeout, start_timeout, lambda _: progress.advance(task))
            results += map(speed.result, speeds)
    told = summary(results, total, program) | {"speed": [one.told() for one in speeds]}
    if json_file is not None:
        atomic.write_bytes(json_file, json.dumps(told, indent=1).encode() + b"\n")
    if junit_file is not None:
        atomic.write_bytes(junit_file, junit(results))
    report.show(console, results, told)
    if not succeeded(results):
        raise typer.Exit(1)


@app.command()
def serve() -> None:
    """Answers the protocol's requests on standard input with this package's own code."""
    from ecjax.conformance.server import serve as serve_requests

    serve_requests(sys.stdin, sys.stdout)
