"""The file format for compressed text, written and read in one pass and in constant memory.

A file is a header, blocks of text that are coded each by itself, and an end block with the text's length and CRC-32
(specs/container.md, whose rules are named here as K-1 to K-15). A `Coding` says how blocks are coded: as streams of a
model (`stream_coding`), as its windows (`window_coding`), or as those of a codebook (`codebook_coding`).

    coding = codebook_coding(load_codebook("books-16"))
    with open("book.txt", "rb") as source, open("book.ecj", "wb") as target:
        encode(coding, source, target)

Blocks are gathered in groups that are coded side by side, so memory does not grow with the text.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable
from zlib import crc32

import numpy as np
from jaxtyping import UInt32

from ecjax.checks import check_exact
from ecjax.codebook import MAX_CODEBOOK_BITS, Codebook
from ecjax.coding import batches, windows
from ecjax.frequencies import check_precision
from ecjax.models.base import ByteModel
from ecjax.tokenizers import EqualInfo
from ecjax.tokenizers.arithmetic import decode_blocks, encode_blocks
from ecjax.tokenizers.bits import from_bytes, from_ids, to_numbers
from ecjax.tokenizers.blocks import lanes

MAGIC = b"\x89ECJ\r\n\x1a\n"
VERSION = 1
STREAMS, WINDOWS, CODEBOOK = 1, 2, 3
LONGEST = 1 << 16
"""Bytes of text that a block has at most (K-7)."""

_FIELDS = struct.Struct(">8s4B32s")  # of a header: magic, version, method, b, F, fingerprint
_SIZES = struct.Struct(">2I")  # of a block: n, p
_END = struct.Struct(">QI")  # the end block's payload: bytes of text, their CRC-32
_CHECKSUM = 4  # bytes of a CRC-32
_SPELLED = 4096  # windows that are spelled at once, lest those of a damaged file take much memory before it shows

Report = Callable[[int], None]
_Item = TypeVar("_Item")


@runtime_checkable
class Source(Protocol):
    """What is read from: a file opened in binary mode, a socket's, or anything that reads likewise."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, one at least unless there are none left."""
        ...


@runtime_checkable
class Target(Protocol):
    """What is written to: a file opened in binary mode, or anything that takes all that it is given."""

    def write(self, data: bytes, /) -> object:
        """Writes all of the data."""
        ...


