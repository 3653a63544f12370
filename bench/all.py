"""All that the library does, in one table: each rate, its ratios to peers, and its share of what bounds it.

The rates of a row are measured in turns in one process on one core. Absolute rates are those of one machine; ratios and
shares are what can be compared.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench import documents
from bench._all import models, text
from bench._all.rows import Measurements, Row, fallen, measured, missing
from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report
from bench._subwords import Candidate, sentencepiece_unigram
from ecjax import data, load_codebook
from ecjax.models.files import load_exact

_PIECES, _FEW_PIECES = 65_536, 4096
_TRAINING_BYTES = 8_000_000
_BYTES, _FEW_BYTES = 2_000_000, 1 << 18
_PAGE, _BOOK = 4096, 1 << 18
_FEW_REPEATS = 2  # of what runs the byte model over a book, which takes many seconds
_LIBRARIES = {
    "SentencePiece unigram": "sentencepiece",
    "Hugging Face BPE": "tokenizers",
    "tiktoken": "tiktoken",
    "constriction, range coder": "constriction",
    "constriction, rANS": "constriction",
}


def _everything(english: bytes, peers: Sequence[Candidate], total: int, repeats: int) -> Measurements:
    books = [book for book in documents.codebooks(documents.BOOKS) if book.name != "books-12, greedy"]
    for kind, content in documents.texts_of_kinds(english, total).items():
        for size in documents.SIZES:
            yield text.whole_documents(kind, size, peers, books, content, repeats)
    book = english[: min(total, _BOOK)]
    for name in documents.BOOKS:
        yield text.inside_jit(name, load_codebook(name), _PAGE, peers, book, repeats)
    for count in (1, 256):
        yield text.many_streams(count, len(book), repeats)
    model, few = load_exact("m1-books"), min(repeats, _FEW_REPEATS)
    for bits in (16, 24, 64, 128):
        yield models.windows(model, bits, _PAGE, book[: 16 * _PAGE], few)
        yield models.windows(model, bits, len(book), book, few)
    yield models.files(model, _PAGE, book[: 4 * _PAGE], few)
    yield models.files(model, len(book), book, few)
    yield models.exact_model(model, english, repeats)
    for size, ids in (("tiny", 4096), ("small", 65_536)):
        yield models.training(size, ids, (32, 128), repeats)


def _a_few(english: bytes, peers: Sequence[Candidate], total: int, repeats: int) -> Measurements:
    books = [book for book in documents.codebooks(["books-16", "m1-books-16"]) if book.name != "books-16, greedy"]
    yield text.whole_documents("English", _PAGE, peers, books, english[:total], repeats)
    yield text.many_streams(256, 1 << 14, repeats)
    yield models.windows(load_exact("m1-books"), 24, _PAGE, english[: 4 * _PAGE], repeats)
    yield models.training("tiny", 4096, (8, 128), repeats)


def measure(
    texts: Texts = None,
    train: Annotated[
        list[Path] | None, typer.Option(help="What subwords are trained on. [default: the measured text]")
    ] = None,
    total: Annotated[
        int | None, typer.Option("--bytes", min=_PAGE, help="Bytes of each kind of text, at most.")
    ] = None,
    short: Annotated[bool, typer.Option(help="Only a few rows, on the sample: about a minute.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="Results of an earlier run: exit code 2 if a figure is below half of one there.")
    ] = None,
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """One table of all rates, with ratios to peers and shares of bounds; `--against` tells what has fallen."""
    if short and (texts or train):
        raise ValueError("--short measures the sample alone; leave out --text and --train, or leave out --short")
    earlier = _read(against) if against else []
    absent = [peer for peer, library in _LIBRARIES.items() if importlib.util.find_spec(library) is None]
    english = read_texts(texts)
    if sum(map(len, english)) < _PAGE:
        raise ValueError(f"{sum(map(len, english))} bytes of text are too few; give at least {_PAGE}")
    training = data.read_documents(train) if train else english
    training = [document[: _TRAINING_BYTES // len(training)] for document in training]
    total = total or (_FEW_BYTES if short else _BYTES)
    rows: list[Row] = []
    with console.status("training subwords, unless build/bench has them") as status:
        make = _a_few if short else _everything
        for name, run in make(b"".join(english), _peers(training, short, absent), total, repeats):
            status.update(name)
            rows += measured(run, earlier)
    settings = {
        "text": file_names(texts),
        "short": short,
        "bytes": total,
        "trained_on": file_names(train) if train else "the measured text itself",
        "training_bytes": sum(map(len, training)),
        "repeats": repeats,
        "not_installed": absent,
    }
    report("all", settings, [dataclasses.asdict(row) for row in rows], out)
    if lost := [*fallen(rows, earlier), *missing(rows, earlier, absent)]:
        raise ValueError(f"below half of {against}:\n" + "\n".join(lost))


def _peers(training: Sequence[bytes], short: bool, absent: Sequence[str]) -> list[Candidate]:
    """The subword tokenizers that are installed: for the short form SentencePiece alone, with few pieces."""
    if "SentencePiece unigram" in absent:
        return []
    return [sentencepiece_unigram(training, _FEW_PIECES)] if short else documents.subwords(training, _PIECES)


def _read(path: Path) -> list[Row]:
    """The rows of an earlier run. Raises ValueError if there are none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Row(**row) for row in content["results"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no results of `python -m bench all`: {error}") from error
