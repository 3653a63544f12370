"""Joining: what comes out is one walk from end to end, wherever a text is cut and however far its parts were walked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding.joining import Walk, extend, join

SIZE = 60


def walk(jumps: list[int], begin: int, end: int) -> Walk:
    """A text in which a window that begins with byte i has `jumps[i]` bytes; its code tells where it is."""
    begins, codes = np.zeros(end - begin, bool), []
    at = begin
    while at < end:
        begins[at - begin] = True
        size = min(jumps[at], end - at)
        codes.append([at, size])
        at += size
    return Walk(begins, np.array(codes, np.uint32).reshape(-1, 2))


longest = st.sampled_from([1, 2, 4, SIZE])
jumps = longest.flatmap(lambda most: st.lists(st.integers(1, most), min_size=SIZE, max_size=SIZE)) | st.sampled_from(
    [[2] * SIZE, [7] * SIZE]  # walks that begin apart never fall into step, or seldom
)


@given(jumps, st.integers(0, SIZE), st.sets(st.integers(1, SIZE - 1)), st.data())
def test_a_joined_text_is_one_walk(jumps, size, cuts, data):
    origins = [0, *sorted(cut for cut in cuts if cut < size)]
    ends = [*origins[1:], size]
    walks = [
        walk(jumps, origin, size if k == len(ends) - 1 else data.draw(st.integers(end, size)))
        for k, (origin, end) in enumerate(zip(origins, ends, strict=True))
    ]

    def again(begin: int, k: int) -> Walk:
        whole = walk(jumps, begin, size)
        others = [(o, w) for o, w in zip(origins[k + 1 :], walks[k + 1 :], strict=True)]
        meetings = [
            i
            for i in range(begin + 1, size)
            if whole.begins[i - begin] and any(o <= i < o + len(w.begins) and w.begins[i - o] for o, w in others)
        ]
        goal = origins[k + 2] + 1 if k + 2 < len(origins) else size
        least = min(meetings[0] + 1 if meetings else size, goal)
        return walk(jumps, begin, data.draw(st.integers(min(max(least, begin + 1), size), size)))

    expected = walk(jumps, 0, size)
    np.testing.assert_array_equal(join(size, origins, walks, again).codes, expected.codes)


@given(jumps, st.integers(1, SIZE), st.data())
def test_an_extended_walk_is_one_walk(jumps, size, data):
    first = walk(jumps, 0, data.draw(st.integers(1, size)))
    last = int(np.flatnonzero(first.begins)[-1])
    found, expected = extend(first, last, walk(jumps, last, size)), walk(jumps, 0, size)
    np.testing.assert_array_equal(found.begins, expected.begins)
    np.testing.assert_array_equal(found.codes, expected.codes)