class Refused(ValueError):
    """A file that is damaged, or not what it was taken for.

    Attributes:
      cause: One word of specs/conventions.md, C-7: magic, version, truncated, header, method, parameters, model, block,
        checksum, payload, length, text or trailing.
      message: What is wrong, and what would be right.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(f"{cause}: {message}")
        self.cause, self.message = cause, message


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


class Summary(NamedTuple):
    """What a file says without its model (K-15).

    Attributes:
      header: What it was made with.
      length: Bytes of text.
      blocks: Blocks of text.
      size: Bytes of the file.
    """

    header: Header
    length: int
    blocks: int
    size: int


class Coding(NamedTuple):
    """How blocks of text become payloads, and what a file's header says of it.

    Attributes:
      header: What the file says.
      encode: The payload of each of several blocks of text.
      read: From a payload, and the bytes of text that it is to hold, what `decode` wants; or Refused.
      decode: The texts of several payloads that were read, each to hold so many bytes; one that does not may be cut.
    """

    header: Header
    encode: Callable[[Sequence[bytes]], Sequence[bytes]]
    read: Callable[[bytes, int], Any]
    decode: Callable[[Sequence[Any], Sequence[int]], Iterable[bytes]]


def stream_coding(model: ByteModel, fingerprint: str) -> Coding:
    """Each block a stream of its own (method 1): the smallest file. Bytes are decoded one after the other.

    Args:
      model: An exact model.
      fingerprint: Names it: 64 lower-case hexadecimal digits, those of its file if it has one.

    Raises:
      ValueError: If the model is not exact, or the fingerprint is none.
    """
    check_precision(model.precision)
    check_exact(model, allow_inexact=False)
    return Coding(
        Header(STREAMS, 0, model.precision, _check_fingerprint(fingerprint)),
        lambda texts: encode_blocks(model, texts),
        lambda payload, length: payload,
        lambda codes, lengths: decode_blocks(model, codes, lengths),
    )


def window_coding(model: ByteModel, bits: int, fingerprint: str) -> Coding:
    """Each block a row of windows (method 2), which decode all at once.

    Args:
      model: An exact model.
      bits: b, 9 to 128.
      fingerprint: As in `stream_coding`.

    Raises:
      ValueError: If the model is not exact, the bits are out of range, or the fingerprint is none.
    """
    tokenizer = EqualInfo(model, bits, token_bits=8)

    def spell(codes: UInt32[np.ndarray, "n limbs"]) -> Iterator[bytes]:
        for begin in range(0, len(codes), _SPELLED):
            yield from batches.decode(model, windows.Preorder(bits), codes[begin : begin + _SPELLED])

    def decode(batch: Sequence[UInt32[np.ndarray, "_ limbs"]], lengths: Sequence[int]) -> Iterator[bytes]:
        strings = spell(np.concatenate(batch))
        return (_joined(itertools.islice(strings, len(codes)), n) for codes, n in zip(batch, lengths, strict=True))

    return Coding(
        Header(WINDOWS, bits, model.precision, _check_fingerprint(fingerprint)),
        lambda texts: [ids.astype(np.uint8).tobytes() for ids in tokenizer.encode_batch(texts)],
        lambda payload, length: _read_windows(payload, bits, length),
        decode,
    )


def codebook_coding(codebook: Codebook) -> Coding:
    """Each block a row of a codebook's windows (method 3): no model at run time."""
    bits, lengths_of = codebook.bits, np.asarray(codebook.lengths)

    def read(payload: bytes, length: int) -> np.ndarray:
        ids = _read_windows(payload, bits, length)[:, 0].astype(np.int32)
        _check_length(int(lengths_of[ids].sum(dtype=np.int64)), length)  # before there is room made for it
        return ids

    return Coding(
        Header(CODEBOOK, bits, 0, codebook.fingerprint),
        lambda texts: [np.packbits(from_ids(ids, bits)).tobytes() for ids in codebook.encode_batch(texts)],
        read,
        lambda batch, lengths: codebook.decode_batch(batch),
    )


def encode(
    coding: Coding, source: Source, target: Target, block: int = 1 << 15, report: Report | None = None
) -> Summary:
    """Writes the file of a text.

    Args:
      coding: How.
      source: The text, read to its end in pieces of at most `block` bytes.
      target: Where the file is written.
      block: Bytes of text in a block, 1 to 65,536.
      report: Called now and then with the bytes of text that are done.

    Raises:
      ValueError: If `block` is out of range.
    """
    if not 1 <= block <= LONGEST:
        raise ValueError(f"a block has 1 to {LONGEST:,} bytes of text, got {block}")
    length = checksum = blocks = 0
    size = _put(target, _write_header(coding.header))
    for texts in _groups(iter(lambda: _take(source, block), b"")):
        for text, payload in zip(texts, coding.encode(texts), strict=True):
            size += _put(target, _write_block(len(text), payload))
            length, checksum, blocks = length + len(text), crc32(text, checksum), blocks + 1
        if report is not None:
            report(length)
    size += _put(target, _write_block(0, _END.pack(length, checksum)))
    return Summary(coding.header, length, blocks, size)


def decode(coding: Coding, source: Source, target: Target, report: Report | None = None) -> Summary:
    """Writes the text of a file. It is written as it is decoded: if this raises, what is in `target` is no text (K-14).

    Args:
      coding: How the file was made.
      source: The file, read to its end in pieces of at most 1 MiB.
      target: Where the text is written.
      report: Called now and then with the bytes of text that are done.

    Raises:
      Refused: If the file is damaged or was made with something else.
    """
    reader = _Reader(source)
    if reader.header != coding.header:
        raise Refused("model", f"the file was made with {reader.header}, this is {coding.header}; give what made it")
    length = checksum = 0
    for group in _groups(_codes(coding, reader)):
        texts = coding.decode([code for _, _, code in group], [n for _, n, _ in group])
        for (number, n, _), text in zip(group, texts, strict=True):
            with _in_block(number):
                _check_length(len(text), n)
            _put(target, text)
            length, checksum = length + n, crc32(text, checksum)
        if report is not None:
            report(length)
    if reader.checksum != checksum:
        raise Refused("text", "the text does not have the CRC-32 that the file says; get the file again, or its model")
    return reader.finish()


