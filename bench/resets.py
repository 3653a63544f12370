"""What it gains to begin M1 anew in fewer windows: bytes per token for each policy of arXiv 2404.03626, A.2."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench._common import Json, Texts, console, file_names, read_texts, report
from ecjax import ByteModel, EqualInfo, load_model, serialisation

_POLICIES = {"every window": 1, "every other window": 2, "never": None}


def _row(model: ByteModel, text: bytes, bits: int, policy: str) -> dict[str, Any]:
    tokenizer = EqualInfo(model, bits, 8, reset=_POLICIES[policy], allow_inexact=True)
    ids = tokenizer.encode(text)
    return {"reset": policy, "ratio": len(text) / len(ids), "lossless": tokenizer.decode(ids) == text}


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    bits: Annotated[int, typer.Option(min=9, help="Window size.")] = 16,
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of text, from the beginning.")] = 1 << 18,
    out: Json = None,
) -> None:
    """Bytes per token of 8 bits, with M1 begun anew in every window, in every other, and in none of a block."""
    loaded, joined = load_model(model), b"".join(read_texts(text))[:size]
    results = []
    with console.status("") as status:
        for policy in _POLICIES:
            status.update(policy)
            results.append(_row(loaded, joined, bits, policy))
    settings = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "text": file_names(text),
        "bytes": len(joined),
        "bits": bits,
    }
    report("resets", settings, results, out)
