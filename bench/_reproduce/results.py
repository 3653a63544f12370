"""Results of runs, read back and gathered over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench._reproduce.scales import Equal


class Cell(NamedTuple):
    """All runs of one method, size, number of steps and kind of comparison, which differ in their seed."""

    method: str
    size: str
    steps: int
    equal: Equal
    runs: list[dict[str, Any]]

    def values(self, key: str) -> list[float]:
        """A result of each seed."""
        return [run["results"][key] for run in self.runs]

    def mean(self, key: str) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values(key))

    def deviation(self, key: str) -> float | None:
        """The standard deviation over seeds; None of one."""
        return statistics.stdev(self.values(key)) if len(self.runs) > 1 else None

    @property
    def gain(self) -> float:
        """How far the loss is below that of tokens which are all alike, as a share of it."""
        return 1 - self.mean("bits_per_byte") / self.mean("uniform_bits_per_byte")

    @property
    def tokens(self) -> dict[str, Any]:
        """What was measured of the tokens themselves."""
        return self.runs[0]["tokens"]

    @property
    def whole(self) -> float:
        """Mean bits per byte of all that the text says: with what published windows leave untold."""
        untold = self.tokens["untold_bits_per_byte"] if self.method.endswith("published") else 0.0
        return self.mean("bits_per_byte") + untold

    @property
    def curve(self) -> dict[int, float]:
        """Mean bits per byte after each number of steps at which all seeds were measured."""
        curves = [{point["step"]: point["bits_per_byte"] for point in run["curve"]} for run in self.runs]
        steps = [step for step in curves[0] if all(step in curve for curve in curves)]
        return {step: statistics.fmean(curve[step] for curve in curves) for step in steps}

    def at(self, index: int) -> float:
        """Mean bits per byte at a point of the curve."""
        return statistics.fmean(run["curve"][index]["bits_per_byte"] for run in self.runs)


class Results:
    """The cells of a grid."""

    def __init__(self, files: Iterable[Path]) -> None:
        groups: dict[tuple[str, str, int, Equal], list[dict[str, Any]]] = {}
        for file in files:
            content = json.loads(file.read_text())
            run = content["run"]
            key = (run["method"], run["size"], run["steps"], run.get("equal", "steps"))
            groups.setdefault(key, []).append(content)
        self.cells = [Cell(*key, runs) for key, runs in groups.items()]

    @property
    def sizes(self) -> list[str]:
        """Sizes, in the order in which they were run."""
        return list(dict.fromkeys(cell.size for cell in self.cells))

    @property
    def methods(self) -> list[str]:
        """Methods, in the order in which they were run."""
        return list(dict.fromkeys(cell.method for cell in self.cells))

    def find(self, method: str, size: str | None = None, steps: int | None = None) -> Cell | None:
        """The cell of a method; of several, the first in the grid."""
        size = size or (self.sizes[0] if self.cells else None)
        found = (c for c in self.cells if c.method == method and c.size == size and steps in (None, c.steps))
        return next(found, None)

    def of_size(self, methods: Sequence[str], size: str | None = None) -> list[Cell]:
        """The cells of these methods that are there."""
        return [cell for method in methods if (cell := self.find(method, size)) is not None]


class Welch(NamedTuple):
    """Welch's t-test of whether two cells have the same mean: t is below zero where the first has the lower one."""

    t: float
    p: float


def welch(a: Cell, b: Cell, key: str = "bits_per_byte") -> Welch | None:
    """The test of two cells; None where one has a single seed."""
    from scipy import stats

    if min(len(a.runs), len(b.runs)) < 2:
        return None
    test: Any = stats.ttest_ind(a.values(key), b.values(key), equal_var=False)
    return Welch(float(test.statistic), float(test.pvalue))
