"""Files that are there whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecjax import atomic


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.rule("K-14")
@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_what_fails_leaves_what_was_there(tmp_path: Path, before: bytes | None, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), atomic.replacing(path) as file:
        file.write(b"a part")
        file.flush()
        assert [p.name for p in tmp_path.glob(".*.partial")]
        assert (path.read_bytes() if path.exists() else None) == before
        raise error
    assert names(tmp_path) == ["file"] * (before is not None)
    assert before is None or path.read_bytes() == before


def test_what_succeeds_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for contents in (b"one", b"two"):
        with atomic.replacing(path) as file:
            file.write(contents)
        assert names(tmp_path) == ["file"] and path.read_bytes() == contents


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write_bytes(path, b"mine", replace=False)
    with pytest.raises(atomic.Existing, match="file is there already; name another file, or replace it with -f"):
        atomic.write_bytes(path, b"yours", replace=False)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(atomic.Existing):
        atomic.write_bytes(tmp_path / "link", b"yours", replace=False)
    assert path.read_bytes() == b"mine" and names(tmp_path) == ["file", "link"]


def test_what_appears_in_the_meantime_is_not_replaced_either(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(atomic.Existing), atomic.replacing(path, replace=False) as file:
        file.write(b"yours")
        path.write_bytes(b"mine")
    assert path.read_bytes() == b"mine" and names(tmp_path) == ["file"]


def test_without_hard_links_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"
    atomic.write_bytes(path, b"mine", replace=False)
    with pytest.raises(atomic.Existing), atomic.replacing(tmp_path / "other", replace=False) as file:
        file.write(b"yours")
        (tmp_path / "other").write_bytes(b"mine")
    assert path.read_bytes() == (tmp_path / "other").read_bytes() == b"mine"


def test_a_folder_is_neither_replaced_nor_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no file but a folder; name a file to write to"):
        atomic.write_bytes(tmp_path, b"")
    with pytest.raises(ValueError, match=r"there is no folder .*typo; make it, or name another"):
        atomic.write_bytes(tmp_path / "typo/file", b"")
    assert names(tmp_path) == []


def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_bytes(b"before")
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "dangling").symlink_to("there/new")
    atomic.write_bytes(tmp_path / "link", b"after")
    atomic.write_bytes(tmp_path / "dangling", b"new", replace=False)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
    assert names(tmp_path / "there") == ["file", "new"]
    assert (tmp_path / "there/file").read_bytes() == b"after" and (tmp_path / "there/new").read_bytes() == b"new"


def test_devices_and_pipes_are_written_to_as_they_are(tmp_path: Path) -> None:
    atomic.write_bytes("/dev/null", b"gone", replace=False)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    atomic.write_bytes(pipe, b"through the pipe", replace=False)
    reader.join()
    assert got == [b"through the pipe"] and stat.S_ISFIFO(pipe.stat().st_mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        path, source = tmp_path / "file", tmp_path / "source"
        atomic.write_bytes(path, b"new")
        assert mode(path) == 0o666 & ~umask
        path.chmod(0o640)
        atomic.write_bytes(path, b"again")
        assert mode(path) == 0o640
        source.write_bytes(b"secret")
        source.chmod(0o600)
        os.utime(source, ns=(1_000_000_001, 2_000_000_002))
        for target in (path, tmp_path / "other"):
            with atomic.replacing(target, like=source.stat()) as file:
                (partial,) = tmp_path.glob(".*.partial")
                assert mode(partial) == 0o600
                file.write(b"made of a secret")
            assert mode(target) == 0o600 and target.stat().st_mtime_ns == 2_000_000_002
        source.chmod(0o644)
        with atomic.replacing(path, like=source.stat()) as file:
            file.write(b"no more may read it than before")
        assert mode(path) == 0o600
    finally:
        os.umask(old)


@pytest.mark.parametrize("length", [1, 245, 255])
def test_names_of_every_length(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("n" * length)
    atomic.write_bytes(path, b"text")
    assert path.read_bytes() == b"text" and len(names(tmp_path)) == 1


KILLED = """
import os, signal, sys
from ecjax import atomic
with atomic.replacing(sys.argv[1]) as file:
    file.write(b"a part")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_goes_with_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
        assert killed.returncode == -signal.SIGKILL and path.read_bytes() == b"before"
    assert len(names(tmp_path)) == 2  # the second swept what the first left
    with atomic.replacing(tmp_path / "other") as other:
        other.write(b"being written")
        atomic.write_bytes(path, b"after")  # sweeps what is dead, not what is alive
        assert len(list(tmp_path.glob(".*.partial"))) == 1
    assert names(tmp_path) == ["file", "other"]
    assert path.read_bytes() == b"after" and (tmp_path / "other").read_bytes() == b"being written"


def test_many_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([i]) * 10_000 for i in range(16)]
    threads = [threading.Thread(target=atomic.write_bytes, args=(path, data)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents and names(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder that takes no files is that of Linux")
def test_what_cannot_be_written_is_called_by_its_name() -> None:
    with pytest.raises(OSError, match=r"'/proc/file'$"):
        atomic.write_bytes("/proc/file", b"")
