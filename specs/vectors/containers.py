"""Cases of container.md: version 2, and then those of version 1."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import container
from ..oracle.container import Coding, Header, write_header
from . import container_parts, containers_1, containers_books, containers_large
from .case import Case, likely_text
from .container_parts import (
    CODINGS,
    FINGERPRINT,
    STREAM,
    WRONG_HEADERS,
    body,
    both,
    chained,
    crc,
    flipped,
    resolved,
    stored,
)

_UNIFORM = {"model": "#uniform", "fingerprint": FINGERPRINT.hex()}  # its streams are texts without zeros at the end
_LIKELY = {"model": "#likely-a", "fingerprint": FINGERPRINT.hex(), "bits": 9}
_BOOK = {"codebook": "#book-of-a"}
_ENCODE = {"op": "container.encode"}


def definitions() -> dict[str, Any]:
    """Models and codebooks."""
    return container_parts.definitions() | containers_books.definitions()


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    yield from _good(shared)
    yield from _sizes(shared)
    encode = _ENCODE | {"text": "61", "block": 10} | STREAM
    yield Case("windows of 8 bits", "W-1 K-5", encode | {"bits": 8})
    yield Case("a model of precision 8", "F-1 K-5", encode | {"model": "#precision-8"})
    both = {"model": "#precision-8", "bits": 8}
    yield Case("model and size both wrong: the model is told", "F-1 W-1 C-7", encode | both)
    yield Case("no codebook", "B-1 K-5", _ENCODE | {"text": "61", "block": 10, "codebook": "#no-book"})
    yield from _damaged(resolved(STREAM, shared), _text(shared))
    yield from _headers(resolved(STREAM, shared))
    start = write_header(Header(container.STREAM, 0, 9, FINGERPRINT))
    yield from _blocks(start)
    yield from _chains(start)
    yield from _ends(start)
    yield from _payloads(start)
    yield from _windows(_LIKELY, resolved(_LIKELY, shared).header, "windows")
    yield from _windows(_BOOK, resolved(_BOOK, shared).header, "ids")
    yield from containers_1.cases(shared)
    yield from containers_books.cases(shared)
    yield from containers_large.cases(shared)
    wrong = {"op": "container.decode", "file": "00"} | STREAM | {"model": "#precision-8"}
    yield Case("model and file both wrong: the model is told", "F-1 K-2 C-7", wrong)


def _text(shared: Mapping[str, Any]) -> bytes:
    """A text of which some blocks are coded and some are stored: likely bytes, random ones, likely ones."""
    return likely_text(shared["mixed"], 24, 1) + random.Random(2).randbytes(12) + likely_text(shared["mixed"], 24, 3)


def _good(shared: Mapping[str, Any]) -> Iterator[Case]:
    """Files as a writer writes them."""
    text = _text(shared)
    for what, coding in CODINGS.items():
        for size, block in [(0, 10), (1, 10), (10, 10), (11, 10), (60, 12), (60, 25), (60, 65_536), (3, 1)]:
            request = _ENCODE | {"text": text[:size].hex(), "block": block} | coding
            comment = f"{what}: {size} bytes in blocks of {block}"
            yield Case(comment, "K-1 K-5 K-8 K-9 K-10 K-11 K-13 K-16", request)
            file = container.encode(resolved(coding, shared), text[:size], block)
            yield from both(file, coding, f"{comment}, back", "K-1 K-3 K-9 K-10 K-11 K-13 K-16")
    for what, coding in [("streams", STREAM | {"model": "#likely-a"}), ("windows", _LIKELY), ("a codebook", _BOOK)]:
        for size, block in [(40, 40), (41, 20), (41, 65_536)]:
            a = b"a" * size
            comment = f"{what} of a likely byte: {size} bytes in blocks of {block}"
            yield Case(comment, "K-1 K-9 K-10 K-16", _ENCODE | {"text": a.hex(), "block": block} | coding)
            file = container.encode(resolved(coding, shared), a, block)
            yield from both(file, coding, f"{comment}, back", "K-1 K-9 K-10 K-16")
    for part, what in [
        (b"abc", "a code of as many bytes as its text"),
        (b"ab\x00", "a code of one byte less than its text"),
        (bytes(3), "a code of no bytes"),
        (b"\x00", "a text of one byte, and a code of none"),
    ]:
        yield Case(what, "K-16", _ENCODE | {"text": part.hex(), "block": 9} | _UNIFORM)
        file = container.encode(resolved(_UNIFORM, shared), part, 9)
        yield from both(file, _UNIFORM, f"{what}, back", "K-9 K-16")
    transformer = {"model": "#transformer", "fingerprint": FINGERPRINT.hex()}
    request = _ENCODE | {"text": b"exact".hex(), "block": 3} | transformer
    yield Case("the Transformer: the model starts anew in each block", "K-9 T-16", request)


def _sizes(shared: Mapping[str, Any]) -> Iterator[Case]:
    """The largest blocks."""
    coding, most = resolved(_BOOK, shared), container.LONGEST
    request = _ENCODE | {"text": (b"a" * (most + 1)).hex(), "block": most} | _BOOK
    yield Case("a coded block of 65536 bytes and one byte more", "K-1 K-7 K-13 K-17", request)
    file = container.encode(coding, b"a" * most, most)
    yield from both(file, _BOOK, "a coded block of 65536 bytes", "K-7 K-17")
    file = chained(write_header(coding.header), [stored(b"b" * most, b"b" * most)])
    request = {"op": "container.decode", "file": file.hex()} | _BOOK
    yield Case("a stored block of 65536 bytes", "K-7 K-16 K-17", request)


def _damaged(coding: Coding, text: bytes) -> Iterator[Case]:
    """A good file of a coded, a stored and another coded block, damaged."""
    draw = random.Random(5)
    file = container.encode(coding, text, 24)
    second = 48 + 11 + int.from_bytes(file[52:55], "big")
    third = second + 11 + int.from_bytes(file[second + 4 : second + 7], "big")
    starts = (48, second, third)
    sizes = {start + i for start in starts for i in range(7)}
    others = {*range(0, 48, 5), 8, 9, 10, 11, *range(48, len(file), 5), *range(len(file) - 8, len(file))}
    for place in sorted(sizes | others):
        bit = draw.randrange(8)
        comment = f"bit {bit} of byte {place} flipped"
        yield from both(flipped(file, place, bit), STREAM, comment, "K-2 K-3 K-4 K-7 K-8 K-12", "flipped")
    for start in starts:
        for bit in (0, 7):
            comment = f"bit {bit} of the marker at byte {start} flipped"
            yield from both(flipped(file, start, bit), STREAM, comment, "K-7 K-8 K-12", "flipped")
    bounds = {start + i for start in starts for i in (-4, -1, 0, 1, 6, 7, 8)}
    ends = {len(file) - i for i in (9, 8, 7, 5, 4, 1)}
    for size in sorted({0, 1, 7, 8, 9, 43, 44, 47} | bounds | ends):
        yield from both(file[:size], STREAM, f"the first {size} bytes", "K-2 K-4 K-12", "truncated")
    for more in (b"\x00", b"\n", file[third:], file):
        yield from both(file + more, STREAM, f"{len(more)} bytes more at the end", "K-11 K-12", "trailing")
    yield from both(file.replace(b"\r\n", b"\n"), STREAM, "line ends changed", "K-2")
    changes = [("model", "#uniform"), ("fingerprint", bytes(32).hex()), ("bits", 12), ("model", "#transformer")]
    for name, value in changes:
        request = {"op": "container.decode", "file": file.hex()} | STREAM | {name: value}
        yield Case(f"another {name}", "K-6 K-12", request)
    request = {"op": "container.decode", "file": file.hex(), "codebook": "#book"}
    yield Case("a codebook for a file of streams", "K-6", request)


def _headers(coding: Coding) -> Iterator[Case]:
    """Headers whose checksums are right."""
    end = [stored(b"", b"")]
    for header, what in WRONG_HEADERS:
        yield from both(chained(write_header(header), end), STREAM, what, "K-5 K-12")
    fields = write_header(coding.header)[9:44]
    for version in (0, 3, 255):
        start = container.MAGIC + bytes([version]) + fields
        file = chained(start + crc(start), end)
        yield from both(file, STREAM, f"version {version}, with a right checksum", "K-3 K-12")
    old, new = containers_1.write_header(coding.header), write_header(coding.header)
    block = containers_1.write_block(3, coding.encode(b"abc")) + containers_1.write_end(b"abc")
    yield from both(new + block, STREAM, "blocks of version 1 in a file of version 2", "K-3 K-7 K-8")
    yield from both(
        new + containers_1.write_end(b""), STREAM, "an end block of version 1 in a file of version 2", "K-7"
    )
    file = chained(old, [stored(b"abc", b"abc")])
    yield from both(file, STREAM, "blocks of version 2 in a file of version 1", "K-3 K-18 K-19")


def _blocks(start: bytes) -> Iterator[Case]:
    """Markers, n and p that there may not be. The checksums are right."""
    good = stored(b"abc")
    for marker in (2, 3, 128, 255):
        file = chained(start, [good, body(3, b"def", b"abcdef", marker)])
        yield from both(file, _UNIFORM, f"the marker {marker}", "K-7")
    for bodies, what in [
        ([body(65_537, b"a", b"a" + bytes(65_536))], "65537 bytes of text in the last block"),
        ([body(65_537, b"a"), stored(b"", b"a" + bytes(65_536))], "65537 bytes of text in another block"),
        ([body(2**24 - 1, b"", bytes(1))], "as many bytes of text as can be written"),
        ([body(3, b"abcd", b"abc")], "p = n + 1"),
        ([body(3, bytes(48), b"abc")], "p = 16 * n"),
        ([body(0, b"a", b"")], "a payload of no text, in the last block"),
        ([good, stored(b""), stored(b"def", b"abcdef")], "no text in the middle"),
        ([stored(b""), stored(b"abc", b"abc")], "no text at the start"),
        ([good, body(0, b"a"), stored(b"def", b"abcdef")], "a payload of no text, in the middle"),
    ]:
        yield from both(chained(start, bodies), _UNIFORM, what, "K-7")
    for cut, what in [
        (b"\x02\x00\x00\x03\x00\x00\x03", "the marker 2, and no more"),
        (b"\x02\x00\x00\x03\x00\x00", "the marker 2, and p not whole"),
        (b"\x01\x00\x00\x03\x00\x00\x04", "p = n + 1, and no more"),
        (b"\x00\x01\x00\x01\x00\x00\x00", "65537 bytes of text, and no more"),
        (b"\x00\x00\x00\x00\x00\x00\x00", "no text, and no more"),
        (b"\x00\x00\x00\x03\xff\xff\xff" + bytes(9), "as large a payload as can be written"),
        (b"\x01\xff\xff\xff\xff\xff\xff" + bytes(9), "as much text and as large a payload as can be written"),
        (b"\x01\x00\x00\x03\x00\x00\x03", "a right start, and no more"),
        (stored(b"abc", b"abd")[:-1], "another text's checksum, and not all of it"),
        (stored(b"abc", b"abc") + b"\x00\x00\x00", "a wrong checksum, and not all of it"),
    ]:
        yield from both(start + cut, _UNIFORM, f"cut off: {what}", "K-7 K-12", "truncated")


def _chains(start: bytes) -> Iterator[Case]:
    """Blocks that are right by themselves and do not follow what they followed."""
    parts = [b"abc", b"de\x00", b"fgh", b"ijk", b"lm"]
    text = b"".join(parts)
    bodies = [stored(b"abc"), body(3, b"de"), stored(b"fgh"), stored(b"ijk"), stored(b"lm", text)]
    file = chained(start, bodies)
    other = chained(start, [stored(b"xyz"), body(3, b"de"), stored(b"fgh"), stored(b"ijk"), stored(b"no", text)])
    yield from both(file, _UNIFORM, "coded and stored blocks", "K-8 K-9 K-16")

    def cut(whole: bytes) -> list[bytes]:
        blocks, at = [], len(start)
        for block in bodies:
            blocks.append(whole[at : at + len(block) + 4])
            at += len(block) + 4
        return blocks

    a, b, c, d, e = cut(file)
    a2, _, c2, _, e2 = cut(other)
    for blocks, what in [
        ([b, c, d, e], "the first block left out"),
        ([a, c, d, e], "the second block left out"),
        ([a, b, c, e], "the last but one left out"),
        ([e], "the last block only"),
        ([a, c, b, d, e], "two blocks swapped"),
        ([b, a, c, d, e], "the first two blocks swapped"),
        ([a, b, b, c, d, e], "a block repeated"),
        ([a, a, b, c, d, e], "the first block repeated"),
        ([a, b, c, d, d, e], "the last but one repeated"),
        ([a, b, c2, d, e], "the third block of another file, with the same text"),
        ([a2, b, c, d, e], "the first block of another file"),
        ([a, b, c, d, e2], "the last block of another file"),
    ]:
        yield from both(start + b"".join(blocks), _UNIFORM, what, "K-8")
    foreign = write_header(Header(container.STREAM, 0, 9, bytes(32)))
    yield from both(foreign + file[len(start) :], _UNIFORM, "the header of another file", "K-8 K-12")
    alone = start + b"".join(block + crc(block) for block in bodies)
    yield from both(alone, _UNIFORM, "checksums of blocks by themselves", "K-8")
    running = start
    for block in bodies:
        running += block + crc(running + block)
    yield from both(running, _UNIFORM, "checksums of the whole file so far", "K-8")
    unheaded = start + chained(bytes(4), bodies)[4:]
    yield from both(unheaded, _UNIFORM, "a chain that does not begin with the header", "K-8")


def _ends(start: bytes) -> Iterator[Case]:
    """The last block, and what follows it."""
    good = [stored(b"abc"), stored(b"de", b"abcde")]
    yield from both(chained(start, good), _UNIFORM, "the last block has text", "K-11 K-13")
    empty = [stored(b"abc"), stored(b"de"), stored(b"", b"abcde")]
    yield from both(chained(start, empty), _UNIFORM, "the last block has no text", "K-11 K-13", "not canonical")
    uneven = [stored(b"a"), stored(b"bcd"), stored(b"e", b"abcde")]
    yield from both(chained(start, uneven), _UNIFORM, "blocks of any sizes", "K-13", "not canonical")
    file = chained(start, good)
    for whole, what, rules in [
        (chained(start, [good[0], stored(b"de", b"abcdf")]), "the checksum of another text", "K-11"),
        (chained(start, [good[0], stored(b"de", b"de")]), "the checksum of the last block's text", "K-11"),
        (chained(start, [stored(b"abc"), stored(b"", b"")]), "the checksum of no text", "K-11"),
        (chained(start, [stored(b"", b"a")]), "another text's checksum, and no text", "K-11"),
        (chained(start, [good[0], stored(b"de")]), "no block is marked as the last", "K-1 K-4"),
        (chained(start, [good[0], body(2, b"de", None, 1)]), "the last block without the text's checksum", "K-4 K-11"),
        (chained(start, [body(3, b"abc", b"abc", 0), good[1]]), "the text's checksum in another block", "K-8 K-11"),
        (chained(start, [*good, stored(b"f", b"abcdef")]), "a block after the last", "K-11"),
        (chained(start, [*good, stored(b"", b"abcde")]), "a block without text after the last", "K-11"),
        (chained(start, [stored(b"", b""), stored(b"", b"")]), "two last blocks without text", "K-11"),
        (file + file, "two files end to end", "K-11"),
        (chained(start, [stored(b"abc", b"abd")]) + b"\x00", "another text's checksum, and more at the end", "K-12"),
        (chained(start, [stored(b"abc", b"abd")])[:-1] + b"\x00", "both checksums wrong", "K-12"),
    ]:
        yield from both(whole, _UNIFORM, what, rules)
    turned = stored(b"abc", b"abc")[:-4] + crc(b"abc")[::-1]
    yield from both(chained(start, [turned]), _UNIFORM, "the text's checksum turned round", "K-11 C-5")


def _payloads(start: bytes) -> Iterator[Case]:
    """Stored blocks and codes that a writer would not have written."""
    for bodies, what, flags in [
        ([stored(b"ab\x00", b"ab\x00")], "a stored block whose code is shorter", ["not canonical"]),
        ([stored(bytes(9)), body(3, b"ab", b"\0" * 9 + b"ab\0")], "zeros stored, then a code", ["not canonical"]),
        ([body(4, b"ab\x00", b"ab\0\0")], "a code that is longer than needed", ["not canonical"]),
        ([body(4, b"abc", b"abc\0")], "p = n - 1", []),
        ([body(2, b"", bytes(2))], "no payload", []),
        ([body(1, b"", b"a")], "no payload, and another text's checksum", []),
    ]:
        yield from both(chained(start, bodies), _UNIFORM, what, "K-9 K-16", *flags)


def _windows(coding: Mapping[str, Any], header: Header, what: str) -> Iterator[Case]:
    """Payloads of windows of 9 bits, of which number 97 + k is k times the byte 97."""
    start, text = write_header(header), b"a" * 12

    def row(*codes: int) -> bytes:
        return container.pack(list(codes), 9)

    def file(*bodies: bytes) -> bytes:
        return chained(start, bodies)

    one = row(97 + 12)
    for payload, contents, flags in [
        (one, "one for all", []),
        (row(97 + 5, 97 + 7), "more than needed", ["not canonical"]),
        (row(97 + 12, 0), "an empty one at the end", []),
        (row(97 + 5, 0, 97 + 7), "an empty one between", []),
        (row(97 + 11), "a text that is too short", []),
        (row(97 + 13), "a text that is too long", []),
        (row(97 + 5, 97 + 8), "a text of two that is too long", []),
        (b"", "none", []),
        (one[:-1] + bytes([one[-1] | 1]), "bits after them", []),
        (one + b"\x00", "a byte after them", []),
    ]:
        yield from both(file(body(12, payload, text)), coding, f"{what}: {contents}", "K-10", *flags)
    for whole, contents, rules in [
        (file(stored(one, one)), "stored bytes that are a code too", "K-16"),
        (file(stored(one, text[: len(one)])), "a code of as many bytes as its text, not stored", "K-11 K-16"),
        (file(stored(bytes(3), bytes(3))), "stored zeros", "K-16"),
        (file(body(12, b"")) + stored(b"a", b"a") + bytes(4), "a bad payload, then a wrong checksum", "K-12"),
        (file(body(12, b"", text))[:-1] + b"\x00", "a bad payload with a wrong checksum", "K-12"),
        (file(body(12, b"", b"b")), "a bad payload with another text's checksum", "K-12"),
        (file(body(12, b"", text)) + b"\x00", "a bad payload, and more at the end", "K-12"),
    ]:
        yield from both(whole, coding, f"{what}: {contents}", rules)
