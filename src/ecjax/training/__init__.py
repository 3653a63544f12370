"""Training of Transformers over bytes or tokens: the step, on one device or many, and a loop that resumes exactly."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.training.choices import Compute, Optimizer
    from ecjax.training.devices import data_mesh, spread
    from ecjax.training.layout import shardings
    from ecjax.training.loop import train
    from ecjax.training.losses import Masked, cross_entropy
    from ecjax.training.optimizers import make_optimizer
    from ecjax.training.own import LanguageModel, Loss
    from ecjax.training.record import extended_settings
    from ecjax.training.settings import TrainingSettings
    from ecjax.training.step import TrainingState, training_step

__all__ = [
    "Compute",
    "LanguageModel",
    "Loss",
    "Masked",
    "Optimizer",
    "TrainingSettings",
    "TrainingState",
    "cross_entropy",
    "data_mesh",
    "extended_settings",
    "make_optimizer",
    "shardings",
    "spread",
    "train",
    "training_step",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".choices": ["Compute", "Optimizer"],
        ".devices": ["data_mesh", "spread"],
        ".layout": ["shardings"],
        ".loop": ["train"],
        ".losses": ["Masked", "cross_entropy"],
        ".optimizers": ["make_optimizer"],
        ".own": ["LanguageModel", "Loss"],
        ".record": ["extended_settings"],
        ".settings": ["TrainingSettings"],
        ".step": ["TrainingState", "training_step"],
    },
    extra="train",
)
