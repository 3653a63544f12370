"""What tokens are like: divergence from random bits, edit distances, stability, and bytes by position in a window."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import Float64, Int32

from bench._common import Json, Texts, console, excerpts, file_names, read_texts, report
from ecjax import (
    ArithmeticCoding,
    ByteModel,
    Bytes,
    EqualInfo,
    GZip,
    SentencePiece,
    Tokenizer,
    Unigram,
    analysis,
    data,
    load_model,
    serialisation,
)
from ecjax.analysis import plots

RANDOM = "random bits"
_WIDTHS = range(1, 21)
_TOKENS_IN_WINDOWS = 24_000  # of long windows this many tokens are decoded: each again after each token of its window
_WORDS = (b"The", b"When", b"Yesterday", b"He", b"Nothing", b"However,", b"In", b"Perhaps")


def _tokenizers(model: ByteModel, training: Sequence[bytes], pieces: int, bits: Sequence[int]) -> dict[str, Tokenizer]:
    windows = [(b, v) for b in bits for v in (8, 16)[: 2 if b == 16 else 1]]
    return {
        "bytes": Bytes(),
        "SentencePiece": SentencePiece.train(training, pieces),
        "AC[8]": ArithmeticCoding(model, 8),
        "AC[16]": ArithmeticCoding(model, 16),
        "StaticAC[8]": ArithmeticCoding(Unigram.fit(b"".join(training)), 8),
        "GZip[8]": GZip(8),
        **{f"EqualInfo[{b},{v}]": EqualInfo(model, b, v) for b, v in windows},
    }


def _bits(tokenizer: Tokenizer, ids: Int32[np.ndarray, " n"]) -> np.ndarray:
    if isinstance(tokenizer, Bytes):
        return analysis.bits_of(ids - 1, 8)  # the text's own bits
    return analysis.bits_of(ids, (tokenizer.vocab_size - 1).bit_length())


def _divergences(streams: Mapping[str, np.ndarray], overlapping: bool) -> dict[str, analysis.Divergences]:
    """Of the first bits of every stream, as many of each, and of random ones."""
    size = min(map(len, streams.values()))
    random = np.random.default_rng(0).integers(0, 2, size, np.uint8)
    return {
        name: analysis.divergences(stream[:size], _WIDTHS, overlapping=overlapping)
        for name, stream in {**streams, RANDOM: random}.items()
    }


def _passages(texts: Sequence[bytes], count: int) -> list[bytes]:
    """Passages of 200 to 1,000 bytes that begin and end with a word, from anywhere in the texts."""
    rng, out = np.random.default_rng(0), []
    for text in itertools.islice(itertools.cycle(texts), count):
        begin = text.index(b" ", int(rng.integers(len(text) - 2000))) + 1
        out.append(text[begin : text.index(b" ", begin + int(rng.integers(200, 980)))])
    return out


def _distances(tokenizer: Tokenizer, passages: Sequence[bytes]) -> Float64[np.ndarray, " n"]:
    words = itertools.cycle(_WORDS)
    others = [next(word for word in words if not passage.startswith(word + b" ")) for passage in passages]
    return analysis.prefix_distances(tokenizer, passages, others)


def _windows(tokenizer: EqualInfo, ids: Int32[np.ndarray, " n"], text: bytes) -> dict[str, Any]:
    """What tokens tell, by their position; of windows whose ids are rarely the same, of the first ones only."""
    if tokenizer.bits > 16:
        ids = ids[:_TOKENS_IN_WINDOWS]
    windows, texts = analysis.windows_of(tokenizer, ids), analysis.token_texts(tokenizer, ids)
    sizes = [sum(map(len, added)) for added in texts]
    made_of = [text[end - size : end] for end, size in zip(np.cumsum(sizes), sizes, strict=True)]
    stable = analysis.stability_by_position(windows, texts)
    whole = analysis.window_stability(windows, made_of)
    return {
        "bytes": analysis.bytes_by_position(texts).tolist(),
        "stability": [position.share for position in stable],
        "symbols": [position.symbols for position in stable],
        "occurrences": [position.occurrences for position in stable],
        "window_stability": whole.share,
        "window_occurrences": whole.occurrences,
    }


def _row(
    name: str,
    tokenizer: Tokenizer,
    ids: Int32[np.ndarray, " n"],
    text: bytes,
    distances: Float64[np.ndarray, " m"],
) -> dict[str, Any]:
    windows = _windows(tokenizer, ids, text) if isinstance(tokenizer, EqualInfo) else {}
    stable = windows.get("stability", [None])
    return {
        "tokenizer": name,
        "vocab_size": tokenizer.vocab_size,
        "bytes_per_token": len(text) / len(ids),
        "distance_mean": float(distances.mean()),
        "distance_median": float(np.median(distances)),
        "window_stability": windows.get("window_stability"),
        "first_token_stability": stable[0],
        "last_token_stability": stable[-1],
        "windows": windows,
    }


def _draw(
    rows: Sequence[Mapping[str, Any]],
    overlapping: Mapping[str, analysis.Divergences],
    cut: Mapping[str, analysis.Divergences],
    distances: Mapping[str, Float64[np.ndarray, " _"]],
    folder: Path,
) -> None:
    plots.draw_divergences(overlapping, cut, folder / "analysis-divergence.svg", baseline=RANDOM)
    plots.draw_distances(distances, folder / "analysis-distances.svg")
    windows = {row["tokenizer"]: row["windows"] for row in rows if row.get("windows")}
    stability = {name: own["stability"] for name, own in windows.items()}
    plots.draw_stability(stability, folder / "analysis-stability.svg")
    plots.draw_bytes({name: own["bytes"] for name, own in windows.items()}, folder / "analysis-bytes.svg")


def _curve(found: analysis.Divergences) -> dict[str, list[float]]:
    return {"plug_in": found.plug_in.tolist(), "corrected": found.corrected.tolist()}


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[
        list[int] | None, typer.Option(min=16, max=128, help="Window size; repeatable. [default: 16 32 64 128]")
    ] = None,
    size: Annotated[int, typer.Option("--bytes", min=20_000, help="Bytes of text, from the middle of each.")] = 1 << 18,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="What SentencePiece and StaticAC learn from; repeatable. [default: the measured text]"),
    ] = None,
    train_bytes: Annotated[int, typer.Option(min=1, help="Bytes of it, the same number from each file.")] = 8_000_000,
    pieces: Annotated[int, typer.Option(min=512, help="Subwords, or as many as the text yields.")] = 32_768,
    passages: Annotated[int, typer.Option(min=1, help="Passages whose first word is changed.")] = 100,
    figures: Annotated[Path | None, typer.Option("--out", help="Folder for the figures.")] = None,
    out: Json = None,
) -> None:
    """Divergence from random bits, edit distances, stability and bytes by position of every method's tokens."""
    loaded, texts = load_model(model), excerpts(read_texts(text), size)
    original = b"".join(texts)
    rows: list[dict[str, Any]] = []
    streams, distances = {}, {}
    with console.status("training SentencePiece") as status:
        training = excerpts(data.read_documents(train), train_bytes) if train else texts
        for name, tokenizer in _tokenizers(loaded, training, pieces, bits or [16, 32, 64, 128]).items():
            status.update(name)
            ids = tokenizer.encode(original)
            streams[name] = _bits(tokenizer, ids)
            distances[name] = _distances(tokenizer, _passages(texts, passages))
            rows.append(_row(name, tokenizer, ids, original, distances[name]))
    # The same bits, however they are cut: once is enough.
    streams = {name: stream for name, stream in streams.items() if not name.endswith("16]")}
    overlapping, cut = (_divergences(streams, overlapping) for overlapping in (True, False))
    settings: dict[str, Any] = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "text": file_names(text),
        "bytes": len(original),
        "trained_on": file_names(train) if train else "the measured text itself",
        "training_bytes": sum(map(len, training)),
        "passages": passages,
        "bits_of_each_stream": min(map(len, streams.values())),
    }
    rows.append({"tokenizer": RANDOM})
    for row in rows:
        if row["tokenizer"] in overlapping:
            row["overlapping_ngrams"] = _curve(overlapping[row["tokenizer"]])
            row["cut_tokens"] = _curve(cut[row["tokenizer"]])
    if figures is not None:
        _draw(rows, overlapping, cut, distances, figures)
    report("analysis", settings, rows, out)
