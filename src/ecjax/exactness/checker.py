"""A second opinion on a proof: an independent walk that searches nothing.

The checker takes the invariants of loops as they are given and runs each body once: what the loop begins with has to
fulfil its invariant, and what one step makes of values that fulfil it has to fulfil it again. It works out the range of
each variable anew, which has to lie in the one that was found. It shares the rules' table with the search, and how a
jaxpr is read (`jaxprs.py`); not a line of how it looks for things. A function counts as proved only if both say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jax.extend import core

from ecjax.exactness import rules
from ecjax.exactness.checker_facts import SHAPING, by_numbers, chosen, is_elementwise, where
from ecjax.exactness.checker_loops import Loop, added, bare, is_above, of_results, wrong
from ecjax.exactness.domain import Kind, Range, Refusal, Unknown, range_of, within_range
from ecjax.exactness.jaxprs import (
    called,
    constant,
    is_jax_function,
    kind_of,
    open_jaxpr,
    scan_parts,
    step_of,
)
from ecjax.exactness.known import constant_of
from ecjax.exactness.proof import Path, Proof
from ecjax.exactness.rules.control import PARAMETERS, unjust
from ecjax.exactness.values import Definition, Step, Value
from ecjax.integers import DECLARE

_BY_NUMBERS = ("div", "shift_left", "shift_right_arithmetic", "shift_right_logical")


def check(
    closed: core.ClosedJaxpr,
    arguments: Sequence[Range],
    proof: Proof,
    outputs: Sequence[Range],
    locate: Callable[[], str] | None = None,
) -> list[Refusal]:
    """Verifies what a search found of a function.

    Args:
      closed: The function.
      arguments: The ranges of its arguments.
      proof: The ranges and invariants that were found.
      outputs: The ranges that were found of its results.
      locate: Names the function, if it is one of JAX itself.

    Returns:
      What could not be verified, in the order of the program; nothing if all is so.
    """
    checker = _Checker(proof)
    given = [bare(kind_of(var.aval), x) for var, x in zip(closed.jaxpr.invars, arguments, strict=True)]
    results = checker.used(checker.walk(closed.jaxpr, closed.consts, given, _Place(line=locate)))
    for number, (x, claimed) in enumerate(zip(results, outputs, strict=True)):
        if not within_range(x.range, claimed):
            reason = f"the checker finds {x.range} of result {number}, which is said to be {claimed}"
            checker.refusals[Refusal("the function", reason, "<its end>")] = None
    return list(checker.refusals)


@dataclass(frozen=True)
class _Place:
    """Where an equation stands: its path, whether around it wrapping is declared, the line of a call that is JAX's."""

    path: Path = ()
    wrapping: bool = False
    line: Callable[[], str] | None = None

    def inside(self, *numbers: int) -> _Place:
        return replace(self, path=(*self.path, *numbers))


