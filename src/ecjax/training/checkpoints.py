"""Checkpoints that a run goes on from, and the folder that one process holds."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import grain
import jax

from ecjax import atomic
from ecjax.training import manifest, record
from ecjax.training.processes import from_first
from ecjax.training.quiet import one_line_errors
from ecjax.training.step import TrainingState

_LOCK = "run.lock"
_STEP = re.compile(r"[1-9][0-9]{0,9}")
_LEFT = re.compile(r"[0-9]+\.[0-9a-f]{16}\.partial")
_DAMAGED = re.compile(r"([1-9][0-9]{0,9})\.[0-9a-f]{16}\.damaged")
_KEPT = 2


@contextlib.contextmanager
def opened(directory: Path, now: dict, warn: Callable[[str], None]) -> Iterator[Checkpoints]:
    """The checkpoints of the run in `directory`, which no other process then opens; all processes of a run share them.

    Args:
      directory: The run's folder, made if need be.
      now: What the run's result depends on (`record.describe`).
      warn: Told, in one line, of a damaged checkpoint that was passed over.

    Raises:
      ValueError: If another run is in the folder, another process holds it, or no checkpoint in it is whole.
      OSError: If the folder cannot be written.
    """
    orbax = _orbax()
    directory = directory.absolute()
    with contextlib.ExitStack() as stack:

        def begin() -> dict:
            record.going_on(directory, now, record.read(directory))  # before anything is changed
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_held(directory))
            was = record.read(directory)
            contents = record.going_on(directory, now, was)
            step, damaged = _newest(directory, contents["recorded"], warn)
            if contents != was:
                record.write(directory, contents)
            _sweep(directory / record.CHECKPOINTS, step, set())
            return {"step": step, "damaged": damaged, "token": secrets.token_hex(8), "contents": contents}

        found = from_first(begin)
        checkpointer = orbax.Checkpointer(orbax.CompositeCheckpointHandler())
        stack.callback(checkpointer.close)
        yield Checkpoints(directory, checkpointer, **found)


class Checkpoints:
    """Orbax checkpoints of a run: training state, data iterator, losses so far.

    Each is written beside its place, gets the checksums of its files, and is renamed: a process that dies, or a disk
    that is full, leaves the one before. The last two are kept.
    """

    def __init__(
        self, directory: Path, checkpointer: Any, *, step: int | None, damaged: list[int], token: str, contents: dict
    ) -> None:
        self._directory = directory
        self._root = directory / record.CHECKPOINTS
        self._checkpointer = checkpointer
        self._step = step
        self._damaged = set(damaged)
        self._token = token
        self._record = contents

    def restore(
        self, state: TrainingState, examples: grain.DatasetIterator, total_steps: int
    ) -> tuple[TrainingState, list[float]]:
        """State and losses of the last whole checkpoint, `examples` being set to what follows; or `state`.

        Raises:
          ValueError: If what is in it is not of this run.
        """
        step = self._step
        if step is None:
            return state, []
        arguments = _orbax().args
        arrays, static = eqx.partition(state, eqx.is_array)
        leaves, structure = jax.tree.flatten(arrays)
        items = arguments.Composite(state=arguments.StandardRestore(leaves), progress=arguments.JsonRestore())
        what = f"the checkpoint of step {step} in {self._directory} cannot be read"
        restored: Any = one_line_errors(
            what, lambda: self._checkpointer.restore(self._root / str(step) / manifest.FILES, args=items)
        )
        losses, place = restored.progress["losses"], restored.progress["examples"]
        if len(losses) != step or step > total_steps or not all(map(_is_loss, losses)):
            raise ValueError(f"{what}: its losses are not those of the first {step} of {total_steps} steps")
        one_line_errors(f"{what}: the examples do not go on from its place", lambda: examples.set_state(place))
        return eqx.combine(jax.tree.unflatten(structure, restored.state), static), losses

    def save(self, state: TrainingState, examples: grain.DatasetIterator, losses: list[float]) -> None:
        """Writes a checkpoint.

        Raises:
          OSError: If the disk is full, say; the checkpoints before stay.
        """
        step = len(losses)
        arguments = _orbax().args
        # All processes have come to the same place in the data, so one of them writes it down.
        progress = {"examples": examples.get_state(), "losses": losses}
        items = arguments.Composite(
            state=arguments.StandardSave(jax.tree.leaves(eqx.filter(state, eqx.is_array))),
            progress=arguments.JsonSave(progress),
        )
        partial = self._root / f"{step}.{self._token}.partial"
        what = f"the checkpoint of step {step} cannot be written to {self._directory}"
        try:
            one_line_errors(what, lambda: self._checkpointer.save(partial / manifest.FILES, args=items))
            from_first(lambda: one_line_errors(what, lambda: self._put_in_place(partial, step)))
        except BaseException:  # a request to end, too
            if jax.process_index() == 0:
                shutil.rmtree(partial, ignore_errors=True)
            raise

    def finish(self, total_steps: int) -> None:
        """Marks the results of the run as kept."""
        if jax.process_index() == 0 and self._record["recorded"] != total_steps:
            record.write(self._directory, self._record | {"recorded": total_steps})

    def _put_in_place(self, partial: Path, step: int) -> None:
        manifest.write(partial, step)
        place = self._root / str(step)
        if os.path.lexists(place):  # one that is damaged, or else the run would have gone on from it
            os.rename(place, self._root / f"{step}.{secrets.token_hex(8)}.damaged")
            self._damaged.discard(step)
        os.rename(partial, place)
        atomic.sync_folder(self._root)
        _sweep(self._root, step, self._damaged)


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Holds a folder for as long as this process lives and the context lasts."""
    with (directory / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process trains in {directory}; wait until it has ended, or use another folder"
            ) from None
        yield


