"""The rules of primitives that only move elements. They may be applied to floats of which nothing is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecjax.exactness.domain import Range, join
from ecjax.exactness.rules.base import Conclude, Covers, Rule, anything, only
from ecjax.exactness.values import Step, Value


def _same(step: Step, a: Value, *_: Value) -> Range:
    return a.range


def _any_of(step: Step, *operands: Value) -> Range:
    return join(*(x.range for x in operands))


def _all_same(step: Step, *operands: Value) -> Sequence[Range]:
    return [x.range for x in operands]


def _parts(step: Step, a: Value) -> Sequence[Range]:
    return [a.range] * len(step.outputs)


def _pad(step: Step, a: Value, padding: Value) -> Range:
    if any(low > 0 or high > 0 or inner > 0 for low, high, inner in step.params["padding_config"]):
        return join(a.range, padding.range)
    return a.range


def select(step: Step, which: Value, *cases: Value) -> Range:
    """The rule of `select_n`, as far as the predicate's range alone tells which cases there are."""
    numbers = which.interval
    if numbers.low < 0 or numbers.high >= len(cases):
        step.refuse(f"the predicate may be {numbers}, outside 0..{len(cases) - 1}; clip it")
    return join(*(x.range for x in cases[max(numbers.low, 0) : max(numbers.high + 1, 0)] or cases))


def signed_limit(dtype: np.dtype) -> int:
    """The greatest index that a dtype holds, also where it is taken for the signed one of its width."""
    return int(np.iinfo(f"int{8 * dtype.itemsize}").max)


def _within(step: Step, a: Value, starts: Sequence[Value], sizes: Sequence[int]) -> None:
    """Refuses starts of a dtype that does not hold the largest one, or that may be taken for negative.

    XLA clamps in that dtype, wrongly if the largest start does not fit, be the start itself inside or not.
    """
    for start, n, size in zip(starts, a.kind.shape, sizes, strict=True):
        x, dtype = start.interval, start.kind.dtype
        if max(x.high, n - size) > signed_limit(dtype):
            step.refuse(f"a start of {dtype.name} that may be {x} is clamped to 0..{n - size}: convert it to int32")


def _dynamic_slice(step: Step, a: Value, *starts: Value) -> Range:
    _within(step, a, starts, step.params["slice_sizes"])
    return a.range  # the start is clamped, everywhere


def _dynamic_update_slice(step: Step, a: Value, update: Value, *starts: Value) -> Range:
    _within(step, a, starts, update.kind.shape)
    return join(a.range, update.range) if update.kind.size else a.range


def _rule(conclude: Conclude, **parameters: Covers) -> Rule:
    return Rule(conclude, parameters, moves=True, unsized=True)


RULES: dict[str, Rule] = {
    "broadcast_in_dim": _rule(_same, shape=anything, broadcast_dimensions=anything, sharding=anything),
    "concatenate": _rule(_any_of, dimension=anything),
    "device_put": _rule(_all_same, devices=anything, srcs=anything, copy_semantics=anything),
    "dynamic_slice": _rule(_dynamic_slice, slice_sizes=anything),
    "dynamic_update_slice": _rule(_dynamic_update_slice),
    "optimization_barrier": _rule(_all_same),
    "pad": _rule(_pad, padding_config=anything),
    "reshape": _rule(_same, new_sizes=anything, dimensions=only(None), sharding=anything),
    "reshard": _rule(_same, dst_sharding=anything, concrete_mesh=anything),
    "rev": _rule(_same, dimensions=anything),
    "select_n": _rule(select),
    "sharding_constraint": _rule(
        _same, sharding=anything, layout=anything, context_mesh=anything, unconstrained_dims=anything
    ),
    "slice": _rule(_same, start_indices=anything, limit_indices=anything, strides=anything),
    "split": _rule(_parts, sizes=anything, axis=anything),
    "squeeze": _rule(_same, dimensions=anything),
    "stack": _rule(_any_of, axis=anything),
    "tile": _rule(_same, reps=anything),
    "transpose": _rule(_same, permutation=anything),
    "unstack": _rule(_parts, axis=anything),
}


def is_move(name: str) -> bool:
    """Whether a primitive only moves the elements of its first operand."""
    return name in RULES
