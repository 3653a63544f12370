"""One shard: its documents read, encoded, written, and told of in a file beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from ecjax import atomic
from ecjax.corpora import formats, sources
from ecjax.corpora.documents import documents_of
from ecjax.corpora.encoder import Encoder
from ecjax.corpora.plan import DONE, Settings, Shard, read_json, to_json

_BATCH_BYTES, _BATCH = 1 << 22, 1024  # text and documents that are encoded together
_CHUNK = 1 << 20

Tell = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class Facts:
    """A shard that is done.

    Attributes:
      file: Its name in the folder.
      documents: How many records it has.
      bytes: Bytes of their text.
      tokens: Ids in them.
      size: Bytes of the file.
      sha256: Of the file.
    """

    file: str
    documents: int
    bytes: int
    tokens: int
    size: int
    sha256: str


def make(out: Path, shard: Shard, settings: Settings, encoder: Encoder, tell: Tell) -> Facts:
    """Writes a shard, unless it is there whole.

    The same bytes come out whoever does it and however often. So it does no harm if two processes do it at once.

    Args:
      out: The folder.
      shard: The shard.
      settings: Those of the plan.
      encoder: The encoder of the plan's codebook.
      tell: Is told how many bytes of the sources are read by now, and how many documents are encoded.

    Raises:
      ValueError: If a source is damaged, or has changed since the plan was made.
      OSError: If a source cannot be read, or the shard not be written.
    """
    there = checked(out, shard.name)
    if there is None:
        for piece in shard.pieces:
            source = piece.source
            if sources.stamp(source.name) != (source.size, source.stamp):
                raise ValueError(f"{source.name} has changed since {out} was begun; begin anew in another folder")
        with atomic.replacing(out / shard.name) as file:
            there = _write(cast(io.BufferedRandom, file), shard, settings, encoder, tell)
        atomic.write_bytes(_facts_path(out, shard.name), to_json(dataclasses.asdict(there)))
    tell(shard.bytes, there.documents)
    return there


def checked(out: Path, name: str) -> Facts | None:
    """What was written down of a shard, if it is there whole; None if it is to be made.

    Raises OSError if it cannot be read.
    """
    try:
        facts = Facts(**read_json(_facts_path(out, name)))
        return facts if sha256_of(out / name) == facts.sha256 else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def recorded(out: Path, name: str) -> Facts | None:
    """What was written down of a shard, whose bytes are not read; None if it is not there."""
    try:
        facts = Facts(**read_json(_facts_path(out, name)))
        return facts if (out / name).stat().st_size == facts.size else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return _sha256(file)


def _facts_path(out: Path, name: str) -> Path:
    return out / DONE / f"{name}.json"


def _write(file: io.BufferedRandom, shard: Shard, settings: Settings, encoder: Encoder, tell: Tell) -> Facts:
    writer = formats.writer(settings.format, file)
    read = documents = size = tokens = 0

    def count(more: int) -> None:
        nonlocal read
        read += more

    for batch in _batches(text for piece in shard.pieces for text in documents_of(piece, settings.rules, count)):
        ids = encoder.encode(batch)
        writer.write(ids)
        documents += len(batch)
        size += sum(map(len, batch))
        tokens += sum(map(len, ids))
        tell(min(read, shard.bytes), documents)
    writer.close()
    file.flush()
    digest = _sha256(file)
    return Facts(shard.name, documents, size, tokens, file.seek(0, 2), digest)


def _batches(documents: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Documents that are encoded together: which ones, they alone decide."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= _BATCH_BYTES or len(batch) == _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sha256(file: io.BufferedIOBase) -> str:
    """SHA-256 of all of a file, be it written by way of another descriptor."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
