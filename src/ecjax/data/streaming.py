"""Documents of any number, read one by one as they are needed and packed into rows without padding."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grain
import numpy as np
from jaxtyping import Int32, Int64, Integer

from ecjax.checks import check_integer
from ecjax.training import Masked

_SEEDS = 1 << 32
_AHEAD = 2  # batches


def corpus_batches(
    documents: Sequence[Any] | grain.sources.RandomAccessDataSource[Any],
    length: int,
    batch_size: int,
    seed: int,
    *,
    end_id: int | None = None,
    open_at_once: int = 32,
) -> grain.DatasetIterator[Masked]:
    """Endless shuffled batches of the documents of a corpus, which is never in memory as a whole.

    Documents are opened in an order that is another in each pass. A few are open at once, and rows come from them in
    turn. A row is filled with whole short documents, and with parts of long ones, as segments that do not see each
    other. What of an open document fills whole rows comes in an order of its own, so that one long document is shuffled
    too. There is no padding: each pass opens each document once, and each id of an open document comes once.

    The iterator's `get_state` and `set_state` make it resumable. The state is a few numbers for each open document.
    What comes depends on the documents and the arguments alone. Rows are made in a thread, two batches ahead.

    Args:
      documents: A `Corpus`, or anything with a length that gives the ids of document i as `documents[i]`, integers in
        one dimension. Empty documents are left out.
      length: Ids in a row.
      batch_size: Rows in a batch.
      seed: Of the order, 0 to 2**32 - 1.
      end_id: What follows each document, such as the tokenizer's `padding_id`, at which generation ends; None is
        nothing.
      open_at_once: Documents that are open at once, or all if there are fewer. More of them mix long documents better,
        and take more memory.

    Returns:
      Batches of `Masked` of shape `[batch_size, length]`: ids int32, all of which are `counted`, and `segments` int32,
      which number the documents of a row from 1.

    Raises:
      TypeError: If a document is not integers in one dimension (when it is read).
      ValueError: If there is no document, or a number is out of its range; if all documents are empty (when they are
        read).
    """
    for name, value in (("length", length), ("batch_size", batch_size), ("open_at_once", open_at_once)):
        check_integer(name, value, 1)
    check_integer("seed", seed, 0, _SEEDS - 1)
    if end_id is not None:
        check_integer("end_id", end_id, 0)
    if not len(documents):
        raise ValueError("the corpus has no documents; give one that has at least one")
    return _Ahead(_Rows(documents, length, batch_size, seed, end_id, min(open_at_once, len(documents))))


class _Ahead(grain.DatasetIterator[Masked]):
    """Batches that a thread makes ahead; the state is that after the last one that was given.

    grain's own prefetching thread may still run when Python ends, which aborts the process. The executor's is joined.
    """

    def __init__(self, rows: _Rows) -> None:
        super().__init__()
        self._rows = rows
        self._state = rows.state()
        self._executor = ThreadPoolExecutor(1, "ecjax-rows")
        self._made: deque[Future[tuple[Masked, dict[str, Any]]]] = deque()

    def get_state(self) -> dict[str, Any]:
        return self._state

    def set_state(self, state: dict[str, Any]) -> None:
        self._drop()
        self._rows.go_to(state)
        self._state = self._rows.state()

    def __next__(self) -> Masked:
        while len(self._made) <= _AHEAD:
            self._made.append(self._executor.submit(self._rows.make))
        batch, self._state = self._made.popleft().result()
        return batch

    def close(self) -> None:
        """Ends the thread."""
        self._drop()
        self._executor.shutdown()

    def _drop(self) -> None:
        """Forgets what was made ahead, once none of it is being made."""
        for made in self._made:
            if not made.cancel():
                made.exception()  # waits for it
        self._made.clear()


@dataclasses.dataclass
class _Open:
    """A document of which a part is to come: some whole rows in an order of their own, and then the rest.

    Attributes:
      number: In the endless sequence.
      head: How many of its ids have filled up the row in which it was opened.
      given: How many whole rows of it have come since.
      ids: All its ids.
      order: Of the whole rows behind the head.
    """

    number: int
    head: int
    given: int
    ids: Integer[np.ndarray, " _"]
    order: Int64[np.ndarray, " _"]


class _Rows:
    """What `corpus_batches` gives, made when it is asked for, and the place in it."""

    def __init__(
        self,
        documents: Sequence[Any] | grain.sources.RandomAccessDataSource[Any],
        length: int,
        batch_size: int,
        seed: int,
        end_id: int | None,
        slots: int,
    ) -> None:
        self._sequence = grain.MapDataset.source(documents).seed(seed).shuffle().repeat()
        self._documents = len(documents)
        self._shape = (batch_size, length)
        self._seed = seed
        self._end_id = end_id
        self._next_document = 0
        self._next_slot = 0
        self._slots: list[_Open | None] = [None] * slots

    def state(self) -> dict[str, Any]:
        """The place after the last batch, as JSON holds it."""
        return {
            "next_document": self._next_document,
            "next_slot": self._next_slot,
            "open": [None if x is None else [x.number, x.head, x.given] for x in self._slots],
        }

    def go_to(self, state: dict[str, Any]) -> None:
        """Goes to a place. Raises ValueError if it is one of other batches."""
        if len(state["open"]) != len(self._slots):
            raise ValueError(f"at that place {len(state['open'])} documents are open; here {len(self._slots)} are")
        self._next_document, self._next_slot = state["next_document"], state["next_slot"]
        self._slots = [None if place is None else self._held(*place) for place in state["open"]]

    def make(self) -> tuple[Masked, dict[str, Any]]:
        """The next batch, and the place after it."""
        ids, segments = np.empty(self._shape, np.int32), np.empty(self._shape, np.int32)
        for row, numbers in zip(ids, segments, strict=True):
            self._fill(row, numbers)
            self._next_slot = (self._next_slot + 1) % len(self._slots)
        return Masked(ids, np.ones(self._shape, bool), segments), self.state()

    def _document(self, number: int) -> Integer[np.ndarray, " _"]:
        """The ids of a document, with its end, by its number in the endless sequence of all passes."""
        ids = np.asarray(self._sequence[number])
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise TypeError(f"a document is integers in one dimension, got {ids.dtype} of shape {ids.shape}")
        # Ids stay of their type, which is small, until they are in a row: an open document may have millions.
        return ids if self._end_id is None else np.append(ids, np.min_scalar_type(self._end_id).type(self._end_id))

    def _fill(self, row: Int32[np.ndarray, " n"], numbers: Int32[np.ndarray, " n"]) -> None:
        """Fills a row and the numbers of its segments from the slot whose turn it is."""
        at = segment = 0
        while at < len(row):
            piece = self._piece(len(row) - at)
            segment += 1
            row[at : at + len(piece)], numbers[at : at + len(piece)] = piece, segment
            at += len(piece)

    def _piece(self, room: int) -> Integer[np.ndarray, " _"]:
        """What comes next of the slot's document, or of one that is opened; not empty, and at most `room` ids."""
        held = self._slots[self._next_slot]
        if held is None:
            number, ids = self._opened()
            self._slots[self._next_slot] = self._held(number, room, 0, ids) if len(ids) > room else None
            return ids[:room]
        # A document is held from one row to the next, so there is room for a whole row.
        rows = len(held.order)
        begin = held.head + room * (int(held.order[held.given]) if held.given < rows else rows)
        held.given += 1
        if held.head + held.given * room >= len(held.ids):
            self._slots[self._next_slot] = None
        return held.ids[begin : begin + room]

    def _held(self, number: int, head: int, given: int, ids: Integer[np.ndarray, " _"] | None = None) -> _Open:
        """An open document, which is read if its ids are not given."""
        ids = self._document(number) if ids is None else ids
        rows = (len(ids) - head) // self._shape[1]
        return _Open(number, head, given, ids, np.random.default_rng([self._seed, number]).permutation(rows))

    def _opened(self) -> tuple[int, Integer[np.ndarray, " _"]]:
        """The next document that is not empty, and its number."""
        for _ in range(2 * self._documents):  # so many come before one that is not empty, if there is one
            number = self._next_document
            self._next_document += 1
            ids = self._document(number)
            if len(ids):
                return number, ids
        raise ValueError("the documents have no ids; give at least one that is not empty")
