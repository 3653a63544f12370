"""Strings that occur often in texts, against a dictionary of all substrings."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.codebook.counting import Frequent, frequent

texts_of_few = st.lists(
    st.one_of(
        st.text(alphabet="ab", max_size=40).map(str.encode),
        st.lists(st.sampled_from([0, 1, 254, 255]), max_size=30).map(bytes),
        st.binary(max_size=5),
    ),
    max_size=5,
)


def substrings(texts: list[bytes], longest: int) -> Counter[bytes]:
    """How often each string of 1 to `longest` bytes occurs."""
    return Counter(
        text[begin:end]
        for text in texts
        for begin in range(len(text))
        for end in range(begin + 1, min(len(text), begin + longest) + 1)
    )


def spelled(found: Frequent) -> list[bytes]:
    strings = [b""]
    for node, (parent, byte) in enumerate(zip(found.parents[1:].tolist(), found.last_bytes[1:].tolist(), strict=True)):
        assert parent <= node, "a parent comes before its child"
        strings.append(strings[parent] + bytes([byte]))
    return strings


def check(texts: list[bytes], longest: int, least: int) -> None:
    found = frequent(texts, longest, least)
    strings = spelled(found)
    assert found.depths.tolist() == [len(string) for string in strings]
    assert len(set(strings)) == len(strings)
    often = {string: n for string, n in substrings(texts, longest).items() if n >= least}
    bytes_too = {bytes([byte]): 0 for byte in range(256)} | often
    counts = dict(zip(strings, found.counts.tolist(), strict=True))
    assert counts.pop(b"") == sum(map(len, texts))
    assert counts == bytes_too


@given(texts_of_few, st.integers(1, 12), st.integers(1, 4))
@example([], 3, 1)
@example([b""], 3, 1)
@example([b"", b"ab", b"", b"ab", b""], 3, 1)
@example([b"ab", b"ba"], 3, 1)  # "bb" and "abba" would reach across an end
@example([b"x"], 1, 1)
@example([b"\xff\xff", b"\xff\0"], 4, 1)
def test_it_is_what_a_dictionary_counts(texts, longest, least):
    check(texts, longest, least)


@pytest.mark.parametrize("text", [b"a" * 300, b"ab" * 150, bytes(300), bytes(range(256)) * 2, b"a" * 255, b"a" * 254])
def test_strings_of_255_bytes(text):
    check([text], 255, 1)
    check([text, text[:256]], 255, 2)


def test_counts_of_bytes_that_are_too_rare_are_not_told():
    found = frequent([b"aaab"], 2, 2)
    counts = dict(zip(spelled(found), found.counts.tolist(), strict=True))
    assert (counts[b"a"], counts[b"aa"], counts[b"b"]) == (3, 2, 0)


def test_shorter_strings_come_first_and_each_length_in_byte_order():
    found = frequent([b"hello, hello", bytes(range(256))], 5, 1)
    strings = spelled(found)[1:]
    assert strings[:256] == [bytes([byte]) for byte in range(256)]
    assert strings == sorted(strings, key=lambda string: (len(string), string))


def test_each_length_is_reported():
    told: list[int] = []
    frequent([b"abcabc"], 10, 2, told.append)
    assert told == [1, 2, 3]
