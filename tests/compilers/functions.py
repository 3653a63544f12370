"""Every public function of arrays, with arguments of a size: what the compilers of the backends are given.

What is proved exact is here as it is proved, and what test_backends.py runs; besides them what takes a real model, and
the float Transformer, of which nothing is proved.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

import ecjax
from ecjax.coding import lanes, stream
from ecjax.coding.published import Published
from ecjax.coding.windows import Preorder
from ecjax.generation import SamplingSettings, sample_token
from ecjax.integers import limb_count
from ecjax.models.transformer import Transformer, configuration
from ecjax.training import TrainingSettings, TrainingState
from ecjax.training.own import Method
from ecjax.training.step import compiled_step
from tests.exactness.test_audit import PROOFS
from tests.strategies import Markov

Call = tuple[Any, ...]
"""A function and its arguments."""

TEXT, CONTEXT = 4096, 512


def array(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def text(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.uint8, *shape)


LENGTH = array(jnp.int32)


@functools.cache
def m1() -> ecjax.ByteModel:
    return ecjax.load_model("m1-books")


def markov() -> Markov:
    return Markov(jnp.zeros((257, 257), jnp.uint32), 16)


def encode_in_lanes(bits: int) -> Call:
    def encode(model: Any, text: jax.Array, bounds: jax.Array, count: jax.Array, stops: jax.Array) -> lanes.Walks:
        return lanes.encode(model, Preorder(bits), text, bounds, count, stops, 64)

    return encode, m1(), text(TEXT), array(jnp.int32, 65), LENGTH, array(jnp.bool, TEXT)


def decode_in_lanes(bits: int) -> Call:
    def decode(model: Any, codes: jax.Array, bounds: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
        return lanes.decode(model, Preorder(bits), codes, bounds, count, 64, TEXT)

    return decode, m1(), array(jnp.uint32, 256, limb_count(bits)), array(jnp.int32, 257), LENGTH


def published(delayed: bool, encode: bool) -> Call:
    code = Published(32, delayed)
    if encode:
        return lambda m, x, n: lanes.encode_alone(m, code, x, n), markov(), text(TEXT), LENGTH
    return lambda m, x: lanes.decode_alike(m, code, x, 64), markov(), array(jnp.uint32, 256, 1)


def equal_info(encode: bool) -> Call:
    if encode:
        return lambda m, x, n: ecjax.EqualInfo(m, 24, 16).encode_array(x, n), m1(), text(64), LENGTH
    return lambda m, x: ecjax.EqualInfo(m, 24, 16).decode_array(x, 64), m1(), array(jnp.int32, 96)


def encode_by_codebook(name: str) -> Call:
    book = ecjax.load_codebook(name)
    return lambda x, n: jax.vmap(book.encode_array)(x, n), text(64, TEXT), array(jnp.int32, 64)


def decode_by_codebook(name: str) -> Call:
    book = ecjax.load_codebook(name)
    return lambda x: jax.vmap(lambda ids: book.decode_array(ids, 2 * TEXT))(x), array(jnp.int32, 64, TEXT // 4)


def in_lock_step() -> Call:
    """A step of 64 texts side by side, as a coder takes it."""

    def step(model: ecjax.ByteModel, state: Any, byte: jax.Array) -> Any:
        def one(state: Any, byte: jax.Array) -> Any:
            return model.step(state, byte), model.frequencies(state)

        return jax.vmap(one)(state, byte)

    state = jax.eval_shape(lambda: jax.vmap(lambda _: m1().init())(jnp.arange(64)))
    return step, m1(), state, text(64)


@functools.cache
def transformer() -> Transformer:
    """The paper's model of 25m over codebook tokens, without its numbers."""
    config = configuration("25m", 1 << 16, CONTEXT)
    return eqx.filter_eval_shape(lambda: Transformer(config, key=jax.random.key(0)))


def train(device: Any) -> Call:
    settings = TrainingSettings(1000, 16, "paper", compute="bfloat16", accumulate=2, remat=True)
    state = eqx.filter_eval_shape(lambda model: TrainingState.begin(model, settings), transformer())
    mesh = Mesh(np.array([device]), ("data",))

    def step(state: TrainingState, batch: jax.Array) -> Any:
        return compiled_step((Method(settings), None), mesh, state, batch)

    return step, state, array(jnp.int32, settings.batch_size, CONTEXT)


def without_device(make: Callable[[], Call]) -> Callable[[Any], Call]:
    return lambda _: make()


def sequence(m: ecjax.ByteModel, x: jax.Array) -> jax.Array:
    return jax.vmap(m.sequence)(x)


# What a device is needed for gets it; the others are made without.
FUNCTIONS: dict[str, Callable[[Any], Call]] = {
    name: without_device(make)
    for name, make in {
        **PROOFS,
        "Codebook.encode_array, books-16": lambda: encode_by_codebook("books-16"),
        "Codebook.decode_array, books-16": lambda: decode_by_codebook("books-16"),
        "EqualInfo.encode_array": lambda: equal_info(True),
        "EqualInfo.decode_array": lambda: equal_info(False),
        "lanes.encode, m1-books": lambda: encode_in_lanes(64),
        "lanes.decode, m1-books": lambda: decode_in_lanes(64),
        "published.encode": lambda: published(False, True),
        "published.decode": lambda: published(False, False),
        "delayed.encode": lambda: published(True, True),
        "delayed.decode": lambda: published(True, False),
        "stream.encode, m1-books": lambda: (stream.encode, m1(), text(TEXT // 4), LENGTH),
        "stream.decode, m1-books": lambda: (
            lambda m, c, n: stream.decode(m, c, n, TEXT),
            m1(),
            text(2 * TEXT),
            LENGTH,
        ),
        "IntegerTransformer.sequence": lambda: (sequence, m1(), text(64, 64)),
        "IntegerTransformer.step": in_lock_step,
        "Transformer, 25m": lambda: (lambda m, x: jax.vmap(m)(x), transformer(), array(jnp.int32, 8, CONTEXT)),
        "sample_token": lambda: (
            lambda x, key: sample_token(x, key, SamplingSettings(top_k=40, top_p=0.9)),
            array(jnp.float32, 1 << 16),
            jax.eval_shape(lambda: jax.random.key(0)),
        ),
    }.items()
} | {"training_step, 25m": train}
