"""check_model takes right models, and refuses each of many wrong ones with what is wrong."""

from __future__ import annotations

import random
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

import ecjax
from ecjax.testing import BrokenPromise, check_model
from tests.strategies import Markov, annotations_unchecked, make_table
from tests.testing.right import Float, Last, Smooth


def markov() -> Markov:
    rng = np.random.default_rng(0)
    return Markov(jnp.asarray(np.stack([make_table("random", 14, rng)] * 257)), 14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        *(Last(), Float(), Smooth(), markov()),
        *(pytest.param(model, marks=pytest.mark.deep) for model in (Last(4, 2), Last(1000, 12))),
    ],
    ids=repr,
)
def test_right_models_pass(model):
    with annotations_unchecked():  # they take most of the time
        check_model(model)


@pytest.mark.slow
def test_texts_are_symbols():
    check_model(Float(), b"bytes")
    with annotations_unchecked():
        check_model(Last(4, 4), np.array([3, 0, 3], np.int64))
    check_model(markov(), [0, 1, 1, 0, 1])
    for text in ([4], [-1], [], [[0]], [0.5]):
        with annotations_unchecked(), pytest.raises(ValueError, match=r"symbols in 0 \.\. 3 in a row"):
            check_model(Last(4, 4), text)  # pyright: ignore[reportArgumentType]


class Falls(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state).at[100].set(7)


class FallsAtOnce(Smooth):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state).at[100].set(7)


class FallsLate(Smooth):
    def sequence(self, symbols: Any) -> Any:
        return ecjax.SymbolModel.sequence(self, symbols)

    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state).at[-1].add(jnp.where(jnp.sum(state) > 200, 1, 0).astype(jnp.uint32))


class OtherPrecision(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state) * 2


class Floats(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state).astype(jnp.float32)


class Signed(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state).astype(jnp.int32)


class Short(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state)[1:]


class NoTable(Last):
    def frequencies(self, state: Any) -> Any:
        return ()


class NoPrecision(Last):
    precision: Any = eqx.field(static=True, default="12")


class TooPrecise(Last):
    precision: int = eqx.field(static=True, default=17)


class Lonely(Last):
    symbols: int = eqx.field(static=True, default=1)


class Maybe(Last):
    exact: Any = eqx.field(static=True, default=1)


class KeepsSymbol(Last):
    def step(self, state: Any, symbol: Any) -> Any:
        return symbol, state[0]


class Grows(Last):
    def step(self, state: Any, symbol: Any) -> Any:
        return (*super().step(state, symbol), state[1])


class Wraps(Last):
    def step(self, state: Any, symbol: Any) -> Any:
        return (symbol + 1).astype(jnp.int32) & 511, state[0]

    def frequencies(self, state: Any) -> Any:
        counts = jnp.zeros(256, jnp.int32).at[state[0]].set(50, mode="drop")
        return ecjax.frequency_table_from_counts(counts, self.precision)


class LooksAhead(Smooth):
    def sequence(self, symbols: Any) -> Any:
        tables = super().sequence(symbols)
        return jnp.concatenate([tables[1:], tables[-1:]])


class LooksAheadInFloats(Float):
    def sequence(self, symbols: Any) -> Any:
        tables = super().sequence(symbols)
        return jnp.concatenate([tables[1:], tables[-1:]])


class FloatsRatherThanTables(Smooth):
    def sequence(self, symbols: Any) -> Any:
        return super().sequence(symbols).astype(jnp.float32)


class Reversed(Smooth):
    def sequence(self, symbols: Any) -> Any:
        return super().sequence(symbols)[::-1]


class NotEmpty(Smooth):
    def sequence(self, symbols: Any) -> Any:
        tables = super().sequence(symbols)
        return tables if len(symbols) else jnp.zeros((1, 257), jnp.uint32)


class Random(Last):
    def init(self) -> Any:
        return jnp.array(random.randrange(256), jnp.int32), jnp.array(random.randrange(256), jnp.int32)


class SeesTracing(Last):
    def frequencies(self, state: Any) -> Any:
        return super().frequencies(state if isinstance(state[0], Tracer) else state[::-1])


@jax.custom_batching.custom_vmap
def own(state: Any) -> Any:
    return state


@own.def_vmap
def _(size: int, batched: Any, state: Any) -> Any:
    return jnp.flip(state, axis=0), batched[0]


class MixesABatch(Last):
    def step(self, state: Any, symbol: Any) -> Any:
        return own(super().step(state, symbol)[0]), state[0]


class RestartsNever(Last):
    def restart(self, state: Any, initial: Any, where: Any) -> Any:
        return state


class RestartsHalf(Last):
    def restart(self, state: Any, initial: Any, where: Any) -> Any:
        return jnp.where(where, initial[0], state[0]), state[1]


class RestartsAlways(Last):
    def restart(self, state: Any, initial: Any, where: Any) -> Any:
        return initial


class SaysExact(Float):
    exact = True


