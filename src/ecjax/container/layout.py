"""What is where in a file of compressed text, and what is refused without its model. Without JAX."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from ecjax.binary import Source, Target, put, take

MAGIC = b"\x89ECJ\r\n\x1a\n"
"""The bytes that every file begins with (K-1)."""
VERSION = 2
"""The version of the format that is written. Version 1 is read too."""

STREAMS = 1
"""The method of a file whose blocks are streams (K-5)."""
WINDOWS = 2
"""The method of a file whose blocks are windows of a model (K-5)."""
CODEBOOK = 3
"""The method of a file whose blocks are ids of a codebook (K-5)."""
LONGEST = 1 << 16
"""The most bytes of text in a block (K-7)."""

_FIELDS = struct.Struct(">8s4B32s")  # of a header: magic, version, method, b, F, fingerprint
_SIZES = struct.Struct(">B3s3s")  # of a block: whether it is the last, n, p
_SIZES_1 = struct.Struct(">2I")  # of a block of version 1: n, p
_END_1 = struct.Struct(">QI")  # the payload of the end block of version 1: bytes of text, their CRC-32
_CHECKSUM = 4  # bytes of a CRC-32
_LIMITS = {STREAMS: (0, 0, 9, 16), WINDOWS: (9, 128, 9, 16), CODEBOOK: (9, 16, 0, 0)}  # of b and F (K-5)


class Refused(ValueError):
    """A file that is damaged, or not what it was taken for.

    Attributes:
      cause: One word of specs/conventions.md, C-7: magic, version, truncated, header, method, parameters, model, block,
        checksum, payload, length, text or trailing.
      message: What is wrong, and what would be right.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(cause, message)  # as it is made, lest it cannot be pickled
        self.cause, self.message = cause, message

    def __str__(self) -> str:
        return f"{self.cause}: {self.message}"


class Header(NamedTuple):
    """What a file was made with (K-1, K-5).

    Attributes:
      method: STREAMS, WINDOWS or CODEBOOK.
      bits: b, the bits of a window: 9 to 128, in a codebook 9 to 16; 0 with streams.
      precision: F, the bits of the model's tables, 9 to 16; 0 with a codebook.
      fingerprint: That of the model or codebook: 64 lower-case hexadecimal digits.
    """

    method: int
    bits: int
    precision: int
    fingerprint: str

    def __str__(self) -> str:
        what = {
            STREAMS: f"streams of the model {self.fingerprint}",
            WINDOWS: f"windows of {self.bits} bits of the model {self.fingerprint}",
        }.get(self.method, f"windows of {self.bits} bits of the codebook {self.fingerprint}")
        return f"{what}, precision {self.precision}" if self.precision else what


class Block(NamedTuple):
    """A block of text.

    Attributes:
      number: Its place among the blocks of text, from 1.
      length: n, the bytes of its text.
      payload: Its code; its text itself, if it is stored.
      stored: Whether it is stored.
    """

    number: int
    length: int
    payload: bytes
    stored: bool


class Summary(NamedTuple):
    """What a file says without its model (K-15).

    Attributes:
      header: What it was made with.
      version: 1 or 2.
      length: Bytes of text.
      blocks: Blocks of text.
      stored: Those of them that are stored, because coding does not make them shorter.
      size: Bytes of the file.
    """

    header: Header
    version: int
    length: int
    blocks: int
    stored: int
    size: int


class Writer:
    """Writes a file from front to back: the header at once, then each `block`."""

    def __init__(self, target: Target, header: Header) -> None:
        self._target, self._header = target, header
        self._length = self._blocks = self._stored = self._size = self._text_checksum = 0
        numbers = (VERSION, header.method, header.bits, header.precision)
        self._put(_FIELDS.pack(MAGIC, *numbers, bytes.fromhex(header.fingerprint)))

    def block(self, text: bytes, code: bytes, last: bool) -> None:
        """Writes a block: the code if it is shorter than the text, else the text."""
        payload = min(text, code, key=len)
        self._length, self._text_checksum = self._length + len(text), crc32(text, self._text_checksum)
        self._blocks, self._stored = self._blocks + bool(text), self._stored + bool(text and payload is text)
        data = _SIZES.pack(last, len(text).to_bytes(3, "big"), len(payload).to_bytes(3, "big")) + payload
        self._put(data + _number(self._text_checksum) if last else data)

    def summary(self) -> Summary:
        """What was written."""
        return Summary(self._header, VERSION, self._length, self._blocks, self._stored, self._size)

    def _put(self, data: bytes) -> None:
        """Writes data and the CRC-32 that chains it to what comes before."""
        before = self._checksum if self._size else b""
        self._checksum = _number(crc32(before + data))
        put(self._target, data + self._checksum)
        self._size += len(data) + _CHECKSUM


