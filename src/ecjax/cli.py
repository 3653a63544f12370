"""The command `ecjax`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer

from ecjax import atomic, container, data, evaluation, serialisation
from ecjax import demo as demonstration
from ecjax.codebook import KIND as CODEBOOK_KIND
from ecjax.codebook import Codebook, compile_codebook, load_codebook
from ecjax.conformance import commands as conformance
from ecjax.console import console, errors, show, training_progress
from ecjax.generation import SamplingSettings, generate
from ecjax.models import quantisation
from ecjax.models.base import ByteModel
from ecjax.models.dequantisation import dequantise
from ecjax.models.files import (
    EXACT_KIND,
    KIND,
    load_exact,
    load_model,
    load_transformer,
    read_provenance,
    save_exact,
    save_transformer,
)
from ecjax.models.integer import check_sizes
from ecjax.models.transformer import Transformer, TransformerByteModel, configuration
from ecjax.tokenizers import Bytes
from ecjax.training import Compute, Optimizer, TrainingSettings, train

app = typer.Typer(
    name="ecjax",
    help="Neural text compression that language models can learn from.\n\n"
    "The way from text to samples: train-m1 (a byte model), compile (its windows as a codebook), tokenize, "
    "train-m2 (a language model over tokens), evaluate, generate. `ecjax demo` goes all of it in miniature.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(conformance.app, name="conformance")

Texts = Annotated[list[Path], typer.Argument(help="Text files, or folders of them. Each file is a document.")]
Out = Annotated[Path, typer.Option(help="Folder of the run: checkpoints, losses.json, model.safetensors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
TokenizerName = Annotated[
    str, typer.Option("--tokenizer", help="'bytes', a shipped codebook (books-12, books-16) or a codebook's file.")
]
Steps = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples in a step.")]
LearningRate = Annotated[float, typer.Option(min=0, help="Peak learning rate of adamw.")]
OptimizerName = Annotated[Optimizer, typer.Option(help="'adamw', or 'paper': Adafactor with the paper's schedule.")]
Warmup = Annotated[int, typer.Option(min=0, help="Steps over which adamw's learning rate rises to its peak.")]
ComputeName = Annotated[
    Compute, typer.Option("--compute", help="Precision of the model's products; weights stay float32.")
]
Accumulate = Annotated[int, typer.Option(min=1, help="Micro-batches that a step works off in turn, to save memory.")]
Remat = Annotated[bool, typer.Option("--remat", help="Save memory: compute activations anew for the gradient.")]
Seed = Annotated[int, typer.Option(help="The same seed, text and settings give the same result.")]
CheckpointEvery = Annotated[
    int, typer.Option(min=1, help="Steps between checkpoints. Run the command again to resume.")
]

TOKENS = "ecjax.tokens"
METHODS = {container.STREAMS: "streams", container.WINDOWS: "windows", container.CODEBOOK: "codebook"}


@app.command()
def encode(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The text, of any bytes.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the compressed file.")],
    model: Annotated[
        str, typer.Option(help="A byte model (m1-books), or a codebook (books-12, books-16), or a file of either.")
    ] = "m1-books",
    bits: Annotated[
        int | None,
        typer.Option(min=9, max=128, help="Write a model's windows of so many bits, not streams: larger files."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compresses a file.

    A byte model gives the smallest files, and slowly; a codebook larger ones, and fast. `ecjax decode` gives the file
    back. It needs the same model or codebook.
    """
    coding = _coding(model, bits)
    if bits is not None and coding.header.method == container.CODEBOOK:
        raise ValueError(f"{model} is a codebook, whose windows have {coding.header.bits} bits; leave out --bits")
    total = _existing(source).stat().st_size
    with (
        errors.status("encoding") as status,
        source.open("rb") as text,
        atomic.replacing(target) as file,
    ):
        summary = container.encode(
            coding, text, file, report=lambda done: status.update(f"encoding: {done:,} of {total:,} bytes")
        )
    show(_sizes(summary), as_json)


