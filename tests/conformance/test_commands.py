"""`ecjax conformance run`: what it prints, writes and exits with."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import jsonschema
import pytest

from ecjax import cli
from ecjax.conformance import cases, random_cases
from ecjax.conformance.summary import SCHEMA
from ecjax.specs import text
from tests.conformance import ports

HALF = """
for r in requests:
    if r["op"] == "tokens.cut": say(json.dumps({"id": r["id"], "ids": []}))
    else: print("no \\x1b[31m \\x00 join", file=sys.stderr); say(json.dumps({"id": r["id"], "unsupported": True}))
"""
NOTHING = "for r in requests: say(json.dumps({'id': r['id'], 'unsupported': True}))"
TOKENS = [case for case in cases.stored() if case.section == "tokens"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command with the report of `--json`, which must fit its schema."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ecjax", "conformance", "run", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), *capsys.readouterr()

    return run


def report(path) -> dict:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    told = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(told, schema, jsonschema.Draft202012Validator)
    return told


@pytest.mark.slow
def test_a_port_that_conforms(run, tmp_path):
    port, file = str(ports.c_port()), tmp_path / "report.json"
    junit = tmp_path / "junit.xml"
    status, out, _ = run("--section", "tokens", "--fuzz", "14", "--json", str(file), "--junit", str(junit), "--", port)
    count = len(TOKENS) + 2
    assert status == 0 and f"It conforms: {count} of {count} cases passed" in out
    told = report(file)
    assert told["conforms"] and set(told["sections"]) == {"tokens"} and set(told["rules"]) <= set(text.rules())
    assert told["badge"] | {"schemaVersion": 1} == {
        "schemaVersion": 1,
        "label": "ecjax conformance",
        "message": f"{count} of {count}",
        "color": "brightgreen",
    }
    suites = ET.parse(junit).getroot()
    assert (suites.get("tests"), suites.get("failures"), len(suites.findall("*/testcase"))) == (str(count), "0", count)


@pytest.mark.rule("P-3")
def test_a_port_that_answers_unsupported_to_everything_fails(run, tmp_path):
    port = ports.python_port(NOTHING)
    status, out, _ = run("--case", "tokens 1*", "--json", str(tmp_path / "report.json"), "--", *port)
    told = report(tmp_path / "report.json")
    assert status == 1 and "It does not conform: 0 of " in out
    assert (told["passed"], told["failed"], told["conforms"], told["badge"]["color"]) == (0, 0, False, "red")
    assert told["unsupported"] == told["run"] == told["total"] > 10


@pytest.mark.rule("P-3")
def test_what_a_port_does_not_have_is_a_failure_only_if_all_is_required(run, tmp_path):
    right = {case.request["codes"][0]: case.answer for case in TOKENS if len(case.request.get("codes", ())) == 1}
    code = f"RIGHT = json.loads({json.dumps(right)!r})\n" + (
        "for r in requests:\n"
        "    known = len(r.get('codes', ())) == 1 and r['codes'][0] in RIGHT\n"
        "    say(json.dumps({'id': r['id'], **(RIGHT[r['codes'][0]] if known else {'unsupported': True})}))"
    )
    name = next(case.name for case in TOKENS if len(case.request.get("codes", ())) == 1 and case.name[0] == "t")
    chosen = ["--case", name, "--case", next(case.name for case in TOKENS if case.request["op"] == "tokens.join")]
    status, out, _ = run(*chosen, "--", *ports.python_port(code))
    assert status == 0 and "What it supports conforms: 1 of 2 cases passed; 1 unsupported" in out
    file = tmp_path / "report.json"
    status, out, _ = run("--require-all", *chosen, "--json", str(file), "--", *ports.python_port(code))
    told = report(file)
    assert status == 1 and "every operation is required" in out and "It does not conform: 1 of 2" in out
    assert (told["passed"], told["failed"], told["unsupported"]) == (1, 1, 0)


def test_a_run_that_stops_says_how_many_cases_were_run(run, tmp_path):
    file, junit = tmp_path / "report.json", tmp_path / "junit.xml"
    options = ["--max-failures", "5", "--json", str(file), "--junit", str(junit), "--section", "tokens"]
    status, out, _ = run(*options, "--", *ports.python_port(HALF))
    told = report(file)
    done, total = told["run"], len(TOKENS)
    assert status == 1 and told["total"] == total > done >= 5
    assert told["stopped"] == f"stopped after 5 failures; {done} of {total} cases run"
    assert told["stopped"] in out.splitlines()[-1] and told["verdict"] == out.splitlines()[-1]
    assert "W-13" in out and len(told["failures"]) == 5
    assert all(failure["fault"].startswith("a wrong answer: ids[0]: ") for failure in told["failures"])
    suites = ET.parse(junit).getroot()  # it is XML, whatever the port wrote
    assert suites.get("failures") == "5" and len(suites.findall("*/testcase/failure")) == 5


def test_the_first_wrong_step_and_the_rules_it_speaks_against_are_in_the_report(run, tmp_path):
    file = tmp_path / "report.json"
    case = next(case for case in cases.stored() if case.section == "frequencies" and {"F-4", "F-5"} <= {*case.rules})
    code = (
        "for r in requests: say(json.dumps({'id': r['id'], 'frequencies': [], 'trace': [{'byte': 0, 'weight': -1}]}))"
    )
    status, out, _ = run("--case", case.name, "--json", str(file), "--", *ports.python_port(code))
    [failure] = report(file)["failures"]
    assert status == 1 and failure["name"] == case.name and failure["charged"] == ["F-4"] != failure["rules"]
    assert failure["first_difference"]["place"].startswith("trace[0].weight: ") and "got -1" in out
    assert failure["fault"].startswith("a wrong answer: frequencies run 0: [")


def test_a_program_that_does_not_start_is_told_as_such(run, tmp_path):
    file = tmp_path / "report.json"
    port = ports.python_port("print('no \\x1b[31m \\x00 licence', file=sys.stderr); sys.exit(3)")
    status, out, _ = run("--json", str(file), "--junit", str(tmp_path / "junit.xml"), "--", *port)
    told = report(file)
    assert (
        status == 1 and told["run"] == 0 and told["sections"] == {"protocol": dict(passed=0, failed=1, unsupported=0)}
    )
    assert "it did not start: it ended, status 3" in out and "licence" in out and "\x1b" not in out
    assert told["stopped"].startswith("stopped when the program did not start; 0 of ")
    assert ET.parse(tmp_path / "junit.xml").find("*/testcase/system-err") is not None


def test_a_failure_is_replayed_with_one_line_of_a_shell(run, tmp_path):
    folder, names = tmp_path / "the failures", [TOKENS[0].name, TOKENS[2].name]
    script = tmp_path / "my port.py"
    script.write_text(ports.python_port("for r in requests: say(json.dumps({'id': r['id'], 'ids': [len(r)]}))")[-1])
    port = [sys.executable, str(script)]
    chosen = [part for name in names for part in ("--case", name)]
    status, out, _ = run(*chosen, "--save-failures", str(folder), "--", *port)
    assert status == 1
    lines = [line.partition("  replay    ")[2] for line in out.splitlines() if "  replay    " in line]
    assert len(lines) == 2
    for case, line in zip((TOKENS[0], TOKENS[2]), lines, strict=True):
        again = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        [request] = [path for path in folder.iterdir() if f"{path.name}'" in line]
        assert request.read_text().count("\n") == 1
        assert json.loads(request.read_text()) == {"id": 1, **case.request}
        found, expected = (
            json.loads(request.with_suffix(f".{kind}.json").read_text()) for kind in ("found", "expected")
        )
        assert json.loads(again.stdout) == found and expected == {"id": 1, **case.answer}


def test_names_of_files_are_those_of_one_case_each():
    from ecjax.conformance.saving import stem

    every = [*cases.stored(), *random_cases.fuzz(3, 5)]
    stems = {stem(case) for case in every}
    assert len(stems) == len(every) and "random-case-2-of-seed-5" in stems
    assert all(name.replace("-", "").isalnum() for name in stems)


def test_a_random_case_is_found_by_its_name_without_the_others(run):
    status, out, _ = run(
        "--fuzz", "9000", "--seed", "7", "--case", "random case 8998 of seed 7", "--", *ports.python_port(NOTHING)
    )
    assert status == 1 and "0 of 1 cases passed; 1 unsupported" in out


def test_models_come_before_what_uses_them():
    order = list(dict.fromkeys(case.section for case in cases.stored()))
    assert order == ["frequencies", "tokens", "transformers", "streams", "windows", "codebooks", "containers"]


def test_what_cannot_be_run_is_one_line(run):
    status, _, err = run("--section", "tokens", "--", "/absent/port")
    assert status == 2 and err.strip().splitlines() == [
        "ecjax: /absent/port cannot be run: No such file or directory; name a program after --"
    ]
    for arguments, told in [
        (("--section", "absent"), "there is no section absent; sections are"),
        (("--case", "token 3"), "no case of these is named 'token 3'; give a name as it is printed, such as 'tokens "),
        (("--section", "streams", "--case", "tokens 3:*"), "no case is in these sections and has these names"),
        (("--json", "/absent/folder/report.json"), "cannot be written: there is no folder /absent/folder"),
    ]:
        status, _, err = run(*arguments, "--", "/absent/port")
        assert status == 2 and told in err and err.count("\n") == 1


@pytest.mark.slow
def test_serving_ourselves_passes_with_default_options(run):
    serve = [sys.executable, "-m", "ecjax", "conformance", "serve"]
    status, out, _ = run("--section", "tokens", "--case", "tokens *", "--require-all", "--", *serve)
    assert status == 0 and "It conforms" in out


@pytest.mark.slow
@pytest.mark.deep
def test_serving_ourselves_passes_every_case_with_default_options(run):
    status, out, _ = run("--", sys.executable, "-m", "ecjax", "conformance", "serve")
    assert status == 0 and "It conforms" in out
