"""Bytes per token and speed of codebooks and of subword tokenizers, on one core and the same text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report
from bench._machine import best_seconds
from bench._subwords import Candidate, byte_pairs, sentencepiece_unigram
from ecjax import data, load_codebook


def _codebook(name: str, texts: Sequence[bytes]) -> Candidate:
    codebook = load_codebook(name)
    return Candidate(
        Path(name).stem, codebook.vocab_size, {"whole texts": texts}, codebook.encode_batch, codebook.decode_batch
    )


def _training_texts(documents: Sequence[bytes], size: int) -> list[str]:
    """The first bytes of each document, as many of each, `size` together."""
    return [document[: size // len(documents)].decode("utf-8", "ignore") for document in documents]


def _figures(candidate: Candidate, form: str, original: bytes, repeats: int) -> dict[str, Any]:
    texts = candidate.texts[form]
    batch = candidate.encode(texts)
    decoded = candidate.decode(batch)
    tokens = sum(map(len, batch))
    return {
        "tokenizer": candidate.name,
        "vocab_size": candidate.vocab_size,
        "tokens": tokens,
        "bytes_per_token": len(original) / tokens,
        "encode_mb_per_s": len(original) / 1e6 / best_seconds(lambda: candidate.encode(texts), repeats),
        "decode_mb_per_s": len(original) / 1e6 / best_seconds(lambda: candidate.decode(batch), repeats),
        "lossless": b"".join(part.encode() if isinstance(part, str) else part for part in decoded) == original,
        "given": form,
        "training_seconds": candidate.training_seconds,
    }


def _best(candidate: Candidate, original: bytes, repeats: int) -> dict[str, Any]:
    """The figures for the form of the text that the candidate encodes fastest, with its fastest decoding of any."""
    rows = [_figures(candidate, form, original, repeats) for form in candidate.texts]
    best = max(rows, key=lambda row: row["encode_mb_per_s"])
    return best | {"decode_mb_per_s": max(row["decode_mb_per_s"] for row in rows)}


def measure(
    text: Texts = None,
    codebook: Annotated[
        list[str] | None, typer.Option(help="A shipped name or a file; repeatable. [default: books-12 books-16]")
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="What subwords are trained on: files or folders; repeatable. [default: the measured text]"),
    ] = None,
    train_bytes: Annotated[int, typer.Option(min=1, help="Bytes of it, the same number from each file.")] = 32_000_000,
    pieces: Annotated[int, typer.Option(min=512, help="Subwords, or as many as the text yields.")] = 65536,
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """Bytes per token, and MB/s of encoding and decoding on one core: codebooks, SentencePiece, Hugging Face BPE."""
    texts = read_texts(text)
    original = b"".join(texts)
    with console.status("") as status:
        status.update("training subwords, unless build/bench has them")
        training = _training_texts(data.read_documents(train) if train else texts, train_bytes)
        subwords = [sentencepiece_unigram(training, pieces, texts), byte_pairs(training, pieces, texts)]
        books = [_codebook(name, texts) for name in codebook or ["books-12", "books-16"]]
        results = []
        for candidate in [*subwords, *books]:
            if candidate is not None:
                status.update(candidate.name)
                results.append(_best(candidate, original, repeats))
    yardstick = results[0]
    for row in results:
        for key in ("bytes_per_token", "encode_mb_per_s", "decode_mb_per_s"):
            row[f"{key.partition('_')[0]}_ratio"] = row[key] / yardstick[key]
    settings = {
        "text": file_names(text),
        "bytes": len(original),
        "trained_on": file_names(train) if train else "the measured text itself",
        "training_bytes": sum(len(part.encode()) for part in training),
        "ratios_to": yardstick["tokenizer"],
        "repeats": repeats,
    }
    if len(results) < len(subwords) + len(books):
        settings["left_out"] = "Hugging Face BPE: the library `tokenizers` is not installed"
    report("tokenizers", settings, results, out)
