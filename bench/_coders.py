"""Coders of many sequences of symbols, each into a code of its own: ours and peers, run in the same way.

The sequences are `int32[streams, n]`. Each symbol has one of a few frequency tables, which an index names.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt32

from ecjax import SymbolModel

PRECISION = 16


class Task(NamedTuple):
    """What is to be coded: symbols, the tables, and which of the tables each symbol has."""

    symbols: Int32[np.ndarray, "streams n"]
    tables: UInt32[np.ndarray, "tables entries"]
    which: Int32[np.ndarray, "streams n"]

    @property
    def ideal_bits(self) -> float:
        counts = np.diff(self.tables.astype(np.int64), axis=1)[self.which, self.symbols]
        return float((PRECISION - np.log2(counts)).sum())


class Runs(NamedTuple):
    """A coder at a task: encoding, decoding of what was encoded to the symbols, and the size of the codes."""

    encode: Callable[[], Any]
    decode: Callable[[], Any]
    bits: int


class Indexed(SymbolModel):
    """A table at each position, of a few: what learned compression has, and what side information names."""

    tables: UInt32[Array, "tables entries"]
    index: Int32[Array, " n"]
    alphabet: int = eqx.field(static=True)
    precision: int = eqx.field(static=True, default=PRECISION)
    exact: bool = eqx.field(static=True, default=True)

    def init(self) -> Int32[Array, ""]:
        return jnp.array(0, jnp.int32)

    def step(self, state: Int32[Array, ""], symbol: Integer[Array, ""]) -> Int32[Array, ""]:
        return jnp.minimum(state + 1, self.index.shape[0] - 1)

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, " entries"]:
        # All indices are in bounds. Otherwise each entry of the table would be checked for that.
        index = self.index.at[state].get(mode="promise_in_bounds")
        return self.tables.at[index].get(mode="promise_in_bounds")

    def sequence(self, symbols: Integer[Array, " n"]) -> UInt32[Array, "n entries"]:
        return self.tables[self.index]


def ours(coder: types.ModuleType, task: Task) -> Runs:
    """`ecjax.coding.stream` or `ecjax.coding.rans`, streams side by side."""
    symbols, tables, index = map(jnp.asarray, task)
    n, alphabet = symbols.shape[1], tables.shape[1] - 1

    def encode_one(tables: Any, index: Any, symbols: Any) -> Any:
        return coder.encode(Indexed(tables, index, alphabet), symbols, n)

    def decode_one(tables: Any, index: Any, code: Any) -> Any:
        return coder.decode(Indexed(tables, index, alphabet), code, n, n)

    encode, decode = (jax.jit(jax.vmap(run, (None, 0, 0))) for run in (encode_one, decode_one))
    coded = encode(tables, index, symbols)
    return Runs(
        lambda: jax.block_until_ready(encode(tables, index, symbols)),
        lambda: jax.block_until_ready(decode(tables, index, coded.code)),
        8 * int(coded.length.sum()),
    )


def constriction(kind: str, task: Task) -> Runs:
    """The range coder ("queue") or rANS ("stack") of constriction, which takes one stream after the other.

    It is given probabilities, as it wants them. Where there is one table it prepares it once.
    """
    library = importlib.import_module("constriction").stream
    probabilities = np.diff(task.tables).astype(np.float32) / np.float32(1 << PRECISION)
    family = library.model.Categorical
    if len(probabilities) == 1:
        arguments = [(family(probabilities[0], perfect=False),)] * len(task.symbols)
    else:
        arguments = [(family(perfect=False), probabilities[index]) for index in task.which]
    encoder, decoder = (
        (library.queue.RangeEncoder, library.queue.RangeDecoder)
        if kind == "queue"
        else (library.stack.AnsCoder, library.stack.AnsCoder)
    )

    def encode() -> list[Any]:
        codes = []
        for symbols, given in zip(task.symbols, arguments, strict=True):
            coder = encoder()
            (coder.encode if kind == "queue" else coder.encode_reverse)(symbols, *given)
            codes.append(coder.get_compressed())
        return codes

    def decode() -> list[Any]:
        size = (task.symbols.shape[1],) if len(probabilities) == 1 else ()
        return [decoder(code).decode(*given, *size) for code, given in zip(codes, arguments, strict=True)]

    codes = encode()
    return Runs(encode, decode, 32 * sum(map(len, codes)))


def codex(task: Task) -> Runs:
    """rANS of google/codex (its repository; the release on PyPI has no coder), streams side by side."""
    stack = importlib.import_module("codex.ecs.range_ans").RangeAnsStack
    symbols, index = jnp.asarray(task.symbols), jnp.asarray(task.which)
    tables = jnp.asarray(task.tables.astype(np.int32))
    size = 2 * symbols.shape[1] + 8

    def encode_one(tables: Any, index: Any, symbols: Any) -> Any:
        empty = stack.make(jnp.zeros(size, jnp.uint8))
        return empty.encode((symbols, index, tables), PRECISION).serialize()

    def decode_one(tables: Any, index: Any, code: Any, length: Any) -> Any:
        return stack.deserialize(code, length).decode(index, tables, PRECISION)[1]

    encode, decode = jax.jit(jax.vmap(encode_one, (None, 0, 0))), jax.jit(jax.vmap(decode_one, (None, 0, 0, 0)))
    codes, lengths = encode(tables, index, symbols)
    return Runs(
        lambda: jax.block_until_ready(encode(tables, index, symbols)),
        lambda: jax.block_until_ready(decode(tables, index, codes, lengths)),
        8 * int(lengths.sum()),
    )
