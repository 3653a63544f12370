"""Conformance runs: the oracle, our own code and the port in C pass; broken ports do not, nor those that misbehave."""

import json
import sys

import pytest

from ecjax import cli
from ecjax.conformance import cases, runner, server
from ecjax.conformance.runner import FAILED, PASSED, UNSUPPORTED
from ecjax.specs import text
from specs.oracle import protocol  # not that of ecjax.specs, the annotations of which are checked at each call
from tests.conformance import ports
from tests.conformance.faults import FAULTS

STORED = cases.stored()
ORACLE = [sys.executable, "-m", "specs.oracle"]


def section(name: str) -> list[cases.Case]:
    return [case for case in STORED if case.section == name]


def failures(
    command: list[str], wanted: list[cases.Case], timeout: float = 30.0, most: int = 10
) -> list[runner.Result]:
    return [result for result in runner.run(command, wanted, timeout, most) if result.outcome == FAILED]


# Ports that conform.


@pytest.mark.slow
@pytest.mark.rule("P-1", "P-2", "P-4")
def test_the_port_in_c_passes_every_case():
    results = runner.run([str(ports.c_port())], [*STORED, *cases.fuzz(70, seed=1)], 30.0)
    assert [result for result in results if result.outcome != PASSED] == []
    assert runner.summary(results)["conforms"]


@pytest.mark.rule("P-5")
@pytest.mark.slow
def test_the_port_in_c_traces_as_the_oracle_does():
    port = [str(ports.c_port())]
    traced = [case for case in STORED[::12] if case.request["op"] in protocol.TRACES]
    assert {case.section for case in traced} >= {"frequencies", "streams", "windows", "transformers", "containers"}
    with runner.Port(port, 30.0) as asked:
        for case in traced:
            if "refused" not in case.answer:
                found = asked.ask({**case.request, "trace": True})["trace"]
                assert runner.first_difference(protocol.trace(case.request), found) is None, case.name


@pytest.mark.slow
@pytest.mark.deep
def test_the_port_in_c_passes_under_sanitizers():
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
    port = ports.build(ports.SOURCE.read_text(encoding="utf-8"), "sanitized", *ports.FLAGS, *flags)
    assert failures([str(port)], [*STORED, *cases.fuzz(700, seed=2)]) == []


@pytest.mark.slow
def test_the_oracle_passes_as_a_program():
    assert failures(ORACLE, STORED) == []


def quick(case: cases.Case) -> bool:
    """Cases for which little is compiled: a few sizes of windows and models, and what is refused at once."""
    if {"W-12", "C-3"} & set(case.rules):  # which few others are about
        return True
    bits, precision = case.request.get("bits"), case.request.get("model", {}).get("precision")
    if case.section == "windows":
        return (bits, precision) in [(9, 9), (33, 16)] or not 9 <= case.request["bits"] <= 128
    if case.section == "transformers":
        return "refused" in case.answer or case.request["transformer"]["settings"]["d_model"] == 1
    if case.section == "containers":
        return bits != 128
    return case.section != "streams" or precision == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.SECTIONS)
def test_our_own_code_answers_as_the_specification_says(name):
    for case in filter(quick, section(name)):
        assert server.answer(case.request) == case.answer, case.name


def test_the_cases_that_our_own_code_answers_each_time_are_of_every_rule_that_has_cases():
    every = {rule for case in STORED for rule in case.rules}
    assert {rule for case in filter(quick, STORED) for rule in case.rules} == every


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("name", cases.SECTIONS)
def test_our_own_code_answers_every_case(name):
    for case in section(name):
        assert server.answer(case.request) == case.answer, case.name


@pytest.mark.slow
def test_serving_ourselves_by_the_command():
    serve = [sys.executable, "-c", "from ecjax.cli import main; main()", "conformance", "serve"]
    wanted = [case for case in section("frequencies") if case.rules == ("F-2",)]
    assert len(wanted) > 3 and failures(serve, wanted, timeout=120.0) == []


# Broken ones.


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_port_is_caught_by_a_stored_case(fault):
    source = ports.SOURCE.read_text(encoding="utf-8")
    assert source.count(fault.old) == 1
    optimise = "-O0" if fault.section == "containers" else "-O1"  # their cases take less time than to compile
    port = ports.build(source.replace(fault.old, fault.new), f"broken-{FAULTS.index(fault)}", "-std=c11", optimise)
    found = failures([str(port)], section(fault.section), timeout=5.0, most=1)
    assert len(found) == 1 and found[0].case.rules


