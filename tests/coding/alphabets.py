"""Models of symbols of any alphabet, and sequences of them."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Integer, UInt32

from ecjax import SymbolModel

DEEP = [(2, 1), (3, 4), (256, 16), (4096, 12)]
ALPHABETS = [(2, 16), (3, 16), (4, 12), (1000, 16), (4096, 16), (512, 9)]
ALPHABETS += [pytest.param(*pair, marks=pytest.mark.deep) for pair in DEEP]
"""Alphabets and precisions; some have as many symbols as counts."""


class Alternating(SymbolModel):
    """Two tables in turn, moved on by the parity of each symbol: not the same one at each step."""

    tables: UInt32[Array, "2 entries"]
    precision: int = eqx.field(static=True)
    alphabet: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True, default=True)

    def init(self):
        return jnp.array(0, jnp.int32)

    def step(self, state, symbol: Integer[Array, ""]):
        return (state + symbol.astype(jnp.int32)) & 1

    def frequencies(self, state):
        return self.tables[state]


def table(kind: str, alphabet: int, precision: int, rng: np.random.Generator) -> np.ndarray:
    spare = (1 << precision) - alphabet
    if kind == "spiky":
        extra = np.zeros(alphabet, int)
        extra[int(rng.choice([0, alphabet - 1, int(rng.integers(alphabet))]))] = spare
    else:
        extra = rng.multinomial(spare, rng.dirichlet(np.ones(alphabet)))
    return np.concatenate([[0], np.cumsum(extra + 1)]).astype(np.uint32)


def make(alphabet: int, precision: int, kinds: tuple[str, str], rng: np.random.Generator) -> Alternating:
    tables = np.stack([table(kind, alphabet, precision, rng) for kind in kinds])
    return Alternating(jnp.asarray(tables), precision, alphabet)


def sample(model: Alternating, size: int, rng: np.random.Generator) -> list[int]:
    rows, state, symbols = np.asarray(model.tables), 0, []
    for point in rng.integers(1 << model.precision, size=size):
        symbols.append(int(np.searchsorted(rows[state], point, "right")) - 1)
        state = (state + symbols[-1]) & 1
    return symbols


def plain(model: Alternating):
    rows = np.asarray(model.tables).tolist()
    return lambda symbols: rows[sum(symbols) & 1]


def ideal_bits(model: Alternating, symbols: list[int]) -> float:
    """What the model's own distributions give the symbols: the sum of -log2 of their probabilities."""
    rows, state, ideal = np.diff(np.asarray(model.tables).astype(int), axis=1), 0, 0.0
    for symbol in symbols:
        ideal += model.precision - math.log2(rows[state][symbol])
        state = (state + symbol) & 1
    return ideal
