"""Cases of streams.md that are long, or that are solved for: carries through many bytes, codes at an interval's end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import protocol, stream
from .case import Case, table_model
from .described import random_numbers

_HALF = b"\x80"
_LONG = 65_600  # bytes of text; more than 2^16


def definitions() -> dict[str, Any]:
    """Models."""
    return {"exact-end": _exact_end()}


def _exact_end() -> dict[str, Any]:
    """A model for which `low + r - 1` after the bytes 20 and 7 ends in 24 zero bits.

    The first byte has the frequency f, so `r = f * 2^16` after it, and bounds are f times an entry of the next table.
    The second byte is so likely that nothing is shifted; its upper bound t has `f * t = 1` modulo 2^16.
    """
    for f in range(64_001, 65_201, 2):
        t = pow(f, -1, 2**16)
        start = -(f * t >> 16) % 256  # low is start * 2^16, so that the sum is a multiple of 2^24, and 1
        if t > 65_000 and (t - 7) * f >= 2**31 and 20 <= start <= 2**16 - f - 235:
            first = [1] * 256
            first[20], first[0], first[255] = f, start - 19, 2**16 - f - start - 234
            second = [1] * 256
            second[7], second[255] = t - 7, 2**16 - t - 247
            if min(first + second) > 0:
                return table_model(16, [second, first], [0] * 256 + [1])
    raise ValueError("no frequency will do")


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    model = protocol.from_model(shared["uneven"])[0]
    for length in (16, 48, 100, 320, 8_000):
        text = stream.decode(model, _HALF, length) + b"\xff"
        request = {"op": "stream.encode", "model": "#uneven", "text": text.hex()}
        yield Case(f"a carry through all bytes of a text of {length}", "S-2 S-3", request, ["carry", "long"])
    request = {"op": "stream.encode", "model": "#exact-end", "text": "1407"}
    yield Case("the last number of the interval ends in zeros: it is the code", "S-3", request)
    parts: list[Any] = [["61", 30_000], "62", ["61", _LONG - 30_002], "00"]
    request = {"op": "stream.encode", "model": "#surely-97", "text": {"bytes": parts}}
    yield Case(f"{_LONG} bytes, of which two surprise", "S-2 S-3", request, ["long"])
    text = bytes(b"etaonis "[number] for number in random_numbers(7, 0, 7, 4_000))
    request = {"op": "stream.encode", "model": "#mixed-16", "text": text.hex()}
    yield Case("4000 bytes of eight letters", "S-2 S-3", request, ["long"])
    for code in ("", "5f3759df5f3759df"):
        request = {"op": "stream.decode", "model": "#surely-97", "code": code, "length": _LONG}
        yield Case(f"{_LONG} bytes of a short code", "S-4 S-5", request, ["long", "not canonical"])
    request = {"op": "stream.decode", "model": "#transformer", "code": {"bytes": [[8, 0, 255, 40]]}, "length": 80}
    yield Case("80 bytes by the Transformer", "S-4 T-16", request, ["long", "not canonical"])
    request = {"op": "stream.decode", "model": "#uneven", "code": {"bytes": [[9, 0, 255, 600]]}, "length": 700}
    yield Case("700 bytes of a random code", "S-4 S-5", request, ["long", "not canonical"])
