"""Cases of frequencies.md that tell each entry of P from its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from ..oracle.frequencies import POWERS

_ONE = 6_144  # so far below the greatest logit, the weight is 1
_SPARE = 2**16 - 256


def _entries(weights: list[int]) -> list[int]:
    """The table of precision 16 of these weights, without the count that each byte has of its own."""
    total, before, found = sum(weights), 0, [0]
    for weight in weights:
        before += weight
        found.append(before * _SPARE // total)
    return found


def _weights(power: int, octaves: int, first: int) -> list[int]:
    """P[i], a weight that far below P[0], then ones and jumps that lead past several places where the table rises."""
    unit = [*[1] * ((power + POWERS[0]) // _SPARE - 128 - 64), 128, 64]
    return [power, 2 ** (23 - octaves), *(unit * 253)[first : first + 253], POWERS[0]]


def _tell(power: int, weights: list[int]) -> bool:
    """Whether the table changes if P[i] does."""
    table = _entries(weights)
    return all(_entries([power + off, *weights[1:]]) != table for off in (-1, 1))


def telling() -> Iterator[list[int]]:
    """For each i from 1 to 255, logits whose table changes if P[i] is one smaller or one larger."""
    below = {128: 16 * 256, 64: 17 * 256, 1: _ONE}
    for i, power in enumerate(POWERS[1:], 1):
        tries = ((octaves, _weights(power, octaves, first)) for octaves in range(8, 24) for first in range(0, 64, 7))
        octaves, weights = next((octaves, weights) for octaves, weights in tries if _tell(power, weights))
        yield [-i, -256 * octaves, *(-below[weight] for weight in weights[2:-1]), 0]


def rounded_quotients() -> list[int]:
    """Logits for which, with precision 11, `W[c] / W[256]` as a double times 2^11 - 256 is below the true share."""
    count, spare = 112, 2**11 - 256
    assert any(int(c / count * spare) != c * spare // count for c in range(count))
    return [0] * count + [-7_000] * (256 - count)
