"""No port can mislead a run or hurt it: each ends in time, in little memory, and with its own failure."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecjax.conformance import cases, runner
from ecjax.conformance.runner import FAILED, PASSED
from ecjax.conformance.summary import stopped
from ecjax.specs.cases import Case
from tests.conformance import ports
from tests.conformance.misbehaving import PORTS, STARTS, Port, command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are those of POSIX")

LIMIT, LONG = 0.5, 20.0  # seconds for those that have to be waited for, and for those that do something at once
CASE = next(case for case in cases.stored() if case.section == "frequencies" and "refused" not in case.answer)
LONG_REQUEST = next(case for case in cases.stored() if len(json.dumps(case.request)) > 200_000)


def with_right_answer(port: Port, case: Case) -> Port:
    return port._replace(code=f"RIGHT = json.loads({json.dumps(case.answer)!r})\n{port.code}")


class Timed(runner.Port):
    """A port that knows how long its starts took, which depends on the machine."""

    starts = 0.0

    def start(self) -> None:
        begin = time.monotonic()
        super().start()
        Timed.starts += time.monotonic() - begin


def is_gone(process: int) -> bool:
    """Whether a process ends within a few seconds, as it does once it is killed; a zombie has."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
        if status.stdout.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.rule("P-1")
@pytest.mark.parametrize("name", PORTS)
def test_a_port_that_misbehaves_ends_in_time_with_its_own_failure(name, monkeypatch, tmp_path):
    case = LONG_REQUEST if name == "never reads" else CASE
    port = with_right_answer(PORTS[name], case)
    limit = LIMIT if port.waits else LONG
    start_limit = LIMIT if port.waits and "did not start" in port.fault else LONG
    place = tmp_path / "child"
    Timed.starts = 0.0
    monkeypatch.setattr(runner, "Port", Timed)
    begin = time.monotonic()
    results = runner.run(command(port, str(place)), [case], limit, start_timeout=start_limit)
    seconds = time.monotonic() - begin - Timed.starts
    failures = [result for result in results if result.outcome == FAILED]
    assert len(failures) == 1 and re.match(port.fault, failures[0].fault), results
    assert seconds <= 2 * limit
    assert all(len(text or "") < 10_000 for text in (failures[0].fault, failures[0].stderr, failures[0].found))
    if "child()" in port.code:
        assert is_gone(int(place.read_text()))


