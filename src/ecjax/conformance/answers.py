"""What a port wrote, read as an answer; whatever it is, in bounded time, memory and depth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

MOST_DEPTH = 16  # lists and objects within each other; the deepest legal answer, a trace, has 5
_MOST_DIGITS = 20  # of an integer; Python itself refuses some thousands with a ValueError of another kind
_SHOWN = 80  # bytes of what was written
_ESCAPE = re.compile(rb"\\.?", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"?')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))


class PortError(Exception):
    """A port that gave no answer: its message says what it did instead."""


class Limit(NamedTuple):
    """How long an answer may be.

    Attributes:
      size: Bytes of its line.
      items: Commas and opening brackets outside strings: what bounds the memory that the parsed answer takes.
    """

    size: int
    items: int


LARGEST = Limit(1 << 26, 1 << 22)
"""For those who do not know the right answer."""


def limit(*expected: object) -> Limit:
    """What is enough for an answer that has all of these, written with spaces and escapes, or wrong by a good deal."""
    texts = [json.dumps(value) for value in expected]
    items = sum(text.count(",") + text.count("[") + text.count("{") for text in texts)
    return Limit(4 * sum(map(len, texts)) + (1 << 16), 4 * items + (1 << 12))


def shown(line: bytes | bytearray) -> str:
    """The beginning of a line, as a message may have it."""
    return f"{bytes(line[:_SHOWN])!r}" + (f" ... ({len(line):,} bytes)" if len(line) > _SHOWN else "")


def parse(line: bytes, number: int, most: Limit) -> dict[str, Any]:
    """The answer to the request with an id, without that id.

    Args:
      line: What the port wrote, without the end of the line.
      number: The request's id.
      most: How long it may be.

    Raises:
      PortError: If it is none: no UTF-8, no JSON object, too deep or too much of it, a number that no answer has, a
        field twice, a lone surrogate, or another id.
    """
    _check_structure(line, most)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise PortError(f"no UTF-8 but {shown(line)}") from None
    try:
        answer = json.loads(
            text, parse_int=_integer, parse_float=_fraction, parse_constant=_constant, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        raise PortError(f"no JSON but {shown(line)}") from None
    if not isinstance(answer, dict):
        raise PortError(f"no JSON object but {shown(line)}")
    if "\\u" in text:
        _check_surrogates(answer, line)
    found = answer.pop("id", None)
    if type(found) is not int or found != number:
        raise PortError(f"an answer whose id is not {number}, that of the request: {shown(line)}")
    return answer


def _check_structure(line: bytes, most: Limit) -> None:
    """Looks at the brackets only, before anything is built from them."""
    depth = items = 0
    for sign in _STRING.sub(b"", _ESCAPE.sub(b"", line)).translate(None, _NOT_STRUCTURE):
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        items += sign not in b"]}"
        if depth > MOST_DEPTH:
            raise PortError(f"an answer nested more than {MOST_DEPTH} deep: {shown(line)}")
        if items > most.items:
            raise PortError(f"an answer of more than {most.items:,} fields and elements: {shown(line)}")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise PortError(f"an integer of {len(digits):,} digits, {digits[:_MOST_DIGITS]}..., in an answer")
    return int(digits)


def _fraction(written: str) -> NoReturn:
    raise PortError(f"the number {written[:40]} in an answer, where only integers without exponents may be")


def _constant(written: str) -> NoReturn:
    raise PortError(f"{written} in an answer, which is no JSON")


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise PortError(f"the field {name[:40]!r} twice in one object of an answer")
        found[name] = value
    return found


def _check_surrogates(answer: Mapping[str, Any], line: bytes) -> None:
    try:
        json.dumps(answer, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise PortError(f"a lone surrogate, which is no character, in an answer: {shown(line)}") from None
