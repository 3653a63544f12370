"""What counts in the loss, and the loss."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

LOGITS = 1 << 23  # that are in memory at a time: 32 MiB, and a few times that for what is computed of them


class Masked(eqx.Module):
    """Token ids of which only some count in the loss, or of several texts in one row: one example, or a batch of them.

    Attributes:
      ids: Token ids.
      counted: Whether the loss of predicting the id at this place counts. What does not count is seen all the same.
      segments: If several texts are packed into one example: a number for each id, the same for all of one text, and
        another for the text after it. No text sees another (`ecjax.data.packed` makes such examples).
    """

    ids: Integer[Array | np.ndarray, "*b n"]
    counted: Bool[Array | np.ndarray, "*b n"]
    segments: Integer[Array | np.ndarray, "*b n"] | None = None


def cross_entropy(
    logits: Float[Array, "*n v"], targets: Integer[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The loss of each target in nats, and the log of the softmax's normaliser."""
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None].astype(jnp.int32), axis=-1)[..., 0]
    return normaliser - chosen, normaliser


def cross_entropy_in_parts(
    logits_of: Callable[[Float[Array, "b c d"]], Float[Array, "b c v"]],
    hidden: Float[Array, "b n d"],
    targets: Integer[Array, "b n"],
    positions: int,
) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
    """As `cross_entropy(logits_of(hidden), targets)`, with the logits of a few positions in memory at a time.

    A gradient computes them anew. Rows stay whole, so that each device keeps its own.

    Args:
      logits_of: The logits of some positions.
      hidden: What they are made from.
      targets: The ids.
      positions: Positions of each row that are taken at a time.
    """
    b, n, _ = hidden.shape
    parts = -(-n // positions)
    padding = parts * positions - n

    def split(x: Array) -> Array:
        padded = jnp.pad(x, [(0, 0), (0, padding)] + [(0, 0)] * (x.ndim - 2))
        return jnp.moveaxis(padded.reshape(b, parts, positions, *x.shape[2:]), 1, 0)

    @jax.checkpoint
    def part(hidden: Float[Array, "b c d"], targets: Integer[Array, "b c"]) -> tuple[Array, Array]:
        return cross_entropy(logits_of(hidden), targets)

    found = jax.lax.map(lambda x: part(*x), (split(hidden), split(targets)))
    losses, normalisers = (jnp.moveaxis(x, 0, 1).reshape(b, parts * positions)[:, :n] for x in found)
    return losses, normalisers
