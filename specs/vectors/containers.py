"""Cases of container.md."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

from ..oracle import codebook, container, protocol
from ..oracle.container import Header, checked, write_block, write_header
from .case import Case, flat, likely_text, mixed, table_model
from .codebooks import written
from .transformers import tiny_model

_FINGERPRINT = bytes(range(100, 132))


def definitions() -> dict[str, Any]:
    """Models and a codebook."""
    found: dict[str, Any] = {"mixed": mixed(12, 1), "uniform": table_model(9, [flat(9)])}
    found["transformer"] = {"precision": 16, "transformer": tiny_model(9, layers=1)}
    found["precision-8"] = table_model(8, [[1] * 256])
    model, _ = protocol.from_model(mixed(10, 1))
    found["book"] = written(codebook.compile_codebook(model, 9))
    found["no-book"] = {"parents": [[512, 0]], "last_bytes": [[512, 0]]}
    return found


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    text = likely_text(shared["mixed"], 60, 1)
    stream = {"model": "#mixed", "fingerprint": _FINGERPRINT.hex()}
    codings = {
        "streams": stream,
        "windows": stream | {"bits": 33},
        "windows of 128 bits": stream | {"bits": 128},
        "a codebook": {"codebook": "#book"},
    }

    def resolved(coding: dict[str, Any]) -> container.Coding:
        return protocol.from_coding({k: shared.get(str(v)[1:], v) for k, v in coding.items()})

    for what, coding in codings.items():
        for size, block in [(0, 10), (1, 10), (10, 10), (11, 10), (60, 25), (60, 65_536), (3, 1)]:
            part = text[:size]
            request = {"op": "container.encode", "text": part.hex(), "block": block} | coding
            yield Case(f"{what}: {size} bytes in blocks of {block}", "K-1 K-5 K-9 K-10 K-11 K-13", request)
            file = container.encode(resolved(coding), part, block)
            request = {"op": "container.decode", "file": file.hex()} | coding
            yield Case(f"{what}: the same back", "K-1 K-9 K-10 K-11 K-13", request)
            yield Case(f"{what}: what it says", "K-15", {"op": "container.info", "file": file.hex()})
    transformer = {"model": "#transformer", "fingerprint": _FINGERPRINT.hex()}
    request = {"op": "container.encode", "text": b"exact".hex(), "block": 3} | transformer
    yield Case("the Transformer: the model starts anew in each block", "K-9 T-16", request)
    yield from _wrong_codings(stream)
    yield from _damaged(stream, resolved(stream), text[:20])
    yield from _crafted(stream, resolved(stream))


def _wrong_codings(stream: dict[str, Any]) -> Iterator[Case]:
    """What cannot be a coding."""
    encode = {"op": "container.encode", "text": "61", "block": 10}
    yield Case("windows of 8 bits", "W-1 K-5", encode | stream | {"bits": 8})
    yield Case("a model of precision 8", "F-1 K-5", encode | stream | {"model": "#precision-8"})
    yield Case("no codebook", "B-1 K-5", encode | {"codebook": "#no-book"})


def _both(file: bytes, coding: dict[str, Any], comment: str, rules: str, *flags: str) -> Iterator[Case]:
    """A file that is decoded with its model and looked at without."""
    yield Case(comment, rules, {"op": "container.decode", "file": file.hex()} | coding, flags)
    yield Case(comment, f"{rules} K-15", {"op": "container.info", "file": file.hex()}, flags)


def _damaged(stream: dict[str, Any], coding: container.Coding, text: bytes) -> Iterator[Case]:
    """A good file, damaged."""
    draw = random.Random(5)
    file = container.encode(coding, text, 12)
    places = sorted({*range(0, 48, 5), *range(48, len(file), 3), 8, 9, 10, 11, len(file) - 1})
    for place in places:
        bit = draw.randrange(8)
        damaged = bytes(byte ^ (1 << bit if i == place else 0) for i, byte in enumerate(file))
        yield from _both(damaged, stream, f"bit {bit} of byte {place} flipped", "K-2 K-3 K-4 K-7 K-8 K-12", "flipped")
    second = 48 + 12 + int.from_bytes(file[52:56], "big")
    for size in (0, 1, 7, 8, 9, 47, 48, 49, 55, 56, 58, second, second + 3, second + 9, len(file) - 24, len(file) - 1):
        yield from _both(file[:size], stream, f"the first {size} bytes", "K-2 K-4 K-12", "truncated")
    for more in (b"\x00", b"\n", file):
        yield from _both(file + more, stream, f"{len(more)} bytes more at the end", "K-11 K-12", "trailing")
    yield from _both(file.replace(b"\r\n", b"\n"), stream, "line ends changed", "K-2")
    others = [("model", "#uniform"), ("fingerprint", bytes(32).hex()), ("bits", 12), ("model", "#transformer")]
    for name, value in others:
        request = {"op": "container.decode", "file": file.hex()} | stream | {name: value}
        yield Case(f"another {name}", "K-6 K-12", request)
    request = {"op": "container.decode", "file": file.hex(), "codebook": "#book"}
    yield Case("a codebook for a file of streams", "K-6", request)


def _crafted(stream: dict[str, Any], coding: container.Coding) -> Iterator[Case]:
    """Files whose checksums are right and whose contents are not, or not what a writer would have written."""
    good, uniform = coding.header, {"model": "#uniform", "fingerprint": _FINGERPRINT.hex(), "bits": 9}
    windows = Header(container.WINDOWS, 9, 9, _FINGERPRINT)

    def end(text: bytes) -> bytes:
        return write_block(0, len(text).to_bytes(8, "big") + crc32(text).to_bytes(4, "big"))

    for header, what in [
        (good._replace(method=0), "method 0"),
        (good._replace(method=4), "method 4"),
        (good._replace(bits=9), "streams with windows"),
        (good._replace(precision=8), "precision 8"),
        (good._replace(precision=17), "precision 17"),
        (windows._replace(bits=8), "windows of 8 bits"),
        (windows._replace(bits=129), "windows of 129 bits"),
        (windows._replace(precision=0), "windows of a model without precision"),
        (windows._replace(precision=17), "windows of a model of precision 17"),
        (Header(container.CODEBOOK, 17, 0, _FINGERPRINT), "a codebook of 17 bits"),
        (Header(container.CODEBOOK, 8, 0, _FINGERPRINT), "a codebook of 8 bits"),
        (Header(container.CODEBOOK, 9, 9, _FINGERPRINT), "a codebook with a precision"),
    ]:
        yield from _both(write_header(header) + end(b""), stream, what, "K-5 K-12")
    version = checked(container.MAGIC + bytes([2]) + write_header(good)[9:44]) + end(b"")
    yield from _both(version, stream, "version 2, with a right checksum", "K-3")
    start, code = write_header(good), coding.encode(b"abc")
    block = write_block(3, code)
    for file, what, rules in [
        (start + block + end(b"abcd"), "a length that is too large", "K-11"),
        (start + block + end(b"ab"), "a length that is too small", "K-11"),
        (start + block + end(b"abd"), "the checksum of another text", "K-11"),
        (start + block + end(b"abd") + b"\x00", "another text's checksum, and more at the end", "K-11 K-12"),
        (start + write_block(65_537, code) + end(b"abc"), "a block of 65537 bytes", "K-7"),
        (start + write_block(3, bytes(49)) + end(b"abc"), "a payload above 16 bytes for each byte", "K-7"),
        (start + write_block(0, bytes(11)), "an end block that is too short", "K-7"),
        (start + write_block(0, bytes(13)), "an end block that is too long", "K-7"),
        (start + block + end(b"abc") + end(b"abc"), "two end blocks", "K-11"),
    ]:
        yield from _both(file, stream, what, rules)
    longer = start + write_block(3, code + b"\x55" * 4) + end(b"abc")
    yield from _both(longer, stream, "a code that is longer than needed", "K-9 S-5", "not canonical")
    uneven = start + block + write_block(1, coding.encode(b"d")) + write_block(2, coding.encode(b"ef")) + end(b"abcdef")
    yield from _both(uneven, stream, "blocks of any sizes", "K-13", "not canonical")
    start = write_header(windows)

    def row(codes: list[int]) -> bytes:
        return container.pack(codes, 9)

    for payload, text, what, flags in [
        (row([195, 196]), b"a\x00b", "windows", []),
        (row([194, 1, 196]), b"a\x00b", "more windows than needed", ["not canonical"]),
        (row([195, 196, 0]), b"a\x00b", "an empty window at the end", []),
        (row([195, 0, 196]), b"a\x00b", "an empty window between", []),
        (row([195]), b"a\x00b", "a text that is too short", []),
        (row([195, 196, 196]), b"a\x00b", "a text that is too long", []),
        (b"", b"a\x00b", "no windows", []),
        (row([195, 196])[:-1] + bytes([row([195, 196])[-1] | 1]), b"a\x00b", "bits after the windows", []),
        (row([195, 196]) + b"\x00", b"a\x00b", "a byte after the windows", []),
    ]:
        file = start + write_block(len(text), payload) + end(text)
        yield from _both(file, uniform, what, "K-10", *flags)
    bad_then_damaged = start + write_block(3, b"") + write_block(1, b"\x61")[:-1] + b"\x00"
    yield from _both(bad_then_damaged, uniform, "a bad payload, then a wrong checksum", "K-12")