def info(source: Source) -> Summary:
    """What a file says without its model, all checked that can be (K-15).

    Args:
      source: The file, read to its end in pieces of at most 1 MiB.

    Raises:
      Refused: If the file is damaged.
    """
    reader = _Reader(source)
    for _ in reader:
        pass
    return reader.finish()


def read_header(source: Source) -> Header:
    """What a file was made with, from its first 48 bytes. Raises Refused if they are damaged."""
    return _Reader(source).header


def encode_bytes(coding: Coding, text: bytes, block: int = 1 << 15) -> bytes:
    """The file of a text, both in memory. As `encode`."""
    target = io.BytesIO()
    encode(coding, io.BytesIO(text), target, block)
    return target.getvalue()


def decode_bytes(coding: Coding, file: bytes) -> bytes:
    """The text of a file, both in memory. Raises as `decode` does."""
    target = io.BytesIO()
    decode(coding, io.BytesIO(file), target)
    return target.getvalue()


class _Reader:
    """Goes through a file from front to back and refuses it where it is damaged, in the order of K-12.

    Iterate over its blocks, then `finish`. In between, `checksum` is that of the whole text, as the file has it.
    """

    def __init__(self, source: Source) -> None:
        """Reads the header."""
        self._source, self._size, self._length, self._blocks, self.checksum = source, 0, 0, 0, 0
        start = self._read(len(MAGIC))
        if start != MAGIC:
            raise Refused(
                "magic",
                f"a file of compressed text begins with {MAGIC.hex()}, not {start.hex() or 'nothing'}; "
                "give one that `ecjax encode` wrote, unchanged",
            )
        start += (version := self._whole(1, "header"))
        if version[0] != VERSION:
            raise Refused("version", f"the file has version {version[0]}, this ecjax reads {VERSION}; use a later one")
        start += self._whole(_FIELDS.size - len(start), "header")
        if self._whole(_CHECKSUM, "header") != _checksum(start):
            raise Refused("header", "the header does not have its CRC-32; get the file again")
        _, _, method, bits, precision, fingerprint = _FIELDS.unpack(start)
        self.header = Header(method, bits, precision, fingerprint.hex())
        _check_header(self.header)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """The bytes of text and the payload of each block of text."""
        while True:
            name = f"block {self._blocks + 1}, which begins at byte {self._size}"
            start = self._whole(_SIZES.size, name)
            n, p = _SIZES.unpack(start)
            if n == 0:
                name = f"the end block, which begins at byte {self._size - _SIZES.size}"
            right = n <= LONGEST and p <= 16 * n if n else p == _END.size
            if not right:
                raise Refused(
                    "block",
                    f"{name}, says {n} bytes of text and {p} of payload; there are at most {LONGEST} and 16 "
                    f"for each of text, or, at the end, 0 and {_END.size}; get the file again",
                )
            payload = self._whole(p, name)
            if self._whole(_CHECKSUM, name) != _checksum(start + payload):
                raise Refused("checksum", f"{name}, does not have its CRC-32; get the file again")
            if n == 0:
                break
            self._length, self._blocks = self._length + n, self._blocks + 1
            yield n, payload
        length, self.checksum = _END.unpack(payload)
        if length != self._length:
            raise Refused(
                "length", f"the blocks hold {self._length} bytes of text, the file says {length}; get the file again"
            )

    def finish(self) -> Summary:
        """What there was, if there is no more."""
        size = self._size
        if self._read(1):
            raise Refused("trailing", f"the file goes on after its end block, at byte {size}; cut it off there")
        return Summary(self.header, self._length, self._blocks, size)

    def _read(self, size: int) -> bytes:
        data = _take(self._source, size)
        self._size += len(data)
        return data

    def _whole(self, size: int, name: str) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise Refused("truncated", f"the file ends within {name}, after {self._size} bytes; get the whole file")
        return data


