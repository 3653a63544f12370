"""Cases of windows.md."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import protocol
from ..oracle import windows as oracle
from ..oracle.protocol import write_code
from . import words
from .case import Case, flat, likely_text, mixed, peaked, scattered, table_model
from .transformers import tiny_model


def definitions() -> dict[str, Any]:
    """Models."""
    found = {f"mixed-{precision}": mixed(precision, precision) for precision in range(9, 17)}
    found["uniform"] = table_model(9, [flat(9)])
    found["surely-0"] = table_model(9, [peaked(9, 0)])
    found["surely-97"] = table_model(16, [peaked(16, 97)])
    found["surely-255"] = table_model(9, [peaked(9, 255)])
    two = [1] * 256
    two[10] = two[200] = 129
    found["two-alike"] = table_model(9, [two])
    found["uneven"] = table_model(12, [scattered(12, 3)])
    found["transformer"] = {"precision": 12, "transformer": tiny_model(6)}
    found["one-count-wrong"] = table_model(9, [[2] * 255 + [3]])
    found["no-count"] = table_model(9, [[0, *[2] * 254, 4]])
    found["negative"] = table_model(9, [[-1, *[2] * 254, 5]])
    near = [1] * 256  # K[255] is 65281, for which m * K, with 40 bits, is 1 below a multiple of 2^16
    near[254], near[255] = 65_281 - 254, 255
    found["near-a-multiple"] = table_model(16, [near])
    # Of 98 points after `a`, each of the bytes 0 to 48 gets exactly 2, and of 49 points after `b` exactly 1.
    even = [6] * 49 + [1] * 196 + [2] * 11
    start = [1] * 256
    start[97], start[98], start[99] = 100, 50, 109
    found["exact-shares"] = table_model(9, [even, start], [0] * 256 + [1])
    found["fine-transformer"] = {"precision": 16, "transformer": tiny_model(7, layers=1, context=2)}
    found["precision-17"] = table_model(17, [flat(17)])
    found["no-32-bits"] = table_model(9, [[2**32 + 2, *[2] * 255]])
    found["sum-too-small"] = table_model(9, [[2] * 255 + [1]])
    found["wrong-in-another-row"] = table_model(9, [[2] * 256, [2] * 255 + [1]])
    return found


def _encode(comment: str, rules: str, model: str, bits: int, text: bytes, *flags: str) -> Case:
    request = {"op": "windows.encode", "model": f"#{model}", "bits": bits, "text": text.hex()}
    return Case(comment, rules, request, flags)


def _decode(comment: str, rules: str, model: str, bits: int, codes: list[int], *flags: str) -> Case:
    written = [write_code(code, bits) for code in codes]
    request = {"op": "windows.decode", "model": f"#{model}", "bits": bits, "codes": written}
    return Case(comment, rules, request, flags)


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    draw = random.Random(4)
    models = {name: model for name, model in shared.items() if name.startswith("mixed")}
    for bits in range(9, 129):
        name = draw.choice(list(models))
        yield _encode("every size of windows", "W-1 W-7", name, bits, likely_text(models[name], 3 + bits // 4, bits))
        codes = [0, 1, 2**bits - 1, draw.randrange(2**bits)]
        yield _decode("every size of windows", "W-1 W-9 W-10", name, bits, codes, "not canonical")
    for name in models:
        for bits in (9, 16, 33, 128):
            yield _encode("any bytes", "W-4 W-5 W-7", name, bits, draw.randbytes(20))
        yield _encode("every byte once", "C-4 W-3 W-7", name, 16, bytes(range(256)))
    for model in ("uniform", "surely-0", "surely-97", "surely-255", "two-alike", "uneven"):
        python, _ = protocol.from_model(shared[model])
        for bits in (9, 10, 12, 16, 32, 64, 128):
            yield _encode("no text", "W-8", model, bits, b"")
            yield _encode("one byte", "W-3 W-6", model, bits, b"\x00")
            yield _encode("one byte", "W-3 W-6", model, bits, b"\xff")
            yield _encode("a run of the byte 0", "W-4 W-7", model, bits, bytes(60), "runs")
            yield _encode("a run of the byte ff", "W-4 W-7", model, bits, b"\xff" * 60, "runs")
            last = oracle.decode_window(python, 2**bits - 1, bits)
            yield _encode("the last child all the way down", "W-6 W-7", model, bits, last, "last child")
            yield _encode("a byte more than fits", "W-7", model, bits, last + b"\x00", "full budget")
            yield _decode("numbers at both ends", "W-6 W-10", model, bits, [1, 2, 2**bits - 2, 2**bits - 1])
    yield _encode("one point is left for a child", "W-4 W-5", "uniform", 9, b"a\x00b\x00", "one point")
    yield _encode("one point is left, and the text goes on otherwise", "W-4 W-7", "uniform", 9, b"a\x01", "one point")
    yield _encode("of two alike the lower byte is kept", "W-4", "two-alike", 9, b"\x01\x0a\x01\xc8", "one point")
    for below in (1, 2, 3, 255, 256, 2**15 - 1, 2**15, 2**15 + 1, 2**16 - 1, 2**16, 2**16 + 1):
        # Numbers along the first child, whose points below are near what says which way to compute them.
        bits = max(9, (below + 257).bit_length())
        yield _decode(f"around {below} points", "W-4 W-5", "surely-0", bits, [1, 2, 3, below], "limbs")
        yield _encode(f"{bits} bits", "W-4 W-5", "surely-0", bits, bytes(40) + b"\x01", "limbs")
    for bits in (24, 31, 32, 33, 40, 63, 64, 65, 95, 96, 97, 127):
        codes = [2 ** (bits - 1), 2 ** (bits - 1) - 1, 2 ** (bits // 2), 2**bits - 2**16]
        yield _decode("numbers around words", "W-9 C-1", "mixed-16", bits, codes, "limbs", "not canonical")
        yield _encode("long windows", "W-5 W-7", "surely-97", bits, b"a" * 120 + b"ba" * 3, "limbs")
    yield _decode("the empty string anywhere", "W-11", "uneven", 16, [0, 300, 0, 0, 301, 0], "padding")
    yield _decode("the same text in more windows than needed", "W-12 W-10", "surely-97", 16, [98] * 4, "not canonical")
    yield _encode("the same text as it is written", "W-12 W-7", "surely-97", 16, b"aaaa")
    yield _encode("the Transformer", "W-7 T-16", "transformer", 16, b"exact")
    yield _encode("the Transformer", "W-7 T-16", "transformer", 40, b"exact, exact")
    yield _decode("the Transformer", "W-9 T-16", "transformer", 24, [1, 2**24 - 1, 5_000_000], "not canonical")
    for bits in (-9, 0, 8, 129):
        request = {"op": "windows.encode", "model": "#uniform", "bits": bits, "text": "61"}
        yield Case(f"windows of {bits} bits", "W-1 C-7", request)
        yield Case(f"windows of {bits} bits", "W-1 C-7", request | {"op": "windows.decode", "codes": ["0001"]})
    yield _decode("2^9", "W-10", "uniform", 9, [1, 2**9])
    yield _decode("2^16 - 1 in 15 bits", "W-10", "uniform", 15, [2**16 - 1])
    yield _decode("2^128 - 1 in 127 bits", "W-10", "uniform", 127, [2**128 - 1])
    wrong_tables = ("sum-too-small", "wrong-in-another-row", "no-32-bits")
    for name in ("one-count-wrong", "no-count", "negative", "precision-17", *wrong_tables):
        yield _encode("no table", "F-1 C-7", name, 16, b"a")
    short = table_model(9, [[2] * 254 + [4]])
    short["rows"][0] = [[255, 2]]
    request = {"op": "windows.encode", "model": short, "bits": 16, "text": "61"}
    yield Case("255 frequencies", "F-1", request)
    for row, what in [([[254, 2], [1, 4]], "255"), ([[254, 2], [1, 1], [1, 2], [1, 1]], "257")]:
        model = {"precision": 9, "rows": [row], "next": [[257, 0]]}
        yield Case(f"{what} frequencies, of the right sum", "F-1", request | {"model": model})
    request = {"op": "windows.encode", "model": "#no-count", "bits": 8, "text": "61"}
    yield Case("model and size both wrong: the model is told", "F-1 W-1", request)
    request = {"op": "windows.decode", "model": "#no-count", "bits": 8, "codes": ["0001"]}
    yield Case("model and size both wrong, to decode: the model is told", "F-1 W-1 C-7", request)
    request = {"op": "windows.decode", "model": "#uniform", "bits": 129, "codes": ["01" + "00" * 17]}
    yield Case("size and code both wrong: the size is told", "W-1 W-10 C-7", request)
    for bits in (38, 39, 40, 41, 42, 44, 48, 52, 56, 60):
        yield _encode("products one below a multiple of 2^16", "W-5", "near-a-multiple", bits, b"\xff", "limbs")
    long, _ = protocol.from_model(shared["surely-97"])
    yield _encode("a window of more than 40000 bytes", "W-5 W-7", "surely-97", 128, b"a" * 65_600, "long")
    code, _ = oracle.encode_window(long, b"a" * 40_000, 128)
    yield _decode("a string of 40000 bytes", "W-5 W-9", "surely-97", 128, [code], "long")
    yield from words.windows()
    for first in (b"a", b"b"):
        text = b"".join(first + bytes([byte]) for byte in range(49))
        yield _encode("shares that are whole numbers", "W-5", "exact-shares", 9, text)
    yield _encode("every byte by the Transformer", "F-5 W-7 T-16", "fine-transformer", 64, bytes(range(256)), "long")
