"""Calls, branches and loops: the search looks into what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jax.extend import core

from ecjax.exactness.conditions import Condition, ImpossibleError, under
from ecjax.exactness.domain import (
    Interval,
    Kind,
    join,
)
from ecjax.exactness.interpreter import Interpreter, Scope
from ecjax.exactness.invariants import Loop, Turn, carry, thresholds
from ecjax.exactness.jaxprs import called, is_jax_function, open_jaxpr, scan_parts
from ecjax.exactness.proof import Invariant
from ecjax.exactness.rules.control import unjust
from ecjax.exactness.values import Step, Value, merged

Handler = Callable[[Interpreter, core.JaxprEqn, Step, list[Value], Scope], Sequence[Value]]


def call(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """Calls of every kind: what is called is looked into as if it stood there."""
    jaxpr, consts = called(eqn)
    if is_jax_function(jaxpr):
        scope = replace(scope, where=step.locate)
    return self.run(jaxpr, consts, operands, scope.at(0))


def cond(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """A branch: each is run under the condition that it is taken."""
    index, *operands = self.use(operands)
    branches = eqn.params["branches"]
    # The index is clamped, everywhere.
    first, last = (min(max(n, 0), len(branches) - 1) for n in index.interval[:2])
    results: list[Sequence[Value]] = []
    for number in range(first, last + 1):
        inner = operands
        if index.interval in Interval(0, len(branches) - 1):
            try:
                inner = [under(index, number, x) for x in operands]
            except ImpossibleError:
                continue
        results.append(self.use(self.run(*open_jaxpr(branches[number]), inner, scope.at(number))))
    if not results:  # in code that never runs
        return [merged(kind, step.unknown(kind)) for kind in step.outputs]
    return [
        merged(kind, join(*(x.range for x in values)), *values)
        for kind, values in zip(step.outputs, zip(*results, strict=True), strict=True)
    ]


def scan(self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope) -> Sequence[Value]:
    """A scan over the first axis."""
    params, operands = eqn.params, self.use(operands)
    jaxpr, closed = open_jaxpr(params["jaxpr"])
    begin, end = scan_parts(jaxpr, [x.kind for x in operands], step.outputs)
    consts, first, rows = operands[:begin], operands[begin:end], operands[end:]
    rows = [merged(Kind(x.kind.shape[1:], x.kind.dtype), x.range, x) for x in rows]

    def body(invariant: Invariant) -> Turn:
        carried = carry(first, invariant, params["length"])
        return Turn(carried, self.use(self.run(jaxpr, closed, [*consts, *carried, *rows], scope.at(0))))

    loop = Loop(step, first, body, params["length"], thresholds((jaxpr,), operands))
    last, outputs = loop.solve(self, (id(eqn), scope.wrapping, tuple(x.range for x in operands)), scope)
    if params["length"] == 0:
        last = [x.range for x in first]
    ranges = [*last, *(x.range for x in outputs[len(first) :])]
    sources: list[tuple[Value, ...]] = [(x,) for x in outputs] or [(x,) for x in first]
    sources[: len(first)] = [(x, *y) for x, y in zip(first, sources, strict=False)]
    return [merged(kind, r, *xs) for kind, r, xs in zip(step.outputs, ranges, sources, strict=True)]


def while_loop(
    self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope
) -> Sequence[Value]:
    """A loop with a condition, which holds where the body begins and fails where the loop ends."""
    params, operands = eqn.params, self.use(operands)
    test, body = params["cond_jaxpr"], params["body_jaxpr"]
    begin, end = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    test_consts, body_consts, first = operands[:begin], operands[begin:end], operands[end:]

    def tested(invariant: Invariant, number: int) -> tuple[list[Value], list[Value]]:
        carried = carry(first, invariant, None)
        (again,) = self.use(self.run(*open_jaxpr(test), [*test_consts, *carried], scope.at(0)))
        condition = Condition(again, number)
        return carried, [condition.apply(x) for x in carried]

    def turn(invariant: Invariant) -> Turn:
        try:
            carried, inside = tested(invariant, 1)
        except ImpossibleError:
            return Turn(first, [])
        return Turn(carried, self.use(self.run(*open_jaxpr(body), [*body_consts, *inside], scope.at(1))))

    loop = Loop(step, first, turn, None, thresholds((test.jaxpr, body.jaxpr), operands))
    last, outputs = loop.solve(self, (id(eqn), scope.wrapping, tuple(x.range for x in operands)), scope)
    try:
        ends = [x.range for x in tested(loop.invariant, 0)[1]]
    except ImpossibleError:  # it never ends
        ends = last
    made = outputs or first
    return [merged(k, r, x, y) for k, r, x, y in zip(step.outputs, ends, first, made, strict=True)]


_HANDLERS: dict[str, Handler] = {"cond": cond, "scan": scan, "while": while_loop}


def look_into(
    self: Interpreter, eqn: core.JaxprEqn, step: Step, operands: list[Value], scope: Scope
) -> Sequence[Value]:
    """The results of a primitive of `PARAMETERS`."""
    if reason := unjust(step, operands):
        self.report([step.refusal(reason)])
    return _HANDLERS.get(step.name, call)(self, eqn, step, operands, scope)
