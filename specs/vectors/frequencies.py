"""Cases of frequencies.md."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle.protocol import runs
from . import powers, words
from .case import Case


def definitions() -> dict[str, Any]:
    """Nothing is shared."""
    return {}


def _case(comment: str, rules: str, logits: list[int], precision: int, *flags: str) -> Case:
    return Case(comment, rules, {"op": "frequencies", "logits": runs(logits), "precision": precision}, flags)


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them; none uses a definition."""
    draw = random.Random(1)
    for precision in range(9, 17):
        logits = [draw.randrange(-4000, 1) for _ in range(256)]
        yield _case("every precision", "F-1 F-4 F-5", logits, precision)
    yield _case("all alike", "F-5", [0] * 256, 16)
    yield _case("all alike, far below 0", "F-2 F-5", [-(2**30)] * 256, 9)
    yield _case("one byte takes it all: the first", "F-4 F-5", [2**30] + [-(2**30)] * 255, 16)
    yield _case("one byte takes it all: the last", "F-4 F-5", [-(2**30)] * 255 + [2**30], 16)
    yield _case("two share it", "F-5", [0] + [-(2**20)] * 254 + [0], 15)
    yield _case("every entry of the table of powers", "F-3 F-4", [-i for i in range(256)], 16)
    yield _case("the same an octave and ten below", "F-3 F-4", [0, *(-256 - 10 * 256 - i for i in range(255))], 16)
    for below, what in [(6143, "above a half"), (6144, "a half, rounded upwards"), (6145, "below a half")]:
        yield _case(f"255 weights {what}", "F-4 C-2", [0] + [-below] * 255, 16, "rounding")
    yield _case("differences around 2^20", "F-4", [0, -(2**20) + 1, -(2**20), -(2**20) - 1] + [-3] * 252, 16)
    for octaves in range(1, 24):
        logits = [-256 * octaves - draw.randrange(256) for _ in range(255)] + [0]
        yield _case(f"weights {octaves} octaves below the largest", "F-4 C-2", logits, 16, "rounding")
    for _ in range(8):
        logits = [int(draw.gauss(0, 1000)) for _ in range(256)]
        yield _case("ordinary logits", "F-4 F-5", logits, draw.randrange(9, 17))
    yield _case("the greatest is the second", "F-4", [-3, 500, *[-3] * 254], 12)
    yield _case("the greatest is the last but one", "F-4", [*[-3] * 254, 500, -3], 12)
    yield _case("shares that quotients of doubles miss", "F-5", powers.rounded_quotients(), 11, "rounding")
    for i, logits in enumerate(powers.telling(), 1):
        yield _case(f"P[{i}], neither one less nor one more", "F-3 F-5", logits, 16, "table")
    for precision in (-1, 0, 8, 17, 32):
        yield _case(f"precision {precision}", "F-1 C-7", [0] * 256, precision)
    yield _case("a precision and logits that are both wrong: the precision is told", "F-2", [0] * 255, 8)
    yield _case("255 logits", "F-2", [0] * 255, 16)
    yield _case("257 logits", "F-2", [0] * 257, 16)
    yield _case("no logits", "F-2", [], 16)
    yield _case("a logit above 2^30", "F-2", [0] * 255 + [2**30 + 1], 16)
    yield _case("a logit below -2^30", "F-2", [-(2**30) - 1] + [0] * 255, 16)
    yield from words.frequencies()
