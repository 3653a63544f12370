"""The two small language models of a demonstration: training, measurements on the way, samples."""

from __future__ import annotations

import dataclasses
import time

import jax
import numpy as np
from jaxtyping import Int32

from ecjax import data, evaluation
from ecjax.codebook import Codebook
from ecjax.console import Report, training_progress
from ecjax.demo.findings import Point, Sample, Trained
from ecjax.generation import SamplingSettings, generate
from ecjax.models.transformer import Transformer, TransformerConfig, configuration
from ecjax.tokenizers import Bytes
from ecjax.training import TrainingSettings, train

SIZE, CONTEXT, BATCH_SIZE, LEARNING_RATE = "tiny", 128, 16, 3e-3
POINTS = 8
"""How often a training is measured on the way."""
SAMPLING = SamplingSettings(temperature=0.8, top_p=0.95)
_TRIAL_STEPS = 8


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds that parts of a training take here.

    Attributes:
      start: The first step, with compilation.
      step: Every other step.
      measurement: A measurement on held-out text.
    """

    start: float
    step: float
    measurement: float

    def training(self, steps: int) -> float:
        """Seconds of a training of so many steps."""
        return self.start + steps * self.step + POINTS * self.measurement


@dataclasses.dataclass
class Run:
    """A language model's training, and what it was measured to be on held-out text."""

    name: str
    tokenizer: Codebook | Bytes
    training: Int32[np.ndarray, " n"]
    held_out: Int32[np.ndarray, " m"]
    held_out_bytes: int
    config: TransformerConfig
    curve: list[Point] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def over(cls, name: str, tokenizer: Codebook | Bytes, text: bytes, held_out: bytes) -> Run:
        """A run on `text`, measured on `held_out`."""
        config = configuration(SIZE, tokenizer.vocab_size, CONTEXT)
        training = data.token_stream(tokenizer, [text])
        return cls(name, tokenizer, training, tokenizer.encode(held_out), len(held_out), config)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of held-out text per token."""
        return self.held_out_bytes / len(self.held_out)

    @property
    def flops_per_step(self) -> int:
        """FLOPs of a training step."""
        return evaluation.training_flops_per_token(self.config) * BATCH_SIZE * CONTEXT

    def train(self, steps: int, seed: int) -> Transformer:
        """Trains a fresh model, measuring it on the way."""
        points = {max(1, steps * i // POINTS) for i in range(1, POINTS + 1)}
        began = time.perf_counter()
        with training_progress(self.name, steps, self.bytes_per_token) as progress:

            def report(step: int, loss: float, model: Transformer) -> None:
                progress(step, loss, model)
                if step in points:
                    self.curve.append(Point(step, float(step * self.flops_per_step), self._measured(model)))

            model = self._train(steps, seed, report)
        self.seconds = time.perf_counter() - began
        return model

    def speed(self) -> Speed:
        """How fast trainings are here, from a few steps and a measurement."""
        began, times = time.perf_counter(), list[float]()
        model = self._train(_TRIAL_STEPS, 0, lambda step, loss, model: times.append(time.perf_counter()))
        self._measured(model)  # it compiles
        measured = time.perf_counter()
        self._measured(model)
        return Speed(times[0] - began, float(np.median(np.diff(times))), time.perf_counter() - measured)

    def trained(self) -> Trained:
        """What was measured."""
        ids, text_bytes = self.tokenizer.vocab_size, self.held_out_bytes
        steps = self.curve[-1].step
        return Trained(
            name=self.name,
            vocab_size=ids,
            parameters=self.config.parameters,
            bytes_per_token=self.bytes_per_token,
            steps=steps,
            tokens=steps * BATCH_SIZE * CONTEXT,
            uniform=evaluation.uniform_bits_per_byte(ids, len(self.held_out), text_bytes),
            unigram=evaluation.unigram_bits_per_byte(self.training, self.held_out, ids, text_bytes),
            flops_per_byte=evaluation.flops_per_byte(self.config, self.bytes_per_token),
            curve=tuple(self.curve),
            seconds=self.seconds,
        )

    def sample(self, model: Transformer, prompt: bytes, text_bytes: int, seed: int) -> Sample:
        """Has the model continue a prompt by about so many bytes."""
        began = time.perf_counter()
        tokens, settings = round(text_bytes / self.bytes_per_token), dataclasses.replace(SAMPLING, seed=seed)
        pieces = list(generate(model, self.tokenizer, prompt, tokens, settings))
        return Sample(self.name, b"".join(pieces), len(pieces), time.perf_counter() - began)

    def _measured(self, model: Transformer) -> float:
        return evaluation.bits_per_byte(model, self.held_out, self.held_out_bytes)

    def _train(self, steps: int, seed: int, report: Report) -> Transformer:
        model = Transformer(self.config, key=jax.random.key(seed))
        # Examples begin anywhere: a short text makes too few that begin where another ended.
        examples = data.Slices(self.training, range(len(self.training)), CONTEXT)
        settings = TrainingSettings(steps, BATCH_SIZE, learning_rate=LEARNING_RATE, seed=seed)
        return train(model, data.batches(examples, BATCH_SIZE, seed), settings, report=report)[0]
