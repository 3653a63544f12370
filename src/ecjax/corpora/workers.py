"""Shards made side by side by processes of this machine, which end with the one that started them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jax

from ecjax import atomic
from ecjax.corpora.encoder import Encoder
from ecjax.corpora.making import Facts, make
from ecjax.corpora.plan import Settings, Shard

_TRIES = 3  # times in a row that a process may be killed before any shard is done
_EVERY = 0.25  # seconds between reports

_PATIENCE = 20.0  # seconds that a process may take to end by itself

Watch = Callable[[int, int], None]


class _Task:
    """What a process works on: the same for every shard.

    Attributes:
      told: For each shard the bytes that are read and the documents that are encoded.
    """

    def __init__(self, out: Path, settings: Settings, encoder: Encoder, told: Any) -> None:
        self.out, self.settings, self.encoder, self.told = out, settings, encoder, told

    def make(self, shard: Shard, watch: Watch | None = None) -> Facts:
        def tell(read: int, documents: int) -> None:
            self.told[2 * shard.number], self.told[2 * shard.number + 1] = read, documents
            if watch is not None:
                self.report(watch)

        return make(self.out, shard, self.settings, self.encoder, tell)

    def report(self, watch: Watch) -> None:
        """Tells the sums over all shards."""
        watch(sum(self.told[::2]), sum(self.told[1::2]))


_TASKS: list[_Task] = []  # of this process, if it is one of a pool


def run(
    out: Path, shards: Sequence[Shard], settings: Settings, encoder: Encoder, workers: int, watch: Watch
) -> Iterator[Facts]:
    """Makes shards, and gives what is told of each once it is done, in any order.

    If a process is killed, what it was about is done anew by another.

    Args:
      out: The folder.
      shards: The shards.
      settings: Those of the plan.
      encoder: The encoder of the plan's codebook.
      workers: How many processes; 1 is this one.
      watch: Is told now and then how many bytes of the sources are read and how many documents are encoded, in all.

    Raises:
      ValueError: As `make` does, or if processes are killed again and again.
      OSError: As `make` does.
    """
    count = 1 + max((shard.number for shard in shards), default=0)
    if workers == 1 or len(shards) < 2:
        task = _Task(out, settings, encoder, [0] * 2 * count)
        for shard in shards:
            yield task.make(shard, watch)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process that runs JAX hangs
    told = context.RawArray("q", 2 * count)
    task = _Task(out, settings, encoder, told)
    left, failures = {shard.number: shard for shard in shards}, 0
    while left:
        try:
            for shard, facts in _pool(context, list(left.values()), task, min(workers, len(left)), watch):
                del left[shard.number]
                failures = 0
                yield facts
        except BrokenProcessPool:
            failures += 1
            if failures == _TRIES:
                raise ValueError(
                    f"a process that tokenises was killed {_TRIES} times in a row; if memory is short, take fewer "
                    "--workers; the same command goes on"
                ) from None


def _pool(
    context: Any, shards: Sequence[Shard], task: _Task, workers: int, watch: Watch
) -> Iterator[tuple[Shard, Facts]]:
    """One pool of processes. Raises BrokenProcessPool if one is killed."""
    alive, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, context, _start, (task, alive))
    try:
        try:
            with _ctrl_c_is_ours():
                futures = {executor.submit(_make, shard): shard for shard in shards}
        except BrokenPipeError as error:  # one was killed before it had read what it is to do
            raise BrokenProcessPool("a process was killed when it began") from error
        pending = set(futures)
        while pending:
            done, pending = wait(pending, _EVERY, FIRST_COMPLETED)
            for future in done:
                yield futures[future], future.result()
            task.report(watch)
        executor.shutdown()
    finally:
        ours.close()  # which ends the processes, whatever they are about
        alive.close()
        executor.shutdown(cancel_futures=True)


def _make(shard: Shard) -> Facts:
    return _TASKS[0].make(shard)


def _start(task: _Task, alive: Connection) -> None:
    """Begins a process of a pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is told too, and ends this one
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: _end())
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    jax.config.update("jax_platforms", "cpu")  # an accelerator is not for each of many processes to take
    _TASKS.append(task)


def _end_with(alive: Connection) -> None:
    """Ends this process once the first one has closed its end of the pipe, or is gone."""
    with contextlib.suppress(OSError, EOFError):
        alive.recv()
    os.kill(os.getpid(), signal.SIGTERM)  # the main thread removes what it writes, and writes nothing after that
    time.sleep(_PATIENCE)
    _end()


def _end() -> None:
    atomic.abandon()
    os._exit(1)


@contextlib.contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C, not even before `_start` runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
