"""A tiny training run that several test files share, in this process or in others that they start."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
import pytest

from ecjax import data
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import TrainingSettings, train

CONFIG = TransformerConfig(vocab_size=16, d_model=8, heads=1, layers=1, head_dim=8, mlp_dim=16, context=8)
SETTINGS = TrainingSettings(steps=10, batch_size=8, warmup=2, learning_rate=1e-2)


def model(seed: int = 0, config: TransformerConfig = CONFIG) -> Transformer:
    return Transformer(config, key=jax.random.key(seed))


def examples(seed: int = 0, batch_size: int = SETTINGS.batch_size) -> grain.DatasetIterator:
    """Slices of 0, 1, ..., 15, 0, 1, ...: what comes next is certain."""
    sequence = np.tile(np.arange(16, dtype=np.uint8), 40)
    return data.batches(data.Slices(sequence, range(0, 600, 7), 12), batch_size, seed)


def same(a: Transformer, b: Transformer) -> bool:
    return weights_digest(a) == weights_digest(b)


def weights_digest(trained: Transformer) -> str:
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(trained))).hexdigest()


def start(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A process of its own, forked from one that has imported everything but touched no device."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.runs", "orbax.checkpoint"])
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


class Recording(grain.DatasetIterator):
    """Batches, the last of which is remembered."""

    def __init__(self, batches: grain.DatasetIterator) -> None:
        super().__init__()
        self._batches = batches

    def get_state(self) -> dict[str, Any]:
        return self._batches.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches.set_state(state)

    def __next__(self) -> Any:
        self.last = next(self._batches)
        return self.last


class Stopped(Exception):
    pass


def stop_at(last: int) -> Callable[..., None]:
    """A `report` that ends a run after a step, before its checkpoint."""

    def report(step: int, loss: float, model: Transformer) -> None:
        if step == last:
            raise Stopped

    return report


def unexpected(*arguments: object) -> None:
    pytest.fail(f"called with {arguments}")


def contents(directory: Path) -> dict[str, bytes | None]:
    """All that is in a folder, but for the lock."""
    paths = (path for path in directory.rglob("*") if path.name != "run.lock")
    return {str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in paths}


def is_one_line(error: BaseException) -> bool:
    return str(error).isprintable() and 0 < len(str(error)) < 1500


def use_cpus(count: int, cache: Path) -> None:
    """Makes this process have `count` devices, compile fast, and keep compiled code in `cache` for others."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count} --xla_backend_optimization_level=0"
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def train_and_log(directory: Path, log: Path, cache: Path, address: str | None = None, index: int = 0) -> None:
    """Trains with a checkpoint at each step, and appends a line to `log` after each: step, loss, digest of the batch.

    The last line is `end` and the digest of the weights.

    Args:
      directory: The run's folder.
      log: The file of lines.
      cache: Folder for compiled code.
      address: Where the first of two processes waits for the other; None if there is one process.
      index: Which of the two this is.
    """
    use_cpus(1, cache)
    if address is not None:
        jax.distributed.initialize(address, 2, index)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    batches = Recording(examples())

    def report(step: int, loss: float, model: Transformer) -> None:
        batch = hashlib.sha256(np.asarray(batches.last).tobytes()).hexdigest()
        os.write(file, f"{step} {loss.hex()} {batch}\n".encode())

    trained, _ = train(model(), batches, SETTINGS, directory=directory, checkpoint_every=1, report=report)
    os.write(file, f"end {weights_digest(trained)}\n".encode())


def free_address() -> str:
    """An address on this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []
