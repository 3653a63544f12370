"""Texts end to end, and the pieces that they are parsed in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

GUESS = 256  # bytes behind a piece that are parsed to guess what the best ways from there cost; no string is longer
MOST = 6144  # bytes of a piece for the cheapest parse, at most
WIDTH = MOST * 2 // 3  # bytes of a piece as a rule


class Texts(NamedTuple):
    """Some texts.

    Attributes:
      bytes: Their bytes, end to end.
      bounds: Where each begins, and where the last one ends.
    """

    bytes: UInt8[np.ndarray, " n"]
    bounds: Int64[np.ndarray, " texts+1"]

    def pieces(self, width: int = WIDTH) -> Int64[np.ndarray, "pieces 3"]:
        """Where each piece begins and ends, and where its text ends.

        A text's pieces are of one length, to the byte: 3/4 to 3/2 of `width`, or less if the text is shorter than that.
        """
        begins, ends = self.bounds[:-1], self.bounds[1:]
        sizes = ends - begins
        counts = np.where(sizes > 0, np.maximum(1, (sizes + width // 2) // width), 0)
        text = np.repeat(np.arange(len(sizes)), counts)
        number = np.arange(len(text)) - np.repeat(np.cumsum(counts) - counts, counts)
        first, size, of = begins[text], sizes[text], counts[text]
        return np.stack([first + size * number // of, first + size * (number + 1) // of, ends[text]], axis=1)


def joined(texts: list[bytes]) -> Texts:
    """Texts end to end."""
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=bounds[1:])
    return Texts(np.frombuffer(b"".join(texts), np.uint8), bounds)
