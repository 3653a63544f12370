"""Texts to a folder of shards, and that folder as a sequence of documents."""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, SupportsIndex, get_args

import numpy as np
from jaxtyping import UInt16

from ecjax import atomic
from ecjax.codebook import Codebook, load_codebook
from ecjax.corpora import formats, plan, workers
from ecjax.corpora.documents import LONGEST, Cut
from ecjax.corpora.encoder import Encoder
from ecjax.corpora.folder import INDEX, KIND, PLAN
from ecjax.corpora.making import Facts, recorded, sha256_of
from ecjax.corpora.plan import CODEBOOK, DONE, SHARD_BYTES, VERSION, Format, Settings, Shard
from ecjax.corpora.sources import Kind, Source, find


def tokenize_corpus(
    sources: Sequence[str | Path],
    out: str | Path,
    codebook: Codebook | str | Path = "books-16",
    *,
    field: str = "text",
    documents: Cut = "file",
    kind: Kind | None = None,
    format: Format = "arrayrecord",
    shard_bytes: int = SHARD_BYTES,
    longest: int = LONGEST,
    processes: int | None = None,
    part: tuple[int, int] = (1, 1),
    watch: Callable[[int, int, int], object] = lambda read, total, documents: None,
) -> Corpus | None:
    """Tokenises files of any size into a folder of shards, in little memory.

    It may be killed at any moment: the same call goes on, and does again only what was not done. What is written
    depends on the sources and the settings alone, down to the last bit: not on the number of processes or on stops.

    With more than one process, call it below `if __name__ == "__main__":`, as `multiprocessing` wants it.

    Args:
      sources: Text files, JSON lines (.jsonl, .ndjson), both also compressed (.gz, .zst), Parquet (.parquet, .pq),
        folders of them, and URLs that fsspec knows.
      out: The folder, which is made if it is not there.
      codebook: A codebook, the name of a shipped one, or its file.
      field: The field of JSON lines, or column of Parquet, that holds the text.
      documents: What is a document of a text file: the "file", or each "line", without its end.
      kind: "text", "jsonl" or "parquet", if the names of the files do not tell.
      format: Of the shards: "arrayrecord" or "parquet".
      shard_bytes: Bytes of the sources, as they are stored, for each shard.
      longest: Bytes of a document. A longer one is cut into several, after the end of a line if one is near.
      processes: How many processes work; None is one for each core.
      part: (k, n), k from 1 to n: does only every n-th shard. n machines with one folder do the whole so.
      watch: Is told now and then how many bytes of the sources are read, how many there are for this part, and how many
        documents are encoded.

    Returns:
      The corpus; None while shards are missing that are for other parts to do.

    Raises:
      ValueError: If a source is not there, is damaged or has changed; if the folder holds something else, or was begun
        with other sources or settings.
      OSError: If something cannot be read, or the disk is full.
      ImportError: If the format or a source needs a package that is not installed.
    """
    out = Path(out)
    if isinstance(sources, str | Path):
        raise TypeError("the sources are a list of names; got one name")
    if not 1 <= part[0] <= part[1]:
        raise ValueError(f"a part is one of (1, n) to (n, n); got {part}")
    if processes is not None and processes < 1:
        raise ValueError(f"at least one process does the work; got {processes}")
    if format in get_args(Format):
        formats.check_installed(format)
    encoder = Encoder(codebook)
    settings = Settings(encoder.fingerprint, format, shard_bytes, kind, field, documents, longest)
    found = find(sources, kind)
    _check_outside(out, sources)
    plan.settle(out, found, settings)
    (out / DONE).mkdir(exist_ok=True)
    _keep(out / CODEBOOK, encoder.file)
    every = plan.shards(found, settings)
    mine = every[part[0] - 1 :: part[1]]
    total = sum(shard.bytes for shard in mine)

    def tell(read: int, documents: int) -> None:
        watch(read, total, documents)

    done = workers.run(out, mine, settings, encoder, processes or _cores(), tell)
    return _finish(out, found, settings, every, {facts.file: facts for facts in done})


def open_corpus(folder: str | Path, codebook: Codebook | None = None) -> Corpus:
    """The corpus in a folder that `tokenize_corpus` finished.

    Args:
      folder: The folder.
      codebook: The codebook that the ids are taken for, if you have one.

    Raises:
      ValueError: If the folder holds no corpus, it is not finished, a shard is missing, or the codebook is another.
      OSError: If it cannot be read.
    """
    return Corpus(Path(folder), codebook)


