"""A language model, an optimiser and a loss of one's own, trained with `ecjax.training.train` over codebook tokens.

A model is an Equinox module that takes the ids of one text and gives logits, row `i` predicting `ids[i]` from those
before. Resuming, several devices and the check of every batch come with `train`.
"""

import tempfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Integer, Key

import ecjax
from ecjax import data
from ecjax.training import TrainingSettings, cross_entropy, train

TEXT = b"""\
Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing
particular to interest me on shore, I thought I would sail about a little and see the watery part of the world. It is a
way I have of driving off the spleen and regulating the circulation. Whenever I find myself growing grim about the
mouth; whenever it is a damp, drizzly November in my soul; then, I account it high time to get to sea as soon as I can.
"""


class GRU(eqx.Module):
    """One layer of gated recurrent units over token ids."""

    embedding: eqx.nn.Embedding
    cell: eqx.nn.GRUCell
    readout: eqx.nn.Linear
    vocab_size: int = eqx.field(static=True)

    def __init__(self, vocab_size: int, width: int, *, key: Key[Array, ""]) -> None:
        """A network that has learnt nothing yet."""
        keys = jax.random.split(key, 3)
        self.vocab_size = vocab_size
        self.embedding = eqx.nn.Embedding(vocab_size, width, key=keys[0])
        self.cell = eqx.nn.GRUCell(width, width, key=keys[1])
        self.readout = eqx.nn.Linear(width, vocab_size, key=keys[2])

    def __call__(self, ids: Integer[Array, " n"]) -> Float[Array, "n v"]:
        def step(state: Float[Array, " d"], token: Integer[Array, ""]) -> tuple[Array, Array]:
            return self.cell(self.embedding(token), state), state  # what predicts a token has not read it

        _, states = jax.lax.scan(step, jnp.zeros(self.cell.hidden_size), ids)
        return jax.vmap(self.readout)(states)


def smoothed(logits: Float[Array, "n v"], ids: Integer[Array, " n"]) -> Float[Array, " n"]:
    """Cross-entropy with 1 % of the probability on all tokens alike: the loss of each token, in nats."""
    return 0.99 * cross_entropy(logits, ids)[0] - 0.01 * jax.nn.log_softmax(logits).mean(-1)


tokenizer = ecjax.load_codebook("books-12")
tokens = tokenizer.encode(TEXT)
length = 24
batches = data.batches(data.Slices(tokens, range(0, len(tokens) - length), length), 8, seed=0)
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.lion(2e-3))
settings = TrainingSettings(steps=150, batch_size=8)
model = GRU(tokenizer.vocab_size, 32, key=jax.random.key(0))
with tempfile.TemporaryDirectory() as folder:
    trained, losses = train(
        model,
        batches,
        settings,
        optimizer=optimizer,
        loss=smoothed,
        directory=Path(folder),
        description={"optimizer": "lion 2e-3, clipped", "loss": "smoothed by 1 %"},  # a run goes on only with the same
    )
print(f"{len(TEXT)} bytes are {len(tokens)} tokens of books-12")
print(f"nats a token: {losses[0]:.2f} at first, {np.mean(losses[-5:]):.2f} after {settings.steps} steps")
assert losses[-1] < 0.7 * losses[0]
