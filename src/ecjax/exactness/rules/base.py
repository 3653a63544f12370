"""What a rule is: what it concludes, and which parameters of its primitive it covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ecjax.exactness.domain import Range
from ecjax.exactness.values import Step

Conclude = Callable[..., Range | Sequence[Range]]
Covers = Callable[[Any], bool]


class Rule(NamedTuple):
    """The rule of a primitive.

    Attributes:
      conclude: From the step and its operands to the range of the result, or to those of all results. What it cannot
        prove it refuses with `step.refuse` or `step.fit`.
      parameters: All parameters of the primitive, in any release of JAX, and which of their values the rule covers.
      elementwise: Whether each element of the result depends on the same element of the operands alone.
      moves: Whether it only moves elements, and so may be applied to floats of which nothing is known.
      unsized: Whether it may be applied to dtypes that the backends are not known to compute with.
    """

    conclude: Conclude
    parameters: Mapping[str, Covers]
    elementwise: bool = False
    moves: bool = False
    unsized: bool = False


def anything(value: Any) -> bool:
    """Covers all values: the rule reads it, or no result depends on it."""
    return True


def only(*values: Any) -> Covers:
    """Covers these values."""
    return lambda value: any(value is x or (type(value) is type(x) and value == x) for x in values)


def uncovered(parameters: Mapping[str, Covers], step: Step) -> str | None:
    """What is wrong with a step's parameters, or None if a rule with such `parameters` covers them."""
    for name, value in step.params.items():
        if name not in parameters:
            return f"the parameter {name} of {step.name} is not known to the audit (another release of JAX?)"
        if not parameters[name](value):
            return f"{name}={value} of {step.name} is not covered: leave it out"
    return None
