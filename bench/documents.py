"""Rates of codebooks and of subword tokenizers on documents of several sizes and kinds, on one core, in turns.

Every candidate is given whole documents, as people have them, and gives ids; then it decodes these ids. Bytes are those
of the document, for all candidates.
"""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report
from bench._kinds import kinds
from bench._machine import alternating_seconds
from bench._subwords import Candidate, byte_pairs, sentencepiece_unigram, tiktoken_engine
from ecjax import Codebook, data, load_codebook

BOOKS = ("books-12", "books-16", "m1-books-16")
SIZES = (100, 4096, 1 << 18)
"""Bytes of a document: a message, a page, a book."""

_SCRIPTS = ("Arabic", "Chinese")


def codebooks(names: Sequence[str]) -> list[Candidate]:
    """Each codebook, and its strings without costs, which are parsed greedily."""
    out = []
    for name in names:
        cheapest = load_codebook(name)
        books = {Path(name).stem: cheapest}
        if cheapest.costs is not None:
            books[f"{Path(name).stem}, greedy"] = Codebook.from_strings(cheapest.tokens()[1:])
        for title, book in books.items():
            out.append(
                Candidate(
                    title, book.vocab_size, lambda texts: {"whole texts": texts}, book.encode_batch, book.decode_batch
                )
            )
    return out


def subwords(training: Sequence[bytes], pieces: int) -> list[Candidate]:
    """The subword tokenizers whose libraries are installed, SentencePiece first, trained on the same text."""
    made = [sentencepiece_unigram(training, pieces), byte_pairs(training, pieces), tiktoken_engine(training, pieces)]
    return [candidate for candidate in made if candidate is not None]


def texts_of_kinds(english: bytes, size: int) -> dict[str, bytes]:
    """A text of each kind, of `size` bytes if there is so much."""
    code = b"".join(path.read_bytes() for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")))
    scripts = b"".join(text for name, text in kinds(1 << 20).items() if name in _SCRIPTS)
    return {
        "English": english[:size],
        "other scripts": (scripts * (1 + size // len(scripts)))[:size],
        "Python": code[:size],
        "random bytes": np.random.default_rng(0).bytes(size),
    }


def cut(text: bytes, size: int) -> list[bytes]:
    """Documents of `size` bytes; the last one may be shorter."""
    return [text[begin : begin + size] for begin in range(0, len(text), size)]


def rows(
    kind: str, size: int, candidates: Sequence[Candidate], documents: Sequence[bytes], repeats: int
) -> list[dict[str, Any]]:
    """The figures of each candidate for documents of a kind and a size; ratios are to the first candidate."""
    total = sum(map(len, documents))
    given = [candidate.forms(documents)["whole texts"] for candidate in candidates]
    ids = [candidate.encode(texts) for candidate, texts in zip(candidates, given, strict=True)]
    encoding = alternating_seconds(
        [lambda c=c, texts=texts: c.encode(texts) for c, texts in zip(candidates, given, strict=True)],
        repeats,
        time.process_time,
    )
    decoding = alternating_seconds(
        [lambda c=c, batch=batch: c.decode(batch) for c, batch in zip(candidates, ids, strict=True)],
        repeats,
        time.process_time,
    )
    return [
        {
            "kind": kind,
            "document_bytes": size,
            "tokenizer": candidate.name,
            "bytes_per_token": total / sum(map(len, batch)),
            "encode_mb_per_s": total / 1e6 / encode,
            "decode_mb_per_s": total / 1e6 / decode,
            "encode_ratio": encoding[0] / encode,
            "decode_ratio": decoding[0] / decode,
        }
        for candidate, batch, encode, decode in zip(candidates, ids, encoding, decoding, strict=True)
    ]


def measure(
    text: Texts = None,
    codebook: Annotated[
        list[str] | None,
        typer.Option(help="A shipped name or a file; repeatable. [default: books-12 books-16 m1-books-16]"),
    ] = None,
    train: Annotated[
        list[Path] | None, typer.Option(help="What subwords are trained on. [default: the measured text]")
    ] = None,
    train_bytes: Annotated[int, typer.Option(min=1, help="Bytes of it, the same number from each file.")] = 8_000_000,
    pieces: Annotated[int, typer.Option(min=512, help="Subwords, or as many as the text yields.")] = 65536,
    size: Annotated[
        list[int] | None, typer.Option(min=1, help="Bytes of a document; repeatable. [default: 100 4096 262144]")
    ] = None,
    total: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of each kind, at most.")] = 2_000_000,
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """MB/s of encoding and decoding documents: codebooks, SentencePiece, Hugging Face BPE, tiktoken's engine."""
    english = b"".join(read_texts(text))
    documents = data.read_documents(train) if train else [english]
    training = [document[: train_bytes // len(documents)] for document in documents]
    with console.status("training subwords, unless build/bench has them") as status:
        books = codebooks(codebook or BOOKS)
        candidates = [*subwords(training, pieces), *books]
        results = []
        for kind, content in texts_of_kinds(english, total).items():
            for length in size or SIZES:
                status.update(f"{kind}, {length} bytes")
                results += rows(kind, length, candidates, cut(content, length), repeats)
    settings = {
        "text": file_names(text),
        "bytes": total,
        "trained_on": file_names(train) if train else "the measured text itself",
        "training_bytes": sum(map(len, training)),
        "ratios_to": candidates[0].name,
        "repeats": repeats,
    }
    report("documents", settings, results, out)
