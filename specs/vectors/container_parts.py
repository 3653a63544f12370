"""What the cases of both versions of container.md are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from ..oracle import codebook, container, protocol
from ..oracle.container import Coding, Header
from .books import written
from .case import Case, flat, mixed, peaked, table_model
from .transformers import tiny_model

FINGERPRINT = bytes(range(100, 132))
STREAM = {"model": "#mixed", "fingerprint": FINGERPRINT.hex()}
CODINGS: Mapping[str, dict[str, Any]] = {
    "streams": STREAM,
    "windows": STREAM | {"bits": 33},
    "windows of 128 bits": STREAM | {"bits": 128},
    "a codebook": {"codebook": "#book"},
}
WRONG_HEADERS = [
    (Header(0, 0, 12, FINGERPRINT), "method 0"),
    (Header(4, 0, 12, FINGERPRINT), "method 4"),
    (Header(4, 129, 17, FINGERPRINT), "method 4, and parameters of no method"),
    (Header(container.STREAM, 9, 12, FINGERPRINT), "streams with windows"),
    (Header(container.STREAM, 0, 8, FINGERPRINT), "precision 8"),
    (Header(container.STREAM, 0, 17, FINGERPRINT), "precision 17"),
    (Header(container.WINDOWS, 8, 9, FINGERPRINT), "windows of 8 bits"),
    (Header(container.WINDOWS, 129, 9, FINGERPRINT), "windows of 129 bits"),
    (Header(container.WINDOWS, 9, 0, FINGERPRINT), "windows of a model without precision"),
    (Header(container.WINDOWS, 9, 17, FINGERPRINT), "windows of a model of precision 17"),
    (Header(container.CODEBOOK, 17, 0, FINGERPRINT), "a codebook of 17 bits"),
    (Header(container.CODEBOOK, 8, 0, FINGERPRINT), "a codebook of 8 bits"),
    (Header(container.CODEBOOK, 9, 9, FINGERPRINT), "a codebook with a precision"),
]


def definitions() -> dict[str, Any]:
    """Models and codebooks."""
    found: dict[str, Any] = {"mixed": mixed(12, 1), "uniform": table_model(9, [flat(9)])}
    found["transformer"] = {"precision": 16, "transformer": tiny_model(9, layers=1)}
    found["moody"] = {"precision": 12, "transformer": tiny_model(16, layers=1, mlp_dim=3)}
    found["precision-8"] = table_model(8, [[1] * 256])
    found["book"] = _book(mixed(10, 1))
    found["no-book"] = {"parents": [[512, 0]], "last_bytes": [[512, 0]]}
    found["likely-a"] = table_model(16, [peaked(16, 97)])
    found["book-of-a"] = _book(table_model(16, [peaked(16, 97)]))
    return found


def _book(model: dict[str, Any]) -> dict[str, Any]:
    return written(codebook.compile_codebook(protocol.from_model(model)[0], 9))


def resolved(coding: Mapping[str, Any], shared: Mapping[str, Any]) -> Coding:
    """A coding whose `#names` are put in."""
    return protocol.from_coding({name: shared.get(str(value)[1:], value) for name, value in coding.items()})


def both(file: bytes, coding: Mapping[str, Any], comment: str, rules: str, *flags: str) -> Iterator[Case]:
    """A file that is decoded with its model and looked at without."""
    yield Case(comment, rules, {"op": "container.decode", "file": file.hex(), **coding}, flags)
    yield Case(comment, f"{rules} K-15", {"op": "container.info", "file": file.hex()}, flags)


def flipped(file: bytes, place: int, bit: int) -> bytes:
    """A file with one bit of one byte turned over."""
    return file[:place] + bytes([file[place] ^ 1 << bit]) + file[place + 1 :]


def crc(data: bytes) -> bytes:
    """A CRC-32 as it is written."""
    return crc32(data).to_bytes(4, "big")


def body(length: int, payload: bytes, text: bytes | None = None, marker: int | None = None) -> bytes:
    """A block of version 2 without its CRC-32; with a text it is the last of that. The marker may be a wrong one."""
    mark = marker if marker is not None else text is not None
    sizes = length.to_bytes(3, "big") + len(payload).to_bytes(3, "big")
    return bytes([mark]) + sizes + payload + (b"" if text is None else crc(text))


def stored(part: bytes, text: bytes | None = None) -> bytes:
    """A stored block without its CRC-32; with a text it is the last of that."""
    return body(len(part), part, text)


def chained(start: bytes, bodies: Iterable[bytes]) -> bytes:
    """A file of version 2 of a header and blocks, to each of which its CRC-32 is added."""
    for block in bodies:
        start += block + crc(start[-4:] + block)
    return start
