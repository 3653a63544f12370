"""Training of Transformers over bytes or tokens: the step, on one device or many, and a loop that resumes exactly."""

from ecjax.training.loop import train
from ecjax.training.settings import Compute, Optimizer, TrainingSettings, make_optimizer
from ecjax.training.step import Masked, TrainingState, cross_entropy, training_step

__all__ = [
    "Compute",
    "Masked",
    "Optimizer",
    "TrainingSettings",
    "TrainingState",
    "cross_entropy",
    "make_optimizer",
    "train",
    "training_step",
]
