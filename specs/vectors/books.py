"""Codebooks that cases are made of: built from their strings, drawn at random, and large."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from ..oracle.codebook import Codebook
from ..oracle.protocol import runs

Strings = Iterable[bytes]
BYTES = tuple(bytes([byte]) for byte in range(256))


def written(book: Codebook) -> dict[str, Any]:
    """A codebook as requests have it."""
    return {name: runs(numbers) for name, numbers in book._asdict().items() if numbers is not None}


def filled(strings: Strings, bits: int = 9) -> list[bytes]:
    """So many strings that they make a codebook: these, the bytes, and strings of `ff` and one byte more; sorted."""
    wanted = {b"", *BYTES, *strings}
    fillers = (b"\xff" + more for size in range(1, 3) for more in map(bytes, product(range(256), repeat=size)))
    while len(wanted) < 2**bits:
        wanted.add(next(fillers))
    assert len(wanted) == 2**bits, "too many strings"
    return sorted(wanted)


def prefixes(strings: Strings) -> set[bytes]:
    """What these strings begin with, themselves included."""
    return {spelled[:size] for spelled in strings for size in range(1, len(spelled) + 1)}


def trie(strings: Sequence[bytes], costs: Sequence[int] | None = None) -> Codebook:
    """The codebook of sorted strings; it has members if it is not closed under prefixes."""
    nodes = sorted({b""} | prefixes(strings))
    numbers = {spelled: number for number, spelled in enumerate(nodes)}
    parents = [numbers[spelled[:-1]] for spelled in nodes]
    last_bytes = [spelled[-1] if spelled else 0 for spelled in nodes]
    chosen = set(strings)
    members = None if len(chosen) == len(nodes) else [int(spelled in chosen) for spelled in nodes]
    return Codebook(parents, last_bytes, members, costs)


def priced(costs: Mapping[bytes, int], rest: int = 2_000, bits: int = 9) -> Codebook:
    """The codebook of strings with these costs; all others, the bytes among them, have the same cost."""
    strings = filled(costs, bits)
    return trie(strings, [costs.get(spelled, rest) if spelled else 0 for spelled in strings])


def drawn_costs(size: int, low: int, high: int, seed: int) -> list[int]:
    """Random costs, the first of which is 0 as it must be."""
    draw = random.Random(seed)
    return [0, *(draw.randint(low, high) for _ in range(size - 1))]


def drawn(draw: random.Random) -> Codebook:
    """A random codebook of few letters, with or without costs, closed under prefixes or not."""
    letters, longest = draw.randint(1, 3), draw.choice((3, 9, 30))
    strings = {bytes(draw.choices(b"abc"[:letters], k=draw.randint(1, longest))) for _ in range(draw.randint(1, 40))}
    closed = prefixes(strings)
    wanted = filled(closed if draw.random() < 0.3 and len(closed) < 250 else strings)
    high = draw.choice((None, 0, 1, 3, 65_535))
    return trie(wanted, None if high is None else drawn_costs(512, 0, high, draw.randrange(2**32)))


def de_bruijn(letters: bytes, order: int) -> bytes:
    """A text that has each string of so many of these letters once: the shortest there is, first letters at its end."""
    seen, text = {letters[:1] * order}, letters[:1] * order
    while len(seen) < len(letters) ** order:
        for letter in reversed(letters):
            following = (text + bytes([letter]))[-order:]
            if following not in seen:
                seen.add(following)
                text += bytes([letter])
                break
    return text


def large(nodes: int) -> Codebook:
    """A codebook of 16 bits whose trie has so many nodes, 65,537 to 65,790.

    Its strings have up to three bytes. Those of three bytes begin with `00 c`, for the first few bytes c; these pairs
    themselves are not in the codebook.
    """
    inner = nodes - 2**16
    left = 2**16 - 257 - 255 * inner
    pairs = [bytes(pair) for pair in product(range(1, 256), range(256))][:left]
    triples = [bytes([0, second, third]) for second in range(inner) for third in range(255)]
    return trie(sorted([b"", *BYTES, *triples, *pairs]))
