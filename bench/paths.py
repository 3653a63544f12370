"""One digest of all ways to encode: the host, several threads, inside `jit`, Ray Data and Apache Beam.

The texts are repeated and cut into documents, at other places each time, until there is enough. Each way encodes all of
them, and the SHA-256 of the ids of all documents, in order, must be the same for each.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from bench._common import Json, Texts, console, file_names, read_texts, report
from bench._documents import digest, documents
from ecjax import load_codebook
from ecjax.codebook import Codebook

_BATCH = 512  # documents that are encoded at once
_LANES = 64  # of a batch inside `jit`
_PROCESSES = 2  # of Ray and of Beam

Documents = Sequence[bytes]


def measure(
    texts: Texts = None,
    megabytes: Annotated[float, typer.Option(min=0.001, help="Bytes of text, in units of 10^6.")] = 200,
    length: Annotated[int, typer.Option(min=1, help="Bytes of a document at most.")] = 4096,
    codebook: Annotated[str, typer.Option(help="Its name or file.")] = "books-16",
    threads: Annotated[int, typer.Option(min=1, help="Threads that encode side by side.")] = 2,
    out: Json = None,
) -> None:
    """Encodes a corpus in every way that is installed, and compares the SHA-256 of all ids.

    Raises ValueError if two ways give other ids.
    """
    book = load_codebook(codebook)
    given = [text.encode() for text in documents(b"".join(read_texts(texts)), int(megabytes * 1e6), length)]
    ways: dict[str, Callable[[], Iterable[np.ndarray]]] = {
        "host": lambda: _on_the_host(book, given),
        f"host, {threads} threads": lambda: _in_threads(book, given, threads),
        "inside jit": lambda: _inside_jit(book, given, length),
        "Ray Data": lambda: _by_ray(book, given),
        "Apache Beam": lambda: _by_beam(book, given),
    }
    results: list[dict[str, Any]] = []
    with console.status("") as status:
        for name, way in ways.items():
            status.update(name)
            begin = time.perf_counter()
            try:
                found = digest(np.asarray(ids, np.uint16).tobytes() for ids in way())
            except ImportError as error:
                results.append({"way": name, "sha256": f"not run: {error.name or error}"})
                continue
            seconds = time.perf_counter() - begin
            expected = results[0]["sha256"] if results else found
            results.append({"way": name, "sha256": found, "seconds": seconds, "equal": found == expected})
    settings = {
        "text": file_names(texts),
        "megabytes": megabytes,
        "documents": len(given),
        "codebook": codebook,
        "length": length,
    }
    report("paths", settings, results, out)
    if unequal := [row["way"] for row in results if row.get("equal") is False]:
        raise ValueError(f"other ids than on the host: {', '.join(unequal)}")


def _batches(documents: Documents, size: int) -> Iterator[Documents]:
    return (documents[i : i + size] for i in range(0, len(documents), size))


def _on_the_host(book: Codebook, documents: Documents) -> Iterator[np.ndarray]:
    for batch in _batches(documents, _BATCH):
        yield from book.encode_batch(batch)


def _in_threads(book: Codebook, documents: Documents, threads: int) -> Iterator[np.ndarray]:
    with ThreadPoolExecutor(threads) as pool:
        for rows in pool.map(book.encode_batch, _batches(documents, _BATCH)):
            yield from rows


def _inside_jit(book: Codebook, documents: Documents, length: int) -> Iterator[np.ndarray]:
    encode = jax.jit(jax.vmap(Codebook.encode_array, (None, 0, 0)))
    placed = jax.device_put(book)
    for batch in _batches(documents, _LANES):
        texts, lengths = np.zeros((_LANES, length), np.uint8), np.zeros(_LANES, np.int32)
        for k, document in enumerate(batch):
            texts[k, : len(document)] = np.frombuffer(document, np.uint8)
            lengths[k] = len(document)
        ids, counts = map(np.asarray, encode(placed, jnp.asarray(texts), jnp.asarray(lengths)))
        yield from (ids[k, : counts[k]] for k in range(len(batch)))


def _in_order(rows: Iterable[tuple[int, Any]], count: int) -> list[np.ndarray]:
    """The ids of rows by their numbers. Raises ValueError unless each number comes once."""
    found = {number: np.asarray(ids, np.uint16) for number, ids in rows}
    if sorted(found) != list(range(count)):
        raise ValueError("a document was lost")
    return [found[number] for number in range(count)]


def _by_ray(book: Codebook, documents: Documents) -> list[np.ndarray]:
    ray: Any = importlib.import_module("ray")
    data: Any = importlib.import_module("ray.data")
    from ecjax.corpora.ray import Tokenize

    ray.init(num_cpus=_PROCESSES, include_dashboard=False, log_to_driver=False)
    try:
        table = pa.table({"number": np.arange(len(documents)), "text": pa.array(documents, pa.binary())})
        rows = data.from_arrow(table).repartition(8 * _PROCESSES)
        rows = rows.map_batches(Tokenize(book), batch_format="pyarrow", batch_size=_BATCH)
        return _in_order(((row["number"], row["ids"]) for row in rows.iter_rows()), len(documents))
    finally:
        ray.shutdown()


def _by_beam(book: Codebook, documents: Documents) -> list[np.ndarray]:
    beam: Any = importlib.import_module("apache_beam")
    options: Any = importlib.import_module("apache_beam.options.pipeline_options")
    from ecjax.corpora.beam import Tokenize

    schema = pa.schema([("number", pa.int64()), ("ids", pa.list_(pa.uint16()))])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = -(-len(documents) // (4 * _PROCESSES))
        for k, part in enumerate(_batches(documents, size)):
            numbers = np.arange(k * size, k * size + len(part))
            pq.write_table(pa.table({"number": numbers, "text": pa.array(part, pa.binary())}), folder / f"{k}.parquet")
        running = options.PipelineOptions(
            [],  # and not what the command line says
            runner="DirectRunner",
            direct_running_mode="multi_processing",
            direct_num_workers=_PROCESSES,
        )
        with beam.Pipeline(options=running) as pipeline:
            rows = pipeline | beam.io.ReadFromParquet(str(folder / "*.parquet")) | Tokenize(book)
            _ = rows | beam.io.WriteToParquet(str(folder / "ids"), schema)
        tables = [pq.read_table(path) for path in sorted(folder.glob("ids*"))]
        table = pa.concat_tables(tables)
        return _in_order(zip(table["number"].to_pylist(), table["ids"].to_pylist(), strict=True), len(documents))
