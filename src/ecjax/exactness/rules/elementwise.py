"""The rules of elementwise primitives: from the ranges of the operands to the range of the result.

A rule gets the step and the operands, and returns the range of the result. What it cannot prove it refuses with
`step.refuse` or `step.fit`. All operands have intervals when a rule is called; signed integers are two's complement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne

import numpy as np
from jax import lax

from ecjax.exactness import relations
from ecjax.exactness.domain import (
    Interval,
    Range,
    align,
    hull,
    is_float,
    join,
    meet,
    misfit,
    negative,
    product,
    top,
    total,
)
from ecjax.exactness.rules import bits
from ecjax.exactness.rules.base import Conclude, Covers, Rule, anything, only
from ecjax.exactness.values import Step, Value


def _add(step: Step, a: Value, b: Value) -> Range:
    if _interleaved(a, b):
        return join(a.range, b.range)
    exact = total(a.interval, b.interval)
    if not is_float(step.kind.dtype) and (most := relations.greatest_sum(a, b)) is not None:
        exact = negative(_at_least(negative(exact), -most))
    return step.fit(exact, "the sum")


def _interleaved(a: Value, b: Value) -> bool:
    """Whether one of two summands is 0 wherever the other is not: so `lax.associative_scan` puts arrays together."""
    found = [x.definition for x in (a, b) if x.definition is not None and x.definition.step.name == "pad"]
    if len(found) < 2 or any(d.operands[1].range != Interval(0, 0) for d in found):
        return False
    mine, theirs = (d.step.params["padding_config"] for d in found)
    # Every second place of an axis each, the ones even and the others odd.
    return any(i == k == 1 and (m - n) % 2 for (m, _, i), (n, _, k) in zip(mine, theirs, strict=True))


def _sub(step: Step, a: Value, b: Value) -> Range:
    if a.identity is b.identity:
        return Interval(0, 0)
    exact = total(a.interval, negative(b.interval))
    if exact.low < 0:  # people subtract what is smaller
        exact = _at_least(exact, relations.least_difference(a, b))
    if exact.high > 0 and misfit(exact, step.kind.dtype):
        exact = negative(_at_least(negative(exact), relations.least_difference(b, a)))
    if misfit(exact, step.kind.dtype) and (found := relations.enumerated_difference(a, b)) is not None:
        exact = found
    return step.fit(exact, "the difference")


def _at_least(x: Interval, least: relations.Number | None) -> Interval:
    """The numbers of an interval that are not below a bound."""
    if least is None:
        return x
    low = max(x.low, relations.ceil(least, x.grid))
    return Interval(low, max(low, x.high), x.grid)


def _mul(step: Step, a: Value, b: Value) -> Range:
    if a.identity is b.identity:
        return power(step, a.interval, 2)
    return step.fit(product(a.interval, b.interval), "the product")


def power(step: Step, base: Interval, exponent: int) -> Range:
    """The range of an integer power, whose partial products must fit as well."""
    if exponent < 0:
        return step.give_up("a negative power is a division")
    if base.magnitude <= 1 and not base.grid:  # -1, 0 or 1
        exponent = min(exponent, 2 + exponent % 2)
    if exponent > 2048:
        return step.give_up(f"a power of {exponent} cannot be bounded")
    ends = hull(x**exponent for x in (base.low, base.high))
    low = 0 if exponent % 2 == 0 and exponent and base.low <= 0 <= base.high else ends.low
    return step.fit(Interval(low, ends.high, base.grid * exponent), "the product")


def absolute(a: Interval) -> Interval:
    """All absolute values."""
    low = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return Interval(low, a.magnitude, a.grid)


def _sign(step: Step, a: Value) -> Range:
    x = a.interval
    return Interval((x.low > 0) - (x.low < 0), (x.high > 0) - (x.high < 0))


def maximum(a: Interval, b: Interval) -> Interval:
    """All maxima of two numbers."""
    x, y = align(a, b)
    return Interval(max(x.low, y.low), max(x.high, y.high), x.grid)


def minimum(a: Interval, b: Interval) -> Interval:
    """All minima of two numbers."""
    x, y = align(a, b)
    return Interval(min(x.low, y.low), min(x.high, y.high), x.grid)


def comparison(compare: Callable[[int, int], bool]) -> Conclude:
    """The rule of a comparison: decided if the ranges decide it."""

    def rule(step: Step, a: Value, b: Value) -> Range:
        if a.identity is b.identity:
            return hull([compare(0, 0)])
        x, y = align(a.interval, b.interval)
        if compare in (eq, ne):
            if x.high < y.low or y.high < x.low:
                return hull([compare(0, 1)])
            return hull([compare(x.low, y.low)]) if x.single and y.single else Interval(0, 1)
        # An order is decided if it is the same where it is likeliest and where it is least likely.
        return hull([compare(x.low, y.high), compare(x.high, y.low)])

    return rule


def _indivisible(step: Step, a: Value, b: Value) -> str | None:
    """Why a division is not defined alike everywhere, or None if it is."""
    x, y = a.interval, b.interval
    if is_float(step.kind.dtype):
        return "float division is not the same on every backend; multiply by an exact reciprocal"
    if y.low <= 0 <= y.high:
        return f"the divisor may be 0 (it is {y}); bound it, with jnp.maximum(divisor, 1) say"
    limits = top(step.kind.dtype)
    assert isinstance(limits, Interval)
    if limits.low and x.low == limits.low and y.low <= -1 <= y.high:
        return f"{step.kind.dtype.name} does not hold the quotient of {x.low} by -1"
    return None


def quotient(x: int, y: int) -> int:
    """X by y, towards 0, as StableHLO has it."""
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _div(step: Step, a: Value, b: Value) -> Range:
    if reason := _indivisible(step, a, b):
        return step.give_up(reason)
    # Towards 0 a quotient is monotone in each of the two, on each side of 0.
    ends = {a.interval.low, a.interval.high} | ({0} if a.interval.low < 0 < a.interval.high else set())
    return hull(quotient(x, y) for x in ends for y in b.interval[:2])


def _rem(step: Step, a: Value, b: Value) -> Range:
    if reason := _indivisible(step, a, b):
        return step.give_up(reason)
    x, most = a.interval, b.interval.magnitude - 1
    if x.magnitude < min(abs(b.interval.low), abs(b.interval.high)):
        return x
    # The sign is the dividend's.
    return Interval(max(x.low, -most) if x.low < 0 else 0, min(x.high, most) if x.high > 0 else 0)


def _convert(step: Step, a: Value) -> Range:
    x, dtype = a.interval, step.kind.dtype
    if dtype == np.bool_:
        return Interval(int(not x.low <= 0 <= x.high), int(x.magnitude > 0))
    if is_float(dtype):
        found = step.fit(x, "the number")
        # A TPU computes a sum of which a narrower float is made in that float.
        narrower = is_float(a.kind.dtype) and dtype.itemsize < a.kind.dtype.itemsize
        if narrower and isinstance(found, Interval) and (reason := misfit(a.partial_sums, dtype)):
            return step.give_up(f"a partial sum {reason}, and a backend may convert before it sums")
        return found
    x = whole(x, _truncate)
    if is_float(a.kind.dtype) and (reason := misfit(x, dtype)):  # that is no wrapping
        return step.give_up(f"the number {reason}")
    return step.fit(x, "the number")


def whole(x: Interval, *roundings: Callable[[int, int], int]) -> Interval:
    """Numbers brought to integers by one of some roundings: functions of `n` and `s > 0` that round `n / 2**s`."""
    if x.grid >= 0:
        return x.on(0)
    return hull(rounding(n, -x.grid) for n in x[:2] for rounding in roundings)


def _floor(n: int, s: int) -> int:
    return n >> s


def _ceil(n: int, s: int) -> int:
    return -(-n >> s)


def _truncate(n: int, s: int) -> int:
    return _floor(n, s) if n >= 0 else _ceil(n, s)


def _half_up(n: int, s: int) -> int:
    return (n + (1 << (s - 1))) >> s


def _half_down(n: int, s: int) -> int:
    return -_half_up(-n, s)


def _reduce_precision(step: Step, a: Value) -> Range:
    significand = step.params["mantissa_bits"] + 1
    if a.interval.magnitude > 1 << significand:
        return step.give_up(f"{a.interval} is rounded to {significand} bits")
    if step.params["exponent_bits"] < 8 or step.kind.dtype.name not in ("float32", "bfloat16"):
        return step.give_up("an exponent of fewer bits")
    return a.interval


def _total_order(compare: Callable[[int, int], bool]) -> Conclude:
    """The rule of a comparison that tells 0 from -0."""
    plain = comparison(compare)

    def rule(step: Step, a: Value, b: Value) -> Range | Sequence[Range]:
        zeros = [x for x in (a, b) if x.interval.low <= 0 <= x.interval.high]
        if is_float(a.kind.dtype) and not all(map(_sign_is_known, zeros)):
            return step.give_up("0 and -0 are told apart, and nothing is proved of a float's sign of zero")
        return plain(step, a, b)

    return rule


def _sign_is_known(x: Value) -> bool:
    """Whether a float that is 0 has the sign that the program says: `where(x == 0, 0, x)`, as JAX's sort has it."""
    if x.constant is not None:
        return not np.signbit(np.asarray(x.constant, np.float64)[np.asarray(x.constant == 0)]).any()
    d = x.definition
    if d is None:
        return False
    if d.step.name == "select_n" and len(d.operands) == 3:
        which, otherwise, chosen = d.operands
        made = which.definition
        if made is None or made.step.name != "eq" or not _sign_is_known(chosen):
            # One more `where` around it, of which both cases are so, or one never is.
            cases = d.operands[1:][max(which.interval.low, 0) : which.interval.high + 1]
            return all(_sign_is_known(case) for case in cases)
        x, y = made.operands
        zero = [z for z in (x, y) if isinstance(z.range, Interval) and z.range == Interval(0, 0)]
        return bool(zero) and otherwise.identity in (x.identity, y.identity)
    shapes = ("broadcast_in_dim", "reshape", "squeeze", "slice", "rev", "transpose")
    return d.step.name in shapes and _sign_is_known(d.operands[0])


