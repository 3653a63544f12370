"""One training step: the loss, its gradients, the update."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Integer, PyTree

from ecjax.models.transformer import Transformer
from ecjax.training.devices import over_rows, replicated
from ecjax.training.settings import TrainingSettings, make_optimizer


class Masked(eqx.Module):
    """Token ids of which only some count in the loss, all being seen: one example, or a batch of them.

    Attributes:
      ids: Token ids.
      counted: Whether the loss of predicting the id at this place counts.
    """

    ids: Integer[Array | np.ndarray, "*b n"]
    counted: Bool[Array | np.ndarray, "*b n"]


class TrainingState(eqx.Module):
    """Everything that a step changes."""

    model: Transformer
    optimizer: optax.OptState

    @classmethod
    def begin(cls, model: Transformer, settings: TrainingSettings) -> TrainingState:
        """The state before the first step."""
        return cls(model, make_optimizer(settings).init(eqx.filter(model, eqx.is_inexact_array)))


def cross_entropy(
    logits: Float[Array, "*n v"], targets: Integer[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The loss of each target in nats, and the log of the softmax's normaliser."""
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None].astype(jnp.int32), axis=-1)[..., 0]
    return normaliser - chosen, normaliser


@eqx.filter_jit(donate="all-except-first")
def training_step(
    settings: TrainingSettings, mesh: Mesh, state: TrainingState, batch: PyTree
) -> tuple[TrainingState, Float[Array, ""]]:
    """Takes one step.

    Args:
      settings: Optimiser, precision, micro-batches.
      mesh: The devices (`ecjax.training.devices.data_mesh`).
      state: The state before, one copy on each device. It is consumed.
      batch: Token ids `[b, n]`, or `Masked`, or a tuple of these of several lengths; rows are spread over the devices.

    Returns:
      The state after, and the mean loss of the tokens that count, in nats, before the step.
    """
    optimizer = make_optimizer(settings)
    loss, gradients = loss_and_gradients(settings, mesh, state.model, batch)
    updates, optimizer_state = optimizer.update(
        gradients, state.optimizer, eqx.filter(state.model, eqx.is_inexact_array)
    )
    new = TrainingState(eqx.apply_updates(state.model, updates), optimizer_state)
    return eqx.filter_shard((new, loss), replicated(mesh))


def _parts(batch: PyTree) -> list[Masked]:
    """The batch's arrays, each with what counts of it."""
    parts = jax.tree.leaves(batch, is_leaf=lambda x: isinstance(x, Masked))
    return [x if isinstance(x, Masked) else Masked(x, jnp.ones(x.shape, bool)) for x in parts]


def loss_and_gradients(
    settings: TrainingSettings, mesh: Mesh, model: Transformer, batch: PyTree
) -> tuple[Float[Array, ""], PyTree]:
    """The mean loss in nats of the tokens that count, and the gradients of that and the z-loss, for `training_step`."""
    parts = _parts(batch)
    # A micro-batch has its share of the whole batch's mean, however many of its own tokens count.
    count = jnp.maximum(sum(jnp.sum(part.counted) for part in parts), 1)

    def objective(model: Transformer, batch: list[Masked]) -> tuple[Float[Array, ""], Float[Array, ""]]:
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
    settings: TrainingSettings, model: Transformer, batch: list[Masked]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The sums of the losses, and of the normalisers' squares, of what counts."""
    if settings.compute == "bfloat16":
        model = jax.tree.map(lambda x: x.astype(jnp.bfloat16) if eqx.is_inexact_array(x) else x, model)

    def read(ids: Integer[Array, " n"]) -> Float[Array, "n v"]:
        return model(ids, remat=settings.remat)

    losses, squares = [], []
    for part in batch:
        ids = jnp.asarray(part.ids)
        loss, normaliser = cross_entropy(jax.vmap(read)(ids), ids)
        losses.append(jnp.where(part.counted, loss, 0).ravel())
        squares.append(jnp.where(part.counted, jnp.square(normaliser), 0).ravel())
    return jnp.concatenate(losses).sum(), jnp.concatenate(squares).sum()
