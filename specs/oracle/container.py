"""The file format for compressed text. Standard library only; this is the definition."""

from collections.abc import Callable, Iterator
from typing import NamedTuple
from zlib import crc32

from . import codebook, stream, tokens, windows
from .codebook import Codebook
from .frequencies import check_precision
from .refusal import require
from .stream import Model

MAGIC = b"\x89ECJ\r\n\x1a\n"
VERSION = 2
STREAM, WINDOWS, CODEBOOK = 1, 2, 3
HEADER = 48
LONGEST = 65_536  # bytes of text in a block


class Header(NamedTuple):
    """What a file was made with. `bits` is 0 where there are no windows, `precision` where there are no tables."""

    method: int
    bits: int
    precision: int
    fingerprint: bytes


class Coding(NamedTuple):
    """A header, and the two functions that it stands for: bytes of a text to a payload, and back with their number."""

    header: Header
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes, int], bytes]


class Block(NamedTuple):
    """A block as it is read: the bytes of its text, its payload, and whether that is the text itself.

    `text_sum` is the CRC-32 of the whole text, in 4 bytes, in the last block; no bytes in the others.
    """

    length: int
    payload: bytes
    stored: bool
    text_sum: bytes


class Summary(NamedTuple):
    """What a file says without its model: its version, its header, the bytes of text, and the blocks that have some."""

    version: int
    header: Header
    length: int
    blocks: int
    stored: int


def pack(codes: list[int], bits: int) -> bytes:
    """Windows as bytes: their bits, first bits first, filled with zeros to a whole byte."""
    return bytes(tokens.cut(codes, bits, 8))


def unpack(payload: bytes, bits: int) -> list[int]:
    """The windows of a payload. Raises Refused if it is not what `pack` makes of windows that are not empty."""
    codes = tokens.join(list(payload), bits, 8)
    require(0 not in codes and pack(codes, bits) == payload, "payload")
    return codes


def stream_coding(model: Model, precision: int, fingerprint: bytes) -> Coding:
    """Each block a stream of its own."""
    check_precision(precision)
    return Coding(
        Header(STREAM, 0, precision, fingerprint),
        lambda text: stream.encode(model, text),
        lambda payload, length: stream.decode(model, payload, length),
    )


def window_coding(model: Model, precision: int, bits: int, fingerprint: bytes) -> Coding:
    """Each block a row of windows."""
    check_precision(precision)
    windows.check_bits(bits)
    return Coding(
        Header(WINDOWS, bits, precision, fingerprint),
        lambda text: pack(windows.encode(model, text, bits), bits),
        lambda payload, length: windows.decode(model, unpack(payload, bits), bits),
    )


def codebook_coding(book: Codebook) -> Coding:
    """Each block a row of windows that a table spells."""
    fingerprint = bytes.fromhex(codebook.codebook_fingerprint(book))
    return Coding(
        Header(CODEBOOK, book.bits, 0, fingerprint),
        lambda text: pack(codebook.encode(book, text), book.bits),
        lambda payload, length: codebook.decode(book, unpack(payload, book.bits)),
    )


def number(data: bytes) -> int:
    """The number that bytes stand for, the greatest byte first, as all numbers of the format are written."""
    return int.from_bytes(data, "big")


def checksum(data: bytes) -> bytes:
    """The CRC-32 of bytes, as it is written."""
    return crc32(data).to_bytes(4, "big")


def write_header(header: Header) -> bytes:
    """The first 48 bytes of a file."""
    fields = MAGIC + bytes([VERSION, header.method, header.bits, header.precision]) + header.fingerprint
    return fields + checksum(fields)


def write_block(before: bytes, length: int, payload: bytes, text_sum: bytes = b"") -> bytes:
    """A block that follows these bytes, of which the last 4 count. The last of a file has the whole text's CRC-32."""
    sizes = length.to_bytes(3, "big") + len(payload).to_bytes(3, "big")
    block = bytes([1 if text_sum else 0]) + sizes + payload + text_sum
    return block + checksum(before[-4:] + block)


