"""Models of a given cost: the width of M2's MLP, from the FLOPs that it may spend on a byte of text."""

from __future__ import annotations

import dataclasses

from ecjax.models.transformer import TransformerConfig

_TOLERANCE = 0.01
_STEP = 8  # widths of the residual stream that are tried


def of_weights(config: TransformerConfig, weights: float) -> TransformerConfig:
    """`config` with another width of the MLP, so that `parameters` come next to `weights`.

    Heads and layers stay, and so does `d_model`, and with it what embeddings can hold, unless the MLP would be narrower
    than it. Then it is the widest multiple of 8 with an MLP at least as wide.

    Args:
      config: The model to begin with.
      weights: The weights in attention and MLP products that are wanted.

    Raises:
      ValueError: If no such model is within 1% of `weights`.
    """
    for d_model in (config.d_model, *range((config.d_model - 1) // _STEP * _STEP, 0, -_STEP)):
        attention = 4 * d_model * config.heads * config.head_dim
        mlp_dim = round((weights / config.layers - attention) / (3 * d_model))
        if mlp_dim >= d_model:
            found = dataclasses.replace(config, d_model=d_model, mlp_dim=mlp_dim)
            if abs(found.parameters / weights - 1) <= _TOLERANCE:
                return found
    raise ValueError(
        f"no model of {config.layers} layers and {config.heads} heads of {config.head_dim} comes within 1% of "
        f"{weights:,.0f} weights; begin with another size"
    )
