"""The exact byte model: the Transformer of `ecjax.models.transformer`, computed with integers alone.

Its tables are the same bits on every backend, in every batch, whether a text is taken at once (`sequence`) or byte by
byte (`step`). docs/integer.md derives the arithmetic and its bounds; in short:

- **Weights** are int8, one scale for each output channel, and activations between products are int8 at scales fixed
  when the model was quantised. The scale of a channel is `multiplier * 2**-shift` with a 7-bit multiplier: times it, a
  sum that is saturated below 2**24 fits 32 bits, and one rounding shift ends it (`Rescale`).
- **Products** are of int8 matrices with int32 sums, which no order changes and for which processors have instructions
  (`matmul`). Attention weights, of 11 bits, are two int8 numbers.
- **The residual stream** is int32 in units of 2**-10, saturated at 2**23 of them.
- **RMSNorm** shifts a row to few bits, takes the integer square root of its sum of squares, and divides once a row.
- **Attention** takes scores in 1/256 of log2, as the logits are, looks the powers of two up in a table of 256, and
  divides once a row and head.

Nothing here can overflow, whatever the weights: `ecjax.exactness.audit` proves that in the tests.
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Int8, Int16, Int32, Integer, UInt32

from ecjax.frequencies import LOGIT_BITS, check_precision, cumulative_frequencies
from ecjax.models.base import ByteModel
from ecjax.models.transformer import TransformerConfig

RESIDUAL_BITS = 10
"""Fractional bits of the residual stream."""

GATE_LIMIT = 2047
"""Largest magnitude of the two projections that the gated MLP multiplies."""

_LARGEST_SUM = (1 << 24) - 1  # times 127 and with a rounding half it fits int32
_SATURATED = 1 << 23  # of the residual stream
_LARGEST_LOGIT = 1 << 20  # 4096 bits
_LONGEST_CONTEXT = 3879  # of longer ones no proof says that the sums of attention stay in int32
_WIDEST = 132_104  # products of more terms could leave it
_LEAST_GAIN, MIN_GAIN_SHIFT = 1 << 29, 16
_LEAST_ROOT = 23170  # floor(sqrt(2**29))
_WEIGHT_BITS = 11  # an attention weight is at most 2**11
_EXP2 = np.round(2.0 ** (_WEIGHT_BITS - np.arange(1 << LOGIT_BITS) / (1 << LOGIT_BITS))).astype(np.int32)


def check_sizes(config: TransformerConfig) -> None:
    """Raises ValueError for what an exact model cannot be: its sums might not fit 32 bits (docs/integer.md)."""
    if config.relative != "bias":
        raise ValueError(f"an exact model has a bias for each distance, not {config.relative}; train one with biases")
    if config.vocab_size != 256:
        raise ValueError(f"an exact model predicts 256 bytes, not {config.vocab_size} symbols")
    if config.context > _LONGEST_CONTEXT:
        raise ValueError(f"an exact model's context is at most {_LONGEST_CONTEXT} bytes, got {config.context}")
    if (widest := max(config.d_model, config.mlp_dim, config.heads * config.head_dim)) > _WIDEST:
        raise ValueError(f"an exact model's products have at most {_WIDEST} terms, got {widest}")
    if config.layers > _WIDEST:
        raise ValueError(f"an exact model has at most {_WIDEST} layers, got {config.layers}")


def shift_right(x: Int32[Array, "*n"], shift: Int32[Array, "*#n"] | int) -> Int32[Array, "*n"]:
    """`floor(x / 2**shift + 1/2)` for `1 <= shift <= 24` and `|x| + 2**(shift - 1) < 2**31`."""
    return (x + (jnp.asarray(1, jnp.int32) << (shift - 1))) >> shift


def clamp(x: Int32[Array, "*n"], limit: int) -> Int32[Array, "*n"]:
    """`x` between `-limit` and `limit`."""
    return jnp.clip(x, -limit, limit)


def to_int8(x: Int32[Array, "*n"]) -> Int8[Array, "*n"]:
    """`x` between -127 and 127, as int8."""
    return clamp(x, 127).astype(jnp.int8)


def matmul(a: Int8[Array, "*b n k"], b: Int8[Array, "*#b k m"]) -> Int32[Array, "*b n m"]:
    """The product of integer matrices; if all of `a` lies within -127 and 127, of at most 132,104 terms."""
    return jnp.matmul(a, b, preferred_element_type=jnp.int32)


class Rescale(eqx.Module):
    """`x * multiplier / 2**shift`, rounded, x being saturated at `2**24 - 1`.

    Attributes:
      multiplier: 0 to 127; 64 or more where nothing is wasted.
      shift: 1 to 24.
    """

    multiplier: Int8[Array, "*m"]
    shift: Int8[Array, "*m"]

    def __call__(self, x: Int32[Array, "*n"]) -> Int32[Array, "*n"]:
        product = clamp(x, _LARGEST_SUM) * _last(self.multiplier, x.ndim)
        return shift_right(product, _last(self.shift, x.ndim))

    def each_head(self) -> Rescale:
        """The scales of heads, to be used on arrays `[h, n, m]`."""
        return Rescale(self.multiplier[:, None, None], self.shift[:, None, None])


def _last(scale: Int8[Array, "*m"], ndim: int) -> Int32[Array, "*n"]:
    """A scale as int32, of so many dimensions, its own being the last ones."""
    return jnp.expand_dims(scale.astype(jnp.int32), tuple(range(ndim - scale.ndim)))


class Linear(eqx.Module):
    """An int8 matrix product, each channel of which is brought to the unit that the next operation expects."""

    weight: Int8[Array, "k m"]
    scale: Rescale

    def __call__(self, x: Int8[Array, "*n k"]) -> Int32[Array, "*n m"]:
        return self.scale(matmul(x, self.weight))


def square_root(x: Int32[Array, "*n"]) -> Int32[Array, "*n"]:
    """`floor(sqrt(x))` for `x >= 0`, bit by bit."""
    root, rest = jnp.zeros_like(x), x
    for i in reversed(range(16)):
        trial = (root << (i + 1)) + (1 << (2 * i))  # (root + 2**i)**2 - root**2
        fits = rest >= trial
        rest = jnp.where(fits, rest - trial, rest)
        root = root + jnp.where(fits, 1 << i, 0)
    return root


class Norm(eqx.Module):
    """RMSNorm of the residual stream to int8.

    Attributes:
      gain: What a row of root mean square 1 is multiplied by, times `sqrt(d) * 2**gain_shift`: 2**29 to 2**30.
      gain_shift: 16 to 24.
    """

    gain: Int32[Array, ""]
    gain_shift: Int8[Array, ""]

    def __call__(self, x: Int32[Array, "*n d"]) -> Int8[Array, "*n d"]:
        # Few enough bits for the sum of squares to stay within 2**30.
        bits = (30 - (x.shape[-1] - 1).bit_length()) // 2
        largest = jnp.max(jnp.abs(x), axis=-1, keepdims=True)
        excess = jnp.maximum(32 - jax.lax.clz(largest) - bits, 0)
        row = clamp((x + ((1 << excess) >> 1)) >> excess, 1 << bits)  # which it is within already
        # At least 1, so that a row of zeros stays one.
        squares = jnp.maximum(jnp.sum(row * row, axis=-1, keepdims=True, dtype=jnp.int32), 1)
        # Shifted up by an even count into [2**29, 2**31), for a root of 15 significant bits or more.
        half = (jax.lax.clz(squares) - 1) >> 1
        root = jnp.maximum(square_root(squares << (2 * half)), _LEAST_ROOT)
        inverse = jax.lax.div(jnp.broadcast_to(self.gain, root.shape), root)  # below 2**16
        return to_int8(shift_right(row * inverse, self.gain_shift.astype(jnp.int32) - half))


class Attention(eqx.Module):
    """Local causal attention of `context` positions, as in the float model.

    Attributes:
      qkv: To int8 queries, keys and values.
      scores: From a product of query and key to 1/256 of log2, for each head.
      bias: In 1/256 of log2.
      average: From the mean of values to the unit that `out` expects.
      out: To the residual stream.
    """

    qkv: Linear
    scores: Rescale
    bias: Int16[Array, "h context"]
    average: Rescale
    out: Linear

    @property
    def context(self) -> int:
        return self.bias.shape[1]

    def project(self, x: Int8[Array, "n d"]) -> Int8[Array, "3 h n e"]:
        """Queries, keys and values."""
        heads, n = self.bias.shape[0], x.shape[0]
        return jnp.moveaxis(to_int8(self.qkv(x)).reshape(n, 3, heads, -1), 0, 2)

    def mix(
        self,
        queries: Int8[Array, "h n e"],
        keys: Int8[Array, "h s e"],
        values: Int8[Array, "h s e"],
        distance: Int[Array, "n s"],
        written: Bool[Array, "#n s"],
    ) -> Int8[Array, "n h*e"]:
        """The mean of values over every key that is written and 0 to `context - 1` positions back."""
        visible = (written & (distance >= 0) & (distance < self.context))[None]
        products = jnp.einsum("hne,hse->hns", queries, keys, preferred_element_type=jnp.int32)
        scores = clamp(self.scores.each_head()(products), _LARGEST_LOGIT)
        scores += jnp.take(self.bias, distance, axis=1, mode="clip").astype(jnp.int32)
        largest = jnp.max(jnp.where(visible, scores, -2 * _LARGEST_LOGIT), axis=-1, keepdims=True)
        below = jnp.maximum(largest - scores, 0)
        weights = jnp.asarray(_EXP2)[below & ((1 << LOGIT_BITS) - 1)]
        weights = jnp.where(visible, shift_right(weights << 1, jnp.minimum(below >> LOGIT_BITS, 15) + 1), 0)
        # Their own sum is that of one value more, a 1 everywhere, and needs no pass over them.
        values = jnp.concatenate([values, jnp.ones((*values.shape[:-1], 1), jnp.int8)], axis=-1)
        high, low = (weights >> 7).astype(jnp.int8), (weights & 127).astype(jnp.int8)
        sums = (matmul(high, values) << 7) + matmul(low, values)
        # The mean of the values: 16 bits of the sum times 15 bits of the inverse of the weights' own sum.
        total = jnp.maximum(sums[..., -1:], 1 << _WEIGHT_BITS)
        top = 31 - jax.lax.clz(total)  # 2**top <= total
        kept = jnp.minimum(top, 15)
        inverse = jax.lax.div(jnp.asarray(1, jnp.int32) << (kept + 15), total >> (top - kept))  # 2**14 to 2**15
        average = self.average.each_head()
        factor = shift_right(inverse * average.multiplier.astype(jnp.int32), 7)
        few = clamp(shift_right(sums[..., :-1], top - 7), 1 << 15)
        mixed = to_int8(shift_right(few * factor, average.shift.astype(jnp.int32)))
        return jnp.swapaxes(mixed, 0, 1).reshape(queries.shape[1], -1)

    def __call__(self, x: Int8[Array, "n d"]) -> Int32[Array, "n d"]:
        n, width = x.shape[0], self.context
        queries, keys, values = self.project(x)
        if n <= width:
            index = jnp.arange(n, dtype=jnp.int32)
            return self.out(self.mix(queries, keys, values, index[:, None] - index[None], jnp.ones((1, n), bool)))
        # Blocks of `context` positions, each seeing itself and the block before.
        blocks = -(-n // width)

        def cut(a: Int8[Array, "h n e"]) -> Int8[Array, "blocks h width e"]:
            padded = jnp.pad(a, ((0, 0), (0, blocks * width - n), (0, 0)))
            return jnp.moveaxis(padded.reshape(a.shape[0], blocks, width, -1), 0, 1)

        def with_previous(a: Int8[Array, "blocks h width e"]) -> Int8[Array, "blocks h 2*width e"]:
            return jnp.concatenate([jnp.pad(a, ((1, 0), (0, 0), (0, 0), (0, 0)))[:-1], a], axis=2)

        index = jnp.arange(2 * width, dtype=jnp.int32)
        distance = width + index[:width, None] - index[None]
        written = (jnp.arange(blocks)[:, None] > 0) | (index >= width)[None]
        mixed = jax.vmap(self.mix, in_axes=(0, 0, 0, None, 0))(
            cut(queries), with_previous(cut(keys)), with_previous(cut(values)), distance, written[:, None]
        )
        return self.out(mixed.reshape(blocks * width, -1)[:n])


class GatedMLP(eqx.Module):
    """`relu(gate) * up`, both at most 2047, brought to int8 and multiplied down."""

    gate: Linear
    up: Linear
    hidden: Rescale
    down: Linear

    def __call__(self, x: Int8[Array, "*n d"]) -> Int32[Array, "*n d"]:
        gate, up = jnp.clip(self.gate(x), 0, GATE_LIMIT), clamp(self.up(x), GATE_LIMIT)
        return self.down(to_int8(self.hidden(gate * up)))


class Layer(eqx.Module):
    """One pre-norm layer: attention, then MLP, each added to the residual stream."""

    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm
    mlp: GatedMLP

    def __call__(self, x: Int32[Array, "n d"]) -> Int32[Array, "n d"]:
        x = add(x, self.attention(self.attention_norm(x)))
        return add(x, self.mlp(self.mlp_norm(x)))


def add(x: Int32[Array, "*n"], update: Int32[Array, "*n"]) -> Int32[Array, "*n"]:
    """The residual stream with an update, both saturated at 2**23."""
    return clamp(x + clamp(update, _SATURATED), _SATURATED)


class DecodingState(eqx.Module):
    """What stepping carries: each layer's last `context` keys and values, and the logits of the next byte.

    An array for each layer, because a loop writes one in place but copies what is stacked anew.
    """

    keys: tuple[Int8[Array, "h context e"], ...]
    values: tuple[Int8[Array, "h context e"], ...]
    position: Int32[Array, ""]
    logits: Int32[Array, "256"]


class IntegerTransformer(ByteModel):
    """An exact Transformer over bytes: the M1 that texts and tokens can be entrusted to.

    Made from a float one by `ecjax.models.quantise`. Its arithmetic is in specs/transformer.md.

    Attributes:
      embedding: A vector for each byte, and the start symbol's in the last row.
      layers: The layers, the first one first.
      norm: The norm after the last layer.
      unembedding: The projection to logits.
      config: The sizes. Static.
      precision: F, the bits of the frequency tables, 9 to 16. Static.
      exact: True. Static.
    """

    valid_tables: ClassVar[bool] = True

    embedding: Int16[Array, "257 d"]
    layers: tuple[Layer, ...]
    norm: Norm
    unembedding: Linear
    config: TransformerConfig = eqx.field(static=True)
    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)

    def __init__(
        self,
        embedding: Int16[Array, "257 d"],
        layers: tuple[Layer, ...],
        norm: Norm,
        unembedding: Linear,
        config: TransformerConfig,
        precision: int = 16,
    ) -> None:
        """A model of given weights; `quantise` makes them, and `zeros` has all of them 0.

        Args:
          embedding: As the attribute.
          layers: As the attribute.
          norm: As the attribute.
          unembedding: As the attribute.
          config: As the attribute.
          precision: As the attribute.

        Raises:
          ValueError: If an exact model cannot have that precision or those sizes.
        """
        check_precision(precision)
        check_sizes(config)
        self.embedding, self.layers, self.norm, self.unembedding = embedding, layers, norm, unembedding
        self.config, self.precision, self.exact = config, precision, True

    @classmethod
    def zeros(cls, config: TransformerConfig, precision: int = 16) -> IntegerTransformer:
        """A model whose every weight is 0: all bytes are alike to it. Raises ValueError as the constructor does."""
        check_sizes(config)  # before anything of such sizes is made
        c, width = config, config.heads * config.head_dim

        def rescale(*shape: int) -> Rescale:
            return Rescale(jnp.zeros(shape, jnp.int8), jnp.ones(shape, jnp.int8))

        def linear(inputs: int, outputs: int) -> Linear:
            return Linear(jnp.zeros((inputs, outputs), jnp.int8), rescale(outputs))

        def norm() -> Norm:
            return Norm(jnp.array(_LEAST_GAIN, jnp.int32), jnp.array(MIN_GAIN_SHIFT, jnp.int8))

        def layer() -> Layer:
            bias = jnp.zeros((c.heads, c.context), jnp.int16)
            qkv, out = linear(c.d_model, 3 * width), linear(width, c.d_model)
            attention = Attention(qkv, rescale(c.heads), bias, rescale(c.heads), out)
            gate, up, down = linear(c.d_model, c.mlp_dim), linear(c.d_model, c.mlp_dim), linear(c.mlp_dim, c.d_model)
            return Layer(norm(), attention, norm(), GatedMLP(gate, up, rescale(), down))

        embedding = jnp.zeros((257, c.d_model), jnp.int16)
        layers = tuple(layer() for _ in range(c.layers))
        return cls(embedding, layers, norm(), linear(c.d_model, 256), config, precision)

    def check(self) -> None:
        """Raises ValueError unless every scale is in its range. Weights and biases may be anything."""

        def parts(kind: type) -> list[Any]:
            leaves = jax.tree.leaves(self, is_leaf=lambda x: isinstance(x, kind))
            return [x for x in leaves if isinstance(x, kind)]

        ranges = [(x.multiplier, "multiplier", 0, 127) for x in parts(Rescale)]
        ranges += [(x.shift, "shift", 1, 24) for x in parts(Rescale)]
        ranges += [(x.gain, "gain", _LEAST_GAIN, 2 * _LEAST_GAIN) for x in parts(Norm)]
        ranges += [(x.gain_shift, "gain_shift", MIN_GAIN_SHIFT, 24) for x in parts(Norm)]
        for values, name, low, high in ranges:
            if np.any((np.asarray(values) < low) | (np.asarray(values) > high)):
                raise ValueError(f"in an integer Transformer each {name} is {low} to {high}, got {np.asarray(values)}")

    def logits(self, text: Integer[Array, " n"]) -> Int32[Array, "n 256"]:
        """Logits of each byte given those before it, in 1/256 of log2: row `i` predicts `text[i]`.

        Args:
          text: Bytes, of any integer dtype.
        """
        if text.shape[0] == 0:
            return jnp.zeros((0, 256), jnp.int32)
        shifted = jnp.concatenate([jnp.array([256], jnp.int32), text.astype(jnp.int32)])[:-1]
        x = self._embed(shifted)
        for layer in self.layers:
            x = layer(x)
        return self._read_out(x)

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        return jax.vmap(self._table)(self.logits(text))

    def init(self) -> DecodingState:
        c = self.config
        empty = (jnp.zeros((c.heads, c.context, c.head_dim), jnp.int8),) * c.layers
        state = DecodingState(empty, empty, jnp.array(0, jnp.int32), jnp.zeros(256, jnp.int32))
        return self.step(state, jnp.array(256, jnp.int32))

    def step(self, state: DecodingState, byte: Integer[Array, ""]) -> DecodingState:
        context = self.config.context
        index = jnp.arange(context, dtype=jnp.int32)
        size = jnp.array(context, jnp.int32)
        slot = jax.lax.rem(state.position, size)
        distance = jax.lax.rem(state.position + size - index, jnp.broadcast_to(size, index.shape))
        written = index <= state.position
        x = self._embed(byte.astype(jnp.int32)[None])
        keys, values = [], []
        for i, layer in enumerate(self.layers):
            query, key, value = layer.attention.project(layer.attention_norm(x))
            keys.append(state.keys[i].at[:, slot].set(key[:, 0]))
            values.append(state.values[i].at[:, slot].set(value[:, 0]))
            mixed = layer.attention.mix(query, keys[-1], values[-1], distance[None], written[None])
            x = add(x, layer.attention.out(mixed))
            x = add(x, layer.mlp(layer.mlp_norm(x)))
        # Kept below 2 * context: only what the ring buffer's next slot is, and whether it is full, matters.
        position = jnp.where(state.position + 1 < 2 * context, state.position + 1, context)
        return DecodingState(tuple(keys), tuple(values), position, self._read_out(x)[0])

    def restart(self, state: DecodingState, initial: DecodingState, where: Bool[Array, ""]) -> DecodingState:
        # Slots that are not written since are masked: only the first, the start symbol's, has to be as in `initial`.
        def first(cache: Int8[Array, "h context e"], other: Int8[Array, "h context e"]) -> Int8[Array, "h context e"]:
            return cache.at[:, 0].set(jnp.where(where, other[:, 0], cache[:, 0]))

        return DecodingState(
            tuple(map(first, state.keys, initial.keys)),
            tuple(map(first, state.values, initial.values)),
            jnp.where(where, initial.position, state.position),
            jnp.where(where, initial.logits, state.logits),
        )

    def frequencies(self, state: DecodingState) -> UInt32[Array, "257"]:
        return self._table(state.logits)

    def _embed(self, tokens: Int32[Array, " n"]) -> Int32[Array, "n d"]:
        return self.embedding[tokens].astype(jnp.int32)

    def _read_out(self, x: Int32[Array, "n d"]) -> Int32[Array, "n 256"]:
        return clamp(self.unembedding(self.norm(x)), _LARGEST_LOGIT)

    def _table(self, logits: Int32[Array, "256"]) -> UInt32[Array, "257"]:
        return cumulative_frequencies(logits, self.precision)
