"""Training in processes of its own: killed and started again, on eight devices, and in two processes at once."""

import functools
import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np
import pytest

from ecjax.training import TrainingState, train
from ecjax.training.devices import at, data_mesh, spread
from ecjax.training.own import Method
from ecjax.training.step import compiled_step
from tests.training.runs import SETTINGS, examples, free_address, lines, model, start, train_and_log, use_cpus

pytestmark = pytest.mark.slow

STEPS = list(range(1, SETTINGS.steps + 1))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def logged(log: Path, count: int) -> bool:
    return len(lines(log)) >= count


def writing(directory: Path) -> bool:
    """Whether a checkpoint is being written."""
    return any((directory / "checkpoints").glob("*.partial"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def undisturbed(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The log of a run that nothing happened to."""
    directory = tmp_path_factory.mktemp("undisturbed")
    process = start(train_and_log, directory / "run", directory / "log", cache)
    process.join()
    log = lines(directory / "log")
    assert process.exitcode == 0 and [entry[0] for entry in log] == [*map(str, STEPS), "end"]
    return log


def losses(log: list[list[str]]) -> list[float]:
    """The loss of each step, once."""
    by_step = {int(entry[0]): float.fromhex(entry[1]) for entry in log[:-1]}
    return [by_step[step] for step in STEPS]


def test_a_killed_run_goes_on_to_the_same_bits(undisturbed: list[list[str]], cache: Path, tmp_path: Path) -> None:
    log, directory, chance = tmp_path / "log", tmp_path / "run", random.Random(0)
    for kill in range(3):
        target = len(lines(log)) + chance.randint(1, 2)
        process = start(train_and_log, directory, log, cache)
        wait_until(functools.partial(logged, log, target))
        if kill % 2 == 0:
            wait_until(functools.partial(writing, directory))  # right in a checkpoint
        else:
            time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    process = start(train_and_log, directory, log, cache)
    process.join()
    assert process.exitcode == 0

    *seen, end = lines(log)
    assert end == undisturbed[-1]
    # A step that came after the last checkpoint was done again: on the same examples, with the same loss.
    assert len(seen) > len(STEPS)
    assert all(entry == undisturbed[int(entry[0]) - 1] for entry in seen)
    assert sorted({int(entry[0]) for entry in seen}) == STEPS


def on_eight_devices(out: Path, cache: Path) -> None:
    use_cpus(8, cache)
    mesh, batch = data_mesh(), next(examples())
    placed = spread(batch, mesh, 1)
    state = at(TrainingState.begin(model(), SETTINGS), mesh, None)
    compiled = (
        cast(Any, compiled_step).lower((Method(SETTINGS), None), mesh, state, placed).compile().compiled.as_text()
    )
    refusal = ""
    try:
        train(model(), examples(batch_size=12), SETTINGS)
    except ValueError as error:
        refusal = str(error)
    results = {
        "devices": len(placed.sharding.device_set),
        "rows": [np.asarray(shard.data).tolist() for shard in placed.addressable_shards],
        "all_reduce": "all-reduce" in compiled,
        "refusal": refusal,
        "losses": train(model(), examples(), SETTINGS)[1],
    }
    out.write_text(json.dumps(results))


def test_eight_devices_give_the_losses_of_one(undisturbed: list[list[str]], cache: Path, tmp_path: Path) -> None:
    process = start(on_eight_devices, tmp_path / "out", cache)
    process.join()
    results = json.loads((tmp_path / "out").read_text())
    assert results["devices"] == 8 and results["all_reduce"]
    assert results["rows"] == np.asarray(next(examples()))[:, None].tolist()
    np.testing.assert_allclose(results["losses"], losses(undisturbed), rtol=1e-5)
    assert results["refusal"] == (
        "a batch of 12 examples cannot be spread evenly over 8 devices in 1 micro-batches; "
        "give a batch size that is a multiple of 8"
    )


def test_two_processes_give_the_losses_of_one(undisturbed: list[list[str]], cache: Path, tmp_path: Path) -> None:
    logs = [tmp_path / "log0", tmp_path / "log1"]

    def begin() -> list:
        address = free_address()
        return [start(train_and_log, tmp_path / "run", log, cache, address, i) for i, log in enumerate(logs)]

    processes = begin()
    for log in logs:
        wait_until(functools.partial(logged, log, 4))
    for process in processes:
        process.kill()
        process.join()
    for process in begin():
        process.join()
        assert process.exitcode == 0
    for log in map(lines, logs):
        assert log[-1] == lines(logs[0])[-1]  # the same weights
        assert len({entry[0] for entry in log}) == len(STEPS) + 1
        assert int(log[4][0]) > 1  # it went on, and did not begin anew
        np.testing.assert_allclose(losses(log), losses(undisturbed), rtol=1e-5)
        assert all(entry[2] == undisturbed[int(entry[0]) - 1][2] for entry in log[:-1])


def be_refused(out: Path, cache: Path, address: str, index: int) -> None:
    use_cpus(1, cache)
    jax.distributed.initialize(address, 2, index)
    file = out.parent / "file"
    told = []
    for directory, inputs in ((out.parent / "run", {"index": index}), (file, None)):
        try:
            train(model(), examples(), SETTINGS, directory=directory, inputs=inputs)
        except ValueError as error:
            told.append(str(error))
    out.write_text(json.dumps(told))


def test_two_processes_are_refused_together(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    outs, address = [tmp_path / "0", tmp_path / "1"], free_address()
    processes = [start(be_refused, out, cache, address, i) for i, out in enumerate(outs)]
    for process in processes:
        process.join()
    first, second = (json.loads(out.read_text()) for out in outs)
    assert first == second and not (tmp_path / "run").exists()
    assert first[0].startswith("the processes were given different settings, models, inputs or examples; give all")
    assert first[1] == f"{tmp_path / 'file'} is no folder; name one for the run, or one that is not there yet"
