"""Walks a jaxpr with ranges in place of arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jax.extend import core

from ecjax.exactness import rules
from ecjax.exactness.conditions import by_cases, pivot_of, select
from ecjax.exactness.domain import Interval, Range, Refusal, Unknown, range_of
from ecjax.exactness.jaxprs import constant, kind_of, step_of
from ecjax.exactness.known import constant_of
from ecjax.exactness.proof import Path as Place
from ecjax.exactness.proof import Proof
from ecjax.exactness.values import Definition, Step, Value
from ecjax.integers import DECLARE


@dataclass(frozen=True)
class Scope:
    """What an equation inherits from the calls around it.

    Attributes:
      wrapping: Whether one of them was declared to wrap.
      where: Gives the line of the outermost call of a function of JAX's own, whose inner lines tell a user nothing
        (and are those of the first call ever, for such functions are traced once).
      place: Where in the program it is: the numbers of the equations and jaxprs around it.
    """

    wrapping: bool = False
    where: Callable[[], str] | None = None
    place: Place = ()

    def at(self, *numbers: int) -> Scope:
        """The scope of something inside."""
        return replace(self, place=(*self.place, *numbers))


@dataclass
class Interpreter:
    """One audit in progress.

    Attributes:
      control: The primitives that hold jaxprs.
      look_into: Gives the results of one of them.
      refusals: What was refused so far, in order. A dictionary, as an equation may be met more than once.
      recording: Whether refusals count. While a loop's bounds are being sought they do not.
      computed: What was computed elementwise. What is computed twice is one value, so that
        `where(x + 1 < n, x + 1, 0)` is understood.
      bounds: The invariants of loops that were found before, a first guess when the same loop comes again.
      proof: What was found: the range of each variable, the invariant of each loop.
    """

    control: Collection[str]
    look_into: Callable[..., Sequence[Value]]
    refusals: dict[Refusal, None] = field(default_factory=dict)
    recording: bool = True
    computed: dict[Any, Sequence[Value]] = field(default_factory=dict)
    bounds: dict[Any, Any] = field(default_factory=dict)
    proof: Proof = field(default_factory=Proof)

    def report(self, refusals: Iterable[Refusal]) -> None:
        """Adds refusals, if they count."""
        if self.recording:
            self.refusals.update(dict.fromkeys(refusals))

    @contextlib.contextmanager
    def silently(self) -> Iterator[None]:
        """A context in which refusals do not count."""
        before, self.recording = self.recording, False
        try:
            yield
        finally:
            self.recording = before

    @contextlib.contextmanager
    def apart(self) -> Iterator[dict[Refusal, None]]:
        """A context whose refusals are collected by themselves, whether they count or not."""
        before, self.refusals, self.recording = (self.refusals, self.recording), {}, True
        try:
            yield self.refusals
        finally:
            self.refusals, self.recording = before

    def use(self, values: Sequence[Value]) -> list[Value]:
        """The values, of which what was pending counts from here on."""
        for value in values:
            self.report(sorted(value.pending, key=str))
        return [value.used() for value in values]

    def run(self, jaxpr: core.Jaxpr, consts: Sequence[Any], operands: Sequence[Value], scope: Scope) -> list[Value]:
        """The results of a jaxpr."""
        known: dict[core.Var, Value] = dict(zip(jaxpr.invars, operands, strict=True))
        known.update((var, constant(const)) for var, const in zip(jaxpr.constvars, consts, strict=True))

        def read(atom: core.Var | core.Literal) -> Value:
            return self._literal(atom) if isinstance(atom, core.Literal) else known[atom]

        for number, eqn in enumerate(jaxpr.eqns):
            inner = scope.at(number)
            results = self.equation(eqn, [read(x) for x in eqn.invars], inner)
            known.update(zip(eqn.outvars, results, strict=True))
            if self.recording:
                self.proof.ranges[inner.place] = tuple(x.range for x in results)
                if any(x.definition is not None and x.definition.step.wrapped for x in results):
                    self.proof.wrapped.add(inner.place)
        return [read(x) for x in jaxpr.outvars]

    def equation(self, eqn: core.JaxprEqn, operands: list[Value], scope: Scope) -> Sequence[Value]:
        """The results of an equation."""
        step = step_of(eqn, operands, scope.wrapping, scope.where)
        if step.name in self.control:
            return self.look_into(self, eqn, step, operands, replace(scope, wrapping=step.wrapping))
        if not _is_lazy(step.name):
            return self._primitive(step, operands)
        key = (step.name, step.wrapping, tuple(eqn.params.items()), *operands)
        if key not in self.computed:
            self.computed[key] = self._primitive(step, operands)
        return self.computed[key]

    def _literal(self, literal: core.Literal) -> Value:
        kind = kind_of(literal.aval)
        key = (kind, np.asarray(literal.val, kind.dtype).tobytes())
        if key not in self.computed:
            self.computed[key] = [constant(literal.val, kind)]
        return self.computed[key][0]

    def _primitive(self, step: Step, operands: list[Value]) -> Sequence[Value]:
        """The results of a primitive that holds no jaxpr."""
        if step.name == "select_n" and all(isinstance(x.range, Interval) for x in operands[:1]):
            found, pending = select(step, *operands)
            ranges: Sequence[Range] = [found]
        elif (pivot := pivot_of(step, operands)) is not None:
            found, pending = by_cases(step, operands, pivot)
            ranges = [found]
        else:
            ranges = rules.conclude(step, operands)
            pending = step.refusals() | rules.inherited(operands)
        lazy = _is_lazy(step.name)
        if not lazy:
            self.report(sorted(pending, key=str))
        _assert_travels(step, ranges, operands, pending)
        known = constant_of(step, operands) if not pending else None
        pending = pending if lazy else frozenset()
        return [
            Value(kind, r if known is None else range_of(known), Definition(step, tuple(operands), i), pending, known)
            for i, (kind, r) in enumerate(zip(step.outputs, ranges, strict=True))
        ]


def _is_lazy(name: str) -> bool:
    """Whether refusals wait until the result is used: a `where` may discard the elements that they are about."""
    rule = rules.RULES.get(name)
    lazy = ("select_n", "broadcast_in_dim", "reshape", "squeeze")
    return rule is not None and (rule.elementwise or name in lazy) and name != DECLARE.name


def _assert_travels(
    step: Step, ranges: Sequence[Range], operands: Sequence[Value], pending: frozenset[Refusal]
) -> None:
    """Nothing known is made of a value that is not known, but with the refusal of it, unless all of it is discarded."""
    discards = step.name in ("select_n", "pad", "dynamic_update_slice", "scatter")
    blind = not discards and any(isinstance(x.range, Unknown) for x in operands)
    assert not blind or pending or any(isinstance(r, Unknown) for r in ranges) or not ranges, "a refusal was lost"
