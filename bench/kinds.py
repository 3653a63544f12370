"""How small files of kinds become that the shipped models were not made for, beside gzip, bzip2 and xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from typing import Annotated, Any

import typer

import ecjax
from bench._common import Json, report
from bench._kinds import kinds
from ecjax import container

PEERS = {
    "gzip -9": lambda text: gzip.compress(text, 9),
    "bzip2 -9": lambda text: bz2.compress(text, 9),
    "xz -9": lambda text: lzma.compress(text, preset=9),
}


def measure(
    size: Annotated[int, typer.Option(min=1, help="Bytes of each text, at most.")] = 4096,
    model: Annotated[
        list[str] | None, typer.Option(help="A model or codebook; repeatable. [default: m1-books books-16]")
    ] = None,
    json: Json = None,
) -> None:
    """Sizes of compressed texts in percent of the text, and whether each came back."""
    results = [_row(name, text, model or ["m1-books", "books-16"]) for name, text in kinds(size).items()]
    report("kinds", {"size": size}, results, json)


def _row(name: str, text: bytes, models: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": name, "bytes": len(text)}
    lossless = True
    for model in models:
        file = ecjax.compress(text, model)
        lossless &= ecjax.decompress(file) == text
        row[f"{model} %"] = round(100 * len(file) / len(text), 1)
        row[f"{model} stored"] = container.info(io.BytesIO(file)).stored > 0
    for peer, compress in PEERS.items():
        row[f"{peer} %"] = round(100 * len(compress(text)) / len(text), 1)
    return row | {"lossless": lossless}
