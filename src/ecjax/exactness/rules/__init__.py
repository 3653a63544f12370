"""The rules' table: for each primitive, what the ranges of its operands say of its results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecjax.exactness import orders
from ecjax.exactness.domain import Interval, Range, Unknown, has_arithmetic, is_float, misfit
from ecjax.exactness.rules import elementwise, indexing, movement, products, reductions
from ecjax.exactness.rules.base import Rule, uncovered
from ecjax.exactness.values import OTHER, Definition, Step, Value

__all__ = ["RULES", "Rule", "conclude"]

RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **movement.RULES,
    **reductions.RULES,
    **products.RULES,
    **indexing.RULES,
}


def conclude(step: Step, operands: Sequence[Value]) -> list[Range]:
    """The ranges of a step's results. What is not proved is refused in the step.

    A value that is unknown after a refusal makes no other one; but nothing known is made of it, except with its refusal
    pending (`inherited`).
    """
    rule = RULES.get(step.name)
    if rule is None:
        name = step.name.removesuffix(OTHER)
        step.refuse(f"no rule for the primitive {name}" + (", which is none of JAX" if name in RULES else ""))
        return [step.unknown(kind) for kind in step.outputs]
    blind = [x.range for x in operands if isinstance(x.range, Unknown)]
    if (reason := uncovered(rule.parameters, step)) is not None:
        step.refuse(reason)
    elif not rule.unsized and (bare := _without_arithmetic(step, operands)):
        step.refuse(f"nothing says that every backend computes with {bare} alike: convert it first")
    elif blind and rule.moves and (reason := rewritten(operands)):
        step.refuse(reason)
    elif blind and not rule.moves:
        if any(not r.refusals for r in blind):
            step.refuse("an operand may be any float, NaN, infinite or subnormal; bound it with `within`")
    else:
        try:
            found = rule.conclude(step, *operands)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # so that no input ends an audit
            step.refuse(f"the rule of {step.name} failed, please report it ({type(error).__name__}: {error})")
        else:
            ranges = [found] if isinstance(found, (Interval, Unknown)) else list(found)
            if (reason := reordered(step, operands, ranges[0] if ranges else None)) is None:
                return ranges
            step.refuse(reason)
    before = frozenset().union(*(r.refusals for r in blind))
    ranges = [step.unknown(kind) for kind in step.outputs]
    return [Unknown(r.refusals | before) if isinstance(r, Unknown) else r for r in ranges]


def reordered(step: Step, operands: Sequence[Value], found: Range | None) -> str | None:
    """Why a float sum or product may not be exact in another order that a compiler chooses, or None if it is."""
    dtype = step.kind.dtype if step.outputs else None
    if step.name not in orders.SUMS | orders.PRODUCTS or not is_float(dtype) or not isinstance(found, Interval):
        return None
    value = Value(step.kind, found, Definition(step, tuple(operands)))
    if step.name in orders.SUMS and (reason := misfit(value.partial_sums, dtype)) is not None:
        return f"some of the summands {reason}, and XLA may add these first"
    if step.name in orders.PRODUCTS:
        least, most = value.partial_exponents
        for end in (Interval(1, 1, least), Interval(0, 1, most)):
            if (reason := misfit(end, dtype)) is not None:
                return f"some of the factors {reason}, and XLA may multiply these first"
    return None


def inherited(operands: Sequence[Value]) -> frozenset:
    """The refusals that what is made of operands inherits."""
    found = [x.pending for x in operands]
    return frozenset().union(*found, *(x.range.refusals for x in operands if isinstance(x.range, Unknown)))


def rewritten(operands: Sequence[Value]) -> str | None:
    """Why unknown operands may not stay the same bits where they are moved: all but float32 may go through another."""
    for x in operands:
        if isinstance(x.range, Unknown) and (dtype := x.kind.dtype) != np.float32:
            return f"a backend may rewrite the bits of NaNs of {dtype.name} where it moves them; bound it with `within`"
    return None


def _without_arithmetic(step: Step, operands: Sequence[Value]) -> str | None:
    for kind in (*(x.kind for x in operands), *step.outputs):
        if not has_arithmetic(kind.dtype):
            return kind.dtype.name
    return None
