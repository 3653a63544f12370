"""Runs cases against a port and says what passed, what did not, and where it went wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ecjax.conformance import answers, golden, saving
from ecjax.conformance.blame import charged
from ecjax.conformance.differences import Difference, cut, excerpts, first, first_difference, same
from ecjax.conformance.port import PROBE, START_SECONDS, LateError, Port, PortError, StartError
from ecjax.specs.cases import Case
from ecjax.specs.oracle import protocol
from ecjax.specs.oracle.refusal import Refused

PASSED, FAILED, UNSUPPORTED = "passed", "failed", "unsupported"
OUTCOMES = (PASSED, FAILED, UNSUPPORTED)
PROTOCOL = "protocol"
"""The section of what is wrong with a port's start or end, and not with an answer."""

_KEPT = 1 << 12  # characters of a request or an answer that are kept; a run may have thousands of failures


class Step(NamedTuple):
    """A step of a trace that is wrong: where, as `trace[3].row run 4: ...`, and both as JSON, as in a result."""

    place: str
    expected: str
    found: str


class Result(NamedTuple):
    """What became of a case.

    Attributes:
      case: The case, without its request and answer, which may be long.
      outcome: `PASSED`, `FAILED` or `UNSUPPORTED`.
      seconds: How long it took.
      fault: What the port did instead of answering, or where the answer is wrong; empty if nothing is.
      rules: Those of the case's rules that the outcome counts for.
      request: The request as JSON, if the case failed; the beginning of a long one.
      expected: The right answer as JSON, if something else came back; long ones around the place where they differ.
      found: The same of what came back.
      step: The first step in which the port's trace leaves the oracle's, if it has one.
      stderr: The end of what came on standard error meanwhile.
      replay: A line for a shell that asks the port again; empty if nothing was saved.
      late: Whether no answer came in time.
    """

    case: Case
    outcome: str
    seconds: float
    fault: str
    rules: tuple[str, ...]
    request: str = ""
    expected: str | None = None
    found: str | None = None
    step: Step | None = None
    stderr: str = ""
    replay: str = ""
    late: bool = False


def run(
    command: Sequence[str],
    cases: Iterable[Case],
    timeout: float,
    max_failures: int | None = None,
    report: Callable[[Result], None] | None = None,
    *,
    start_timeout: float = START_SECONDS,
    require_all: bool = False,
    save: Path | None = None,
) -> list[Result]:
    """What becomes of each case, up to the last failure that is wanted.

    A port that does not start ends the run, with a failure in the section `PROTOCOL`; so does one that is stuck. A port
    that fails when it is asked for a trace is asked for no other.

    Args:
      command: The port: a program and its arguments.
      cases: What to ask it.
      timeout: Seconds for an answer.
      max_failures: Stop after so many failures; None: never.
      report: Called with each result as it comes.
      start_timeout: Seconds for the start of the program.
      require_all: Whether an operation that the port does not have is a failure.
      save: A folder for the requests that failed; None: they are not saved.

    Raises:
      ValueError: If the port cannot be started.
      OSError: If a file cannot be written.
    """
    results: list[Result] = []
    failures = 0
    with Port(command, timeout, start_timeout) as port:
        asker = _Asker(port, timeout, require_all)

        def add(result: Result, answer: Mapping[str, Any] | None = None) -> None:
            nonlocal failures
            if result.outcome == FAILED:
                failures += 1
                if request := result.case.request:
                    result = result._replace(request=cut(json.dumps(request), 0, _KEPT))
                if request and save is not None:
                    result = result._replace(replay=saving.save(save, command, result.case, answer))
            results.append(result._replace(case=result.case._replace(request={}, answer={})))
            if report is not None:
                report(results[-1])

        for case in cases:
            try:
                add(*asker.ask(case))
            except StartError as error:
                start = Case(PROTOCOL, "the start of the program", ("P-1",), PROBE, {"ids": [0]})
                add(Result(start, FAILED, 0.0, str(error), start.rules, stderr=port.stderr))
                return results
            if failures == max_failures or is_stuck(results):
                return results
        try:
            port.finish()
        except PortError as error:
            end = Case(PROTOCOL, "the end of the program", ("P-1",), {}, {})
            add(Result(end, FAILED, 0.0, str(error), end.rules, stderr=port.stderr))
    return results


