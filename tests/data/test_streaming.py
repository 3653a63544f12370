"""Batches of a corpus: every id of every document once a pass, resumed exactly, in memory that does not grow."""

import collections
import gc
import itertools
import json
import re
import subprocess
import sys
import weakref
from typing import Any, cast

import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.data import corpus_batches
from ecjax.training import Masked
from tests.strategies import seeds

END = 0  # no document has this id


def draw_documents(seed: int, count: int, longest: int) -> list[np.ndarray]:
    """Documents no two of which share an id, so that each is known by any part; one is many rows long."""
    lengths = np.random.default_rng(seed).integers(0, longest, size=count)
    lengths[0] = 9 * longest
    ends = np.cumsum(lengths)
    return [np.arange(end - n, end, dtype=np.uint16) + 1 for n, end in zip(lengths, ends, strict=True)]


def segments_of(batch: Masked) -> list[np.ndarray]:
    """The segments of a batch, row by row."""
    found = []
    assert batch.segments is not None and np.asarray(batch.counted).all()
    for ids, numbers in zip(np.asarray(batch.ids), np.asarray(batch.segments), strict=True):
        assert np.array_equal(np.unique(numbers), 1 + np.arange(numbers[-1])) and (np.diff(numbers) >= 0).all()
        found += [ids[numbers == i] for i in range(1, numbers[-1] + 1)]
    return found


@given(seeds, st.integers(1, 30), st.sampled_from([1, 3, 16]), st.sampled_from([1, 4, 40]))
def test_each_id_comes_once_a_pass(seed, count, length, slots):
    documents = draw_documents(seed, count, 12)
    whole = [np.append(ids, END) for ids in documents]
    owner = {int(i): number for number, ids in enumerate(documents) for i in ids}
    batches = corpus_batches(documents, length, 4, seed, end_id=END, open_at_once=slots)
    wanted = 3 * sum(map(len, whole)) // (4 * length) + 1
    taken = list(itertools.islice(batches, wanted))
    seen, ends = collections.Counter[int](), 0
    for piece in itertools.chain.from_iterable(map(segments_of, taken)):
        if len(text := piece[piece != END]):  # a part of one document, in its order
            number = owner[int(text[0])]
            begin = int(text[0]) - int(documents[number][0])
            assert np.array_equal(piece, whole[number][begin : begin + len(piece)])
        seen.update(text.tolist())
        ends += len(piece) - len(text)
    # By the first id, which comes when a document is opened: each is opened as often as any other.
    opened = [seen[int(ids[0])] for ids in documents if len(ids)]
    assert max(opened) - min(opened) <= 1
    # What of an opened document has not come yet is of one that is open.
    held = collections.Counter[int]()
    for ids, times in zip([ids for ids in documents if len(ids)], opened, strict=True):
        counts = np.array([seen[int(i)] for i in ids])
        assert counts.max() == times
        held[int(ids[0])] = times - int(counts.min())
    assert sum(held.values()) <= min(slots, count)
    assert sum(seen.values()) + ends == len(taken) * 4 * length  # nothing is filled up
    place = batches.get_state()
    still_open = sum(x is not None for x in place["open"])
    assert place["next_document"] - still_open <= ends <= place["next_document"]


def test_a_long_document_is_shuffled():
    rows = np.concatenate([next(corpus_batches([np.arange(800)], 8, 100, seed)).ids for seed in (0, 0, 1)])
    first, again, other = rows.reshape(3, 100, 8)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    order = first[:, 0] // 8
    assert sorted(order) == list(range(100)) and np.abs(np.diff(order)).mean() > 20


def test_documents_come_in_an_order_of_their_own_in_each_pass():
    documents = [np.full(5, i) for i in range(50)]

    def passes(seed: int) -> list[list[int]]:
        return [next(batches).ids[:, 0].tolist() for batches in [corpus_batches(documents, 5, 50, seed)] for _ in "ab"]

    (first, second), (other, _) = passes(0), passes(1)
    assert sorted(first) == sorted(second) == sorted(other) == list(range(50))
    assert len({tuple(order) for order in (first, second, other, range(50))}) == 4
    assert passes(0) == [first, second]


