"""Data: documents as they are on disk, slices that fit, and batches whose order the seed decides."""

import itertools

import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import data
from tests.strategies import make_table

SEQUENCE = np.arange(1000, dtype=np.uint16)


def take(iterator, count: int) -> np.ndarray:
    return np.stack(list(itertools.islice(iterator, count)))


# Documents.


def test_documents_come_in_sorted_order_and_empty_ones_are_left_out(tmp_path):
    for name, text in [("b", b"two"), ("a/z", b"one\xff\0"), ("c", b""), ("a/é", b"three")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    assert data.read_documents([tmp_path]) == [b"one\xff\0", b"three", b"two"]
    assert data.read_documents([tmp_path / "b", tmp_path / "a", tmp_path / "b"]) == [
        b"two",
        b"one\xff\0",
        b"three",
        b"two",
    ]


def test_documents_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist; give a text file or a folder"):
        data.read_documents([tmp_path / "nowhere"])
    (tmp_path / "empty").touch()
    for paths in ([tmp_path], [tmp_path / "empty"], []):
        with pytest.raises(ValueError, match=r"there is no text in .*; give at least one non-empty file"):
            data.read_documents(paths)


def test_concatenate():
    assert data.concatenate([b"ab", b"\xff", b"c"]).tolist() == [97, 98, 255, 99]
    assert data.concatenate([b"ab"]).dtype == np.uint8


def test_token_stream_marks_the_end_of_each_document():
    assert data.token_stream(ecjax.Bytes(), [b"ab", b"c"]).tolist() == [98, 99, 0, 100, 0]


def test_window_starts():
    codebook = ecjax.compile_codebook(ecjax.Unigram(make_table("random", 16, np.random.default_rng(0))), 9)
    documents = [b"some text of no importance", b"x", b"another one"]
    expected, origin = [], 0
    for document in documents:
        for code in codebook.encode(document):
            expected.append(origin)
            origin += len(codebook.decode([int(code)]))
    assert origin == sum(map(len, documents))
    assert data.window_starts(codebook, documents).tolist() == expected


def test_documents_may_be_empty_but_there_must_be_one():
    codebook = ecjax.load_codebook("books-12")
    assert data.token_stream(ecjax.Bytes(), [b"", b"a", b""]).tolist() == [0, 98, 0, 0]
    assert data.window_starts(codebook, [b"", b"a", b""]).tolist() == [0]
    for make_stream in (lambda: data.token_stream(ecjax.Bytes(), []), lambda: data.window_starts(codebook, [])):
        with pytest.raises(ValueError, match="there is no document; give at least one"):
            make_stream()


@pytest.mark.parametrize("wrong", [257, -1])
def test_ids_beyond_the_vocabulary_are_refused(wrong):
    class Wrong(ecjax.Bytes):
        def encode_batch(self, texts):
            return [np.array([5, wrong], np.int32) for _ in texts]

    with pytest.raises(ValueError, match=f"ids lie in 0 .. 256, got {wrong} at position 1"):
        data.token_stream(Wrong(), [b"ab"])


# Slices.


@given(st.integers(1, 60), st.lists(st.integers(0, 60), min_size=1), st.integers(1, 60))
def test_slices_that_fit(size, starts, length):
    sequence = np.arange(size)
    fitting = [s for s in starts if s + length <= size]
    if not fitting:
        with pytest.raises(ValueError, match=f"a sequence of {size} items holds no example of {length}"):
            data.Slices(sequence, np.array(starts), length)
        return
    source = data.Slices(sequence, np.array(starts), length)
    assert len(source) == len(fitting)
    assert [source[i].tolist() for i in range(len(source))] == [list(range(s, s + length)) for s in fitting]


@given(st.integers(0, 60), st.integers(0, 20), st.integers(0, 80), st.integers(1, 9), st.integers(1, 60))
def test_slices_of_a_range_are_those_of_its_numbers(size, start, stop, step, length):
    sequence, starts = np.arange(size), range(start, stop, step)
    fitting = [s for s in starts if s + length <= size]
    if not fitting:
        with pytest.raises(ValueError, match="holds no example"):
            data.Slices(sequence, starts, length)
        return
    source = data.Slices(sequence, starts, length)
    assert [source[i][0] for i in range(len(source))] == fitting


@pytest.mark.parametrize("length", [0, -1, True, 2.0])
def test_slices_have_a_length(length):
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="length"):
        data.Slices(SEQUENCE, range(10), length)


@pytest.mark.parametrize(
    "starts",
    [range(-1, 5), range(9, 0, -1), np.array([3, -1]), np.array([0.5]), np.array([True]), np.zeros((1, 1), int)],
)
def test_slices_start_at_numbers_from_0(starts):
    with pytest.raises((ValueError, TypeError), match="starts"):  # a TypeError, or that of checked annotations
        data.Slices(SEQUENCE, starts, 2)


# Batches.


def make(seed: int = 0, batch_size: int = 3):
    return data.batches(data.Slices(SEQUENCE, range(0, 1000, 8), 10), batch_size, seed)  # 124 slices


def test_batches_depend_on_the_seed_alone():
    first = take(make(1), 50)
    assert first.shape == (50, 3, 10) and first.dtype == np.uint16
    np.testing.assert_array_equal(first, take(make(1), 50))
    assert (first != take(make(2), 50)).any()
    np.testing.assert_array_equal(first, SEQUENCE[first[:, :, :1].astype(int) + np.arange(10)])


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_every_slice_comes_once_in_each_pass(batch_size):
    passes = 3
    starts = take(make(0, batch_size), -(-passes * 124 // batch_size))[:, :, 0].reshape(-1)[: passes * 124]
    orders = starts.reshape(passes, 124)
    for order in orders:
        assert sorted(order) == list(range(0, 992, 8))
    assert len({tuple(order) for order in orders}) == passes
    assert sorted(orders[0]) != orders[0].tolist()


@pytest.mark.parametrize("taken", [0, 1, 40, 45])
def test_an_iterator_goes_on_from_its_state(taken):
    iterator = make()
    for _ in range(taken):
        next(iterator)
    state = iterator.get_state()
    rest = take(iterator, 50)
    again = make()
    next(again)
    again.set_state(state)
    np.testing.assert_array_equal(take(again, 50), rest)
    iterator.set_state(state)
    np.testing.assert_array_equal(take(iterator, 50), rest)


@pytest.mark.parametrize(
    ("batch_size", "seed"), [(0, 0), (-1, 0), (True, 0), (2.0, 0), (2, -1), (2, 1 << 32), (2, 0.5), (2, False)]
)
def test_numbers_out_of_range_are_refused(batch_size, seed):
    for sources in (data.Slices(SEQUENCE, range(10), 2), [data.Slices(SEQUENCE, range(10), 2)]):
        with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=r"batch_size|seed"):
            data.batches(sources, batch_size, seed)


def test_there_is_a_source_and_it_has_examples():
    class Empty(data.Slices):
        def __len__(self):
            return 0

    with pytest.raises(ValueError, match="there is no source"):
        data.batches([], 1, 0)
    with pytest.raises(ValueError, match="a source has no examples"):
        data.batches(Empty(SEQUENCE, range(10), 2), 1, 0)


def test_a_batch_may_be_larger_than_the_source():
    source = data.Slices(SEQUENCE, range(0, 30, 10), 10)
    batch = next(data.batches(source, 8, 0))
    assert batch.shape == (8, 10)
    assert sorted(batch[:3, 0]) == sorted(batch[3:6, 0]) == [0, 10, 20]
