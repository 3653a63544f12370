"""`ecjax conformance run --speed`: rates, how time grows, and ports that are quadratic, broken, or lack operations."""

import json
import sys

import jsonschema
import pytest

from ecjax import cli
from ecjax.conformance import speed
from ecjax.conformance.summary import SCHEMA
from tests.conformance import ports

# A port that codes nothing: each "code" is the text itself, and time is what is asked for.
SLEEPY = """
def code(r):
    if r["op"].startswith("stream"): return ({{"code": r["text"]}} if "text" in r else {{"text": r["code"]}})
    return {{"unsupported": True}}
for r in requests:
    size = len(r.get("text", r.get("code", ""))) / 2
    time.sleep({seconds})
    say(json.dumps({{"id": r["id"], **code(r)}}))
"""
LINEAR, QUADRATIC, BETWEEN = "size / 1e6", "size ** 2 / 3e8", "0.005 * (size / 1024) ** 1.5"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command and returns its status, what it printed, and its report, which must fit the schema."""
    monkeypatch.setattr(speed, "_BUDGET", 3.0)

    def run(*arguments: str) -> tuple[int, str, dict]:
        file = tmp_path / "report.json"
        monkeypatch.setattr("sys.argv", ["ecjax", "conformance", "run", "--speed", "--json", str(file), *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        told = json.loads(file.read_text(encoding="utf-8"))
        jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")), jsonschema.Draft202012Validator)
        return int(stop.value.code or 0), capsys.readouterr().out, told

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "growth"), [(LINEAR, "linear"), (QUADRATIC, "quadratic"), (BETWEEN, "more than linear")]
)
def test_how_the_time_of_a_port_grows_is_told(run, seconds, growth):
    status, out, told = run("--section", "speed", "--", *ports.python_port(SLEEPY.format(seconds=seconds)))
    encode, decode, *others = told["speed"]
    assert status == 0 and encode["growth"] == decode["growth"] == growth
    assert "stream encode" in out and growth in out
    assert all(one["growth"] == "not known" and one["rate"] is None and not one["seconds"] for one in others)
    assert told["sections"] == {"speed": {"passed": 2, "failed": 0, "unsupported": 10}}
    if growth == "linear":
        assert 0.5e6 < encode["rate"] <= 1.05e6 and abs(encode["exponent"] - 1) < 0.3


@pytest.mark.slow
def test_a_port_that_does_not_give_the_text_back_fails_whatever_its_speed(run):
    wrong = SLEEPY.format(seconds="0").replace('{"text": r["code"]}', '{"text": r["code"][2:]}')
    status, out, told = run("--section", "speed", "--", *ports.python_port(wrong))
    assert status == 1 and told["failed"] == 1
    assert told["failures"][0]["name"] == "speed stream decode"
    assert told["failures"][0]["fault"] == "1,024 bytes: the text does not come back" and "FAILED speed" in out


@pytest.mark.slow
def test_a_port_that_ends_fails_and_one_that_is_late_does_not(run):
    late = SLEEPY.format(seconds="0.6 if size > 2000 else 0.003 * size / 1024")
    status, _, told = run("--section", "speed", "--timeout", "0.4", "--", *ports.python_port(late))
    assert status == 0 and set(told["speed"][0]["seconds"]) == {"1024"} and told["speed"][0]["growth"] == "not known"
    ends = SLEEPY.format(seconds="0 if size < 2000 else sys.exit(3)")
    status, _, told = run("--section", "speed", "--", *ports.python_port(ends))
    assert status == 1 and [failure["fault"] for failure in told["failures"]] == ["4,096 bytes: it ended, status 3"]


@pytest.mark.slow
def test_speed_comes_after_the_cases_and_not_after_failures(run):
    port = ports.python_port(SLEEPY.format(seconds="0.001"))
    status, out, told = run("--section", "tokens", "--section", "speed", "--case", "tokens 1:*", "--", *port)
    assert status == 0 and list(told["sections"]) == ["tokens", "speed"] and told["total"] == told["run"] == 13
    wrong = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'ids': [9]}))")
    options = ("--section", "tokens", "--section", "speed", "--case", "tokens 1*", "--max-failures", "1")
    status, out, told = run(*options, "--", *wrong)
    assert status == 1 and told["speed"] == [] and "stopped after 1 failure; 1 of" in out


def test_speed_is_not_measured_unless_it_is_asked_for(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ecjax", "conformance", "run", "--section", "speed", "--", sys.executable])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2 and "there is no section speed" in capsys.readouterr().err


@pytest.mark.slow
def test_the_port_in_c_is_linear(run):
    status, out, told = run("--section", "speed", "--", str(ports.c_port()))
    assert status == 0 and {one["growth"] for one in told["speed"]} <= {"linear", "not known"}, out
    assert all(one["rate"] > 10_000 for one in told["speed"])
