"""Compression as a task: how examples are laid out, what counts, and accuracies by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax import Bytes, analysis, data
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import Masked

VOCABULARY = analysis.Vocabulary(3, 4)  # the separator is 7, padding 8


def pairs() -> analysis.Pairs:
    sources = [np.array(ids, np.int32) for ids in ([0, 1, 2], [2], [])]
    targets = [np.array(ids, np.int32) for ids in ([3], [0, 1], [2, 2])]
    return analysis.Pairs(sources, targets, VOCABULARY)


def test_an_example_is_source_separator_target_padding():
    assert (VOCABULARY.separator, VOCABULARY.padding, VOCABULARY.size) == (7, 8, 9)
    examples = pairs()
    assert len(examples) == 3 and examples.length == 5
    assert [examples[i].ids.tolist() for i in range(3)] == [
        [0, 1, 2, 7, 6],
        [2, 7, 3, 4, 8],
        [7, 5, 5, 8, 8],
    ]
    assert [np.flatnonzero(examples[i].counted).tolist() for i in range(3)] == [[4], [2, 3], [1, 2]]


def test_tasks_go_from_bytes_to_tokens_and_back():
    class Doubled(Bytes):
        """Every byte twice, from ids of its own."""

        vocab_size = 300

        def encode(self, text: bytes) -> np.ndarray:
            return np.repeat(Bytes().encode(text), 2) + 10

    there = analysis.compression(Doubled(), [b"\0\1", b"\2"])
    assert there.vocabulary == analysis.Vocabulary(257, 300)
    assert there[0].ids.tolist() == [1, 2, 557, 268, 268, 269, 269]
    back = analysis.decompression(Doubled(), [b"\0\1", b"\2"])
    assert back.vocabulary == analysis.Vocabulary(300, 257)
    assert back[1].ids.tolist() == [13, 13, 557, 303, 558, 558, 558]
    assert np.flatnonzero(back[1].counted).tolist() == [3]


def test_words_are_spelt_from_what_they_are_in_a_text():
    found = analysis.spelling(Bytes(), [b"ab", b"c"])
    assert found.vocabulary == analysis.Vocabulary(257, 257)
    assert found[0].ids.tolist() == [33, 98, 99, 514, 257 + 98, 257 + 99]
    assert found[1].ids.tolist() == [33, 100, 514, 257 + 100, 515, 515]
    assert np.flatnonzero(found[1].counted).tolist() == [3]


@pytest.mark.parametrize("pairs", [0, 2])
def test_pairs_without_an_id_to_predict_are_refused(pairs):
    with pytest.raises(ValueError, match=f"there is no id to predict in {pairs} pairs"):
        analysis.Pairs([np.ones(1, np.int32)] * pairs, [np.zeros(0, np.int32)] * pairs, VOCABULARY)


class Fixed(Transformer):
    """Predicts the same ids in every text."""

    answers: jax.Array

    def __init__(self, answers: list[int]) -> None:
        config = TransformerConfig(VOCABULARY.size, d_model=2, heads=1, layers=1, head_dim=2, mlp_dim=2, context=5)
        super().__init__(config, key=jax.random.key(0))
        self.answers = jnp.array(answers)

    def __call__(self, tokens: jax.Array, *_: Any, **options: Any) -> jax.Array:
        return jax.nn.one_hot(self.answers, VOCABULARY.size)


def test_accuracies_by_hand(monkeypatch):
    monkeypatch.setattr("ecjax.analysis.sequences._BATCH_TOKENS", 10)  # two examples at once
    # The targets are 6 at place 4; 3, 4 at places 2, 3; 5, 5 at places 1, 2.
    assert analysis.sequence_accuracy(Fixed([0, 5, 3, 4, 6]), pairs()) == analysis.SequenceAccuracy(4 / 5, 2 / 3)
    assert analysis.sequence_accuracy(Fixed([0, 5, 5, 5, 5]), pairs()) == analysis.SequenceAccuracy(2 / 5, 1 / 3)
    assert analysis.sequence_accuracy(Fixed([8] * 5), pairs()) == analysis.SequenceAccuracy(0.0, 0.0)


def test_batches_hold_whole_examples():
    batch = next(data.batches(pairs(), 3, seed=0))
    assert isinstance(batch, Masked)
    assert batch.ids.shape == batch.counted.shape == (3, 5)
    examples = sorted(zip(batch.ids.tolist(), batch.counted.tolist(), strict=True))
    assert examples == sorted((each.ids.tolist(), each.counted.tolist()) for each in pairs())