def _newest(directory: Path, recorded: int, warn: Callable[[str], None]) -> tuple[int | None, list[int]]:
    """The step of the newest whole checkpoint, or None if there is none at all; and of the damaged ones after it."""
    root, damaged = directory / record.CHECKPOINTS, list[int]()
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root} is no folder; it should hold the run's checkpoints; use another folder")
    faults = []
    for step in sorted(_steps(root), reverse=True):
        fault = manifest.fault(root / str(step), step)
        if fault is None:
            for line in faults:
                warn(f"{line}; going on from step {step}")
            return step, damaged
        faults.append(f"the checkpoint of step {step} in {directory} is damaged: {fault}")
        damaged.append(step)
    if faults:
        raise ValueError(f"{faults[0]}, and no older one is whole; put a copy back, or use another folder")
    if recorded:
        raise ValueError(f"{directory} holds a finished run, but its checkpoints are gone; use another folder")
    return None, []


def _steps(root: Path) -> list[int]:
    return [int(name) for name in os.listdir(root) if _STEP.fullmatch(name)] if root.is_dir() else []


def _sweep(root: Path, newest: int | None, damaged: set[int]) -> None:
    """Removes what was not finished, and what comes before the last whole checkpoints, of which `newest` is one.

    Those of the steps in `damaged` are not whole; they go once a newer one is.
    """
    whole = sorted(step for step in _steps(root) if newest is not None and step <= newest and step not in damaged)
    gone = [*whole[:-_KEPT], *(step for step in damaged if newest is not None and step <= newest)]
    for name in os.listdir(root) if root.is_dir() else []:
        found = _DAMAGED.fullmatch(name)
        replaced = found is not None and newest is not None and int(found[1]) <= newest
        if replaced or name in map(str, gone) or _LEFT.fullmatch(name):
            with contextlib.suppress(OSError):  # what stays does no harm
                _remove(root / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_loss(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _orbax() -> Any:
    try:
        import orbax.checkpoint as orbax
    except ImportError as error:
        raise ImportError("checkpoints need orbax: pip install 'ecjax[train]'") from error
    return orbax
