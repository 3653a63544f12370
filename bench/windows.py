"""How many bytes a window holds, and what comes back: preorder windows, published ones, published ones with delay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bench._common import Json, Texts, console, excerpts, file_names, read_texts, report
from ecjax import ByteModel, EqualInfo, analysis, load_model, serialisation

_CODES = ("preorder", "published", "delayed")


def _compare(model: ByteModel, texts: Sequence[bytes], bits: int) -> dict[str, Any]:
    # Ids of which a window is a whole number.
    settings = {"bits": bits, "token_bits": math.gcd(bits, 16), "allow_inexact": True}
    preorder = EqualInfo(model, **settings)
    published, delayed = EqualInfo(model, code="published", **settings), EqualInfo(model, code="delayed", **settings)
    per_window = bits // preorder.token_bits
    tokens = {name: t.encode_batch(texts) for name, t in zip(_CODES, (preorder, published, delayed), strict=True)}
    counts = {name: sum(map(len, batch)) // per_window for name, batch in tokens.items()}
    ratios = {name: sum(map(len, texts)) * 8 / (count * bits) for name, count in counts.items()}
    windows = [row for ids in tokens["published"] for row in ids.reshape(-1, per_window)]
    # Their longest strings, and their shortest.
    readings = zip(published.decode_batch(windows), delayed.decode_batch(windows), strict=True)
    ours, theirs = _information(preorder, texts), _information(published, texts)
    return {
        "bits": bits,
        **ratios,
        "ratio_to_published": ratios["preorder"] / ratios["published"],
        "ratio_to_delayed": ratios["preorder"] / ratios["delayed"],
        "preorder_lossless": preorder.decode_batch(tokens["preorder"]) == list(texts),
        "delayed_lossless": delayed.decode_batch(tokens["delayed"]) == list(texts),
        "published_windows": counts["published"],
        "published_ambiguous": sum(longest != shortest for longest, shortest in readings),
        "published_wrong": sum(len(published.undecodable(text)) for text in texts),
        "published_wrong_at_best": theirs["wrong"],
        "preorder_told": ours["told"],
        "published_told": theirs["told"],
        "published_untold": theirs["untold"],
    }


def _information(tokenizer: EqualInfo, texts: Sequence[bytes]) -> dict[str, float | None]:
    """Windows read wrongly by the best reader; bits for each byte told and untold. Only an exact model can say."""
    if not tokenizer.model.exact:
        return dict.fromkeys(("wrong", "told", "untold"))
    found = analysis.window_information(tokenizer, texts)
    size = found.bytes.sum()
    return {
        "wrong": int((~found.likeliest).sum()),
        "told": float(found.told.sum() / size),
        "untold": float(found.untold.sum() / size),
    }


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[
        list[int] | None, typer.Option(min=16, help="Window size; repeatable. [default: 16 24 32 64 128]")
    ] = None,
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of text, from the middle of each.")] = 16384,
    out: Json = None,
) -> None:
    """Bytes per 8 bits of window: preorder, published and delayed windows of one model on the same text."""
    loaded, texts = load_model(model), excerpts(read_texts(text), size)
    results = []
    with console.status("") as status:
        for b in bits or [16, 24, 32, 64, 128]:
            status.update(f"windows of {b} bits")
            results.append(_compare(loaded, texts, b))
    settings = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "exact": loaded.exact,
        "precision": loaded.precision,
        "text": file_names(text),
        "bytes": sum(map(len, texts)),
    }
    report("windows", settings, results, out)
