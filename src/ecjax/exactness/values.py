"""A value of the audited function, and the equation that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ecjax.exactness import orders
from ecjax.exactness.domain import (
    Interval,
    Kind,
    Range,
    Refusal,
    Unknown,
    has_arithmetic,
    is_float,
    join,
    meet,
    misfit,
    top,
)

OTHER = " of somebody else"
"""What is added to the name of a primitive that is not JAX's, so that no rule is found by it."""


@dataclass(eq=False, frozen=True)
class Value:
    """A value of the audited function.

    Attributes:
      kind: Its shape and dtype.
      range: Numbers that its elements may be.
      definition: The equation that computed it, or None for inputs, constants and what loops carry.
      pending: Refusals that count once the value is used: a `where` may still discard the elements they are about.
      constant: Its elements, if they are known.
      above: Values of its shape of which no element exceeds its own, less a number: what a loop's invariant says.
      original: The value that this is a narrowed copy of.
      sums: Of a float that a loop or branch gave: what sums of some of its summands may be, as its definition is not
        known. So too `exponents`.
      exponents: The least grid and the greatest exponent that products of some of its factors may have.
    """

    kind: Kind
    range: Range
    definition: Definition | None = field(default=None, repr=False)
    pending: frozenset[Refusal] = frozenset()
    constant: np.ndarray | None = None
    above: tuple[tuple[Value, int], ...] = field(default=(), repr=False)
    original: Value | None = field(default=None, repr=False)
    sums: Interval | None = field(default=None, repr=False)
    exponents: orders.Exponents | None = field(default=None, repr=False)

    @property
    def interval(self) -> Interval:
        """The range of a value that is known to have an interval."""
        assert isinstance(self.range, Interval)
        return self.range

    @property
    def identity(self) -> Value:
        """The same for a value and all its narrowed copies."""
        return self.original or self

    @cached_property
    def partial_sums(self) -> Interval:
        """Of a float, what sums of some of its summands may be, which a compiler may add first."""
        return orders.partial_sums(self)

    @cached_property
    def partial_exponents(self) -> orders.Exponents:
        """Of a float, the exponents of products of some of its factors, which a compiler may multiply first."""
        return orders.partial_exponents(self)

    def narrowed(self, interval: Range, **changes: Any) -> Value:
        """The same value with a smaller range."""
        return replace(self, range=interval, original=self.identity, **changes)

    def used(self) -> Value:
        """The value, of which what was pending has been reported."""
        return replace(self, pending=frozenset(), original=self.identity) if self.pending else self


def merged(kind: Kind, found: Range, *sources: Value) -> Value:
    """A value that is one of others, as a branch gives it or a loop carries it; what was refused on its way pends."""
    pending = found.refusals if isinstance(found, Unknown) else frozenset()
    known = [x for x in sources if isinstance(x.range, Interval)]
    if not known or not is_float(kind.dtype) or isinstance(found, Unknown):
        return Value(kind, found, pending=pending)
    sums = join(*(x.partial_sums for x in known))
    assert isinstance(sums, Interval)
    exponents = [x.partial_exponents for x in known]
    widest = min(low for low, _ in exponents), max(high for _, high in exponents)
    return Value(kind, found, pending=pending, sums=sums, exponents=widest)


@dataclass(eq=False, frozen=True)
class Definition:
    """How a value came about: an equation, the values it was applied to, and which of its results it is."""

    step: Step
    operands: tuple[Value, ...]
    result: int = 0


@dataclass(frozen=True)
class Step:
    """An equation in its context, as the rules see it: they add to `reasons` what they cannot prove.

    Attributes:
      name: The primitive's.
      params: The primitive's parameters.
      outputs: Shapes and dtypes of the results.
      wrapping: Whether it was declared to wrap.
      describe: Gives the equation, for people. Few of them are ever asked.
      locate: Gives its line, for people.
      reasons: What could not be proved.
      wrapped: The dtype in which a result did wrap, if one did.
    """

    name: str
    params: dict[str, Any]
    outputs: tuple[Kind, ...]
    wrapping: bool
    describe: Callable[[], str]
    locate: Callable[[], str]
    reasons: list[str] = field(default_factory=list)
    wrapped: list[np.dtype] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """Shape and dtype of the first result."""
        return self.outputs[0]

    def refuse(self, reason: str) -> None:
        """Says that the equation may not be exact, and why."""
        self.reasons.append(reason)

    def fit(self, exact: Interval, what: str = "the result") -> Range:
        """The range of a result that is `exact` if it fits; refused if it does not, unless declared to wrap."""
        dtype = self.kind.dtype
        reason = misfit(exact, dtype)
        if reason is None:
            return exact
        if is_float(dtype):
            return self.give_up(f"{what} {reason}")
        if self.wrapping and not exact.grid and has_arithmetic(dtype):
            self.wrapped.append(dtype)
            return top(dtype)
        self.refuse(
            f"{what} {reason}; bound it (`within`, jnp.clip, `declare`), or say that it is to wrap (`with wrapping()`)"
        )
        # One fault, one refusal: what follows is judged as if this had been right.
        return meet(exact, top(dtype)) or top(dtype)

    def give_up(self, reason: str) -> Range:
        """Refuses the equation; of its result nothing is known."""
        self.refuse(reason)
        return self.unknown(self.kind)

    def unknown(self, kind: Kind) -> Range:
        """The range of a result of which nothing is known, after what was refused so far."""
        limits = top(kind.dtype)
        return Unknown(self.refusals()) if isinstance(limits, Unknown) else limits

    def afresh(self) -> Step:
        """The same step with nothing refused yet."""
        return replace(self, reasons=[], wrapped=[])

    def refusals(self) -> frozenset[Refusal]:
        """The reasons as refusals."""
        return frozenset(map(self.refusal, self.reasons))

    def refusal(self, reason: str) -> Refusal:
        """A reason as a refusal."""
        return Refusal(self.describe(), reason, self.locate())
