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
VERSION = 1
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


class Summary(NamedTuple):
    """What a file says without its model."""

    header: Header
    length: int
    blocks: int


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


def checked(data: bytes) -> bytes:
    """Bytes with their CRC-32 behind them, the greatest byte first, as all numbers of the format are written."""
    return data + crc32(data).to_bytes(4, "big")


def write_header(header: Header) -> bytes:
    """The first 48 bytes of a file."""
    numbers = bytes([VERSION, header.method, header.bits, header.precision])
    return checked(MAGIC + numbers + header.fingerprint)


def write_block(length: int, payload: bytes) -> bytes:
    """A block; one of length 0 ends the file."""
    return checked(length.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)


def encode(coding: Coding, text: bytes, block: int) -> bytes:
    """The file of a text, cut into blocks of so many bytes, 65,536 at most."""
    parts = [text[i : i + block] for i in range(0, len(text), block)]
    blocks = [write_block(len(part), coding.encode(part)) for part in parts]
    end = write_block(0, len(text).to_bytes(8, "big") + crc32(text).to_bytes(4, "big"))
    return b"".join([write_header(coding.header), *blocks, end])


def read_header(file: bytes) -> Header:
    """The header of a file. Raises Refused if it is damaged or unknown."""
    require(file[:8] == MAGIC, "magic")
    require(len(file) > 8, "truncated")
    require(file[8] == VERSION, "version")
    require(len(file) >= HEADER, "truncated")
    require(checked(file[: HEADER - 4]) == file[:HEADER], "header")
    header = Header(file[9], file[10], file[11], file[12:44])
    if header.method == STREAM:
        require(header.bits == 0 and 9 <= header.precision <= 16, "parameters")
    elif header.method == WINDOWS:
        require(9 <= header.bits <= 128 and 9 <= header.precision <= 16, "parameters")
    else:
        require(header.method == CODEBOOK, "method")
        require(9 <= header.bits <= 16 and header.precision == 0, "parameters")
    return header


def read_blocks(file: bytes) -> Iterator[tuple[int, bytes]]:
    """Length and payload of each block, the end block included. Raises Refused where one is damaged."""
    at, length = HEADER, -1
    while length != 0:
        require(len(file) >= at + 8, "truncated")
        length = int.from_bytes(file[at : at + 4], "big")
        size = int.from_bytes(file[at + 4 : at + 8], "big")
        require(length <= LONGEST and size <= 16 * length if length else size == 12, "block")
        require(len(file) >= at + 12 + size, "truncated")
        require(checked(file[at : at + 8 + size]) == file[at : at + 12 + size], "checksum")
        yield length, file[at + 8 : at + 8 + size]
        at += 12 + size
    require(len(file) == at, "trailing")


def decode(coding: Coding, file: bytes) -> bytes:
    """The text of a file. Raises Refused if it is damaged, or was made with something else."""
    require(read_header(file) == coding.header, "model")
    text = b""
    for length, payload in read_blocks(file):
        if length:
            part = coding.decode(payload, length)
            require(len(part) == length, "payload")
            text += part
        else:
            require(int.from_bytes(payload[:8], "big") == len(text), "length")
            require(int.from_bytes(payload[8:], "big") == crc32(text), "text")
    return text


def info(file: bytes) -> Summary:
    """What a file says without its model. Raises Refused if it is damaged, as far as can be told without."""
    header = read_header(file)
    total, blocks = 0, 0
    for length, payload in read_blocks(file):
        if length:
            total, blocks = total + length, blocks + 1
        else:
            require(int.from_bytes(payload[:8], "big") == total, "length")
    return Summary(header, total, blocks)