MUTANTS = {
    Falls: r"frequency table 0: entry 100 is 7, not above the \d+ before it; it must rise strictly .*\(tables by step",
    FallsAtOnce: r"frequency table 0: entry 100 is 7",
    FallsLate: r"frequency table 201: the last entry, 256, is 65537, not 65536",
    OtherPrecision: r"is 8192, not 4096 \(a table of precision 13\?\)",
    Floats: r"frequencies gives float32\[257\]; it must be uint32\[257\]",
    Signed: r"frequencies gives int32\[257\]; it must be uint32\[257\]",
    Short: r"frequencies gives uint32\[256\]; it must be uint32\[257\]",
    NoTable: r"frequencies gives \(\); it must be uint32\[257\]",
    NoPrecision: "precision is '12'; make it a Python int",
    TooPrecise: "precision must be 9 to 16 bits, got 17",
    Lonely: "an alphabet has 2 to 65536 symbols, got 1",
    Maybe: "exact is 1; make it a Python bool",
    KeepsSymbol: r"init gives \(int32\[\], int32\[\]\), but step with a symbol of uint8 \(uint8\[\], int32\[\]\)",
    Grows: r"but step with a symbol of int32 \(int32\[\], int32\[\], int32\[\]\); step must keep",
    Wraps: "symbols of uint8 give other tables than of int32 .* convert symbols to int32",
    LooksAhead: r"sequence is not what stepping gives \(after 0 symbols entry .*\); row i must be the table before",
    LooksAheadInFloats: "sequence is not what stepping gives .* row i must be",
    FloatsRatherThanTables: r"sequence of \d+ symbols gives float32\[\d+, 257\]; it must be uint32",
    Reversed: "sequence is not what stepping gives",
    NotEmpty: r"sequence of 0 symbols gives uint32\[1, 257\]; it must be uint32\[0, 257\]",
    Random: "the same text gives other tables the second time",
    SeesTracing: "op by op it gives other tables than under jit .* pure functions",
    MixesABatch: r"stepping in a batch \(jax.vmap\) gives other tables than alone",
    RestartsNever: "after a restart it gives other tables than from its beginning",
    RestartsHalf: "after a restart it gives other tables than from its beginning",
    RestartsAlways: "restart changes the tables where it should not",
    SaysExact: "(the audit of \\w+ does not prove it: .*; compute in integers|computes in floats, says exact = False)",
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_models_are_refused(mutant):
    model = mutant()
    with annotations_unchecked(), pytest.raises(BrokenPromise, match=f"^{mutant.__name__}: .*{MUTANTS[mutant]}"):
        check_model(model)


def test_what_is_no_model_is_refused():
    with annotations_unchecked(), pytest.raises(BrokenPromise, match=r"^int: it is no model; subclass ecjax.ByteModel"):
        check_model(5)  # pyright: ignore[reportArgumentType]


# What tokenizers refuse by themselves: they look at the first table.

BYTE_TOKENIZERS = {
    "ac": ecjax.ArithmeticCoding,
    "huffman": ecjax.Huffman,
    "equal-info": lambda model: ecjax.EqualInfo(model, 16),
    "equal-text": lambda model: ecjax.EqualText(model, 1),
    "codebook": lambda model: ecjax.compile_codebook(model, 12),
}


@pytest.mark.parametrize("name", BYTE_TOKENIZERS)
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Falls(), r"Falls.frequencies\(init\(\)\): frequency table: entry 100 is 7.*see ecjax.frequency_table"),
        (OtherPrecision(), r"is 8192, not 4096 \(a table of precision 13\?\)"),
        (Floats(), "Floats.frequencies must give uint32, got float32"),
        (Short(), "257 entries, got 256"),
        (TooPrecise(), "precision must be 9 to 16 bits, got 17"),
        (Last(4, 12), "has an alphabet of 256 bytes, Last has 4"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_tokenizers_refuse_a_wrong_first_table(name, model, message):
    with annotations_unchecked(), pytest.raises(ValueError, match=message):
        BYTE_TOKENIZERS[name](model)


def test_tokenizers_may_be_made_in_a_trace():
    text = jnp.arange(20, dtype=jnp.uint8)

    @eqx.filter_jit
    def tokens(model: Markov) -> Any:
        return ecjax.EqualInfo(model, 16).encode_array(text, jnp.array(20))

    @jax.jit
    def with_known_model(text: Any) -> Any:
        return ecjax.EqualInfo(markov(), 16).encode_array(text, jnp.array(20))

    expected = ecjax.EqualInfo(markov(), 16).encode(bytes(range(20)))
    for ids, count in (tokens(markov()), with_known_model(text)):
        assert ids[:count].tolist() == expected.tolist()
    with annotations_unchecked(), pytest.raises(ValueError, match="entry 100 is 7"):
        jax.jit(lambda text: ecjax.EqualInfo(FallsAtOnce(), 16).encode_array(text, jnp.array(20)))(text)
