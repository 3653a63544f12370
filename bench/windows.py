"""How many bytes a window holds, and what comes back: preorder windows, published ones, published ones with delay."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import typer
from jaxtyping import Array, Integer, UInt32

from bench import _published
from bench._common import Json, Texts, console, file_names, read_texts, report
from ecjax import ByteModel, EqualInfo, load_model, serialisation


@eqx.filter_jit
def _sequence(model: ByteModel, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
    return model.sequence(text)


class _Tables:
    """A model as `_published` wants it: the table after a prefix, computed once for each prefix."""

    def __init__(self, model: ByteModel) -> None:
        self._model = model
        self._known: dict[bytes, array[int]] = {}

    def __call__(self, prefix: bytes) -> array[int]:
        if prefix not in self._known:
            self.prepare(prefix + b"\0")
        return self._known[prefix]

    def prepare(self, text: bytes) -> None:
        """The tables before each byte of `text`, all at once."""
        if text[:-1] in self._known:
            return
        padded = np.zeros(max(32, 1 << (len(text) - 1).bit_length()), np.uint8)
        padded[: len(text)] = np.frombuffer(text, np.uint8)
        tables = np.asarray(_sequence(self._model, jnp.asarray(padded)))
        for length in range(len(text)):
            self._known.setdefault(text[:length], array("I", tables[length].tobytes()))


_Cut = Callable[[_published.Model, bytes, int], tuple[int, int]]


def _windows(cut: _Cut, tables: _Tables, text: bytes, bits: int) -> list[tuple[int, bytes]]:
    """The code and the string of each window of a text."""
    windows, position = [], 0
    while position < len(text):
        tables.prepare(text[position : position + max(32, bits)])
        code, size = cut(tables, text[position:], bits)
        windows.append((code, text[position : position + size]))
        position += size
    return windows


def _excerpts(texts: Sequence[bytes], size: int) -> list[bytes]:
    """About `size` bytes, the same number from the middle of each text."""
    share = max(1, size // len(texts))
    return [text[max(0, len(text) - share) // 2 :][:share] for text in texts]


def _preorder(model: ByteModel, texts: Sequence[bytes], bits: int) -> tuple[int, bool]:
    """How many preorder windows the texts take, and whether they come back."""
    tokenizer = EqualInfo(model, bits, allow_inexact=True)
    batch = tokenizer.encode_batch(texts)
    # Ids are cut from the stream of windows and the last one filled with fewer bits than a window has.
    count = sum(len(ids) * tokenizer.token_bits // bits for ids in batch)
    return count, tokenizer.decode_batch(batch) == list(texts)


def _compare(model: ByteModel, tables: _Tables, texts: Sequence[bytes], bits: int) -> dict[str, Any]:
    size = sum(map(len, texts))
    count, lossless = _preorder(model, texts, bits)
    published = [w for text in texts for w in _windows(_published.published_window, tables, text, bits)]
    delayed = [w for text in texts for w in _windows(_published.delayed_window, tables, text, bits)]
    found = [_published.readings(tables, code, bits) for code, _ in published]
    counts = {"preorder": count, "published": len(published), "delayed": len(delayed)}
    ratios = {name: size * 8 / (n * bits) for name, n in counts.items()}
    return {
        "bits": bits,
        **ratios,
        "ratio_to_published": ratios["preorder"] / ratios["published"],
        "ratio_to_delayed": ratios["preorder"] / ratios["delayed"],
        "preorder_lossless": lossless,
        "delayed_lossless": all(_published.readings(tables, code, bits)[0] == string for code, string in delayed),
        "published_windows": len(published),
        "published_ambiguous": sum(len(strings) > 1 for strings in found),
        "published_wrong": sum(strings[-1] != string for strings, (_, string) in zip(found, published, strict=True)),
    }


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[
        list[int] | None, typer.Option(min=16, help="Window size; repeatable. [default: 16 24 32 64]")
    ] = None,
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of text, from the middle of each.")] = 16384,
    out: Json = None,
) -> None:
    """Bytes per 8 bits of window: preorder, published and delayed windows of one model on the same text."""
    loaded, texts = load_model(model), _excerpts(read_texts(text), size)
    tables, results = _Tables(loaded), []
    with console.status("") as status:
        for b in bits or [16, 24, 32, 64]:
            status.update(f"windows of {b} bits")
            results.append(_compare(loaded, tables, texts, b))
    settings = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "exact": loaded.exact,
        "precision": loaded.precision,
        "text": file_names(text),
        "bytes": sum(map(len, texts)),
    }
    report("windows", settings, results, out)
