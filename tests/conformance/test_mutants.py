"""The stored cases find single faults in the port in C and in the oracle: a sample each time, all in the deep run."""

import subprocess
import sys

import pytest

from specs import text
from specs.mutants import MUTANTS, counts
from specs.mutants.__main__ import Outcome, chosen, judge
from specs.mutants.mutant import Mutant, edit
from specs.mutants.program import SOURCE, mutated, source
from tests.conformance import ports

SOUND = SOURCE.read_text(encoding="utf-8")
UNUSED = Mutant("nothing of the input changes", "C-1", "free(line);\n", "", "The program ends.")
SERVING = Mutant("nothing is asked", "C-1", "serve(sys.stdin, sys.stdout)", "pass", file="oracle/__main__.py")


def wrong(outcomes: list[Outcome]) -> list[str]:
    return [f"{outcome.mutant.rule} {outcome.mutant.name}" for outcome in outcomes if outcome.wrong]


def test_each_mutant_changes_one_place_and_has_a_name_of_its_own():
    for mutants in MUTANTS.values():
        for mutant in mutants:
            sound = source(mutant.file)
            changed = mutated(sound, mutant)
            assert changed != sound
            if mutant.target == "oracle":
                compile(changed, mutant.file, "exec")
        assert len({(mutant.target, mutant.name) for mutant in mutants}) == len(mutants)


def test_a_mutant_that_fits_nowhere_or_everywhere_is_refused():
    for old in ("absent from the source", "return"):
        with pytest.raises(ValueError, match="must be in the source once"):
            mutated(SOUND, UNUSED._replace(old=old))
    with pytest.raises(ValueError, match="is not in"):
        edit("C-1", "no part of the line", "a line", "another", "part")


def test_every_rule_has_two_mutants_or_a_reason(monkeypatch):
    counts.check(text.rules())
    with pytest.raises(ValueError, match="rule W-99 has 0 mutants"):
        counts.check(["W-99"])
    monkeypatch.setattr(counts, "ELSEWHERE", {"W-7": "no reason"})
    with pytest.raises(ValueError, match=r"rule W-7 has \d+ mutants"):
        counts.check(["W-7"])


def test_every_cause_is_left_out_or_answered_wrongly_by_three_mutants():
    causes = text.causes()
    assert len(causes) == 24 and causes[0] == "precision" and causes[-1] == "trailing"
    assert {cause: counts.of_cause(cause) for cause in causes if counts.of_cause(cause) < 3} == {}


@pytest.mark.slow
def test_a_sample_of_mutants_of_the_port_in_c_is_killed_and_survivors_are_told():
    ports.compiler()  # skips where there is none
    survivor = UNUSED._replace(equivalent=None)
    outcomes = list(judge([*chosen(target="c", sample=6, seed=17), ("tokens", survivor), ("tokens", UNUSED)]))
    assert wrong(outcomes) == [f"{survivor.rule} {survivor.name}"]
    assert [outcome.killer for outcome in outcomes[-2:]] == [None, None]


@pytest.mark.slow
def test_a_sample_of_mutants_of_the_oracle_is_killed():
    sample = [found for found in chosen(target="oracle", sample=12, seed=17) if found[1].equivalent is None]
    outcomes = list(judge([*sample, ("tokens", SERVING)]))
    assert wrong(outcomes) == []
    assert (outcomes[-1].killer or "").endswith(", in conventions.md")


@pytest.mark.slow
def test_the_command_tells_of_each_mutant():
    ports.compiler()
    command = [sys.executable, "-m", "specs.mutants", "--rule", "W-13", "--sample", "1", "--target", "c"]
    ran = subprocess.run(command, cwd=ports.ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and ran.stdout.endswith("1 mutants: 1 killed, 0 survive, 0 of them wrongly\n"), (
        ran.stderr
    )
    assert "W-13" in ran.stdout and "killed by" in ran.stdout


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("target", ["c", "oracle"])
@pytest.mark.parametrize("section", MUTANTS)
def test_every_mutant_is_killed_or_declared_equivalent(section, target):
    if target == "c":
        ports.compiler()
    assert wrong(list(judge(chosen(section, target=target)))) == []