class Corpus:
    """Documents as ids, read from shards at any place; a data source for grain.

    `corpus[i]` are the ids of document i, in the order of the sources. It can be pickled.

    Attributes:
      folder: Where it is.
      fingerprint: The codebook's.
      records: The format of the shards.
      shards: What is known of each.
      documents: How many there are.
      bytes: Bytes of all texts.
      tokens: Ids of all texts.
    """

    def __init__(self, folder: Path, codebook: Codebook | None = None) -> None:
        self.folder = folder
        if not (folder / INDEX).is_file():
            begun = (folder / PLAN).is_file()
            what = "no whole corpus; run the same tokenize-corpus again" if begun else "no corpus"
            raise ValueError(f"{folder} holds {what}")
        index = plan.read_json(folder / INDEX)
        if not isinstance(index, dict) or index.get("format") != KIND or index.get("version") != VERSION:
            raise ValueError(f"{folder / INDEX} is no index of a corpus, or of a version that this code does not know")
        try:
            self.fingerprint: str = index["codebook"]["fingerprint"]
            self.records: Format = index["records"]
            self.shards = [Facts(**shard) for shard in index["shards"]]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder / INDEX} is damaged; run the same tokenize-corpus again") from error
        self.documents = sum(shard.documents for shard in self.shards)
        self.bytes = sum(shard.bytes for shard in self.shards)
        self.tokens = sum(shard.tokens for shard in self.shards)
        for shard in self.shards:
            path = folder / shard.file
            if not path.is_file() or path.stat().st_size != shard.size:
                raise ValueError(f"{path} is missing or damaged; run the same tokenize-corpus again")
        if codebook is not None and codebook.without_special_tokens().fingerprint != self.fingerprint:
            raise ValueError(f"{folder} was made with another codebook; it holds its own, {folder / CODEBOOK}")

    def __len__(self) -> int:
        return self.documents

    def __getitem__(self, index: SupportsIndex) -> UInt16[np.ndarray, " _"]:
        number = operator.index(index)
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(f"the corpus has {len(self)} documents; got {index}")
        return self._reader[number]

    def __iter__(self) -> Iterator[UInt16[np.ndarray, " _"]]:
        return map(self.__getitem__, range(len(self)))

    def __repr__(self) -> str:
        return f"Corpus({str(self.folder)!r}, {self.documents} documents, {self.tokens} tokens)"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_reader", "codebook")}

    @functools.cached_property
    def codebook(self) -> Codebook:
        """The codebook, which the folder holds too. Raises ValueError if it is damaged or another."""
        book = load_codebook(self.folder / CODEBOOK)
        if book.fingerprint != self.fingerprint:
            raise ValueError(f"{self.folder / CODEBOOK} is another codebook than the corpus was made with")
        return book

    @property
    def digest(self) -> str:
        """SHA-256 of the documents in every shard and the shards' checksums: the same for the same ids and format."""
        told = [[shard.documents, shard.sha256] for shard in self.shards]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def verify(self) -> None:
        """Reads all shards. Raises ValueError unless each has the checksum that the index says."""
        for shard in self.shards:
            if sha256_of(self.folder / shard.file) != shard.sha256:
                raise ValueError(f"{self.folder / shard.file} is damaged; run the same tokenize-corpus again")

    @functools.cached_property
    def _reader(self) -> formats.Reader:
        paths = [self.folder / shard.file for shard in self.shards]
        return formats.reader(self.records, paths, [shard.documents for shard in self.shards])


def _finish(
    out: Path, found: Sequence[Source], settings: Settings, every: Sequence[Shard], facts: dict[str, Facts]
) -> Corpus | None:
    """Writes the index, if all shards are done."""
    told = [facts.get(shard.name) or recorded(out, shard.name) for shard in every]
    done = [shard for shard in told if shard is not None]
    if len(done) < len(every):
        return None
    index = {
        "format": KIND,
        "version": VERSION,
        "codebook": {"file": CODEBOOK, "fingerprint": settings.codebook},
        "records": settings.format,
        "documents": sum(shard.documents for shard in done),
        "bytes": sum(shard.bytes for shard in done),
        "tokens": sum(shard.tokens for shard in done),
        "shards": [vars(shard) for shard in done],
        "sources": [{"name": source.name, "size": source.size} for source in found],
    }
    _keep(out / INDEX, plan.to_json(index))
    return Corpus(out)


def _keep(path: Path, contents: bytes) -> None:
    """Writes a file unless it is there with just these contents."""
    if not path.is_file() or path.read_bytes() != contents:
        atomic.write_bytes(path, contents)


def _check_outside(out: Path, names: Sequence[str | Path]) -> None:
    """Raises ValueError if what is written is in a folder that is read: the next call would read it too."""
    for name in names:
        if Path(name).is_dir() and out.resolve().is_relative_to(Path(name).resolve()):
            raise ValueError(f"{out} is in {name}, which is read, and so would be what is written; name another folder")


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
