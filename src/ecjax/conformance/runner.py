"""Runs cases against a port and says what passed, what did not, and where it went wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ecjax.conformance.cases import Case
from ecjax.conformance.port import Port, PortError
from ecjax.specs import text
from ecjax.specs.oracle import protocol

PASSED, FAILED, UNSUPPORTED = "passed", "failed", "unsupported"


class Difference(NamedTuple):
    """The first step in which two traces differ; None for a trace that had ended."""

    step: int
    expected: Mapping[str, Any] | None
    found: Mapping[str, Any] | None


class Result(NamedTuple):
    """What became of a case.

    Attributes:
      case: The case.
      outcome: `PASSED`, `FAILED` or `UNSUPPORTED`.
      seconds: How long it took.
      answer: What came back, if anything did.
      fault: What the port did instead of answering, or what is wrong with the answer; empty if nothing is.
      difference: Where the port's trace leaves the oracle's, if it has one.
    """

    case: Case
    outcome: str
    seconds: float
    answer: Mapping[str, Any] | None
    fault: str
    difference: Difference | None


def run(
    command: Sequence[str],
    cases: Iterable[Case],
    timeout: float,
    max_failures: int | None = None,
    report: Callable[[Result], None] | None = None,
) -> list[Result]:
    """What becomes of each case, up to the last failure that is wanted.

    Args:
      command: The port: a program and its arguments.
      cases: What to ask it.
      timeout: Seconds for an answer.
      max_failures: Stop after so many failures; None: never.
      report: Called with each result as it comes.

    Raises:
      ValueError: If the port cannot be started.
    """
    results: list[Result] = []
    failures = 0
    with Port(command, timeout) as port:
        for case in cases:
            results.append(_ask(port, case))
            failures += results[-1].outcome == FAILED
            if report is not None:
                report(results[-1])
            if failures == max_failures:
                return results
        try:
            port.finish()
        except PortError as error:
            results[-1] = results[-1]._replace(outcome=FAILED, fault=str(error))
    return results


def _ask(port: Port, case: Case) -> Result:
    begin = time.perf_counter()
    try:
        answer = port.ask(case.request)
    except PortError as error:
        return Result(case, FAILED, time.perf_counter() - begin, None, str(error), None)
    seconds = time.perf_counter() - begin
    if answer == {"unsupported": True}:
        return Result(case, UNSUPPORTED, seconds, answer, "", None)
    # JSON knows true and false, which Python takes for 1 and 0.
    if answer == case.answer and repr(sorted(answer.items())) == repr(sorted(case.answer.items())):
        return Result(case, PASSED, seconds, answer, "", None)
    return Result(case, FAILED, seconds, answer, "a wrong answer", _first_difference(port, case))


def _first_difference(port: Port, case: Case) -> Difference | None:
    expected = protocol.trace(case.request)
    try:
        found = port.ask({**case.request, "trace": True}).get("trace", [])
    except PortError:
        return None
    return first_difference(expected, found) if found else None


def first_difference(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> Difference | None:
    """The first step in which a trace differs from the oracle's; fields that it leaves out do not count."""
    for step in range(max(len(expected), len(found))):
        right = expected[step] if step < len(expected) else None
        other = found[step] if step < len(found) else None
        if right is None or other is None or any(other[k] != v for k, v in right.items() if k in other):
            return Difference(step, right, other)
    return None


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """The counts, by section and by rule, and a badge as shields.io's endpoint takes it."""
    outcomes = (PASSED, FAILED, UNSUPPORTED)
    sections: dict[str, Counter[str]] = {}
    rules = {name: Counter[str]() for name in text.rules()}
    for result in results:
        sections.setdefault(result.case.section, Counter())[result.outcome] += 1
        for name in result.case.rules:
            rules[name][result.outcome] += 1
    total = Counter(result.outcome for result in results)
    color = "red" if total[FAILED] else "yellow" if total[UNSUPPORTED] else "brightgreen"
    return {
        "conforms": total[FAILED] == 0 and total[UNSUPPORTED] == 0 and len(results) > 0,
        **{outcome: total[outcome] for outcome in outcomes},
        "sections": {name: {o: counts[o] for o in outcomes} for name, counts in sections.items()},
        "rules": {name: {o: counts[o] for o in outcomes} for name, counts in rules.items() if counts},
        "failures": [_failure(result) for result in results if result.outcome == FAILED],
        "slowest_seconds": max((result.seconds for result in results), default=0.0),
        "badge": {
            "schemaVersion": 1,
            "label": "ecjax conformance",
            "message": f"{total[PASSED]} of {len(results)}",
            "color": color,
        },
    }


def _failure(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {"case": result.case.name, "rules": result.case.rules, "fault": result.fault}
    if result.difference is not None:
        found["first_difference"] = result.difference._asdict()
    return found
