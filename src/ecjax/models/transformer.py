"""The decoder-only Transformer, used both over bytes (M1) and over tokens (M2).

Architecture: pre-norm RMSNorm, multi-head attention with a learned bias per head, layer and relative distance, or with
a learned vector per layer and distance, and a gated ReLU MLP. The sizes are those of Table 4 of arXiv 2404.03626.

Attention is local: a position sees itself and the `context - 1` positions before it. That makes the model defined on
texts of any length, and lets a ring buffer of `context` keys and values step through them.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int32, Integer, Key, UInt32

from ecjax.frequencies import check_precision, cumulative_frequencies, fixed_point
from ecjax.models.attention import Attention, BiasAttention, Linear, VectorAttention
from ecjax.models.base import ByteModel
from ecjax.models.choices import Relative
from ecjax.models.sizes import SIZES, TransformerConfig, configuration

__all__ = [
    "SIZES",
    "Attention",
    "BiasAttention",
    "DecodingState",
    "GatedMLP",
    "Layer",
    "Linear",
    "RMSNorm",
    "Relative",
    "Transformer",
    "TransformerByteModel",
    "TransformerConfig",
    "VectorAttention",
    "configuration",
]


class RMSNorm(eqx.Module):
    """Root mean square normalisation with a learned scale, computed in float32."""

    scale: Float[Array, " d"]

    def __init__(self, width: int) -> None:
        self.scale = jnp.ones(width, jnp.float32)

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        wide = x.astype(jnp.float32)
        wide = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + 1e-6) * self.scale
        return wide.astype(x.dtype)


class GatedMLP(eqx.Module):
    """`down(relu(gate(x)) * up(x))`: two input projections, ReLU on one."""

    gate: Linear
    up: Linear
    down: Linear

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        gate, up, down = jax.random.split(key, 3)
        d, m = config.d_model, config.mlp_dim
        self.gate, self.up, self.down = Linear(d, m, gate), Linear(d, m, up), Linear(m, d, down)

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        return self.down(jax.nn.relu(self.gate(x)) * self.up(x))


class Layer(eqx.Module):
    """One pre-norm layer: attention, then MLP, each added to the residual stream."""

    attention_norm: RMSNorm
    attention: Attention
    mlp_norm: RMSNorm
    mlp: GatedMLP

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        attention, mlp = jax.random.split(key)
        self.attention_norm = RMSNorm(config.d_model)
        self.attention = (BiasAttention if config.relative == "bias" else VectorAttention)(config, attention)
        self.mlp_norm = RMSNorm(config.d_model)
        self.mlp = GatedMLP(config, mlp)

    def __call__(self, x: Float[Array, "n d"], texts: Int32[Array, " n"] | None = None) -> Float[Array, "n d"]:
        x = x + self.attention(self.attention_norm(x), texts)
        return x + self.mlp(self.mlp_norm(x))


class DecodingState(eqx.Module):
    """What stepping carries: each layer's last `context` keys and values, and the logits of the next token."""

    keys: Float[Array, "layers context h e"]
    values: Float[Array, "layers context h e"]
    position: Int[Array, ""]
    logits: Float[Array, " v"]


