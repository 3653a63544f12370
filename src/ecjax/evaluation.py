"""What a model or a tokenizer is worth on held-out text: bits per byte, bytes per token, FLOPs per byte (sec. 3.4)."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Integer, UInt8, UInt32

from ecjax.checks import check_ids, check_integer, check_positive
from ecjax.models.base import ByteModel
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.paper import PAPER
from ecjax.training.losses import LOGITS, cross_entropy_in_parts

__all__ = [
    "bit_compression_ratio",
    "bits_per_byte",
    "coded_bits_per_byte",
    "compiled_flops_per_token",
    "flops_per_byte",
    "forward_flops_per_token",
    "training_flops_per_token",
    "uniform_bits_per_byte",
    "unigram_bits_per_byte",
    "validation_bits_per_byte",
]

_BATCH_TOKENS = 4096  # positions that are evaluated side by side
_MOST_BYTES = 1 << 62


def uniform_bits_per_byte(vocab_size: int, tokens: int, text_bytes: int) -> float:
    """Bits per byte of text when every token is as likely as any other. Raises ValueError for no text or vocabulary.

    Args:
      vocab_size: Number of ids.
      tokens: The text's tokens.
      text_bytes: The text's length in bytes.
    """
    check_integer("vocab_size", vocab_size, 1)
    check_integer("text_bytes", text_bytes, 1, _MOST_BYTES)
    return tokens / text_bytes * math.log2(vocab_size)


def unigram_bits_per_byte(
    training: Integer[np.ndarray, " n"], held_out: Integer[np.ndarray, " m"], vocab_size: int, text_bytes: int
) -> float:
    """Bits per byte of `held_out`, ids of a text of `text_bytes`, by the frequencies of ids in `training`.

    Every id counts once more than it occurs, so that none is impossible.

    Args:
      training: The ids that are counted.
      held_out: The ids that are measured.
      vocab_size: Number of ids in the vocabulary.
      text_bytes: The length in bytes of the text that `held_out` are the ids of.

    Raises:
      ValueError: If an id is not in the vocabulary, or there is no text to measure on.
    """
    training, held_out = check_ids(training, vocab_size), _measured(held_out, vocab_size, text_bytes)
    counts = np.bincount(training, minlength=vocab_size) + 1.0
    return float(-np.log2(counts / counts.sum())[held_out].sum() / text_bytes)


def _measured(ids: Integer[np.ndarray, " n"], vocab_size: int, text_bytes: int) -> Int32[np.ndarray, " n"]:
    """The ids of a text of so many bytes. Raises ValueError if there are none, or one is not in the vocabulary."""
    check_integer("text_bytes", text_bytes, 1, _MOST_BYTES)
    if len(ids) == 0:
        raise ValueError("there are no ids to measure on; give those of a text that is not empty")
    return check_ids(ids, vocab_size)


def bits_per_byte(model: Transformer, held_out: Integer[np.ndarray, " n"], text_bytes: int) -> float:
    """Bits per byte of a text by a model over its tokens: `tokens / bytes * loss / ln 2`.

    As in the paper, the ids are cut into examples as long as the model's context, and each begins without history.

    Args:
      model: A language model over token ids.
      held_out: The text's ids.
      text_bytes: The text's length in bytes.

    Returns:
      Bits per byte; the sum of all losses over all bytes.

    Raises:
      ValueError: If an id is not in the model's vocabulary, there is no text, or the model gives no finite numbers.
    """
    held_out = _measured(held_out, model.config.vocab_size, text_bytes)
    return _total_nats(model, held_out) / math.log(2) / text_bytes


def validation_bits_per_byte(
    model: Transformer,
    held_out: Integer[np.ndarray, " n"],
    bytes_per_token: float,
    batches: int = PAPER.validation_batches,
    batch_size: int = PAPER.batch_size,
) -> float:
    """Bits per byte by the paper's rule: the loss of the first batches alone, `loss / ln 2 / bytes_per_token`.

    The ids are cut into examples as long as the model's context, in their order, as for `bits_per_byte`. What is not in
    the first `batches * batch_size` examples is left out: with the paper's context 20 * 256 * 512 ids count.

    Args:
      model: A language model over token ids.
      held_out: The text's ids, as many as the batches have or more.
      bytes_per_token: Of the method on all held-out text; that of these ids alone need not be known.
      batches: Number of batches.
      batch_size: Examples in a batch.

    Returns:
      Bits per byte.

    Raises:
      ValueError: If there are fewer ids, one of the first is not in the model's vocabulary, a number is out of its
        range, or the model gives no finite numbers.
    """
    check_positive("bytes_per_token", bytes_per_token)
    count = check_integer("batches", batches, 1) * check_integer("batch_size", batch_size, 1) * model.config.context
    if len(held_out) < count:
        raise ValueError(
            f"{batches} batches of {batch_size} examples of {model.config.context} ids are {count:,} ids, and there "
            f"are {len(held_out):,}; give more, or measure them all with bits_per_byte"
        )
    ids = check_ids(held_out[:count], model.config.vocab_size)
    return _total_nats(model, ids) / count / math.log(2) / bytes_per_token


def _total_nats(model: Transformer, held_out: Int32[np.ndarray, " n"]) -> float:
    """The sum of the losses of ids, in examples as long as the model's context. Raises ValueError if it is none."""
    context = model.config.context
    rows = max(1, _BATCH_TOKENS // context)
    total = 0.0
    for begin in range(0, len(held_out), rows * context):
        part = held_out[begin : begin + rows * context]
        padded = np.zeros((rows, context), np.int32)
        padded.reshape(-1)[: len(part)] = part
        counts = np.arange(rows * context).reshape(rows, context) < len(part)
        total += float(_nats(model, jnp.asarray(padded), jnp.asarray(counts)))
    if not math.isfinite(total):
        raise ValueError("the model's losses are not finite; train it again, with a lower learning rate")
    return total


@eqx.filter_jit
def _nats(model: Transformer, ids: Int32[Array, "b n"], counts: Bool[Array, "b n"]) -> Float[Array, ""]:
    positions = max(1, LOGITS // (ids.shape[0] * model.config.vocab_size))
    losses, _ = cross_entropy_in_parts(model.logits, jax.vmap(model.hidden)(ids), ids, positions)
    return jnp.sum(jnp.where(counts, losses, 0))


def coded_bits_per_byte(model: ByteModel, text: UInt8[np.ndarray, " n"], context: int) -> float:
    """Bits per byte of a text coded with a byte model's frequency tables.

    Args:
      model: M1.
      text: The text, cut into examples of `context` bytes, each of which begins without history.
      context: Length of an example.

    Returns:
      The mean of `-log2(frequency / 2**precision)` over all bytes.

    Raises:
      ValueError: If there is no text, or the context is not at least 1.
    """
    check_integer("context", context, 1)
    if len(text) == 0:
        raise ValueError("there is no text to measure on; give at least one byte")
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
    """Bits of text for each bit of tokens, a token of `vocab_size` ids having `log2(vocab_size)` bits.

    Args:
      vocab_size: Number of ids.
      bytes_per_token: Bytes of text per token, on average.

    Raises:
      ValueError: For fewer than 2 ids, which have no bits.
    """
    check_integer("vocab_size", vocab_size, 2)
    check_positive("bytes_per_token", bytes_per_token)
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
    check_positive("bytes_per_token", bytes_per_token)
    return 2 * config.parameters / bytes_per_token + (0 if m1 is None else 2 * m1.parameters)


def forward_flops_per_token(config: TransformerConfig) -> int:
    """FLOPs of all matrix products for each token of an example as long as the context.

    More than the paper counts: the projection to logits, and attention's scores and weighted sums, of which this
    implementation computes all pairs of positions, and its products with vectors for distances, if it has them.

    Args:
      config: The model's sizes.
    """
    products = 2 if config.relative == "bias" else 3
    attention = products * config.layers * config.heads * config.head_dim * config.context
    return 2 * (config.parameters + config.d_model * config.vocab_size + attention)


def compiled_flops_per_token(config: TransformerConfig) -> float:
    """FLOPs for each token as XLA counts them in the compiled model; no weights are made.

    Args:
      config: The model's sizes.

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
    """FLOPs of one training step for each of its tokens, the projection to logits included: `6 * weights`.

    Args:
      config: The model's sizes.
    """
    return 6 * (config.parameters + config.d_model * config.vocab_size)
