"""The rules of bitwise operations, shifts and reinterpreted bits of integers, in two's complement."""

from __future__ import annotations

import numpy as np

from ecjax.exactness.domain import Interval, Range, bits_of, hull, is_signed, join, misfit, product, top
from ecjax.exactness.values import Step, Value


def bitwise_and(step: Step, a: Value, b: Value) -> Range:
    """The rule of `and`."""
    x, y = a.interval, b.interval
    if x.low < 0 and y.low < 0:
        return _signed_bits(x, y)
    # A number that is not negative bounds the result.
    return Interval(0, min(z.high for z in (x, y) if z.low >= 0))


def bitwise_or(step: Step, a: Value, b: Value) -> Range:
    """The rule of `or`."""
    x, y = a.interval, b.interval
    if x.low < 0 or y.low < 0:
        return _signed_bits(x, y)
    return Interval(max(x.low, y.low), min(_ones(x, y), x.high + y.high))


def bitwise_xor(step: Step, a: Value, b: Value) -> Range:
    """The rule of `xor`."""
    x, y = a.interval, b.interval
    return _signed_bits(x, y) if x.low < 0 or y.low < 0 else Interval(0, min(_ones(x, y), x.high + y.high))


def bitwise_not(step: Step, a: Value) -> Range:
    """The rule of `not`."""
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


def counts_of(step: Step, count: Value) -> Interval:
    """The shift counts, refused unless all are less than the width."""
    width, counts = bits_of(step.kind.dtype), count.interval
    if counts.low >= 0 and counts.high < width:
        return counts
    step.refuse(f"the shift count may be {counts}, outside 0..{width - 1}")
    return Interval(min(max(counts.low, 0), width - 1), max(min(counts.high, width - 1), 0))


def shift_left(step: Step, a: Value, count: Value) -> Range:
    """The rule of `shift_left`: what it drops counts as overflow."""
    counts, x = counts_of(step, count), a.interval
    return step.fit(product(x, Interval(1 << counts.low, 1 << counts.high)), "the shifted number")


def shift_right_logical(step: Step, a: Value, count: Value) -> Range:
    """The rule of `shift_right_logical`."""
    counts, x = counts_of(step, count), a.interval
    if x.low < 0:
        width = bits_of(step.kind.dtype)
        return Interval(0, (1 << (width - counts.low)) - 1) if counts.low else join(x, top(step.kind.dtype))
    return Interval(x.low >> counts.high, x.high >> counts.low)


def shift_right_arithmetic(step: Step, a: Value, count: Value) -> Range:
    """The rule of `shift_right_arithmetic`."""
    counts, x = counts_of(step, count), a.interval
    if not is_signed(a.kind.dtype) and x.high >> (bits_of(a.kind.dtype) - 1):
        return step.give_up("an arithmetic shift of an unsigned number whose first bit may be set")
    return hull(z >> c for z in x[:2] for c in counts[:2])


def clz(step: Step, a: Value) -> Range:
    """The rule of `clz`."""
    x, width = a.interval, bits_of(step.kind.dtype)
    least = 0 if x.low < 0 else width - x.high.bit_length()
    most = width - x.low.bit_length() if x.low >= 0 else width if x.high >= 0 else 0
    return Interval(least, most)


def population_count(step: Step, a: Value) -> Range:
    """The rule of `population_count`."""
    x = a.interval
    return Interval(int(not x.low <= 0 <= x.high), bits_of(step.kind.dtype) if x.low < 0 else x.high.bit_length())


def bitcast(step: Step, a: Value) -> Range:
    """The rule of `bitcast_convert_type`."""
    before, after = a.kind.dtype, step.kind.dtype
    if not (np.issubdtype(before, np.integer) and np.issubdtype(after, np.integer)):
        return step.give_up(
            "only integers can be reinterpreted, as integers: nothing is proved of a float's sign of zero and NaNs"
        )
    x, (mine, other) = a.interval, (bits_of(before), bits_of(after))
    if mine == other:
        return x if misfit(x, after) is None else top(after)
    # The first of the smaller numbers is the least significant, on every backend there is.
    if x.low < 0 or is_signed(after):
        return top(after)
    if mine < other:
        ones = sum(1 << (mine * i) for i in range(other // mine))
        return Interval(x.low * ones, x.high * ones)
    return Interval(0, min(x.high, (1 << other) - 1))
