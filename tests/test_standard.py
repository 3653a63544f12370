"""Standard input and output that are closed, or wanted twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecjax import serialisation

BOOK = serialisation.asset("books-12.safetensors")
TWICE = "standard input, -, can be read only once; name a file for the other"


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("encode <&-", "standard input is closed; name a file"),
        ("encode - out <&-", "standard input is closed; name a file"),
        ("tokenize - out <&-", "standard input is closed; name a file"),
        ("info - <&-", "standard input is closed; name a file"),
        ("encode in -c >&-", "standard output is closed; name a file to write to"),
        ("tokenize in --format ids >&-", "standard output is closed; name a file to write to"),
        (f"encode - out --model - < {BOOK}", TWICE),
        (
            f"tokenize - out --tokenizer - < {BOOK}",
            "standard input, -, can be read only once; name a file for the other",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path: Path, arguments: str, cause: str) -> None:
    (tmp_path / "in").write_bytes(b"text")
    done = shell(f"{sys.executable} -m ecjax {arguments}", tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (2, f"ecjax: {cause}\n", "")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"text")
    ecjax = f"{sys.executable} -m ecjax"
    assert shell(f"{ecjax} --version >&-", tmp_path).returncode == 0
    assert shell(f"{ecjax} encode in --model books-12 <&- >&- 2>&-", tmp_path).returncode == 0
    assert shell(f"{ecjax} decode in.ecj back", tmp_path).returncode == 0
    assert (tmp_path / "back").read_bytes() == b"text"
