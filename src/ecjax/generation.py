"""Sampling text from a language model over tokens, with a KV cache, decoded as it comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer, Key

from ecjax.checks import check_integer, check_positive, check_text
from ecjax.codebook import Codebook
from ecjax.models.transformer import DecodingState, Transformer
from ecjax.padding import bucket
from ecjax.tokenizers import Bytes

__all__ = ["SamplingSettings", "generate", "sample_token"]

Adjust = Callable[[Float[Array, " v"]], Float[Array, " v"]]
"""From the logits of the next token to those that it is drawn from."""


@dataclasses.dataclass(frozen=True)
class SamplingSettings:
    """How tokens are drawn.

    Attributes:
      temperature: Logits are divided by it, 1e-6 to 1e6; 0 always takes the likeliest token.
      top_k: Draw from the k likeliest tokens only; None draws from all.
      top_p: Draw from the likeliest tokens that together have at least this probability; 1 draws from all.
      seed: The same seed, 0 to 2**32 - 1, gives the same text.

    Raises:
      ValueError: If one is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        # Beyond these limits float32 has no finite quotients.
        if self.temperature != 0 and not 1e-6 <= check_positive("temperature", self.temperature) <= 1e6:
            raise ValueError(f"temperature must be 0, or 1e-6 to 1e6, got {self.temperature}")
        if self.top_k is not None:
            check_integer("top_k", self.top_k, 1)
        if check_positive("top_p", self.top_p) > 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        check_integer("seed", self.seed, 0, (1 << 32) - 1)


def sample_token(logits: Float[Array, " v"], key: Key[Array, ""], settings: SamplingSettings) -> Int32[Array, ""]:
    """One token drawn from logits. A token at -inf is never drawn, as long as another is not."""
    if settings.temperature == 0:
        return jnp.argmax(logits).astype(jnp.int32)
    logits = logits / settings.temperature
    # Both cuts keep a head of the tokens in order of likelihood: rank below k, and less than p gathered before it.
    order = jnp.argsort(-logits)
    ranked = logits[order]
    before = jnp.cumsum(jax.nn.softmax(ranked)) - jax.nn.softmax(ranked)
    keep = before < settings.top_p
    if settings.top_k is not None:
        keep &= jnp.arange(logits.shape[0]) < settings.top_k
    drawn = jax.random.categorical(key, jnp.where(keep, ranked, -jnp.inf))
    return order[drawn].astype(jnp.int32)


def generate(
    model: Transformer,
    tokenizer: Codebook | Bytes,
    prompt: bytes = b"",
    max_tokens: int = 256,
    settings: SamplingSettings | None = None,
    adjust: Adjust | None = None,
) -> Iterator[bytes]:
    """Continues a prompt, yielding the text of each token as it is drawn.

    The prompt's last window is cut short by the prompt's end and not by the text, which no training text shows the
    model. So it is given back, and the first token is drawn from those whose strings begin with it: with codes in
    preorder, one range of ids.

    Args:
      model: A language model over the ids of `tokenizer`.
      tokenizer: Whose ids each decode by themselves: a codebook, or bytes.
      prompt: What to continue; it is not repeated in the output.
      max_tokens: Tokens to draw at most. The padding id, a document's end, ends the text before; so does the special
        token `<eos>` of a codebook that has one.
      settings: How to draw; by default from the whole distribution.
      adjust: A function of the model's logits, float32 `[v]`, that gives others of the same shape: to forbid tokens
        (-inf), to prefer some, or to cut the distribution in a way of one's own. It comes before the temperature and
        the cuts of `settings`, and is traced by JAX, anew for each new function: keep it, if you call this often.

    Returns:
      An iterator over the bytes of each token. A character of several bytes may be spread over tokens.

    Raises:
      TypeError: If the prompt is not bytes.
      ValueError: If model and tokenizer differ in vocabulary, `max_tokens` is negative, or `adjust` gives another
        shape.
    """
    check_integer("max_tokens", max_tokens, 0)
    if model.config.vocab_size != tokenizer.vocab_size:
        raise ValueError(
            f"the model knows {model.config.vocab_size} ids and the tokenizer {tokenizer.vocab_size}; take the "
            "tokenizer that the model was trained with"
        )
    return _continuation(model, tokenizer, check_text(prompt), max_tokens, settings or SamplingSettings(), adjust)


def _continuation(
    model: Transformer,
    tokenizer: Codebook | Bytes,
    prompt: bytes,
    max_tokens: int,
    settings: SamplingSettings,
    adjust: Adjust | None,
) -> Iterator[bytes]:
    """What `generate` gives for arguments that were checked."""
    ids = tokenizer.encode(prompt)
    low, high, known = 0, tokenizer.vocab_size, b""
    ends = {tokenizer.padding_id}
    if isinstance(tokenizer, Codebook) and "<eos>" in tokenizer.special_ids:
        ends.add(tokenizer.special_ids["<eos>"])
    if isinstance(tokenizer, Codebook) and len(ids):
        low, high = tokenizer.descendants(int(ids[-1]))
        known, ids = tokenizer.decode(ids[-1:]), ids[:-1]
    state = _read(model, ids)
    key = jax.random.key(settings.seed)
    for index in range(max_tokens):
        allowed = jnp.array([low, high], jnp.int32)
        token, state = _draw(model, state, jax.random.fold_in(key, index), allowed, settings, adjust)
        if int(token) in ends:
            return
        yield tokenizer.decode(np.asarray(token)[None])[len(known) :]
        low, high, known = 0, tokenizer.vocab_size, b""


def _read(model: Transformer, ids: Integer[np.ndarray, " n"]) -> DecodingState:
    """The state after a prompt."""
    padded = np.zeros(bucket(len(ids)), np.int32)
    padded[: len(ids)] = ids
    return _step_through(model, jnp.asarray(padded), jnp.array(len(ids)))


@eqx.filter_jit
def _step_through(model: Transformer, ids: Int32[Array, " n"], length: Integer[Array, ""]) -> DecodingState:
    return jax.lax.fori_loop(0, length, lambda i, state: model.step(state, ids[i]), model.init())


@eqx.filter_jit
def _draw(
    model: Transformer,
    state: DecodingState,
    key: Key[Array, ""],
    allowed: Int32[Array, "2"],
    settings: SamplingSettings,
    adjust: Adjust | None,
) -> tuple[Int32[Array, ""], DecodingState]:
    ids, logits = jnp.arange(model.config.vocab_size), state.logits
    if adjust is not None:
        logits = jnp.asarray(adjust(logits))
        if logits.shape != ids.shape or not jnp.issubdtype(logits.dtype, jnp.floating):
            raise ValueError(
                f"adjust gives {logits.dtype} of shape {logits.shape}; it must give logits, floats of shape {ids.shape}"
            )
    logits = jnp.where((ids >= allowed[0]) & (ids < allowed[1]), logits, -jnp.inf)
    token = sample_token(logits, key, settings)
    return token, model.step(state, token)
