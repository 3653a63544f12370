"""Local causal attention, and the matrix products of a Transformer.

A position sees itself and the `context - 1` positions before it, and learns something of each of these distances.
"""

from __future__ import annotations

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int32, Key, Shaped

from ecjax.models.sizes import TransformerConfig


class Linear(eqx.Module):
    """A matrix product."""

    weight: Float[Array, "k m"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""], gain: float = 1.0) -> None:
        self.weight = gain / math.sqrt(inputs) * jax.random.normal(key, (inputs, outputs), jnp.float32)

    def __call__(self, x: Float[Array, "*n k"]) -> Float[Array, "*n m"]:
        return x @ self.weight


class Attention(eqx.Module):
    """Local causal attention of `context` positions, which learns something of each distance (see its subclasses)."""

    qkv: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        qkv, out = jax.random.split(key)
        width = config.heads * config.head_dim
        self.qkv = Linear(config.d_model, 3 * width, qkv)
        self.out = Linear(width, config.d_model, out)
        self.heads = config.heads

    @property
    @abc.abstractmethod
    def context(self) -> int:
        """Positions that a position sees, its own included."""

    @abc.abstractmethod
    def reaching(self, context: int) -> Attention:
        """The same with another context; distances beyond the old one are taken for its last."""

    @abc.abstractmethod
    def scores(
        self, queries: Float[Array, "n h e"], keys: Float[Array, "s h e"], distance: Int[Array, "n s"]
    ) -> Float[Array, "h n s"]:
        """What the softmax is taken of, where a key is seen; float32."""

    def project(self, x: Float[Array, "n d"]) -> Float[Array, "3 n h e"]:
        """Queries, keys and values."""
        return jnp.moveaxis(self.qkv(x).reshape(x.shape[0], 3, self.heads, -1), 1, 0)

    def mix(
        self,
        queries: Float[Array, "n h e"],
        keys: Float[Array, "s h e"],
        values: Float[Array, "s h e"],
        distance: Int[Array, "n s"],
        written: Bool[Array, "#n s"],
    ) -> Float[Array, "n h*e"]:
        """The mean of values over every key that is `written` for a query and 0 to `context - 1` positions back.

        The softmax is computed in float32.
        """
        visible = written & (distance >= 0) & (distance < self.context)
        scores = jnp.where(visible, self.scores(queries, keys, distance), -1e30)
        weights = jax.nn.softmax(scores, axis=-1)
        return jnp.einsum("hns,she->nhe", weights.astype(values.dtype), values).reshape(queries.shape[0], -1)

    def __call__(self, x: Float[Array, "n d"], texts: Int32[Array, " n"] | None = None) -> Float[Array, "n d"]:
        """What each position gathers from those that it sees; `texts` numbers the texts, of which it sees its own."""
        n, width = x.shape[0], self.context
        queries, keys, values = self.project(x)
        if n <= width:
            index = jnp.arange(n)
            written = jnp.ones((1, n), bool) if texts is None else texts[:, None] == texts
            return self.out(self.mix(queries, keys, values, index[:, None] - index, written))
        # Blocks of `context` positions, each seeing itself and the block before.
        blocks = -(-n // width)

        def cut(a: Shaped[Array, "n *rest"]) -> Shaped[Array, "blocks width *rest"]:
            padded = jnp.pad(a, ((0, blocks * width - n), *[(0, 0)] * (a.ndim - 1)))
            return padded.reshape(blocks, width, *a.shape[1:])

        def with_previous(a: Shaped[Array, "blocks width *rest"]) -> Shaped[Array, "blocks 2*width *rest"]:
            return jnp.concatenate([jnp.pad(a, ((1, 0), *[(0, 0)] * (a.ndim - 1)))[:-1], a], axis=1)

        distance = width + jnp.arange(width)[:, None] - jnp.arange(2 * width)
        written = ((jnp.arange(blocks)[:, None] > 0) | (jnp.arange(2 * width) >= width))[:, None]
        if texts is not None:
            own = cut(texts)
            written &= own[:, :, None] == with_previous(own)[:, None]
        mixed = jax.vmap(self.mix, in_axes=(0, 0, 0, None, 0))(
            cut(queries), with_previous(cut(keys)), with_previous(cut(values)), distance, written
        )
        return self.out(mixed.reshape(blocks * width, -1)[:n])


class BiasAttention(Attention):
    """Attention with a learned bias for each head and distance."""

    bias: Float[Array, "h context"]

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        super().__init__(config, key)
        self.bias = jnp.zeros((config.heads, config.context), jnp.float32)

    @property
    def context(self) -> int:
        return self.bias.shape[1]

    def reaching(self, context: int) -> BiasAttention:
        reach = jnp.minimum(jnp.arange(context), self.context - 1)
        return eqx.tree_at(lambda a: a.bias, self, self.bias[:, reach])

    def scores(
        self, queries: Float[Array, "n h e"], keys: Float[Array, "s h e"], distance: Int[Array, "n s"]
    ) -> Float[Array, "h n s"]:
        scores = jnp.einsum("nhe,she->hns", queries, keys).astype(jnp.float32) / math.sqrt(queries.shape[-1])
        return scores + jnp.take(self.bias, distance, axis=1, mode="clip")


class VectorAttention(Attention):
    """Attention with a learned vector for each distance, which is added to keys (Shaw et al., arXiv 1803.02155).

    All heads have the same vectors, as there. There are none for values: their authors saw no use in both.
    """

    vectors: Float[Array, "context e"]

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        super().__init__(config, key)
        # Short beside keys, so that what is where matters little at first.
        drawn = jax.random.normal(jax.random.fold_in(key, 0), (config.context, config.head_dim), jnp.float32)
        self.vectors = drawn / math.sqrt(config.head_dim)

    @property
    def context(self) -> int:
        return self.vectors.shape[0]

    def reaching(self, context: int) -> VectorAttention:
        reach = jnp.minimum(jnp.arange(context), self.context - 1)
        return eqx.tree_at(lambda a: a.vectors, self, self.vectors[reach])

    def scores(
        self, queries: Float[Array, "n h e"], keys: Float[Array, "s h e"], distance: Int[Array, "n s"]
    ) -> Float[Array, "h n s"]:
        content = jnp.einsum("nhe,she->hns", queries, keys).astype(jnp.float32)
        # Products with the vectors, not with vectors added to keys: those would be n * s * h * e numbers.
        position = jnp.einsum("nhe,ce->hnc", queries, self.vectors).astype(jnp.float32)
        position = jnp.take_along_axis(position, jnp.clip(distance, 0, self.context - 1)[None], axis=2)
        return (content + position) / math.sqrt(queries.shape[-1])
