"""What the commands that train have in common: a folder that is held, gone on from, and never mistaken for another."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from ecjax import atomic, data, serialisation
from ecjax.cli import streams
from ecjax.codebook import load_codebook
from ecjax.console import note, training_progress
from ecjax.models.dequantisation import dequantise
from ecjax.models.files import EXACT_KIND, load_exact, load_transformer
from ecjax.models.transformer import Transformer
from ecjax.training import TrainingSettings, extended_settings, record, train
from ecjax.training.endings import WindowExamples

if TYPE_CHECKING:
    import grain

MODEL, LOSSES = "model.safetensors", "losses.json"

Save = Callable[[Transformer, Sequence[float]], str]


class Batches(NamedTuple):
    """What a run is trained on.

    Attributes:
      iterator: Endless batches.
      examples: How many there are, in a pass over all of them.
    """

    iterator: grain.DatasetIterator
    examples: int


class Run(NamedTuple):
    """A training as a command has it.

    Attributes:
      out: Its folder.
      settings: What the run that is there has, with the steps by which it is extended.
      checkpoint_every: Steps between checkpoints.
      quiet: Whether nothing is told on the way.
    """

    out: Path
    settings: TrainingSettings
    checkpoint_every: int
    quiet: bool

    @classmethod
    def prepare(
        cls,
        out: Path,
        settings: TrainingSettings,
        extend: int | None,
        checkpoint_every: int,
        quiet: bool,
        inputs: Sequence[str | Path | None],
    ) -> Run:
        """Looks at the folder before anything is read.

        Raises:
          ValueError: If it holds another run, or a model that no run made, or if what the run writes is read by it.
        """
        read = [Path(path) for path in inputs if path is not None]
        streams.check_outputs(out, (MODEL, LOSSES), force=True, inputs=read)
        streams.check_outside(out, read)
        run = cls(out, extended_settings(out, settings, extend), checkpoint_every, quiet)
        for path in (out / MODEL, out / LOSSES):
            if path.exists() and not (out / record.NAME).exists():
                raise atomic.Existing(f"{path} is there, and no run that made it; name another folder")
        return run

    def batches(self, sources: Sequence[data.Source]) -> Batches:
        """Shuffled batches of the examples of each length."""
        chosen = sources if len(sources) > 1 else sources[0]
        iterator = data.batches(chosen, self.settings.batch_size, self.settings.seed)
        return Batches(iterator, sum(map(len, sources)))

    def train(
        self,
        model: Transformer,
        batches: Batches,
        inputs: Mapping[str, Any],
        bytes_per_token: float,
        save: Save,
    ) -> tuple[Transformer, dict[str, object]]:
        """Trains, or goes on; writes the model and the losses.

        Args:
          model: Where to begin.
          batches: What it is trained on.
          inputs: What the result depends on beside model and settings, as JSON.
          bytes_per_token: For what is shown.
          save: Writes the model and returns its fingerprint.

        Returns:
          The trained model, and what to report.
        """
        _check_model(self.out / MODEL, inputs)
        logging.getLogger("absl").setLevel(logging.ERROR)  # orbax warns of things that are as they should be
        first, settings, marks = jax.process_index() == 0, self.settings, []

        def finish(trained: Transformer, losses: list[float]) -> None:
            atomic.write_bytes(self.out / LOSSES, f"{json.dumps([round(x, 4) for x in losses])}\n".encode())
            marks.append(save(trained, losses))

        with training_progress(self.out.name, settings.total_steps, bytes_per_token, self.quiet or not first) as report:
            trained, losses = train(
                model,
                batches.iterator,
                settings,
                directory=self.out,
                inputs=inputs,
                checkpoint_every=self.checkpoint_every,
                report=report,
                save=finish,
                warn=note,
            )
        last = float(np.mean(losses[-100:]))
        results = {
            "model": str(self.out / MODEL),
            "fingerprint": marks[0] if marks else None,
            "weights": sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(trained, eqx.is_array))),
            "steps": len(losses),
            "examples": batches.examples,
            "training_loss": last,
            "training_bits_per_byte": last / np.log(2) / bytes_per_token,
        }
        return trained, results


def _check_model(path: Path, inputs: Mapping[str, Any]) -> None:
    """Raises ValueError if the model in a run's folder was made of other texts, or otherwise; a damaged one may go."""
    try:
        made = serialisation.read(path).provenance if path.exists() else inputs
    except ValueError:
        return
    if any(made.get(name) != inputs.get(name) for name in ("command", "texts")):
        raise atomic.Existing(f"{path} is not this run's; put it elsewhere, or use another folder")


class Examples(NamedTuple):
    """Text to train a byte model on.

    Attributes:
      text: All documents end to end.
      sources: Examples of each length.
      inputs: What they depend on, as `Run.train` wants it.
      bytes_per_symbol: Below 1 where windows have an end, which is a symbol too.
    """

    text: np.ndarray
    sources: list[data.Source]
    inputs: dict[str, Any]
    bytes_per_symbol: float = 1.0


def byte_examples(texts: Sequence[Path], starts: str | None, lengths: Sequence[int]) -> Examples:
    """Examples of bytes, which begin anywhere or where the windows of a codebook begin."""
    documents = data.read_documents(texts)
    text = data.concatenate(documents)
    codebook = None if starts is None else load_codebook(starts)
    begins = range(len(text)) if codebook is None else data.window_starts(codebook, documents)
    inputs = {
        "texts": data.fingerprint(documents),
        "starts": None if codebook is None else codebook.fingerprint,
        "lengths": list(lengths),
    }
    return Examples(text, [data.Slices(text, begins, length) for length in lengths], inputs)


def window_examples(texts: Sequence[Path], windows: str, length: int) -> Examples:
    """Examples of windows with their ends."""
    documents = data.read_documents(texts)
    codebook, text = load_codebook(windows), data.concatenate(documents)
    source = WindowExamples(codebook, codebook.encode_batch(documents), length)
    inputs = {"texts": data.fingerprint(documents), "windows": codebook.fingerprint}
    return Examples(text, [source], inputs, len(text) / (len(text) + len(source)))


def float_model(name_or_path: str, symbols: int) -> tuple[Transformer, str]:
    """A float Transformer to go on from, and its file's fingerprint; an exact model's weights are taken as floats.

    Raises ValueError if it predicts another number of symbols.
    """
    contents = serialisation.read(name_or_path)
    model = dequantise(load_exact(contents)) if contents.kind == EXACT_KIND else load_transformer(contents)
    if model.config.vocab_size != symbols:
        raise ValueError(
            f"{contents.name} predicts {model.config.vocab_size} symbols; --init wants a model of {symbols}, the 256 "
            "bytes and, with --windows, the end of the window"
        )
    return model, contents.fingerprint


def provenance(inputs: Mapping[str, Any], settings: TrainingSettings | None) -> dict[str, object]:
    """What a model's file says of how it came about."""
    return {**inputs, "settings": None if settings is None else dataclasses.asdict(settings)}


def join_processes() -> None:
    """Joins the processes that were started together. Raises ValueError if there are none."""
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise ValueError(
            "--distributed found no processes to join; start them with Slurm's srun or Open MPI's mpirun"
        ) from error
