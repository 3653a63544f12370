"""The text of ids, and what is refused as text or ids."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.codebook import Codebook, load_codebook
from tests.codebook.support import in_step
from tests.strategies import annotations_unchecked


@given(st.lists(st.integers(0, 511), max_size=200))
def test_any_ids_decode(ids):
    codebook, codes = in_step()
    strings = list(codes)
    expected = b"".join(strings[i] for i in ids)
    assert codebook.decode(ids) == expected
    assert codebook.decode(np.array(ids, np.uint16)) == expected
    assert codebook.decode_batch([ids, []]) == [expected, b""]


def test_more_ids_than_are_decoded_at_once():
    codebook, codes = in_step()
    ids = np.random.default_rng(0).integers(512, size=70_000)
    strings = list(codes)
    assert codebook.decode(ids) == b"".join(strings[i] for i in ids)


@pytest.mark.parametrize(
    "ids, error, match",
    [
        ([0, 512], ValueError, r"0 \.\. 511, got 512 at position 1"),
        ([5, 3, -1], ValueError, "got -1 at position 2"),
        (np.array([2**40]), ValueError, "got 1099511627776 at position 0"),
        (np.array([2**63], np.uint64), ValueError, "position 0"),
        ([1.0], TypeError, "integers in one dimension, got shape .* of float64"),
        ([True], TypeError, "bool"),
        ([[1, 2]], TypeError, r"shape \(1, 2\)"),
        (np.array(3), TypeError, r"shape \(\)"),
        (np.zeros((0, 3), np.int32), TypeError, r"shape \(0, 3\)"),
        ("abc", TypeError, "integers in one dimension"),
        (b"abc", TypeError, "integers in one dimension"),
        (None, TypeError, "integers in one dimension"),
        ([2**70], ValueError, "ids lie in 0 .. 511, got 1180591620717411303424 at position 0"),
        ([1, -(2**70)], ValueError, "got -1180591620717411303424 at position 1"),
        ([2**63, -1], ValueError, "position 0"),
        ([3, 10**5000], ValueError, "got an int of 16610 bits at position 1"),
    ],
)
def test_what_is_no_id_is_refused(ids, error, match):
    codebook, _ = in_step()
    with annotations_unchecked(), pytest.raises(error, match=match):
        codebook.decode(ids)


@pytest.mark.parametrize("text, match", [(None, "got NoneType"), ([1], "list"), (3, "int")])
def test_what_is_no_text_is_refused(text, match):
    codebook, _ = in_step()
    with annotations_unchecked(), pytest.raises(TypeError, match=match):
        codebook.encode(text)
    with annotations_unchecked(), pytest.raises(TypeError, match=match):
        codebook.encode_batch([b"", text])


def test_nothing_is_nothing():
    codebook, _ = in_step()
    assert codebook.encode(b"").tolist() == [] and codebook.encode(b"").dtype == np.int32
    assert codebook.decode([]) == codebook.decode(np.zeros(0, np.int64)) == b""
    with annotations_unchecked():
        assert codebook.decode(np.array([])) == b""
    assert codebook.decode([0, 0, 0]) == b""
    assert codebook.encode_batch([]) == [] and codebook.decode_batch([]) == []


def test_a_codebook_shares_no_memory_with_what_it_was_made_of():
    book = load_codebook("m1-books-12")
    made_of = []
    for array in (book.parents, book.last_bytes):
        room = np.zeros(array.size + 64, array.dtype)
        begin = -room.ctypes.data % 64 // room.itemsize  # from where on JAX would share it
        room[begin:][: array.size] = array
        made_of.append(room[begin:][: array.size])
    again = Codebook(*made_of)
    for array in made_of:
        array[:] = 7
    assert again.fingerprint == book.fingerprint


def test_bytes_of_other_types():
    codebook, _ = in_step()
    texts: list[Any] = [bytearray(b"aaab"), memoryview(b"aaab")]
    for text in texts:
        with annotations_unchecked():
            assert codebook.decode(codebook.encode(text)) == b"aaab"


def test_descendants_are_the_codes_that_begin_with_a_string():
    codebook, codes = in_step()
    for string, code in codes.items():
        low, high = codebook.descendants(code)
        assert [c for s, c in codes.items() if s.startswith(string)] == list(range(low, high))
