import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecjax.caching import Folder, private_folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "machine").mkdir()
    return Folder(tmp_path / "machine", tmp_path, 10_000)


def files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file())


def test_what_is_put_is_got(folder):
    assert folder.get("a") is None
    folder.put("a", b"first")
    folder.put("b", b"")
    assert (folder.get("a"), folder.get("b")) == (b"first", b"")
    folder.put("a", b"second")
    assert folder.get("a") == b"second"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_one_is_not_there_and_goes(folder, data):
    folder.put("a", b"as it was written")
    (path,) = files(folder.path)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        flipped = bytearray(whole)
        flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(flipped)
    assert folder.get("a") is None and not files(folder.path)
    folder.put("a", b"anew")
    assert folder.get("a") == b"anew"
    path.unlink()


def test_one_under_the_name_of_another_is_not_there(folder):
    folder.put("a", b"that of a")
    (path,) = files(folder.path)
    path.rename(path.with_name(path.name.replace("a.", "b.")))
    assert folder.get("b") is None


def test_those_used_longest_ago_make_room(folder, tmp_path):
    (tmp_path / "other").mkdir()
    other = Folder(tmp_path / "other", tmp_path, 10_000)
    for age, (kept, name) in enumerate([(folder, "c"), (other, "b"), (folder, "a")]):
        kept.put(name, bytes(2400))
        (path,) = kept.path.glob(f"{name}.*")
        os.utime(path, (0, 1000 - age))
    assert folder.get("a") is not None  # which was the oldest until now
    folder.put("d", bytes(2400))
    folder.put("e", bytes(2400))
    assert [folder.get(name) is not None for name in "acde"] == [True, True, True, True] and other.get("b") is None
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 10_000
    folder.put("too-much", bytes(2501))
    assert folder.get("too-much") is None and folder.get("e") is not None


def test_nothing_is_said_where_nothing_can_be_kept(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "absent", tmp_path / "file", tmp_path / "file" / "below"):
        folder = Folder(path, tmp_path, 1000)
        folder.put("a", b"text")
        assert folder.get("a") is None
    assert files(tmp_path) == [tmp_path / "file"]


def test_a_disk_that_is_full_leaves_nothing(folder, tmp_path):
    folder.put("a", b"before")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        folder.put("b", bytes(2000))
        folder.put("a", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder.get("a"), folder.get("b")) == (b"before", None) and len(files(tmp_path)) == 1


HAMMER = """
import sys
from pathlib import Path
from ecjax.caching import Folder
folder = Folder(Path(sys.argv[1]), Path(sys.argv[1]), 20_000)
for i in range(150):
    for name in "abcde":
        found = folder.get(name)
        assert found is None or found == name.encode() * 4000, name
        folder.put(name, name.encode() * 4000)
"""


def test_processes_share_a_folder(tmp_path):
    """There is room for four of the five, so each drops what others are about to read."""
    command = [sys.executable, "-c", HAMMER, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1] for process in running] == [b""] * 3
    assert len(files(tmp_path)) in range(1, 6)


def test_a_killed_process_leaves_nothing_that_stays(folder, tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from ecjax import atomic
with atomic.replacing(Path(sys.argv[1]) / "a.kept") as file:
    file.write(bytes(100))
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False)
    assert len(files(tmp_path)) == 1 and folder.get("a") is None
    folder.put("b", b"text")
    assert [path.name for path in files(tmp_path)] == ["b.kept"]


def test_a_folder_is_made_for_its_owner_alone(tmp_path):
    assert private_folder(tmp_path / "new" / "below")
    assert (tmp_path / "new" / "below").stat().st_mode & 0o777 == 0o700
    (tmp_path / "shared").mkdir()
    for mode, ours in ((0o755, True), (0o775, False), (0o757, False)):
        (tmp_path / "shared").chmod(mode)
        assert private_folder(tmp_path / "shared") == ours
    (tmp_path / "file").touch()
    assert not private_folder(tmp_path / "file") and not private_folder(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() != 0, reason="only an administrator can make another's folder")
def test_an_administrator_leaves_nothing_in_a_users_home(tmp_path):
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 1234, 1234)
    assert not private_folder(tmp_path / "home" / ".cache" / "ecjax") and not any((tmp_path / "home").iterdir())
    (tmp_path / "home" / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "home" / "theirs", 1234, 1234)
    assert not private_folder(tmp_path / "home" / "theirs")