def _check_fingerprint(fingerprint: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", fingerprint):
        raise ValueError(f"a fingerprint is 64 lower-case hexadecimal digits, got {fingerprint!r}")
    return fingerprint


def _check_header(header: Header) -> None:
    """Raises Refused unless there can be such files (K-5)."""
    most = {STREAMS: 0, WINDOWS: windows.MAX_BITS, CODEBOOK: MAX_CODEBOOK_BITS}
    if header.method not in most:
        raise Refused(
            "method", f"the file has method {header.method}; known are 1 (streams), 2 (windows), 3 (codebook)"
        )
    least = min(windows.MIN_BITS, most[header.method])
    precisions = (0, 0) if header.method == CODEBOOK else (9, 16)
    if not (least <= header.bits <= most[header.method] and precisions[0] <= header.precision <= precisions[1]):
        raise Refused(
            "parameters",
            f"the file has windows of {header.bits} bits and precision {header.precision}; with method "
            f"{header.method} there are {least} to {most[header.method]} and {precisions[0]} to {precisions[1]}",
        )


def _read_windows(payload: bytes, bits: int, length: int) -> UInt32[np.ndarray, "n limbs"]:
    """The windows of a payload that is to hold so many bytes of text. Raises Refused if it cannot (K-10)."""
    stream = from_bytes(payload)
    codes, rest = to_numbers(stream, bits), stream[len(stream) // bits * bits :]
    if len(rest) >= 8 or rest.any():
        raise Refused("payload", f"{len(rest)} bits follow the last window; there are fewer than 8, and all 0")
    if not codes.any(axis=1).all():
        raise Refused("payload", "a window is 0, the empty text, which no block has")
    if len(codes) > length:  # for each is a byte at least
        raise Refused("payload", f"there are {len(codes)} windows for {length} bytes of text, more than bytes")
    return codes


def _check_length(got: int, length: int) -> None:
    if got != length:
        raise Refused("payload", f"the payload holds {got} bytes of text or more, not {length}")


def _joined(strings: Iterable[bytes], length: int) -> bytes:
    """The text of windows that are to have so many bytes, cut off once it has more."""
    text = bytearray()
    for string in strings:
        text += string
        if len(text) > length:
            break
    return bytes(text)


def _codes(coding: Coding, blocks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, int, Any]]:
    """The number of each block, from 1, the bytes of its text, and its payload as `coding.decode` wants it."""
    for number, (length, payload) in enumerate(blocks, 1):
        with _in_block(number):
            code = coding.read(payload, length)
        yield number, length, code


@contextlib.contextmanager
def _in_block(number: int) -> Iterator[None]:
    """Says in which block it was that something was refused."""
    try:
        yield
    except Refused as refused:
        raise Refused(refused.cause, f"in block {number}, {refused.message}; get the file again") from None


def _groups(blocks: Iterator[_Item]) -> Iterator[list[_Item]]:
    """Gathers blocks to be coded side by side; those before one that is refused come before the refusal (K-12)."""
    most = lanes(16, 256)
    group: list[_Item] = []
    try:
        for block in blocks:
            group.append(block)
            if len(group) == most:
                yield group
                group = []
    except Refused:
        if group:
            yield group
        raise
    if group:
        yield group


def _take(source: Source, size: int) -> bytes:
    """The next `size` bytes, or as many as there are, however little the source gives at a time."""
    data = source.read(size)
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


def _put(target: Target, data: bytes) -> int:
    target.write(data)
    return len(data)


def _checksum(data: bytes) -> bytes:
    return crc32(data).to_bytes(_CHECKSUM, "big")


def _write_header(header: Header) -> bytes:
    """The first 48 bytes of a file."""
    numbers = (VERSION, header.method, header.bits, header.precision)
    data = _FIELDS.pack(MAGIC, *numbers, bytes.fromhex(header.fingerprint))
    return data + _checksum(data)


def _write_block(length: int, payload: bytes) -> bytes:
    """A block; one without text ends the file."""
    data = _SIZES.pack(length, len(payload)) + payload
    return data + _checksum(data)
