"""Bytes, and lengths of time, as people read them."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from ecjax.printable import printable_lines

_SIGNS = {" ": "·", "\n": "↵\n", "\t": "→", "\r": "\\r"}


class Piece(NamedTuple):
    """A part of a text in which everything is visible; `sign` tells whether it stands for what cannot be seen."""

    text: str
    sign: bool


def pieces(string: bytes) -> list[Piece]:
    """A byte string with signs for white space, control characters and bytes that are no UTF-8.

    A line feed is a sign and a line feed, so that a text keeps its lines. A control character, and a byte that is no
    part of a whole character, is a backslash, x and two hexadecimal digits. Another character that is not printable is
    `U+` and its number.
    """
    marked = map(_piece, string.decode("utf-8", "surrogateescape"))
    return [
        Piece("".join(piece.text for piece in group), sign)
        for sign, group in itertools.groupby(marked, key=lambda piece: piece.sign)
    ]


def _piece(character: str) -> Piece:
    number = ord(character)
    if character in _SIGNS:
        return Piece(_SIGNS[character], True)
    if number < ord(" ") or number == 0x7F:
        return Piece(f"\\x{number:02x}", True)
    if 0xDC80 <= number <= 0xDCFF:  # what `surrogateescape` makes of a byte that is no UTF-8
        return Piece(f"\\x{number & 0xFF:02x}", True)
    if not character.isprintable():
        return Piece(f"U+{number:04X}", True)
    return Piece(character, False)


def readable(text: bytes) -> str:
    """Text to be read: line ends as one character, other control characters and broken UTF-8 as signs."""
    return printable_lines(text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))


def duration(seconds: float) -> str:
    """A length of time with its unit."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    return f"{seconds / 60:.1f} minutes"
