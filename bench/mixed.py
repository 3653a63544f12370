"""The texts for `mixed-16`: prose in many languages and scripts, technical documentation, source code and data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench._mixed.corpus import Corpus, Document, deduplicate, draw, read, share_out, split
from bench._mixed.languages import SCRIPTS
from bench._mixed.packages import fetch, licence, version
from bench._mixed.sources import SOURCES, Source, limit

console = Console(highlight=False)


def measure(
    out: Annotated[Path, typer.Option(help="Folder for the packages, the texts and the table of sources.")],
    english: Annotated[Path | None, typer.Option(help="Folder of English books, to be half of the corpus.")] = None,
) -> None:
    """Makes a corpus of what ordinary packages ship: OUT/train, OUT/held-out and OUT/sources.json."""
    if (out / "train").exists():
        raise ValueError(f"{out / 'train'} exists already; remove it, or name another folder")
    if any("man" in source.takes for source in SOURCES) and shutil.which("mandoc") is None:
        raise ValueError("there is no mandoc, which reads manual pages; install it (Debian's package mandoc)")
    corpus: Corpus = {}
    table: dict[str, dict[str, str]] = {}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for source, (row, documents) in zip(SOURCES, pool.map(_read, SOURCES, repeat(out / "packages")), strict=True):
            console.print(
                f"{source.name}: " + (row["problem"] if "problem" in row else f"{row['version']}, {row['licence']}")
            )
            table[source.name] = row
            for category in documents:
                corpus.setdefault(category, {})[source.name] = documents[category]
    corpus = {category: share_out(sources, limit(category)) for category, sources in deduplicate(corpus).items()}
    if english is not None:
        books = [Document(draw(path.name), path.read_text("utf-8")) for path in english.rglob("*") if path.is_file()]
        corpus["english/books"] = share_out({"books": books}, sum(map(_size, corpus.values())))
    _write(out, corpus, table)


def _read(source: Source, folder: Path) -> tuple[dict[str, str], dict[str, list[Document]]]:
    """What to say of a source in the table, and its documents by category; none, and why, if it is not to be had."""
    try:
        package = fetch(source, folder)
    except ValueError as error:
        return {"problem": f"left out: {error}"}, {}
    row = {"registry": source.registry, "version": version(package), "licence": licence(package)}
    return row, read(source, package)


def _size(sources: Mapping[str, list[Document]]) -> int:
    return sum(document.size for documents in sources.values() for document in documents)


def _write(out: Path, corpus: Corpus, packages: Mapping[str, dict[str, str]]) -> None:
    """Writes each category's texts, a file for each source, and what is held out of it also as one; the table."""
    rows = []
    for category, sources in corpus.items():
        together = ""
        for name, documents in sources.items():
            training, held_out = ("".join(document.text for document in part) for part in split(documents))
            together += held_out
            _write_text(out / "train" / category / f"{name}.txt", training)
            _write_text(out / "held-out" / "sources" / category / f"{name}.txt", held_out)
            row = {"category": category, "script": _script(category), "package": name} | packages.get(name, {})
            row |= {"train_bytes": len(training.encode()), "held_out_bytes": len(held_out.encode())}
            rows.append(row)
        _write_text(out / "held-out" / "categories" / f"{category}.txt", together)
        console.print(f"{category:20} {_size(sources):>12,} bytes from {len(sources)} sources")
    (out / "sources.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"{'together':20} {sum(map(_size, corpus.values())):>12,} bytes")


def _script(category: str) -> str:
    kind, name = category.split("/")
    return SCRIPTS[name][0] if kind == "languages" else "Latin"


def _write_text(path: Path, text: str) -> None:
    if text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
