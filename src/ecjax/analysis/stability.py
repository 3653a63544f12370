"""Whether the same token stands for the same text (arXiv 2404.03626, Tables 7, 8 and 14)."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Integer


@dataclasses.dataclass(frozen=True)
class Stability:
    """How often symbols that occur at least twice stand for what they stand for most often.

    Attributes:
      share: Of their occurrences, 0 to 1; not a number if there are none.
      symbols: How many such symbols there are.
      occurrences: How often they occur together.
    """

    share: float
    symbols: int
    occurrences: int


def readings(symbols: Iterable[Hashable], texts: Iterable[bytes]) -> dict[Hashable, Counter[bytes]]:
    """The texts that each symbol stands for, with how often it does (Table 8 shows some).

    Args:
      symbols: Ids, or whole windows as tuples of ids, as they occur.
      texts: What each occurrence stands for.
    """
    found: defaultdict[Hashable, Counter[bytes]] = defaultdict(Counter)
    for symbol, text in zip(symbols, texts, strict=True):
        found[symbol][text] += 1
    return dict(found)


def stability(symbols: Sequence[Hashable], texts: Sequence[bytes]) -> Stability:
    """Whether symbols always stand for the same text; see `readings` for the arguments."""
    repeated = [texts for texts in readings(symbols, texts).values() if texts.total() > 1]
    occurrences = sum(texts.total() for texts in repeated)
    usual = sum(max(texts.values()) for texts in repeated)
    return Stability(usual / occurrences if occurrences else float("nan"), len(repeated), occurrences)


def stability_by_position(windows: Integer[np.ndarray, "n k"], texts: Sequence[Sequence[bytes]]) -> list[Stability]:
    """Whether an id at one position of its window always adds the same text, for each position (Tables 8 and 14).

    Args:
      windows: The ids of each window, `ecjax.analysis.windows_of`.
      texts: What they add, `ecjax.analysis.token_texts`.
    """
    columns = zip(windows.T.tolist(), zip(*texts, strict=True), strict=True)
    return [stability(ids, added) for ids, added in columns]


def window_stability(windows: Integer[np.ndarray, "n k"], texts: Sequence[bytes]) -> Stability:
    """Whether the same window is always made of the same text (Table 7).

    Args:
      windows: The ids of each window.
      texts: What each was made of, in the text that was encoded.
    """
    return stability(list(map(tuple, windows.tolist())), texts)
