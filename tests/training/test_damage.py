"""Damaged checkpoints, full disks, stray files: a run goes on to the same bits, or is refused in one line."""

import dataclasses
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ecjax.models.transformer import Transformer
from ecjax.training import extended_settings, train
from tests.training.runs import (
    SETTINGS,
    Stopped,
    contents,
    examples,
    is_one_line,
    model,
    same,
    start,
    stop_at,
    unexpected,
)

pytestmark = pytest.mark.slow

SHORT = dataclasses.replace(SETTINGS, steps=6)
Result = tuple[Transformer, list[float]]


@pytest.fixture(scope="module")
def whole() -> Result:
    return train(model(), examples(), SHORT)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped, with checkpoints of steps 3 and 4. No test changes it."""
    directory = tmp_path_factory.mktemp("damage") / "run"
    with pytest.raises(Stopped):
        train(model(), examples(), SHORT, directory=directory, checkpoint_every=1, report=stop_at(5))
    assert sorted(path.name for path in (directory / "checkpoints").iterdir()) == ["3", "4"]
    return directory


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def go_on(directory: Path, whole: Result, after: int) -> list[str]:
    """Goes on from the checkpoint of step `after`, to the same bits; returns the warnings."""
    warnings: list[str] = []
    steps: list[int] = []
    trained, losses = train(
        model(),
        examples(),
        SHORT,
        directory=directory,
        checkpoint_every=1,
        report=lambda step, *_: steps.append(step),
        warn=warnings.append,
    )
    assert steps == list(range(after + 1, SHORT.steps + 1))
    assert losses == whole[1] and same(trained, whole[0])
    assert sorted(path.name for path in (directory / "checkpoints").iterdir()) == ["5", "6"]  # no remains
    assert all(line.isprintable() for line in warnings)
    return warnings


def refused(directory: Path) -> str:
    """What a run is told that is refused, its folder being left as it is."""
    before = contents(directory)
    with pytest.raises((ValueError, OSError)) as caught:
        train(model(), examples(), SHORT, directory=directory, report=unexpected, warn=unexpected)
    assert is_one_line(caught.value) and contents(directory) == before
    return str(caught.value)


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def zero(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def lengthen(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


DAMAGES: list[Callable[[Path, random.Random], None]] = [flip, cut, remove, zero, lengthen]


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.deep)])
def test_a_damaged_checkpoint_is_passed_over(stopped: Path, whole: Result, tmp_path: Path, count: int) -> None:
    chance = random.Random(count)
    for i in range(count):
        run = Path(shutil.copytree(stopped, tmp_path / str(i)))
        files = sorted(path for path in (run / "checkpoints/4").rglob("*") if path.is_file() and path.stat().st_size)
        DAMAGES[i % len(DAMAGES)](chance.choice(files), chance)
        (warning,) = go_on(run, whole, after=3)
        assert f"the checkpoint of step 4 in {run} is damaged: it" in warning and "going on from step 3" in warning


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.deep)])
def test_a_damaged_record_is_refused(run: Path, count: int) -> None:
    chance, path = random.Random(count), run / "run.json"
    good = path.read_bytes()
    for i in range(count):
        DAMAGES[i % len(DAMAGES)](path, chance)
        if path.exists() and path.read_bytes().strip(b" \n") == good.strip(b" \n"):
            continue
        assert str(run) in refused(run)
        path.write_bytes(good)


def test_if_no_checkpoint_is_whole_nothing_is_done(run: Path, whole: Result) -> None:
    good = Path(shutil.copytree(run, run.with_name("copy")))
    for step in ("3", "4"):
        (run / "checkpoints" / step / "manifest.json").unlink()
    told = refused(run)
    assert told == (
        f"the checkpoint of step 4 in {run} is damaged: it has no manifest.json that can be read, "
        "and no older one is whole; put a copy back, or use another folder"
    )
    # A person puts a copy back.
    shutil.copytree(good / "checkpoints/4", run / "checkpoints/4", dirs_exist_ok=True)
    assert go_on(run, whole, after=4) == []


def test_a_damaged_checkpoint_stays_until_a_newer_one_is_whole(run: Path, whole: Result) -> None:
    file = run / "checkpoints/4/files/_CHECKPOINT_METADATA"
    file.write_bytes(b"damaged")
    for stop, names in ((4, ["3", "4"]), (5, ["3", "4"])):  # the second is after step 4 was done and saved anew
        with pytest.raises(Stopped):
            train(
                model(),
                examples(),
                SHORT,
                directory=run,
                checkpoint_every=1,
                report=stop_at(stop),
                warn=lambda line: None,
            )
        assert sorted(path.name for path in (run / "checkpoints").iterdir()) == names
        assert (file.read_bytes() == b"damaged") == (stop == 4)
    assert go_on(run, whole, after=4) == []


def test_other_steps_between_checkpoints_lose_nothing(run: Path) -> None:
    (run / "checkpoints/4/files/_CHECKPOINT_METADATA").write_bytes(b"damaged")
    warnings: list[str] = []
    train(model(), examples(), SHORT, directory=run, checkpoint_every=100, warn=warnings.append)
    assert len(warnings) == 1 and {path.name for path in (run / "checkpoints").iterdir()} == {"3", "6"}


def test_what_is_half_written_or_strange_does_no_harm(run: Path, whole: Result) -> None:
    root = run / "checkpoints"
    shutil.copytree(root / "4/files", root / f"5.{'0' * 16}.partial/files.orbax-checkpoint-tmp")
    shutil.copytree(root / "4", root / f"4.{'0' * 16}.damaged")  # its process died before it removed it
    (root / "4/.DS_Store").write_bytes(b"")
    (run / "notes.txt").write_bytes(b"mine")
    strange = [root / "best", root / "07", root / "README"]
    for path in strange:
        path.mkdir()
    with pytest.raises(Stopped):
        train(model(), examples(), SHORT, directory=run, checkpoint_every=1, report=stop_at(6), warn=unexpected)
    for path in strange:
        path.rmdir()  # is still there
    assert go_on(run, whole, after=5) == [] and (run / "notes.txt").read_bytes() == b"mine"


def test_a_checkpoint_under_another_name(run: Path, whole: Result) -> None:
    (run / "checkpoints/4").rename(run / "checkpoints/5")
    (warning,) = go_on(run, whole, after=3)
    assert f"the checkpoint of step 5 in {run} is damaged: it is of another step; going on from step 3" == warning


def test_checkpoints_that_are_gone_or_no_folder(run: Path, whole: Result, tmp_path: Path) -> None:
    shutil.rmtree(run / "checkpoints/4")
    finished = Path(shutil.copytree(run, tmp_path / "finished"))
    assert go_on(run, whole, after=3) == []
    assert extended_settings(run, SHORT, 2).extended == (2,)
    go_on(finished, whole, after=3)
    shutil.rmtree(finished / "checkpoints")
    assert "holds a finished run, but its checkpoints are gone" in refused(finished)
    (finished / "checkpoints").write_bytes(b"")
    assert "is no folder; it should hold the run's checkpoints" in refused(finished)


def test_the_default_warning(run: Path) -> None:
    (run / "checkpoints/4/manifest.json").write_bytes(b"{}")
    with pytest.warns(RuntimeWarning, match="its manifest.json is damaged; going on from step 3"):
        train(model(), examples(), SHORT, directory=run)


# A disk that is full.


def train_until_full(directory: Path, told: Path, printed: Path) -> None:
    """Trains on a disk that takes no file of more than 1,000 bytes after step 3; what is printed goes to `printed`."""
    os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT), 2)

    def report(step: int, loss: float, _: Transformer) -> None:
        if step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))

    try:
        train(model(), examples(), SHORT, directory=directory, checkpoint_every=1, report=report)
    except OSError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        told.write_text(str(error))


def test_a_disk_that_takes_no_more(whole: Result, tmp_path: Path) -> None:
    run, told, printed = tmp_path / "run", tmp_path / "told", tmp_path / "printed"
    process = start(train_until_full, run, told, printed)
    process.join()
    assert process.exitcode == 0 and printed.read_text() == ""
    assert told.read_text() == f"[Errno 27] the checkpoint of step 3 cannot be written to {run}: File too large"
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["1", "2"]
    assert go_on(run, whole, after=2) == []


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from ecjax.training import train
from tests.training.runs import SETTINGS, examples, model
try:
    train(model(), examples(), SETTINGS, directory=Path(sys.argv[1]), checkpoint_every=1)
except OSError as error:
    print(error)
"""


@pytest.mark.deep
@pytest.mark.parametrize(
    ("mount", "cause"), [("size=120k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_disk_that_is_full_or_read_only(tmp_path: Path, mount: str, cause: str) -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount a disk")
    script = f'mount -t tmpfs -o {mount} none "$1" && exec "$2" -c "$3" "$1/run"'
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable, ON_A_SMALL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert cause in done.stdout and done.stdout.count("\n") == 1 and done.stderr == ""


def test_a_manifest_names_every_file(stopped: Path) -> None:
    checkpoint = stopped / "checkpoints/4"
    named = json.loads((checkpoint / "manifest.json").read_text())["files"]
    there = {str(path.relative_to(checkpoint)) for path in checkpoint.rglob("*") if path.is_file()}
    assert set(named) == there - {"manifest.json"} and len(named) > 5
