"""Right models, of which the tests make wrong ones."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int32, Integer, UInt32

import ecjax


class Last(ecjax.SymbolModel):
    """An exact model: the symbol before, and its neighbour, are likely. Its state is a pair."""

    symbols: int = eqx.field(static=True, default=256)
    precision: int = eqx.field(static=True, default=12)
    exact: bool = eqx.field(static=True, default=True)

    @property
    def alphabet(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.symbols

    def init(self) -> Any:
        return jnp.array(0, jnp.int32), jnp.array(1, jnp.int32)

    def step(self, state: Any, symbol: Integer[Array, ""]) -> Any:
        return symbol.astype(jnp.int32), state[0]

    def frequencies(self, state: Any) -> UInt32[Array, " entries"]:
        counts = jnp.zeros(self.alphabet, jnp.int32).at[state[0]].set(50).at[state[1]].add(9, mode="drop")
        return ecjax.frequency_table_from_counts(counts, self.precision)


class Float(ecjax.ByteModel):
    """A recurrent float model, not exact."""

    precision = 16
    exact = False
    weights: Float32[Array, "256 8"]
    mixing: Float32[Array, "8 8"]

    def __init__(self) -> None:
        keys = jax.random.split(jax.random.key(0))
        self.weights, self.mixing = jax.random.normal(keys[0], (256, 8)), jax.random.normal(keys[1], (8, 8)) / 3

    def init(self) -> Float32[Array, "8"]:
        return jnp.zeros(8)

    def step(self, state: Float32[Array, "8"], symbol: Integer[Array, ""]) -> Float32[Array, "8"]:
        return jnp.tanh(self.mixing @ state + self.weights[symbol])

    def frequencies(self, state: Float32[Array, "8"]) -> UInt32[Array, "257"]:
        return ecjax.frequency_table(self.weights @ state, self.precision)


class Smooth(ecjax.ByteModel):
    """An exact model that counts the bytes so far, and has a `sequence` and a `restart` of its own."""

    precision = 16
    exact = True

    def init(self) -> Int32[Array, "256"]:
        return jnp.zeros(256, jnp.int32)

    def step(self, state: Int32[Array, "256"], symbol: Integer[Array, ""]) -> Int32[Array, "256"]:
        return jnp.minimum(state.at[symbol].add(1), 1 << 20)

    def frequencies(self, state: Int32[Array, "256"]) -> UInt32[Array, "257"]:
        return ecjax.frequency_table_from_counts(state, self.precision)

    def sequence(self, symbols: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        seen = jnp.cumsum(jax.nn.one_hot(symbols, 256, dtype=jnp.int32), axis=0, dtype=jnp.int32)
        before = jnp.concatenate([jnp.zeros((1, 256), jnp.int32), seen])[:-1]
        return jax.vmap(self.frequencies)(before)

    def restart(self, state: Int32[Array, "256"], initial: Int32[Array, "256"], where: Array) -> Int32[Array, "256"]:
        return jnp.where(where, initial, state)