def encode(coding: Coding, text: bytes, block: int) -> bytes:
    """The file of a text, cut into blocks of so many bytes, 65,536 at most. The last block of text ends the file."""
    parts = [text[i : i + block] for i in range(0, len(text), block)] or [b""]
    file = write_header(coding.header)
    for place, part in enumerate(parts, 1):
        code = coding.encode(part)
        payload = code if len(code) < len(part) else part
        file += write_block(file, len(part), payload, checksum(text) if place == len(parts) else b"")
    return file


def read_header(file: bytes) -> Header:
    """The header of a file of either version. Raises Refused if it is damaged or unknown."""
    require(file[:8] == MAGIC, "magic")
    require(len(file) > 8, "truncated")
    require(file[8] in (1, VERSION), "version")
    require(len(file) >= HEADER, "truncated")
    require(checksum(file[: HEADER - 4]) == file[HEADER - 4 : HEADER], "header")
    header = Header(file[9], file[10], file[11], file[12:44])
    if header.method == STREAM:
        require(header.bits == 0 and 9 <= header.precision <= 16, "parameters")
    elif header.method == WINDOWS:
        require(9 <= header.bits <= 128 and 9 <= header.precision <= 16, "parameters")
    else:
        require(header.method == CODEBOOK, "method")
        require(9 <= header.bits <= 16 and header.precision == 0, "parameters")
    return header


def read_blocks(file: bytes) -> Iterator[Block]:
    """The blocks of a file of version 2 after its header. Raises Refused where one is damaged."""
    at, last = HEADER, 0
    while not last:
        require(len(file) >= at + 7, "truncated")
        last, length, size = file[at], number(file[at + 1 : at + 4]), number(file[at + 4 : at + 7])
        require(last <= 1 and 1 - last <= length <= LONGEST and size <= length, "block")
        payload_end = at + 7 + size
        end = payload_end + 4 * last
        require(len(file) >= end + 4, "truncated")
        require(checksum(file[at - 4 : end]) == file[end : end + 4], "checksum")
        yield Block(length, file[at + 7 : payload_end], size == length, file[payload_end:end])
        at = end + 4
    require(len(file) == at, "trailing")


def read_blocks_1(file: bytes) -> Iterator[Block]:
    """The same of version 1, the end block included."""
    at, length, total = HEADER, -1, 0
    while length != 0:
        require(len(file) >= at + 8, "truncated")
        length, size = number(file[at : at + 4]), number(file[at + 4 : at + 8])
        require(length <= LONGEST and size <= 16 * length if length else size == 12, "block")
        end = at + 8 + size
        require(len(file) >= end + 4, "truncated")
        require(checksum(file[at:end]) == file[end : end + 4], "checksum")
        payload, total = file[at + 8 : end], total + length
        if length == 0:
            require(number(payload[:8]) == total, "length")
        yield Block(length, payload, False, b"" if length else payload[8:])
        at = end + 4
    require(len(file) == at, "trailing")


def blocks(file: bytes) -> Iterator[Block]:
    """The blocks of a file whose header is right."""
    return read_blocks_1(file) if file[8] == 1 else read_blocks(file)


def decode(coding: Coding, file: bytes) -> bytes:
    """The text of a file. Raises Refused if it is damaged, or was made with something else."""
    require(read_header(file) == coding.header, "model")
    text = b""
    for block in blocks(file):
        if block.stored:
            text += block.payload
        elif block.length:
            part = coding.decode(block.payload, block.length)
            require(len(part) == block.length, "payload")
            text += part
        if block.text_sum:
            require(block.text_sum == checksum(text), "text")
    return text


def info(file: bytes) -> Summary:
    """What a file says without its model. Raises Refused if it is damaged, as far as can be told without."""
    header = read_header(file)
    found = [block for block in blocks(file) if block.length]
    stored = sum(block.stored for block in found)
    return Summary(file[8], header, sum(block.length for block in found), len(found), stored)
