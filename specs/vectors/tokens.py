"""Cases of the token ids of windows.md."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle.protocol import write_code
from . import words
from .case import Case


def definitions() -> dict[str, Any]:
    """Nothing is shared."""
    return {}


def _cut(comment: str, codes: list[int], bits: int, token_bits: int, *flags: str) -> Case:
    written = [code.to_bytes(-(-bits // 8) if bits > 0 else 1, "big").hex() for code in codes]
    request = {"op": "tokens.cut", "codes": written, "bits": bits, "token_bits": token_bits}
    return Case(comment, "W-13 C-5", request, flags)


def _join(comment: str, ids: list[int], bits: int, token_bits: int, *flags: str) -> Case:
    request = {"op": "tokens.join", "ids": ids, "bits": bits, "token_bits": token_bits}
    return Case(comment, "W-14 C-5", request, flags)


def cases(_: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    draw = random.Random(3)
    for bits in (9, 12, 15, 16, 17, 24, 32, 33, 63, 64, 65, 96, 97, 127, 128):
        for token_bits in (1, 3, 7, 8, 9, 12, 15, 16):
            codes = [draw.randrange(2**bits) for _ in range(draw.randrange(1, 5))]
            yield _cut("windows cut into ids", codes, bits, token_bits)
            ids = [draw.randrange(2**token_bits) for _ in range(-(-3 * bits // token_bits))]
            yield _join("ids joined to windows", ids, bits, token_bits)
    yield _cut("no windows", [], 16, 8)
    yield _join("no ids", [], 16, 8)
    yield _cut("all ones", [2**33 - 1] * 3, 33, 16)
    yield _join("fewer bits than a window", [1, 2], 33, 16, "not canonical")
    yield _join("the zeros that fill the last id make one window more", [0x6100, 0x3080], 9, 16)
    yield _join("what is left is not zero and is dropped", [0x6100, 0x30FF], 9, 16, "not canonical")
    for bits, token_bits, what in [
        (8, 8, "windows of 8 bits"),
        (129, 8, "windows of 129 bits"),
        (16, 0, "ids of no bit"),
        (16, 17, "ids of 17 bits"),
        (8, 17, "both sizes wrong: that of windows is told"),
    ]:
        yield _cut(what, [], bits, token_bits)
        yield _join(what, [], bits, token_bits)
    yield Case(
        "a window that is 2^9",
        "W-13",
        {"op": "tokens.cut", "codes": [write_code(1, 9), write_code(2**9, 16)], "bits": 9, "token_bits": 8},
    )
    yield _join("an id that is 2^4", [15, 16], 16, 4)
    yield _join("an id below 0", [-1, 3], 16, 4)
    yield from words.tokens()
