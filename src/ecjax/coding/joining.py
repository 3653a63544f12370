"""One walk through a text from walks that began at several places.

Greedy windows depend on nothing but where a window begins and the bytes from there on. So a long text is cut into
segments that are walked side by side, each as if a window began at its first byte, and on over the beginning of the
next. Where both walks begin a window at the same byte they agree from there on: ordinary text falls into step after a
while. A walk that does not is walked again from where a window surely begins. What comes out are the windows of one
walk from end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt


class Walk(NamedTuple):
    """The windows of a stretch of text.

    Attributes:
      begins: Whether a window begins with each byte; with the first, one does.
      codes: The code of each window, the last of which ends with the stretch, wherever that may be.
    """

    begins: Bool[np.ndarray, " n"]
    codes: UInt[np.ndarray, "k *limbs"]


def extend(walk: Walk, last: int, further: Walk) -> Walk:
    """A walk whose last window, which begins at `last`, was walked again and further."""
    return Walk(np.concatenate([walk.begins[:last], further.begins]), np.concatenate([walk.codes[:-1], further.codes]))


def join(size: int, origins: Sequence[int], walks: Sequence[Walk], again: Callable[[int, int], Walk]) -> Walk:
    """The walk of a text from end to end.

    Args:
      size: Bytes of the text.
      origins: Where each segment begins, from 0 up.
      walks: The walk of each segment, from its beginning to its end or further; the last one to the end of the text.
      again: `again(begin, k)` walks the text from `begin` on, to the end or until it agrees with the walk of a segment
        after the k-th (then up to and with that byte at least), or at least beyond the beginning of the segment that
        follows the (k + 1)-th.
    """
    kept = []
    walk, begin, right = walks[0], 0, 0  # a walk, where it began, and from where on it is right
    for k, following in enumerate(walks[1:]):
        origin = origins[k + 1]
        goal = origins[k + 2] + 1 if k + 2 < len(walks) else size
        while True:
            both = max(origin, right)
            end = max(both, min(begin + len(walk.begins), origin + len(following.begins)))
            agree = walk.begins[both - begin : end - begin] & following.begins[both - origin : end - origin]
            if agree.any():
                meet = both + int(np.argmax(agree))
                kept.append(_between(walk, right - begin, meet - begin))
                walk, begin, right = following, origin, meet
                break
            if begin + len(walk.begins) >= goal:
                break
            last = begin + int(np.flatnonzero(walk.begins)[-1])
            kept.append(_between(walk, right - begin, last - begin))
            walk, begin, right = again(last, k), last, last
    kept.append(_between(walk, right - begin, len(walk.begins)))
    return Walk(np.concatenate([part.begins for part in kept]), np.concatenate([part.codes for part in kept]))


def _between(walk: Walk, first: int, last: int) -> Walk:
    """The windows that begin with bytes `first .. last - 1`."""
    before, begins = np.count_nonzero(walk.begins[:first]), walk.begins[first:last]
    return Walk(begins, walk.codes[before : before + np.count_nonzero(begins)])
