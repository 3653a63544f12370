"""What compiling costs: the first call of each entry point in a process of its own, beside its second call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bench._common import Json, console, report
from bench._entry_points import entry_points

_LIMIT = 10.0  # seconds that an entry point may take

# The second call runs what the first has compiled. So the first takes longer by what tracing and compiling take.
_MEASURE = """
import json, sys, time
import jax
from bench._entry_points import entry_points
programs = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: programs.append(seconds) if event.endswith("backend_compile_duration") else None
)
call = entry_points()[sys.argv[1]]()
programs.clear()
begin = time.process_time()
jax.block_until_ready(call())
middle, count = time.process_time(), len(programs)
jax.block_until_ready(call())
end = time.process_time()
print(json.dumps({
    "compile_seconds": (middle - begin) - (end - middle),
    "run_seconds": end - middle,
    "programs": count,
    "programs_of_second_call": len(programs) - count,
}))
"""


def _measured(name: str) -> dict[str, Any]:
    """The row of an entry point. Nothing is kept from other processes. Raises ValueError if the call fails."""
    finished = subprocess.run(
        [sys.executable, "-c", _MEASURE, name],
        env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise ValueError(f"{name} failed: {finished.stderr.strip().splitlines()[-1]}")
    return {"entry_point": name, **json.loads(finished.stdout.splitlines()[-1])}


def measure(
    only: Annotated[list[str] | None, typer.Option(help="A part of the names to measure; repeatable.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Processes for each entry point; the shortest counts.")] = 1,
    out: Json = None,
) -> None:
    """Processor seconds that each entry point traces and compiles when it is first called, with no cache.

    Raises ValueError if no name matches, or if a call fails.
    """
    names = [name for name in entry_points() if not only or any(part in name for part in only)]
    if not names:
        raise ValueError(f"no entry point is called like that; there are {', '.join(entry_points())}")
    results = []
    with console.status("") as status:
        for name in names:
            status.update(name)
            row = min((_measured(name) for _ in range(repeats)), key=lambda row: row["compile_seconds"])
            results.append({**row, "below_limit": row["compile_seconds"] < _LIMIT})
    settings = {"model": "m1-books", "text": ["sample.txt"], "limit_seconds": _LIMIT, "repeats": repeats}
    report("compilations", settings, results, out)