class Transformer(eqx.Module):
    """A decoder-only language model over token ids `0 .. vocab_size - 1`.

    Every text begins with a start symbol of its own (the last row of `embedding`), so that the first token is
    predicted too.

    Attributes:
      embedding: A vector for each id, and the start symbol's in the last row. Float32.
      layers: The layers, the first one first.
      norm: The norm after the last layer.
      unembedding: The projection to logits.
      config: The sizes. Static.
    """

    embedding: Float[Array, "v+1 d"]
    layers: tuple[Layer, ...]
    norm: RMSNorm
    unembedding: Linear
    config: TransformerConfig = eqx.field(static=True)

    def __init__(self, config: TransformerConfig, *, key: Key[Array, ""]) -> None:
        """A model with random weights, whose first predictions are nearly uniform.

        Args:
          config: Its sizes; `ecjax.models.configuration` knows some by name.
          key: What the weights are drawn from.
        """
        embedding, unembedding, *layers = jax.random.split(key, 2 + config.layers)
        self.config = config
        self.embedding = jax.random.normal(embedding, (config.vocab_size + 1, config.d_model), jnp.float32)
        self.layers = tuple(Layer(config, k) for k in layers)
        self.norm = RMSNorm(config.d_model)
        # Small at first, so that training starts at the uniform distribution.
        self.unembedding = Linear(config.d_model, config.vocab_size, unembedding, gain=0.1)

    def with_context(self, context: int) -> Transformer:
        """The same weights with another reach of attention; distances beyond the old one are taken for its last.

        Args:
          context: How many positions a position sees, itself among them.
        """
        attentions = [layer.attention.reaching(context) for layer in self.layers]
        weights = eqx.tree_at(lambda m: [layer.attention for layer in m.layers], self, attentions)
        config = dataclasses.replace(self.config, context=context)
        structure = jax.tree.structure(eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0)))
        return jax.tree.unflatten(structure, jax.tree.leaves(weights))

    def __call__(
        self, tokens: Integer[Array, " n"], segments: Integer[Array, " n"] | None = None, *, remat: bool = False
    ) -> Float[Array, "n v"]:
        """Logits of each token of a text given those before it: row `i` predicts `tokens[i]` from `tokens[:i]`.

        Products are computed in the dtype of the weights.

        Args:
          tokens: Token ids, any integer dtype.
          segments: If `tokens` are several texts: a number for each token, the same for all of one text, and another
            for the text after it. Each text is read as if it were alone.
          remat: Whether a gradient computes each layer's activations anew instead of keeping them.

        Returns:
          Float32 logits in nats.
        """
        return self.logits(self.hidden(tokens, segments, remat=remat))

    def hidden(
        self, tokens: Integer[Array, " n"], segments: Integer[Array, " n"] | None = None, *, remat: bool = False
    ) -> Float[Array, "n d"]:
        """What the logits are made from: as a call, but for the last step, `logits`.

        Args:
          tokens: As of a call.
          segments: As of a call.
          remat: As of a call.
        """
        if tokens.shape[0] == 0:
            return jnp.zeros((0, self.config.d_model), self.embedding.dtype)
        start = jnp.array([self.config.vocab_size], jnp.int32)
        shifted = jnp.concatenate([start, tokens.astype(jnp.int32)])[:-1]
        texts = None
        if segments is not None:
            begins = jnp.concatenate([jnp.ones(1, bool), segments[1:] != segments[:-1]])
            shifted = jnp.where(begins, start, shifted)
            texts = jnp.cumsum(begins, dtype=jnp.int32)
        x = self.embedding[shifted]
        for layer in self.layers:
            x = (eqx.filter_checkpoint(layer) if remat else layer)(x, texts)
        return self.norm(x)

    def logits(self, hidden: Float[Array, "*n d"]) -> Float[Array, "*n v"]:
        """Float32 logits in nats, of what `hidden` gives."""
        return self.unembedding(hidden).astype(jnp.float32)

    def init(self) -> DecodingState:
        """The state before the first token; its `logits` predict that token."""
        c = self.config
        empty = jnp.zeros((c.layers, c.context, c.heads, c.head_dim), jnp.float32)
        state = DecodingState(empty, empty, jnp.array(0, jnp.int32), jnp.zeros(c.vocab_size, jnp.float32))
        return self.step(state, jnp.array(c.vocab_size, jnp.int32))

    def step(self, state: DecodingState, token: Integer[Array, ""]) -> DecodingState:
        """Appends one token, in time proportional to `context`."""
        context = self.config.context
        slot = state.position % context
        distance = (state.position - jnp.arange(context)) % context
        written = jnp.arange(context) <= state.position
        x = self.embedding[token][None]
        keys, values = [], []
        for i, layer in enumerate(self.layers):
            query, key, value = layer.attention.project(layer.attention_norm(x))
            keys.append(state.keys[i].at[slot].set(key[0]))
            values.append(state.values[i].at[slot].set(value[0]))
            mixed = layer.attention.mix(query, keys[-1], values[-1], distance[None], written[None])
            x = x + layer.attention.out(mixed)
            x = x + layer.mlp(layer.mlp_norm(x))
        logits = self.unembedding(self.norm(x))[0]
        return DecodingState(jnp.stack(keys), jnp.stack(values), state.position + 1, logits)


class TransformerByteModel(ByteModel):
    """A Transformer over bytes as M1. It computes in float32, so it is not exact."""

    valid_tables: ClassVar[bool] = True

    transformer: Transformer
    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)

    def __init__(self, transformer: Transformer, precision: int = 16) -> None:
        """Wraps a Transformer with `vocab_size` 256. Raises ValueError for any other."""
        check_precision(precision)
        if transformer.config.vocab_size != 256:
            raise ValueError(
                f"a byte model predicts 256 bytes, this Transformer {transformer.config.vocab_size} tokens"
            )
        self.transformer = transformer
        self.precision = precision
        self.exact = False

    def init(self) -> DecodingState:
        return self.transformer.init()

    def step(self, state: DecodingState, byte: Integer[Array, ""]) -> DecodingState:
        return self.transformer.step(state, byte)

    def frequencies(self, state: DecodingState) -> UInt32[Array, "257"]:
        return self._table(state.logits)

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        return jax.vmap(self._table)(self.transformer(text))

    def _table(self, logits: Float[Array, "256"]) -> UInt32[Array, "257"]:
        return cumulative_frequencies(fixed_point(logits), self.precision)
