"""What runs a byte model or trains a language model, against the products of matrices that are in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer, UInt32

from bench import _bounds, documents
from bench._all.rows import Measurement, Row, size_name
from bench._machine import alternating_seconds
from ecjax import ByteModel, EqualInfo, compress, decompress, evaluation
from ecjax.models.dequantisation import dequantise
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerByteModel, configuration
from ecjax.training import TrainingSettings, TrainingState, training_step
from ecjax.training.devices import data_mesh, spread

SEQUENCE = "the model's own rate"
"""The rate of `sequence` of a batch of texts as long as the context: all positions at once, and nothing else."""

_BATCH = 64


@eqx.filter_jit
def _sequence(model: ByteModel, texts: Integer[Array, "b n"]) -> UInt32[Array, "b n 257"]:
    return jax.vmap(model.sequence)(texts)


def _examples(model: IntegerTransformer, text: bytes) -> Integer[Array, "b n"]:
    return jnp.asarray(np.resize(np.frombuffer(text, np.uint8), (_BATCH, model.config.context)))


def windows(model: IntegerTransformer, bits: int, size: int, text: bytes, repeats: int) -> Measurement:
    """Documents to windows and back, with the model at run time."""
    tokenizer, cut = EqualInfo(model, bits), documents.cut(text, size)

    def run() -> list[Row]:
        ids = tokenizer.encode_batch(cut)
        ways = {"encode": lambda: tokenizer.encode_batch(cut), "decode": lambda: tokenizer.decode_batch(ids)}
        return _against_sequence(model, f"windows of {bits} bits", size, text, ways, repeats)

    return f"windows of {bits} bits, {size_name(size)}", run


def files(model: IntegerTransformer, size: int, text: bytes, repeats: int) -> Measurement:
    """Documents to compressed files and back, by a call for each."""
    cut = documents.cut(text, size)

    def run() -> list[Row]:
        packed = [compress(document, model) for document in cut]
        ways = {
            "compress": lambda: [compress(document, model) for document in cut],
            "decompress": lambda: [decompress(data, model) for data in packed],
        }
        return _against_sequence(model, "a file each", size, text, ways, repeats)

    return f"compress, {size_name(size)}", run


def _against_sequence(
    model: IntegerTransformer, what: str, size: int, text: bytes, ways: dict[str, Callable[[], Any]], repeats: int
) -> list[Row]:
    examples = _examples(model, text)
    runs = [lambda: jax.block_until_ready(_sequence(model, examples)), *ways.values()]
    parallel, *seconds = alternating_seconds(runs, repeats, time.process_time)
    bound = examples.size / parallel
    return [
        Row(
            what=f"{way}, {what}",
            kind="English",
            size=size_name(size),
            rate=(rate := len(text) / own) / 1000,
            unit="kB/s",
            peer=[],
            ratio=[],
            bound=SEQUENCE,
            share=rate / bound,
        )
        for way, own in zip(ways, seconds, strict=True)
    ]


def exact_model(model: IntegerTransformer, text: bytes, repeats: int) -> Measurement:
    """`sequence` of the exact model beside that of its own weights in float32."""
    examples, in_float = _examples(model, text), TransformerByteModel(dequantise(model))
    product, product_flops = _bounds.large_product()
    flops = examples.size * evaluation.forward_flops_per_token(in_float.transformer.config)

    def run() -> list[Row]:
        own, peer, bound = alternating_seconds(
            [
                lambda: jax.block_until_ready(_sequence(model, examples)),
                lambda: jax.block_until_ready(_sequence(in_float, examples)),
                product,
            ],
            repeats,
            time.process_time,
        )
        return [
            Row(
                what="sequence, m1-books",
                kind="English",
                size=f"{_BATCH} x {model.config.context} B",
                rate=examples.size / own / 1000,
                unit="kB/s",
                peer=["its weights in float32"],
                ratio=[peer / own],
                bound=_bounds.PRODUCTS,
                share=flops / own / (product_flops / bound),
            )
        ]

    return "the exact model", run


class _Steps:
    """Training steps, one after the other, of a model that begins at random."""

    def __init__(self, model: Transformer, rows: int) -> None:
        self._settings = TrainingSettings(10_000, rows)
        self._mesh = data_mesh()
        self._state = TrainingState.begin(model, self._settings)
        shape = (rows, model.config.context)
        ids = np.random.default_rng(0).integers(model.config.vocab_size, size=shape).astype(np.int32)
        self._batch = spread(ids, self._mesh)

    def __call__(self) -> None:
        self._state, loss = training_step(self._settings, self._mesh, self._state, self._batch)
        jax.block_until_ready((self._state, loss))


def training(size: str, vocab_size: int, shape: Sequence[int], repeats: int) -> Measurement:
    """A training step of a language model over so many ids, with a batch of a shape: examples, and ids in each."""
    rows, context = shape
    config = configuration(size, vocab_size, context)
    name = f"training step, {size}, {vocab_size:,} ids"
    step = _Steps(eqx.filter_jit(Transformer)(config, key=jax.random.key(0)), rows)
    products, _ = _bounds.step_products(config, rows)

    def run() -> list[Row]:
        own, bound = alternating_seconds([step, products], repeats, time.process_time)
        return [
            Row(
                what=name,
                kind="random ids",
                size=f"{rows} x {context} ids",
                rate=rows * context / own / 1000,
                unit="thousand ids/s",
                peer=[],
                ratio=[],
                bound="the step's own products",
                share=bound / own,
            )
        ]

    return name, run
