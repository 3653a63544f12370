"""The command `tokenize-corpus`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from ecjax.cli.options import Json, Quiet, named
from ecjax.cli.ready import ready
from ecjax.console import note, sharing, show


def tokenize_corpus(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Text files, JSON lines (.jsonl, .ndjson), Parquet (.parquet, .pq), folders of them, or URLs that "
            "fsspec knows. All but Parquet may be compressed (.gz, .zst).",
        ),
    ],
    out: Annotated[
        Path, typer.Option(parser=named, metavar="DIR", help="Folder of the shards and their index. Made if not there.")
    ],
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", help="A codebook: a shipped one (books-16, mixed-16) or a file.")
    ] = "books-16",
    field: Annotated[str, typer.Option(help="Field of JSON lines, or column of Parquet, with the text.")] = "text",
    documents: Annotated[
        Literal["file", "line"], typer.Option(help="What a document is in a text file: the whole file, or each line.")
    ] = "file",
    kind: Annotated[
        Literal["text", "jsonl", "parquet"] | None,
        typer.Option("--input", show_default="by the end of each name", help="Format of all sources."),
    ] = None,
    form: Annotated[
        Literal["arrayrecord", "parquet"],
        typer.Option("--format", help="File format of the shards. grain reads both."),
    ] = "arrayrecord",
    shard_bytes: Annotated[
        int, typer.Option(min=1, metavar="BYTES", help="Bytes of source files, as stored, that go into a shard.")
    ] = 1 << 28,
    workers: Annotated[
        int | None, typer.Option(min=1, show_default="one for each core", help="Processes that work side by side.")
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            metavar="K/N", help="Make only part K of N (K from 1 to N). For N machines that share the folder."
        ),
    ] = "1/1",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tokenises a corpus of any size into shards for training.

    Documents are streamed, so memory does not grow with the corpus. If the command was stopped, even killed, repeat it:
    it goes on where it stopped. The folder then has the same bytes as if it had never been stopped.
    """
    numbers = _part(part)
    ready("ecjax.corpora.corpus")
    from ecjax import corpora

    begin = time.monotonic()
    with sharing("tokenising", quiet) as report:

        def watch(read: int, total: int, count: int) -> None:
            rate = read / max(time.monotonic() - begin, 1e-9)
            report(read / max(1, total), f"{count:,} documents, {read:,} of {total:,} bytes, {rate / 1e6:,.2f} MB/s")

        corpus = corpora.tokenize_corpus(
            sources,
            out,
            tokenizer,
            field=field,
            documents=documents,
            kind=kind,
            format=form,
            shard_bytes=shard_bytes,
            processes=workers,
            part=numbers,
            watch=watch,
        )
    results: dict[str, object] = {"corpus": str(out), "complete": corpus is not None}
    if corpus is not None:
        results |= {
            "shards": len(corpus.shards),
            "documents": corpus.documents,
            "bytes": corpus.bytes,
            "tokens": corpus.tokens,
            "bytes_per_token": corpus.bytes / max(1, corpus.tokens),
            "seconds": time.monotonic() - begin,
        }
    elif not (quiet or as_json):
        note(f"this part is done; {out} is complete once the other parts are")
    if as_json or not quiet:
        show(results, as_json)


def _part(text: str) -> tuple[int, int]:
    """The numbers of K/N, the K-th of N parts."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(f"{text} is no part; write 1/4, 2/4, 3/4 and 4/4 for the parts of four machines")
    return int(found[1]), int(found[2])
