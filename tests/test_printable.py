"""Text of unknown origin is printed as what it is, and no terminal, and no library that prints, takes it for more."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.console import note, show
from ecjax.printable import printable, printable_lines

ANY = st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl"]))
MARKUP = r":x: :smile: [red]a[/red] \[bold]b \\"


@given(ANY, st.integers(1, 100))
@example("\ud800" * 90, 80)
def test_one_line(text: str, longest: int) -> None:
    whole, cut = printable(text), printable(text, longest)
    assert whole.isprintable() and len(whole) >= len(text) and (whole == text or not text.isprintable())
    assert cut == whole if len(whole) <= longest else cut == f"{whole[:longest]}..."


@given(ANY)
@example("a\tb\n\x1b[31mc\r")
def test_lines(text: str) -> None:
    shown = printable_lines(text)
    assert len(shown) == len(text)
    assert all(b == a if a.isprintable() or a in "\n\t" else b == "\ufffd" for a, b in zip(text, shown, strict=True))


def test_what_is_no_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    note(MARKUP)
    show({"name": MARKUP}, as_json=False)
    printed = capsys.readouterr()
    assert MARKUP in printed.err and MARKUP in printed.out
