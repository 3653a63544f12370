"""Whether the same window is always made of the same text: the lossless code, the paper's, and other resets of M1."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from bench._common import Json, Texts, console, excerpts, file_names, read_texts, report
from ecjax import EqualInfo, load_model, serialisation
from ecjax.analysis import readings, window_stability

_VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("preorder", {}),
    ("published", {"code": "published"}),
    ("delayed", {"code": "delayed"}),
    ("M1 anew every other window", {"reset": 2}),
    ("M1 never anew", {"reset": None}),
)


def measure(
    text: Texts = None,
    model: Annotated[str, typer.Option(help="The byte model: a shipped name or a file.")] = "m1-books",
    size: Annotated[int, typer.Option("--bytes", min=1, help="Bytes of text, from the middle of each.")] = 1 << 17,
    out: Json = None,
) -> None:
    """How often 16-bit windows that occur twice are made of their most frequent text (Tables 7 and 14)."""
    loaded, original = load_model(model), b"".join(excerpts(read_texts(text), size))
    rows = []
    with console.status("") as status:
        for name, options in _VARIANTS:
            status.update(name)
            tokenizer = EqualInfo(loaded, 16, **options)
            made_of = tokenizer.cut(original)
            ids = tokenizer.encode(original)
            found = window_stability(ids[:, None], made_of)
            rows.append(
                {
                    "windows": name,
                    "bytes_per_window": len(original) / len(made_of),
                    "same_text": found.share,
                    "ids_seen_twice": found.symbols,
                    "their_occurrences": found.occurrences,
                    "undecodable": len(tokenizer.undecodable(original)) / len(made_of),
                    "most_texts_of_an_id": _most_texts(ids, made_of),
                }
            )
    settings = {
        "model": model.rpartition("/")[2],
        "fingerprint": serialisation.read_fingerprint(serialisation.resolve(model)),
        "text": file_names(text),
        "bytes": len(original),
        "bits": 16,
    }
    report("stability", settings, rows, out)


def _most_texts(ids: np.ndarray, texts: list[bytes]) -> int:
    return max(map(len, readings(ids.tolist(), texts).values()))
