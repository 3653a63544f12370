"""Rates that no program can exceed on this machine: of copying memory, and of products of matrices.

Both are measured, as what a data sheet says is not what one core of a shared machine gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bench._machine import best_seconds
from ecjax.models.transformer import TransformerConfig

MEMORY = "memory bandwidth"
PRODUCTS = "float32 products"

_COPIED = 1 << 28  # bytes; with their copy they are more than caches hold
_WIDTH = 2048  # of the matrices whose products are timed

Pair = tuple[Float[Array, "*b n k"], Float[Array, "*b k m"]]
"""Two matrices, or two batches of matrices, that are multiplied."""


def bytes_per_second(repeats: int) -> float:
    """The bytes that are read or written in a second while a large array is copied. A byte that is copied is two."""
    source = np.ones(_COPIED, np.uint8)
    target = np.empty_like(source)
    return 2 * _COPIED / best_seconds(lambda: np.copyto(target, source), repeats, time.process_time)


def large_product() -> tuple[Callable[[], Any], int]:
    """A product of two large float32 matrices, and its FLOPs: `2 * n * k * m`, of which half are additions."""
    a, b = jnp.asarray(np.random.default_rng(0).standard_normal((2, _WIDTH, _WIDTH), np.float32))
    product = jax.jit(jnp.matmul)
    return lambda: jax.block_until_ready(product(a, b)), 2 * _WIDTH**3


def step_products(config: TransformerConfig, rows: int) -> tuple[Callable[[], Any], int]:
    """All matrix products of a training step and nothing else, and their FLOPs.

    For each product `a @ b` of the forward pass they are the product itself and the two of the backward pass, which
    give the gradients of `a` and `b`. The matrices have the shapes of the step, and are drawn at random; a product
    does not wait for another one's result. Attention takes all pairs of positions, as the model does.

    Args:
      config: The model. Its examples are as long as its context.
      rows: Examples in the batch.

    Returns:
      A function that computes them all, and the FLOPs: `6 * n * k * m` for a product of `[n, k]` and `[k, m]`.
    """
    c, tokens, heads = config, rows * config.context, rows * config.heads
    width = c.heads * c.head_dim
    layer = [
        (1, tokens, c.d_model, 3 * width),  # queries, keys and values
        (heads, c.context, c.head_dim, c.context),  # scores
        (heads, c.context, c.context, c.head_dim),  # means of values
        (1, tokens, width, c.d_model),
        *[(1, tokens, c.d_model, c.mlp_dim)] * 2,
        (1, tokens, c.mlp_dim, c.d_model),
    ]
    shapes = [*layer * c.layers, (1, tokens, c.d_model, c.vocab_size)]
    rng = np.random.default_rng(0)

    def draw(batch: int, *shape: int) -> Array:
        return jnp.asarray(rng.standard_normal(shape if batch == 1 else (batch, *shape), np.float32))

    pairs = [(draw(batch, n, k), draw(batch, k, m)) for batch, n, k, m in shapes]
    return lambda: jax.block_until_ready(three_products(pairs)), sum(6 * b * n * k * m for b, n, k, m in shapes)


@jax.jit
def three_products(pairs: list[Pair]) -> list[tuple[Array, Array]]:
    """The gradients of `a` and `b`, if that of each `a @ b` is `a @ b` itself: so no other large array is needed."""
    gradients = []
    for a, b in pairs:
        product = a @ b
        gradients.append((product @ jnp.swapaxes(b, -1, -2), jnp.swapaxes(a, -1, -2) @ product))
    return gradients
