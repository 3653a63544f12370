"""Checkpoints that a run goes on from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import grain
import jax

from ecjax import atomic
from ecjax.models.transformer import Transformer
from ecjax.training.settings import TrainingSettings
from ecjax.training.step import TrainingState


class Checkpoints:
    """Orbax checkpoints of a run: training state, data iterator, losses so far. All processes share one folder.

    A checkpoint is written beside its place and renamed: a process that dies leaves the one before.
    """

    def __init__(self, directory: Path, settings: TrainingSettings, model: Transformer) -> None:
        """Opens the checkpoints in `directory`, made if need be.

        Raises:
          ValueError: If it holds a run with other settings or another model.
        """
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            raise ImportError("checkpoints need orbax: pip install 'ecjax[train]'") from error
        self._ocp = ocp
        directory = directory.absolute()
        run = {"settings": dataclasses.asdict(settings), "model": dataclasses.asdict(model.config)}
        record, contents = directory / "run.json", json.dumps(run, indent=2) + "\n"
        if record.exists() and record.read_text() != contents:
            raise ValueError(f"{directory} holds a run with other settings; use them again, or another folder")
        if jax.process_index() == 0:
            atomic.write_bytes(record, contents.encode())
        self._manager = ocp.CheckpointManager(
            directory / "checkpoints",
            options=ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True),
        )

    def restore(self, state: TrainingState, examples: grain.DatasetIterator) -> tuple[TrainingState, list[float]]:
        """State and losses of the last checkpoint, `examples` being set to what follows; if there is none, `state`."""
        step = self._manager.latest_step()
        if step is None:
            return state, []
        arrays, static = eqx.partition(state, eqx.is_array)
        leaves, structure = jax.tree.flatten(arrays)
        items = self._ocp.args.Composite(
            state=self._ocp.args.StandardRestore(leaves), progress=self._ocp.args.JsonRestore()
        )
        restored: Any = self._manager.restore(step, args=items)
        examples.set_state(restored.progress["examples"])
        return eqx.combine(jax.tree.unflatten(structure, restored.state), static), restored.progress["losses"]

    def save(self, state: TrainingState, examples: grain.DatasetIterator, losses: list[float]) -> None:
        """Writes a checkpoint."""
        # All processes have come to the same place in the data, so one of them writes it down.
        progress = {"examples": examples.get_state(), "losses": losses}
        items = self._ocp.args.Composite(
            state=self._ocp.args.StandardSave(jax.tree.leaves(eqx.filter(state, eqx.is_array))),
            progress=self._ocp.args.JsonSave(progress),
        )
        self._manager.save(len(losses), args=items)
        # The next step consumes the state that is being written.
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Lets go of the folder."""
        self._manager.close()
