"""Text files to training examples, with grain."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import grain
import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt8

from ecjax.checks import check_ids, check_integer
from ecjax.codebook import Codebook
from ecjax.standard import standard_input
from ecjax.tokenizers import Tokenizer


def read_documents(paths: Sequence[Path]) -> list[bytes]:
    """The non-empty files at `paths`, each one document; a folder stands for every file below it, in sorted order.

    A path may also be that of a pipe, or `-` for standard input.

    Raises:
      ValueError: If a path does not exist, or there is no text at all.
    """
    documents = []
    for path in paths:
        if str(path) == "-":
            documents += [text] if (text := standard_input().read()) else []
            continue
        if not path.exists():
            raise ValueError(f"{path} does not exist; give a text file or a folder of text files")
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        documents += [text for text in (file.read_bytes() for file in files) if text]
    if not documents:
        raise ValueError(f"there is no text in {', '.join(map(str, paths))}; give at least one non-empty file")
    return documents


def fingerprint(documents: Sequence[bytes]) -> str:
    """SHA-256 of documents, their order and where each ends."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(len(document).to_bytes(8, "big"))
        digest.update(document)
    return digest.hexdigest()


def concatenate(documents: Sequence[bytes]) -> UInt8[np.ndarray, " n"]:
    """All documents end to end as an array of bytes."""
    return np.frombuffer(b"".join(documents), np.uint8)


def token_stream(tokenizer: Tokenizer, documents: Sequence[bytes]) -> Int32[np.ndarray, " n"]:
    """The ids of all documents end to end, each followed by one padding id, which marks its end.

    Raises ValueError if there is no document, or the tokenizer gives an id that is not in its vocabulary.
    """
    if not len(documents):
        raise ValueError("there is no document; give at least one, be it empty")
    end = np.array([tokenizer.padding_id], np.int32)
    stream = np.concatenate([part for ids in tokenizer.encode_batch(documents) for part in (ids, end)])
    return check_ids(stream, tokenizer.vocab_size)


def window_starts(codebook: Codebook, documents: Sequence[bytes]) -> Int64[np.ndarray, " m"]:
    """Where windows begin in the concatenation of `documents`: what a model that serves windows is asked about.

    Raises ValueError if there is no document.
    """
    if not len(documents):
        raise ValueError("there is no document; give at least one")
    lengths = np.asarray(codebook.lengths)
    starts, origin = [], 0
    for document, ids in zip(documents, codebook.encode_batch(documents), strict=True):
        sizes = lengths[ids].astype(np.int64)
        starts.append(origin + np.cumsum(sizes) - sizes)
        origin += len(document)
    return np.concatenate(starts)


@runtime_checkable
class Source(Protocol):
    """Examples of one length, for grain to take in any order."""

    length: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An example: an array, or a pytree of arrays such as `ecjax.training.Masked`."""
        ...


class Slices:
    """Equally long slices of one sequence, as a grain random-access source."""

    def __init__(
        self, sequence: Integer[np.ndarray, " n"], starts: Integer[np.ndarray, " m"] | range, length: int
    ) -> None:
        """Slices `sequence[s : s + length]` for each `s` in `starts` that leaves room for it.

        Raises:
          TypeError: If `starts` are not integers in one dimension.
          ValueError: If no slice fits, or a start is negative, which would count from the end.
        """
        self._sequence = sequence
        self.length = check_integer("length", length, 1)
        last = len(sequence) - length
        if isinstance(starts, range):
            if starts.start < 0 or starts.step < 0:
                raise ValueError(f"starts count up from 0 or above, got {starts}")
            self._starts = range(starts.start, min(starts.stop, last + 1), starts.step)
        else:
            starts = np.asarray(starts)
            if starts.ndim != 1 or starts.dtype.kind not in "iu":
                raise TypeError(f"starts are integers in one dimension, got {starts.dtype} of shape {starts.shape}")
            if starts.size and starts.min() < 0:
                raise ValueError(f"starts are at least 0, got {starts.min()}")
            self._starts = starts[starts <= last]
        if len(self._starts) == 0:
            raise ValueError(
                f"a sequence of {len(sequence)} items holds no example of {length}; give more text or a shorter context"
            )

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Integer[np.ndarray, " length"]:
        start = self._starts[index]
        return self._sequence[start : start + self.length]


def batches(sources: Source | Sequence[Source], batch_size: int, seed: int) -> grain.DatasetIterator:
    """Endless shuffled batches; each pass over a source has its own order.

    The iterator's `get_state` / `set_state` make it resumable; the order depends on `seed` alone.

    Args:
      sources: One source, or several whose examples differ in length.
      batch_size: Examples in a batch of one source; of several, those of the longest, the others having as many as make
        the same number of items.
      seed: Of the order, 0 to 2**32 - 1.

    Returns:
      Batches `[batch_size, length]`, of several sources a tuple of them.

    Raises:
      ValueError: If there is no source, one has no examples, or a number is out of its range.
    """
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0, (1 << 32) - 1)
    for source in sources if isinstance(sources, Sequence) else [sources]:
        if check_integer("a source's length", source.length, 1) and len(source) == 0:
            raise ValueError("a source has no examples; give at least one")
    if not isinstance(sources, Sequence):
        return iter(_endless(sources, batch_size, seed))
    if not sources:
        raise ValueError("there is no source; give at least one")
    longest = max(source.length for source in sources)
    parts = [_endless(s, batch_size * longest // s.length, seed + i) for i, s in enumerate(sources)]
    return iter(grain.experimental.ZipIterDataset(parts))


def _endless(source: Source, batch_size: int, seed: int) -> grain.IterDataset:
    # An endless sequence leaves no remainder, but grain fails to count its batches of one unless told to drop it.
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat().batch(batch_size, drop_remainder=True)
    return dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
