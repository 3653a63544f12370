"""One training step: the loss, its gradients, the update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, Sharding
from jaxtyping import Array, Float, Integer, PyTree

from ecjax.models.transformer import Transformer
from ecjax.training.devices import at, over_rows, placement, replicated
from ecjax.training.layout import with_whole_rows
from ecjax.training.losses import LOGITS, Masked, cross_entropy, cross_entropy_in_parts
from ecjax.training.optimizers import make_optimizer
from ecjax.training.own import LanguageModel, Loss, Method, Model, segmented
from ecjax.training.settings import TrainingSettings

_MOST_LOGITS = 8 * LOGITS  # that a batch's are all in memory at once


class TrainingState(eqx.Module, Generic[Model]):
    """Everything that a step changes."""

    model: Model
    optimizer: optax.OptState

    @classmethod
    def begin(
        cls, model: Model, settings: TrainingSettings, optimizer: optax.GradientTransformation | None = None
    ) -> TrainingState[Model]:
        """The state before the first step, with an optimiser of one's own or the settings'."""
        chosen = optimizer or make_optimizer(settings)
        return TrainingState(model, chosen.init(eqx.filter(model, eqx.is_inexact_array)))


def training_step(
    settings: TrainingSettings,
    mesh: Mesh,
    state: TrainingState[Model],
    batch: PyTree,
    *,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss | None = None,
) -> tuple[TrainingState[Model], Float[Array, ""]]:
    """Takes one step.

    Arrays of the state stay as they are spread over the mesh. If none is spread, each device keeps a copy of all.

    Args:
      settings: Optimiser, precision, micro-batches.
      mesh: The devices: `data_mesh()`, or a mesh of one's own with an axis "data" or "fsdp" for
        the rows.
      state: The state before (`TrainingState.begin`). It is consumed.
      batch: Token ids `[b, n]`, or `Masked`, or a tuple of these of several lengths, with the rows spread over the
        devices (`spread`).
      optimizer: An optimiser instead of the settings'. Give the same object each time: for another, all is compiled
        anew.
      loss: A loss instead of cross-entropy and z-loss, as `train` takes it; the same object each time, too.

    Returns:
      The state after, and the mean loss of the tokens that count, in nats, before the step.

    Raises:
      ValueError: If the mesh has no axis "data" or "fsdp", has explicit axes, or is not of the devices of the state; if
        optimiser or loss is of the wrong kind; if `settings.remat` is set for a model other than `Transformer`; if the
        batch has segments, and the model takes none.
    """
    method = Method(settings, optimizer, loss)
    method.check(state.model)
    places = placement(state, mesh)
    return compiled_step((method, places), mesh, at(state, mesh, places), batch)


@eqx.filter_jit(donate="all-except-first")
def compiled_step(
    how: tuple[Method, PyTree[Sharding] | None], mesh: Mesh, state: TrainingState[Model], batch: PyTree
) -> tuple[TrainingState[Model], Float[Array, ""]]:
    """`training_step`, of arguments that were looked at, and of where the state's arrays stay (`placement`)."""
    method, places = how
    optimizer = method.optimizer or make_optimizer(method.settings)
    loss, gradients = loss_and_gradients(method.settings, mesh, state.model, batch, method.loss)
    # Some transformations want to know the loss; optax hands it to those.
    updates, optimizer_state = optax.with_extra_args_support(optimizer).update(
        gradients, state.optimizer, eqx.filter(state.model, eqx.is_inexact_array), value=loss
    )
    new = TrainingState(eqx.apply_updates(state.model, updates), optimizer_state)
    if places is None:
        return eqx.filter_shard((new, loss), replicated(mesh))
    return eqx.filter_shard(new, places), eqx.filter_shard(loss, replicated(mesh))


def _parts(batch: PyTree) -> list[Masked]:
    """The batch's arrays, each with what counts of it."""
    parts = jax.tree.leaves(batch, is_leaf=lambda x: isinstance(x, Masked))
    return [x if isinstance(x, Masked) else Masked(x, jnp.ones(x.shape, bool)) for x in parts]


def _segments(part: Masked) -> Integer[Array, "b n"] | None:
    return None if part.segments is None else jnp.asarray(part.segments)


