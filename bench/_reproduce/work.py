"""What becomes of a run: a trained and measured M2, and a file of results."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from bench._machine import environment
from bench._reproduce import together, widths
from bench._reproduce.methods import METHODS, yardstick
from bench._reproduce.scales import SCALES, Run
from bench._reproduce.tokens import Job, Tokens, load
from ecjax import analysis, atomic, data, evaluation, serialisation
from ecjax.models.files import load_exact, save_transformer
from ecjax.models.transformer import Transformer, TransformerConfig, configuration
from ecjax.training import TrainingSettings, train

_CHECKPOINT_EVERY = 1000


def execute(job: Job, run: Run) -> None:
    """Trains and measures M2 over a method's tokens, made first if need be, and writes what came of it."""
    scale, method, tokens = SCALES[job.scale], METHODS[run.method], load(job, run.method)
    config = configuration(run.size, tokens.vocab_size, scale.context)
    settings = scale.settings_of(run)
    examples = data.Slices(tokens.training, range(0, len(tokens.training), scale.context), scale.context)
    folder = job.out / "checkpoints" / run.name
    folder.mkdir(parents=True, exist_ok=True)
    curve_file = folder / "curve.json"
    curve: list[dict[str, Any]] = json.loads(curve_file.read_text()) if curve_file.is_file() else []
    # A run that goes on comes to the same bits, so what was measured before it died need not be measured again.
    left = set(_points(run.steps, scale.points)) - {point["step"] for point in curve}

    def report(step: int, loss: float, model: Transformer) -> None:
        if step in left:
            bits = evaluation.bits_per_byte(model, tokens.held_out, tokens.held_out_bytes)
            curve.append({"step": step, "training_loss": loss, "bits_per_byte": bits})
            if method.window_tokens > 1:
                scores = analysis.scores_by_position(model, tokens.held_out, method.window_tokens)
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
    _keep(job, run, tokens, settings, model, losses, curve, time.perf_counter() - begin)


def execute_together(job: Job, runs: Sequence[Run]) -> None:
    """Trains and measures M2 for runs that differ only in their seed, side by side, and writes what came of each.

    No text is seen twice. What is there if the command ends early are the results of other runs.
    """
    begin = time.perf_counter()
    scale, run, tokens = SCALES[job.scale], runs[0], load(job, runs[0].method)
    config, steps = _equal(job, run, tokens)
    settings = dataclasses.replace(scale.settings, steps=steps)
    seeds = [run.seed for run in runs]
    curves: list[list[dict[str, Any]]] = [[] for _ in runs]

    def report(step: int, losses: list[float], models: list[Transformer]) -> None:
        for curve, loss, model in zip(curves, losses, models, strict=True):
            bits = evaluation.bits_per_byte(model, tokens.held_out, tokens.held_out_bytes)
            curve.append({"step": step, "training_loss": loss, "bits_per_byte": bits})

    batches = together.draw(tokens.training, scale.context, settings, seeds)
    models, losses = together.train(config, settings, seeds, batches, _points(steps, scale.points), report)
    seconds = (time.perf_counter() - begin) / len(runs)
    for i, run in enumerate(runs):
        own = dataclasses.replace(settings, seed=run.seed)
        _keep(job, run, tokens, own, models[i], losses[:, i].tolist(), curves[i], seconds)


def _equal(job: Job, run: Run, tokens: Tokens) -> tuple[TransformerConfig, int]:
    """The model of a run and its steps: at equal FLOPs as many FLOPs for a byte and in training as its yardstick's.

    Both together are one text: with as many FLOPs for each byte, they last for as many bytes.
    """
    context = SCALES[job.scale].context
    config = configuration(run.size, tokens.vocab_size, context)
    if run.equal == "steps":
        return config, run.steps
    other = load(job, yardstick(run.method))
    config = widths.of_weights(config, config.parameters * tokens.bytes_per_token / other.bytes_per_token)
    named = configuration(run.size, other.vocab_size, context)
    return config, max(1, round(run.steps * named.parameters / config.parameters))


def _points(steps: int, points: int) -> list[int]:
    """The steps after which M2 is measured, the last one included."""
    return sorted({max(1, steps * i // points) for i in range(1, points + 1)})


def _keep(
    job: Job,
    run: Run,
    tokens: Tokens,
    settings: TrainingSettings,
    model: Transformer,
    losses: Sequence[float],
    curve: list[dict[str, Any]],
    seconds: float,
) -> None:
    """Measures a trained model, and writes it and a run's results."""
    config, ratio = model.config, tokens.bytes_per_token
    training, held_out, size = tokens.training, tokens.held_out, tokens.held_out_bytes
    bits = evaluation.bits_per_byte(model, held_out, size)
    m1 = load_exact(job.m1).config if METHODS[run.method].runs_m1 else None
    seen = settings.steps * settings.batch_size * SCALES[job.scale].context
    results = {
        "bits_per_byte": bits,
        "nats_per_token": bits * np.log(2) * ratio,
        "uniform_bits_per_byte": evaluation.uniform_bits_per_byte(tokens.vocab_size, len(held_out), size),
        "unigram_bits_per_byte": evaluation.unigram_bits_per_byte(training, held_out, tokens.vocab_size, size),
        "bytes_per_token": ratio,
        "bit_ratio": evaluation.bit_compression_ratio(tokens.vocab_size, ratio),
        "weights": config.parameters,
        "flops_per_byte": evaluation.flops_per_byte(config, ratio),
        "flops_per_byte_with_m1": evaluation.flops_per_byte(config, ratio, m1),
        "flops_per_byte_of_all_products": evaluation.forward_flops_per_token(config) / ratio,
        "training_flops": evaluation.training_flops_per_token(config) * seen,
        "training_flops_without_embeddings": 6 * config.parameters * seen,
        "training_bits_per_byte": float(np.mean(losses[-50:])) / np.log(2) / tokens.training_bytes * len(training),
    }
    for file in (job.run_file(run), job.model_file(run)):
        file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "run": run._asdict(),
        "scale": job.scale,
        "settings": dataclasses.asdict(settings),
        "model": config.settings(),
        "tokens": tokens.facts,
        "m1": {"name": job.m1, "fingerprint": serialisation.read_fingerprint(serialisation.resolve(job.m1))},
        "weights": save_transformer(job.model_file(run), model, {"run": run._asdict()}),
        "results": {key: float(value) for key, value in results.items()},
        "curve": curve,
        "seconds": round(seconds, 1),
        "environment": environment(),
    }
    atomic.write_bytes(job.run_file(run), (json.dumps(content, indent=2) + "\n").encode())
