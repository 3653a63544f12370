"""What `cheapest` and `greedy` do, in plain Python, where numba is missing: the same, some twenty times slower.

It is the algorithm without pieces, so it is what the fast forms are tested against, too. Arrays are read through
memoryviews, which give Python's own integers.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ecjax.codebook.slots import LABEL_BITS

_LABEL = (1 << LABEL_BITS) - 1


@runtime_checkable
class Tree(Protocol):
    """The tree of a codebook, as `ecjax.codebook.slots` has it, and the words of its slots."""

    links: Any
    words: Any


def greedy(book: Tree, text: bytes) -> list[int]:
    """The ids of a text: the longest string, again and again."""
    links, words = _views(book)
    ids, begin, n = [], 0, len(text)
    while begin < n:
        base, place, token, end = 0, begin, 0, begin
        while place < n:
            byte = text[place]
            link = links[base + byte]
            if link & _LABEL != byte:
                break
            place += 1
            if word := words[base + byte]:
                token, end = word & 0xFFFF, place
            base = link >> LABEL_BITS
        ids.append(token)
        begin = end
    return ids


def cheapest(book: Tree, text: bytes) -> list[int]:
    """The ids of a text: those of the strings that together cost the least."""
    links, words = _views(book)
    n = len(text)
    costs, chosen, sizes = [0] * (n + 1), [0] * n, [0] * n
    for begin in range(n - 1, -1, -1):
        base, place, least = 0, begin, -1
        while place < n:
            byte = text[place]
            link = links[base + byte]
            if link & _LABEL != byte:
                break
            place += 1
            if word := words[base + byte]:
                cost = (word >> 16) + costs[place]
                if least < 0 or cost <= least:  # of equal ones the longest, which comes last
                    least, chosen[begin], sizes[begin] = cost, word & 0xFFFF, place - begin
            base = link >> LABEL_BITS
        costs[begin] = least
    ids, place = [], 0
    while place < n:
        ids.append(chosen[place])
        place += sizes[place]
    return ids


def _views(book: Tree) -> tuple[memoryview, memoryview]:
    return np.asarray(book.links).data, np.asarray(book.words).data
