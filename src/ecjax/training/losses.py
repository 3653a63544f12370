"""What counts in the loss, and the loss."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer


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