MEASURED = """
import json, re, sys
from pathlib import Path
from ecjax.conformance import cases, runner
case = next(case for case in cases.stored() if case.section == "containers" and len(json.dumps(case.answer)) > 100_000)
for command in json.loads(sys.argv[1]):
    results = runner.run(command, [case] * 3, 1.0)
    assert all(result.outcome == "failed" for result in results)
# Not getrusage, whose peak has that of the process that started this one.
print(re.search("VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_no_port_makes_a_run_take_much_memory():
    """Those that write much, asked for the longest answer there is."""
    wordy = [port for name, port in PORTS.items() if re.search("endless|without end|nests|great many|quotes", name)]
    assert len(wordy) >= 9
    elements = "say('{\"id\": 2, \"file\": [' + '{},' * 200000 + '0]}')"
    commands = json.dumps([command(port) for port in (*wordy, Port(f"{STARTS}next(requests)\n{elements}", ""))])
    run = subprocess.run([sys.executable, "-c", MEASURED, commands], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 200_000


@pytest.mark.slow
def test_a_run_that_is_asked_to_end_ends_the_port_and_its_children(tmp_path):
    place = tmp_path / "child"
    port = command(Port(f"{STARTS}child()\ntime.sleep(600)", ""), str(place))
    run = subprocess.Popen(
        [sys.executable, "-m", "ecjax", "conformance", "run", "--", *port], stderr=subprocess.DEVNULL
    )
    while not (place.exists() and place.read_text()):
        time.sleep(0.05)
    run.terminate()
    assert run.wait(LONG) == 143
    assert is_gone(int(place.read_text()))


def test_a_child_that_leaves_the_group_does_not_hold_a_run_up():
    port = Port("answer(next(requests))\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(6)\nelse: os._exit(0)", "")
    begin = time.monotonic()
    results = runner.run(command(port), [CASE], 1.0, start_timeout=LONG)
    assert results[0].fault == "it ended, status 0" and time.monotonic() - begin < 5


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is said of what is left behind")
def test_a_child_that_has_ended_is_not_left_behind_though_nobody_asked_after_it():
    code = (
        "if os.fork() == 0:\n"
        "    if os.fork() == 0: os._exit(0)\n"  # a zombie of the group, for its parent, which leaves, does not wait
        "    os.setsid()\n"
        "    time.sleep(4)\n"
        "for r in requests: answer(r, **RIGHT)\n"
        "os._exit(0)"
    )
    results = runner.run(command(with_right_answer(Port(code, ""), CASE)), [CASE], LONG)
    assert [result.outcome for result in results] == [PASSED]


@pytest.mark.rule("P-1")
def test_what_a_port_writes_to_standard_error_is_no_failure_and_its_end_is_kept():
    chatty = with_right_answer(
        Port(
            "for r in requests:\n"
            "    for i in range(40): sys.stderr.write('x' * 65536)\n"
            "    sys.stderr.write('the end'); sys.stderr.flush()\n"
            "    answer(r, **(RIGHT if r['id'] < 3 else {}))",
            "",
        ),
        CASE,
    )
    passed, failed = runner.run(command(chatty), [CASE, CASE], LONG)
    assert (passed.outcome, failed.outcome) == (PASSED, FAILED)
    assert failed.stderr.endswith("xthe end") and len(failed.stderr) <= 4096


@pytest.mark.rule("P-1")
def test_a_port_that_crashes_once_is_started_again():
    code = "answer(next(requests))\nanswer(next(requests), **RIGHT)"
    results = runner.run(command(with_right_answer(Port(code, ""), CASE)), [CASE] * 3, LONG)
    assert [result.outcome for result in results] == [PASSED, FAILED, PASSED]  # it had ended after its first answer


def test_a_port_that_starts_slowly_has_time_for_it():
    slow = with_right_answer(Port("time.sleep(1)\nfor r in requests: answer(r, **RIGHT)", ""), CASE)
    assert [result.outcome for result in runner.run(command(slow), [CASE], 0.8, start_timeout=LONG)] == [PASSED]


def test_a_port_that_is_stuck_ends_the_run():
    code = STARTS + "r = next(requests)\nif LATE: time.sleep(600)\nanswer(r, **RIGHT)\ntime.sleep(600)"
    stuck = with_right_answer(Port(f"LATE = True\n{code}", ""), CASE)
    results = runner.run(command(stuck), [CASE] * 9, LIMIT, start_timeout=LONG)
    assert len(results) == 2
    assert stopped(results, 9) == "stopped after two answers in a row that did not come in time; 2 of 9 cases run"
    often = with_right_answer(Port(f"LATE = False\n{code}", ""), CASE)
    outcomes = [result.outcome for result in runner.run(command(often), [CASE] * 4, LIMIT, start_timeout=LONG)]
    assert outcomes == [PASSED, FAILED, PASSED, FAILED]


def test_a_port_that_fails_at_a_trace_is_asked_for_no_other():
    port = command(PORTS["hangs when asked for its trace"])
    begin = time.monotonic()
    results = runner.run(port, [CASE] * 6, 2.0, start_timeout=LONG)
    assert [result.outcome for result in results] == [FAILED] * 6
    faults = [result.fault for result in results]
    assert "asked for its trace" in faults[0] and all("trace" not in fault for fault in faults[1:])
    assert time.monotonic() - begin < 9


def test_the_oracles_own_trace_is_not_waited_for_forever(monkeypatch):
    def slow(request):
        for _ in range(100):
            time.sleep(0.2)
            yield {"byte": 1}

    monkeypatch.setitem(runner.protocol.TRACES, CASE.request["op"], slow)
    begin = time.monotonic()
    results = runner.run(command(PORTS["says 1 for true"]), [CASE], 1.0, start_timeout=LONG)
    assert results[0].outcome == FAILED and time.monotonic() - begin < 10


def test_a_port_that_does_not_start_ends_the_run(tmp_path):
    results = runner.run(command(PORTS["exits at once"]), [CASE] * 5, LONG, save=tmp_path)
    assert len(results) == 1 and results[0].case.section == runner.PROTOCOL
    saved = results[0].replay.rpartition(" < ")[2]
    assert json.loads(Path(saved).read_text())["op"] == "tokens.cut"


def test_spaces_and_the_order_of_fields_are_a_ports_own():
    code = (
        "for r in requests:\n"
        "    fields = {**RIGHT, 'id': r['id']}\n"
        "    say(json.dumps(fields, separators=('  ,  ', ' : ')) + '\\t\\r')"
    )
    results = runner.run(command(with_right_answer(Port(code, ""), CASE)), [CASE], LONG)
    assert [result.outcome for result in results] == [PASSED]


def test_the_port_in_c_is_none_of_them():
    assert [result.outcome for result in runner.run([str(ports.c_port())], [CASE], LONG)] == [PASSED]
