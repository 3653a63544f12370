"""The files that shards are: written record by record, and read at any place."""

from __future__ import annotations

import bisect
import contextlib
import functools
import importlib
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt16

from ecjax.corpora.plan import Format

Ids = UInt16[np.ndarray, " _"]

_INSTALL = "pip install 'ecjax[corpora]'"


@runtime_checkable
class Writer(Protocol):
    """Writes a shard."""

    def write(self, batch: Sequence[Ids]) -> None:
        """Adds the ids of some documents."""
        ...

    def close(self) -> None:
        """Writes what is left. Raises OSError if the disk is full."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Reads shards one behind another."""

    def __getitem__(self, index: int, /) -> Ids:
        """The ids of a document."""
        ...


class _ArrayRecordWriter:
    def __init__(self, file: io.BufferedRandom) -> None:
        # By way of its descriptor: only a file that is locked is safe from being swept away (`ecjax.atomic`). Ids of a
        # codebook hardly get smaller by compression, and each is a record of its own, so that any can be read alone.
        # In groups of 16, short records take half the room that they take in groups of one, and are read faster.
        options = "group_size:16,uncompressed"
        self._writer = _array_record().ArrayRecordWriter(f"/dev/fd/{file.fileno()}", options)

    def write(self, batch: Sequence[Ids]) -> None:
        with _telling():
            for ids in batch:
                self._writer.write(ids.astype("<u2").tobytes())

    def close(self) -> None:
        with _telling():
            self._writer.close()


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Has array_record's errors be OSErrors, with the cause alone."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(f"a shard cannot be written: {str(error).split(';')[0]}") from error


class _ArrayRecordReader:
    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._paths = paths
        self._ends = list(itertools.accumulate(counts))
        self._file = functools.lru_cache(None)(self._open)

    def __getitem__(self, index: int, /) -> Ids:
        shard, index = _place(self._ends, index)
        (record,) = self._file(shard).read([index])
        return np.frombuffer(record, "<u2").astype(np.uint16, copy=False)

    def _open(self, shard: int) -> Any:
        # Without reading ahead, which would be in vain: documents are read in any order.
        options = "readahead_buffer_size:0,max_parallelism:0"
        return _array_record().ArrayRecordReader(str(self._paths[shard]), options)


class _ParquetWriter:
    def __init__(self, file: io.BufferedRandom) -> None:
        pa, pq = _pyarrow()
        self._pa = pa
        self._schema = pa.schema([pa.field("ids", pa.list_(pa.field("element", pa.uint16(), nullable=False)))])
        self._writer = pq.ParquetWriter(file, self._schema, compression="none", use_dictionary=False)

    def write(self, batch: Sequence[Ids]) -> None:
        offsets = np.cumsum([0, *map(len, batch)], dtype=np.int32)
        values = self._pa.array(np.concatenate(batch))
        column = self._pa.ListArray.from_arrays(offsets, values, type=self._schema.field("ids").type)
        # One row group for each batch, so that a document is found without reading many others.
        self._writer.write_table(self._pa.table([column], schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _ParquetReader:
    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._pq = _pyarrow()[1]
        self._paths = paths
        self._ends = list(itertools.accumulate(counts))
        self._file = functools.lru_cache(64)(self._open)
        self._group = functools.lru_cache(4)(self._read)

    def __getitem__(self, index: int, /) -> Ids:
        shard, index = _place(self._ends, index)
        group, index = _place(self._file(shard)[1], index)
        values, offsets = self._group(shard, group)
        return values[offsets[index] : offsets[index + 1]]

    def _open(self, shard: int) -> tuple[Any, list[int]]:
        file = self._pq.ParquetFile(self._paths[shard])
        rows = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        return file, list(itertools.accumulate(rows))

    def _read(self, shard: int, group: int) -> tuple[Ids, np.ndarray]:
        column = self._file(shard)[0].read_row_group(group, columns=["ids"]).column(0).combine_chunks()
        return column.values.to_numpy(), column.offsets.to_numpy()


def writer(form: Format, file: io.BufferedRandom) -> Writer:
    """A writer into a file that is open for writing and empty. Raises ImportError if its package is not installed."""
    return _ArrayRecordWriter(file) if form == "arrayrecord" else _ParquetWriter(file)


def reader(form: Format, paths: Sequence[Path], counts: Sequence[int]) -> Reader:
    """A reader of shards of so many documents each. Raises ImportError if its package is not installed."""
    return _ArrayRecordReader(paths, counts) if form == "arrayrecord" else _ParquetReader(paths, counts)


def check_installed(form: Format) -> None:
    """Raises ImportError if the package that writes and reads this format is not installed."""
    if form == "arrayrecord":
        _array_record()
    else:
        _pyarrow()


def _place(ends: Sequence[int], index: int) -> tuple[int, int]:
    """In which part an item is, given where each part ends, and its place there."""
    part = bisect.bisect_right(ends, index)
    return part, index - (ends[part - 1] if part else 0)


def _array_record() -> Any:
    try:
        return importlib.import_module("array_record.python.array_record_module")
    except ImportError as error:
        raise ImportError(f"shards of ArrayRecord need array_record: {_INSTALL}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(f"shards of Parquet need pyarrow: {_INSTALL}") from error
    return pa, pq
