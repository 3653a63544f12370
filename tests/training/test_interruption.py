"""A run whose process is killed goes on to the same bits, and has seen the same examples."""

import functools
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.runs import lines, start, train_and_log

STEPS = 9


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def logged(log: Path, count: int) -> bool:
    return len(lines(log)) >= count


def writing(directory: Path) -> bool:
    """Whether a checkpoint is being written."""
    return any((directory / "checkpoints").glob("*tmp*"))


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    undisturbed, log, directory, cache = (tmp_path / name for name in ("whole.log", "log", "run", "cache"))
    process = start(train_and_log, tmp_path / "whole", undisturbed, STEPS, cache)
    process.join()
    assert process.exitcode == 0
    *whole, end = lines(undisturbed)
    assert [int(step) for step, _, _ in whole] == list(range(1, STEPS + 1)) and end[0] == "end"

    chance = random.Random(0)
    for kill in range(3):
        target = len(lines(log)) + chance.randint(1, 2)
        process = start(train_and_log, directory, log, STEPS, cache)
        wait_until(functools.partial(logged, log, target))
        if kill % 2 == 0:
            wait_until(functools.partial(writing, directory))  # right in a checkpoint
        else:
            time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    process = start(train_and_log, directory, log, STEPS, cache)
    process.join()
    assert process.exitcode == 0

    *seen, last = lines(log)
    assert last == end
    # A step that came after the last checkpoint was done again: on the same examples, with the same loss.
    assert len(seen) > STEPS
    assert all(entry == whole[int(entry[0]) - 1] for entry in seen)
    assert {int(entry[0]) for entry in seen} == set(range(1, STEPS + 1))
