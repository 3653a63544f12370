"""Whether training waits for data: the part of each step in which the next batch is not there yet."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import grain
import jax
import typer

from bench._common import Json, Texts, console, file_names, read_texts, report
from ecjax import data
from ecjax.corpora import Corpus, tokenize_corpus
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import TrainingSettings, train

_BEGIN = 3  # steps that are not counted: they compile, and no batch was made ahead of them


class _Clock(grain.DatasetIterator):
    """Batches, and the seconds for which each was waited for."""

    def __init__(self, batches: grain.DatasetIterator) -> None:
        super().__init__()
        self._batches = batches
        self.waited: list[float] = []

    def get_state(self) -> dict[str, Any]:
        return self._batches.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches.set_state(state)

    def __next__(self) -> Any:
        begin = time.perf_counter()
        batch = next(self._batches)
        self.waited.append(time.perf_counter() - begin)
        return batch


def measure(
    texts: Texts = None,
    size: Annotated[str, typer.Option(help="Of the model.")] = "small",
    tokenizer: Annotated[str, typer.Option(help="A codebook.")] = "books-12",
    context: Annotated[int, typer.Option(min=1, help="Ids in a row.")] = 128,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows in a batch.")] = 32,
    steps: Annotated[int, typer.Option(min=1, help="Steps that count.")] = 20,
    documents: Annotated[
        list[int] | None, typer.Option(min=1, help="Bytes of a document; repeatable. [default: 100 4000 1000000]")
    ] = None,
    out: Json = None,
) -> None:
    """The part of the time of training steps that is waiting for a batch from a corpus, and what making one takes."""
    text = b"".join(read_texts(texts))
    results = []
    with tempfile.TemporaryDirectory() as temporary, console.status("") as status:
        for length in documents or [100, 4000, 1_000_000]:
            for form in ("arrayrecord", "parquet"):
                status.update(f"documents of {length:,} bytes, {form}")
                folder = Path(temporary) / f"{form}-{length}"
                results.append(_row(_corpus(folder, text, tokenizer, length, form), size, context, batch_size, steps))
    settings = {
        "text": file_names(texts),
        "size": size,
        "tokenizer": tokenizer,
        "context": context,
        "batch_size": batch_size,
        "steps": steps,
    }
    report("feeding", settings, results, out)


def _corpus(folder: Path, text: bytes, tokenizer: str, length: int, form: Any) -> Corpus:
    """The text, repeated to some MB, in documents of one length."""
    source = folder.with_suffix(".txt")
    source.write_bytes(text * max(1, 8_000_000 // len(text)))
    # A text is cut near multiples of its longest document.
    corpus = tokenize_corpus([source], folder, tokenizer, format=form, longest=length, processes=1)
    assert corpus is not None
    return corpus


def _row(corpus: Corpus, size: str, context: int, batch_size: int, steps: int) -> dict[str, Any]:
    def batches(seed: int) -> grain.DatasetIterator:
        return data.corpus_batches(corpus, context, batch_size, seed, end_id=corpus.codebook.padding_id)

    clock, ends = _Clock(batches(0)), []
    model = Transformer(configuration(size, corpus.codebook.vocab_size, context), key=jax.random.key(0))
    settings = TrainingSettings(_BEGIN + steps, batch_size, warmup=1)
    train(model, clock, settings, report=lambda *_: ends.append(time.perf_counter()))
    whole = ends[-1] - ends[_BEGIN - 1]
    alone = _seconds(batches(1), steps)
    return {
        "document_bytes": round(corpus.bytes / corpus.documents),
        "shards": corpus.records,
        "documents": corpus.documents,
        "step_ms": 1000 * whole / steps,
        "waiting_percent": 100 * sum(clock.waited[-steps:]) / whole,
        # What it would be if no batch were made ahead.
        "making_ms": 1000 * alone,
        "making_percent": 100 * alone * steps / whole,
    }


def _seconds(batches: Iterator[Any], count: int) -> float:
    """Seconds for each batch if one is taken right after another."""
    next(batches)
    begin = time.perf_counter()
    for _ in range(count):
        next(batches)
    return (time.perf_counter() - begin) / count
