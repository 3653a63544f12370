"""What each token of a window tells of its text, and how well it is predicted (arXiv 2404.03626, Figs. 9 and 10)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int32, Integer

from ecjax.codebook import Codebook
from ecjax.models.transformer import Transformer
from ecjax.tokenizers.equal_info import EqualInfo
from ecjax.training import cross_entropy

_BATCH_TOKENS = 8192  # positions that are predicted side by side


def tokens_per_window(tokenizer: EqualInfo | Codebook) -> int:
    """How many ids write a window.

    Raises:
      ValueError: If windows do not decode by themselves to all that they are made of, or do not end where ids do.
    """
    if isinstance(tokenizer, Codebook):
        return 1
    if tokenizer.code != "preorder" or tokenizer.reset != 1:
        raise ValueError(
            f"windows of code {tokenizer.code!r} and reset {tokenizer.reset} have no text by themselves; take code "
            "'preorder' and reset 1"
        )
    if tokenizer.bits % tokenizer.token_bits:
        raise ValueError(
            f"windows of {tokenizer.bits} bits do not end where ids of {tokenizer.token_bits} do; take a divisor of "
            f"{tokenizer.bits} for token_bits"
        )
    return tokenizer.bits // tokenizer.token_bits


def windows_of(tokenizer: EqualInfo | Codebook, ids: Integer[np.ndarray, " n"]) -> Integer[np.ndarray, "windows k"]:
    """The ids of each window. Raises ValueError unless `tokens_per_window` takes them and they are whole ones."""
    count = tokens_per_window(tokenizer)
    if len(ids) % count:
        raise ValueError(f"a window has {count} ids, and {len(ids)} are no whole windows; give all ids of a text")
    return ids.reshape(-1, count)


def certain_texts(tokenizer: EqualInfo | Codebook, ids: Integer[np.ndarray, " n"]) -> list[list[bytes]]:
    """What is certain of each window's text once its first one, two, ... and all tokens are known.

    Codes sort as their strings, so what the strings of all codes that begin with some bits have in common is what the
    lowest and the highest of them have.

    Args:
      tokenizer: Windows of code "preorder", M1 starting anew in each.
      ids: Its ids, whole windows.

    Returns:
      For each window, and each number of its tokens, the text; the last one is the window's whole string.

    Raises:
      ValueError: If windows have no text by themselves, or do not end where ids do, or these ids are no whole ones.
    """
    windows = windows_of(tokenizer, ids)
    numbers = range(1, windows.shape[1] + 1)
    found = [np.unique(windows[:, :known], axis=0, return_inverse=True) for known in numbers]
    ends = [_ends(heads, windows.shape[1], tokenizer.vocab_size) for heads, _ in found]
    strings = iter(_spell(tokenizer, np.concatenate(ends)))
    columns = []
    for heads, which in found:
        lowest, highest = ([next(strings) for _ in heads] for _ in range(2))
        common = [_common_prefix(a, b) for a, b in zip(lowest, highest, strict=True)]
        columns.append([common[i] for i in which.reshape(-1)])
    return [list(window) for window in zip(*columns, strict=True)]


def _ends(heads: Integer[np.ndarray, "n known"], length: int, vocab_size: int) -> Integer[np.ndarray, "two_n length"]:
    """The lowest windows that begin with these ids, then the highest."""
    rest = np.ones((len(heads), length - heads.shape[1]), heads.dtype)
    return np.concatenate([np.concatenate([heads, rest * last], axis=1) for last in (0, vocab_size - 1)])


def _spell(tokenizer: EqualInfo | Codebook, windows: Integer[np.ndarray, "n k"]) -> list[bytes]:
    """The string of each window."""
    if isinstance(tokenizer, Codebook):
        return tokenizer.decode_batch(list(windows))
    return tokenizer.spell(windows.reshape(-1))


def _common_prefix(a: bytes, b: bytes) -> bytes:
    differ = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return a[: next(differ, min(len(a), len(b)))]


def token_texts(tokenizer: EqualInfo | Codebook, ids: Integer[np.ndarray, " n"]) -> list[list[bytes]]:
    """What each token adds to what is certain of its window's text; see `certain_texts`.

    Returns:
      For each window the text of each of its tokens, which together are the window's string.
    """
    return [
        [after[len(before) :] for before, after in zip([b"", *certain], certain, strict=False)]
        for certain in certain_texts(tokenizer, ids)
    ]


def bytes_by_position(texts: Sequence[Sequence[bytes]]) -> Float64[np.ndarray, " k"]:
    """Bytes that a token adds, by its position in the window, on average over windows (Fig. 9).

    Args:
      texts: What the tokens of each window add, `token_texts`.
    """
    return np.array([[len(text) for text in window] for window in texts], np.float64).mean(axis=0)


@dataclasses.dataclass(frozen=True)
class PositionScores:
    """How well tokens are predicted, by their position in the window.

    Attributes:
      accuracy: The share of tokens that the model holds the likeliest.
      loss: Nats per token.
    """

    accuracy: Float64[np.ndarray, " k"]
    loss: Float64[np.ndarray, " k"]


def scores_by_position(model: Transformer, ids: Integer[np.ndarray, " n"], per_window: int) -> PositionScores:
    """How well a model predicts the tokens of windows, by their position in the window (Fig. 10).

    The ids are cut into examples of as many whole windows as the model's context holds, each without history. For the
    figure over training, call it on several checkpoints.

    Args:
      model: A language model over the ids.
      ids: Held-out ids, whole windows.
      per_window: Ids in a window, `tokens_per_window`.

    Returns:
      The scores.

    Raises:
      ValueError: If the ids are no whole windows, or the context holds none.
    """
    length = model.config.context // per_window * per_window
    if length == 0 or len(ids) == 0 or len(ids) % per_window:
        raise ValueError(
            f"{len(ids)} ids and a context of {model.config.context} must hold whole windows of {per_window} ids, at "
            "least one"
        )
    rows = max(1, _BATCH_TOKENS // length)
    totals = np.zeros((2, per_window))
    for begin in range(0, len(ids), rows * length):
        part = ids[begin : begin + rows * length]
        padded = np.zeros(rows * length, np.int32)
        padded[: len(part)] = part
        scores = np.asarray(_scores(model, jnp.asarray(padded.reshape(rows, length))), np.float64)
        totals += scores.reshape(2, -1)[:, : len(part)].reshape(2, -1, per_window).sum(axis=1)
    right, nats = totals / (len(ids) // per_window)
    return PositionScores(right, nats)


@eqx.filter_jit
def _scores(model: Transformer, ids: Int32[Array, "b n"]) -> Float[Array, "2 b n"]:
    """Whether each id is the likeliest, and its loss."""
    logits = jax.vmap(model)(ids)
    losses, _ = cross_entropy(logits, ids)
    hits: Bool[Array, "b n"] = jnp.argmax(logits, axis=-1) == ids
    return jnp.stack([hits.astype(losses.dtype), losses])
