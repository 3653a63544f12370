"""Hypothesis strategies that tests share: frequency tables, small exact models, texts; and the models' Python side.

What is large (a table, a model) is drawn as a seed and a few choices, so that an example costs little and shrinks by
becoming simpler, not smaller. Shapes are fixed, so that one compilation serves all examples of a precision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import equinox as eqx
import jax.numpy as jnp
import jaxtyping
import numpy as np
from hypothesis import strategies as st
from jaxtyping import Array, Int32, Integer, UInt32

from ecjax.models.base import ByteModel

PRECISIONS = (9, 12, 14, 16)
TABLE_KINDS = ("flat", "spiky", "floor", "random")
TEXT_KINDS = ("likely", "repeated", "every byte", "random")

WORD_EDGES = (0, 1, 2, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 1)

seeds = st.integers(0, 2**32 - 1)
precisions = st.sampled_from(PRECISIONS)
words = st.one_of(st.sampled_from(WORD_EDGES), st.integers(0, 2**32 - 1))
"""32-bit numbers, the edges among them."""


def make_table(kind: str, precision: int, rng: np.random.Generator) -> UInt32[np.ndarray, "257"]:
    """A table of a kind of `TABLE_KINDS`: all alike; one byte with all that can be; a few that share it; anything."""
    spare = (1 << precision) - 256
    if kind == "flat":
        extra = np.full(256, spare // 256)
    elif kind == "spiky":
        extra = np.zeros(256, int)
        extra[rng.choice([0, 255, int(rng.integers(256))])] = spare
    elif kind == "floor":
        extra = np.zeros(256, int)
        extra[rng.choice(256, 3, replace=False)] = rng.multinomial(spare, rng.dirichlet(np.ones(3)))
    elif kind == "random":
        extra = rng.multinomial(spare, rng.dirichlet(np.ones(256)))
    else:
        raise ValueError(kind)
    return np.concatenate([[0], np.cumsum(extra + 1)]).astype(np.uint32)


@st.composite
def tables(draw: st.DrawFn, precision: int) -> UInt32[np.ndarray, "257"]:
    """Frequency tables of a precision, of every kind."""
    return make_table(draw(st.sampled_from(TABLE_KINDS)), precision, np.random.default_rng(draw(seeds)))


class Markov(ByteModel):
    """An exact model whose context is the byte before; row 256 of `tables` is for the first byte."""

    tables: UInt32[Array, "257 257"]
    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)

    def __init__(self, tables: UInt32[Array, "257 257"], precision: int, exact: bool = True) -> None:
        self.tables = tables
        self.precision = precision
        self.exact = exact

    def init(self) -> Int32[Array, ""]:
        return jnp.array(256, jnp.int32)

    def step(self, state: Int32[Array, ""], byte: Integer[Array, ""]) -> Int32[Array, ""]:
        return byte.astype(jnp.int32)

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, "257"]:
        return self.tables[state]

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        context = jnp.concatenate([jnp.array([256], jnp.int32), text.astype(jnp.int32)])[:-1]
        return self.tables[context]


@st.composite
def models(draw: st.DrawFn, precision: int) -> Markov:
    """Markov models of a precision with one to four different rows, scattered over the contexts."""
    rows = np.stack(draw(st.lists(tables(precision), min_size=1, max_size=4)))
    which = np.random.default_rng(draw(seeds)).integers(len(rows), size=257)
    return Markov(jnp.asarray(rows[which]), precision)


def python_model(model: ByteModel) -> Callable[[bytes], list[int]]:
    """A Markov model as the oracles in specs/oracle want it: the bytes so far to a table."""
    assert isinstance(model, Markov)
    rows = np.asarray(model.tables).tolist()
    return lambda text: rows[text[-1] if text else 256]


def sample(model: ByteModel, length: int, rng: np.random.Generator) -> bytes:
    """A text that follows a Markov model."""
    assert isinstance(model, Markov)
    rows, text = np.asarray(model.tables), [256]
    for point in rng.integers(1 << model.precision, size=length):
        text.append(int(np.searchsorted(rows[text[-1]], point, "right")) - 1)
    return bytes(text[1:])


@st.composite
def texts(draw: st.DrawFn, max_size: int, model: ByteModel | None = None) -> bytes:
    """Texts of up to `max_size` bytes: likely ones under the model, one byte over and over, every byte, any bytes."""
    kind = draw(st.sampled_from(TEXT_KINDS[model is None :]))
    if kind == "random":
        return draw(st.binary(max_size=max_size))
    length = draw(st.sampled_from((0, 1, max_size)) | st.integers(0, max_size))
    if kind == "likely" and model is not None:
        return sample(model, length, np.random.default_rng(draw(seeds)))
    if kind == "repeated":
        return bytes([draw(st.sampled_from((0, 255)) | st.integers(0, 255))]) * length
    return (bytes(range(256)) * (max_size // 256 + 1))[:length]


@st.composite
def models_and_texts(draw: st.DrawFn, max_size: int) -> tuple[Markov, bytes]:
    """A model of any precision and a text."""
    model = draw(precisions.flatmap(models))
    return model, draw(texts(max_size, model))


def padded(text: bytes, size: int, filler: int = 0) -> np.ndarray:
    """A text as uint8[size], filled up with `filler`."""
    return np.frombuffer(text.ljust(size, bytes([filler])), np.uint8)


@contextlib.contextmanager
def annotations_unchecked() -> Iterator[None]:
    """The package as its users have it: without the run-time checks, which refuse bad input before the package can."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
