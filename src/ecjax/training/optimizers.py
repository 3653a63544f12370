"""The optimisers that settings name."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import optax
from jaxtyping import Array, ArrayLike, Float, Integer

from ecjax.training.settings import TrainingSettings


def paper_schedule(step: Integer[ArrayLike, ""]) -> Float[Array, ""]:
    """The learning rate of "paper" at a step, from 0: `1 / sqrt(step)`, the first 10,000 steps being the 10,000th.

    That is T5X's "constant * rsqrt_decay" with a base learning rate of 1 and 10,000 steps of warm-up.
    """
    return 1.0 / jnp.sqrt(jnp.maximum(step, 10_000))


def make_optimizer(settings: TrainingSettings) -> optax.GradientTransformation:
    """The optimiser that `settings` names."""
    if settings.optimizer == "paper":
        return optax.adafactor(paper_schedule)
    legs = [_warm_up_and_decay(settings, steps) for steps in (settings.steps, *settings.extended)]
    ends = list(itertools.accumulate((settings.steps, *settings.extended)))
    schedule = optax.join_schedules(legs, ends[:-1]) if settings.extended else legs[0]
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01))


def _warm_up_and_decay(settings: TrainingSettings, steps: int) -> optax.Schedule:
    warmup = min(settings.warmup, steps // 2)
    return optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup, steps)
