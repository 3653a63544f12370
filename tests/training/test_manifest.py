"""Checksums of checkpoints that somebody has tampered with."""

import json
import os
from pathlib import Path

import pytest

from ecjax.training import manifest


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "1"
    (folder / "files/deep").mkdir(parents=True)
    (folder / "files/deep/a").write_bytes(b"whole")
    manifest.write(folder, 1)
    assert manifest.fault(folder, 1) is None
    return folder


def rename(checkpoint: Path, name: str) -> None:
    """Has the manifest name another file."""
    path = checkpoint / manifest.NAME
    contents = json.loads(path.read_text())
    (entry,) = contents["files"].values()
    contents["files"] = {name: entry}
    path.write_text(json.dumps(contents))


def test_a_pipe_in_place_of_a_file_is_no_file(checkpoint: Path) -> None:
    (checkpoint / "files/deep/a").unlink()
    os.mkfifo(checkpoint / "files/deep/a")
    assert manifest.fault(checkpoint, 1) == "its file 'files/deep/a' is no file"


def test_nothing_outside_is_looked_at(checkpoint: Path) -> None:
    (checkpoint.parent / "a").write_bytes(b"whole")
    rename(checkpoint, "../a")
    assert manifest.fault(checkpoint, 1) == "its file '../a' is no file"


def test_another_step_or_other_contents_are_noticed(checkpoint: Path) -> None:
    assert manifest.fault(checkpoint, 2) == "it is of another step"
    (checkpoint / "files/deep/a").write_bytes(b"whale")
    assert manifest.fault(checkpoint, 1) == "its file 'files/deep/a' is damaged"
