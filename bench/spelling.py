"""Spelling words from their tokens, as a task for a small language model (after arXiv 2404.03626, App. A.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bench._common import Json, console, excerpts, file_names, report
from bench._sequences import bare_codes, learn
from ecjax import ByteModel, Bytes, EqualInfo, SentencePiece, Tokenizer, data, load_model
from ecjax.analysis import Pairs, Vocabulary, spelling
from ecjax.training import TrainingSettings

_WORD = re.compile(rb"(?<= )[a-z]{4,20}(?= )")
_HELD_OUT = 20  # of so many words one


def _words(texts: Sequence[bytes], count: int) -> list[bytes]:
    """The most frequent words of 4 to 20 small letters, shuffled."""
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    words = [word for word, _ in counts.most_common(count)]
    return [words[i] for i in np.random.default_rng(0).permutation(len(words))]


def _tokenizers(model: ByteModel, texts: Sequence[bytes]) -> dict[str, Tokenizer]:
    return {
        "Bytes": Bytes(),
        "SentencePiece[512]": SentencePiece.train(texts, 512),
        "EqualInfo[9]": EqualInfo(model, 9).compile(),
        "EqualInfo[9,3]": EqualInfo(model, 9, 3),
        "EqualInfo[16,8]": EqualInfo(model, 16, 8),
        "EqualInfo[16,8] published": EqualInfo(model, 16, 8, code="published"),
    }


def _tasks(model: ByteModel, tokenizers: dict[str, Tokenizer], words: Sequence[bytes]) -> dict[str, Pairs]:
    """From the tokens of every method, and from none: what of words can be guessed."""
    letters = Bytes().encode_batch(words)
    coded = bare_codes(model, [b" " + word for word in words])
    nothing = [np.zeros(0, np.int32)] * len(words)
    return {
        **{name: spelling(tokenizer, words) for name, tokenizer in tokenizers.items()},
        "AC[8]": Pairs(coded, letters, Vocabulary(256, Bytes.vocab_size)),
        "no tokens": Pairs(nothing, letters, Vocabulary(1, Bytes.vocab_size)),
    }


def measure(
    text: Annotated[list[Path], typer.Option(help="Text whose words are spelt: a file or a folder; repeatable.")],
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of it, from the middle of each.")] = 8_000_000,
    count: Annotated[int, typer.Option(min=_HELD_OUT, help="Words, the most frequent; a twentieth held out.")] = 20_000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each model.")] = 1000,
    figures: Annotated[Path | None, typer.Option("--out", help="Folder for the figure.")] = None,
    out: Json = None,
) -> None:
    """Accuracy of small models at spelling words that they never saw, from the tokens of each method."""
    settings = TrainingSettings(steps, batch_size=64, learning_rate=3e-3)
    loaded, texts = load_model(model), excerpts(data.read_documents(text), size)
    words = _words(texts, count)
    if len(words) < _HELD_OUT:
        raise ValueError(f"{len(words)} words of 4 to 20 small letters are too few; give more text")
    with console.status("tokens") as status:
        tokenizers = _tokenizers(loaded, texts)
        held_out = _tasks(loaded, tokenizers, words[: len(words) // _HELD_OUT])
        training = _tasks(loaded, tokenizers, words[len(words) // _HELD_OUT :])
        tasks = {name: (training[name], held_out[name]) for name in training}
        rows = learn(tasks, settings, figures and figures / "analysis-spelling.svg", status)
    about = {
        "model": model.rpartition("/")[2],
        "words_of": file_names(text),
        "words": len(words),
        "held_out": len(words) // _HELD_OUT,
        "size": "tiny",
        "steps": steps,
        "batch_size": settings.batch_size,
    }
    report("spelling", about, rows, out)
