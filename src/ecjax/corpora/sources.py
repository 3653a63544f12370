"""The files that a corpus is made of: found in folders and behind URLs, in an order that is always the same."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from ecjax.corpora.folder import check_no_corpus

Kind = Literal["text", "jsonl", "parquet"]
Compression = Literal["none", "gzip", "zstd"]

_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_KINDS: dict[str, Kind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of documents.

    Attributes:
      name: Its path or URL.
      size: Its bytes, as it is stored.
      stamp: What changes when the file does: when it was last written, or what a remote store says of it.
      kind: How documents are written in it.
      compression: What it is compressed with, as its name says.
    """

    name: str
    size: int
    stamp: str
    kind: Kind
    compression: Compression

    @property
    def splits(self) -> bool:
        """Whether reading may begin in the middle."""
        return self.compression == "none"


def find(names: Sequence[str | Path], kind: Kind | None = None) -> list[Source]:
    """The files that `names` stand for; a folder stands for every file below it, in sorted order.

    Args:
      names: Paths, or URLs that fsspec knows (`s3://bucket/folder`).
      kind: What the files hold; None goes by their names: .jsonl and .ndjson, .parquet and .pq, all others text.

    Raises:
      ValueError: If a name stands for no file, for something that cannot be read twice, or for a corpus of tokens.
      ImportError: If a URL needs a package that is not installed.
      OSError: If a folder or a remote store cannot be read.
    """
    if kind is not None and kind not in get_args(Kind):
        raise ValueError(f"sources are {', '.join(get_args(Kind))}, or None to go by their names; not {kind!r}")
    found = [source for name in names for source in _below(str(name), kind)]
    if not any(source.size for source in found):
        raise ValueError(f"there is no text in {', '.join(map(str, names))}; give at least one non-empty file")
    return found


def stamp(name: str) -> tuple[int, str]:
    """The bytes of a file now, and its stamp. Raises OSError if it is not there."""
    if _is_url(name):
        with _remote(name) as (fs, path):
            return _told(name, fs, path)
    status = os.stat(name)
    return status.st_size, str(status.st_mtime_ns)


@contextlib.contextmanager
def opened(name: str) -> Iterator[io.IOBase]:
    """A file to read from and seek in. Raises OSError if it cannot be read."""
    if not _is_url(name):
        with open(name, "rb", buffering=0) as file:
            yield file
        return
    with _remote(name) as (fs, path), fs.open(path, "rb") as file:
        yield file


def _is_url(name: str) -> bool:
    return "://" in name


def _below(name: str, kind: Kind | None) -> Iterator[Source]:
    if _is_url(name):
        yield from _behind(name, kind)
        return
    path = Path(name)
    if not path.exists():
        raise ValueError(f"{name} does not exist; give a text file, JSON lines, Parquet, or a folder of such files")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"there is no file in {name}; give a folder with files")
    check_no_corpus(files)
    for file in files:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{file} is no regular file, and so cannot be read again after a stop; write it to one")
        yield _source(str(file), status.st_size, str(status.st_mtime_ns), kind)


def _behind(url: str, kind: Kind | None) -> Iterator[Source]:
    with _remote(url) as (fs, path):
        if not fs.exists(path):
            raise ValueError(f"{url} does not exist; give a file or a folder of files")
        if fs.isdir(path):
            files = sorted(fs.find(path))
            if not files:
                raise ValueError(f"there is no file in {url}; give a folder with files")
            for file in files:
                name = fs.unstrip_protocol(file)
                yield _source(name, *_told(name, fs, file), kind)
        else:
            yield _source(url, *_told(url, fs, path), kind)


def _told(name: str, fs: Any, path: str) -> tuple[int, str]:
    """The bytes of a remote file, and its stamp."""
    info = fs.info(path)
    size = info.get("size")
    if size is None:
        raise ValueError(f"the store does not say how large {name} is; copy it to a file")
    for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created"):
        if info.get(key):
            return int(size), str(info[key])
    return int(size), str(fs.ukey(path))


def _source(name: str, size: int, stamp: str, kind: Kind | None) -> Source:
    stem, suffix = os.path.splitext(name)
    compression = _COMPRESSIONS.get(suffix.lower(), "none")
    within = os.path.splitext(name if compression == "none" else stem)[1].lower()
    kind = kind or _KINDS.get(within, "text")
    if kind == "parquet" and compression != "none":
        raise ValueError(f"{name} is Parquet inside {compression}, which cannot be streamed; decompress it first")
    return Source(name, size, stamp, kind, compression)


@contextlib.contextmanager
def _remote(url: str) -> Iterator[tuple[Any, str]]:
    """The file system of a URL, and the path in it; what goes wrong there becomes an OSError that names the URL."""
    try:
        import fsspec.core
    except ImportError as error:
        raise ImportError(f"{url} needs fsspec: pip install 'ecjax[corpora]'") from error
    try:
        yield fsspec.core.url_to_fs(url)
    except (ValueError, ImportError, OSError):
        raise
    except Exception as error:  # each store has errors of its own
        raise OSError(f"{url} cannot be read: {error or type(error).__name__}") from error
