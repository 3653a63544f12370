"""Processes side by side: any number of them gives the same bytes, however often they are killed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from ecjax import serialisation
from ecjax.corpora import tokenize_corpus
from tests.corpora.support import contents

TEXT = serialisation.asset("sample.txt").read_bytes()
PIECE = 4000


def sources(folder: Path, repeats: int = 1) -> Path:
    """JSON lines, of which a range makes a shard, and text files, of which many do."""
    (folder / "in").mkdir()
    documents = [TEXT[i : i + PIECE].decode("utf-8", "replace") for i in range(0, len(TEXT), PIECE)]
    (folder / "in/lines.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in documents) * repeats)
    for number, text in enumerate(documents[:8]):
        (folder / f"in/{number}.txt").write_text(text)
    return folder / "in"


def command(folder: Path, out: Path, workers: int, shard_bytes: int) -> list[str]:
    options = ["--tokenizer", "books-12", "--shard-bytes", str(shard_bytes), "--workers", str(workers), "-q"]
    return [sys.executable, "-m", "ecjax", "tokenize-corpus", str(folder / "in"), "--out", str(out), *options]


def options(folder: Path, out: Path, **more: Any) -> dict[str, Any]:
    return {"sources": [folder / "in"], "out": out, "codebook": "books-12", "shard_bytes": 100_000} | more


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("whole")
    sources(folder, 6)
    assert tokenize_corpus(**options(folder, folder / "out", processes=1))
    assert tokenize_corpus(**options(folder, folder / "small", processes=1, shard_bytes=50_000))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_any_number_of_processes_gives_the_same_bytes(whole: Path, tmp_path: Path, processes: int) -> None:
    told: list[tuple[int, int, int]] = []
    watch = lambda *numbers: told.append(numbers)
    corpus = tokenize_corpus(**options(whole, tmp_path / "out", processes=processes, watch=watch))
    assert corpus is not None and len(corpus.shards) > 3
    assert contents(tmp_path / "out") == contents(whole / "out")
    total = sum(path.stat().st_size for path in (whole / "in").iterdir())
    assert told[-1] == (total, total, len(corpus))


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(whole: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(command(whole, tmp_path / "out", 2, 100_000), stderr=subprocess.PIPE)
    while not (found := workers_of(process.pid)):
        assert process.poll() is None
        time.sleep(0.01)
    found[-1].kill()
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0 and not told, told
    assert contents(tmp_path / "out") == contents(whole / "out")


@pytest.mark.slow
def test_workers_that_are_killed_again_and_again_are_told_of(whole: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(command(whole, tmp_path / "out", 2, 100_000), stderr=subprocess.PIPE)
    while process.poll() is None:
        for worker in workers_of(process.pid):
            worker.kill()
        time.sleep(0.02)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 2 and len(told.splitlines()) == 1 and b"killed 3 times in a row" in told


def workers_of(pid: int) -> list[psutil.Process]:
    """The processes that work for a command, but for the one that watches over what they share."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has just ended
                found += [child] if "spawn_main" in " ".join(child.cmdline()) else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_command(whole: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(command(whole, tmp_path / "out", 2, 10_000), stderr=subprocess.PIPE)
    while not (found := workers_of(process.pid)) or not list(tmp_path.glob("out/done/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (-number, 128 + number)
    # After a SIGKILL it is Python itself that tells of what it cleans up.
    assert len(told.splitlines()) <= 1 or number == signal.SIGKILL, told
    _, alive = psutil.wait_procs(found, timeout=10)
    assert not alive
    assert number == signal.SIGKILL or not list(tmp_path.glob("out/.ecjax-*"))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kills_lose_and_repeat_nothing(whole: Path, tmp_path: Path, workers: int) -> None:
    rng, found = random.Random(workers), []
    for number in range(10):
        process = subprocess.Popen(
            command(whole, tmp_path / "out", workers, 50_000), start_new_session=True, stderr=subprocess.PIPE
        )
        done, begin = count_done(tmp_path), time.monotonic()
        # Most of the time goes by before the first shard: half of the kills wait for that.
        after_shard, wait = number % 2 == 0, rng.uniform(0, 1)
        while process.poll() is None:
            if count_done(tmp_path) > done if after_shard else time.monotonic() - begin > wait:
                break
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            found.append(count_done(tmp_path))
        process.communicate(timeout=60)
    assert any(0 < count < len(list((whole / "small/done").iterdir())) for count in found), "no kill was in the middle"
    subprocess.run(command(whole, tmp_path / "out", workers, 50_000), check=True)
    assert contents(tmp_path / "out") == contents(whole / "small")


def count_done(folder: Path) -> int:
    return len(list(folder.glob("out/done/*.json")))


def check_memory(folder: Path, repeats: int) -> None:
    """The most that any worker held, in bytes of the machine's memory, stays below 1 GB."""
    sources(folder, repeats)
    process = subprocess.Popen(command(folder, folder / "out", 2, 1 << 26))
    most = 0
    while process.poll() is None:
        for one in workers_of(process.pid):
            with contextlib.suppress(psutil.Error):
                most = max(most, one.memory_info().rss)
        time.sleep(0.1)
    assert process.returncode == 0 and 0 < most < 1_000_000_000, most


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    check_memory(tmp_path, 600)


@pytest.mark.deep
def test_nor_does_it_of_two_gigabytes(tmp_path: Path) -> None:
    check_memory(tmp_path, 6000)