@app.command()
def decode(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file that `ecjax encode` wrote.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the text.")],
    model: Annotated[
        str | None, typer.Option(help="What the file was made with. [default: the shipped one that the file names]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Gives a compressed file back: every byte, or an error and no file."""
    with _existing(source).open("rb") as file:
        header = container.read_header(file)
        name = model or serialisation.shipped_name(header.fingerprint)
        if name is None:
            raise ValueError(f"{source} was made with {header}, which is not shipped; name its file with --model")
        coding = _coding(name, header.bits if header.method == container.WINDOWS else None)
        file.seek(0)
        with errors.status("decoding") as status, atomic.replacing(target) as text:
            summary = container.decode(
                coding, file, text, lambda done: status.update(f"decoding: {done:,} bytes of text")
            )
    show(_sizes(summary), as_json)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A compressed file, a model, a codebook or tokens.")],
    as_json: Json = False,
) -> None:
    """Tells what a file is, and whether it is damaged as far as that shows without a model."""
    with _existing(file).open("rb") as opened:
        compressed = opened.read(len(container.MAGIC)) == container.MAGIC
        opened.seek(0)
        summary = container.info(opened) if compressed else None
    if summary is None:
        kind = serialisation.read_kind(file)
        settings, tensors, mark, provenance = serialisation.read(file, kind)
        told = {"kind": kind, "settings": settings, "fingerprint": mark, "shipped_as": serialisation.shipped_name(mark)}
        sizes = {"file_bytes": file.stat().st_size, "numbers": sum(tensor.size for tensor in tensors.values())}
        show(told | sizes | {"provenance": provenance}, as_json)
        return
    header = summary.header
    told = {
        "kind": "compressed text",
        "method": METHODS[header.method],
        "bits": header.bits or None,
        "precision": header.precision or None,
        "fingerprint": header.fingerprint,
        "shipped_as": serialisation.shipped_name(header.fingerprint),
    }
    show(told | _sizes(summary), as_json)


@app.command()
def tokenize(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The text, of any bytes; with --decode, its tokens.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the tokens; with --decode, the text.")],
    tokenizer: TokenizerName = "books-16",
    decode: Annotated[bool, typer.Option("--decode", help="From tokens back to text.")] = False,
    as_json: Json = False,
) -> None:
    """Turns a file into tokens and back, without loss.

    Tokens are written as a safetensors file with one tensor, `ids`, of uint16, and the fingerprint of the tokenizer, so
    that another one is not used to decode them by mistake.
    """
    chosen = _tokenizer(tokenizer)
    identity = _identity(tokenizer, chosen)
    if decode:
        settings, tensors, _, _ = serialisation.read(_existing(source), TOKENS)
        if settings != {"tokenizer": identity["fingerprint"]}:
            raise ValueError(
                f"{source} was made with another tokenizer than {tokenizer}; name that one with --tokenizer"
            )
        ids = tensors["ids"]
        text = chosen.decode(ids)
        atomic.write_bytes(target, text)
    else:
        text = _existing(source).read_bytes()
        ids = chosen.encode(text)
        settings = {"tokenizer": identity["fingerprint"]}
        serialisation.write(target, TOKENS, settings, {"ids": ids.astype(np.uint16)}, {"tokenizer": identity["name"]})
    show({"bytes": len(text), "tokens": len(ids), "bytes_per_token": len(text) / max(1, len(ids))}, as_json)


@app.command("train-m1")
def train_m1(
    texts: Texts,
    out: Out,
    size: Annotated[str | None, typer.Option(help="tiny, small, 1m, 3m, 25m ... [default: small]")] = None,
    context: Annotated[int | None, typer.Option(min=1, help="Bytes that attention reaches. [default: 16]")] = None,
    lengths: Annotated[
        list[int] | None,
        typer.Option("--length", min=1, help="Bytes of an example; several are mixed. [default: the context]"),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Begin with the weights of this model, float or exact: a file or m1-books.")
    ] = None,
    starts: Annotated[
        str | None, typer.Option(help="A codebook: train on text that begins where its windows begin.")
    ] = None,
    steps: Steps = 2000,
    batch_size: BatchSize = 512,
    learning_rate: LearningRate = 3e-3,
    warmup: Warmup = 100,
    optimizer: OptimizerName = "adamw",
    compute: ComputeName = "float32",
    accumulate: Accumulate = 1,
    remat: Remat = False,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    as_json: Json = False,
) -> None:
    """Trains a byte model.

    M1 serves windows, in which it always starts anew: it needs short contexts that begin where windows begin. Train
    one, compile it, then go on from its weights with --init and --starts that codebook.
    """
    if init is None:
        model = Transformer(configuration(size or "small", 256, context or 16), key=jax.random.key(seed))
    elif size is not None:
        raise ValueError("--init brings its own size; leave out --size")
    else:
        model = _float_model(init)
        model = model if context is None else model.with_context(context)
    documents = data.read_documents(texts)
    text = data.concatenate(documents)
    codebook = None if starts is None else load_codebook(starts)
    begins = range(len(text)) if codebook is None else data.window_starts(codebook, documents)
    settings = TrainingSettings(
        steps,
        batch_size,
        optimizer,
        learning_rate,
        warmup,
        seed=seed,
        compute=compute,
        accumulate=accumulate,
        remat=remat,
    )
    lengths = lengths or [model.config.context]
    examples = [data.Slices(text, begins, length) for length in lengths]
    provenance = {
        "command": "train-m1",
        "init": None if init is None else serialisation.read_fingerprint(serialisation.resolve(init)),
        "starts": None if codebook is None else codebook.fingerprint,
        "lengths": lengths,
    }
    _train(model, examples, settings, out, checkpoint_every, 1.0, provenance, as_json)


@app.command("train-m2")
def train_m2(
    texts: Texts,
    out: Out,
    tokenizer: TokenizerName = "books-12",
    size: Annotated[str, typer.Option(help="tiny, small, 1m, 3m, 25m, 113m, 403m or 2b.")] = "small",
    context: Annotated[int, typer.Option(min=1, help="Tokens that the model sees.")] = 128,
    steps: Steps = 2000,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 3e-3,
    warmup: Warmup = 100,
    optimizer: OptimizerName = "adamw",
    compute: ComputeName = "float32",
    accumulate: Accumulate = 1,
    remat: Remat = False,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    distributed: Annotated[
        bool,
        typer.Option("--distributed", help="Be one of the processes that Slurm, Open MPI, Kubernetes ... started."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Trains a language model over tokens, on all devices.

    With --distributed, run it once for each process, with the same arguments and one --out that all of them reach.
    """
    if distributed:
        _join_processes()
    chosen = _tokenizer(tokenizer)
    documents = data.read_documents(texts)
    ids = data.token_stream(chosen, documents)
    model = Transformer(configuration(size, chosen.vocab_size, context), key=jax.random.key(seed))
    settings = TrainingSettings(
        steps,
        batch_size,
        optimizer,
        learning_rate,
        warmup,
        seed=seed,
        compute=compute,
        accumulate=accumulate,
        remat=remat,
    )
    examples = data.Slices(ids, range(0, len(ids), context), context)
    provenance = {"command": "train-m2", "tokenizer": _identity(tokenizer, chosen)}
    bytes_per_token = sum(map(len, documents)) / len(ids)
    _train(model, examples, settings, out, checkpoint_every, bytes_per_token, provenance, as_json)


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="A float byte model that train-m1 made.")],
    texts: Texts,
    out: Out,
    held_out: Annotated[
        Path | None, typer.Option(help="Text to measure the loss on. [default: the training text]")
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of fine-tuning; 0 calibrates only.")] = 0,
    lengths: Annotated[
        list[int] | None,
        typer.Option("--length", min=1, help="Bytes of an example; several are mixed. [default: the context]"),
    ] = None,
    starts: Annotated[
        str | None, typer.Option(help="A codebook: train on text that begins where its windows begin.")
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Measure what each layer's rounding costs alone.")] = False,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 1e-4,
    warmup: Warmup = 100,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    as_json: Json = False,
) -> None:
    """Makes an exact byte model, of integers alone, from a float one.

    The units of activations are calibrated on the text; then, if asked, the model is fine-tuned with its rounding.
    """
    original = load_transformer(model)
    check_sizes(original.config)
    documents = data.read_documents(texts)
    text = data.concatenate(documents)
    measured = text if held_out is None else data.concatenate(data.read_documents([held_out]))
    measured = measured[: 1 << 18]  # enough to tell a thousandth
    codebook = None if starts is None else load_codebook(starts)
    begins = range(len(text)) if codebook is None else data.window_starts(codebook, documents)
    lengths, context = lengths or [original.config.context], original.config.context
    sample = next(data.batches(data.Slices(text, range(len(text)), context), max(1, 8192 // context), seed))
    prepared = quantisation.equalise(quantisation.fold_norms(original), jnp.asarray(sample))
    units = quantisation.calibrate(prepared, jnp.asarray(sample))
    rounding = quantisation.rounded(prepared, units)

    def loss(byte_model: ByteModel) -> float:
        return evaluation.coded_bits_per_byte(byte_model, measured, context)

    results: dict[str, object] = {"float_bits_per_byte": (base := loss(TransformerByteModel(original)))}
    exact = quantisation.quantise(rounding)
    results["calibrated_bits_per_byte"] = (calibrated := loss(exact))
    results["calibrated_percent_more"] = 100 * (calibrated / base - 1)
    for name, partly in quantisation.each_part(prepared, rounding) if layers else ():
        results[f"{name}_percent_more"] = 100 * (loss(TransformerByteModel(partly)) / base - 1)
    settings = TrainingSettings(max(1, steps), batch_size, "adamw", learning_rate, warmup, seed=seed)
    if steps:
        examples = [data.Slices(text, begins, length) for length in lengths]
        trained, _ = _fit(rounding, examples, settings, out, checkpoint_every, 1.0)
        exact = quantisation.quantise(trained)
        results["tuned_bits_per_byte"] = (tuned := loss(exact))
        results["tuned_percent_more"] = 100 * (tuned / base - 1)
    provenance = {
        "command": "quantize",
        "model": serialisation.read_fingerprint(model),
        "starts": None if codebook is None else codebook.fingerprint,
        "lengths": lengths,
        "settings": dataclasses.asdict(settings) if steps else None,
    }
    mark = save_exact(out / "model.safetensors", exact, provenance)
    show({"model": str(out / "model.safetensors"), "fingerprint": mark} | results, as_json)


@app.command("compile")
def compile_model(
    model: Annotated[str, typer.Argument(help="A byte model's file, or a shipped model's name.")],
    out: Annotated[Path, typer.Option(help="Where to write the codebook.")],
    bits: Annotated[int, typer.Option(min=9, max=16, help="Bits of a window; the codebook has 2**bits strings.")] = 16,
    as_json: Json = False,
) -> None:
    """Compiles the windows of a byte model into a codebook."""
    byte_model = load_model(model)
    provenance = {"command": "compile", "model": serialisation.read_fingerprint(serialisation.resolve(model))}
    with errors.status("compiling") as status:
        codebook = compile_codebook(
            byte_model, bits, provenance, lambda found: status.update(f"compiling: {found:,} of {1 << bits:,} strings")
        )
    codebook.save(out)
    lengths = np.asarray(codebook.lengths)
    show(
        {
            "codebook": str(out),
            "strings": len(lengths),
            "longest": int(lengths.max()),
            "fingerprint": codebook.fingerprint,
        },
        as_json,
    )


@app.command()
def evaluate(
    what: Annotated[str, typer.Argument(help="A model's file (M1 or M2), a codebook (name or file), or 'bytes'.")],
    texts: Texts,
    as_json: Json = False,
) -> None:
    """Measures a tokenizer or a model on text that it has not seen."""
    documents = data.read_documents(texts)
    text_bytes = sum(map(len, documents))
    kind = None if what == "bytes" else serialisation.read_kind(serialisation.resolve(what))
    if kind == EXACT_KIND:
        exact = load_exact(what)
        config = exact.config
        text = data.concatenate(documents)
        results = {"bytes": text_bytes, "tokens": text_bytes, "bytes_per_token": 1.0}
        results["bits_per_byte"] = evaluation.coded_bits_per_byte(exact, text, config.context)
        results["flops_per_byte"] = evaluation.flops_per_byte(config, 1.0)
        show(results | {"context": config.context}, as_json)
        return
    if kind != KIND:
        chosen = _tokenizer(what)
        tokens = sum(map(len, chosen.encode_batch(documents)))
        uniform = evaluation.uniform_bits_per_byte(chosen.vocab_size, tokens, text_bytes)
        results = {"bytes": text_bytes, "tokens": tokens, "bytes_per_token": text_bytes / tokens}
        show(results | {"bits_per_byte_uniform": uniform}, as_json)
        return
    model = load_transformer(what)
    identity = read_provenance(what).get("tokenizer")
    ids = data.concatenate(documents) if identity is None else data.token_stream(_tokenizer_of(identity), documents)
    bytes_per_token = text_bytes / len(ids)
    results = {
        "bytes": text_bytes,
        "tokens": len(ids),
        "bytes_per_token": bytes_per_token,
        "bits_per_byte": evaluation.bits_per_byte(model, ids, text_bytes),
        "flops_per_byte": evaluation.flops_per_byte(model.config, bytes_per_token),
        "context": model.config.context,
    }
    show(results, as_json)


@app.command("generate")
def generate_text(
    model: Annotated[Path, typer.Argument(help="A model that train-m2 made.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to draw at most.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 always takes the likeliest token.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest tokens.")] = None,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens of this probability together.")] = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Samples text from a language model over tokens, printed as it comes."""
    settings = SamplingSettings(temperature, top_k, top_p, seed)
    identity = read_provenance(model).get("tokenizer")
    if identity is None:
        raise ValueError(f"{model} is no language model over tokens; make one with ecjax train-m2")
    pieces = generate(load_transformer(model), _tokenizer_of(identity), prompt.encode(), max_tokens, settings)
    if as_json:
        parts = list(pieces)
        text = b"".join(parts).decode("utf-8", "replace")
        print(json.dumps({"prompt": prompt, "text": text, "tokens": len(parts)}))
        return
    out = sys.stdout.buffer
    out.write(prompt.encode())
    for piece in pieces:
        out.write(piece)
        out.flush()
    out.write(b"\n")


@app.command()
def demo(
    text: Annotated[Path | None, typer.Option(help="Your own text; by default one that the package ships.")] = None,
    out: Annotated[Path, typer.Option(help="Where report.json and curves.png go.")] = Path("build/demo"),
    minutes: Annotated[float, typer.Option(min=0, help="How long each of two small models is trained, about.")] = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The whole way in miniature, on a text of your own if you like."""
    source = serialisation.asset("sample.txt") if text is None else _existing(text)
    name = "The Wind in the Willows" if text is None else text.name
    with console.capture() if as_json else contextlib.nullcontext():
        report = demonstration.run(source.read_bytes(), name, out, minutes, seed)
    if as_json:
        print(json.dumps(report))


def _float_model(name_or_path: str) -> Transformer:
    """A float Transformer to go on from; an exact model's weights are taken as floats."""
    if serialisation.read_kind(serialisation.resolve(name_or_path)) != EXACT_KIND:
        return load_transformer(name_or_path)
    return dequantise(load_exact(name_or_path))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


def _coding(name: str, bits: int | None) -> container.Coding:
    """How files are made with a model or a codebook; `bits` are those of a model's windows, None for streams."""
    path = serialisation.resolve(name)
    if serialisation.read_kind(path) == CODEBOOK_KIND:
        return container.codebook_coding(load_codebook(path))
    model, mark = load_model(path), serialisation.read_fingerprint(path)
    return container.stream_coding(model, mark) if bits is None else container.window_coding(model, bits, mark)


def _sizes(summary: container.Summary) -> dict[str, object]:
    """What is reported of a compressed file."""
    return {
        "text_bytes": summary.length,
        "file_bytes": summary.size,
        "bits_per_byte": 8 * summary.size / max(1, summary.length),
        "blocks": summary.blocks,
    }


def _tokenizer(name: str) -> Codebook | Bytes:
    return Bytes() if name == "bytes" else load_codebook(name)


def _identity(name: str, tokenizer: Codebook | Bytes) -> dict[str, str]:
    """How a file remembers its tokenizer."""
    mark = tokenizer.fingerprint if isinstance(tokenizer, Codebook) else "bytes"
    return {"name": name, "fingerprint": mark}


def _tokenizer_of(identity: object) -> Codebook | Bytes:
    """The tokenizer that a model's file remembers."""
    assert isinstance(identity, dict)
    tokenizer = _tokenizer(identity["name"])
    if _identity(identity["name"], tokenizer) != identity:
        raise ValueError(f"the model was trained with another codebook called {identity['name']} than the one here")
    return tokenizer


def _train(
    model: Transformer,
    examples: data.Slices | list[data.Slices],
    settings: TrainingSettings,
    out: Path,
    checkpoint_every: int,
    bytes_per_token: float,
    provenance: dict[str, object],
    as_json: bool,
) -> None:
    """Trains, saves the model and shows what it came to; of several processes, the first saves and shows."""
    trained, losses = _fit(model, examples, settings, out, checkpoint_every, bytes_per_token)
    if jax.process_index() > 0:
        return
    provenance = provenance | {"settings": dataclasses.asdict(settings)}
    mark = save_transformer(out / "model.safetensors", trained, provenance)
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(trained, eqx.is_array)))
    last = float(np.mean(losses[-100:]))
    results = {
        "model": str(out / "model.safetensors"),
        "fingerprint": mark,
        "weights": weights,
        "examples": len(examples) if isinstance(examples, data.Slices) else sum(map(len, examples)),
        "training_loss": last,
        "training_bits_per_byte": last / np.log(2) / bytes_per_token,
    }
    show(results, as_json)


def _fit(
    model: Transformer,
    examples: data.Slices | list[data.Slices],
    settings: TrainingSettings,
    out: Path,
    checkpoint_every: int,
    bytes_per_token: float,
) -> tuple[Transformer, list[float]]:
    """Trains and leaves checkpoints and losses in `out`; of several processes, the first has a progress bar."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax warns of things that are as they should be
    batches, first = data.batches(examples, settings.batch_size, settings.seed), jax.process_index() == 0
    with training_progress(out.name, settings.steps, bytes_per_token) as report:
        trained, losses = train(
            model,
            batches,
            settings,
            directory=out,
            checkpoint_every=checkpoint_every,
            report=report if first else None,
        )
    if first:
        atomic.write_bytes(out / "losses.json", f"{json.dumps([round(x, 4) for x in losses])}\n".encode())
    return trained, losses


def _join_processes() -> None:
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise ValueError(
            "--distributed found no processes to join; start them with Slurm's srun or Open MPI's mpirun"
        ) from error


def main() -> None:
    """Runs the command; bad input ends with one line on stderr and exit status 2."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        errors.print(f"ecjax: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
