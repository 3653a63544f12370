"""Bytes and lengths of time in words and signs."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.demo.wording import duration, pieces


@pytest.mark.parametrize(
    "string, shown",
    [
        (b"", []),
        (b" in the", [("·", True), ("in", False), ("·", True), ("the", False)]),
        (b"a\r\n\n\tb", [("a", False), ("\\r↵\n↵\n→", True), ("b", False)]),
        (b"\x00\x1b\x7f", [("\\x00\\x1b\\x7f", True)]),
        ("é".encode()[:1], [("\\xc3", True)]),
        ("é\u202e".encode(), [("é", False), ("U+202E", True)]),
    ],
)
def test_what_cannot_be_seen_has_a_sign(string: bytes, shown: list[tuple[str, bool]]) -> None:
    assert pieces(string) == shown


@given(st.binary(max_size=40))
def test_any_bytes_are_visible(string: bytes) -> None:
    shown = pieces(string)
    assert all(c.isprintable() or (piece.sign and c == "\n") for piece in shown for c in piece.text)
    assert all(a.sign != b.sign for a, b in itertools.pairwise(shown))
    assert sum(piece.text.count("\n") for piece in shown) == string.count(b"\n")


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.2, "less than a second"),
        (1.2, "1 second"),
        (59.7, "60 seconds"),
        (90.0, "1.5 minutes"),
        (600.0, "10.0 minutes"),
    ],
)
def test_lengths_of_time_have_a_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words
