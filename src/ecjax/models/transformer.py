"""The decoder-only Transformer, used both over bytes (M1) and over tokens (M2).

Architecture: pre-norm RMSNorm, multi-head attention with a learned bias per head, layer and relative distance, and a
gated ReLU MLP. The sizes are those of Table 4 of arXiv 2404.03626.

Attention is local: a position sees itself and the `context - 1` positions before it. That makes the model defined on
texts of any length, and lets a ring buffer of `context` keys and values step through them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int32, Integer, Key, Shaped, UInt32

from ecjax.checks import check_integer
from ecjax.frequencies import check_precision, cumulative_frequencies, fixed_point
from ecjax.models.base import ByteModel


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a Transformer.

    Attributes:
      vocab_size: Number of tokens that can be predicted (256 for a byte model).
      d_model: Width of the residual stream.
      heads: Attention heads per layer.
      layers: Number of layers.
      head_dim: Width of a head.
      mlp_dim: Width of the gated MLP.
      context: Positions that attention reaches back over, its own included.

    Raises:
      ValueError: If one is not an integer of at least 1.
    """

    vocab_size: int
    d_model: int
    heads: int
    layers: int
    head_dim: int
    mlp_dim: int
    context: int

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            # Sizes are indices too, which are int32.
            check_integer(f"TransformerConfig.{field.name}", getattr(self, field.name), 1)

    @property
    def parameters(self) -> int:
        """Weights in the attention and MLP products, as Table 4 counts them: no embeddings, biases or norms."""
        attention = 4 * self.d_model * self.heads * self.head_dim
        return self.layers * (attention + 3 * self.d_model * self.mlp_dim)


_SIZES = {
    # name: d_model, heads, layers, head_dim, mlp_dim
    "tiny": (64, 2, 2, 32, 256),
    "small": (128, 4, 3, 32, 512),
    "1m": (128, 4, 4, 32, 512),
    "3m": (256, 4, 3, 64, 1024),
    "25m": (512, 8, 6, 64, 2048),
    "113m": (768, 12, 12, 64, 3072),
    "403m": (1024, 16, 24, 64, 4096),
    "2b": (2048, 32, 24, 64, 8192),
}

SIZES: tuple[str, ...] = tuple(_SIZES)
"""Names that `configuration` knows: those of Table 4, and three smaller ones for CPUs."""


def configuration(size: str, vocab_size: int, context: int) -> TransformerConfig:
    """The configuration called `size` (one of `SIZES`) for a vocabulary and a context length."""
    if size not in _SIZES:
        raise ValueError(f"unknown model size {size!r}; known sizes are {', '.join(SIZES)}")
    d_model, heads, layers, head_dim, mlp_dim = _SIZES[size]
    return TransformerConfig(vocab_size, d_model, heads, layers, head_dim, mlp_dim, context)


class Linear(eqx.Module):
    """A matrix product."""

    weight: Float[Array, "k m"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""], gain: float = 1.0) -> None:
        self.weight = gain / math.sqrt(inputs) * jax.random.normal(key, (inputs, outputs), jnp.float32)

    def __call__(self, x: Float[Array, "*n k"]) -> Float[Array, "*n m"]:
        return x @ self.weight


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


class Attention(eqx.Module):
    """Local causal attention of `context` positions with a bias for each head and distance."""

    qkv: Linear
    out: Linear
    bias: Float[Array, "h context"]
    heads: int = eqx.field(static=True)

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        qkv, out = jax.random.split(key)
        width = config.heads * config.head_dim
        self.qkv = Linear(config.d_model, 3 * width, qkv)
        self.out = Linear(width, config.d_model, out)
        self.bias = jnp.zeros((config.heads, config.context), jnp.float32)
        self.heads = config.heads

    @property
    def context(self) -> int:
        return self.bias.shape[1]

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
        scores = jnp.einsum("nhe,she->hns", queries, keys).astype(jnp.float32) / math.sqrt(queries.shape[-1])
        scores += jnp.take(self.bias, distance, axis=1, mode="clip")
        weights = jax.nn.softmax(jnp.where(visible, scores, -1e30), axis=-1)
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


class Layer(eqx.Module):
    """One pre-norm layer: attention, then MLP, each added to the residual stream."""

    attention_norm: RMSNorm
    attention: Attention
    mlp_norm: RMSNorm
    mlp: GatedMLP

    def __init__(self, config: TransformerConfig, key: Key[Array, ""]) -> None:
        attention, mlp = jax.random.split(key)
        self.attention_norm = RMSNorm(config.d_model)
        self.attention = Attention(config, attention)
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
    """

    embedding: Float[Array, "v+1 d"]
    layers: tuple[Layer, ...]
    norm: RMSNorm
    unembedding: Linear
    config: TransformerConfig = eqx.field(static=True)

    def __init__(self, config: TransformerConfig, *, key: Key[Array, ""]) -> None:
        embedding, unembedding, *layers = jax.random.split(key, 2 + config.layers)
        self.config = config
        self.embedding = jax.random.normal(embedding, (config.vocab_size + 1, config.d_model), jnp.float32)
        self.layers = tuple(Layer(config, k) for k in layers)
        self.norm = RMSNorm(config.d_model)
        # Small at first, so that training starts at the uniform distribution.
        self.unembedding = Linear(config.d_model, config.vocab_size, unembedding, gain=0.1)

    def with_context(self, context: int) -> Transformer:
        """The same weights with another reach of attention; distances beyond the old one get its last bias."""
        reach = jnp.minimum(jnp.arange(context), self.config.context - 1)
        biases = [layer.attention.bias[:, reach] for layer in self.layers]
        weights = eqx.tree_at(lambda m: [layer.attention.bias for layer in m.layers], self, biases)
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
        if tokens.shape[0] == 0:
            return jnp.zeros((0, self.config.vocab_size), jnp.float32)
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
        return self.unembedding(self.norm(x)).astype(jnp.float32)

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
