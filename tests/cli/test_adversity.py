"""What went wrong once, as an enemy found it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from ecjax.models.files import save_transformer
from ecjax.models.transformer import Transformer, configuration
from tests.cli.support import TEXTS, refused

TEXT = TEXTS["text"]
ECJAX = f"{sys.executable} -m ecjax"


@pytest.fixture
def place(ecjax, tmp_path: Path) -> Path:
    (tmp_path / "text").write_bytes(TEXT)
    assert ecjax("encode", tmp_path / "text", tmp_path / "packed", "--model", "books-12").status == 0
    return tmp_path


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    environment = os.environ | variables
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.slow
def test_notes_that_nobody_reads_take_no_data_with_them(place: Path) -> None:
    """What rich does of itself: standard output goes to the null device, and the status is 0."""
    program = "from ecjax import cli, console; console._FIRST = console._EVERY = 0.05; cli.main()"
    for command in ("encode -c text --model books-12", "decode -c packed"):
        script = f"{sys.executable} -c '{program}' {command} > out 2> >(exec 0<&-; sleep .1)"
        assert shell(script, place).returncode == 0
        assert (place / "out").read_bytes() == (place / ("packed" if "encode" in command else "text")).read_bytes()


def test_a_report_goes_nowhere_if_standard_error_is_closed(place: Path) -> None:
    done = shell(f"{ECJAX} encode -c --json text --model books-12 > out 2>&-", place)
    assert done.returncode == 0 and (place / "out").read_bytes() == (place / "packed").read_bytes()


@pytest.mark.slow
def test_a_note_that_cannot_be_written_is_no_failure(place: Path) -> None:
    (place / "noise").write_bytes(TEXTS["binary"])
    assert shell(f"{ECJAX} encode noise --model books-12 2> /dev/full", place).returncode == 0
    assert (place / "noise.ecj").exists()


def test_a_file_may_be_called_a_dash(ecjax, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "-").write_bytes(TEXT)
    assert ecjax("encode", "./-", "out", "--model", "books-12", given=b"other").status == 0
    assert (place / "out").read_bytes() == (place / "packed").read_bytes()
    (place / "-").unlink()
    assert ecjax("decode", "packed", "./-").out.split()[:2] == ["text", "bytes"]
    assert (place / "-").read_bytes() == TEXT
    assert json.loads(ecjax("evaluate", "books-12", "./-", "--json", given=b"other").out)["bytes"] == len(TEXT)


def test_an_empty_name_is_no_name(ecjax, place: Path) -> None:
    refused(ecjax("train-m1", place / "text", "--out", ""), "the name is empty")
    refused(ecjax("encode", place / "text", ""), "the name is empty")
    refused(ecjax("encode", place / "text", f"{place}/new/"), "names a folder; name a file")


@pytest.mark.slow
def test_a_run_keeps_out_of_what_is_there_and_what_is_read(ecjax, place: Path) -> None:
    text, few = place / "text", ("--size", "tiny", "--steps", 1, "--batch-size", 4, "--context", 8)
    for name in ("losses.json", "model.safetensors"):
        (place / name[0]).mkdir()
        (place / name[0] / name).write_text("mine")
        refused(ecjax("train-m1", text, "--out", place / name[0], *few), f"{name} is there, and no run that made it")
        assert (place / name[0] / name).read_text() == "mine"
    texts = place / "texts"
    texts.mkdir()
    (texts / "a").write_bytes(TEXT)
    for out in (texts, texts / "run", texts / "deep/run", place / "." / "texts/run"):
        refused(ecjax("train-m1", texts, "--out", out, *few), "is in .*, which is read")
    save_transformer(place / "float", Transformer(configuration("tiny", 256, 8), key=jax.random.key(0)), {})
    (texts / "model.safetensors").write_bytes(TEXT)
    refused(ecjax("quantize", place / "float", texts, "--out", texts, "-f"), "is what is read")
    (place / "link").symlink_to(texts / "a")
    refused(ecjax("compile", place / "float", "--bits", 9, "--out", place / "float", "-f"), "is what is read")
    assert sorted(path.name for path in texts.iterdir()) == ["a", "model.safetensors"]


@pytest.mark.slow
def test_a_model_of_something_else_in_a_runs_folder_stays(ecjax, place: Path) -> None:
    command = ("train-m1", place / "text", "--out", place / "run", "--size", "tiny", "--steps", 1, "--batch-size", 4)
    assert ecjax(*command, "--context", 8).status == 0
    model = place / "run/model.safetensors"
    own = model.read_bytes()
    save_transformer(model, Transformer(configuration("tiny", 256, 8), key=jax.random.key(0)), {"command": "mine"})
    mine = model.read_bytes()
    refused(ecjax(*command, "--context", 8), "is not this run's")
    assert model.read_bytes() == mine
    model.write_bytes(own[:-1])  # damaged: it is made again
    assert ecjax(*command, "--context", 8).status == 0 and model.read_bytes() == own


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
def test_a_terminal_that_is_closed_leaves_nothing_behind(place: Path, seconds: float) -> None:
    cache, (ours, its) = place / "cache", pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ecjax", "encode", "text", "out"],
        cwd=place,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    time.sleep(seconds)
    os.close(ours)
    if process.poll() is None:
        process.send_signal(signal.SIGHUP)
    status = process.wait(timeout=120)
    assert status in (-signal.SIGHUP, 128 + signal.SIGHUP) or (status == 0 and (place / "out").exists())
    assert {path.name for path in place.iterdir()} <= {"text", "packed", "out", "cache"}


def test_a_device_that_is_not_there_is_one_line(place: Path) -> None:
    done = shell(f"{ECJAX} encode text out --model books-12", place, JAX_PLATFORMS="bogus")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and b"JAX has no device" in done.stderr
    assert not (place / "out").exists()


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_streams_may_be_closed(place: Path, stream: str) -> None:
    done = shell(f"{ECJAX} encode text out --model books-12 -q {stream}", place)
    assert done.returncode == 0 and done.stderr == b""
    assert (place / "out").read_bytes() == (place / "packed").read_bytes()
