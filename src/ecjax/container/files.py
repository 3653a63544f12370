"""Files of compressed text, written and read in one pass."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

from ecjax.binary import Source, Target, put, take
from ecjax.container.codings import Coding, check_length
from ecjax.container.layout import LONGEST, Block, Reader, Refused, Summary, Writer
from ecjax.tokenizers.blocks import lanes

Report = Callable[[int], None]
_Item = TypeVar("_Item")


class _Read(NamedTuple):
    """A block, and if it is not stored, what `Coding.read` makes of its payload."""

    block: Block
    code: Any


def encode(
    coding: Coding, source: Source, target: Target, block: int = LONGEST, report: Report | None = None
) -> Summary:
    """Writes the file of a text. It is at most 63 bytes and 0.017% longer than the text (K-17).

    Args:
      coding: How.
      source: The text, read to its end in pieces of at most `block` bytes.
      target: Where the file is written.
      block: Bytes of text in a block, 1 to 65,536. Shorter blocks make a longer file.
      report: Called now and then with the bytes of text that are done.

    Raises:
      ValueError: If `block` is out of range.
    """
    if not 1 <= block <= LONGEST:
        raise ValueError(f"a block has 1 to {LONGEST:,} bytes of text, got {block}")
    writer = Writer(target, coding.header)
    for group in _groups(_cut(source, block)):
        texts = [text for text, _ in group]
        for (text, last), code in zip(group, coding.encode(texts) if texts[0] else texts, strict=True):
            writer.block(text, code, last)
        if report is not None:
            report(writer.summary().length)
    return writer.summary()


def decode(coding: Coding, source: Source | Reader, target: Target, report: Report | None = None) -> Summary:
    """Writes the text of a file. It is written as it is decoded: if this raises, what is in `target` is no text (K-14).

    Args:
      coding: How the file was made.
      source: The file, read to its end in pieces of at most 1 MiB; or a reader of it, which has read its header.
      target: Where the text is written.
      report: Called now and then with the bytes of text that are done.

    Raises:
      Refused: If the file is damaged or was made with something else.
    """
    reader = source if isinstance(source, Reader) else Reader(source)
    if reader.header != coding.header:
        raise Refused("model", f"the file was made with {reader.header}, this is {coding.header}; give what made it")
    length = checksum = 0
    for group in _groups(_read(coding, reader)):
        for text in _texts(coding, group):
            put(target, text)
            length, checksum = length + len(text), crc32(text, checksum)
        if report is not None:
            report(length)
    if reader.text_checksum != checksum:
        raise Refused("text", "the text does not have the CRC-32 that the file says; get the file again, or its model")
    return reader.finish()


def encode_bytes(coding: Coding, text: bytes, block: int = LONGEST) -> bytes:
    """The file of a text, both in memory. As `encode`.

    Args:
      coding: How.
      text: The text.
      block: Bytes of text in a block, 1 to 65,536. Shorter blocks make a longer file.

    Raises:
      ValueError: If `block` is out of range.
    """
    target = io.BytesIO()
    encode(coding, io.BytesIO(text), target, block)
    return target.getvalue()


def decode_bytes(coding: Coding, file: bytes) -> bytes:
    """The text of a file, both in memory. Raises as `decode` does.

    Args:
      coding: How the file was made.
      file: The file.

    Raises:
      Refused: If the file is damaged or was made with something else.
    """
    target = io.BytesIO()
    decode(coding, io.BytesIO(file), target)
    return target.getvalue()


def _cut(source: Source, size: int) -> Iterator[tuple[bytes, bool]]:
    """The blocks of a text, and whether each is the last; the empty text has an empty one."""
    text = take(source, size)
    while following := take(source, size):
        yield text, False
        text = following
    yield text, True


def _read(coding: Coding, blocks: Iterable[Block]) -> Iterator[_Read]:
    """Each block, its payload as `coding.decode` wants it."""
    for block in blocks:
        with _in_block(block.number):
            yield _Read(block, None if block.stored else coding.read(block.payload, block.length))


def _texts(coding: Coding, group: list[_Read]) -> Iterator[bytes]:
    """The text of each block, of its length."""
    coded = [(read.block, read.code) for read in group if not read.block.stored]
    decoded = iter(coding.decode([code for _, code in coded], [block.length for block, _ in coded]) if coded else ())
    for block, _ in group:
        text = block.payload if block.stored else next(decoded)
        with _in_block(block.number):
            check_length(len(text), block.length)
        yield text


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
