"""Runs under fire: interrupted, ended and killed at random moments, they come to the bits of one left alone."""

import contextlib
import json
import os
import random
import re
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ecjax.models.transformer import Transformer
from ecjax.training import train
from tests.training.runs import SETTINGS, examples, lines, model, start, use_cpus, weights_digest

pytestmark = pytest.mark.slow

BROKEN = 3  # the exit status of a process in which JAX cannot go on


def train_under_fire(directory: Path, log: Path, cache: Path, printed: Path) -> None:
    """Trains, and begins again when a signal ends it, as people do in notebooks; what is printed goes to `printed`.

    Lines of `log`: `begin`, `step` and its loss, `stopped`, and at last `end` and a digest of the weights.
    """
    os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    use_cpus(1, cache)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def report(step: int, loss: float, _: Transformer) -> None:
        os.write(file, f"step {step} {loss.hex()}\n".encode())

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    trained, stopped = None, False
    while trained is None:
        try:
            signal.signal(signal.SIGTERM, end)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.write(file, b"begin\n")
            trained, _ = train(model(), examples(), SETTINGS, directory=directory, checkpoint_every=1, report=report)
        except (KeyboardInterrupt, SystemExit):
            stopped = True
            os.write(file, b"stopped\n")
        except (ValueError, OSError):
            raise
        except Exception:
            # An interrupt while JAX imports or traces something may leave it unable to do so again in this process.
            os._exit(BROKEN if stopped else 1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.write(file, f"end {weights_digest(trained)}\n".encode())


def count(log: Path, word: str) -> int:
    return sum(entry[0] == word for entry in lines(log) if entry)


def wait(process: BaseProcess, condition: Callable[[], bool], seconds: float) -> None:
    """Waits for a condition, the process's end, or for some time."""
    deadline = time.monotonic() + seconds
    while not condition() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)


def fire(process: BaseProcess, log: Path, begun: int, signals: int, chance: random.Random) -> None:
    """Stops a process at random moments, each time waiting until it has begun again, and kills it at last.

    `begun` is how many times `log` says `begin` from the processes before.
    """
    if chance.random() < 0.2:
        signals = 0
    else:
        wait(process, lambda: count(log, "begin") > begun, seconds=120)
    for _ in range(signals):
        time.sleep(chance.uniform(0, 0.4))
        if not process.is_alive() or process.pid is None:
            return
        begun = count(log, "begin")
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, chance.choice([signal.SIGINT, signal.SIGTERM]))
        # Python loses an interrupt that comes while it collects garbage: JAX has a callback there.
        wait(process, lambda before=begun: count(log, "begin") > before, seconds=3)
    time.sleep(chance.uniform(0, 0.3))
    process.kill()


@pytest.mark.parametrize(
    ("runs", "kills", "signals"), [(1, 2, 3), pytest.param(25, 3, 5, marks=pytest.mark.deep)], ids=["few", "many"]
)
def test_runs_under_fire(tmp_path: Path, runs: int, kills: int, signals: int) -> None:
    chance, cache, printed = random.Random(runs), tmp_path / "cache", tmp_path / "printed"

    def begin(run: str) -> tuple[BaseProcess, Path]:
        log = tmp_path / f"{run}.log"
        return start(train_under_fire, tmp_path / run, log, cache, printed), log

    process, log = begin("undisturbed")
    process.join()
    *undisturbed, end = lines(log)
    losses = {entry[1]: entry[2] for entry in undisturbed if entry[0] == "step"}
    assert process.exitcode == 0 and len(losses) == SETTINGS.steps
    for run in map(str, range(runs)):
        for _ in range(kills):
            begun = count(tmp_path / f"{run}.log", "begin")
            process, log = begin(run)
            fire(process, log, begun, signals, chance)
            process.join()
            assert process.exitcode in (0, BROKEN, -signal.SIGKILL)
        process, log = begin(run)
        process.join()
        assert process.exitcode == 0 and lines(log)[-1] == end
        assert all(losses[entry[1]] == entry[2] for entry in lines(log) if entry[0] == "step")
        assert sorted(path.name for path in (tmp_path / run).iterdir()) == ["checkpoints", "run.json", "run.lock"]
        assert sorted(path.name for path in (tmp_path / run / "checkpoints").iterdir()) == ["10", "9"]
        assert json.loads((tmp_path / run / "run.json").read_text())["recorded"] == SETTINGS.steps
    # What Python says of an interrupt in a destructor may be there; what tasks say that were let go of may not.
    tasks = "Event loop is closed|never retrieved|was destroyed|never awaited"
    assert not re.search(tasks, printed.read_text())
