"""What a training run is made of, and its optimiser."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax.numpy as jnp
import optax

Optimizer = Literal["adamw", "paper"]
Compute = Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What a training run is made of, besides model and data.

    Attributes:
      steps: Optimiser steps in all.
      batch_size: Examples per step.
      optimizer: "adamw" (cosine decay to zero; for small runs) or "paper" (Adafactor with the paper's schedule, sec.
        3.2).
      learning_rate: Peak learning rate of "adamw"; "paper" has its own.
      warmup: Steps of linear warm-up of "adamw".
      z_loss: Weight of the squared log of the softmax's normaliser.
      seed: Seed of initialisation and data order.
      compute: In what the model's products are computed. Weights, optimiser, norms' statistics, softmaxes and losses
        are float32 either way.
      accumulate: Equal micro-batches that a step's batch is worked off in, to need less memory.
      remat: Whether the backward pass computes each layer's activations anew, to need less memory.

    Raises:
      ValueError: If `accumulate` does not divide `batch_size`.
    """

    steps: int
    batch_size: int
    optimizer: Optimizer = "adamw"
    learning_rate: float = 3e-3
    warmup: int = 100
    z_loss: float = 1e-4
    seed: int = 0
    compute: Compute = "float32"
    accumulate: int = 1
    remat: bool = False

    def __post_init__(self) -> None:
        if self.accumulate < 1 or self.batch_size % self.accumulate:
            raise ValueError(
                f"a batch of {self.batch_size} examples does not make {self.accumulate} equal micro-batches; "
                "the batch size must be a multiple of their number"
            )


def make_optimizer(settings: TrainingSettings) -> optax.GradientTransformation:
    """The optimiser that `settings` names."""
    if settings.optimizer == "paper":
        return optax.adafactor(lambda step: 1.0 / jnp.sqrt(jnp.maximum(step, 10_000)))
    warmup = min(settings.warmup, settings.steps // 2)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup, settings.steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01))
