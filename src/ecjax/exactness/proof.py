"""What an audit found, so that it can be checked by somebody else: a range for each variable, an invariant a loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecjax.exactness.domain import Interval, Range

Path = tuple[int, ...]
"""A place in a program. From the outside in, the number of an equation in its jaxpr and, if it holds jaxprs, which of
them: a branch of a `cond`; 0 for the condition and 1 for the body of a `while`; 0 where there is one only."""


@dataclass(frozen=True)
class Invariant:
    """What holds of the values that a loop carries, before each of its steps.

    Attributes:
      ranges: The range of each.
      steps: Of a `scan`: for some of them, what each step adds to it. Their ranges need not be kept by a step; they
        follow from the first values and the number of steps.
      differences: Triples `(i, j, k)`: no element of the i-th is less than k above that of the j-th.
    """

    ranges: tuple[Range, ...]
    steps: dict[int, Interval] = field(default_factory=dict)
    differences: frozenset[tuple[int, int, int]] = frozenset()


@dataclass(frozen=True)
class Proof:
    """What was found of a function.

    Attributes:
      ranges: Of each equation, by its place, the ranges of its results.
      invariants: Of each loop, by its place.
      wrapped: The places of equations that are declared to wrap, and do.
    """

    ranges: dict[Path, tuple[Range, ...]] = field(default_factory=dict)
    invariants: dict[Path, Invariant] = field(default_factory=dict)
    wrapped: set[Path] = field(default_factory=set)
