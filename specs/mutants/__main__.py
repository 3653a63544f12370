"""Puts single faults into the port in C and the oracle, and lists what the stored cases do not catch."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from . import MUTANTS
from .bench import Bench
from .mutant import Mutant


class Outcome(NamedTuple):
    """A mutant, its section, and the case that killed it; None if it survived."""

    section: str
    mutant: Mutant
    killer: str | None

    @property
    def wrong(self) -> bool:
        """Whether it survived and is not declared equivalent, or was killed and is."""
        return (self.killer is None) == (self.mutant.equivalent is None)


def chosen(
    section: str | None = None,
    rule: str | None = None,
    target: str | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> list[tuple[str, Mutant]]:
    """Mutants with their sections.

    Args:
      section: Of this section only.
      rule: Of this rule only.
      target: Of the port in C, `c`, or of the `oracle` only.
      sample: So many at random, or all if there are no more.
      seed: What the sample is drawn from.

    Raises:
      ValueError: If there are none.
    """
    found = [
        (name, mutant)
        for name, mutants in MUTANTS.items()
        for mutant in mutants
        if section in (None, name) and rule in (None, mutant.rule) and target in (None, mutant.target)
    ]
    if not found:
        raise ValueError(
            f"no mutant is of section {section}, rule {rule} and target {target}; sections are {', '.join(MUTANTS)}"
        )
    return found if sample is None else random.Random(seed).sample(found, min(sample, len(found)))


def judge(mutants: Sequence[tuple[str, Mutant]], jobs: int = 2) -> Iterator[Outcome]:
    """What becomes of each mutant, in their order.

    Raises:
      ValueError: If a sound program fails a case, or a mutant cannot be compiled.
    """
    with tempfile.TemporaryDirectory(prefix="ecjax-mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        bench = Bench(Path(folder))

        def one(numbered: tuple[int, tuple[str, Mutant]]) -> Outcome:
            number, (section, mutant) = numbered
            return Outcome(section, mutant, bench.killer(mutant, section, f"mutant-{number}"))

        yield from pool.map(one, enumerate(mutants))


def _line(outcome: Outcome) -> str:
    mutant = outcome.mutant
    fate = f"killed by {outcome.killer}" if outcome.killer else "SURVIVES"
    if mutant.equivalent:
        fate = "killed, though declared equivalent" if outcome.killer else f"is equivalent: {mutant.equivalent}"
    return f"{outcome.section:12} {mutant.target:6} {mutant.rule:5} {mutant.name}: {fate}"


def main() -> None:
    """Prints the fate of each mutant; the exit status is 1 if one survives that should not."""
    parser = argparse.ArgumentParser(prog="python -m specs.mutants", description=__doc__)
    parser.add_argument("--section", choices=MUTANTS, help="mutants of this section only")
    parser.add_argument("--rule", help="mutants of this rule only, such as T-6")
    parser.add_argument("--target", choices=("c", "oracle"), help="mutants of the port in C, or of the oracle, only")
    parser.add_argument("--jobs", type=int, default=2, help="how many to try at once")
    parser.add_argument("--sample", type=int, help="so many of them, at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--json", type=Path, help="a file for the outcomes")
    arguments = parser.parse_args()
    outcomes: list[Outcome] = []
    try:
        wanted = chosen(arguments.section, arguments.rule, arguments.target, arguments.sample, arguments.seed)
        for outcome in judge(wanted, arguments.jobs):
            outcomes.append(outcome)
            print(_line(outcome), flush=True)
    except ValueError as error:
        parser.error(str(error))
    if arguments.json:
        rows = [{"section": o.section, **o.mutant._asdict(), "killed_by": o.killer} for o in outcomes]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    killed = sum(outcome.killer is not None for outcome in outcomes)
    print(f"{len(outcomes)} mutants: {killed} killed, {len(outcomes) - killed} survive, {len(wrong)} of them wrongly")
    for outcome in wrong:
        print(_line(outcome))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