class Reader:
    """Goes through a file from front to back and refuses it where it is damaged, in the order of K-12.

    Iterate over its blocks, then `finish`. In between, `text_checksum` is that of the whole text, as the file has it.

    Attributes:
      header: What the file was made with.
      version: 1 or 2.
      text_checksum: See above.
    """

    def __init__(self, source: Source) -> None:
        """Reads the header."""
        self._source, self._size, self._length, self._blocks, self._stored = source, 0, 0, 0, 0
        self.text_checksum = 0
        start = self._read(len(MAGIC))
        if start != MAGIC:
            raise Refused(
                "magic",
                f"a file of compressed text begins with {MAGIC.hex()}, not {start.hex() or 'nothing'}; "
                "give one that `ecjax encode` wrote, unchanged",
            )
        start += self._whole(1, "header")
        self.version = start[-1]
        if self.version not in (1, VERSION):
            raise Refused(
                "version", f"the file has version {self.version}, this ecjax reads 1 and {VERSION}; use a later one"
            )
        start += self._whole(_FIELDS.size - len(start), "header")
        self._checksum = self._whole(_CHECKSUM, "header")
        if self._checksum != _number(crc32(start)):
            raise Refused("header", "the header does not have its CRC-32; get the file again")
        _, _, method, bits, precision, fingerprint = _FIELDS.unpack(start)
        self.header = Header(method, bits, precision, fingerprint.hex())
        _check_header(self.header)

    def __iter__(self) -> Iterator[Block]:
        return self._blocks_of_version_1() if self.version == 1 else self._blocks_of_version_2()

    def finish(self) -> Summary:
        """What there was, if there is no more."""
        size = self._size
        if self._read(1):
            raise Refused("trailing", f"the file goes on after its end, at byte {size}; cut it off there")
        return Summary(self.header, self.version, self._length, self._blocks, self._stored, size)

    def _blocks_of_version_2(self) -> Iterator[Block]:
        last = 0
        while not last:
            name = self._name()
            start = self._whole(_SIZES.size, name)
            last, n, p = (int.from_bytes(part, "big") for part in (start[:1], start[1:4], start[4:]))
            if not (last <= 1 and 1 - last <= n <= LONGEST and p <= n):
                raise Refused(
                    "block",
                    f"{name}, says marker {last}, {n} bytes of text and {p} of payload; the marker is 0, or 1 in the "
                    f"last, the text has 1 to {LONGEST} bytes, or 0 in the last, and the payload no more than the "
                    "text; get the file again",
                )
            payload, end = self._whole(p, name), self._whole(_CHECKSUM * last, name)
            self._check(name, self._checksum + start + payload + end)
            self.text_checksum = int.from_bytes(end, "big")
            if n:
                yield self._block(n, payload, stored=p == n)

    def _blocks_of_version_1(self) -> Iterator[Block]:
        while True:
            name = self._name()
            start = self._whole(_SIZES_1.size, name)
            n, p = _SIZES_1.unpack(start)
            if n == 0:
                name = f"the end block, which begins at byte {self._size - _SIZES_1.size}"
            right = n <= LONGEST and p <= 16 * n if n else p == _END_1.size
            if not right:
                raise Refused(
                    "block",
                    f"{name}, says {n} bytes of text and {p} of payload; there are at most {LONGEST} and 16 "
                    f"for each of text, or, at the end, 0 and {_END_1.size}; get the file again",
                )
            payload = self._whole(p, name)
            self._check(name, start + payload)
            if n == 0:
                break
            yield self._block(n, payload, stored=False)
        length, self.text_checksum = _END_1.unpack(payload)
        if length != self._length:
            raise Refused(
                "length", f"the blocks hold {self._length} bytes of text, the file says {length}; get the file again"
            )

    def _name(self) -> str:
        return f"block {self._blocks + 1}, which begins at byte {self._size}"

    def _block(self, length: int, payload: bytes, stored: bool) -> Block:
        self._length, self._blocks, self._stored = self._length + length, self._blocks + 1, self._stored + stored
        return Block(self._blocks, length, payload, stored)

    def _check(self, name: str, data: bytes) -> None:
        """Compares the CRC-32 that comes next."""
        self._checksum = self._whole(_CHECKSUM, name)
        if self._checksum != _number(crc32(data)):
            raise Refused("checksum", f"{name}, does not have its CRC-32; get the file again")

    def _read(self, size: int) -> bytes:
        data = take(self._source, size)
        self._size += len(data)
        return data

    def _whole(self, size: int, name: str) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise Refused("truncated", f"the file ends within {name}, after {self._size} bytes; get the whole file")
        return data


def info(source: Source) -> Summary:
    """What a file says without its model, all checked that can be (K-15).

    Args:
      source: The file, read to its end in pieces of at most 1 MiB.

    Raises:
      Refused: If the file is damaged.
    """
    reader = Reader(source)
    for _ in reader:
        pass
    return reader.finish()


def _check_header(header: Header) -> None:
    """Raises Refused unless there can be such files (K-5)."""
    if header.method not in _LIMITS:
        raise Refused(
            "method", f"the file has method {header.method}; known are 1 (streams), 2 (windows), 3 (codebook)"
        )
    least, most, coarsest, finest = _LIMITS[header.method]
    if not (least <= header.bits <= most and coarsest <= header.precision <= finest):
        raise Refused(
            "parameters",
            f"the file has windows of {header.bits} bits and precision {header.precision}; with method "
            f"{header.method} there are {least} to {most} and {coarsest} to {finest}",
        )


def _number(checksum: int) -> bytes:
    return checksum.to_bytes(_CHECKSUM, "big")
