"""What a user may call first in a process, on little data, for `bench.compilations`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ecjax
from bench._common import excerpts, read_texts
from ecjax import EqualInfo, evaluation, generation
from ecjax.codebook import Codebook
from ecjax.models.sizes import configuration
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.tokenizers import ArithmeticCoding, Bytes
from ecjax.training import TrainingSettings, TrainingState, training_step
from ecjax.training.devices import data_mesh, spread

_TEXT = 1000  # bytes
_IDS = 200
_BATCH, _CONTEXT = 8, 128  # of a training step

Call = Callable[[], Any]
"""What is measured. A second call does the same again."""


def entry_points() -> dict[str, Callable[[], Call]]:
    """For each name what makes the call. Nothing is computed before the one or the other is called."""
    windows: dict[str, dict[str, Any]] = {f"{b} bits": {"bits": b} for b in (16, 24, 64, 128)}
    windows |= {f"24 bits, {code}": {"bits": 24, "code": code} for code in ("published", "delayed")}
    windows["24 bits, never reset"] = {"bits": 24, "reset": None}
    found: dict[str, Callable[[], Call]] = {}
    for name, options in windows.items():
        found[f"EqualInfo.encode, {name}"] = partial(_encode, options, 1)
        found[f"EqualInfo.decode, {name}"] = partial(_decode, options)
    found["EqualInfo.encode_batch of 20, 24 bits"] = partial(_encode, {"bits": 24}, 20)
    found["EqualInfo.compile, 16 bits"] = lambda: EqualInfo(_m1(), 16).compile
    found["ArithmeticCoding.encode"] = lambda: partial(ArithmeticCoding(_m1()).encode, _text())
    found["ArithmeticCoding.decode"] = _decode_stream
    for model in ("m1-books", "books-16"):
        found[f"compress, {model}"] = partial(_compress, model)
        found[f"decompress, {model}"] = partial(_decompress, model)
    found["Codebook.encode_array, books-16"] = lambda: partial(_codebook().encode_array, _array(), _TEXT)
    found["Codebook.decode_array, books-16"] = lambda: partial(_codebook().decode_array, jnp.asarray(_ids(16)), 8192)
    found["sequence, m1-books"] = lambda: partial(eqx.filter_jit(_m1().sequence), _array())
    found["coded_bits_per_byte, m1-books"] = lambda: partial(
        evaluation.coded_bits_per_byte, _m1(), np.asarray(_array()), _TEXT
    )
    found["bits_per_byte, tiny M2"] = lambda: partial(evaluation.bits_per_byte, _m2(), _ids(8), _IDS)
    found["generate, tiny M2"] = _generate
    found["training_step, tiny M1"] = partial(_train, configuration("tiny", 256, _CONTEXT))
    found["training_step, tiny M2"] = partial(_train, configuration("tiny", 1 << 16, _CONTEXT, "vectors"))
    return found


def _text() -> bytes:
    return excerpts(read_texts(None), _TEXT)[0]


def _array() -> jax.Array:
    return jnp.asarray(np.frombuffer(_text(), np.uint8))


def _ids(bits: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1 << bits, size=_IDS).astype(np.int32)


def _m1() -> ecjax.ByteModel:
    return ecjax.load_model("m1-books")


def _codebook() -> Codebook:
    return ecjax.load_codebook("books-16")


def _encode(options: dict[str, Any], texts: int) -> Call:
    return partial(EqualInfo(_m1(), **options).encode_batch, [_text()] * texts)


def _decode(options: dict[str, Any]) -> Call:
    tokenizer = EqualInfo(_m1(), **options)  # any ids decode
    return partial(tokenizer.decode, _ids(tokenizer.token_bits))


def _decode_stream() -> Call:
    tokenizer = ArithmeticCoding(_m1())
    return partial(tokenizer.decode, tokenizer.encode(_text()))


def _compress(model: str) -> Call:
    return partial(ecjax.compress, _text(), model)


def _decompress(model: str) -> Call:
    return partial(ecjax.decompress, ecjax.compress(_text(), model))


def _m2() -> Transformer:
    return Transformer(configuration("tiny", Bytes.vocab_size, _CONTEXT, "vectors"), key=jax.random.key(0))


def _generate() -> Call:
    model = _m2()
    return lambda: list(generation.generate(model, Bytes(), b"The", 8))


def _train(config: TransformerConfig) -> Call:
    settings, mesh = TrainingSettings(steps=10, batch_size=_BATCH), data_mesh()
    begin = TrainingState.begin(Transformer(config, key=jax.random.key(0)), settings)
    batch = np.random.default_rng(0).integers(config.vocab_size, size=(_BATCH, _CONTEXT)).astype(np.int32)

    def step() -> Any:
        state = jax.tree.map(lambda x: jnp.array(x) if isinstance(x, jax.Array) else x, begin)  # a step consumes it
        return training_step(settings, mesh, state, spread(batch, mesh))

    return step
