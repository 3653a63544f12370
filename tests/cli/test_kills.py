"""Commands that are killed at any moment: nothing is lost, and the next run leaves nothing half-written."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ecjax import serialisation

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
BEFORE = b"what was there before"


class Job(NamedTuple):
    """A command that writes `out`, and the files that it reads."""

    name: str
    arguments: tuple[str, ...]
    inputs: dict[str, bytes]


def jobs() -> list[Job]:
    text = serialisation.asset("sample.txt").read_bytes()[:200_000]
    from ecjax.compression import coding_of
    from ecjax.container import encode_bytes
    from ecjax.models.files import save_exact  # noqa: F401 -- imported before the clock runs

    packed = encode_bytes(coding_of("books-12"), text)
    return [
        Job("encode", ("encode", "in", "out", "-f", "--model", "books-12"), {"in": text}),
        Job("decode", ("decode", "in.ecj", "out", "-f"), {"in.ecj": packed}),
        Job("encode --rm", ("encode", "in", "out", "-f", "--rm", "--model", "books-12"), {"in": text}),
        Job("tokenize", ("tokenize", "in", "out", "-f"), {"in": text}),
        Job("tokenize ids", ("tokenize", "in", "out", "-f", "--format", "ids"), {"in": text}),
        Job("train-codebook", ("train-codebook", "in", "--out", "out", "-f", "--bits", "9"), {"in": text[:40_000]}),
    ]


@pytest.fixture(scope="module")
def every_job() -> list[Job]:
    return jobs()


def command(job: Job, namespace: Sequence[str] = ()) -> list[str]:
    return [*namespace, sys.executable, "-m", "ecjax", *job.arguments, "-q"]


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def prepare(job: Job, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, contents in job.inputs.items():
        (folder / name).write_bytes(contents)
    (folder / "out").write_bytes(BEFORE)


def finished(job: Job, folder: Path) -> tuple[bytes, float]:
    """What the command writes when nobody kills it, and the seconds that it takes."""
    prepare(job, folder)
    begin = time.monotonic()
    subprocess.run(command(job), cwd=folder, check=True)
    return (folder / "out").read_bytes(), time.monotonic() - begin


def kill(job: Job, folder: Path, number: int, rng: random.Random, seconds: float, namespace: Sequence[str]) -> None:
    """Starts the command and kills it: at any moment, or soon after it has begun to write."""
    process = subprocess.Popen(
        command(job, namespace), cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    before, begin = names(folder), time.monotonic()
    at_any_moment = rng.random() < 0.4
    wait = rng.uniform(0, seconds) if at_any_moment else rng.uniform(0, 0.02)
    while not at_any_moment and process.poll() is None and names(folder) == before:
        time.sleep(0.001)
        if time.monotonic() - begin > 60:
            raise AssertionError("nothing is written")
    time.sleep(wait)
    if process.poll() is None:
        os.killpg(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (0, -number, 128 + number, 128 + signal.SIGINT), told
    began = process.returncode != -signal.SIGINT  # or else Python tells of it, which had not come to us yet
    assert len(told.splitlines()) <= 1 or not began, told


def check(job: Job, folder: Path, whole: bytes, outright: int) -> None:
    """What was there is there, or what was to be; and whatever is read, unless it was to be removed.

    Each of those that were killed outright may have left a file, until a next command writes.
    """
    out = (folder / "out").read_bytes()
    assert out in (BEFORE, whole)
    gone = {name for name in job.inputs if not (folder / name).exists()}
    assert not gone or ("--rm" in job.arguments and out == whole)
    assert all((folder / name).read_bytes() == job.inputs[name] for name in set(job.inputs) - gone)
    left = names(folder) - {"out", *job.inputs}
    assert len(left) <= outright, left


def soak(every_job: list[Job], folder: Path, kills: int, seed: int, namespace: Sequence[str] = ()) -> None:
    rng = random.Random(seed)
    for job in every_job:
        whole, seconds = finished(job, folder / "work")
        for _ in range(kills):
            prepare(job, folder / "work")
            outright = 0
            for number in rng.choices(SIGNALS, k=2):
                if all((folder / "work" / name).exists() for name in job.inputs):
                    kill(job, folder / "work", number, rng, seconds, namespace)
                    # Where `unshare` is stopped, it kills the command outright.
                    outright += number == signal.SIGKILL or bool(namespace)
                    check(job, folder / "work", whole, outright)
            # A run that is not killed makes all good.
            if all((folder / "work" / name).exists() for name in job.inputs):
                subprocess.run(command(job, namespace), cwd=folder / "work", check=True)
            assert (folder / "work/out").read_bytes() == whole
            assert names(folder / "work") <= {"out", *job.inputs}


@pytest.mark.slow
def test_kills_lose_nothing(every_job, tmp_path: Path) -> None:
    soak(every_job[:1] + every_job[-1:], tmp_path, 1, 0)


@pytest.mark.deep
def test_two_hundred_kills_of_each_command_lose_nothing(every_job, tmp_path: Path) -> None:
    soak(every_job, tmp_path, 100, 1)


@pytest.mark.deep
def test_nor_do_they_where_process_ids_repeat(every_job, tmp_path: Path) -> None:
    namespace = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process namespace can be made here")
    soak(every_job[:2], tmp_path, 20, 2, namespace)


@pytest.mark.deep
def test_trainings_that_are_killed_come_to_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(serialisation.asset("sample.txt").read_bytes()[:20_000])
    settings = ("--size", "tiny", "--steps", "60", "--batch-size", "16", "--checkpoint-every", "5", "-q")

    def train(run: str) -> list[str]:
        return [sys.executable, "-m", "ecjax", "train-m1", "text", "--out", run, *settings]

    begin = time.monotonic()
    subprocess.run(train("whole"), cwd=tmp_path, check=True)
    seconds, rng = time.monotonic() - begin, random.Random(3)
    for run in map(str, range(10)):
        for number in rng.choices(SIGNALS, k=4):
            process = subprocess.Popen(train(run), cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True)
            time.sleep(rng.uniform(0, seconds))
            if process.poll() is None:
                os.killpg(process.pid, number)
            _, told = process.communicate(timeout=120)
            assert process.returncode in (0, -number, 128 + number), told
            assert len(told.splitlines()) <= 1 or process.returncode == -signal.SIGINT, told
        subprocess.run(train(run), cwd=tmp_path, check=True)
        for name in ("model.safetensors", "losses.json"):
            assert (tmp_path / run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert names(tmp_path / run) == names(tmp_path / "whole")
