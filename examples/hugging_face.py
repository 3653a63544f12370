"""A codebook as a Hugging Face tokenizer, in a small training.

The codebook gets ids for a document's begin and end, becomes a tokenizer of `transformers`, is saved and loaded as any
other, and gives padded batches with masks. The model, in JAX and optax, predicts a token from three before it.
"""

import functools
import pydoc_data.topics
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax

import ecjax
from ecjax.codebook import CodebookTokenizer

BEFORE, WIDTH, LENGTH, BATCH, STEPS = 3, 48, 64, 16, 120


def initial(vocabulary: int, key: jax.Array) -> dict[str, jax.Array]:
    """Random weights."""
    shapes = {"tokens": (vocabulary, WIDTH), "hidden": (BEFORE * WIDTH, 256), "out": (256, WIDTH)}
    keys = jax.random.split(key, len(shapes))
    return {name: 0.1 * jax.random.normal(k, shape) for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def logits(weights: dict[str, jax.Array], ids: jax.Array) -> jax.Array:
    """Those of what follows each position, from the last few tokens up to it."""
    last = jnp.stack([jnp.pad(ids, ((0, 0), (i, 0)))[:, : ids.shape[1]] for i in range(BEFORE)], axis=2)
    seen = weights["tokens"][last].reshape(*ids.shape, -1)
    return jax.nn.gelu(seen @ weights["hidden"]) @ weights["out"] @ weights["tokens"].T


def loss(weights: dict[str, jax.Array], ids: jax.Array, mask: jax.Array) -> jax.Array:
    """Nats of each token that is no padding."""
    each = optax.softmax_cross_entropy_with_integer_labels(logits(weights, ids[:, :-1]), ids[:, 1:])
    return jnp.sum(each * mask[:, 1:]) / jnp.sum(mask[:, 1:])


@functools.partial(jax.jit, static_argnums=0)
def step(optimizer, weights, state, ids, mask):
    """One step of the optimizer; the loss before it."""
    value, gradient = jax.value_and_grad(loss)(weights, ids, mask)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(weights, updates), state, value


def main() -> None:
    """Makes the tokenizer, trains over its ids, and prints what the model goes on with."""
    codebook = ecjax.load_codebook("books-12").with_special_tokens(["<bos>", "<eos>"])
    with tempfile.TemporaryDirectory() as folder:
        codebook.to_transformers().save_pretrained(folder)
        tokenizer = CodebookTokenizer.from_pretrained(folder)
    documents = [text.strip() for text in pydoc_data.topics.topics.values()][:40]  # of Python's manual
    rows = [[tokenizer.bos_token_id, *tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in documents]
    parts = [{"input_ids": row[i : i + LENGTH]} for row in rows for i in range(0, len(row) - 1, LENGTH - 1)]
    print(f"{len(documents)} documents, {len(parts)} examples of up to {LENGTH} of {len(tokenizer)} ids")

    optimizer, weights = optax.adam(3e-3), initial(len(tokenizer), jax.random.key(0))
    state, rng, losses = optimizer.init(weights), np.random.default_rng(0), []
    bytes_per_token = sum(len(text.encode()) for text in documents) / sum(map(len, rows))
    for count in range(1, STEPS + 1):
        drawn = [parts[i] for i in rng.integers(len(parts), size=BATCH)]
        batch = tokenizer.pad(drawn, padding="max_length", max_length=LENGTH, return_tensors="np")
        weights, state, value = step(optimizer, weights, state, batch["input_ids"], batch["attention_mask"])
        losses.append(float(value) / np.log(2) / bytes_per_token)
        if count % 40 == 0:
            print(f"to step {count:3}: {np.mean(losses[-40:]):.2f} bits per byte")
    decoder, ids, following = codebook.decoder(), tokenizer("The function")["input_ids"], jax.jit(logits)
    print("The function", end="")
    for key in jax.random.split(jax.random.key(1), 30):
        ids.append(int(jax.random.categorical(key, following(weights, jnp.array([ids[-BEFORE:]]))[0, -1] * 1.5)))
        print(decoder.decode(ids[-1]), end="")
    print()


main()
