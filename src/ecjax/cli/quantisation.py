"""What the command `quantize` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp

from ecjax import data, evaluation, serialisation
from ecjax.cli import streams
from ecjax.cli.runs import MODEL, Run, byte_examples, provenance
from ecjax.models import quantisation
from ecjax.models.base import ByteModel
from ecjax.models.files import load_transformer, save_exact
from ecjax.models.integer import check_sizes
from ecjax.models.transformer import Transformer, TransformerByteModel
from ecjax.training import TrainingSettings, record

_MEASURED = 1 << 18  # bytes of text, enough to tell a thousandth
_SAMPLE = 8192  # bytes that units are calibrated on


class Request(NamedTuple):
    """The command's arguments; `settings` are None if nothing is fine-tuned."""

    model: str
    texts: Sequence[Path]
    out: Path
    held_out: Path | None
    settings: TrainingSettings | None
    lengths: Sequence[int] | None
    starts: str | None
    layers: bool
    seed: int
    checkpoint_every: int
    force: bool
    quiet: bool


def run(request: Request) -> dict[str, object]:
    """Makes the exact model, writes it, and returns what to report."""
    read = (request.model, *request.texts, request.held_out, request.starts)
    inputs = [path for path in read if path is not None]
    training = None
    if request.settings is None:
        streams.check_outputs(request.out, [MODEL], request.force, inputs)
        if (request.out / record.NAME).exists():
            raise ValueError(f"{request.out} holds a training run, whose model this is not; name another folder")
        streams.check_outside(request.out, [Path(path) for path in inputs])
        request.out.mkdir(parents=True, exist_ok=True)  # a folder that cannot be made is told at once
    else:
        training = Run.prepare(request.out, request.settings, None, request.checkpoint_every, request.quiet, inputs)
    contents = serialisation.read(request.model)
    original = load_transformer(contents)
    check_sizes(original.config)
    context = original.config.context
    examples = byte_examples(request.texts, request.starts, request.lengths or [context])
    text = examples.text
    measured = text if request.held_out is None else data.concatenate(data.read_documents([request.held_out]))
    anywhere = data.Slices(text, range(len(text)), context)
    sample = jnp.asarray(next(data.batches(anywhere, max(1, _SAMPLE // context), request.seed)))
    prepared = quantisation.equalise(quantisation.fold_norms(original), sample)
    rounding = quantisation.rounded(prepared, quantisation.calibrate(prepared, sample))

    def loss(byte_model: ByteModel) -> float:
        return evaluation.coded_bits_per_byte(byte_model, measured[:_MEASURED], context)

    results: dict[str, object] = {"float_bits_per_byte": (base := loss(TransformerByteModel(original)))}
    exact = quantisation.quantise(rounding)
    results["calibrated_bits_per_byte"] = (calibrated := loss(exact))
    results["calibrated_percent_more"] = 100 * (calibrated / base - 1)
    for name, partly in quantisation.each_part(prepared, rounding) if request.layers else ():
        results[f"{name}_percent_more"] = 100 * (loss(TransformerByteModel(partly)) / base - 1)
    depends = {"command": "quantize", "model": contents.fingerprint, **examples.inputs}
    origin = provenance(depends, None if training is None else training.settings)
    path = request.out / MODEL
    if training is None:
        mark = save_exact(path, exact, origin, replace=request.force)
    else:

        def save(trained: Transformer, losses: Sequence[float]) -> str:
            return save_exact(path, quantisation.quantise(trained), origin)

        trained, told = training.train(rounding, training.batches(examples.sources), depends, 1.0, save)
        mark = told["fingerprint"]
        results["tuned_bits_per_byte"] = (tuned := loss(quantisation.quantise(trained)))
        results["tuned_percent_more"] = 100 * (tuned / base - 1)
    return {"model": str(path), "fingerprint": mark} | results