def _declared(step: Step, a: Value) -> Range:
    bounds = Interval(step.params["low"], step.params["high"])
    if a.interval not in bounds:
        step.refuse(f"declared to be {bounds}, it may be {a.interval}")
    return meet(a.interval, bounds) or bounds


def _of_intervals(function: Callable[..., Interval]) -> Conclude:
    """The rule of an operation whose result always fits."""
    return lambda step, *operands: function(*(x.interval for x in operands))


def _same_range(step: Step, a: Value, *_: Value) -> Range:
    return a.range


def _rule(conclude: Conclude, *, moves: bool = False, unsized: bool = False, **parameters: Covers) -> Rule:
    return Rule(conclude, parameters, elementwise=True, moves=moves, unsized=unsized)


_NO_WIDER = only(None)
RULES: dict[str, Rule] = {
    "abs": _rule(lambda step, a: step.fit(absolute(a.interval))),
    "add": _rule(_add, out_dtype=_NO_WIDER),
    "add_any": _rule(_add),
    "and": _rule(bits.bitwise_and),
    "bitcast_convert_type": _rule(bits.bitcast, new_dtype=anything),
    "ceil": _rule(_of_intervals(lambda a: whole(a, _ceil))),
    "clamp": _rule(_of_intervals(lambda low, a, high: minimum(maximum(a, low), high))),
    "clz": _rule(bits.clz),
    "convert_element_type": _rule(_convert, unsized=True, new_dtype=anything, weak_type=anything, sharding=anything),
    "copy": _rule(_same_range, moves=True, unsized=True),
    "div": _rule(_div),
    "ecjax_declare": _rule(_declared, low=anything, high=anything),
    "eq": _rule(comparison(eq)),
    "eq_to": _rule(_total_order(eq)),
    "floor": _rule(_of_intervals(lambda a: whole(a, _floor))),
    "ge": _rule(comparison(ge)),
    "gt": _rule(comparison(gt)),
    "integer_pow": _rule(lambda step, a: power(step, a.interval, step.params["y"]), y=anything),
    "is_finite": _rule(lambda step, a: Interval(1, 1)),
    "le": _rule(comparison(le)),
    "le_to": _rule(_total_order(le)),
    "lt": _rule(comparison(lt)),
    "lt_to": _rule(_total_order(lt)),
    "max": _rule(_of_intervals(maximum)),
    "min": _rule(_of_intervals(minimum)),
    "mul": _rule(_mul, out_dtype=_NO_WIDER),
    "ne": _rule(comparison(ne)),
    "neg": _rule(lambda step, a: step.fit(negative(a.interval))),
    "not": _rule(bits.bitwise_not),
    "or": _rule(bits.bitwise_or),
    "population_count": _rule(bits.population_count),
    "reduce_precision": _rule(_reduce_precision, exponent_bits=anything, mantissa_bits=anything),
    "rem": _rule(_rem),
    "round": _rule(
        _of_intervals(lambda a: whole(a, _half_down, _half_up)),
        rounding_method=only(lax.RoundingMethod.AWAY_FROM_ZERO, lax.RoundingMethod.TO_NEAREST_EVEN),
    ),
    "shift_left": _rule(bits.shift_left),
    "shift_right_arithmetic": _rule(bits.shift_right_arithmetic),
    "shift_right_logical": _rule(bits.shift_right_logical),
    "sign": _rule(_sign),
    "square": _rule(lambda step, a: _mul(step, a, a)),
    "stop_gradient": _rule(_same_range, moves=True, unsized=True),
    "sub": _rule(_sub, out_dtype=_NO_WIDER),
    "xor": _rule(bits.bitwise_xor),
}
"""The elementwise primitives. Each element of their results depends on the same element of the operands alone."""
