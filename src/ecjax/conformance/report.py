"""A conformance run on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ecjax.conformance.differences import cut, prefix
from ecjax.conformance.runner import FAILED, OUTCOMES, Result
from ecjax.printable import printable, printable_lines

_MOST, _WIDTH = 10, 600  # failures shown in full, and characters of what is shown of one thing
_LINES = 6  # of standard error


def show(console: Console, results: Sequence[Result], counts: Mapping[str, Any]) -> None:
    """Prints failures, the counts by section, the rules that failed, and a last line that says it all.

    Args:
      console: Where to.
      results: What became of the cases.
      counts: The run's summary.
    """
    failures = [result for result in results if result.outcome == FAILED]
    for result in failures[:_MOST]:
        console.print("\n".join(_failure(result)), markup=False, soft_wrap=True)
    if len(failures) > _MOST:
        console.print(
            f"... and {len(failures) - _MOST:,} failures more; --json FILE has them all", markup=False, soft_wrap=True
        )
    table = Table(box=None)
    for column in ("section", *OUTCOMES):
        table.add_column(column, justify="left" if column == "section" else "right")
    for name, found in counts["sections"].items():
        table.add_row(name, *(f"{found[outcome]:,}" for outcome in OUTCOMES))
    console.print(table)
    if counts["speed"]:
        console.print(_speeds(counts["speed"]))
    if wrong := _rules(counts["rules"]):
        console.print(
            f"Rules with failures, those that fail most often first: {', '.join(wrong)}", markup=False, soft_wrap=True
        )
    slowest = max(results, key=lambda result: result.seconds, default=None)
    if slowest is not None and slowest.seconds >= 1:
        console.print(f"Slowest: {slowest.seconds:.1f} s, {slowest.case.name}", markup=False, soft_wrap=True)
    console.print(counts["verdict"], markup=False, soft_wrap=True)


def _speeds(speeds: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None)
    for column in ("speed", "bytes of text", "bytes/s", "exponent", "time is"):
        justify = "left" if column in ("speed", "time is") else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    for speed in speeds:
        size = max(map(int, speed["seconds"]), default=0)
        rate, exponent = ("" if speed[name] is None else speed[name] for name in ("rate", "exponent"))
        name = f"{speed['coding']} {speed['operation'].partition('.')[2]}"
        table.add_row(name, f"{size:,}", rate and f"{rate:,}", exponent and f"{exponent:.2f}", speed["growth"])
    return table


def _rules(rules: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A rule that fails in each of its cases is to blame rather than one that passes in most."""
    totals = {name: sum(found.values()) for name, found in rules.items()}
    wrong = [name for name, found in rules.items() if found[FAILED]]
    wrong.sort(key=lambda name: -rules[name][FAILED] / totals[name])
    return [f"{name} ({rules[name][FAILED]:,} of {totals[name]:,})" for name in wrong]


def _failure(result: Result) -> list[str]:
    case = result.case
    rules = f" ({', '.join(result.rules)})" if result.rules else ""
    lines = [printable(f"FAILED {case.name}{rules}: {result.fault}")]
    if result.request:
        lines.append(f"  request   {cut(result.request, 0, _WIDTH)}")
    if result.expected is not None and result.found is not None:
        lines += _both("  ", result.expected, result.found)
    if (step := result.step) is not None:
        lines.append(f"  the first step that differs, and what comes before it being right: {step.place}")
        lines += _both("    ", step.expected, step.found)
    if result.stderr.strip():
        last = printable_lines(result.stderr).strip().splitlines()[-_LINES:]
        lines += ["  standard error ends with", *(f"    {cut(line, len(line), _WIDTH)}" for line in last)]
    if result.replay:
        lines.append(f"  replay    {printable(result.replay)}")
    return lines


def _both(indent: str, expected: str, found: str) -> list[str]:
    place = prefix(expected, found)
    return [f"{indent}expected  {cut(expected, place, _WIDTH)}", f"{indent}found     {cut(found, place, _WIDTH)}"]
