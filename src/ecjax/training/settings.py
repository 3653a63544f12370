"""What a training run is made of."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, get_args

import numpy as np

from ecjax.checks import check_integer
from ecjax.training.choices import Compute, Optimizer

_LARGEST = 2**31 - 1  # optimisers count in int32
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What a training run is made of, besides model and data.

    Attributes:
      steps: Optimiser steps, before any that a run is extended by.
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
      extended: Steps of each leg that the run was extended by. In a leg, "adamw" warms up and decays to zero anew, its
        moments carried over; "paper" goes on with its schedule.

    Raises:
      ValueError: If a field is none of these, is out of range, or if `accumulate` does not divide `batch_size`.
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
    extended: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            check_integer(name, getattr(self, name), 1)
        for name in ("warmup", "seed"):
            check_integer(name, getattr(self, name), 0)
        for name in ("learning_rate", "z_loss"):
            _check_size(name, getattr(self, name))
        _check_choice("optimizer", self.optimizer, get_args(Optimizer))
        _check_choice("compute", self.compute, get_args(Compute))
        if type(self.remat) is not bool:
            raise ValueError(f"remat must be True or False, got {self.remat!r}")
        if type(self.accumulate) is not int or self.accumulate < 1 or self.batch_size % self.accumulate:
            raise ValueError(
                f"a batch of {self.batch_size} examples does not make {self.accumulate!r} equal micro-batches; "
                "the batch size must be a multiple of their number"
            )
        if type(self.extended) is not tuple:
            raise ValueError(f"extended must be a tuple of numbers of steps, got {self.extended!r}")
        for leg in self.extended:
            check_integer("each leg of extended", leg, 1)
        if self.total_steps > _LARGEST:
            raise ValueError(f"a run has at most {_LARGEST:,} steps, got {self.total_steps:,}")

    @property
    def total_steps(self) -> int:
        """Steps in all, those of the legs included."""
        return self.steps + sum(self.extended)

    def until(self, step: int) -> TrainingSettings:
        """The settings without the legs after the one of `step`, the first step being 1: nothing later may matter."""
        ends = itertools.accumulate(self.extended, initial=self.steps)
        legs = sum(end < step for end in ends)
        return dataclasses.replace(self, extended=self.extended[:legs])


def _check_size(name: str, value: Any) -> None:
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST_FLOAT:  # NaN is not either
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if hasattr(value, "init") and hasattr(value, "update"):
        raise ValueError(
            f"the settings' {name} must be one of {', '.join(map(repr, choices))}; give an optax transformation of "
            "your own to train(..., optimizer=...)"
        )
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
