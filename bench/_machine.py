"""The machine that a measurement runs on: one core of it, what else is worth knowing of it, and its clock."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

Clock = Callable[[], float]
"""Seconds since some moment."""

_LIBRARIES = ("ecjax", "jax", "jaxlib", "equinox", "numpy", "sentencepiece", "tokenizers", "tiktoken", "constriction")


def use_one_core(core: int | None = None) -> None:
    """Binds this process to one core, so that all candidates have the same. Call it before JAX is imported."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0)) if core is None else core})
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def use_core_of(queue: Queue[int]) -> None:
    """Binds this process to the next core of a queue; when there is none left, to none."""
    with contextlib.suppress(Empty):
        use_one_core(queue.get(timeout=1))


def environment() -> dict[str, Any]:
    """Versions, platform and cores."""
    import jax

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "backend": jax.default_backend(),
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name)) is not None},
    }


def best_seconds(run: Callable[[], Any], repeats: int, clock: Clock = time.perf_counter) -> float:
    """The shortest of `repeats` times of a run, after one run that is not timed."""
    return alternating_seconds([run], repeats, clock)[0]


def alternating_seconds(
    runs: Sequence[Callable[[], Any]], repeats: int, clock: Clock = time.perf_counter
) -> list[float]:
    """The shortest time of each run, all taken in turns, after one turn that is not timed.

    `time.process_time` as the clock counts what all threads of this process computed. On one core that is the time that
    a run takes while nothing else wants the core.
    """
    seconds = [[] for _ in runs]
    for _ in range(repeats + 1):
        for run, times in zip(runs, seconds, strict=True):
            begin = clock()
            run()
            times.append(clock() - begin)
    return [min(times[1:]) for times in seconds]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    return lines[0].partition(":")[2].strip() if lines else platform.processor()
