"""How well the ids before it tell the next id, by counting: a stand-in for M2 that takes seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class _Counts(NamedTuple):
    """The n-grams of a training text. A context is a number: its place among the training text's n-1-grams, sorted.

    Attributes:
      grams: `context * vocab_size + next id` of each, sorted.
      counts: How often each occurs.
      contexts: The contexts that occur, sorted.
      totals: How often each is followed by anything.
      kinds: By how many different ids.
      discount: What each count is lowered by, in favour of the model of one order less.
    """

    grams: Int64[np.ndarray, " n"]
    counts: Int64[np.ndarray, " n"]
    contexts: Int64[np.ndarray, " m"]
    totals: Int64[np.ndarray, " m"]
    kinds: Int64[np.ndarray, " m"]
    discount: float


def bits_by_order(
    training: Int64[np.ndarray, " n"], held_out: Int64[np.ndarray, " m"], vocab_size: int, order: int
) -> list[float]:
    """The bits of held-out ids under models of 1 to `order` ids, fitted to training ids.

    Ids that occur k times count k + 1/2 in the model of one. Each other one interpolates with that of one id less, by
    absolute discounting (Ney, Essen and Kneser 1994). Its discount is n1 / (n1 + 2 n2), where nk n-grams occur k times,
    with 1/2 and 1 added, so that it is never 0.

    Args:
      training: Ids, more of them than `order`.
      held_out: Likewise.
      vocab_size: Number of ids; its product with the training ids is below 2**63.
      order: The longest n-grams.

    Returns:
      The bits of the whole, for each order. The first ids have shorter contexts.
    """
    counts = np.bincount(training, minlength=vocab_size) + 0.5
    known = (counts / counts.sum())[held_out]
    bits = [_bits(known)]
    before, before_held_out = training, held_out  # the context that ends with each id; -1 where it is a new one
    for size in range(2, order + 1):
        grams = before[:-1] * vocab_size + training[size - 1 :]
        found, numbers = _count(grams, vocab_size)
        held_grams = np.where(before_held_out[:-1] < 0, -1, before_held_out[:-1] * vocab_size + held_out[size - 1 :])
        known[size - 1 :] = _interpolate(found, before_held_out[:-1], held_grams, known[size - 1 :])
        bits.append(_bits(known))
        before, before_held_out = numbers, _find(found.grams, held_grams)
    return bits


def _bits(probabilities: Float64[np.ndarray, " n"]) -> float:
    return float(-np.log2(probabilities).sum())


def _count(grams: Int64[np.ndarray, " n"], vocab_size: int) -> tuple[_Counts, Int64[np.ndarray, " n"]]:
    """The counts of n-grams, and the number of each n-gram as the context of what follows it."""
    different, numbers, counts = np.unique(grams, return_inverse=True, return_counts=True)
    contexts, begins = np.unique(different // vocab_size, return_index=True)
    totals, kinds = np.add.reduceat(counts, begins), np.diff(np.append(begins, len(different)))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = (once + 0.5) / (once + 2 * twice + 1)  # between 0 and 1, whatever the counts
    return _Counts(different, counts, contexts, totals, kinds, discount), numbers


def _interpolate(
    found: _Counts,
    contexts: Int64[np.ndarray, " n"],
    grams: Int64[np.ndarray, " n"],
    shorter: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " n"]:
    """The probability of the last id of each n-gram after its context, from that after a shorter one."""
    places, own = _find(found.contexts, contexts), _find(found.grams, grams)
    kept = np.maximum(np.where(own < 0, 0, found.counts[own]) - found.discount, 0.0)
    spread = found.discount * found.kinds[places] * shorter
    return np.where(places < 0, shorter, (kept + spread) / found.totals[places])


def _find(values: Int64[np.ndarray, " n"], wanted: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
    """The places of numbers among sorted ones, -1 for those that are not there."""
    places = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[places] == wanted, places, -1)
