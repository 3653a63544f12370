"""Cases of streams.md."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import protocol, stream
from . import streams_large
from .case import Case, flat, likely_text, mixed, peaked, scattered, table_model
from .transformers import tiny_model


def definitions() -> dict[str, Any]:
    """Models."""
    found = {f"mixed-{precision}": mixed(precision, precision) for precision in range(9, 17)}
    found["uniform"] = table_model(9, [flat(9)])
    found["surely-97"] = table_model(16, [peaked(16, 97)])
    found["surely-255"] = table_model(16, [peaked(16, 255)])
    found["uneven"] = table_model(12, [scattered(12, 3)])
    found["two-rows"] = table_model(9, [peaked(9, 97), flat(9)], [0] * 256 + [1])
    found["transformer"] = {"precision": 16, "transformer": tiny_model(5)}
    return found | streams_large.definitions()


def _encode(comment: str, rules: str, model: str, text: bytes, *flags: str) -> Case:
    return Case(comment, rules, {"op": "stream.encode", "model": f"#{model}", "text": text.hex()}, flags)


def _decode(comment: str, rules: str, model: str, code: bytes, length: int, *flags: str) -> Case:
    request = {"op": "stream.decode", "model": f"#{model}", "code": code.hex(), "length": length}
    return Case(comment, rules, request, flags)


def _carries(model: dict[str, Any], number: int, bits: int, length: int) -> bytes:
    """A text whose interval has a number `number / 2**bits` inside until the last byte, which lies above it.

    Up to there the digits of `low` agree with those of numbers below: where these are ones, the last byte's carry runs
    through all of them.
    """
    python, _ = protocol.from_model(model)
    text = stream.decode(python, number.to_bytes(bits // 8, "big"), length)
    return text + b"\xff"


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    draw = random.Random(2)
    for precision in range(9, 17):
        name = f"mixed-{precision}"
        text = likely_text(shared[name], 40, precision)
        code = stream.encode(protocol.from_model(shared[name])[0], text)
        yield _encode("a likely text", "S-1 S-2 S-3", name, text)
        yield _decode("a likely text", "S-4", name, code, len(text))
        yield _encode("any bytes", "S-2 S-3", name, draw.randbytes(12))
        yield _decode("any code", "S-4 S-5", name, draw.randbytes(20), 12, "not canonical")
        yield _encode("every byte once", "C-4 S-2 S-3", name, bytes(range(256)))
        for number, what in [(2**63, "a half"), (2**62, "a quarter"), (0x7FFF_0000_0000_0000, "a long fraction")]:
            carrying = _carries(shared[name], number, 64, 12)
            yield _encode(f"a carry at {what}", "S-2 S-3", name, carrying, "carry")
    yield _encode("no text", "S-3", "uneven", b"")
    yield _decode("no text", "S-4", "uneven", b"", 0)
    yield _decode("no text of a code", "S-4 S-5", "uneven", b"\x12\x34", 0, "not canonical")
    for byte in (0, 1, 97, 127, 128, 254, 255):
        yield _encode("one byte", "S-2 S-3", "uneven", bytes([byte]))
        yield _encode("one byte of a uniform model: itself", "S-2 S-3", "uniform", bytes([byte]))
        yield _encode("one byte with a frequency of 1 in 65536, or nearly all", "S-2 S-3", "surely-97", bytes([byte]))
    for text, what in [(bytes(50), "zeros"), (b"\xff" * 50, "ff"), (bytes(20) + b"\x01", "zeros and a one")]:
        for name in ("uneven", "uniform", "surely-97", "surely-255"):
            yield _encode(f"a run of {what}", "S-2 S-3", name, text, "runs")
    yield _encode("sure bytes shift by nothing for long", "S-2 S-3", "surely-97", b"a" * 300, "runs")
    yield _encode("sure bytes and a surprise at the end", "S-2 S-3", "surely-97", b"a" * 200 + b"b", "carry")
    yield _encode("sure bytes at the upper end of the range", "S-2 S-3", "surely-255", b"\xff" * 200 + b"\xfe")
    yield _encode("a number of few bits of zero bytes in the middle", "S-3", "uniform", b"\x01\x00\x00\x80\x00\x00")
    yield _encode("the first row is used once", "C-6 S-2", "two-rows", b"abab")
    for code in (b"", b"\x00", b"\xff" * 12, b"\x80", b"\x7f\xff\xff\xff\xff\xff", b"\x80" + bytes(30)):
        yield _decode("a code at the edge", "S-4 S-5", "uneven", code, 9, "not canonical")
        yield _decode("a code at the edge, a model that is sure", "S-4 S-5", "surely-97", code, 30, "not canonical")
    yield _encode("the Transformer", "S-2 S-3 T-16", "transformer", b"exact, ex")
    yield _decode("the Transformer", "S-4 T-16", "transformer", b"\x31\x41\x59\x26", 8, "not canonical")
    yield from streams_large.cases(shared)
