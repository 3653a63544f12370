"""Text to windows and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from ecjax.codebook import Codebook
from ecjax.demo.findings import Cut, RoundTrip, Window

_NOISE = 65_536  # bytes


def cut(text: bytes, name: str, codebook: Codebook) -> Cut:
    """The windows that a codebook cuts a text into."""
    ids = codebook.encode(text).tolist()
    return Cut(name, tuple(Window(id_, f"{id_:0{codebook.bits}b}", codebook.decode([id_])) for id_ in ids))


def round_trips(text: bytes, codebooks: Mapping[str, Codebook]) -> Iterator[RoundTrip]:
    """Sends the text, bytes that are no text at all, and the empty text through codebooks and back."""
    noise = np.random.default_rng(0).integers(0, 256, _NOISE, np.uint8).tobytes()
    for what, original in (("the text", text), ("random bytes", noise), ("nothing", b"")):
        for name, codebook in codebooks.items():
            tokens = codebook.encode(original)
            before, after = (hashlib.sha256(t).hexdigest() for t in (original, codebook.decode(tokens)))
            yield RoundTrip(what, name, len(original), len(tokens), before, after)