class _Checker:
    """One check in progress."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.refusals: dict[Refusal, None] = {}
        self._same: dict[Any, Sequence[Value]] = {}  # what is computed twice from the same values is one value

    def doubt(self, step: Step, reason: str) -> None:
        """Refuses an equation."""
        self.refusals[step.refusal(f"the checker {reason}")] = None

    def report(self, refusals: Iterable[Refusal]) -> None:
        """Refuses what the rules refused."""
        for r in sorted(refusals, key=str):
            self.refusals[replace(r, reason=f"the checker cannot verify it: {r.reason}")] = None

    def used(self, values: Sequence[Value]) -> list[Value]:
        """The values; what was pending on them counts."""
        for x in values:
            self.report(x.pending)
        return [x.used() for x in values]

    # Equations in turn.

    def walk(self, jaxpr: core.Jaxpr, consts: Sequence[Any], operands: Sequence[Value], place: _Place) -> list[Value]:
        """The results of a jaxpr."""
        values: dict[core.Var, Value] = dict(zip(jaxpr.invars, operands, strict=True))
        values |= {var: constant(x) for var, x in zip(jaxpr.constvars, consts, strict=True)}

        def read(atom: core.Var | core.Literal) -> Value:
            return self._literal(atom) if isinstance(atom, core.Literal) else values[atom]

        for number, eqn in enumerate(jaxpr.eqns):
            here = place.inside(number)
            operands = [read(x) for x in eqn.invars]
            step = step_of(eqn, operands, here.wrapping, here.line)
            results = self._equation(eqn, step, operands, replace(here, wrapping=step.wrapping))
            self._compare(step, results, self.proof.ranges.get(here.path))
            values.update(zip(eqn.outvars, results, strict=True))
        return [read(x) for x in jaxpr.outvars]

    def _literal(self, literal: core.Literal) -> Value:
        known = constant(literal.val, kind_of(literal.aval))
        assert known.constant is not None
        return self._same.setdefault((known.kind, known.constant.tobytes()), [known])[0]

    def _compare(self, step: Step, results: Sequence[Value], claimed: Sequence[Range] | None) -> None:
        """Whether the results lie in the ranges that were found of them."""
        if claimed is None or len(claimed) != len(results):
            return self.doubt(step, "finds that it runs, and nothing was found of its results")
        for x, claim in zip(results, claimed, strict=True):
            if not within_range(x.range, claim):
                self.doubt(step, f"finds that the result may be {x.range}, which is said to be {claim}")

    def _equation(self, eqn: core.JaxprEqn, step: Step, operands: list[Value], place: _Place) -> Sequence[Value]:
        """The results of an equation."""
        if step.name in PARAMETERS:
            if reason := unjust(step, operands):
                self.doubt(step, f"cannot verify it: {reason}")
            into: dict[str, Callable[..., Sequence[Value]]]
            into = {"cond": self._branches, "scan": self._scan, "while": self._while}
            return into.get(step.name, self._call)(eqn, step, operands, place)
        if not _is_lazy(step.name):
            pending, values = self._results(step, operands)
            self.report(pending)
            return [replace(x, pending=frozenset()) for x in values]
        key = (step.name, step.wrapping, *step.params.items(), *operands)
        if key not in self._same:
            self._same[key] = self._results(step, operands)[1]
        return self._same[key]

    def _results(self, step: Step, operands: list[Value]) -> tuple[frozenset[Refusal], Sequence[Value]]:
        """What a rule says of an equation that holds no jaxpr, and what it refuses."""
        counted = operands
        found = by_numbers(step, operands) if step.name in _BY_NUMBERS else None
        if found is not None and found[1]:
            ranges, pending = [found[0]], frozenset()
        elif step.name == "select_n":
            one, pending = chosen(step, *operands)
            ranges, counted = [one], operands[:1]  # what it discards may be anything
        else:
            ranges = rules.conclude(step, operands)
            pending = step.refusals() | rules.inherited(operands)
            ranges = ranges if found is None else [found[0]]
        if step.name not in _MAY_DROP:
            blind = any(isinstance(x.range, Unknown) for x in counted)
            assert pending or not blind or any(isinstance(r, Unknown) for r in ranges), "a refusal was lost"
        known = None if pending else constant_of(step, operands)
        ranges = ranges if known is None else [range_of(known)]
        return pending, [
            Value(kind, r, Definition(step, tuple(operands), i), pending, known)
            for i, (kind, r) in enumerate(zip(step.outputs, ranges, strict=True))
        ]

    # Equations that hold jaxprs.

    def _call(self, eqn: core.JaxprEqn, step: Step, operands: list[Value], place: _Place) -> Sequence[Value]:
        jaxpr, consts = called(eqn)
        line = step.locate if is_jax_function(jaxpr) else place.line
        return self.walk(jaxpr, consts, operands, replace(place.inside(0), line=line))

    def _branches(self, eqn: core.JaxprEqn, step: Step, operands: list[Value], place: _Place) -> Sequence[Value]:
        index, *operands = self.used(operands)
        branches, x = eqn.params["branches"], index.interval
        found: list[Sequence[Value]] = []
        for number in range(max(min(x.low, len(branches) - 1), 0), max(min(x.high, len(branches) - 1), 0) + 1):
            # The index is clamped, everywhere: if it may be outside, it is not known in any branch.
            clamped = x.low < 0 or x.high >= len(branches)
            inside = operands if clamped else where(index, number, operands)
            if inside is not None:
                jaxpr, consts = open_jaxpr(branches[number])
                found.append(self.used(self.walk(jaxpr, consts, inside, place.inside(number))))
        if not found:  # code that never runs
            return [bare(kind, step.unknown(kind)) for kind in step.outputs]
        return [of_results(kind, values) for kind, *values in zip(step.outputs, *found, strict=True)]

    def _scan(self, eqn: core.JaxprEqn, step: Step, operands: list[Value], place: _Place) -> Sequence[Value]:
        operands, length = self.used(operands), eqn.params["length"]
        jaxpr, consts = open_jaxpr(eqn.params["jaxpr"])
        begin, end = scan_parts(jaxpr, [x.kind for x in operands], step.outputs)
        first, rows = operands[begin:end], operands[end:]
        rows = [of_results(Kind(x.kind.shape[1:], x.kind.dtype), [x]) for x in rows]
        loop = self._begin(step, first, place, length)
        if loop is None:
            return [bare(kind, step.unknown(kind)) for kind in step.outputs]
        after: list[Value] = []
        again: Loop | None = loop
        for _ in range(2):  # once more if some summands of a float's steps are larger than the steps
            if again is not None:
                loop, given = again, [*operands[:begin], *again.before, *rows]
                after = self.used(self.walk(jaxpr, consts, given, place.inside(0)))
                again = loop.with_parts(after)
        self._kept(step, loop, after)
        last = first if length == 0 else [loop.last(i, length) for i in range(len(first))]
        return [of_results(kind, [x]) for kind, x in zip(step.outputs, [*last, *after[len(first) :]], strict=True)]

    def _while(self, eqn: core.JaxprEqn, step: Step, operands: list[Value], place: _Place) -> Sequence[Value]:
        operands, params = self.used(operands), eqn.params
        begin, end = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
        loop = self._begin(step, operands[end:], place, None)
        if loop is None:
            return [bare(kind, step.unknown(kind)) for kind in step.outputs]
        jaxpr, consts = open_jaxpr(params["cond_jaxpr"])
        (again,) = self.used(self.walk(jaxpr, consts, [*operands[:begin], *loop.before], place.inside(0)))
        inside = where(again, 1, loop.before)
        if inside is not None:
            jaxpr, consts = open_jaxpr(params["body_jaxpr"])
            after = self.used(self.walk(jaxpr, consts, [*operands[begin:end], *inside], place.inside(1)))
            self._kept(step, loop, after)
        # Where it goes on for ever, anything may be said of its end.
        return [of_results(x.kind, [x]) for x in where(again, 0, loop.before) or loop.before]

    def _begin(self, step: Step, first: list[Value], place: _Place, length: int | None) -> Loop | None:
        """A loop whose invariant holds of what it begins with. Refuses it if it does not."""
        found = self.proof.invariants.get(place.path)
        reason = "finds that it runs, and no invariant was found" if found is None else wrong(found, first, length)
        if found is None or reason:
            self.doubt(step, reason)
            return None
        return Loop(found, first, length)

    def _kept(self, step: Step, loop: Loop, after: list[Value]) -> None:
        """Refuses a loop whose invariant is not kept by a step."""
        for i, (before, x, claim) in enumerate(zip(loop.before, after, loop.invariant.ranges, strict=False)):
            if i in loop.invariant.steps:
                found = added(x, before)
                if found is None or found.whole not in loop.invariant.steps[i]:
                    self.doubt(step, f"does not find that a step adds {loop.invariant.steps[i]} in place {i}")
            elif not within_range(x.range, claim):
                self.doubt(step, f"finds {x.range} in place {i} after a step, which is said to be {claim}")
            if not loop.keeps_parts(i, x):
                self.doubt(step, f"finds that some summands or factors of place {i} are larger than what is carried")
        for i, j, k in loop.invariant.differences:
            if not is_above(after[i], after[j], k):
                self.doubt(step, f"does not find that place {i} stays {k} above place {j}")


def _is_lazy(name: str) -> bool:
    """Whether refusals wait until the result is used: a `where` may discard the elements that they are about."""
    return (is_elementwise(name) or name in SHAPING or name == "select_n") and name != DECLARE.name


_MAY_DROP = ("dynamic_update_slice", "pad", "scatter")
"""Primitives that may leave out all of an operand."""
