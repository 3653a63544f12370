"""Long values that stored cases describe instead of listing them; README.md says how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ..oracle.protocol import runs

_SHORT = 64
"""Byte strings and lists of runs are described if that leaves out more than so many characters or runs."""


def xorshift(seed: int) -> Iterator[int]:
    """Numbers from 1 to 2**32 - 1: Marsaglia's xorshift generator of 32 bits with the shifts 13, 17 and 5.

    Args:
      seed: From 1 to 2**32 - 1; the first number is the one after it.
    """
    x = seed
    while True:
        x ^= x << 13 & 0xFFFF_FFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFF_FFFF
        yield x


def random_numbers(seed: int, low: int, high: int, count: int) -> list[int]:
    """So many numbers from low to high: `low + floor(x * (high - low + 1) / 2^32)` for each x of the generator."""
    draw = xorshift(seed)
    return [low + (next(draw) * (high - low + 1) >> 32) for _ in range(count)]


def _bytes(parts: Sequence[Any]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        elif isinstance(part[0], str):
            text += part[0] * part[1]
        else:
            text += bytes(random_numbers(*part)).hex()
    return text


def _numbers(parts: Sequence[Sequence[int]]) -> Iterator[int]:
    for part in parts:
        match part:
            case [count, number]:
                yield from [number] * count
            case [count, first, step]:
                yield from range(first, first + count * step, step)
            case _:
                yield from random_numbers(*part)


def is_described(value: Any) -> bool:
    """Whether a value is an object that stands for a byte string, a list of runs or a list of integers."""
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= {"bytes", "runs", "integers"}


def expand(value: Any) -> Any:
    """A value in which everything that is described is written out.

    Args:
      value: What JSON can hold.

    Returns:
      The same, where an object `{"bytes": parts}` has become a string of hexadecimal digits, `{"runs": parts}` a list
      of runs, and `{"integers": parts}` a list of integers.
    """
    if isinstance(value, list):
        return [expand(inner) for inner in value] if any(isinstance(inner, dict | list) for inner in value) else value
    if not isinstance(value, dict):
        return value
    if value.keys() == {"bytes"}:
        return _bytes(value["bytes"])
    if value.keys() == {"runs"}:
        return runs(_numbers(value["runs"]))
    if value.keys() == {"integers"}:
        return list(_numbers(value["integers"]))
    return {name: expand(inner) for name, inner in value.items()}


def shorten(value: Any) -> Any:
    """A value in which long byte strings and long lists of runs are described, where this makes them much shorter.

    Args:
      value: What JSON can hold.

    Returns:
      What `expand` makes the value of.
    """
    if isinstance(value, dict):
        return value if is_described(value) else {name: shorten(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return _shorter_bytes(value)
    if isinstance(value, list) and value and isinstance(value[0], list) and len(value[0]) == 2:
        return _shorter_runs(value) if all(isinstance(inner, int) for inner in value[0]) else list(map(shorten, value))
    if isinstance(value, list) and all(type(inner) is int for inner in value):
        parts = _shorter_runs(runs(value))
        short = parts["runs"] if isinstance(parts, dict) else parts
        return {"integers": short} if len(short) + _SHORT < len(value) else value
    return [shorten(inner) for inner in value] if isinstance(value, list) else value


def _shorter_bytes(text: str) -> Any:
    """Runs of the same byte are written once."""
    if len(text) < 4 * _SHORT or len(text) % 2 or set(text) - set("0123456789abcdef"):
        return text
    parts: list[Any] = []
    plain = ""
    for byte, group in groupby(text[i : i + 2] for i in range(0, len(text), 2)):
        count = len(list(group))
        if count < _SHORT:
            plain += byte * count
            continue
        parts += [plain] if plain else []
        parts.append([byte, count])
        plain = ""
    parts += [plain] if plain else []
    return {"bytes": parts} if len(str(parts)) + _SHORT < len(text) else text


def _shorter_runs(pairs: list[list[int]]) -> Any:
    """Runs of one number each that rise or fall evenly are one part."""
    parts: list[list[int]] = []
    for count, number in pairs:
        last = parts[-1] if parts else []
        if count == 1 and len(last) == 3 and number == last[1] + last[0] * last[2]:
            last[0] += 1
        elif count == 1 and len(last) == 2 and last[0] == 1:
            parts[-1] = [2, last[1], number - last[1]]
        else:
            parts.append([count, number])
    parts = [plain for part in parts for plain in (_plain(part) if len(part) == 3 and part[0] < 3 else [part])]
    return {"runs": parts} if len(parts) + _SHORT < len(pairs) else pairs


def _plain(part: Sequence[int]) -> list[list[int]]:
    count, first, step = part
    return [[1, first + place * step] for place in range(count)]
