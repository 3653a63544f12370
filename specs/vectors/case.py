"""What a case is made of."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..oracle.protocol import runs


class Case(NamedTuple):
    """A request, what it is about, the rules that it tests, and words to pick cases by."""

    comment: str
    rules: str
    request: dict[str, Any]
    flags: Sequence[str] = ()


def table_model(precision: int, rows: Sequence[Sequence[int]], after: Sequence[int] | None = None) -> dict[str, Any]:
    """A table model; `after` says which row follows each byte and, last, comes first."""
    following = [0] * 257 if after is None else after
    return {"precision": precision, "rows": [runs(row) for row in rows], "next": runs(following)}


def peaked(precision: int, byte: int) -> list[int]:
    """Frequencies of which one byte has all that it can have."""
    row = [1] * 256
    row[byte] = 2**precision - 255
    return row


def flat(precision: int) -> list[int]:
    """Equal frequencies."""
    return [2 ** (precision - 8)] * 256


def scattered(precision: int, seed: int, bytes_used: int = 256) -> list[int]:
    """Frequencies that differ by orders of magnitude, of which so many bytes have more than one."""
    draw = random.Random(seed)
    row, spare = [1] * 256, 2**precision - 256
    weights = [draw.random() ** 8 for _ in range(bytes_used)]
    likely = draw.sample(range(256), bytes_used)
    for byte, weight in zip(likely, weights, strict=True):
        row[byte] += int(spare * weight / sum(weights))
    row[likely[0]] += 2**precision - sum(row)
    return row


def mixed(precision: int, seed: int) -> dict[str, Any]:
    """A table model of several different rows."""
    draw = random.Random(seed)
    rows = [
        flat(precision),
        peaked(precision, seed % 256),
        scattered(precision, seed),
        scattered(precision, seed + 1, 5),
    ]
    return table_model(precision, rows, [draw.randrange(len(rows)) for _ in range(257)])


def likely_text(model: dict[str, Any], length: int, seed: int) -> bytes:
    """A text that follows a table model."""
    draw = random.Random(seed)
    rows = [[f for count, f in row for _ in range(count)] for row in model["rows"]]
    after = [row for count, row in model["next"] for _ in range(count)]
    text: list[int] = []
    for _ in range(length):
        row = rows[after[text[-1] if text else 256]]
        text += draw.choices(range(256), row)
    return bytes(text)
