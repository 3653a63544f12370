"""Which strings one vocabulary has and another lacks, and how often they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

_EXAMPLES = 40


class Use(NamedTuple):
    """A vocabulary and how often it is used.

    Attributes:
      strings: Of each id.
      training: How often each id occurs in what M2 sees.
      held_out: In what it is measured on.
    """

    strings: Sequence[bytes]
    training: Int64[np.ndarray, " ids"]
    held_out: Int64[np.ndarray, " ids"]


def use_of(strings: Sequence[bytes], training: Int64[np.ndarray, " n"], held_out: Int64[np.ndarray, " m"]) -> Use:
    """How often each id occurs."""
    size = len(strings)
    return Use(strings, np.bincount(training, minlength=size), np.bincount(held_out, minlength=size))


def lacking(own: Use, other: Use) -> dict[str, Any]:
    """The ids of one vocabulary whose strings another lacks.

    Returns:
      How many, their share of training and held-out tokens, and the most frequent and some in the middle with their
      counts in training and held-out text.
    """
    others = set(other.strings)
    ids = np.array([i for i, string in enumerate(own.strings) if string not in others], np.int64)
    ids = ids[np.argsort(-own.training[ids], kind="stable")]
    middle = max(0, (len(ids) - _EXAMPLES) // 2)
    return {
        "ids": len(ids),
        "training_share": float(own.training[ids].sum() / own.training.sum()),
        "held_out_share": float(own.held_out[ids].sum() / own.held_out.sum()),
        "median_in_training": float(np.median(own.training[ids])) if len(ids) else None,
        "most_frequent": _listed(own, ids[:_EXAMPLES]),
        "in_the_middle": _listed(own, ids[middle : middle + _EXAMPLES]),
    }


def _listed(own: Use, ids: Int64[np.ndarray, " k"]) -> list[list[Any]]:
    return [
        [own.strings[i].decode("utf-8", "backslashreplace"), int(own.training[i]), int(own.held_out[i])]
        for i in ids.tolist()
    ]
