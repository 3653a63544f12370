"""Frequency tables of cumulative distributions: any, Gaussian and logistic ones, as learned compression uses.

**Floats are not exact.** What a cdf, a network's mean or its scale is rounded to depends on the machine, the backend
and the batch, and one table that differs by a unit corrupts all that is decoded after it. So encode and decode with one
program on one machine, or let no float decide: make tables for a few dozen scales once, store them beside the codes or
in the program, and choose among them by an integer that is coded or computed exactly.

Whatever the floats, the table is a valid one (`ecjax.frequencies`).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from ecjax.frequencies import check_precision, table_of_shares


def frequency_table_from_cdf(cdf: Float[Array, " inner"], precision: int = 16) -> UInt32[Array, " inner+2"]:
    """The frequency table of a cumulative distribution, given at the edges between its K symbols.

    What lies below the first edge belongs to symbol 0, and what lies above the last one to symbol K - 1. Numbers below
    0 and NaN count as 0, those above 1 as 1, and one below its predecessor as that.

    Args:
      cdf: For i from 0 to K - 2, the probability that the symbol is at most i.
      precision: F, at most 16, and `2**F` at least K. For K = 256 it is 9 to 16.

    Returns:
      Cumulative frequencies of `2**F`, from 0 on.

    Raises:
      ValueError: If there is no such table, or the numbers are not one row of floats.
    """
    if cdf.ndim != 1 or not jnp.issubdtype(cdf.dtype, jnp.floating):
        raise ValueError(
            f"a cdf is one row of floats, got {cdf.dtype} of shape {cdf.shape}; use jax.vmap for many rows"
        )
    size = cdf.shape[0] + 1
    check_precision(precision, size)
    rising = jax.lax.cummax(jnp.clip(jnp.nan_to_num(cdf.astype(jnp.float32), nan=0.0), 0, 1))
    return table_of_shares(jnp.floor(rising * ((1 << precision) - size)).astype(jnp.uint32), precision)


def gaussian_table(
    mean: Float[Array, ""] | float, scale: Float[Array, ""] | float, low: int, high: int, precision: int = 16
) -> UInt32[Array, " entries"]:
    """The frequency table of a Gaussian that is rounded to integers `low .. high`; symbol i stands for `low + i`.

    Args:
      mean: Its mean.
      scale: Its standard deviation, above 0.
      low: The least integer; what is rounded to less counts as this.
      high: The greatest integer; what is rounded to more counts as this.
      precision: F, at most 16, and `2**F` at least `high - low + 1`.

    Returns:
      Cumulative frequencies of `2**F`, `high - low + 2` of them. For many distributions use `jax.vmap`.

    Raises:
      ValueError: If there is no such table.
    """
    return frequency_table_from_cdf(jax.scipy.special.ndtr(_edges(mean, scale, low, high)), precision)


def logistic_table(
    mean: Float[Array, ""] | float, scale: Float[Array, ""] | float, low: int, high: int, precision: int = 16
) -> UInt32[Array, " entries"]:
    """The frequency table of a logistic distribution that is rounded to integers; all else is as in `gaussian_table`.

    Args:
      mean: Its mean.
      scale: Its scale, above 0: the standard deviation is `pi / sqrt(3)` times that.
      low: The least integer.
      high: The greatest integer.
      precision: F.

    Returns:
      Cumulative frequencies of `2**F`.

    Raises:
      ValueError: If there is no such table.
    """
    return frequency_table_from_cdf(jax.nn.sigmoid(_edges(mean, scale, low, high)), precision)


def _edges(
    mean: Float[Array, ""] | float, scale: Float[Array, ""] | float, low: int, high: int
) -> Float[Array, " inner"]:
    """The edges between the integers `low .. high`, as multiples of the scale from the mean."""
    if low >= high:
        raise ValueError(f"integers from low to high must be two or more, got {low} to {high}")
    return (jnp.arange(low, high, dtype=jnp.float32) + 0.5 - mean) / scale
