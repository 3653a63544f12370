"""How much of a tokenisation changes when a text's first word does (arXiv 2404.03626, Fig. 8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Integer

from ecjax.tokenizers.protocol import Tokenizer


def edit_distance(a: Integer[np.ndarray, " n"], b: Integer[np.ndarray, " m"]) -> int:
    """The fewest insertions, deletions and substitutions that make `b` of `a` (Levenshtein)."""
    column = np.arange(len(b) + 1)
    row = column
    for number, symbol in enumerate(a, 1):
        kept = np.minimum(row[1:] + 1, row[:-1] + (b != symbol))
        # What insertions add grows by one for each place to the right: a running minimum finds them all at once.
        row = np.minimum.accumulate(np.concatenate([[number], kept]) - column) + column
    return int(row[-1])


def replace_first_word(text: bytes, word: bytes) -> bytes:
    """`text` with everything before its first space replaced by `word`; of a text without a space, all of it."""
    _, space, rest = text.partition(b" ")
    return word + space + rest


def prefix_distances(tokenizer: Tokenizer, texts: Sequence[bytes], words: Sequence[bytes]) -> Float64[np.ndarray, " n"]:
    """How far apart the ids of each text and of the same text with another first word are.

    Args:
      tokenizer: Any tokenizer.
      texts: Non-empty texts.
      words: A word for each text, to put in place of its first.

    Returns:
      For each text the edit distance between the two sequences of ids over the length of the longer: 0 if they are the
      same, 1 if they have nothing in common.
    """
    changed = [replace_first_word(text, word) for text, word in zip(texts, words, strict=True)]
    ids = tokenizer.encode_batch([*texts, *changed])
    pairs = zip(ids[: len(texts)], ids[len(texts) :], strict=True)
    return np.array([edit_distance(a, b) / max(len(a), len(b), 1) for a, b in pairs], np.float64)
