"""The exact byte model beside a float one: what it costs, and what the float one breaks.

The float one is that which the exact one was made from, if it is given, else the exact one's weights in float32.

Quality is bits per byte by the frequency tables, in examples as long as the context; the rate is that of `sequence`,
tables included, in alternation. Then the tables of each setting are compared with those of a batch of 64: a codec needs
all of them equal.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer
from jaxtyping import UInt8, UInt32

from bench._common import Json, Repeats, Texts, file_names, read_texts, report
from ecjax import ByteModel, data, evaluation, load_model, serialisation
from ecjax.models.dequantisation import dequantise
from ecjax.models.files import load_exact
from ecjax.models.transformer import TransformerByteModel

_CONTEXT = 64
_SETTINGS = {
    # name: environment, rows side by side, whether byte by byte
    "batch of 64": ({}, 64, False),
    "batch of 1": ({}, 1, False),
    "batch of 512": ({}, 512, False),
    "stepping": ({}, 256, True),
    "x64": ({"JAX_ENABLE_X64": "1"}, 64, False),
    "SSE 4.2": ({"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}, 64, False),
    "AVX 2": ({"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}, 64, False),
}


def measure(
    model: Annotated[str, typer.Option(help="The exact byte model: a shipped name or a file.")] = "m1-books",
    float_model: Annotated[
        Path | None, typer.Option("--float", help="The float model that it was made from. [default: its own weights]")
    ] = None,
    text: Texts = None,
    positions: Annotated[int, typer.Option(min=1, help="Tables to compare, over all settings.")] = 1_000_000,
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """An exact byte model beside its float one: bits per byte, rate, and tables that differ between settings."""
    sources = {"exact": (model, False), "float": (str(float_model or model), float_model is None)}
    models = {name: _load(*source) for name, source in sources.items()}
    everything = data.concatenate(read_texts(text))
    rows = -(-positions // (len(_SETTINGS) - 1) // _CONTEXT)
    examples = np.resize(everything, (rows, _CONTEXT))

    results = [
        {"model": name, "bits_per_byte": evaluation.coded_bits_per_byte(m, everything[: 1 << 19], _CONTEXT)}
        for name, m in models.items()
    ]
    block = jnp.asarray(examples[:64])
    run = {name: eqx.filter_jit(lambda x, m=m: jax.vmap(m.sequence)(x)) for name, m in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(repeats + 1):
        for name, function in run.items():
            begin = time.perf_counter()
            for _ in range(8):
                jax.block_until_ready(function(block))
            seconds[name].append(time.perf_counter() - begin)
    for row in results:
        row["kilobytes_per_second"] = 8 * block.size / min(seconds[row["model"]][1:]) / 1000
    for key in ("bits_per_byte", "kilobytes_per_second"):
        results[0][f"{key}_ratio_to_float"] = results[0][key] / results[1][key]

    for row in results:
        sums = {name: _in_process(sources[row["model"]], examples, name) for name in _SETTINGS}
        reference = sums.pop("batch of 64")
        differ = {name: int((sums[name] != reference).sum()) for name in sums}
        row |= {f"tables that differ: {name}": count for name, count in differ.items()}
        row |= {"tables compared": reference.size * len(differ), "tables that differ": sum(differ.values())}
    settings = {
        "model": model,
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "float": "its own weights" if float_model is None else serialisation.read_fingerprint(float_model),
        "text": file_names(text),
        "context": _CONTEXT,
    }
    report("exact", settings, results, out)


def _load(name: str, as_float: bool) -> ByteModel:
    """A model by its name or file, or an exact one's weights as a float Transformer."""
    return TransformerByteModel(dequantise(load_exact(name))) if as_float else load_model(name)


def _in_process(
    source: tuple[str, bool], examples: UInt8[np.ndarray, "b n"], setting: str
) -> UInt32[np.ndarray, "b n"]:
    """`_checksums` in a process of its own, whose environment JAX reads when it starts."""
    environment = _SETTINGS[setting][0]
    os.environ |= environment
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_checksums, (source, examples, *_SETTINGS[setting][1:]))
    finally:
        for name in environment:
            del os.environ[name]


def _checksums(
    source: tuple[str, bool], examples: UInt8[np.ndarray, "b n"], rows: int, stepping: bool
) -> UInt32[np.ndarray, "b n"]:
    """A checksum of the table before each byte."""
    model = _load(*source)
    weights = jnp.asarray(np.random.default_rng(0).integers(1 << 32, size=257, dtype=np.uint32) | 1)

    def sequence(text: jax.Array) -> jax.Array:
        if not stepping:
            return model.sequence(text)
        return jax.lax.scan(lambda s, byte: (model.step(s, byte), model.frequencies(s)), model.init(), text)[1]

    @jax.jit
    def run(texts: jax.Array) -> jax.Array:
        return jnp.sum(jax.vmap(sequence)(texts) * weights, axis=-1, dtype=jnp.uint32)

    filled = np.resize(examples, (-(-len(examples) // rows) * rows, examples.shape[1]))
    parts = [np.asarray(run(jnp.asarray(filled[i : i + rows]))) for i in range(0, len(filled), rows)]
    return np.concatenate(parts)[: len(examples)]
