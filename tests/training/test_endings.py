"""Windows with their ends, as training reads them."""

from collections import Counter

import jax
import numpy as np
import pytest

from ecjax import data
from ecjax.codebook import Codebook
from ecjax.codebook.modelled import END
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import TrainingSettings, train
from ecjax.training.endings import WindowExamples

STRINGS = [bytes([b]) for b in range(256)] + [b"ab", b"abc", b"abcdefg"] + [bytes([b, 0]) for b in range(252)]
COSTS = [2048] * 256 + [512, 512, 512] + [4000] * 252


def windows_of(texts, length):
    """Examples of texts that are given as their strings."""
    codebook = Codebook.from_strings(STRINGS, costs=COSTS)
    ids = {string: id for id, string in enumerate(sorted([b"", *STRINGS]))}
    windows = [np.array([ids[string] for string in text], np.int32) for text in texts]
    return WindowExamples(codebook, windows, length)


def test_each_window_is_an_example_with_its_end():
    examples = windows_of([[b"abc", b"ab"], [], [b"x\0", b"abcdefg"]], 5)
    read = [examples[i] for i in range(len(examples))]
    told = [("".join(map(chr, e.ids[e.counted & (e.ids < END)])), int((e.ids[e.counted] == END).sum())) for e in read]
    # The last window has no room: its first bytes are read, and that it goes on.
    assert told == [("abc", 1), ("ab", 1), ("x\0", 1), ("abcde", 0)]
    for example in read:
        assert example.ids.shape == example.counted.shape == (5,) and example.ids.dtype == np.int32
        assert (example.ids[~example.counted] == END).all()


def test_grain_draws_windows_as_often_as_they_are():
    examples = windows_of([[b"ab"] * 30 + [b"x"] * 10], 3)
    batch = next(data.batches(examples, 40, seed=1))
    drawn = Counter(map(bytes, np.asarray(batch.ids)[:, :2].astype(np.uint8)))
    assert drawn == {b"ab": 30, b"x\0": 10}


@pytest.mark.slow
def test_training_reads_them():
    config = TransformerConfig(257, 16, 2, 1, 8, 32, context=4)
    examples = windows_of([[b"ab"] * 30 + [b"x"] * 10], 4)
    settings = TrainingSettings(steps=60, batch_size=16, learning_rate=3e-2, warmup=5)
    _, losses = train(Transformer(config, key=jax.random.key(0)), data.batches(examples, 16, seed=0), settings)
    # Which of the two windows it is, is all that is left to learn: 0.56 nats in 2.75 symbols.
    assert losses[0] > 4 and np.mean(losses[-10:]) < 0.3


def test_nothing_to_learn_from():
    for texts in ([], [[]]):
        with pytest.raises(ValueError, match="there is no window to learn from"):
            windows_of(texts, 4)
    with pytest.raises(ValueError, match="length"):
        windows_of([[b"a"]], 1)
