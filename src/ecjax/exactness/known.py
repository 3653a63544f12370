"""What an integer operation makes of arrays that are known: the rules' second form, on elements instead of ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ecjax.exactness.domain import Interval, top
from ecjax.exactness.values import Step, Value

LARGEST = 1 << 16
"""Elements of an array that is worked out."""

_Elements = np.ndarray  # int64


def _divided(x: _Elements, y: _Elements) -> _Elements:
    return np.asarray(np.sign(x) * np.sign(y) * (abs(x) // abs(y)))


def _product(x: _Elements, y: _Elements) -> _Elements:
    if x.size and y.size and int(abs(x).max()) * int(abs(y).max()) >= 1 << 63:
        raise NotImplementedError
    return np.asarray(x * y)


def _inverted(step: Step, x: _Elements) -> _Elements:
    limits = top(step.kind.dtype)
    assert isinstance(limits, Interval)
    return np.asarray(limits.low + limits.high - x)


def _shifted(x: _Elements, n: _Elements) -> _Elements:
    if x.size and x.min() < 0:
        raise NotImplementedError
    return np.asarray(x >> n)


def _broadcast(step: Step, x: _Elements) -> _Elements:
    shape = [1] * len(step.kind.shape)
    for axis, n in zip(step.params["broadcast_dimensions"], x.shape, strict=True):
        shape[axis] = n
    return np.broadcast_to(x.reshape(shape), step.kind.shape)


def _sliced(step: Step, x: _Elements) -> _Elements:
    p = step.params
    strides = p["strides"] or [1] * x.ndim
    return x[tuple(slice(*part) for part in zip(p["start_indices"], p["limit_indices"], strides, strict=True))]


def _padded(step: Step, x: _Elements, padding: _Elements) -> _Elements:
    out = np.full(step.kind.shape, padding)
    if any(low < 0 or high < 0 for low, high, _ in step.params["padding_config"]):
        raise NotImplementedError
    places = [
        slice(low, low + max(n + (n - 1) * inner, 0), inner + 1)
        for (low, _, inner), n in zip(step.params["padding_config"], x.shape, strict=True)
    ]
    out[tuple(places)] = x
    return out


ELEMENTWISE: dict[str, Callable[..., _Elements]] = {
    "abs": lambda s, x: abs(x),
    "add": lambda s, x, y: x + y,
    "and": lambda s, x, y: x & y,
    "clamp": lambda s, low, x, high: np.minimum(np.maximum(x, low), high),
    "convert_element_type": lambda s, x: x != 0 if s.kind.dtype == np.bool_ else x,
    "copy": lambda s, x: x,
    "div": lambda s, x, y: _divided(x, y),
    "ecjax_declare": lambda s, x: x,
    "eq": lambda s, x, y: x == y,
    "ge": lambda s, x, y: x >= y,
    "gt": lambda s, x, y: x > y,
    "le": lambda s, x, y: x <= y,
    "lt": lambda s, x, y: x < y,
    "max": lambda s, x, y: np.maximum(x, y),
    "min": lambda s, x, y: np.minimum(x, y),
    "mul": lambda s, x, y: _product(x, y),
    "ne": lambda s, x, y: x != y,
    "neg": lambda s, x: -x,
    "not": lambda s, x: _inverted(s, x),
    "or": lambda s, x, y: x | y,
    "rem": lambda s, x, y: x - y * _divided(x, y),
    "select_n": lambda s, which, *cases: np.choose(which, cases),
    "shift_left": lambda s, x, n: x << n,
    "shift_right_arithmetic": lambda s, x, n: x >> n,
    "shift_right_logical": lambda s, x, n: _shifted(x, n),
    "sign": lambda s, x: np.sign(x),
    "sub": lambda s, x, y: x - y,
    "xor": lambda s, x, y: x ^ y,
}
"""Elementwise operations, on int64 arrays that hold numbers of at most 32 bits."""

SHAPING: dict[str, Callable[..., _Elements]] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda s, *xs: np.concatenate(xs, s.params["dimension"]),
    "iota": lambda s: _broadcast_iota(s),
    "pad": _padded,
    "reshape": lambda s, x: x.reshape(s.kind.shape),
    "rev": lambda s, x: np.flip(x, s.params["dimensions"]),
    "slice": _sliced,
    "squeeze": lambda s, x: x.reshape(s.kind.shape),
    "transpose": lambda s, x: np.transpose(x, s.params["permutation"]),
}
"""Operations that move elements."""


def _broadcast_iota(step: Step) -> _Elements:
    shape = [1] * len(step.kind.shape)
    axis = step.params["dimension"]
    shape[axis] = step.kind.shape[axis]
    return np.broadcast_to(np.arange(shape[axis]).reshape(shape), step.kind.shape)


@cache
def narrow(dtype: Any) -> bool:
    """Whether a dtype is of integers of 8 to 32 bits, or of truth values."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iub" and dtype.itemsize <= 4


def evaluate(step: Step, arrays: Sequence[_Elements]) -> _Elements | None:
    """The elements of a step's result, as int64, or None if they are not worked out here."""
    rule = ELEMENTWISE.get(step.name) or SHAPING.get(step.name)
    limits = top(step.kind.dtype)
    if rule is None or not narrow(step.kind.dtype) or not isinstance(limits, Interval):
        return None
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(rule(step, *arrays)).astype(np.int64)
        except (NotImplementedError, ValueError):
            return None
    if found.size and not (limits.low <= found.min() and found.max() <= limits.high):
        return None
    return found


def constant_of(step: Step, operands: Sequence[Value]) -> np.ndarray | None:
    """The elements of a step's result if those of all its operands are known, and it was not refused."""
    if len(step.outputs) != 1 or step.kind.size > LARGEST or step.reasons or step.wrapped:
        return None
    arrays = [x.constant for x in operands]
    if any(x is None or x.size > LARGEST or not narrow(x.dtype) for x in arrays):
        return None
    found = evaluate(step, [np.asarray(x).astype(np.int64) for x in arrays])
    return None if found is None else found.astype(step.kind.dtype)
