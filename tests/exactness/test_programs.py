"""What is proved of random programs is true: at the corners of their arguments' bounds and at random points.

A failure prints the program's number and jaxpr; `program(number).check(program(number).audit())` runs it again. Of the
programs about 70% are proved.
"""

from __future__ import annotations

from typing import Any

import pytest

from ecjax.exactness import Interval, rules
from tests.exactness.programs import Violation, program, try_programs
from tests.strategies import annotations_unchecked

ONCE_WRONG = (1122, 1333)
"""Programs of which the search by itself proved what was not so: a refusal was lost where it was narrowed."""

SHARDS = 4
EACH = 100
DEEP_SHARDS = 100
DEEP_EACH = 10_000


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_is_proved_of_programs_is_true(shard: int) -> None:
    with annotations_unchecked():
        seen = try_programs(range(shard * EACH, (shard + 1) * EACH))
    assert seen.proved > 0.5 * seen.tried


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("shard", range(DEEP_SHARDS))
def test_what_is_proved_of_a_million_programs_is_true(shard: int) -> None:
    first = 10**6 + shard * DEEP_EACH
    with annotations_unchecked():
        seen = try_programs(range(first, first + DEEP_EACH))
    assert seen.proved > 0.5 * seen.tried


@pytest.mark.parametrize("number", ONCE_WRONG)
def test_the_search_alone_is_right(number: int) -> None:
    found = program(number).audit(checked=False)
    if found.proved:
        program(number).check(found)


def test_a_program_is_made_from_its_number() -> None:
    once, again = program(7), program(7)
    assert (once.bounds, once.dtype, str(once.audit())) == (again.bounds, again.dtype, str(again.audit()))


def test_a_false_proof_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a rule that forgets the carry of a sum, some program is seen to break its proof."""

    def faulty(step: Any, a: Any, b: Any) -> Interval:
        return Interval(min(a.interval.low, b.interval.low), max(a.interval.high, b.interval.high), a.interval.grid)

    monkeypatch.setitem(rules.RULES, "add", rules.RULES["add"]._replace(conclude=faulty))
    with pytest.raises(Violation, match="Program"), annotations_unchecked():
        for number in range(200):
            found = program(number).audit(checked=False)
            if found.proved:
                program(number).check(found)
