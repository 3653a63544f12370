"""Speed of arithmetic coding of whole streams and its distance from the ideal code length, with a unigram model."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer
from jaxtyping import Array, Float, Int32, Integer, UInt8, UInt32

from bench._common import Json, Repeats, Texts, file_names, read_texts, report
from bench._machine import best_seconds
from ecjax import Unigram
from ecjax.coding import stream


@eqx.filter_jit
def _encode(model: Unigram, lanes: Integer[Array, "lanes n"]) -> stream.Encoded:
    return jax.vmap(lambda text: stream.encode(model, text, text.shape[0]))(lanes)


@eqx.filter_jit
def _decode(model: Unigram, codes: UInt8[Array, "lanes capacity"], length: int) -> UInt8[Array, "lanes n"]:
    return jax.vmap(lambda code: stream.decode(model, code, length, length))(codes)


def _ours(model: Unigram, text: UInt8[np.ndarray, " n"], lanes: int, repeats: int) -> dict[str, Any]:
    """Figures for the text cut into equal lanes that are coded side by side, each into a code of its own."""
    block = jnp.asarray(text.reshape(lanes, -1))
    length = block.shape[1]
    coded = _encode(model, block)
    encoding = best_seconds(lambda: jax.block_until_ready(_encode(model, block)), repeats)
    decoding = best_seconds(lambda: jax.block_until_ready(_decode(model, coded.code, length)), repeats)
    return _row(
        f"ecjax, streams: {lanes}",
        model,
        text,
        8 * int(coded.length.sum()),
        encoding,
        decoding,
        np.array_equal(np.asarray(_decode(model, coded.code, length)), block),
    )


def _constriction(
    model: Unigram, text: UInt8[np.ndarray, " n"], per_symbol: bool, repeats: int
) -> dict[str, Any] | None:
    """Figures for the range coder of `constriction`, given one distribution for all symbols or one for each.

    None if it is not installed.
    """
    try:
        library = importlib.import_module("constriction").stream
    except ImportError:
        return None
    symbols = text.astype(np.int32)
    probabilities = _probabilities(model)
    if per_symbol:
        family = library.model.Categorical(perfect=False)
        arguments = (family, np.tile(probabilities, (len(text), 1)))
    else:
        arguments = (library.model.Categorical(probabilities, perfect=False),)

    def encode() -> Any:
        encoder = library.queue.RangeEncoder()
        encoder.encode(symbols, *arguments)
        return encoder.get_compressed()

    def decode() -> Int32[np.ndarray, " n"]:
        decoder = library.queue.RangeDecoder(code)
        return decoder.decode(*arguments) if per_symbol else decoder.decode(*arguments, len(symbols))

    code = encode()
    return _row(
        f"constriction, {'a table per symbol' if per_symbol else 'one table'}",
        model,
        text,
        32 * len(code),
        best_seconds(encode, repeats),
        best_seconds(decode, repeats),
        np.array_equal(decode(), symbols),
    )


def _probabilities(model: Unigram) -> Float[np.ndarray, "256"]:
    table: UInt32[np.ndarray, "257"] = np.asarray(model.table)
    return np.diff(table).astype(np.float32) / np.float32(1 << model.precision)


def _row(
    coder: str,
    model: Unigram,
    text: UInt8[np.ndarray, " n"],
    bits: int,
    encoding: float,
    decoding: float,
    lossless: bool,
) -> dict[str, Any]:
    ideal = float(-np.log2(_probabilities(model).astype(np.float64))[text].sum())
    return {
        "coder": coder,
        "symbols": len(text),
        "encode_symbols_per_s": len(text) / encoding,
        "decode_symbols_per_s": len(text) / decoding,
        "bits_per_symbol": bits / len(text),
        "overhead_ppm": (bits / ideal - 1) * 1e6,
        "lossless": lossless,
    }


def measure(
    text: Texts = None,
    lanes: Annotated[int, typer.Option(min=1, help="Streams that are coded side by side.")] = 256,
    size: Annotated[int, typer.Option("--bytes", min=1, max=1 << 26, help="Bytes of text at most.")] = 1 << 20,
    repeats: Repeats = 5,
    out: Json = None,
) -> None:
    """Symbols per second on one core, and bits beyond the ideal in ppm: arithmetic coding of whole streams."""
    original = b"".join(read_texts(text))[:size]
    array = np.frombuffer(original, np.uint8)[: len(original) // lanes * lanes]
    if len(array) == 0:
        raise ValueError(f"{len(original)} bytes are too few for {lanes} streams; give more text or fewer --lanes")
    model = Unigram.fit(original)
    rows = [
        _ours(model, array, lanes, repeats),
        _ours(model, array, 1, repeats),
        _constriction(model, array, False, repeats),
        # A table for each symbol takes a kilobyte each.
        _constriction(model, array[: 1 << 16], True, repeats),
    ]
    settings: dict[str, Any] = {
        "model": f"unigram of the text, precision {model.precision}",
        "text": file_names(text),
        "bytes": len(array),
        "repeats": repeats,
    }
    results = [row for row in rows if row is not None]
    if len(results) < len(rows):
        settings["left_out"] = "constriction: not installed"
    report("streams", settings, results, out)
