"""The rules of elementwise primitives: from the ranges of the operands to the range of the result.

A rule gets the step and the operands, and returns the range of the result. What it cannot prove it refuses with
`step.refuse` or `step.fit`. All operands have intervals when a rule is called; signed integers are two's complement.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

import numpy as np

from ecjax.exactness.domain import (
    Interval,
    Range,
    Step,
    Value,
    align,
    bits_of,
    hull,
    is_float,
    is_signed,
    join,
    misfit,
    top,
)

Rule = Callable[..., Range]


def product(a: Interval, b: Interval) -> Interval:
    """All products of two numbers."""
    corners = hull(x * y for x in (a.low, a.high) for y in (b.low, b.high))
    return Interval(corners.low, corners.high, a.grid + b.grid)


def total(a: Interval, b: Interval) -> Interval:
    """All sums of two numbers."""
    x, y = align(a, b)
    return Interval(x.low + y.low, x.high + y.high, x.grid)


def negative(a: Interval) -> Interval:
    """All negatives."""
    return Interval(-a.high, -a.low, a.grid)


def _add(step: Step, a: Value, b: Value) -> Range:
    if _interleaved(a, b):
        return join(a.range, b.range)
    return step.fit(total(a.interval, b.interval), "the sum")


def _interleaved(a: Value, b: Value) -> bool:
    """Whether one of two summands is 0 wherever the other is not: so `lax.associative_scan` puts arrays together."""
    found = [x.definition for x in (a, b) if x.definition is not None and x.definition.step.name == "pad"]
    if len(found) < 2 or any(d.operands[1].range != Interval(0, 0) for d in found):
        return False
    mine, theirs = (d.step.params["padding_config"] for d in found)
    # Every second place of an axis each, the ones even and the others odd.
    return any(i == k == 1 and (m - n) % 2 for (m, _, i), (n, _, k) in zip(mine, theirs, strict=True))


def _sub(step: Step, a: Value, b: Value) -> Range:
    if a is b:
        return Interval(0, 0)
    return step.fit(total(a.interval, negative(b.interval)), "the difference")


def _mul(step: Step, a: Value, b: Value) -> Range:
    return power(step, a.interval, 2) if a is b else step.fit(product(a.interval, b.interval), "the product")


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


def comparison(compare: Callable[[int, int], bool]) -> Rule:
    """The rule of a comparison: decided if the ranges decide it."""

    def rule(step: Step, a: Value, b: Value) -> Range:
        if a is b:
            return hull([compare(0, 0)])
        x, y = align(a.interval, b.interval)
        if compare in (eq, ne):
            if x.high < y.low or y.high < x.low:
                return hull([compare(0, 1)])
            return hull([compare(x.low, y.low)]) if x.single and y.single else Interval(0, 1)
        # An order is decided if it is the same where it is likeliest and where it is least likely.
        return hull([compare(x.low, y.high), compare(x.high, y.low)])

    return rule


def _bitwise_and(step: Step, a: Value, b: Value) -> Range:
    x, y = a.interval, b.interval
    if x.low < 0 and y.low < 0:
        return _signed_bits(x, y)
    # A number that is not negative bounds the result.
    return Interval(0, min(z.high for z in (x, y) if z.low >= 0))


def _bitwise_or(step: Step, a: Value, b: Value) -> Range:
    x, y = a.interval, b.interval
    if step.declared is not None:
        return x
    if x.low < 0 or y.low < 0:
        return _signed_bits(x, y)
    return Interval(max(x.low, y.low), min(_ones(x, y), x.high + y.high))


def _bitwise_xor(step: Step, a: Value, b: Value) -> Range:
    x, y = a.interval, b.interval
    return _signed_bits(x, y) if x.low < 0 or y.low < 0 else Interval(0, min(_ones(x, y), x.high + y.high))


def _bitwise_not(step: Step, a: Value) -> Range:
    if is_signed(a.kind.dtype):
        return Interval(~a.interval.high, ~a.interval.low)
    limits = top(a.kind.dtype)
    assert isinstance(limits, Interval)
    return Interval(limits.high - a.interval.high, limits.high - a.interval.low)


def _ones(x: Interval, y: Interval) -> int:
    return (1 << max(x.high.bit_length(), y.high.bit_length())) - 1


def _signed_bits(x: Interval, y: Interval) -> Interval:
    bits = max((z if z >= 0 else ~z).bit_length() for z in (*x[:2], *y[:2]))
    return Interval(-(1 << bits), (1 << bits) - 1)


def _counts(step: Step, count: Value) -> Interval:
    """The shift counts, refused unless all are less than the width."""
    width, counts = bits_of(step.kind.dtype), count.interval
    if counts.low >= 0 and counts.high < width:
        return counts
    step.refuse(f"the shift count may be {counts}, outside 0..{width - 1}")
    return Interval(min(max(counts.low, 0), width - 1), max(min(counts.high, width - 1), 0))


def _shift_left(step: Step, a: Value, count: Value) -> Range:
    counts, x = _counts(step, count), a.interval
    return step.fit(product(x, Interval(1 << counts.low, 1 << counts.high)), "the shifted number")


def _shift_right_logical(step: Step, a: Value, count: Value) -> Range:
    counts, x = _counts(step, count), a.interval
    if x.low < 0:
        width = bits_of(step.kind.dtype)
        return Interval(0, (1 << (width - counts.low)) - 1) if counts.low else join(x, top(step.kind.dtype))
    return Interval(x.low >> counts.high, x.high >> counts.low)


def _shift_right_arithmetic(step: Step, a: Value, count: Value) -> Range:
    counts, x = _counts(step, count), a.interval
    if not is_signed(a.kind.dtype) and x.high >> (bits_of(a.kind.dtype) - 1):
        return step.give_up("an arithmetic shift of an unsigned number whose first bit may be set")
    return hull(z >> c for z in x[:2] for c in counts[:2])


def _indivisible(step: Step, a: Value, b: Value) -> str | None:
    """Why a division is not defined alike everywhere, or None if it is."""
    if is_float(step.kind.dtype):
        return "float division is not the same on every backend; multiply by an exact reciprocal"
    if b.interval.low <= 0 <= b.interval.high:
        return f"the divisor may be 0 (it is {b.interval})"
    if a.interval.low < 0 or b.interval.low < 0:
        return f"signed division of numbers that may be negative ({a.interval} by {b.interval})"
    return None


def _div(step: Step, a: Value, b: Value) -> Range:
    if reason := _indivisible(step, a, b):
        return step.give_up(reason)
    return Interval(a.interval.low // b.interval.high, a.interval.high // b.interval.low)


def _rem(step: Step, a: Value, b: Value) -> Range:
    if reason := _indivisible(step, a, b):
        return step.give_up(reason)
    x, y = a.interval, b.interval
    return x if x.high < y.low else Interval(0, min(x.high, y.high - 1))


def _clz(step: Step, a: Value) -> Range:
    x, width = a.interval, bits_of(step.kind.dtype)
    least = 0 if x.low < 0 else width - x.high.bit_length()
    most = width - x.low.bit_length() if x.low >= 0 else width if x.high >= 0 else 0
    return Interval(least, most)


def _population_count(step: Step, a: Value) -> Range:
    x = a.interval
    return Interval(int(not x.low <= 0 <= x.high), bits_of(step.kind.dtype) if x.low < 0 else x.high.bit_length())


def _convert(step: Step, a: Value) -> Range:
    x, dtype = a.interval, step.kind.dtype
    if dtype == np.bool_:
        return Interval(int(not x.low <= 0 <= x.high), int(x.magnitude > 0))
    if is_float(dtype):
        return step.fit(x, "the number")
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


def _bitcast(step: Step, a: Value) -> Range:
    if is_float(a.kind.dtype) or is_float(step.kind.dtype) or bits_of(a.kind.dtype) != bits_of(step.kind.dtype):
        return step.give_up(
            "only integers of one width can be reinterpreted: nothing is proved of a float's sign of zero"
        )
    return a.interval if misfit(a.interval, step.kind.dtype) is None else top(step.kind.dtype)


def _reduce_precision(step: Step, a: Value) -> Range:
    significand = step.params["mantissa_bits"] + 1
    if a.interval.magnitude > 1 << significand:
        return step.give_up(f"{a.interval} is rounded to {significand} bits")
    if step.params["exponent_bits"] < 8 or step.kind.dtype.name == "float64":
        return step.give_up("an exponent of fewer bits")
    return a.interval


def _of_intervals(function: Callable[..., Interval]) -> Rule:
    """The rule of an operation whose result always fits."""
    return lambda step, *operands: function(*(x.interval for x in operands))


RULES: dict[str, Rule] = {
    "abs": lambda step, a: step.fit(absolute(a.interval)),
    "add": _add,
    "add_any": _add,
    "and": _bitwise_and,
    "bitcast_convert_type": _bitcast,
    "ceil": _of_intervals(lambda a: whole(a, _ceil)),
    "clamp": _of_intervals(lambda low, a, high: minimum(maximum(a, low), high)),
    "clz": _clz,
    "convert_element_type": _convert,
    "copy": _of_intervals(lambda a: a),
    "copy_p": _of_intervals(lambda a: a),
    "div": _div,
    "eq": comparison(eq),
    "floor": _of_intervals(lambda a: whole(a, _floor)),
    "ge": comparison(ge),
    "gt": comparison(gt),
    "integer_pow": lambda step, a: power(step, a.interval, step.params["y"]),
    "is_finite": lambda step, a: Interval(1, 1),
    "le": comparison(le),
    "lt": comparison(lt),
    "max": _of_intervals(maximum),
    "min": _of_intervals(minimum),
    "mul": _mul,
    "ne": comparison(ne),
    "neg": lambda step, a: step.fit(negative(a.interval)),
    "not": _bitwise_not,
    "or": _bitwise_or,
    "population_count": _population_count,
    "reduce_precision": _reduce_precision,
    "rem": _rem,
    "round": _of_intervals(lambda a: whole(a, _half_down, _half_up)),
    "shift_left": _shift_left,
    "shift_right_arithmetic": _shift_right_arithmetic,
    "shift_right_logical": _shift_right_logical,
    "sign": _sign,
    "square": lambda step, a: power(step, a.interval, 2),
    "sub": _sub,
    "xor": _bitwise_xor,
}
"""The elementwise primitives. Each element of their results depends on the same element of the operands alone."""