def is_stuck(results: Sequence[Result]) -> bool:
    """Whether the last two answers did not come in time: to wait for each of the others would take hours."""
    return len(results) > 1 and results[-1].late and results[-2].late


class _Asker:
    """Asks a port one case after the other, and for its traces as long as it can be asked for them."""

    def __init__(self, port: Port, timeout: float, require_all: bool) -> None:
        self._port, self._timeout, self._require_all = port, timeout, require_all
        self._traces = True

    def ask(self, case: Case) -> tuple[Result, Mapping[str, Any] | None]:
        """What becomes of a case, and the answer if there is one. Raises StartError if the program does not start."""
        result, answer = self._ask(case)
        if result.outcome != PASSED or answer is None or (second := golden.back(case, answer)) is None:
            return result, answer
        again, text = self._ask(second)
        seconds = result.seconds + again.seconds
        return (again if again.outcome == FAILED else result)._replace(seconds=seconds), text

    def _ask(self, case: Case) -> tuple[Result, Mapping[str, Any] | None]:
        port, is_golden = self._port, golden.FLAG in case.flags
        port.start()
        begin = time.perf_counter()
        try:
            answer = port.ask(case.request, answers.LARGEST if is_golden else answers.limit(case.answer))
        except PortError as error:
            seconds, late = time.perf_counter() - begin, isinstance(error, LateError)
            return Result(case, FAILED, seconds, str(error), case.rules, stderr=port.stderr, late=late), None
        seconds, stderr = time.perf_counter() - begin, port.stderr
        if same({"unsupported": True}, answer):
            fault = "unsupported, and every operation is required" if self._require_all else ""
            outcome = FAILED if self._require_all else UNSUPPORTED
            return Result(case, outcome, seconds, fault, case.rules, stderr=stderr), answer
        found = {"sha256": golden.sha256(answer)} if is_golden else answer
        place = first(case.answer, found)
        if not place:
            return Result(case, PASSED, seconds, "", case.rules), answer
        difference, remark = self._trace(case) if self._traces and not is_golden else (None, "")
        expected, found = excerpts(case.answer, found, _KEPT)
        rules = charged(case, answer, difference)
        fault = f"a wrong answer: {place}{remark}"
        step = None if difference is None else _step(difference)
        return Result(case, FAILED, seconds, fault, rules, "", expected, found, step, stderr), answer

    def _trace(self, case: Case) -> tuple[Difference | None, str]:
        """The first step that is wrong; and what to say of a trace that is none."""
        expected = _oracle_trace(case.request, self._timeout)
        if not expected:
            return None, ""
        try:
            most = answers.limit(case.answer, expected)
            found = self._port.ask({**case.request, "trace": True}, most).get("trace")
        except PortError as error:
            self._traces = False
            return None, f"; asked for its trace: {error}"
        if found is None:
            return None, ""
        if not isinstance(found, list) or not all(isinstance(step, dict) for step in found):
            return None, f"; its trace is no list of objects but {cut(json.dumps(found), 0, 40)}"
        return (first_difference(expected, found) if found else None), ""


def _step(difference: Difference) -> Step:
    shown = excerpts(difference.expected or {}, difference.found or {}, _KEPT)
    return Step(
        difference.place,
        "no step" if difference.expected is None else shown.expected,
        "no step" if difference.found is None else shown.found,
    )


def _oracle_trace(request: Mapping[str, Any], seconds: float) -> list[protocol.Step] | None:
    """The oracle's steps; None if it needs longer, which would show nothing of the port."""
    steps: list[protocol.Step] = []
    deadline = time.monotonic() + seconds
    try:
        for step in protocol.TRACES.get(request["op"], lambda _: iter(()))(request):
            steps.append(step)
            if time.monotonic() > deadline:
                return None
    except Refused:
        pass
    return steps
