"""The protocols SymbolModel and ByteModel: what a coder asks of a model over symbols, and over bytes."""

# Without `from __future__ import annotations`: Equinox has to see AbstractVar itself, not its name in a string.

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Integer, PyTree, UInt32

from ecjax.frequencies import check_precision, check_table


class SymbolModel(eqx.Module):
    """A model of the next symbol, one of `0 .. K - 1`, that speaks in integer cumulative frequencies.

    Subclass it with your own `init`, `step` and `frequencies`; everything must be traceable by `jax.jit`. A table of
    ten lines is as good a model as a Transformer. `ecjax.testing.check_model` says whether it keeps these promises.

    Attributes:
      precision: F, the bits of its frequency tables, at most 16. Static.
      alphabet: K, the number of its symbols, 2 to `2**F`. Static.
      exact: Whether `sequence` equals stepping bit for bit, in every batch and on every backend. A float model cannot
        promise that. Static.
      valid_tables: Whether every table is valid by the way it is made, so that nobody has to look at the first one.
    """

    valid_tables: ClassVar[bool] = False

    if TYPE_CHECKING:
        # For type checkers these are attributes, but no fields: fields would be the first parameters of every
        # subclass's __init__, before its own, whether or not it gives them as class attributes.
        def _attributes(self) -> None:
            self.precision: int
            self.alphabet: int
            self.exact: bool
    else:
        precision: eqx.AbstractVar[int]
        alphabet: eqx.AbstractVar[int]
        exact: eqx.AbstractVar[bool]

    @abstractmethod
    def init(self) -> PyTree[Any]:
        """The state before the first symbol."""

    @abstractmethod
    def step(self, state: PyTree[Any], symbol: Integer[Array, ""], /) -> PyTree[Any]:
        """The state after one more symbol, of the same structure, shapes and dtypes.

        Args:
          state: What `init` or `step` gave.
          symbol: The symbol, in `0 .. K - 1`, of any integer dtype.
        """

    @abstractmethod
    def frequencies(self, state: PyTree[Any], /) -> UInt32[Array, " entries"]:
        """The frequency table of the next symbol: K + 1 entries (see `ecjax.frequencies`).

        Args:
          state: What `init` or `step` gave.

        Returns:
          Cumulative frequencies: the first is 0, each is greater than the one before, and the last is `2**F`.
        """

    def restart(self, state: PyTree[Any], initial: PyTree[Any], where: Bool[Array, ""], /) -> PyTree[Any]:
        """The state `initial`, which is `init()`, where `where` holds, else `state`.

        A model whose state is large overrides it: what `step` and `frequencies` will not read may stay as it is.

        Args:
          state: The state that goes on if `where` is false.
          initial: What `init` gave.
          where: Whether to begin anew.
        """
        return jax.tree.map(lambda a, b: jnp.where(where, a, b), initial, state)

    def sequence(self, symbols: Integer[Array, " n"], /) -> UInt32[Array, "n entries"]:
        """The tables before each of `symbols`: row i is that of `symbols[i]` given `symbols[:i]`.

        By default it steps; a model that can do all positions at once overrides it.

        Args:
          symbols: Symbols in `0 .. K - 1`, of any integer dtype.

        Returns:
          The tables, as `frequencies` gives them.
        """
        return step_through(self, self.init(), symbols)


class ByteModel(SymbolModel):
    """A model of the next byte: a symbol model of 256 symbols, of precision 9 to 16."""

    if not TYPE_CHECKING:  # as above
        precision: eqx.AbstractVar[int]
        exact: eqx.AbstractVar[bool]

    alphabet = 256


def step_through(model: SymbolModel, state: PyTree[Any], symbols: Integer[Array, " n"]) -> UInt32[Array, "n entries"]:
    """The tables before each of `symbols`, from a state on, one step after the other."""

    def advance(state: PyTree[Any], symbol: Integer[Array, ""]) -> tuple[PyTree[Any], UInt32[Array, " entries"]]:
        return model.step(state, symbol), model.frequencies(state)

    return jax.lax.scan(advance, state, symbols)[1]


def check_usable(model: SymbolModel, allow_inexact: bool) -> None:
    """Raises ValueError unless texts can be coded with a model: one over bytes, exact or allowed not to be.

    What it does with texts is not tried, but for the first table (`check_first_table`).
    """
    if model.alphabet != 256:
        raise ValueError(f"a model of texts has an alphabet of 256 bytes, {type(model).__name__} has {model.alphabet}")
    check_precision(model.precision)
    check_exact(model, allow_inexact)
    check_first_table(model)


def check_exact(model: SymbolModel, allow_inexact: bool) -> None:
    """Raises ValueError unless the model is exact, or need not be."""
    if not (model.exact or allow_inexact):
        raise ValueError(
            f"{type(model).__name__} is not exact: its tokens need not decode to the same text elsewhere; use an exact "
            "model, which `ecjax quantize` makes of a float one (a tokenizer also takes allow_inexact=True)"
        )


def check_first_table(model: SymbolModel) -> None:
    """Raises ValueError unless the table before the first symbol is one of the model's precision and alphabet.

    It is computed, so this is for what begins work with a model, outside `jit`. Where the model's arrays have no values
    (in a trace), or it vouches for its tables (`valid_tables`), nothing is checked.
    """
    if model.valid_tables or not all(map(_has_value, jax.tree.leaves(model))):
        return
    with jax.ensure_compile_time_eval():
        table = _first_table(model)
    name = type(model).__name__
    if table.dtype != jnp.uint32:
        raise ValueError(f"{name}.frequencies must give uint32, got {table.dtype}: see ecjax.frequency_table")
    try:
        check_table(np.asarray(table), model.precision, model.alphabet)
    except ValueError as error:
        raise ValueError(f"{name}.frequencies(init()): {error}; see ecjax.frequency_table") from error


@eqx.filter_jit
def _first_table(model: SymbolModel) -> Array:
    return model.frequencies(model.init())


def _has_value(leaf: Any) -> bool:
    """Whether a leaf is no array, or one whose numbers are known."""
    return not isinstance(leaf, Tracer) and (isinstance(leaf, np.ndarray | jax.Array) or not hasattr(leaf, "dtype"))
