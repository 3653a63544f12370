"""Figures of a method's tokens that may tell why a language model learns them well or badly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from ecjax import analysis
from ecjax.codebook import lattice
from ecjax.codebook.tree import tree_of

RARE = 100  # an id that is seen less often is rare

_WORD = re.compile(rb"[A-Za-z]+")
_ONE_WORD = re.compile(rb"[^A-Za-z]*([A-Za-z]+)[^A-Za-z]*")
_BARE = re.compile(rb" ?[A-Za-z]+")


def of_rare_ids(
    training: Int64[np.ndarray, " n"], held_out: Int64[np.ndarray, " m"], vocab_size: int
) -> dict[str, float]:
    """How evenly ids are used, and how many are seen so seldom that little can be learnt of them.

    Args:
      training: What M2 sees.
      held_out: What it is measured on.
      vocab_size: Number of ids.
    """
    counts = np.bincount(training, minlength=vocab_size)
    share = counts[counts > 0] / len(training)
    return {
        "effective_ids": float(2 ** -(share * np.log2(share)).sum()),
        "rare_ids": float((counts < RARE).mean()),
        "rare_tokens": float((counts < RARE)[held_out].mean()),
    }


def of_strings(strings: Sequence[bytes], held_out: Int64[np.ndarray, " n"]) -> dict[str, float]:
    """What tokens are made of.

    Returns:
      `ids_per_word`: of the ids that hold one word or a part of one, how many hold the same one, whatever is around it.
      `joined_tokens`: share of tokens that hold letters and more than one space before them.
    """
    words = Counter(match[1] for string in strings if (match := _ONE_WORD.fullmatch(string)))
    joined = np.array([bool(_WORD.search(string)) and not _BARE.fullmatch(string) for string in strings])
    return {"ids_per_word": words.total() / max(1, len(words)), "joined_tokens": float(joined[held_out].mean())}


def of_words(text: bytes, strings: Sequence[bytes], held_out: Int64[np.ndarray, " n"]) -> dict[str, float]:
    """How tokens lie to words, which are runs of letters.

    Args:
      text: The held-out text.
      strings: Of each id.
      held_out: Ids of the text.

    Returns:
      `continuing_tokens`: share of tokens that begin inside a word.
      `usual_ids`: share of the words, of those that occur twice, that have the ids which that word has most often,
        with what those ids hold around it.

    Raises:
      ValueError: If the ids are not those of the text.
    """
    lengths = np.array(list(map(len, strings)), np.int64)[held_out]
    ends = np.cumsum(lengths)
    begins = ends - lengths
    if b"".join([strings[i] for i in held_out.tolist()]) != text:
        raise ValueError("the held-out ids are not those of the held-out text; remove OUT/tokens and OUT/strings")
    letters = _letters(text)
    inside = letters[begins[1:]] & letters[begins[1:] - 1]
    spans = np.array([match.span() for match in _WORD.finditer(text)], np.int64).reshape(-1, 2)
    first, last = np.searchsorted(ends, spans[:, 0], "right"), np.searchsorted(begins, spans[:, 1], "left")
    words = [text[begin:end] for begin, end in spans.tolist()]
    readings = [held_out[i:j].tobytes() for i, j in zip(first.tolist(), last.tolist(), strict=True)]
    return {
        "continuing_tokens": float(inside.sum() / len(held_out)),
        "usual_ids": analysis.stability(words, readings).share,
    }


def untold(
    strings: Sequence[bytes], training: Int64[np.ndarray, " n"], held_out: Int64[np.ndarray, " m"], text: bytes
) -> float:
    """The bits that tell the parse of a text when the text is known, under a unigram model of the training ids.

    They are what the ids cost less what the text costs over all of its parses: none, if the text has a single parse.
    """
    counts = np.bincount(training, minlength=len(strings)) + 0.5
    weight_of: dict[bytes, float] = {}
    for string, count in zip(strings, counts.tolist(), strict=True):
        weight_of[string] = weight_of.get(string, 0.0) + count  # one byte may have two ids
    weight_of.pop(b"", None)
    for byte in range(256):
        weight_of.setdefault(bytes([byte]), 0.5)
    total = sum(weight_of.values())
    order = sorted(weight_of)
    tree = tree_of([b"", *order])
    members = np.ones(len(tree.parents), bool) if tree.members is None else tree.members == 1
    members[0] = False
    weights = np.zeros(len(members))
    weights[members] = np.array([weight_of[string] for string in order]) / total
    trie = lattice.trie_of(tree.parents.astype(np.int32), tree.last_bytes)
    whole, ends = np.frombuffer(text, np.uint8), np.array([len(text)])
    over_all = lattice.expect(trie, members, weights, whole, ends, np.zeros(len(members)))
    cost: Float64[np.ndarray, " ids"] = np.array([-np.log2(weight_of.get(string, total) / total) for string in strings])
    return float(cost[held_out].sum() - over_all)


def _letters(text: bytes) -> Bool[np.ndarray, " n"]:
    small = np.frombuffer(text, np.uint8) | 0x20
    return (small >= ord("a")) & (small <= ord("z"))
