"""Walks a jaxpr with ranges in place of arrays."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jaxtyping
import numpy as np
from jax._src import source_info_util
from jax.extend import core

from ecjax.exactness import elementwise, structural
from ecjax.exactness.conditions import by_cases, pivot_of, select
from ecjax.exactness.domain import (
    Definition,
    Interval,
    Kind,
    Range,
    Refusal,
    Step,
    Unknown,
    Value,
    is_float,
    meet,
    range_of,
    top,
    within_range,
)
from ecjax.integers import DECLARED_SCOPE, WRAPPING_SCOPE

_JAX, _JAXTYPING = (str(Path(str(package.__file__)).parent) for package in (jax, jaxtyping))
_WRAPPING = re.compile(rf"\b{re.escape(WRAPPING_SCOPE)}\b")
_DECLARED = re.compile(rf"\b{re.escape(DECLARED_SCOPE)}\((-?\d+),(-?\d+)\)")
_RULES: Mapping[str, Callable[..., Range | Sequence[Range]]] = {
    **elementwise.RULES,
    **structural.RULES,
    **structural.MOVES,
}
# Refusals of these wait until the result is used: a `where` may discard the elements that they are about.
_LAZY = {*elementwise.RULES, "select_n", "broadcast_in_dim", "reshape", "squeeze", "expand_dims"}


@dataclass(frozen=True)
class Scope:
    """What an equation inherits from the calls around it.

    Attributes:
      wrapping: Whether one of them was declared to wrap.
      where: The line of the outermost call of a function of JAX's own, whose inner lines tell a user nothing (and are
        those of the first call ever, for such functions are traced once).
    """

    wrapping: bool = False
    where: str | None = None


@dataclass
class Interpreter:
    """One audit in progress.

    Attributes:
      control: Handlers of the primitives that hold jaxprs.
      refusals: What was refused so far, in order. A dictionary, as an equation may be met more than once.
      recording: Whether refusals count. While a loop's bounds are being sought they do not.
      computed: What was computed elementwise. What is computed twice is one value, so that
        `where(x + 1 < n, x + 1, 0)` is understood.
      bounds: The ranges of loop carries that were found before, a first guess when the same loop comes again.
    """

    control: Mapping[str, Callable[..., Sequence[Value]]]
    refusals: dict[Refusal, None] = field(default_factory=dict)
    recording: bool = True
    computed: dict[Any, Sequence[Value]] = field(default_factory=dict)
    bounds: dict[Any, Any] = field(default_factory=dict)

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
        return [replace(value, pending=frozenset()) if value.pending else value for value in values]

    def run(self, jaxpr: core.Jaxpr, consts: Sequence[Any], operands: Sequence[Value], scope: Scope) -> list[Value]:
        """The results of a jaxpr."""
        known: dict[core.Var, Value] = dict(zip(jaxpr.invars, operands, strict=True))
        known.update((var, constant(const)) for var, const in zip(jaxpr.constvars, consts, strict=True))

        def read(atom: core.Var | core.Literal) -> Value:
            return self._literal(atom) if isinstance(atom, core.Literal) else known[atom]

        for eqn in jaxpr.eqns:
            known.update(zip(eqn.outvars, self.equation(eqn, [read(x) for x in eqn.invars], scope), strict=True))
        return [read(x) for x in jaxpr.outvars]

    def equation(self, eqn: core.JaxprEqn, operands: list[Value], scope: Scope) -> Sequence[Value]:
        """The results of an equation."""
        step = step_of(eqn, operands, scope)
        if step.name in self.control:
            inner = Scope(step.wrapping, scope.where)
            return self.control[step.name](self, eqn, step, operands, inner)
        if step.name not in _LAZY or step.declared is not None:
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
        if step.declared is not None:
            operands = [self._declared(step, step.declared, operands[0]), *operands[1:]]
        if step.name == "select_n":
            found, pending = select(*operands)
        elif (pivot := pivot_of(step, operands)) is not None:
            found, pending = by_cases(elementwise.RULES[step.name], step, operands, pivot)
        else:
            found = _apply(step, operands)
            pending = step.refusals().union(*(x.pending for x in operands))
        if step.name not in _LAZY:
            self.report(sorted(pending, key=str))
            pending = frozenset()
        ranges: Sequence[Range] = [found] if isinstance(found, (Interval, Unknown)) else found
        definition = Definition(step.afresh(), tuple(operands))
        return [Value(kind, r, definition, pending) for kind, r in zip(step.outputs, ranges, strict=True)]

    def _declared(self, step: Step, bounds: Interval, operand: Value) -> Value:
        """An operand whose bounds are declared, and refused unless they are proved."""
        if not within_range(operand.range, bounds):
            reason = f"declared to be {bounds}, it may be {operand.range}"
            self.report([Refusal(step.text, reason, step.where)])
        return operand.narrowed(meet(operand.range, bounds) or bounds)


def _apply(step: Step, operands: Sequence[Value]) -> Range | Sequence[Range]:
    """What the primitive's rule says, if there is one, and it is for such operands."""
    rule = _RULES.get(step.name)
    unknown = {x.range for x in operands if isinstance(x.range, Unknown)}
    if rule is None:
        step.refuse(f"no rule for the primitive {step.name}")
    elif not unknown or step.name in structural.MOVES:
        return rule(step, *operands)
    elif Unknown.ANY in unknown:
        step.refuse("an operand may be any float, NaN, infinite or subnormal; bound it with `within`")
    return [_refused(kind) for kind in step.outputs]


