"""Bytes per token and speed of codebooks and of subword tokenizers, on one core and the same text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report, write
from bench._machine import best_seconds
from bench._subwords import Candidate, byte_pairs, sentencepiece_unigram
from ecjax import data, load_codebook


def _codebook(name: str) -> Candidate:
    codebook = load_codebook(name)
    return Candidate(
        Path(name).stem,
        codebook.vocab_size,
        lambda texts: {"whole texts": texts},
        codebook.encode_batch,
        codebook.decode_batch,
    )


def _training_texts(documents: Sequence[bytes], size: int) -> list[bytes]:
    """The first bytes of each document, as many of each, `size` together."""
    return [document[: size // len(documents)] for document in documents]


def _figures(candidate: Candidate, form: str, texts: Sequence[Any], original: bytes, repeats: int) -> dict[str, Any]:
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


def _best(candidate: Candidate, texts: Sequence[bytes], repeats: int) -> dict[str, Any]:
    """The figures for the form of the text that the candidate encodes fastest, with its fastest decoding of any."""
    original = b"".join(texts)
    rows = [_figures(candidate, form, given, original, repeats) for form, given in candidate.forms(texts).items()]
    best = max(rows, key=lambda row: row["encode_mb_per_s"])
    return best | {"decode_mb_per_s": max(row["decode_mb_per_s"] for row in rows)}


def _rows(candidates: Sequence[Candidate], texts: Sequence[bytes], repeats: int) -> list[dict[str, Any]]:
    """The figures of all candidates on the same texts, with their ratios to the first one's."""
    rows = [_best(candidate, texts, repeats) for candidate in candidates]
    for row in rows:
        for key in ("bytes_per_token", "encode_mb_per_s", "decode_mb_per_s"):
            row[f"{key.partition('_')[0]}_ratio"] = row[key] / rows[0][key]
    return rows


def measure(
    text: Texts = None,
    apart: Annotated[bool, typer.Option(help="Report on each --text by itself: text of several kinds.")] = False,
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
    if apart and not text:
        raise ValueError("--apart reports on each --text; give at least one")
    groups = {str(path): read_texts([path]) for path in text} if apart and text else {"": read_texts(text)}
    texts = [document for group in groups.values() for document in group]
    with console.status("") as status:
        status.update("training subwords, unless build/bench has them")
        training = _training_texts(data.read_documents(train) if train else texts, train_bytes)
        subwords = [
            sentencepiece_unigram(training, pieces),
            sentencepiece_unigram(training, pieces, split_by_whitespace=False),
            byte_pairs(training, pieces),
        ]
        books = [_codebook(name) for name in codebook or ["books-12", "books-16"]]
        candidates = [candidate for candidate in [*subwords, *books] if candidate is not None]
        results = {}
        for name, group in groups.items():
            status.update(f"measuring {name}")
            results[name] = _rows(candidates, group, repeats)
    settings = {
        "text": file_names(text),
        "bytes": sum(map(len, texts)),
        "trained_on": file_names(train) if train else "the measured text itself",
        "training_bytes": sum(map(len, training)),
        "ratios_to": candidates[0].name,
        "repeats": repeats,
    }
    if len(candidates) < len(subwords) + len(books):
        settings["left_out"] = "Hugging Face BPE: the library `tokenizers` is not installed"
    if not apart:
        report("tokenizers", settings, results[""], out)
        return
    for name, rows in results.items():
        report("tokenizers", settings | {"text": Path(name).name, "bytes": sum(map(len, groups[name]))}, rows, None)
    write(
        "tokenizers", settings, [{"text": Path(name).name} | row for name, rows in results.items() for row in rows], out
    )
