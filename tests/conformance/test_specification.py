"""The texts, the stored cases and the oracle say the same, and every rule is tested somewhere."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest

from specs import text
from specs.oracle.frequencies import POWERS
from specs.oracle.transformer import WEIGHTS
from specs.vectors import generate
from tests.conformance.ports import ROOT


def test_examples_have_the_answers_of_the_oracle():
    for name in text.TEXTS:
        source = (text.FOLDER / f"{name}.md").read_text(encoding="utf-8")
        assert text.answered(name, source) == source, "run python -m specs.text"


def test_every_rule_is_tested_and_every_test_names_its_rules():
    page = (text.FOLDER / "coverage.md").read_text(encoding="utf-8")
    assert text.coverage(ROOT) == page, "run python -m specs.text"


def test_a_rule_that_nothing_tests_is_noticed(monkeypatch):
    known = text.rules()
    monkeypatch.setattr(text, "rules", lambda: {**known, "W-99": "windows"})
    with pytest.raises(ValueError, match="no example, vector or test is for W-99"):
        text.coverage(ROOT)
    monkeypatch.setattr(text, "rules", lambda: {name: place for name, place in known.items() if name != "W-7"})
    with pytest.raises(ValueError, match=r"names .*W-7"):
        text.coverage(ROOT)


def test_rules_are_numbered_without_gaps_and_links_lead_somewhere():
    last: dict[str, int] = {}
    for name in text.rules():
        letter, number = name.split("-")
        assert int(number) == last.get(letter, 0) + 1
        last[letter] = int(number)
    for page in [*text.FOLDER.glob("*.md"), text.FOLDER / "vectors/README.md"]:
        source = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", source):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for name in re.findall(r"\(([A-Z]-\d+)[,) ]", source):
            assert name in text.rules(), f"{page.name} names {name}"


def test_printed_tables_are_those_of_the_definition():
    source = (text.FOLDER / "tables.md").read_text(encoding="utf-8")
    numbers = [int(number) for line in re.findall(r"^    (.*)$", source, re.MULTILINE) for number in line.split()]
    assert numbers == POWERS + WEIGHTS


@pytest.mark.parametrize("section", generate.SECTIONS)
def test_stored_cases_fit_their_schema(section):
    schema = json.loads((text.FOLDER / "vectors/schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    contents = json.loads((text.FOLDER / f"vectors/{section}.json").read_text(encoding="utf-8"))
    jsonschema.validate(contents, schema, jsonschema.Draft202012Validator)
    assert [case["id"] for case in contents["cases"]] == list(range(1, len(contents["cases"]) + 1))


MEASURED = """
import coverage, json
omitted = ["*/protocol.py", "*/__main__.py"]
measured = coverage.Coverage(data_file=None, branch=True, include=["*/specs/oracle/*"], omit=omitted)
measured.start()
from specs.oracle import protocol
from specs.vectors.generate import FOLDER, SECTIONS, resolve
for section in SECTIONS:
    contents = json.loads((FOLDER / f"{section}.json").read_text(encoding="utf-8"))
    # One short case for each operation and comment: to measure is slow, and the others differ in numbers only.
    short = [case for case in contents["cases"] if "long" not in case["flags"]]
    for case in {(case["request"]["op"], case["comment"]): case for case in short}.values():
        protocol.answer(resolve(case["request"], contents["definitions"]))
measured.stop()
measured.report(show_missing=True)
"""


@pytest.mark.slow
def test_stored_cases_reach_every_branch_of_the_oracle():
    # In a process of its own, for what runs once, when a module is read, counts too.
    run = subprocess.run([sys.executable, "-c", MEASURED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.strip().endswith("100%"), run.stdout


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("section", generate.SECTIONS)
def test_the_generator_writes_what_is_stored(section):
    stored = (text.FOLDER / f"vectors/{section}.json").read_text(encoding="utf-8")
    assert "\n".join(generate.lines(generate.file(section))) + "\n" == stored
