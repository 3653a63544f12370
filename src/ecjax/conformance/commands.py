"""The commands `ecjax conformance run` and `ecjax conformance serve`.

What they need is imported when they run: other commands start without the oracle and its tables.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ecjax.console import console, errors

app = typer.Typer(help="Tests a port of the codec against the specification.", no_args_is_help=True)


@app.command()
def run(
    program: Annotated[
        list[str], typer.Argument(metavar="-- PROGRAM [ARGUMENTS]", help="The port, as specs/conformance.md wants it.")
    ],
    section: Annotated[list[str] | None, typer.Option(help="Only this section of the report; repeatable.")] = None,
    fuzz: Annotated[int, typer.Option(min=0, help="Random cases beside the stored ones.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the random cases.")] = 0,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for an answer.")] = 10.0,
    max_failures: Annotated[int, typer.Option(min=1, help="Stop after so many failures.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")] = False,
) -> None:
    """Runs every example and stored case against a port.

    Exits with status 0 if nothing failed, with 1 if something did. What the port writes to standard error is shown.
    """
    from ecjax.conformance import cases, report, runner

    chosen = section or list(cases.SECTIONS)
    for name in chosen:
        if name not in cases.SECTIONS:
            raise ValueError(f"there is no section {name}; sections are {', '.join(cases.SECTIONS)}")
    wanted = [case for case in cases.stored() if case.section in chosen]
    columns = (TextColumn("conformance"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("conformance", total=len(wanted) + fuzz)
        random_cases = (case for case in cases.fuzz(fuzz, seed) if case.section in chosen)
        every = (case for part in (wanted, random_cases) for case in part)
        results = runner.run(program, every, timeout, max_failures, lambda _: progress.advance(task))
    if as_json:
        print(json.dumps(runner.summary(results)))
    else:
        report.show(console, results)
    if any(result.outcome == runner.FAILED for result in results):
        raise typer.Exit(1)


@app.command()
def serve() -> None:
    """Answers the protocol's requests on standard input with this package's own code."""
    from ecjax.conformance.server import serve as serve_requests

    serve_requests(sys.stdin, sys.stdout)
