"""The rows of `bench all`, and their comparison with rows of an earlier run.

A measurement is a name and a function that gives rows. It can be called again, as other work on the machine may have
slowed it down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

Measurement = tuple[str, Callable[[], list["Row"]]]
Measurements = Iterator[Measurement]

LEAST = 0.5
"""A ratio or a share below this part of the earlier one has fallen."""

_AGAIN = 3  # measurements of what has fallen, after the first


@dataclasses.dataclass(frozen=True)
class Row:
    """One rate, its ratios to peers, and its share of a bound.

    Attributes:
      what: What is done, and by what.
      kind: What it is done to.
      size: The size of one document, one batch, or the like.
      rate: How much is done in a second.
      unit: Of what.
      peer: What the rate is compared with.
      ratio: The rate divided by the rate of each peer.
      bound: What the rate cannot exceed.
      share: The rate divided by the bound.
    """

    what: str
    kind: str
    size: str
    rate: float
    unit: str
    peer: list[str]
    ratio: list[float]
    bound: str
    share: float

    @property
    def name(self) -> str:
        """What tells this row from all others."""
        return f"{self.what}, {self.kind}, {self.size}"

    def figures(self) -> dict[str, float]:
        """The ratio to each peer; of a row without peers, the share of the bound. Other runs have comparable ones.

        The share of the memory bandwidth is not: a program beside this one takes far more from one than from the other.
        """
        ratios = {f"ratio to {peer}": ratio for peer, ratio in zip(self.peer, self.ratio, strict=True)}
        return ratios or {f"share of {self.bound}": self.share}

    def better_of(self, other: Row) -> Row:
        """The better figures of two measurements of this row, which have the same peers."""
        ratios = [max(pair) for pair in zip(self.ratio, other.ratio, strict=True)]
        return dataclasses.replace(
            self, rate=max(self.rate, other.rate), ratio=ratios, share=max(self.share, other.share)
        )


def size_name(size: int) -> str:
    """Bytes as tables have them: "100 B", "4 kB"."""
    return f"{size} B" if size < 1024 else f"{size / 1024:g} kB"


def fallen(rows: Iterable[Row], earlier: Sequence[Row]) -> list[str]:
    """The figures of `rows` that are below half the earlier ones, in words.

    A figure that only one side has is not compared.
    """
    before = {row.name: row.figures() for row in earlier}
    return [
        f"{row.name}: {figure} is {now:.3g}, was {then:.3g}"
        for row in rows
        for figure, now in row.figures().items()
        if (then := before.get(row.name, {}).get(figure)) is not None and now < LEAST * then
    ]


def missing(rows: Iterable[Row], earlier: Sequence[Row], absent: Sequence[str]) -> list[str]:
    """The earlier figures that there is nothing to compare with, in words; those of `absent` peers are not expected."""
    now = {row.name: row.figures() for row in rows}
    return [
        f"{row.name}: {figure} was {then:.3g}, and is not measured any more"
        for row in earlier
        for figure, then in row.figures().items()
        if figure not in now.get(row.name, {}) and figure not in {f"ratio to {peer}" for peer in absent}
    ]


def measured(run: Callable[[], list[Row]], earlier: Sequence[Row]) -> list[Row]:
    """The rows of a measurement, repeated up to three times while a figure has fallen. The better figures stay."""
    rows = run()
    for _ in range(_AGAIN):
        if not fallen(rows, earlier):
            break
        rows = [row.better_of(again) for row, again in zip(rows, run(), strict=True)]
    return rows
