"""Training of Transformers over bytes or tokens: the step, on one device or many, and a loop that resumes exactly."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.training.choices import Compute, Optimizer
    from ecjax.training.loop import train
    from ecjax.training.own import LanguageModel, Loss
    from ecjax.training.record import extended_settings
    from ecjax.training.settings import TrainingSettings, make_optimizer
    from ecjax.training.step import Masked, TrainingState, cross_entropy, training_step

__all__ = [
    "Compute",
    "LanguageModel",
    "Loss",
    "Masked",
    "Optimizer",
    "TrainingSettings",
    "TrainingState",
    "cross_entropy",
    "extended_settings",
    "make_optimizer",
    "train",
    "training_step",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".choices": ["Compute", "Optimizer"],
        ".loop": ["train"],
        ".own": ["LanguageModel", "Loss"],
        ".record": ["extended_settings"],
        ".settings": ["TrainingSettings", "make_optimizer"],
        ".step": ["Masked", "TrainingState", "cross_entropy", "training_step"],
    },
)
