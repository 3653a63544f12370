"""The check of a symbol model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, PyTree, UInt32

from ecjax.exactness import audit, within
from ecjax.frequencies import check_precision, check_table
from ecjax.models.base import SymbolModel, step_through
from ecjax.testing.promises import BrokenPromise, require

_EAGER = 4  # symbols that are stepped through op by op
_AUDITED = 8  # symbols of the texts that the audit is about
_ROUNDING = 0.02  # how far two computations of a probability may be apart in a model that is not exact

_WORDS = b"The quick brown fox jumps over the lazy dog. \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82! "


def check_model(model: SymbolModel, text: bytes | Sequence[int] | Integer[np.ndarray, " n"] | None = None) -> None:
    """Checks that a model keeps the promises of `ecjax.SymbolModel`.

    It checks, in this order, and stops at the first that fails:

    1. that `precision`, `alphabet` and `exact` are numbers that can be;
    2. that `init`, `step` and `frequencies` are traceable, `step` keeps the state's structure, shapes and dtypes,
       whatever integer dtype the symbol has, and `frequencies` gives `uint32[alphabet + 1]`;
    3. that every table along the text is valid and has the precision;
    4. that the same call gives the same tables again;
    5. that op by op, under `jit`, in `sequence`, under `vmap` with other texts, and after `restart` they are the same:
       bit for bit if the model is exact, else within 2 parts in 100;
    6. of an exact model, that `ecjax.exactness.audit` proves `sequence`, and stepping, for every text.

    Args:
      model: The model.
      text: Symbols to try it with, of which those matter where the model behaves in its various ways. By default some
        hundred, every byte among them.

    Raises:
      BrokenPromise: With what is wrong and what would be right. Errors that the model itself raises come through.
    """
    _check_settings(model)
    _check_shapes(model)
    symbols = _symbols(model, text)
    stepped = np.asarray(_step_through(model, symbols))
    _check_tables(model, stepped, "step")
    again = np.asarray(jax.jit(lambda symbols: SymbolModel.sequence(model, symbols))(symbols))  # traced anew
    _check_same(model, again, stepped, "the same text gives other tables the second time", "give the same for the same")
    _check_ways(model, symbols, stepped)
    _check_restart(model, symbols, stepped)
    if model.exact:
        _check_audit(model)


def _check_settings(model: SymbolModel) -> None:
    require(isinstance(model, SymbolModel), model, "it is no model", "subclass ecjax.ByteModel or ecjax.SymbolModel")
    for name, kind in {"precision": int, "alphabet": int, "exact": bool}.items():
        value = getattr(model, name)
        right = f"make it a Python {kind.__name__}, as a class attribute or a field with eqx.field(static=True)"
        require(type(value) is kind, model, f"{name} is {value!r}", right)
    try:
        check_precision(model.precision, model.alphabet)
    except ValueError as error:
        raise BrokenPromise(f"{type(model).__name__}: {error}") from error


def _check_shapes(model: SymbolModel) -> None:
    state = eqx.filter_eval_shape(lambda m: m.init(), model)
    for dtype in (jnp.int32, jnp.uint8) if model.alphabet <= 256 else (jnp.int32,):
        after = eqx.filter_eval_shape(lambda m, s: m.step(m.init(), s), model, jax.ShapeDtypeStruct((), dtype))
        problem = f"init gives {_describe(state)}, but step with a symbol of {dtype.__name__} {_describe(after)}"
        right = "step must keep the state's structure, shapes and dtypes; convert what it makes of the symbol"
        require(_describe(state) == _describe(after), model, problem, right)
    table = eqx.filter_eval_shape(lambda m: m.frequencies(m.init()), model)
    size = model.alphabet + 1
    shaped = getattr(table, "shape", None) == (size,) and table.dtype == jnp.uint32
    right = f"it must be uint32[{size}], as ecjax.frequency_table makes it of logits"
    require(shaped, model, f"frequencies gives {_describe(table)}", right)


def _describe(tree: PyTree[Any]) -> str:
    """The structure of a tree, with the dtypes and shapes of its arrays."""
    written = jax.tree.map(lambda x: f"{x.dtype}{list(x.shape)}", eqx.filter(tree, lambda x: hasattr(x, "dtype")))
    return str(written).replace("'", "")


def _symbols(model: SymbolModel, text: bytes | Sequence[int] | Integer[np.ndarray, " n"] | None) -> Int32[Array, " n"]:
    size = model.alphabet
    if text is None:
        rng, edges = np.random.default_rng(0), [0, 0, 0, size - 1, size - 1, size - 1, 0]
        known = list(_WORDS * 2 + bytes(range(256))) if size == 256 else []
        text = np.array([*known, *edges, *rng.integers(size, size=100).tolist()])
    array = np.frombuffer(text, np.uint8) if isinstance(text, bytes) else np.asarray(text)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= size:
        raise ValueError(f"a text is one or more symbols in 0 .. {size - 1} in a row, got {array}")
    return jnp.asarray(array, jnp.int32)


@eqx.filter_jit
def _step_through(model: SymbolModel, symbols: Integer[Array, " n"]) -> UInt32[Array, "n entries"]:
    return SymbolModel.sequence(model, symbols)


@eqx.filter_jit
def _sequence(model: SymbolModel, symbols: Integer[Array, " n"]) -> UInt32[Array, "n entries"]:
    return model.sequence(symbols)


def _check_tables(model: SymbolModel, tables: UInt32[np.ndarray, "n entries"], how: str) -> None:
    try:
        check_table(tables, model.precision, model.alphabet)
    except ValueError as error:
        raise BrokenPromise(
            f"{type(model).__name__}: {error} (tables by {how}, counted by the symbols before them; "
            "ecjax.frequency_table and ecjax.frequency_table_from_counts make valid ones)"
        ) from error


def _check_same(
    model: SymbolModel,
    tables: UInt32[np.ndarray, "n entries"],
    expected: UInt32[np.ndarray, "n entries"],
    problem: str,
    right: str,
) -> None:
    """Requires tables to be equal, or of a model that is not exact, nearly so."""
    apart = np.abs(tables.astype(np.int64) - expected)
    most = 0 if model.exact else int(_ROUNDING * (1 << model.precision))
    wrong = np.argwhere(apart > most)
    if len(wrong):
        row, entry = wrong[0].tolist()
        problem += f" (after {row} symbols entry {entry} is {tables[row, entry]}, not {expected[row, entry]})"
        if model.exact:
            right += "; a model that cannot promise it, such as one that computes in floats, says exact = False"
    require(not len(wrong), model, problem, right)


def _check_ways(model: SymbolModel, symbols: Int32[Array, " n"], stepped: UInt32[np.ndarray, "n entries"]) -> None:
    """Requires every way to compute the tables to give those of stepping."""
    state, rows = model.init(), []
    for symbol in symbols[:_EAGER]:
        rows.append(np.asarray(model.frequencies(state)))
        state = model.step(state, symbol)
    right = "init, step and frequencies must be pure functions, without regard to whether they are traced"
    _check_same(model, np.stack(rows), stepped[: len(rows)], "op by op it gives other tables than under jit", right)

    right = "row i must be the table before symbols[i], given symbols[:i] alone"
    for count in (len(symbols), 1, 0):
        tables = _sequence(model, symbols[:count])
        shape = (count, model.alphabet + 1)
        problem = f"sequence of {count} symbols gives {tables.dtype}{list(tables.shape)}"
        right_shape = f"it must be uint32{list(shape)}"
        require(tables.shape == shape and tables.dtype == jnp.uint32, model, problem, right_shape)
        if count:
            _check_tables(model, np.asarray(tables), "sequence")
        _check_same(model, np.asarray(tables), stepped[:count], "sequence is not what stepping gives", right)
    if model.alphabet <= 256:
        tables = np.asarray(_sequence(model, symbols.astype(jnp.uint8)))
        right = "convert symbols to int32 before any arithmetic"
        _check_same(model, tables, stepped, "symbols of uint8 give other tables than of int32", right)

    batch = jnp.stack([symbols, symbols[::-1], jnp.zeros_like(symbols)])
    right = "what a text gives must not depend on the texts beside it"
    for function, name in ((_step_through, "stepping"), (_sequence, "sequence")):
        tables = np.asarray(eqx.filter_vmap(function, in_axes=(None, 0))(model, batch))
        _check_same(model, tables[0], stepped, f"{name} in a batch (jax.vmap) gives other tables than alone", right)


def _check_restart(model: SymbolModel, symbols: Int32[Array, " n"], stepped: UInt32[np.ndarray, "n entries"]) -> None:
    """Requires a model that is restarted within a text to give the tables of the text's beginning again."""

    @eqx.filter_jit
    def twice(model: SymbolModel, where: Array) -> UInt32[Array, "n entries"]:
        state, _ = jax.lax.scan(lambda state, symbol: (model.step(state, symbol), None), model.init(), symbols)
        return step_through(model, model.restart(state, model.init(), where), symbols)

    right = "restart(state, initial, where) must act as `initial` where `where` holds"
    problem = "after a restart it gives other tables than from its beginning"
    _check_same(model, np.asarray(twice(model, jnp.array(True))), stepped, problem, right)
    further = np.asarray(_step_through(model, jnp.concatenate([symbols, symbols])))[len(symbols) :]
    problem = "restart changes the tables where it should not"
    right = "restart(state, initial, where) must be `state` where `where` does not hold"
    _check_same(model, np.asarray(twice(model, jnp.array(False))), further, problem, right)


def _check_audit(model: SymbolModel) -> None:
    texts = within(jax.ShapeDtypeStruct((_AUDITED,), jnp.int32), 0, model.alphabet - 1)
    for function, name in ((_sequence, "sequence"), (_step_through, "stepping")):
        found = audit(lambda symbols, function=function: function(model, symbols), texts)
        if not found.proved:
            require(
                False,
                model,
                f"it says exact = True, but the audit of {name} does not prove it: {found.refusals[0]}",
                "compute in integers (see docs/exactness.md), or say exact = False",
            )
