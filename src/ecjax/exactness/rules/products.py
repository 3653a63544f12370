"""The rules of matrix products and convolutions."""

from __future__ import annotations

import math

import numpy as np
from jax.lax import Precision

from ecjax.exactness import hardware, known
from ecjax.exactness.domain import Interval, Range, is_float, join, misfit, product
from ecjax.exactness.rules.base import Covers, Rule, anything
from ecjax.exactness.rules.movement import is_move
from ecjax.exactness.rules.reductions import summed, up_to
from ecjax.exactness.values import Step, Value

_EXACT_BITS = 8  # of a factor that is one bfloat16 piece


def _dot_general(step: Step, a: Value, b: Value) -> Range:
    (mine, theirs), _ = step.params["dimension_numbers"]
    n = math.prod(a.kind.shape[axis] for axis in mine)
    if (reason := _inexact(step, "product", a, b)) is not None:
        return step.give_up(reason)
    found = summed(step, product(a.interval, b.interval), n, "a product")
    if not is_float(step.kind.dtype) and isinstance(found, Interval) and not step.reasons:
        for x, y, axes in ((a, b, theirs), (b, a, mine)):
            if (weighted := _weighted(x.interval, y, axes)) is not None and weighted in found:
                found = weighted
    if step.wrapped and 1 in (a.kind.dtype.itemsize, b.kind.dtype.itemsize, step.kind.dtype.itemsize):
        return step.give_up("GPUs saturate products of 8 bits where they do not fit: convert the operands to int32")
    return _in_pieces(step, a, b, n, found)


def _weighted(x: Interval, weights: Value, axes: tuple[int, ...]) -> Interval | None:
    """The range of sums of numbers in x times known weights, or None."""
    if weights.constant is None or not known.narrow(weights.kind.dtype) or not weights.kind.size:
        return None
    w = np.asarray(weights.constant).astype(np.int64)
    above, below = (np.abs(np.where(w > 0, w, 0)).sum(tuple(axes)), np.abs(np.where(w < 0, w, 0)).sum(tuple(axes)))
    above, below = above.astype(object), below.astype(object)
    return Interval(int(np.min(above * x.low - below * x.high)), int(np.max(above * x.high - below * x.low)))


def _convolution(step: Step, a: Value, b: Value) -> Range:
    if (reason := _inexact(step, "convolution", a, b)) is not None:
        return step.give_up(reason)
    outputs = b.kind.shape[step.params["dimension_numbers"].rhs_spec[0]]
    n = math.prod(b.kind.shape) // max(outputs, 1)
    # The padding's zeros take part.
    padded = join(a.range, Interval(0, 0))
    assert isinstance(padded, Interval)
    return step.fit(up_to(product(padded, b.interval), n), f"a convolution of {n} terms")


def _inexact(step: Step, operation: str, a: Value, b: Value) -> str | None:
    """Why a product may be rounded, or None if the table of hardware says that it is not."""
    mine, theirs, out = (kind.dtype for kind in (a.kind, b.kind, step.kind))
    integers = [not is_float(dtype) for dtype in (mine, theirs, out)]
    if any(integers) and not all(integers):
        return f"a product of {mine.name} and {theirs.name} in {out.name} may be rounded: convert the operands first"
    precision = _precision(step)
    if precision is None:
        return "an algorithm may round the operands: leave it out"
    dtypes = (mine, theirs) if not all(integers) else (mine, theirs, out)
    for dtype in dtypes:
        if not (lacking := hardware.missing(operation, dtype.name, precision)):
            continue
        if hardware.missing(operation, dtype.name, "HIGHEST"):
            use = "a product" if operation == "convolution" else "float32 and precision=HIGHEST, or integers"
            return f"nothing says that {operation}s of {dtype.name} are exact on {', '.join(lacking)}: use {use}"
        return f"{dtype.name} products need precision=HIGHEST on both sides: backends round operands otherwise"
    if mine != theirs:
        return f"a product of {mine.name} and {theirs.name} may be rounded: convert one first"
    if not all(integers) and out.name not in (mine.name, "float32"):
        return f"a product in {out.name} of {mine.name} may be rounded"
    return None


def _precision(step: Step) -> str | None:
    """The lower of the precisions of both sides, or None for an algorithm."""
    given = step.params["precision"]
    both = given if isinstance(given, tuple) and len(given) == 2 else (given, given)
    known = [Precision.DEFAULT if p is None else p for p in both]
    found = [p for p in known if isinstance(p, Precision)]
    return min(found, key=lambda p: p.value).name if len(found) == len(known) else None


def _in_pieces(step: Step, a: Value, b: Value, n: int, found: Range) -> Range:
    """The range of a product, which must be exact also if the operands are split.

    Of bfloat16 pieces of 8 bits, rounded to nearest, the first may be above the whole by a part in 2**8, and the
    second's size as much. So sums of products of pieces can be above the bound by less than a part in 2**5.
    """
    if not isinstance(found, Interval) or not is_float(a.kind.dtype):
        return found
    whole = all(x.interval.magnitude <= 1 << _EXACT_BITS for x in (a, b))
    if not whole and any(_comes_from_float16(x) for x in (a, b)):
        return step.give_up("of operands that were float16 a TPU leaves a product of pieces out: round them first")
    if whole or not hardware.splits_operands(a.kind.dtype.name, _precision(step) or ""):
        return found
    terms = up_to(product(a.interval, b.interval), n)
    wider = Interval(terms.low + terms.low // 32, terms.high + terms.high // 32 + 1, terms.grid)
    if reason := misfit(wider, step.kind.dtype):
        return step.give_up(f"a product of {n} terms in bfloat16 pieces {reason}: leave it a 32nd of room")
    return found


def _comes_from_float16(x: Value) -> bool:
    """Whether a compiler may find that an operand was float16, moved about and converted."""
    d = x.definition
    while d is not None and d.operands and (is_move(d.step.name) or d.step.name == "convert_element_type"):
        x = d.operands[0]
        if x.kind.dtype == np.float16:
            return True
        d = x.definition
    return False


_PRODUCT: dict[str, Covers] = dict.fromkeys(
    ("dimension_numbers", "precision", "preferred_element_type", "out_sharding"), anything
)
RULES: dict[str, Rule] = {
    "conv_general_dilated": Rule(
        _convolution,
        {
            **_PRODUCT,
            **dict.fromkeys(("window_strides", "padding", "lhs_dilation", "rhs_dilation"), anything),
            **dict.fromkeys(("feature_group_count", "batch_group_count"), anything),
        },
    ),
    "dot_general": Rule(_dot_general, _PRODUCT),
}