def _refused(kind: Kind) -> Range:
    return Unknown.REFUSED if is_float(kind.dtype) else top(kind.dtype)


def kind_of(aval: Any) -> Kind:
    """Shape and dtype of an abstract value."""
    return Kind(tuple(getattr(aval, "shape", ())), getattr(aval, "dtype", np.dtype(object)))


def constant(x: Any, kind: Kind | None = None) -> Value:
    """A value that is known."""
    array = np.asarray(x) if kind is None else np.asarray(x, kind.dtype)
    return Value(Kind(array.shape, array.dtype), range_of(array), constant=array)


def step_of(eqn: core.JaxprEqn, operands: Sequence[Value], scope: Scope) -> Step:
    """An equation in its context."""
    names = str(eqn.source_info.name_stack)
    name = eqn.primitive.name
    declared = declared_bounds(eqn)
    outputs = tuple(kind_of(var.aval) for var in eqn.outvars)
    return Step(
        name=name,
        params=eqn.params,
        outputs=outputs,
        wrapping=scope.wrapping or _WRAPPING.search(names) is not None,
        declared=Interval(*declared) if declared else None,
        text=f"{name}({', '.join(str(x.kind) for x in operands)}) -> {', '.join(map(str, outputs))}",
        where=scope.where or line_of(eqn, skip="declare" if declared else None),
    )


def declared_bounds(eqn: core.JaxprEqn) -> tuple[int, int] | None:
    """The bounds that an equation of `ecjax.integers.declare` declares, None of other equations."""
    found = _DECLARED.search(str(eqn.source_info.name_stack)) if eqn.primitive.name == "or" else None
    return (int(found[1]), int(found[2])) if found else None


def line_of(eqn: core.JaxprEqn, skip: str | None = None) -> str:
    """The user's line that an equation comes from; `skip` names a function whose caller is meant."""
    for frame in source_info_util.user_frames(eqn.source_info.traceback):
        # Between the two may be what checks annotations, which is not the user's either.
        if frame.function_name != skip and not frame.file_name.startswith((_JAXTYPING, "<@beartype")):
            return f"{frame.file_name}:{frame.start_line} ({frame.function_name})"
    return "<unknown line>"


def is_jax_function(jaxpr: core.Jaxpr) -> bool:
    """Whether a jaxpr is of a function of JAX itself, such as `jnp.where`."""
    info = jaxpr.debug_info
    return info is not None and _JAX in (info.func_src_info or "")
