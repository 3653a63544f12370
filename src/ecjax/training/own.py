"""What a caller may bring to a run: a model, an optimiser and a loss of their own."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Integer

from ecjax.models.transformer import Transformer
from ecjax.training.settings import TrainingSettings

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@runtime_checkable
class LanguageModel(Protocol):
    """An Equinox module that predicts each token of one text from those before it.

    `model(ids)` takes int `[n]` and gives float logits `[n, v]`: row `i` predicts `ids[i]` and must depend on
    `ids[:i]` alone. So row 0 predicts the first token from nothing.

    To read several texts that are packed into one row, it takes `segments` besides, int `[n]`, by that name: the
    number is the same for all ids of one text, and another for the text after it. A text must be read as if it were
    alone.
    """

    def __call__(self, ids: Integer[Array, " n"], /) -> Float[Array, "n v"]: ...


Model = TypeVar("Model", bound=LanguageModel)
Loss = Callable[[Float[Array, "n v"], Integer[Array, " n"]], Float[Array, " n"]]
"""From float32 logits and the ids of one text to the loss of each id."""


class Method(NamedTuple):
    """How steps are taken: settings, and what is used in the place of their own parts.

    Attributes:
      settings: Of the run.
      optimizer: Instead of the settings' optimiser, learning rate and warm-up; None takes those.
      loss: Instead of cross-entropy and z-loss; None takes those.
    """

    settings: TrainingSettings
    optimizer: optax.GradientTransformation | None = None
    loss: Loss | None = None

    @property
    def own(self) -> list[str]:
        """The names of what is the caller's own."""
        return [name for name in ("optimizer", "loss") if getattr(self, name) is not None]

    def check(self, model: LanguageModel) -> None:
        """Raises ValueError if a part is of the wrong kind, or does not go with the model."""
        if self.optimizer is not None and not isinstance(self.optimizer, optax.GradientTransformation):
            raise ValueError(f"optimizer must be an optax transformation, got a {type(self.optimizer).__name__}")
        if self.loss is not None and not callable(self.loss):
            raise ValueError(f"loss must be a function of logits and ids, got a {type(self.loss).__name__}")
        if self.settings.remat and not isinstance(model, Transformer):
            raise ValueError(
                f"remat is for ecjax's Transformer, and the model is a {type(model).__name__}; call the layers of "
                "your own model through eqx.filter_checkpoint instead"
            )


def vocab_size(model: LanguageModel, ids: Integer[Any, "b n"]) -> int:
    """How many ids a model knows: what it says as `config.vocab_size` or `vocab_size`, else the width of its logits.

    Args:
      model: Is only traced.
      ids: A batch, for its shape and type.

    Raises:
      ValueError: If the model has nothing to train, does not give logits `[n, v]`, or gives fewer than it says.
    """
    if isinstance(model, Transformer):
        return model.config.vocab_size
    name = type(model).__name__
    if not jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)):
        raise ValueError(f"the {name} has no arrays of floats, so there is nothing to train; give an Equinox module")
    logits = eqx.filter_eval_shape(model, jax.ShapeDtypeStruct(ids.shape[1:], ids.dtype))
    length = ids.shape[1]
    if not (
        isinstance(logits, jax.ShapeDtypeStruct)
        and len(logits.shape) == 2
        and logits.shape[0] == length
        and jnp.issubdtype(logits.dtype, jnp.floating)
    ):
        raise ValueError(
            f"for ids of shape [{length}] the {name} gives {logits}; it must give logits of floats of shape "
            f"[{length}, v], whose row i predicts ids[i] from those before"
        )
    said = getattr(getattr(model, "config", None), "vocab_size", getattr(model, "vocab_size", logits.shape[1]))
    if said > logits.shape[1]:
        raise ValueError(f"the {name} says that it knows {said} ids, but gives logits of {logits.shape[1]}")
    return said


def segmented(model: LanguageModel) -> Callable[..., Float[Array, "n v"]]:
    """The model, as what reads packed texts: `model(ids, segments=segments)`.

    Raises:
      ValueError: If it does not take segments.
    """
    taken = inspect.signature(model.__call__).parameters.values()
    if not any(x.name == "segments" or x.kind is inspect.Parameter.VAR_KEYWORD for x in taken):
        raise ValueError(
            f"the batch has several texts in a row, but the {type(model).__name__} takes no segments; give it a "
            "parameter of that name, and let no text see another, or give batches of single texts"
        )
    return model


def describe_model(model: LanguageModel) -> dict:
    """What a model is, without its weights, as JSON holds it: class, a digest of all that is no array, and shapes."""
    # Functions are shown with their place in memory, which is another one in each process.
    structure = _ADDRESS.sub("", eqx.tree_pformat(model))
    arrays = jax.tree_util.tree_flatten_with_path(eqx.filter(model, eqx.is_array))[0]
    return {
        "class": type(model).__qualname__,
        "structure": hashlib.sha256(structure.encode()).hexdigest(),
        "arrays": {jax.tree_util.keystr(path): f"{array.dtype}{list(array.shape)}" for path, array in arrays},
    }
