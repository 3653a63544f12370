"""Which string each id stands for, and what changes when a text begins otherwise: found once, then kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench._reproduce.methods import METHODS, Materials
from bench._reproduce.scales import SCALES
from bench._reproduce.tokens import Job, texts_of
from ecjax import Tokenizer, analysis, load_model, serialisation

_KIND = "ecjax.bench.strings"
_PASSAGES = 100
_PASSAGE = 600  # bytes


class Strings(NamedTuple):
    """What a method's ids stand for.

    Attributes:
      strings: Of each id; padding is empty.
      prefix_distance: How far apart, of 0 to 1, are the ids of a passage and of the same with another first word.
    """

    strings: list[bytes]
    prefix_distance: float


def load(job: Job, method: str) -> Strings:
    """The strings of a method, whose tokenizer is made again if they are not there yet."""
    file = job.out / "strings" / job.tokens_file(method).name
    if not file.is_file():
        _, learnt, held_out = texts_of(job, SCALES[job.scale])
        tokenizer = METHODS[method].build(Materials(load_model(job.m1), learnt))
        strings = tokenizer.decode_batch([[i] for i in range(tokenizer.vocab_size)])
        settings = {"method": method, "prefix_distance": _prefix_distance(tokenizer, held_out)}
        tensors = {
            "bytes": np.frombuffer(b"".join(strings), np.uint8),
            "lengths": np.array(list(map(len, strings)), np.uint32),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        serialisation.write(file, _KIND, settings, tensors, {"m1": job.m1})
    contents = serialisation.read(file, _KIND)
    text, ends = contents.tensors["bytes"].tobytes(), np.cumsum(contents.tensors["lengths"], dtype=np.int64).tolist()
    return Strings(
        [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)], contents.settings["prefix_distance"]
    )


def _prefix_distance(tokenizer: Tokenizer, texts: Sequence[bytes]) -> float:
    """Of passages that begin with a word, from all texts in turn."""
    rng = np.random.default_rng(0)
    passages = []
    for i in range(_PASSAGES):
        text = texts[i % len(texts)]
        begin = text.index(b" ", int(rng.integers(max(1, len(text) - _PASSAGE)))) + 1
        passages.append(text[begin : begin + _PASSAGE])
    return float(analysis.prefix_distances(tokenizer, passages, [b"Nevertheless"] * len(passages)).mean())
