"""The paper's examples: no text is lost, ends are told from text, and the order is the same every time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.data import END_OF_DOCUMENT, paper_examples

END = bytes([END_OF_DOCUMENT])
documents_of = st.lists(st.text(max_size=40).map(str.encode), min_size=1, max_size=12)


@given(st.text(max_size=200))
def test_no_text_has_the_end_of_a_document(text):
    assert END not in text.encode()


@given(documents_of, st.integers(1, 5), st.integers(1, 50), st.integers(0, 9))
def test_pieces_are_those_of_the_joined_documents(documents, joined, length, seed):
    pieces = paper_examples(documents, seed, joined, length)
    expected = []
    for first in range(0, len(documents), joined):
        text = END.join([*documents[first : first + joined], b""])
        expected += [m.group() for m in re.finditer(b"(?s).{1,%d}" % length, text)]
    assert sorted(pieces) == sorted(expected)
    assert all(0 < len(piece) <= length for piece in pieces)
    assert pieces == paper_examples(documents, seed, joined, length)
    # Unshuffled, the documents come back.
    assert b"".join(expected).split(END) == [*documents, b""]


def test_pieces_are_as_long_as_the_paper_says_and_shuffled():
    documents = [b"%d " % i * 1000 for i in range(300)]
    pieces = paper_examples(documents)
    sizes = [sum(len(document) + 1 for document in documents[i : i + 128]) for i in (0, 128, 256)]
    assert sorted(map(len, pieces), reverse=True)[:-3] == [10_240] * sum(size // 10_240 for size in sizes)
    assert sorted(len(piece) for piece in pieces)[:3] == sorted(size % 10_240 for size in sizes)
    assert pieces != paper_examples(documents, seed=1)
    assert sorted(pieces) == sorted(paper_examples(documents, seed=1))
    assert pieces[0] != (b"".join(document + END for document in documents))[:10_240]  # with this seed


@pytest.mark.parametrize("wrong", [b"\xff", b"abc\xffdef", b"\xff\xfe"])
def test_what_would_be_mistaken_for_an_end_is_refused(wrong):
    with pytest.raises(ValueError, match="document 1 has the byte 0xFF, which ends documents and no UTF-8 has"):
        paper_examples([b"a", wrong])


def test_there_must_be_something():
    with pytest.raises(ValueError, match="there is no document; give at least one"):
        paper_examples([])
    for name, value in (("joined", 0), ("length", 0), ("seed", -1)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            paper_examples([b"a"], **{name: value})
    assert paper_examples([b""]) == [END]
