import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

from ecjax import cli
from tests.cli.support import TEXTS, Outcome
from tests.strategies import annotations_unchecked

# The checks of annotations take most of the time, and users have none; the deep run has them.
CHECKED = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


@pytest.fixture
def ecjax(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]):
    """Runs the command in this process, with bytes on standard input if they are given."""

    def run(*arguments: object, given: bytes | None = None) -> Outcome:
        monkeypatch.setattr("sys.argv", ["ecjax", *map(str, arguments)])
        if given is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with contextlib.nullcontext() if CHECKED else annotations_unchecked(), pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsysbinary.readouterr()
        return Outcome(int(stop.value.code or 0), out.decode("utf-8", "replace"), err.decode(), out)

    return run


@pytest.fixture
def packed(ecjax, tmp_path: Path) -> Path:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    assert ecjax("encode", tmp_path / "in", tmp_path / "packed", "--model", "books-12").status == 0
    return tmp_path / "packed"


@pytest.fixture
def tokens(ecjax, tmp_path: Path) -> Path:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    assert ecjax("tokenize", tmp_path / "in", tmp_path / "tokens", "--tokenizer", "books-12").status == 0
    return tmp_path / "tokens"
