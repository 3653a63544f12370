"""Frequency tables: the one contract between models and coders. Standard library only; this is the definition.

A table of precision F is 257 integers that rise strictly from 0 to 2**F.
"""

from collections.abc import Sequence
from math import isqrt

from .refusal import require, require_range


def nearest(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest integer, halves upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def powers(bits: int) -> list[int]:
    """`2**(bits - i / 256)` to the nearest integer, i from 0 to 255."""
    table = []
    for i in range(256):
        root = 2 ** (256 * (bits + 1) - i)
        for _ in range(8):  # the square root eight times: floor(2**(bits + 1 - i / 256))
            root = isqrt(root)
        table.append((root + 1) // 2)
    return table


POWERS = powers(23)


def power(table: Sequence[int], below: int, most: int) -> int:
    """`table[0] * 2**(-below / 256)`, with at most `most` halvings."""
    return nearest(table[below % 256], 2 ** min(below // 256, most))


def check_precision(precision: int) -> None:
    """Raises Refused unless a table can have this precision."""
    require_range([precision], 9, 16, "precision")


def cumulative_frequencies(logits: Sequence[int], precision: int) -> list[int]:
    """The frequency table of a row of logits, in 1/256 of log2."""
    check_precision(precision)
    require(len(logits) == 256, "logits")
    require_range(logits, -(2**30), 2**30, "logits")
    largest = max(logits)
    weights = [power(POWERS, min(largest - x, 2**20), 2**12) for x in logits]
    total, cumulative, table = sum(weights), 0, [0]
    for i, weight in enumerate(weights):
        cumulative += weight
        table.append(cumulative * (2**precision - 256) // total + i + 1)
    return table


def table(frequencies: Sequence[int], precision: int) -> list[int]:
    """The table of 256 frequencies."""
    check_precision(precision)
    require(len(frequencies) == 256, "table")
    require_range(frequencies, 1, 2**precision, "table")
    require(sum(frequencies) == 2**precision, "table")
    cumulative = [0]
    for frequency in frequencies:
        cumulative.append(cumulative[-1] + frequency)
    return cumulative
