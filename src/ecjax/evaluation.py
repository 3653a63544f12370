"""What a model or a tokenizer is worth on held-out text: bits per byte, bytes per token, FLOPs per byte (sec. 3.4)."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Integer, UInt8, UInt32

from ecjax.models.base import ByteModel
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import cross_entropy

_BATCH_TOKENS = 8192  # positions that are evaluated side by side


def uniform_bits_per_byte(vocab_size: int, tokens: int, text_bytes: int) -> float:
    """Bits per byte of text when every token is as likely as any other."""
    return tokens / text_bytes * math.log2(vocab_size)


def unigram_bits_per_byte(
    training: Integer[np.ndarray, " n"], held_out: Integer[np.ndarray, " m"], vocab_size: int, text_bytes: int
) -> float:
    """Bits per byte of `held_out`, ids of a text of `text_bytes`, by the frequencies of ids in `training`.

    Every id counts once more than it occurs, so that none is impossible.
    """
    counts = np.bincount(training, minlength=vocab_size) + 1.0
    return float(-np.log2(counts / counts.sum())[held_out].sum() / text_bytes)


def bits_per_byte(model: Transformer, held_out: Integer[np.ndarray, " n"], text_bytes: int) -> float:
    """Bits per byte of a text by a model over its tokens: `tokens / bytes * loss / ln 2`.

    As in the paper, the ids are cut into examples as long as the model's context, and each begins without history.

    Args:
      model: A language model over token ids.
      held_out: The text's ids.
      text_bytes: The text's length in bytes.

    Returns:
      Bits per byte; the sum of all losses over all bytes.
    """
    context = model.config.context
    rows = max(1, _BATCH_TOKENS // context)
    total = 0.0
    for begin in range(0, len(held_out), rows * context):
        part = held_out[begin : begin + rows * context]
        padded = np.zeros((rows, context), np.int32)
        padded.reshape(-1)[: len(part)] = part
        counts = np.arange(rows * context).reshape(rows, context) < len(part)
        total += float(_nats(model, jnp.asarray(padded), jnp.asarray(counts)))
    return total / math.log(2) / text_bytes


@eqx.filter_jit
def _nats(model: Transformer, ids: Int32[Array, "b n"], counts: Bool[Array, "b n"]) -> Float[Array, ""]:
    losses, _ = cross_entropy(jax.vmap(model)(ids), ids)
    return jnp.sum(jnp.where(counts, losses, 0))


def coded_bits_per_byte(model: ByteModel, text: UInt8[np.ndarray, " n"], context: int) -> float:
    """Bits per byte of a text coded with a byte model's frequency tables.

    Args:
      model: M1.
      text: The text, cut into examples of `context` bytes, each of which begins without history.
      context: Length of an example.

    Returns:
      The mean of `-log2(frequency / 2**precision)` over all bytes.
    """
    rows = max(1, _BATCH_TOKENS // context)
    total = 0.0
    for begin in range(0, len(text), rows * context):
        part = text[begin : begin + rows * context]
        padded = np.zeros((rows, context), np.uint8)
        padded.reshape(-1)[: len(part)] = part
        frequencies = np.asarray(_coded_frequencies(model, jnp.asarray(padded))).reshape(-1)[: len(part)]
        total += float((model.precision - np.log2(frequencies.astype(np.float64))).sum())
    return total / len(text)


@eqx.filter_jit
def _coded_frequencies(model: ByteModel, texts: UInt8[Array, "b n"]) -> UInt32[Array, "b n"]:
    bounds = texts.astype(jnp.int32)[..., None] + jnp.arange(2)
    chosen = jnp.take_along_axis(jax.vmap(model.sequence)(texts), bounds, axis=-1)
    return chosen[..., 1] - chosen[..., 0]


def bit_compression_ratio(vocab_size: int, bytes_per_token: float) -> float:
    """Bits of text for each bit of tokens, a token of `vocab_size` ids having `log2(vocab_size)` bits."""
    return 8 * bytes_per_token / math.log2(vocab_size)


def flops_per_byte(config: TransformerConfig, bytes_per_token: float, m1: TransformerConfig | None = None) -> float:
    """FLOPs per byte of text as the paper counts them: `2 * parameters * tokens / byte`, without embeddings.

    Args:
      config: M2.
      bytes_per_token: Bytes of text per token, which is also bytes per decoding step.
      m1: The byte model, where it must run for tokens to become text; tokens of a codebook need none.

    Returns:
      FLOPs per byte.
    """
    return 2 * config.parameters / bytes_per_token + (0 if m1 is None else 2 * m1.parameters)


def forward_flops_per_token(config: TransformerConfig) -> int:
    """FLOPs of all matrix products for each token of an example as long as the context.

    More than the paper counts: the projection to logits, and attention's scores and weighted sums, of which this
    implementation computes all pairs of positions.
    """
    attention = 2 * config.layers * config.heads * config.head_dim * config.context
    return 2 * (config.parameters + config.d_model * config.vocab_size + attention)


def compiled_flops_per_token(config: TransformerConfig) -> float:
    """FLOPs for each token as XLA counts them in the compiled model; no weights are made.

    Raises:
      ValueError: If this backend does not count them.
    """
    model = eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0))
    weights, static = eqx.partition(model, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    forward = jax.jit(lambda weights, ids: eqx.combine(weights, static)(ids))
    lowered = forward.lower(weights, jax.ShapeDtypeStruct((config.context,), jnp.int32))
    analysis = lowered.compile().cost_analysis()
    flops = analysis.get("flops") if isinstance(analysis, dict) else None
    if flops is None:
        raise ValueError(f"XLA counts no FLOPs on {jax.default_backend()}; ask it on a processor: JAX_PLATFORMS=cpu")
    return flops / config.context


def training_flops_per_token(config: TransformerConfig) -> int:
    """FLOPs of one training step for each of its tokens, the projection to logits included: `6 * weights`."""
    return 6 * (config.parameters + config.d_model * config.vocab_size)
