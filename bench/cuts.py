"""One sentence as each kind of codebook and SentencePiece cut it: the figure of docs/codebooks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from bench._common import Json, Texts, console, file_names, read_texts, report
from bench._reproduce.plots import figure_of, save
from ecjax import Codebook, EqualInfo, SentencePiece, Tokenizer, data, load_model, train_codebook

SENTENCE = "In the winter time the Rat slept a great deal, retiring early and rising late."
"""One of those whose greedy and cheapest parses differ most; on the whole text they differ less."""

_NEVER = 30.0  # bits for a place where a string joins words: more than that ever saves
_COLORS = ("#cfe3f5", "#f9dcc0")  # of every other string


class Cut(NamedTuple):
    """A text as a tokenizer cuts it."""

    method: str
    strings: list[str]


def greedy(codebook: Codebook) -> Codebook:
    """The same strings without costs."""
    members = None if codebook.members is None else np.asarray(codebook.members)
    return Codebook(np.asarray(codebook.parents), np.asarray(codebook.last_bytes), members=members)


def _tokenizers(training: list[bytes], bits: int, m1: str) -> dict[str, Tokenizer]:
    counted = train_codebook(training, bits)
    return {
        f"windows of {Path(m1).stem}, greedy": EqualInfo(load_model(m1), bits).compile(),
        "counted strings, greedy": greedy(counted),
        "counted strings, cheapest": counted,
        "single words, cheapest": train_codebook(training, bits, join_cost=_NEVER),
        "SentencePiece": SentencePiece.train(training, 1 << bits),
    }


def measure(
    train: Annotated[list[Path], typer.Option(help="What strings are learnt from: files or folders; repeatable.")],
    train_bytes: Annotated[int, typer.Option(min=1, help="Bytes of it, the same number from each file.")] = 18_000_000,
    text: Texts = None,
    sentence: Annotated[str, typer.Option(help="What is drawn: ASCII.")] = SENTENCE,
    bits: Annotated[int, typer.Option(min=9, max=16, help="Of a codebook's ids.")] = 12,
    m1: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    figure: Annotated[Path | None, typer.Option(help="Where to draw it, as SVG.")] = None,
    out: Json = None,
) -> None:
    """How one sentence is cut into strings, and bytes per token of the whole text."""
    if not sentence or not sentence.isascii() or not sentence.isprintable():
        raise ValueError(f"a sentence is one line of ASCII, got {sentence!r}")
    texts, documents = read_texts(text), data.read_documents(train)
    training = [document[: -(-train_bytes // len(documents))] for document in documents]
    with console.status("learning strings"):
        tokenizers = _tokenizers(training, bits, m1)
    cuts = [Cut(name, cut(tokenizer, sentence)) for name, tokenizer in tokenizers.items()]
    rows = [row(c, tokenizer, texts) for c, tokenizer in zip(cuts, tokenizers.values(), strict=True)]
    settings = {
        "text": file_names(text),
        "trained_on": file_names(train),
        "training_bytes": sum(map(len, training)),
        "bits": bits,
        "sentence": sentence,
    }
    report("cuts", settings, rows, out)
    if figure is not None:
        draw(cuts, figure)


def cut(tokenizer: Tokenizer, sentence: str) -> list[str]:
    """The strings that a tokenizer cuts a sentence into."""
    ids = np.asarray(tokenizer.encode(sentence.encode()))
    return [tokenizer.decode(ids[i : i + 1]).decode() for i in range(len(ids))]


def row(cut: Cut, tokenizer: Tokenizer, texts: list[bytes]) -> dict[str, Any]:
    """What is reported of a tokenizer."""
    tokens = sum(map(len, tokenizer.encode_batch(texts)))
    return {
        "method": cut.method,
        "strings": len(cut.strings),
        "bytes_per_token": sum(map(len, texts)) / tokens,
        "cut": "|".join(cut.strings),
    }


def draw(cuts: list[Cut], path: Path) -> None:
    """A line of boxes for each tokenizer, a box for each string."""
    figure, axes = figure_of()
    figure.set_size_inches(12, 0.45 * len(cuts) + 0.15)
    for line, (method, strings) in enumerate(cuts):
        axes.text(-1, -line, f"{method}: {len(strings)}", ha="right", va="center", fontsize=8)
        begin = 0
        for number, string in enumerate(strings):
            axes.broken_barh([(begin, len(string))], (-line - 0.36, 0.72), color=_COLORS[number % 2], ec="#666", lw=0.5)
            for place, letter in enumerate(string, begin):
                axes.text(place + 0.5, -line, letter, ha="center", va="center", fontsize=8, family="monospace")
            begin += len(string)
    axes.set(xlim=(-27, max(sum(map(len, c.strings)) for c in cuts) + 0.5), ylim=(0.5 - len(cuts), 0.5))
    axes.axis("off")
    save(figure, path)
