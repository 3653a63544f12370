"""The golden text, 10 MiB of many kinds: Python, C, Rust and JavaScript make the same codes of it, and read them."""

import json
import sys

import jsonschema
import pytest

from ecjax import cli
from ecjax.conformance import golden, golden_text, runner
from ecjax.conformance.runner import FAILED, PASSED
from ecjax.conformance.summary import SCHEMA
from specs.oracle import frequencies
from specs.oracle.protocol import from_runs
from tests.conformance import ports

OWN = [sys.executable, "-m", "ecjax", "conformance", "serve"]
QUICK = ("stream", "m1-books-16", "books-16")
"""What this package does in seconds; windows take a minute a MiB."""

PORTS = {
    "c": lambda: [str(ports.c_port())],
    "javascript": lambda: [ports.node(), str(ports.JAVASCRIPT)],
    "rust": lambda: [str(ports.rust_port())],
}


def outcomes(command: list[str], pieces: int, codings: tuple[str, ...] = golden.CODINGS) -> list[runner.Result]:
    def wanted(_: str, name: str) -> bool:
        return name.split()[1] in codings

    return runner.run(command, golden.cases(pieces, wanted), 600.0)


def faults(results: list[runner.Result]) -> list[str]:
    return [f"{result.case.name}: {result.fault}" for result in results if result.outcome != PASSED]


@pytest.mark.slow
@pytest.mark.parametrize("name", PORTS)
def test_a_port_gives_the_golden_digests_of_a_mebibyte(name):
    results = outcomes(PORTS[name](), 1)
    assert faults(results) == [] and len(results) == len(golden.CODINGS)


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("name", PORTS)
def test_a_port_gives_the_golden_digests_of_all_pieces(name):
    results = outcomes(PORTS[name](), golden_text.PIECES)
    assert faults(results) == [] and len(results) == golden_text.PIECES * len(golden.CODINGS)


@pytest.mark.slow
def test_our_own_code_gives_the_golden_digests_of_a_mebibyte():
    results = outcomes(OWN, 1, QUICK)
    assert faults(results) == [] and len(results) == len(QUICK)


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("coding", golden.CODINGS)
def test_our_own_code_gives_the_golden_digests_of_every_coding(coding):
    pieces = 1 if coding.startswith("windows") else golden_text.PIECES
    results = outcomes(OWN, pieces, (coding,))
    assert faults(results) == [] and len(results) == pieces


def test_the_model_of_the_golden_text_has_frequencies_and_there_is_one_digest():
    model = golden.model()
    assert all(frequencies.table(from_runs(row), 16)[-1] == 1 << 16 for row in model["rows"])
    assert len(from_runs(model["next"])) == 257 and max(from_runs(model["next"])) == len(model["rows"]) - 1
    told = golden.digests()
    assert told["all"] == golden.sha256(told["codings"]) and tuple(told["codings"]) == golden.CODINGS
    page = (ports.ROOT / "specs/conformance.md").read_text(encoding="utf-8")
    assert f"    {told['all']}\n" in page and f"    {golden_text.SHA256}\n" in page
    lists = [digests for ways in told["codings"].values() for digests in ways.values()]
    assert {len(digests) for digests in lists} == {golden_text.PIECES}


def test_another_text_is_noticed(monkeypatch):
    monkeypatch.setattr(golden_text, "SHA256", "00")
    with pytest.raises(ValueError, match=r"the golden text has the SHA-256 .*; its generator must not change"):
        golden_text.text.__wrapped__()


BETWEEN = """
import subprocess
port = subprocess.Popen([{port!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for line in sys.stdin:
    port.stdin.write(line); port.stdin.flush()
    answer, request = json.loads(port.stdout.readline()), json.loads(line)
    if request["op"] == {op!r}:
        {field} = {field}[:-1] + ("1" if {field}[-1] == "0" else "0")
    say(json.dumps(answer))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("op", "field"), [("stream.encode", 'answer["code"]'), ("stream.decode", 'answer["text"]'), ("none", "answer")]
)
def test_one_wrong_digit_in_a_mebibyte_is_a_failure_of_that_case(op, field):
    port = ports.python_port(BETWEEN.format(port=str(ports.c_port()), op=op, field=field))
    [result] = outcomes(port, 1, ("stream",))
    if op == "none":
        assert result.outcome == PASSED
    else:
        assert result.outcome == FAILED and result.case.name == "golden stream 1: MiB 1 of 10"
        assert result.fault.startswith('a wrong answer: sha256, from byte 0: "') and result.step is None
        assert f'"op": "{op}"' in result.request


def test_what_a_port_does_not_have_is_no_failure():
    port = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'unsupported': True}))")
    results = outcomes(port, 2, ("stream", "windows-64"))
    assert [result.outcome for result in results] == ["unsupported"] * 4


def test_a_failure_of_the_golden_text_is_in_the_report_and_saved_whole(monkeypatch, capsys, tmp_path):
    port = ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'code': '0f'}))")
    file, folder = tmp_path / "report.json", tmp_path / "failures"
    options = ["--golden", "1", "--case", "golden stream*", "--json", str(file), "--save-failures", str(folder)]
    monkeypatch.setattr("sys.argv", ["ecjax", "conformance", "run", *options, "--", *port])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")), jsonschema.Draft202012Validator)
    [failure] = told["failures"]
    assert stop.value.code == 1 and failure["section"] == "golden" and failure["charged"] == ["S-2", "S-3", "S-4"]
    assert golden.sha256({"code": "0f"}) in failure["found"]
    assert "FAILED golden stream 1: MiB 1 of 10" in capsys.readouterr().out
    assert json.loads((folder / "golden-stream-1.found.json").read_text()) == {"id": 1, "code": "0f"}
    request = json.loads((folder / "golden-stream-1.json").read_text())
    assert bytes.fromhex(request["text"]) == golden_text.piece(0)
