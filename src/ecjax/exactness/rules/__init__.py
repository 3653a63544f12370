"""The rules' table: for each primitive, what the ranges of its operands say of its results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecjax.exactness.domain import Interval, Range, Unknown, has_arithmetic
from ecjax.exactness.rules import elementwise, indexing, movement, products, reductions
from ecjax.exactness.rules.base import Rule, uncovered
from ecjax.exactness.values import OTHER, Step, Value

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
    elif blind and rule.moves and (other := _rewritten(operands)):
        step.refuse(f"a backend may rewrite the bits of NaNs of {other} where it moves them; bound it with `within`")
    elif blind and not rule.moves:
        if any(not r.refusals for r in blind):
            step.refuse("an operand may be any float, NaN, infinite or subnormal; bound it with `within`")
    else:
        try:
            found = rule.conclude(step, *operands)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # so that no input ends an audit
            step.refuse(f"the rule of {step.name} failed, please report it ({type(error).__name__}: {error})")
        else:
            return [found] if isinstance(found, (Interval, Unknown)) else list(found)
    before = frozenset().union(*(r.refusals for r in blind))
    ranges = [step.unknown(kind) for kind in step.outputs]
    return [Unknown(r.refusals | before) if isinstance(r, Unknown) else r for r in ranges]


def inherited(operands: Sequence[Value]) -> frozenset:
    """The refusals that what is made of operands inherits."""
    found = [x.pending for x in operands]
    return frozenset().union(*found, *(x.range.refusals for x in operands if isinstance(x.range, Unknown)))


def _rewritten(operands: Sequence[Value]) -> str | None:
    """The dtype of unknown operands whose NaNs do not stay the same bits: all but float32 may go through another."""
    for x in operands:
        if isinstance(x.range, Unknown) and x.kind.dtype != np.float32:
            return x.kind.dtype.name
    return None


def _without_arithmetic(step: Step, operands: Sequence[Value]) -> str | None:
    for kind in (*(x.kind for x in operands), *step.outputs):
        if not has_arithmetic(kind.dtype):
            return kind.dtype.name
    return None
