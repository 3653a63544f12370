"""Which rules and causes the mutants are about, for coverage.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from . import MUTANTS
from .mutant import Mutant

ELSEWHERE: Mapping[str, str] = {
    "T-18": "no operation of the protocol reads a model's file, so neither the port in C nor the oracle does",
    "B-9": "no operation of the protocol reads a codebook's file, so neither the port in C nor the oracle does",
    "K-14": "it is about files on a disk; the port in C and the oracle write none",
}
"""Rules that no mutant can be about, and why; the tests that coverage.md names for them damage files instead."""

LEAST = 2
"""Mutants that every other rule has at least."""


def every() -> list[Mutant]:
    """The mutants of all sections."""
    return [mutant for mutants in MUTANTS.values() for mutant in mutants]


def by_rule() -> Counter[tuple[str, str]]:
    """How many mutants must be killed, by rule and target."""
    return Counter((mutant.rule, mutant.target) for mutant in every() if mutant.equivalent is None)


def check(rules: Iterable[str]) -> None:
    """Sees whether there are mutants for rules.

    Args:
      rules: The names of all rules.

    Raises:
      ValueError: If a rule has too few mutants and no reason why, or a reason and mutants all the same.
    """
    counts = by_rule()
    for rule in rules:
        count = counts[rule, "c"] + counts[rule, "oracle"]
        if (count < LEAST) != (rule in ELSEWHERE):
            raise ValueError(
                f"rule {rule} has {count} mutants; it must have {LEAST} or more, or a reason in "
                "specs/mutants/counts.py why it has none"
            )


def of_cause(cause: str) -> int:
    """How many mutants change where or when a cause is answered: they have its word, and not as a field's name."""
    word = re.compile(rf'(?<!request, )(?<!value, )(?<!\[)"{cause}"')
    return sum(mutant.equivalent is None and word.search(mutant.old + mutant.new) is not None for mutant in every())
