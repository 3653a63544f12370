"""What a worker process does: text to tokens, tokens to a trained and measured M2, each kept in a file."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from bench._common import excerpts
from bench._machine import environment
from bench._reproduce.methods import METHODS, Materials
from bench._reproduce.scales import SCALES, Run, Scale
from ecjax import EqualInfo, analysis, atomic, data, evaluation, load_model, serialisation
from ecjax.models.files import load_exact, save_transformer
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import train

_KIND = "ecjax.bench.tokens"
_CHECKPOINT_EVERY = 1000


class Job(NamedTuple):
    """Where the texts are, which M1 is used, and where results go."""

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


def execute(job: Job, run: Run) -> None:
    """Trains and measures M2 over a method's tokens, made first if need be, and writes what came of it."""
    scale, method = SCALES[job.scale], METHODS[run.method]
    for file in (job.tokens_file(run.method), job.run_file(run), job.model_file(run)):
        file.parent.mkdir(parents=True, exist_ok=True)
    if not job.tokens_file(run.method).is_file():
        _tokenize(job, run.method)
    contents = serialisation.read(job.tokens_file(run.method), _KIND)
    tokens, tensors = contents.settings, contents.tensors
    vocab_size, text_bytes = _integer(tokens, "vocab_size"), _integer(tokens, "held_out_bytes")
    held_out = tensors["held_out"]
    config = configuration(run.size, vocab_size, scale.context)
    settings = scale.settings_of(run)
    examples = data.Slices(tensors["training"], range(0, len(tensors["training"]), scale.context), scale.context)
    points = sorted({max(1, run.steps * i // scale.points) for i in range(1, scale.points + 1)})
    folder = job.out / "checkpoints" / run.name
    folder.mkdir(parents=True, exist_ok=True)
    curve_file = folder / "curve.json"
    curve: list[dict[str, Any]] = json.loads(curve_file.read_text()) if curve_file.is_file() else []
    # A run that goes on comes to the same bits, so what was measured before it died need not be measured again.
    left = set(points) - {point["step"] for point in curve}

    def report(step: int, loss: float, model: Transformer) -> None:
        if step in left:
            bits = evaluation.bits_per_byte(model, held_out, text_bytes)
            curve.append({"step": step, "training_loss": loss, "bits_per_byte": bits})
            if method.window_tokens > 1:
                scores = analysis.scores_by_position(model, held_out, method.window_tokens)
                curve[-1] |= {
                    "accuracy_by_position": scores.accuracy.tolist(),
                    "nats_by_position": scores.loss.tolist(),
                }
            atomic.write_bytes(curve_file, json.dumps(curve).encode())

    begin = time.perf_counter()
    model, losses = train(
        Transformer(config, key=jax.random.key(run.seed)),
        data.batches(examples, settings.batch_size, run.seed),
        settings,
        directory=folder,
        checkpoint_every=_CHECKPOINT_EVERY,
        report=report,
    )
    seconds = time.perf_counter() - begin
    bytes_per_token = text_bytes / len(held_out)
    bits = evaluation.bits_per_byte(model, held_out, text_bytes)
    m1 = load_exact(job.m1).config if method.runs_m1 else None
    results = {
        "bits_per_byte": bits,
        "nats_per_token": bits * np.log(2) * bytes_per_token,
        "uniform_bits_per_byte": evaluation.uniform_bits_per_byte(vocab_size, len(held_out), text_bytes),
        "unigram_bits_per_byte": evaluation.unigram_bits_per_byte(
            tensors["training"], held_out, vocab_size, text_bytes
        ),
        "bytes_per_token": bytes_per_token,
        "bit_ratio": evaluation.bit_compression_ratio(vocab_size, bytes_per_token),
        "flops_per_byte": evaluation.flops_per_byte(config, bytes_per_token),
        "flops_per_byte_with_m1": evaluation.flops_per_byte(config, bytes_per_token, m1),
        "training_flops": evaluation.training_flops_per_token(config) * run.steps * settings.batch_size * scale.context,
        "training_bits_per_byte": float(np.mean(losses[-50:]))
        / np.log(2)
        / _integer(tokens, "training_bytes")
        * _integer(tokens, "training_tokens"),
    }
    content = {
        "run": run._asdict(),
        "scale": job.scale,
        "settings": dataclasses.asdict(settings),
        "model": dataclasses.asdict(config),
        "tokens": tokens | {"fingerprint": contents.fingerprint},
        "m1": {"name": job.m1, "fingerprint": serialisation.read_fingerprint(serialisation.resolve(job.m1))},
        "weights": save_transformer(job.model_file(run), model, {"run": run._asdict()}),
        "results": {key: float(value) for key, value in results.items()},
        "curve": curve,
        "seconds": round(seconds, 1),
        "environment": environment(),
    }
    atomic.write_bytes(job.run_file(run), (json.dumps(content, indent=2) + "\n").encode())


def _tokenize(job: Job, method: str) -> None:
    """Writes the tokens of a method: ids of the training text and of the held-out text, and what came back."""
    scale = SCALES[job.scale]
    training, held_out = _texts(job, scale)
    begin = time.perf_counter()
    tokenizer = METHODS[method].build(Materials(load_model(job.m1), training))
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
        "training_bytes": sum(map(len, training)),
        "training_tokens": len(ids),
        "held_out_bytes": sum(map(len, held_out)),
        "held_out_tokens": sum(map(len, batch)),
        "lossless": tokenizer.decode_batch(batch) == held_out,
        "undecodable_windows": wrong,
        "windows": windows,
        "seconds": round(seconds, 1),
    }
    if isinstance(tokenizer, EqualInfo) and tokenizer.code == "published":
        information = analysis.window_information(tokenizer, held_out)
        settings["untold_bits_per_byte"] = float(information.untold.sum() / information.bytes.sum())
    # Held-out ids have no ends of documents between them: every bit of the loss is one of the text.
    tensors = {"training": ids, "held_out": np.concatenate(batch)}
    serialisation.write(job.tokens_file(method), _KIND, settings, tensors, {"m1": job.m1})


def _texts(job: Job, scale: Scale) -> tuple[list[bytes], list[bytes]]:
    """The documents to train on and those to measure on."""
    training, held_out = data.read_documents(job.texts), data.read_documents(job.held_out)
    if scale.training_bytes is not None:
        share = -(-scale.training_bytes // len(training))
        training = [text[:share] for text in training]
    if scale.held_out_bytes is not None:
        held_out = excerpts(held_out, scale.held_out_bytes)
    return training, held_out


def _integer(settings: dict[str, object], key: str) -> int:
    value = settings[key]
    assert isinstance(value, int)
    return value