def loss_and_gradients(
    settings: TrainingSettings, mesh: Mesh, model: LanguageModel, batch: PyTree, own: Loss | None = None
) -> tuple[Float[Array, ""], PyTree]:
    """The mean loss in nats of the tokens that count, and the gradients of that and the z-loss, for `training_step`.

    With a loss of one's `own`, it is that one's mean and the gradients of it alone.
    """
    parts = _parts(batch)
    # A micro-batch has its share of the whole batch's mean, however many of its own tokens count.
    count = jnp.maximum(sum(jnp.sum(part.counted) for part in parts), 1)

    def objective(model: LanguageModel, batch: list[Masked]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        model = with_whole_rows(model, mesh)
        if own is not None:
            mean = _own_sum(settings, model, batch, own) / count
            return mean, mean
        losses, squares = _sums(settings, model, batch)
        return losses / count + settings.z_loss * (squares / count), losses / count

    differentiate = eqx.filter_value_and_grad(objective, has_aux=True)
    if settings.accumulate == 1:
        (_, loss), gradients = differentiate(model, parts)
        return loss, gradients

    def micro_batches(x: Array) -> Array:
        # Neighbouring rows, which are on one device, go to different micro-batches, so that each has rows on all.
        return over_rows(x.reshape(-1, settings.accumulate, *x.shape[1:]).swapaxes(0, 1), mesh, axis=1)

    def add(sums: PyTree, batch: list[Masked]) -> tuple[PyTree, None]:
        (_, loss), gradients = differentiate(model, batch)
        return jax.tree.map(jnp.add, sums, (loss, gradients)), None

    zeros = jax.tree.map(jnp.zeros_like, (jnp.array(0.0), eqx.filter(model, eqx.is_inexact_array)))
    sums, _ = jax.lax.scan(add, zeros, jax.tree.map(micro_batches, parts))
    return sums


def _sums(
    settings: TrainingSettings, model: LanguageModel, batch: list[Masked]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The sums of the losses, and of the normalisers' squares, of what counts."""
    model = _computing(settings, model)
    losses, squares = [], []
    for part in batch:
        ids = jnp.asarray(part.ids)
        if isinstance(model, Transformer) and ids.size * model.config.vocab_size > _MOST_LOGITS:
            hidden = jax.vmap(lambda *x, model=model: model.hidden(*x, remat=settings.remat))(ids, _segments(part))
            positions = max(1, LOGITS // (ids.shape[0] * model.config.vocab_size))
            loss, normaliser = cross_entropy_in_parts(model.logits, hidden, ids, positions)
        else:
            loss, normaliser = cross_entropy(jax.vmap(_reader(settings, model))(ids, _segments(part)), ids)
        losses.append(jnp.where(part.counted, loss, 0).ravel())
        squares.append(jnp.where(part.counted, jnp.square(normaliser), 0).ravel())
    return jnp.concatenate(losses).sum(), jnp.concatenate(squares).sum()


def _own_sum(settings: TrainingSettings, model: LanguageModel, batch: list[Masked], loss: Loss) -> Float[Array, ""]:
    """The sum of the losses that the caller's own function gives to what counts."""
    read = _reader(settings, _computing(settings, model))

    def of_one(ids: Integer[Array, " n"], segments: Integer[Array, " n"] | None) -> Float[Array, " n"]:
        losses = jnp.asarray(loss(read(ids, segments), ids))
        if losses.shape != ids.shape or not jnp.issubdtype(losses.dtype, jnp.floating):
            raise ValueError(
                f"the loss gives {losses.dtype} of shape {losses.shape} for one text of {len(ids)} ids; it must give "
                f"the loss of each id, floats of shape {ids.shape}"
            )
        return losses.astype(jnp.float32)

    every = [jax.vmap(of_one)(jnp.asarray(part.ids), _segments(part)) for part in batch]
    return jnp.concatenate([jnp.where(part.counted, x, 0).ravel() for part, x in zip(batch, every, strict=True)]).sum()


def _computing(settings: TrainingSettings, model: LanguageModel) -> LanguageModel:
    """The model in the settings' precision."""
    if settings.compute == "float32":
        return model
    return jax.tree.map(lambda x: x.astype(jnp.bfloat16) if eqx.is_inexact_array(x) else x, model)


def _reader(
    settings: TrainingSettings, model: LanguageModel
) -> Callable[[Integer[Array, " n"], Integer[Array, " n"] | None], Float[Array, "n v"]]:
    """From ids and segments to float32 logits."""

    def read(ids: Integer[Array, " n"], segments: Integer[Array, " n"] | None) -> Float[Array, "n v"]:
        if isinstance(model, Transformer):
            logits = model(ids, segments, remat=settings.remat)
        else:
            logits = model(ids) if segments is None else segmented(model)(ids, segments=segments)
        return logits.astype(jnp.float32)

    return read
