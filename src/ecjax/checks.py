"""Checks of what users hand over; each error names what was wrong and what would be right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Int32


def check_text(text: Any) -> bytes:
    """`text` as bytes. Raises TypeError unless it is bytes-like."""
    if not isinstance(text, bytes | bytearray | memoryview):
        hint = "; encode it first, text.encode()" if isinstance(text, str) else ""
        raise TypeError(f"a text is bytes, got {type(text).__name__}{hint}")
    return bytes(text)


def as_bytes(text: Any) -> bytes:
    """`text` as bytes, a str as UTF-8.

    Raises:
      TypeError: If it is neither str nor bytes-like.
      ValueError: If it is a str with surrogates, which UTF-8 does not have.
    """
    if not isinstance(text, str):
        return check_text(text)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"a str is taken as UTF-8, which has no lone surrogates: {text[error.start]!r} at position {error.start}; "
            "give bytes instead"
        ) from error


def check_ids(ids: Any, vocab_size: int) -> Int32[np.ndarray, " n"]:
    """`ids` as an int32 array.

    Raises:
      TypeError: If they are not integers in one dimension.
      ValueError: If one is not in `0 .. vocab_size - 1`.
    """
    array = np.asarray(ids)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, np.int32)
    if array.ndim == 1 and array.dtype.kind in "fO" and all(type(i) is int for i in ids):
        array = np.array(list(ids), object)  # some are too large for any dtype
    elif array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"ids are integers in one dimension, got shape {array.shape} of {array.dtype}")
    wrong = np.flatnonzero((array < 0) | (array >= vocab_size))
    if wrong.size:
        raise ValueError(f"ids lie in 0 .. {vocab_size - 1}, got {_short(array[wrong[0]])} at position {wrong[0]}")
    return array.astype(np.int32)


def check_integer(name: str, value: Any, least: int, most: int = (1 << 31) - 1) -> int:
    """`value` as an int. Raises ValueError unless it is one of `least` to `most`; a bool and 64.0 are none."""
    if isinstance(value, np.integer):
        value = int(value)
    if type(value) is not int:
        raise ValueError(f"{name} must be an int, got {_short(value)}")
    if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise ValueError(f"{name} must be {bound}, got {_short(value)}")
    return value


def check_positive(name: str, value: Any) -> float:
    """`value`. Raises ValueError unless it is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a finite number above 0, got {_short(value)}")
    return value


def _short(value: Any) -> str:
    """A value as a message may hold it; Python writes no ints of more than some thousand digits."""
    if isinstance(value, np.integer):
        return str(value)
    if type(value) is int and value.bit_length() > 128:
        return f"an int of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