def test_rows_come_from_many_documents():
    documents = [np.full(1000, i, np.uint16) for i in range(20)]
    batch = next(corpus_batches(documents, 10, 8, 0))
    assert len(np.unique(batch.ids)) == 8
    assert len(np.unique(next(corpus_batches(documents, 10, 8, 0, open_at_once=2)).ids)) == 2


@given(seeds, st.integers(1, 20), st.integers(0, 40))
def test_batches_are_resumed_exactly(seed, count, steps):
    documents = draw_documents(seed, count, 20)
    batches = corpus_batches(documents, 7, 3, seed, end_id=END, open_at_once=4)
    for _ in range(steps):
        next(batches)
    state = json.loads(json.dumps(batches.get_state()))  # as a checkpoint keeps it
    expected = [next(batches) for _ in range(20)]
    again = corpus_batches(documents, 7, 3, seed, end_id=END, open_at_once=4)
    next(again)
    again.set_state(state)
    assert again.get_state() == state
    for batch in expected:
        found = next(again)
        np.testing.assert_array_equal(found.ids, batch.ids)
        np.testing.assert_array_equal(found.segments, batch.segments)
    assert again.get_state() == batches.get_state()


def test_a_place_among_other_documents_is_refused():
    batches = corpus_batches([np.arange(9)] * 3, 4, 2, 0)
    with pytest.raises(ValueError, match="3 documents are open; here 2 are"):
        corpus_batches([np.arange(9)] * 2, 4, 2, 0).set_state(batches.get_state())


class Counting:
    """Documents that are made when they are read, and how many of them are there at once."""

    def __init__(self, count: int) -> None:
        self._count, self.alive, self.most, self.read = count, 0, 0, 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> np.ndarray:
        ids = np.full(40, index, np.int64).view(_Counted)
        self.read, self.alive = self.read + 1, self.alive + 1
        self.most = max(self.most, self.alive)
        weakref.finalize(ids, self._gone)
        return ids

    def _gone(self) -> None:
        self.alive -= 1


class _Counted(np.ndarray):
    """An array that can be watched."""


@pytest.mark.parametrize("count", [100, 1_000_000])
def test_memory_does_not_grow_with_the_corpus(count: int) -> None:
    documents = Counting(count)
    batches = corpus_batches(documents, 16, 8, 0, open_at_once=5)
    for _ in range(200):
        next(batches)
    batches.close()
    gc.collect()
    assert documents.read > 600 and documents.most <= 5 + 1 and documents.alive <= 5


def test_a_program_ends_while_batches_are_made():
    program = (
        "import numpy as np; from ecjax.data import corpus_batches\n"
        "kept = [corpus_batches([np.arange(10**6)], 64, 2000, seed) for seed in range(3)]\n"
        "for batches in kept: next(batches)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    "documents, numbers, told",
    [
        ([], {}, "the corpus has no documents; give one that has at least one"),
        ([np.ones(2, int)], {"length": 0}, "length must be at least 1, got 0"),
        ([np.ones(2, int)], {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ([np.ones(2, int)], {"open_at_once": 0}, "open_at_once must be at least 1, got 0"),
        ([np.ones(2, int)], {"seed": -1}, "seed must be"),
        ([np.ones(2, int)], {"end_id": -1}, "end_id must be"),
    ],
)
def test_what_cannot_be_packed_is_refused(documents: Any, numbers: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        corpus_batches(documents, **{"length": 4, "batch_size": 2, "seed": 0, **numbers})


def test_documents_without_ids_are_left_out_or_refused():
    empty = np.zeros(0, np.int32)
    assert (next(corpus_batches([empty, np.full(3, 5), empty], 4, 2, 0)).ids == 5).all()
    with pytest.raises(ValueError, match="the documents have no ids; give at least one that is not empty"):
        next(corpus_batches([empty, empty], 4, 2, 0))


@pytest.mark.parametrize("document", [np.zeros((1, 2), np.int32), np.zeros(2)], ids=["matrix", "floats"])
def test_a_document_of_another_kind_is_refused(document: Any) -> None:
    with pytest.raises((TypeError, jaxtyping.TypeCheckError), match=re.escape("one dimension, got")):
        next(cast(Any, corpus_batches)([document], 4, 2, 0))
