"""Windows through the byte model beside the model alone: `EqualInfo` on documents of very different lengths.

The measure is the rate of the model's own `sequence`, tables included, which takes all positions at once; a coder that
goes byte by byte, restarts the model in every window and has documents end at different times can only be slower. All
rates of a row come from one process in alternation, the best of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer
from jaxtyping import Array, Integer, UInt8, UInt32

from bench._common import Json, Repeats, Texts, console, file_names, read_texts, report
from bench._machine import alternating_seconds
from ecjax import ByteModel, EqualInfo, data, load_model, serialisation
from ecjax.coding import stream, windows

_SEQUENCE = 4096  # bytes that `sequence` is given at once
_PADDED = 64  # documents side by side where all are padded to the longest


@eqx.filter_jit
def _sequence(model: ByteModel, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
    return model.sequence(text)


@eqx.filter_jit
def _stream_encode(model: ByteModel, text: Integer[Array, " n"]) -> stream.Encoded:
    return stream.encode(model, text, text.shape[0])


@eqx.filter_jit
def _stream_decode(model: ByteModel, code: UInt8[Array, " capacity"], length: int) -> UInt8[Array, " n"]:
    return stream.decode(model, code, length, length)


@eqx.filter_jit
def _padded(model: ByteModel, texts: Integer[Array, "b n"], bits: int) -> windows.Windows:
    return jax.vmap(lambda text: windows.encode(model, text, text.shape[0], bits))(texts)


def _documents(text: UInt8[np.ndarray, " n"], longest: int) -> list[bytes]:
    """The text cut into documents whose lengths are alike on a scale of logarithms, from 16 bytes up."""
    rng, out, begin = np.random.default_rng(0), [], 0
    while begin < len(text):
        length = int(np.exp(rng.uniform(np.log(16), np.log(max(longest, 17)))))
        out.append(text[begin : begin + length].tobytes())
        begin += length
    return out


def _alternate(runs: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    return alternating_seconds([lambda run=run: jax.block_until_ready(run()) for run in runs], repeats)


def _windows(
    model: ByteModel, bits: int, documents: Sequence[bytes], sample: Integer[Array, " n"], repeats: int
) -> dict[str, Any]:
    tokenizer = EqualInfo(model, bits)
    ids = tokenizer.encode_batch(documents)
    own, encoding, decoding = _alternate(
        [
            lambda: _sequence(model, sample),
            lambda: tokenizer.encode_batch(documents),
            lambda: tokenizer.decode_batch(ids),
        ],
        repeats,
    )
    size = sum(map(len, documents))
    return {
        "code": f"windows of {bits} bits",
        "sequence_bytes_per_s": len(sample) / own,
        "encode_bytes_per_s": size / encoding,
        "decode_bytes_per_s": size / decoding,
        "encode_ratio": size / encoding / (len(sample) / own),
        "decode_ratio": size / decoding / (len(sample) / own),
        "bits_per_byte": sum(len(i) for i in ids) * tokenizer.token_bits / size,
        "lossless": tokenizer.decode_batch(ids) == list(documents),
    }


def _stream(model: ByteModel, sample: Integer[Array, " n"], repeats: int) -> dict[str, Any]:
    """Arithmetic coding of the sample as one stream: the decoder steps, alone."""
    n = len(sample)
    coded = _stream_encode(model, sample)
    own, encoding, decoding = _alternate(
        [
            lambda: _sequence(model, sample),
            lambda: _stream_encode(model, sample),
            lambda: _stream_decode(model, coded.code, n),
        ],
        repeats,
    )
    return {
        "code": "one stream",
        "sequence_bytes_per_s": n / own,
        "encode_bytes_per_s": n / encoding,
        "decode_bytes_per_s": n / decoding,
        "encode_ratio": own / encoding,
        "decode_ratio": own / decoding,
        "bits_per_byte": 8 * int(coded.length) / n,
        "lossless": np.array_equal(_stream_decode(model, coded.code, n), sample),
    }


def _padding(
    model: ByteModel, documents: Sequence[bytes], sample: Integer[Array, " n"], repeats: int
) -> dict[str, Any]:
    """What padding would cost: 64 documents of like length at a time, as long as the longest of them.

    Its rate is that of a block in which there is nothing to pad, times the share of bytes that are no padding.
    """
    block = jnp.asarray(np.resize(np.asarray(sample), (_PADDED, 64)))
    own, encoding = _alternate([lambda: _sequence(model, sample), lambda: _padded(model, block, 64)], repeats)
    lengths = np.sort([len(document) for document in documents])
    groups = [lengths[i : i + _PADDED] for i in range(0, len(lengths), _PADDED)]
    used = int(lengths.sum()) / sum(_PADDED * int(group[-1]) for group in groups)
    return {
        "code": "windows of 64 bits, padded",
        "sequence_bytes_per_s": len(sample) / own,
        "encode_bytes_per_s": block.size / encoding * used,
        "encode_ratio": block.size / encoding * used / (len(sample) / own),
        "share_of_bytes": used,
    }


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The exact byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[
        list[int] | None, typer.Option(min=9, max=128, help="Window size; repeatable. [default: 24 32 64 128]")
    ] = None,
    size: Annotated[int, typer.Option("--bytes", min=_SEQUENCE, help="Bytes of text at most.")] = 1 << 18,
    longest: Annotated[int, typer.Option(min=16, help="Bytes of a document at most.")] = 1 << 16,
    repeats: Repeats = 3,
    out: Json = None,
) -> None:
    """Bytes per second through the byte model: windows, and one stream, beside the model's own `sequence`."""
    loaded = load_model(model)
    array = data.concatenate(read_texts(text))[:size]
    documents, sample = _documents(array, longest), jnp.asarray(array[:_SEQUENCE])
    rows = []
    with console.status("") as status:
        for b in bits or [24, 32, 64, 128]:
            status.update(f"windows of {b} bits")
            rows.append(_windows(loaded, b, documents, sample, repeats))
        status.update("padding")
        rows.append(_padding(loaded, documents, sample, repeats))
        status.update("one stream")
        rows.append(_stream(loaded, sample, repeats))
    settings = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "text": file_names(text),
        "bytes": len(array),
        "documents": len(documents),
        "document_bytes": [min(map(len, documents)), int(np.median([*map(len, documents)])), max(map(len, documents))],
        "repeats": repeats,
    }
    rows[0] = {**rows[0], "share_of_bytes": None}
    report("lanes", settings, rows, out)
