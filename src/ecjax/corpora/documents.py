"""The documents of a file, or of the part of it between two positions, one by one and in little memory.

A document belongs to the part in which it begins, so that parts next to each other give each document once.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, cast

from ecjax.corpora import sources
from ecjax.corpora.sources import Source

Cut = Literal["file", "line"]

LONGEST = 1 << 24  # bytes of a document
_LONGEST_JSON = 1 << 26  # bytes of a line of JSON, which is parsed whole
_BUFFER = 1 << 20
_END = 1 << 63  # behind every file
_ROWS = 64  # of Parquet at a time


class Rules(NamedTuple):
    """What a document is.

    Attributes:
      field: The field of JSON lines, or the column of Parquet, that has the text.
      cut: What is a document of a text file: the whole file, or each line of it, without its end.
      longest: Bytes of a document; one that is longer is cut into several.
    """

    field: str = "text"
    cut: Cut = "file"
    longest: int = LONGEST


class Piece(NamedTuple):
    """A part of a source: the documents that begin at `begin` or later, but before `end`, in bytes as stored."""

    source: Source
    begin: int
    end: int


def documents_of(piece: Piece, rules: Rules, read: Callable[[int], object] = lambda count: None) -> Iterator[bytes]:
    """The documents of a piece that are not empty, in their order.

    Args:
      piece: The piece.
      rules: What a document is.
      read: Is told the bytes that are read of the source, now and then.

    Raises:
      ValueError: If the source is damaged, or is not what it should be.
      OSError: If it cannot be read.
      ImportError: If that needs a package that is not installed.
    """
    source = piece.source
    with _naming(source.name), sources.opened(source.name) as file:
        yield from filter(None, _documents(io.BufferedReader(_Counted(file, read), _BUFFER), piece, rules))


def _documents(file: io.BufferedReader, piece: Piece, rules: Rules) -> Iterator[bytes]:
    source, begin, end = piece
    if source.kind == "parquet":
        for text in _rows(file, source, begin, end, rules.field):
            yield from stretches(io.BytesIO(text), rules.longest)
        return
    stream = _decompressed(file, source)
    end = end if source.splits else _END
    if source.kind == "jsonl":
        for position, line in _lines(stream, begin, end, _LONGEST_JSON):
            yield from stretches(io.BytesIO(_field(line, rules.field, position)), rules.longest)
    elif rules.cut == "line":
        for _, line in _lines(stream, begin, end, rules.longest):
            yield line.removesuffix(b"\n").removesuffix(b"\r")
    else:
        if begin:
            stream.seek(begin)
        yield from stretches(stream, rules.longest, begin, end)


def stretches(file: io.BufferedIOBase, longest: int, begin: int = 0, end: int = _END) -> Iterator[bytes]:
    """Cuts a text near each multiple of `longest` bytes: after the first line that ends shortly behind it, if one does.

    So each cut depends on the few bytes around it alone, and reading may begin at any multiple.

    Args:
      file: The text, at position `begin`, a multiple of `longest`.
      longest: Bytes.
      begin: Stretches before this position are left out.
      end: So are those whose multiple is at this position or later.
    """
    window = file.read(longest // 256) if begin else b""
    rest = window[window.find(b"\n") + 1 :]
    for _ in range(begin, end, longest):
        body = file.read(longest - len(window))
        window = file.read(longest // 256)
        cut = window.find(b"\n") + 1
        stretch, rest = rest + body + window[:cut], window[cut:]
        if not stretch:
            return
        yield stretch


def _lines(file: io.BufferedIOBase, begin: int, end: int, longest: int) -> Iterator[tuple[int, bytes]]:
    """The lines that begin in a part, with their ends and positions; those longer than `longest`, in pieces."""
    position = begin
    if begin:  # the line that begins before belongs to the part before
        position = file.seek(begin - 1)
        while skipped := file.readline(_BUFFER):
            position += len(skipped)
            if skipped.endswith(b"\n"):
                break
    first = True
    while position < end or not first:
        line = file.readline(longest)
        if not line:
            return
        yield position, line
        position += len(line)
        first = line.endswith(b"\n")


def _field(line: bytes, field: str, position: int) -> bytes:
    """The text of a line of JSON; nothing of an empty line, and where the field is null."""
    if len(line) == _LONGEST_JSON:
        raise ValueError(f"the line at byte {position} has {_LONGEST_JSON >> 20} MiB or more; cut it up")
    if not line.strip():
        return b""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise ValueError(f"the line at byte {position} is no JSON object; it has to be JSON lines, or read as text")
    if field not in record:
        raise ValueError(f"the line at byte {position} has no field {field!r}; it has {_list(list(record))}")
    text = record[field]
    if text is not None and not isinstance(text, str):
        raise ValueError(f"the field {field!r} of the line at byte {position} is no string")
    return (text or "").encode("utf-8", "surrogatepass")  # JSON can hold halves of characters


def _rows(file: io.BufferedReader, source: Source, begin: int, end: int, field: str) -> Iterator[bytes]:
    """The texts of the row groups that begin in a part of a Parquet file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(f"{source.name} needs pyarrow: pip install 'ecjax[corpora]'") from error
    table = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    schema = table.schema_arrow
    if field not in schema.names:
        raise ValueError(f"it has no column {field!r}; it has {_list(schema.names)}")
    kind = schema.field(field).type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if value not in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()):
        raise ValueError(f"its column {field!r} holds {kind}, no text")
    for group in range(table.num_row_groups):
        chunk = table.metadata.row_group(group).column(0)
        offset = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
        if begin <= offset < end:
            batches = table.iter_batches(_ROWS, row_groups=[group], columns=[field], use_threads=False)
            for batch in batches:
                yield from filter(None, batch.column(0).cast(value).cast(pa.large_binary()).to_pylist())


def _decompressed(file: io.BufferedReader, source: Source) -> io.BufferedIOBase:
    if source.compression == "none":
        return file
    if source.compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(f"{source.name} needs pyarrow: pip install 'ecjax[corpora]'") from error
    # Unlike the package zstandard, it says when a stream ends too early.
    stream: Any = pa.CompressedInputStream(file, "zstd")
    return io.BufferedReader(stream, _BUFFER)


class _Counted(io.RawIOBase):
    """A file that says how much of it is read."""

    def __init__(self, file: io.IOBase, read: Callable[[int], object]) -> None:
        self._file, self._read = file, read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = cast(Any, self._file).readinto(buffer)
        self._read(count)
        return count

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Has errors say of which source they tell."""
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise ValueError(f"{name} is damaged: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name} cannot be read: {error}") from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(f"{name} cannot be read: {error}") from error


def _list(names: list[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (" and others" if len(names) > 10 else "") if names else "none"