@pytest.mark.slow
@pytest.mark.rule("P-5")
def test_a_failure_shows_the_first_step_that_differs():
    fault = next(fault for fault in FAULTS if "one half" in fault.name)
    source = ports.SOURCE.read_text(encoding="utf-8").replace(fault.old, fault.new)
    port = [str(ports.build(source, "half", "-std=c11", "-O1"))]
    result = failures(port, section("windows"), most=1)[0]
    assert result.difference is not None
    step, expected, found = result.difference
    assert expected is not None and found is not None and expected != found
    assert expected["window"] == found["window"] or step > 0
    assert {"below", "start", "points", "code"} < set(expected)


# Ports that misbehave.

SMALL = section("tokens")[:3]


@pytest.mark.rule("P-1")
@pytest.mark.parametrize(
    "code, fault",
    [
        ("for r in requests: time.sleep(60)", "no answer within 2 s"),
        ("for r in requests: say('hello')", "no JSON but b'hello"),
        ("for r in requests: say('[1]')", "no JSON object but"),
        ("for r in requests: say(json.dumps({'id': 99, 'unsupported': True}))", "an answer whose id is not 1"),
        ("for r in requests: print('{\"id\"', end='', flush=True); sys.exit(3)", "it ended, status 3 after b'{"),
        ("next(requests); import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "it crashed, signal 11"),
        ("sys.exit(0)", "it ended, status 0"),
        ("for r in requests: say(json.dumps({'id': r['id'], 'ids': [], 'more': 1}))", "a wrong answer"),
        ("for r in requests: say(json.dumps({'id': r['id'], 'refused': 'bits'}))", "a wrong answer"),
    ],
)
def test_a_port_that_misbehaves_is_told_what_it_did(code, fault):
    results = runner.run(ports.python_port(code), SMALL[:1], timeout=2.0)
    assert [result.outcome for result in results] == [FAILED]
    assert results[0].fault.startswith(fault)


@pytest.mark.rule("P-1")
def test_a_port_that_crashes_once_is_started_again():
    code = "r = next(requests)\nsay(json.dumps({'id': r['id'], 'unsupported': True}))"
    wanted = [case._replace(request={**case.request, "bits": 8 + i}) for i, case in enumerate(SMALL)]
    outcomes = [result.outcome for result in runner.run(ports.python_port(code), wanted, 20.0)]
    assert outcomes == [UNSUPPORTED, FAILED, UNSUPPORTED]  # it had ended after its first answer


@pytest.mark.slow
@pytest.mark.rule("P-1")
def test_a_port_must_end_with_its_input():
    answer = "for r in requests: say(json.dumps({'id': r['id'], 'unsupported': True}))\n"
    for end, fault in [("sys.exit(4)", "status 4, not 0"), ("time.sleep(60)", "did not end within 2 s")]:
        results = runner.run(ports.python_port(answer + end), SMALL, timeout=2.0)
        assert results[-1].outcome == FAILED and fault in results[-1].fault


@pytest.mark.rule("P-3")
def test_what_a_port_does_not_have_is_no_failure_and_no_conformance():
    port = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'unsupported': True}))")
    results = runner.run(port, SMALL, 20.0)
    counts = runner.summary(results)
    assert (counts["passed"], counts["failed"], counts["unsupported"], counts["conforms"]) == (0, 0, 3, False)
    assert counts["badge"]["color"] == "yellow"


def test_true_is_not_one():
    case = SMALL[0]._replace(answer={"ids": [1]})
    port = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'ids': [True]}))")
    assert runner.run(port, [case], 20.0)[0].outcome == FAILED


# The command.


def command(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["ecjax", "conformance", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0), *capsys.readouterr()


@pytest.mark.slow
def test_the_command_reports_and_its_status_tells(monkeypatch, capsys):
    port = str(ports.c_port())
    status, out, _ = command(monkeypatch, capsys, "run", "--section", "tokens", "--fuzz", "14", "--", port)
    assert status == 0 and "It conforms" in out
    status, out, _ = command(monkeypatch, capsys, "run", "--section", "tokens", "--json", "--", port)
    told = json.loads(out)
    assert told["conforms"] and set(told["sections"]) == {"tokens"} and set(told["rules"]) <= set(text.rules())
    assert told["badge"]["message"] == f"{told['passed']} of {told['passed']}"
    wrong = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'ids': []}))")
    status, out, _ = command(monkeypatch, capsys, "run", "--section", "tokens", "--", *wrong)
    assert status == 1 and "FAILED" in out and "failures more" in out and "It does not conform" in out
    assert "W-13" in out


def test_what_cannot_be_run_is_one_line(monkeypatch, capsys):
    status, _, err = command(monkeypatch, capsys, "run", "--section", "tokens", "--", "/absent/port")
    assert status == 2 and err.strip().splitlines() == [
        "ecjax: /absent/port cannot be run: No such file or directory; name a program after --"
    ]
    status, _, err = command(monkeypatch, capsys, "run", "--section", "absent", "--", "/absent/port")
    assert status == 2 and "there is no section absent; sections are" in err
