"""Cases of version 1 of container.md: files that nobody writes any more, which this module does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import container
from ..oracle.container import Coding, Header
from .case import Case, likely_text
from .container_parts import CODINGS, FINGERPRINT, STREAM, WRONG_HEADERS, both, crc, flipped, resolved


def write_header(header: Header) -> bytes:
    """The first 48 bytes of a file."""
    fields = container.MAGIC + bytes([1, header.method, header.bits, header.precision]) + header.fingerprint
    return fields + crc(fields)


def write_block(length: int, payload: bytes) -> bytes:
    """A block; one of length 0 ends the file."""
    block = length.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload
    return block + crc(block)


def write_end(text: bytes) -> bytes:
    """The end block of a text."""
    return write_block(0, len(text).to_bytes(8, "big") + crc(text))


def encode(coding: Coding, text: bytes, block: int) -> bytes:
    """The file of a text, cut into blocks of so many bytes."""
    parts = [text[i : i + block] for i in range(0, len(text), block)]
    blocks = [write_block(len(part), coding.encode(part)) for part in parts]
    return b"".join([write_header(coding.header), *blocks, write_end(text)])


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    text = likely_text(shared["mixed"], 60, 1)
    for what, coding in CODINGS.items():
        for size, block in [(0, 10), (1, 10), (10, 10), (11, 10), (60, 25), (60, 65_536), (3, 1)]:
            file = encode(resolved(coding, shared), text[:size], block)
            comment = f"version 1, {what}: {size} bytes in blocks of {block}"
            yield from both(file, coding, comment, "K-3 K-9 K-10 K-13 K-18 K-19")
    yield from _damaged(resolved(STREAM, shared), text[:20])
    yield from _crafted(resolved(STREAM, shared))
    yield from _windows()


def _damaged(coding: Coding, text: bytes) -> Iterator[Case]:
    """A good file, damaged."""
    draw = random.Random(5)
    file = encode(coding, text, 12)
    places = sorted({*range(0, 48, 5), *range(48, len(file), 3), 8, 9, 10, 11, len(file) - 1})
    for place in places:
        bit = draw.randrange(8)
        comment = f"version 1: bit {bit} of byte {place} flipped"
        yield from both(flipped(file, place, bit), STREAM, comment, "K-2 K-3 K-4 K-18 K-19", "flipped")
    second = 48 + 12 + int.from_bytes(file[52:56], "big")
    for size in (0, 1, 7, 8, 9, 47, 48, 49, 55, 56, 58, second, second + 3, second + 9, len(file) - 24, len(file) - 1):
        yield from both(file[:size], STREAM, f"version 1: the first {size} bytes", "K-2 K-4 K-19", "truncated")
    for more in (b"\x00", b"\n", file):
        yield from both(file + more, STREAM, f"version 1: {len(more)} bytes more at the end", "K-19", "trailing")
    yield from both(file.replace(b"\r\n", b"\n"), STREAM, "version 1: line ends changed", "K-2")
    others = [("model", "#uniform"), ("fingerprint", bytes(32).hex()), ("bits", 12), ("model", "#transformer")]
    for name, value in others:
        request = {"op": "container.decode", "file": file.hex()} | STREAM | {name: value}
        yield Case(f"version 1: another {name}", "K-6 K-19", request)
    request = {"op": "container.decode", "file": file.hex(), "codebook": "#book"}
    yield Case("version 1: a codebook for a file of streams", "K-6", request)


def _crafted(coding: Coding) -> Iterator[Case]:
    """Files whose checksums are right and whose contents are not, or not what a writer would have written."""
    for header, what in WRONG_HEADERS:
        yield from both(write_header(header) + write_end(b""), STREAM, f"version 1: {what}", "K-5 K-19")
    start, code = write_header(coding.header), coding.encode(b"abc")
    block = write_block(3, code)
    for file, what in [
        (block + write_end(b"abcd"), "a length that is too large"),
        (block + write_end(b"ab"), "a length that is too small"),
        (block + write_end(b"abd"), "the checksum of another text"),
        (block + write_end(b"abd") + b"\x00", "another text's checksum, and more at the end"),
        (write_block(65_537, code) + write_end(b"abc"), "a block of 65537 bytes"),
        (write_block(3, bytes(49)) + write_end(b"abc"), "a payload above 16 bytes for each byte"),
        (write_block(0, bytes(11)), "an end block that is too short"),
        (write_block(0, bytes(13)), "an end block that is too long"),
        (block + write_end(b"abc") + write_end(b"abc"), "two end blocks"),
        (block + write_end(b"ab") + b"\x00", "a wrong length, and more at the end"),
    ]:
        yield from both(start + file, STREAM, f"version 1: {what}", "K-18 K-19")
    longer = start + write_block(3, code + b"\x55" * 4) + write_end(b"abc")
    yield from both(longer, STREAM, "version 1: a code that is longer than needed", "K-9 S-5 K-18", "not canonical")
    uneven = block + write_block(1, coding.encode(b"d")) + write_block(2, coding.encode(b"ef")) + write_end(b"abcdef")
    yield from both(start + uneven, STREAM, "version 1: blocks of any sizes", "K-13", "not canonical")
    equal = start + write_block(len(code), code) + write_end(coding.decode(code, len(code)))
    yield from both(equal, STREAM, "version 1: p = n, and coded all the same", "K-18", "not canonical")


def _windows() -> Iterator[Case]:
    """Payloads of windows."""
    uniform = {"model": "#uniform", "fingerprint": FINGERPRINT.hex(), "bits": 9}
    start, text = write_header(Header(container.WINDOWS, 9, 9, FINGERPRINT)), b"a\x00b"

    def row(codes: list[int]) -> bytes:
        return container.pack(codes, 9)

    for payload, what, flags in [
        (row([195, 196]), "windows", []),
        (row([194, 1, 196]), "more windows than needed", ["not canonical"]),
        (row([195, 196, 0]), "an empty window at the end", []),
        (row([195, 0, 196]), "an empty window between", []),
        (row([195]), "a text that is too short", []),
        (row([195, 196, 196]), "a text that is too long", []),
        (b"", "no windows", []),
        (row([195, 196])[:-1] + bytes([row([195, 196])[-1] | 1]), "bits after the windows", []),
        (row([195, 196]) + b"\x00", "a byte after the windows", []),
    ]:
        file = start + write_block(len(text), payload) + write_end(text)
        yield from both(file, uniform, f"version 1: {what}", "K-10 K-18", *flags)
    bad_then_damaged = start + write_block(3, b"") + write_block(1, b"\x61")[:-1] + b"\x00"
    yield from both(bad_then_damaged, uniform, "version 1: a bad payload, then a wrong checksum", "K-19")
