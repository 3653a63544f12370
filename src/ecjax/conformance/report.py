"""A conformance run on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ecjax.conformance.runner import FAILED, PASSED, UNSUPPORTED, Result, summary

_MOST, _WIDTH = 10, 600  # failures shown in full, and characters of what is shown of one thing


def show(console: Console, results: Sequence[Result]) -> None:
    """Prints failures, the counts by section, the rules that failed, and a last line that says it all."""
    failures = [result for result in results if result.outcome == FAILED]
    for result in failures[:_MOST]:
        _show_failure(console, result)
    if len(failures) > _MOST:
        console.print(f"... and {len(failures) - _MOST} failures more", markup=False)
    counts = summary(results)
    table = Table(box=None)
    for column in ("section", PASSED, FAILED, UNSUPPORTED):
        table.add_column(column, justify="left" if column == "section" else "right")
    for name, found in counts["sections"].items():
        table.add_row(name, *(str(found[outcome]) for outcome in (PASSED, FAILED, UNSUPPORTED)))
    console.print(table)
    wrong = [name for name, found in counts["rules"].items() if found[FAILED]]
    if wrong:
        console.print(f"Rules with failures: {', '.join(wrong)}", markup=False)
    slowest = max(results, key=lambda result: result.seconds, default=None)
    if slowest is not None and slowest.seconds >= 1:
        console.print(f"Slowest: {slowest.seconds:.1f} s, {slowest.case.name}", markup=False)
    verdict = "It conforms" if counts["conforms"] else "It does not conform"
    if not counts["conforms"] and not failures:
        verdict = "What it supports conforms"
    console.print(f"{verdict}: {counts[PASSED]} of {len(results)} passed", markup=False)


def _show_failure(console: Console, result: Result) -> None:
    case = result.case
    rules = f" ({', '.join(case.rules)})" if case.rules else ""
    lines = [f"FAILED {case.name}{rules}: {result.fault}", f"  request   {_short(case.request)}"]
    if result.answer is not None:
        lines += [f"  expected  {_short(case.answer)}", f"  found     {_short(result.answer)}"]
    if result.difference is not None:
        step, expected, found = result.difference
        lines.append(f"  the first step that differs, number {step}, and what comes before it being right:")
        lines += [f"    expected  {_short(expected)}", f"    found     {_short(found)}"]
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _short(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "no step"
    text = json.dumps(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ... ({len(text)} characters)"
