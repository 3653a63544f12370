"""`python -m bench NAME --json OUT`: every file here whose name has no leading underscore is a measurement."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import typer

from bench._machine import use_one_core


def main() -> None:
    # These take what there is: all cores, one for each process of its own; an accelerator.
    if sys.argv[1:2] not in (["reproduce"], ["device"], ["corpora"], ["paths"]):
        use_one_core()
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    app = typer.Typer(
        name="python -m bench",
        help="Measurements; docs/benchmarks.md says what each one measures.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # keeps NAME a word of its own, be there one measurement or more
    wanted = [name for name in names if name in sys.argv[1:2]] or names
    for name in wanted:
        app.command(name)(importlib.import_module(f"bench.{name}").measure)
    try:
        app()
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
