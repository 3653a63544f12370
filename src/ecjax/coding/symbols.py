"""What the coders of symbols share: their checks, a code's form, and the search of a table."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Int32, Integer, UInt8, UInt32

from ecjax.models.base import ByteModel, SymbolModel, check_first_table


class Encoded(eqx.Module):
    """Coded symbols.

    Attributes:
      code: The code's bytes, then zeros. It never ends in a zero byte itself.
      length: Number of bytes of the code.
    """

    code: UInt8[Array, " capacity"]
    length: Int32[Array, ""]


def check_symbols(model: SymbolModel, symbols: Integer[Array, " n"], length: Integer[Array, ""] | int) -> None:
    """Raises ValueError if a number is no symbol, or the model's first table is none; in a trace nothing is known."""
    if isinstance(symbols, Tracer) or isinstance(length, Tracer):
        return
    check_first_table(model)
    given = np.asarray(symbols)[: int(length)]
    wrong = given[(given < 0) | (given >= model.alphabet)]
    if wrong.size:
        raise ValueError(f"symbols of this model lie in 0 .. {model.alphabet - 1}, got {wrong[0]}")


def bounds_of(
    model: SymbolModel, symbols: Integer[Array, " n"], length: Integer[Array, ""] | int
) -> tuple[UInt32[Array, "n 2"], Bool[Array, " n"]]:
    """Where the counts of each symbol begin and end in the table before it, and which symbols count."""
    inside = jnp.arange(symbols.shape[0]) < length
    symbols = jnp.where(inside, symbols.astype(jnp.int32), 0)
    columns = jnp.stack([symbols, symbols + 1], axis=1)
    return jnp.take_along_axis(model.sequence(symbols), columns, axis=1), inside


def symbol_dtype(model: SymbolModel) -> DTypeLike:
    """The dtype of decoded symbols: uint8 under a model of bytes, else int32."""
    return jnp.uint8 if isinstance(model, ByteModel) else jnp.int32


def locate(table: UInt32[Array, " entries"], slot: UInt32[Array, ""]) -> Int32[Array, ""]:
    """The symbol whose counts hold number `slot` of `2**F`: the last one with `table[symbol] <= slot`.

    It halves the alphabet, so an alphabet of K symbols takes log2(K) looks into the table.
    """
    last = table.shape[0] - 1
    symbol = jnp.array(0, jnp.int32)
    for bit in reversed(range((last - 1).bit_length())):
        further = symbol + (1 << bit)
        # The table's last entry is above every slot.
        symbol = jnp.where(table[jnp.minimum(further, last)] <= slot, jnp.minimum(further, last - 1), symbol)
    return symbol
