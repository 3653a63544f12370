"""Where an answer, or a step of a trace, first leaves the right one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

RUNS = frozenset(("frequencies", "parents", "last_bytes", "members", "costs", "row"))
"""Fields that are runs; `logits` is a list of them (P-4)."""

_HEX = re.compile(r"([0-9a-f]{2})*")
_WIDTH = 60  # characters of a value in a message
_NOTHING = object()


def first(expected: Mapping[str, Any], found: Mapping[str, Any], partial: bool = False) -> str:
    """The first place at which two answers differ, and what is there: `codes[17]: "0a" expected, got "0b"`.

    Places are those of JSON: a field, then elements from 0. Bytes are counted from 0 too, in a string of hexadecimal
    digits; so are runs. Types count: `true` is not 1, nor is 1.0.

    Args:
      expected: The right one.
      found: The other.
      partial: Whether the other may leave out fields.

    Returns:
      The place and the two values; nothing if they are alike.
    """
    refusals = expected.get("refused"), found.get("refused")
    if not partial and (refusals[0] is None) != (refusals[1] is None):
        return f"{_kind(expected)} expected, got {_kind(found)}"
    for name, value in expected.items():
        if name in found or not partial:
            depth = 1 if name in RUNS else 2 if name == "logits" else None
            if told := _differ(name, value, found.get(name, _NOTHING), depth):
                return told
    extra = next((name for name in found if name not in expected), None)
    return "" if partial or extra is None else f"{_name(extra)}: nothing expected, got {_short(found[extra])}"


def _kind(answer: Mapping[str, Any]) -> str:
    return f"refused {_short(answer['refused'])}" if "refused" in answer else f"an answer with {_fields(answer)}"


def _fields(answer: Mapping[str, Any]) -> str:
    return ", ".join(map(_name, list(answer)[:5])) or "no field"


def _name(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _WIDTH else _short(name)


def _differ(path: str, expected: Any, found: Any, depth: int | None) -> str:
    """As `first`, of two values; `depth` is in how many lists the numbers of runs are, None of what is no runs."""
    if isinstance(expected, list) and isinstance(found, list):
        for i in range(max(len(expected), len(found))):
            right, other = _element(expected, i), _element(found, i)
            inner = f"{path} run {i}" if depth == 1 else f"{path}[{i}]"
            told = _run(inner, right, other) if depth == 1 else _differ(inner, right, other, depth and depth - 1)
            if told:
                return told
        return ""
    if isinstance(expected, dict) and isinstance(found, dict):
        told = first(expected, found)
        return told and f"{path}.{told}"
    if isinstance(expected, str) and isinstance(found, str) and expected != found:
        return _characters(path, expected, found)
    return "" if same(expected, found) else f"{path}: {_short(expected)} expected, got {_short(found)}"


def same(expected: Any, found: Any) -> bool:
    """Whether two values of JSON are alike, types included, which Python takes less seriously."""
    if type(expected) is not type(found):
        return False
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(same(value, found[name]) for name, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    return expected == found


def _element(values: Sequence[Any], i: int) -> Any:
    return values[i] if i < len(values) else _NOTHING


def _run(path: str, expected: Any, found: Any) -> str:
    if same(expected, found):
        return ""
    if all(isinstance(run, list) and len(run) == 2 for run in (expected, found)):
        for part, right, other in zip(("count", "number"), expected, found, strict=True):
            if not same(right, other):
                return f"{path}: {part} {_short(right)} expected, got {_short(other)}"
    return f"{path}: {_short(expected)} expected, got {_short(found)}"


def _characters(path: str, expected: str, found: str) -> str:
    """Long strings are shown from where they differ: bytes if both are such, else characters."""
    if max(len(expected), len(found)) <= _WIDTH - 2:
        return f"{path}: {_short(expected)} expected, got {_short(found)}"
    place = prefix(expected, found)
    if _HEX.fullmatch(expected) and _HEX.fullmatch(found):
        at, parts = place // 2, [text[place // 2 * 2 :] for text in (expected, found)]
        unit, sizes = "byte", [len(text) // 2 for text in (expected, found)]
    else:
        at, parts = place, [text[place:] for text in (expected, found)]
        unit, sizes = "character", [len(text) for text in (expected, found)]
    right, other = (_short(part) if part else "the end" for part in parts)
    length = "" if sizes[0] == sizes[1] else f" ({sizes[0]:,} {unit}s expected, got {sizes[1]:,})"
    return f"{path}, from {unit} {at}: {right} expected, got {other}{length}"


def prefix(expected: str, found: str) -> int:
    """How many characters two strings share at their beginnings."""
    low, high = 0, min(len(expected), len(found))
    while low < high:
        middle = (low + high + 1) // 2
        if expected[low:middle] == found[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."


class Excerpts(NamedTuple):
    """Two answers as JSON, or the parts around the place where they differ."""

    expected: str
    found: str


def excerpts(expected: Mapping[str, Any], found: Mapping[str, Any], width: int) -> Excerpts:
    """Two answers with their fields in the same order, cut to a width, but never before they differ."""
    ordered = {name: found[name] for name in expected if name in found} | dict(found)
    texts = [json.dumps(value) for value in (expected, ordered)]
    place = prefix(*texts)
    return Excerpts(*(cut(text, place, width) for text in texts))


def cut(text: str, place: int, width: int) -> str:
    """The part of a text around a place, with dots for what is left out."""
    if len(text) <= width:
        return text
    begin = max(0, min(place - width // 3, len(text) - width))
    end = begin + width
    before = "" if begin == 0 else f"... ({begin:,} characters) "
    after = "" if end >= len(text) else f" ... ({len(text):,} characters)"
    return f"{before}{text[begin:end]}{after}"


class Difference(NamedTuple):
    """The first step in which two traces differ; None for a trace that had ended.

    Attributes:
      step: Its number, from 0.
      expected: The right step.
      found: The other.
      place: Where in the step, as `first` has it.
    """

    step: int
    expected: Mapping[str, Any] | None
    found: Mapping[str, Any] | None
    place: str


def first_difference(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> Difference | None:
    """The first step in which a trace differs from the oracle's; fields that it leaves out do not count."""
    for step in range(max(len(expected), len(found))):
        right = expected[step] if step < len(expected) else None
        other = found[step] if step < len(found) else None
        if right is None or other is None:
            told = " expected, got ".join(_short(_NOTHING if one is None else one) for one in (right, other))
        else:
            told = first(right, other, partial=True)
        if told:
            return Difference(step, right, other, f"trace[{step}]{'.' if right and other else ': '}{told}")
    return None
