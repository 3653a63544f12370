"""How far a bit stream is from random bits: the divergence of its bit n-grams from the uniform distribution.

Source: arXiv 2404.03626, Fig. 11 (overlapping n-grams) and Figs. 16 and 17 (tokens of n bits), whose estimates of the
entropy are corrected after Miller and Madow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt8

MAX_WIDTH = 24  # bits of an n-gram, 2**n of which are counted


@dataclasses.dataclass(frozen=True)
class Divergences:
    """KL(n-grams || uniform) in bits per n-gram, for several n.

    Attributes:
      widths: n, in bits.
      plug_in: With the entropy of the counted frequencies: never negative, and too large where n-grams are seldom seen.
      corrected: With the Miller-Madow entropy, which takes most of that bias away as long as most n-grams that can
        occur have been seen; it may be slightly negative.
    """

    widths: Int64[np.ndarray, " k"]
    plug_in: Float64[np.ndarray, " k"]
    corrected: Float64[np.ndarray, " k"]


def bits_of(ids: Integer[np.ndarray, " n"], width: int) -> UInt8[np.ndarray, " bits"]:
    """The lowest `width` bits of each id, end to end, first bits first."""
    shifts = np.arange(width - 1, -1, -1)
    return ((ids.astype(np.int64)[:, None] >> shifts) & 1).astype(np.uint8).reshape(-1)


def overlapping_ngrams(bits: UInt8[np.ndarray, " n"], width: int) -> Int64[np.ndarray, " m"]:
    """The number that each `width` bits in a row write, at every place of the stream (Fig. 11)."""
    count = max(0, len(bits) - width + 1)
    numbers = np.zeros(count, np.int64)
    for offset in range(width):
        numbers = numbers << 1 | bits[offset : offset + count]
    return numbers


def cut_tokens(bits: UInt8[np.ndarray, " n"], width: int) -> Int64[np.ndarray, " m"]:
    """The stream cut into numbers of `width` bits (Figs. 16, 17); bits at the end that are no whole one are dropped."""
    count = len(bits) // width
    return bits[: count * width].reshape(count, width) @ (1 << np.arange(width - 1, -1, -1))


def plug_in_entropy(counts: Integer[np.ndarray, " k"]) -> float:
    """The entropy, in bits, of the frequencies that were counted."""
    seen = counts[counts > 0] / counts.sum()
    return float(-(seen * np.log2(seen)).sum())


def miller_madow_entropy(counts: Integer[np.ndarray, " k"]) -> float:
    """The plug-in entropy plus its bias to first order, `(symbols seen - 1) / (2 * samples)` nats, in bits."""
    return plug_in_entropy(counts) + (np.count_nonzero(counts) - 1) / (2 * int(counts.sum()) * np.log(2))


def divergences(bits: UInt8[np.ndarray, " n"], widths: Sequence[int], *, overlapping: bool) -> Divergences:
    """KL divergence of a stream's n-grams from uniform ones.

    Args:
      bits: The stream, of zeros and ones.
      widths: The sizes n of n-grams, in bits.
      overlapping: Whether n-grams begin at every bit (Fig. 11) or where the one before ends (Figs. 16, 17).

    Returns:
      The divergences. Uniform random bits of the same number show what little the estimates mean for large n.

    Raises:
      ValueError: If a width is not in `1 .. MAX_WIDTH`, or the stream has no n-gram of it.
    """
    take = overlapping_ngrams if overlapping else cut_tokens
    plug_in, corrected = [], []
    for width in widths:
        if not 1 <= width <= min(MAX_WIDTH, len(bits)):
            raise ValueError(f"n-grams of {len(bits)} bits have 1 to {min(MAX_WIDTH, len(bits))} bits, got {width}")
        counts = np.bincount(take(bits, width), minlength=1 << width)
        plug_in.append(width - plug_in_entropy(counts))
        corrected.append(width - miller_madow_entropy(counts))
    return Divergences(np.array(widths, np.int64), np.array(plug_in), np.array(corrected))
