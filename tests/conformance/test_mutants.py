"""The stored cases find single faults in the port in C: a sample each time, every one in the deep run."""

import subprocess
import sys

import pytest

from specs.mutants import MUTANTS
from specs.mutants.__main__ import Outcome, chosen, judge
from specs.mutants.mutant import Mutant, edit
from specs.mutants.program import SOURCE, mutated
from tests.conformance import ports

SOUND = SOURCE.read_text(encoding="utf-8")
UNUSED = Mutant("nothing of the input changes", "C-1", "free(line);\n", "", "The program ends.")


def wrong(outcomes: list[Outcome]) -> list[str]:
    return [f"{outcome.mutant.rule} {outcome.mutant.name}" for outcome in outcomes if outcome.wrong]


def test_each_mutant_changes_one_place_and_has_a_name_of_its_own():
    for mutants in MUTANTS.values():
        assert all(mutated(SOUND, mutant) != SOUND for mutant in mutants)
        assert len({mutant.name for mutant in mutants}) == len(mutants)


def test_a_mutant_that_fits_nowhere_or_everywhere_is_refused():
    for old in ("absent from the source", "return"):
        with pytest.raises(ValueError, match="must be in the source once"):
            mutated(SOUND, UNUSED._replace(old=old))
    with pytest.raises(ValueError, match="is not in"):
        edit("C-1", "no part of the line", "a line", "another", "part")


@pytest.mark.slow
def test_a_sample_of_mutants_is_killed_and_survivors_are_told():
    ports.compiler()  # skips where there is none
    survivor = UNUSED._replace(equivalent=None)
    outcomes = list(judge([*chosen(sample=6, seed=17), ("tokens", survivor), ("tokens", UNUSED)]))
    assert wrong(outcomes) == [f"{survivor.rule} {survivor.name}"]
    assert [outcome.killer for outcome in outcomes[-2:]] == [None, None]


@pytest.mark.slow
def test_the_command_tells_of_each_mutant():
    ports.compiler()
    command = [sys.executable, "-m", "specs.mutants", "--rule", "W-13", "--sample", "1"]
    ran = subprocess.run(command, cwd=ports.ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and ran.stdout.endswith("1 mutants: 1 killed, 0 survive, 0 of them wrongly\n"), (
        ran.stderr
    )
    assert "W-13" in ran.stdout and "killed by" in ran.stdout


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("section", MUTANTS)
def test_every_mutant_is_killed_or_declared_equivalent(section):
    ports.compiler()
    assert wrong(list(judge(chosen(section)))) == []
