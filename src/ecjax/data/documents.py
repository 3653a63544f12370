"""Documents, and what they are as one sequence: of bytes, of token ids, of windows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from ecjax.checks import check_ids
from ecjax.codebook import Codebook
from ecjax.corpora.folder import check_no_corpus
from ecjax.standard import standard_input
from ecjax.tokenizers import Tokenizer


def read_documents(paths: Sequence[Path]) -> list[bytes]:
    """The non-empty files at `paths`, each one document; a folder stands for every file below it, in sorted order.

    A path may also be that of a pipe, or `-` for standard input.

    Raises:
      ValueError: If a path does not exist, it holds a corpus of tokens, or there is no text at all.
    """
    documents = []
    for path in paths:
        if str(path) == "-":
            documents += [text] if (text := standard_input().read()) else []
            continue
        if not path.exists():
            raise ValueError(f"{path} does not exist; give a text file or a folder of text files")
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        check_no_corpus(files)
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
