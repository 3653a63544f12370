"""A conformance run as one JSON object for machines; report.schema.json beside this file is its schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecjax.conformance.runner import FAILED, OUTCOMES, PASSED, PROTOCOL, UNSUPPORTED, Result, is_stuck
from ecjax.specs import text

SCHEMA = Path(__file__).with_name("report.schema.json")


def succeeded(results: Sequence[Result]) -> bool:
    """Whether nothing failed and something passed."""
    outcomes = {result.outcome for result in results}
    return FAILED not in outcomes and PASSED in outcomes


def summary(results: Sequence[Result], total: int, command: Sequence[str]) -> dict[str, Any]:
    """Everything that is known of a run.

    Args:
      results: What became of the cases that were run.
      total: How many there were to run.
      command: The port.
    """
    sections: dict[str, Counter[str]] = {}
    rules = {name: Counter[str]() for name in text.rules()}
    for result in results:
        sections.setdefault(result.case.section, Counter())[result.outcome] += 1
        for name in result.rules:
            rules[name][result.outcome] += 1
    counts = Counter(result.outcome for result in results)
    color = "yellow" if succeeded(results) else "red"
    conforms = counts[PASSED] == total > 0 and not counts[FAILED]
    return {
        "conforms": conforms,
        "verdict": verdict(results, total),
        "program": list(command),
        "total": total,
        "run": _done(results),
        "stopped": stopped(results, total),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "sections": {name: {o: found[o] for o in OUTCOMES} for name, found in sections.items()},
        "rules": {name: {o: found[o] for o in OUTCOMES} for name, found in rules.items() if found},
        "failures": [_failure(result) for result in results if result.outcome == FAILED],
        "cases": [
            {"name": result.case.name, "outcome": result.outcome, "seconds": round(result.seconds, 6)}
            for result in results
            if result.case.section != PROTOCOL
        ],
        "badge": {
            "schemaVersion": 1,
            "label": "ecjax conformance",
            "message": f"{counts[PASSED]} of {total}",
            "color": "brightgreen" if conforms else color,
        },
    }


def stopped(results: Sequence[Result], total: int) -> str | None:
    """Why a run ended before all of its cases were run; None if it did not."""
    done = _done(results)
    if done == total:
        return None
    failed = sum(result.outcome == FAILED for result in results)
    cause = "when the program did not start" if results and results[-1].case.section == PROTOCOL else ""
    if not cause and is_stuck(results):
        cause = "after two answers in a row that did not come in time"
    cause = cause or f"after {failed:,} failure{'s' if failed != 1 else ''}"
    return f"stopped {cause}; {done:,} of {total:,} cases run"


def _done(results: Sequence[Result]) -> int:
    """How many cases were run; the program's start and end are none."""
    return sum(result.case.section != PROTOCOL for result in results)


def verdict(results: Sequence[Result], total: int) -> str:
    """The last line of a report."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[PASSED]:,} of {_done(results):,} cases passed"]
    if counts[UNSUPPORTED]:
        parts.append(f"{counts[UNSUPPORTED]:,} unsupported")
    if (early := stopped(results, total)) is not None:
        parts.append(early)
    if not succeeded(results):
        return f"It does not conform: {'; '.join(parts)}"
    return f"{'What it supports conforms' if counts[UNSUPPORTED] else 'It conforms'}: {'; '.join(parts)}"


def _failure(result: Result) -> dict[str, Any]:
    case = result.case
    return {
        "name": case.name,
        "section": case.section,
        "rules": list(case.rules),
        "charged": list(result.rules),
        "seconds": round(result.seconds, 6),
        "fault": result.fault,
        "request": result.request or None,
        "expected": result.expected,
        "found": result.found,
        "first_difference": None if result.step is None else result.step._asdict(),
        "stderr": result.stderr,
        "replay": result.replay or None,
    }
