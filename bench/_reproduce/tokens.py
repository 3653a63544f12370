"""A method's tokens of the training text and of the held-out text: made once, kept in a file, read back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32

from bench._common import excerpts
from bench._reproduce.methods import METHODS, Materials
from bench._reproduce.scales import SCALES, Run, Scale
from ecjax import EqualInfo, analysis, data, load_model, serialisation

_KIND = "ecjax.bench.tokens"


class Job(NamedTuple):
    """Where the texts are, which M1 is used, and where results go. Texts may be left out once all tokens are there."""

    scale: str
    texts: Sequence[Path]
    held_out: Sequence[Path]
    m1: str
    out: Path

    def tokens_file(self, method: str) -> Path:
        return self.out / "tokens" / f"{Run(method, '', 0, 0).name.partition('__')[0]}.safetensors"

    def run_file(self, run: Run) -> Path:
        return self.out / "runs" / f"{run.name}.json"

    def model_file(self, run: Run) -> Path:
        return self.out / "models" / f"{run.name}.safetensors"


class Tokens(NamedTuple):
    """A method's tokens.

    Attributes:
      vocab_size: Number of ids.
      training: Ids of the training text, each document followed by a padding id.
      held_out: Ids of the held-out text, and nothing else.
      training_bytes: Bytes of the training text.
      held_out_bytes: Bytes of the held-out text.
      facts: What else was measured of them, and their file's fingerprint, for results.
    """

    vocab_size: int
    training: Int32[np.ndarray, " n"]
    held_out: Int32[np.ndarray, " m"]
    training_bytes: int
    held_out_bytes: int
    facts: dict[str, Any]

    @property
    def bytes_per_token(self) -> float:
        """Bytes of held-out text per token."""
        return self.held_out_bytes / len(self.held_out)


def load(job: Job, method: str) -> Tokens:
    """The tokens of a method, made first if need be."""
    prepare(job, method)
    contents = serialisation.read(job.tokens_file(method), _KIND)
    facts: dict[str, Any] = {**contents.settings, "fingerprint": contents.fingerprint}
    ids = {name: tensor.astype(np.int32) for name, tensor in contents.tensors.items()}
    return Tokens(
        facts["vocab_size"], ids["training"], ids["held_out"], facts["training_bytes"], facts["held_out_bytes"], facts
    )


def prepare(job: Job, method: str) -> None:
    """Writes the tokens of a method unless they are there: ids of both texts, and what came back.

    Raises:
      ValueError: If they are not there, and neither is the text to make them from.
    """
    file = job.tokens_file(method)
    if file.is_file():
        return
    if not job.texts or not job.held_out:
        raise ValueError(f"{file} is not there; give --text and --held-out, from which it is made")
    training, learnt, held_out = texts_of(job, SCALES[job.scale])
    begin = time.perf_counter()
    tokenizer = METHODS[method].build(Materials(load_model(job.m1), learnt))
    trained = time.perf_counter()
    ids = data.token_stream(tokenizer, training)
    seconds = time.perf_counter() - begin
    batch = tokenizer.encode_batch(held_out)
    wrong = windows = None
    if isinstance(tokenizer, EqualInfo):
        pairs = tokenizer.read_back(b"".join(held_out))
        wrong, windows = sum(own != read for own, read in pairs), len(pairs)
    settings = {
        "method": method,
        "vocab_size": tokenizer.vocab_size,
        "tokenizer_bytes": sum(map(len, learnt)),
        "training_bytes": sum(map(len, training)),
        "training_tokens": len(ids),
        "held_out_bytes": sum(map(len, held_out)),
        "held_out_tokens": sum(map(len, batch)),
        "lossless": tokenizer.decode_batch(batch) == held_out,
        "undecodable_windows": wrong,
        "windows": windows,
        "seconds": round(seconds, 1),
        "building_seconds": round(trained - begin, 1),
    }
    if isinstance(tokenizer, EqualInfo) and tokenizer.code == "published":
        information = analysis.window_information(tokenizer, held_out)
        settings["untold_bits_per_byte"] = float(information.untold.sum() / information.bytes.sum())
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.int32
    # Held-out ids have no ends of documents between them: every bit of the loss is one of the text.
    tensors = {"training": ids.astype(dtype), "held_out": np.concatenate(batch).astype(dtype)}
    file.parent.mkdir(parents=True, exist_ok=True)
    serialisation.write(file, _KIND, settings, tensors, {"m1": job.m1})


def texts_of(job: Job, scale: Scale) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The documents to train on, what tokenizers are trained on of them, and those to measure on."""
    training, held_out = data.read_documents(job.texts), data.read_documents(job.held_out)
    training = _beginnings(training, scale.training_bytes)
    if scale.held_out_bytes is not None:
        held_out = excerpts(held_out, scale.held_out_bytes)
    return training, _beginnings(training, scale.tokenizer_bytes), held_out


def _beginnings(texts: list[bytes], size: int | None) -> list[bytes]:
    """The same number of bytes from the beginning of each text, `size` together, or less of short ones."""
    return texts if size is None else [text[: -(-size // len(texts))] for text in texts]
