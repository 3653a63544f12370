"""What the tests of corpora share: documents written as sources of every kind, and read back from shards."""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecjax.corpora import Corpus

KINDS = ["folder", "lines", "lines.gz", "lines.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet", "parquet of bytes"]


def compress(path: Path, contents: bytes) -> Path:
    """Writes a file, compressed if its name says so; gzip and zstd in two parts one behind another."""
    half = len(contents) // 2
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(contents[:half]) + gzip.compress(contents[half:]))
    elif path.suffix == ".zst":
        codec = pa.Codec("zstd")
        parts = (contents[:half], contents[half:])
        path.write_bytes(b"".join(codec.compress(part, asbytes=True) for part in parts))
    else:
        path.write_bytes(contents)
    return path


def write(folder: Path, kind: str, documents: Sequence[bytes]) -> dict[str, Any]:
    """Writes documents as sources of a kind, of which each can hold them; gives how `tokenize_corpus` reads them."""
    folder.mkdir()
    if kind == "folder":
        for number, document in enumerate(documents):
            place = folder / f"{number // 3:04d}"
            place.mkdir(exist_ok=True)
            (place / f"{number:04d}.txt").write_bytes(document)
        return {"sources": [folder]}
    if kind.startswith("lines"):
        contents = b"".join(document + (b"\r\n", b"\n")[len(document) % 2] for document in documents)
        return {"sources": [compress(folder / f"text{kind.removeprefix('lines')}", contents)], "documents": "line"}
    if kind.startswith("jsonl"):
        rows = [{"url": None, "body": document.decode("utf-8", "surrogatepass")} for document in documents]
        contents = "".join(json.dumps(row) + "\n" * (1 + n % 2) for n, row in enumerate(rows)).encode()
        return {"sources": [compress(folder / f"text.{kind}", contents)], "field": "body"}
    column = pa.array(documents, pa.large_binary())
    if kind == "parquet":
        column = pa.array([document.decode() for document in documents]).dictionary_encode()
    table = pa.table({"number": range(len(documents)), "text": column})
    pq.write_table(table, folder / "text.parquet", row_group_size=4)
    return {"sources": [folder / "text.parquet"]}


def holds(kind: str, document: bytes) -> bool:
    """Whether sources of a kind can hold a document, which is not empty."""
    if kind.startswith("lines"):
        return not re.search(rb"\n|\r$", document)
    if kind.startswith("jsonl"):
        return _decodes(document, "surrogatepass")
    return kind != "parquet" or _decodes(document, "strict")


def texts(corpus: Corpus) -> list[bytes]:
    """The documents of a corpus."""
    return corpus.codebook.decode_batch(list(corpus))


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _decodes(document: bytes, errors: str) -> bool:
    try:
        document.decode("utf-8", errors)
    except UnicodeDecodeError:
        return False
    return True
