"""Compressing, decompressing and spelling as tasks for a language model (arXiv 2404.03626, Table 5, App. A.3).

An example is `[source ids, separator, target ids, padding]`. A decoder-only model reads all of it, and only the
target's positions count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer

from ecjax.models.transformer import Transformer
from ecjax.tokenizers.plain import Bytes
from ecjax.tokenizers.protocol import Tokenizer
from ecjax.training import Masked

_BATCH_TOKENS = 8192  # positions that are predicted side by side


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The ids of both sides, side by side: the source's, the target's, the separator, padding.

    Attributes:
      source: Number of ids of the source.
      target: Number of ids of the target.
    """

    source: int
    target: int

    @property
    def separator(self) -> int:
        """The id between a source and its target."""
        return self.source + self.target

    @property
    def padding(self) -> int:
        """The id after a pair that is shorter than its row."""
        return self.separator + 1

    @property
    def size(self) -> int:
        """Number of all ids, which is the model's `vocab_size`."""
        return self.padding + 1


class Pairs:
    """Pairs of sequences as examples of one length: a grain random-access source, to be given to `ecjax.data.batches`.

    Attributes:
      vocabulary: Of the examples.
      length: Of each example, as the longest pair needs it.
    """

    def __init__(
        self,
        sources: Sequence[Integer[np.ndarray, " _"]],
        targets: Sequence[Integer[np.ndarray, " _"]],
        vocabulary: Vocabulary,
    ) -> None:
        """Lays out each pair. Raises ValueError if there is none, or no id to be predicted."""
        if not any(map(len, targets)):
            raise ValueError(f"there is no id to predict in {len(targets)} pairs; give a target that is not empty")
        self.vocabulary = vocabulary
        self.length = max(len(a) + 1 + len(b) for a, b in zip(sources, targets, strict=True))
        self._ids = np.full((len(sources), self.length), vocabulary.padding, np.int32)
        self._counted = np.zeros((len(sources), self.length), bool)
        for row, counted, source, target in zip(self._ids, self._counted, sources, targets, strict=True):
            begin = len(source) + 1
            row[: begin - 1] = source
            row[begin - 1] = vocabulary.separator
            row[begin : begin + len(target)] = target + vocabulary.source
            counted[begin : begin + len(target)] = True

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Masked:
        return Masked(self._ids[index], self._counted[index])

    def all(self) -> Masked:
        """All examples, in order."""
        return Masked(self._ids, self._counted)


def compression(tokenizer: Tokenizer, texts: Sequence[bytes]) -> Pairs:
    """From the bytes of texts (`ecjax.Bytes`) to their tokens."""
    vocabulary = Vocabulary(Bytes.vocab_size, tokenizer.vocab_size)
    return Pairs(Bytes().encode_batch(texts), tokenizer.encode_batch(texts), vocabulary)


def decompression(tokenizer: Tokenizer, texts: Sequence[bytes]) -> Pairs:
    """From the tokens of texts to their bytes (`ecjax.Bytes`)."""
    vocabulary = Vocabulary(tokenizer.vocab_size, Bytes.vocab_size)
    return Pairs(tokenizer.encode_batch(texts), Bytes().encode_batch(texts), vocabulary)


def spelling(tokenizer: Tokenizer, words: Sequence[bytes]) -> Pairs:
    """From the tokens of words, each with the space that it has before it in a text, to their bytes alone."""
    sources = tokenizer.encode_batch([b" " + word for word in words])
    return Pairs(sources, Bytes().encode_batch(words), Vocabulary(tokenizer.vocab_size, Bytes.vocab_size))


@dataclasses.dataclass(frozen=True)
class SequenceAccuracy:
    """How much of the targets a model gets right, 0 to 1.

    Attributes:
      tokens: The share of ids that are the likeliest after all ids before them.
      sequences: The share of targets all of whose ids are: those that greedy decoding writes without a fault.
    """

    tokens: float
    sequences: float


def sequence_accuracy(model: Transformer, pairs: Pairs) -> SequenceAccuracy:
    """The accuracy of a model on held-out pairs, the target's ids before each being given (teacher forcing)."""
    examples = pairs.all()
    rows = max(1, _BATCH_TOKENS // pairs.length)
    right, whole = 0, 0
    for begin in range(0, len(pairs), rows):
        ids, counted = examples.ids[begin : begin + rows], examples.counted[begin : begin + rows]
        missing = rows - len(ids)
        hits = np.asarray(_hits(model, jnp.asarray(np.pad(ids, ((0, missing), (0, 0))))))[: len(ids)]
        right += int((hits & counted).sum())
        whole += int((hits | ~counted).all(axis=1).sum())
    return SequenceAccuracy(right / int(examples.counted.sum()), whole / len(pairs))


@eqx.filter_jit
def _hits(model: Transformer, ids: Int32[Array, "b n"]) -> Bool[Array, "b n"]:
    return jnp.argmax(jax.vmap(model)(ids), axis=-1) == ids
