"""Logits, counts or a cdf to integer cumulative frequencies: the one contract between models and coders.

A **table** of precision F (at most 16) for an alphabet of K symbols (2 <= K <= 2**F) is `uint32[K + 1]` with `table[0]
== 0`, strictly increasing, `table[K] == 2**F`. Symbol `c` has frequency `table[c + 1] - table[c]`, at least 1, of
`2**F`. Tables of bytes, K = 256, have a precision of 9 or more. Once logits are fixed point, all is integer.

Weights become a table like this: one count is set aside for each symbol; the other `A = 2**F - K` are shared by
`floor(c[i] * A / C)`, c being the cumulative weights and C their sum. If C has more than 31 bits, every weight first
loses as many of its lowest bits. Where all weights are 0, all count as 1.

**What rounding costs.** Let p be the softmax of the real-valued logits and q the table's distribution. Then

    KL(p || q)  <=  log2(1 / (1 - K / 2**F)) + K * 2**-20 + 2**-19   bits per symbol.

Of bytes it is below 0.0059 at F = 16 and 0.023 at F = 14. The first term is the price of the counts set aside: choose F
some bits above log2(K), for at K = 2**F the only table is the uniform one.

*Proof.* Let `v[i] = 2**23 * 2**(l[i] - max(l))` be the exact weights of the fixed-point logits l (in bits), `V >=
2**23` their sum, and w, W the integer weights and their sum. A weight is rounded twice (the table's entry, then the
shift), each time by at most half a unit, so `|w[i] - v[i]| <= 1`. Symbol i gets more than `A * w[i] / W - 1` of the
counts that are shared, and with its own more than `A * w[i] / W`. Hence `q[i] > A / 2**F * w[i] / W`, and the term of a
symbol with `w[i] >= 1` is at most `p[i] * (log2(2**F / A) + log2(v[i] / w[i]) + log2(W / V))`. The first part is the
first term of the bound. In the second, `log2(v / w) <= log2(1 + 1 / w) <= 1 / (w * ln 2)`, and `p = v / V <= 2 * w /
V`, so that it sums to at most `2 * K / (V * ln 2)`. The third is at most `K / (V * ln 2)`. Together they stay below `3
* K / (2**23 * ln 2) < K * 2**-20`. A symbol with `w[i] = 0` has `p[i] <= 2**-23 < 2**-F <= q[i]` and a negative term.

If W has s bits more than 31, let `u[i] = floor(w[i] / 2**s)`, U be their sum and v, V be divided by `2**s`. Now `|u[i]
- v[i]| < 2`, `U <= V + K` and `V >= 2**30 - K >= 2**29`. So the second part sums to at most `6 * K / (V * ln 2)`, and
with the third it is `7 * K / (2**29 * ln 2)`, less than before. A symbol with `u[i] = 0` has `p[i] <= 2**-29`.

Last, fixed-point logits differ from real ones by at most 2**-9 bits, which by Hoeffding's lemma costs at most `(ln 2 /
256)**2 / (8 * ln 2) < 1.4e-6 < 2**-19` bits. QED

Of counts or a cdf the same argument gives `KL(p || q) <= log2(1 / (1 - K / 2**F))`, without further terms: their shares
are those of p itself (of counts as long as their sum is below 2**31; of a cdf up to the rounding of its floats).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer, UInt32
from numpy.typing import ArrayLike

from ecjax.integers import proportion, rounding_shift, wrapping

LOGIT_BITS = 8
"""Fractional bits of fixed-point logits: they count 1/256 of a bit (of log2)."""

MOST_PRECISION = 16
"""The greatest precision of a table; the least is 1, and 9 for tables of bytes."""

_WEIGHT_BITS = 23  # 256 weights of at most 2**23 sum to at most 2**31
_LOWEST = -(1 << 20)  # 4096 bits below the largest logit; a weight is 0 long before
_EXP2 = np.round(2.0 ** (_WEIGHT_BITS - np.arange(1 << LOGIT_BITS) / (1 << LOGIT_BITS))).astype(np.uint32)


def check_precision(precision: int, alphabet: int = 256) -> None:
    """Raises ValueError unless tables of `alphabet` symbols can have `precision` bits."""
    least = 9 if alphabet == 256 else max(1, (alphabet - 1).bit_length())
    if alphabet < 2 or least > MOST_PRECISION:
        raise ValueError(f"an alphabet has 2 to {1 << MOST_PRECISION} symbols, got {alphabet}")
    if not least <= precision <= MOST_PRECISION:
        symbols = "" if alphabet == 256 else f" for an alphabet of {alphabet} symbols"
        raise ValueError(f"precision must be {least} to {MOST_PRECISION} bits{symbols}, got {precision}")


def fixed_point(logits: Float[Array, " K"]) -> Int32[Array, " K"]:
    """Real logits in nats, rounded to fixed point: 1/256 of log2, relative to the largest, at least -2**20.

    Infinities count as very large or small; NaN as the smallest.
    """
    finite = jnp.nan_to_num(logits.astype(jnp.float32), nan=-1e30, posinf=1e30, neginf=-1e30)
    bits = (finite - jnp.max(finite)) * np.float32((1 << LOGIT_BITS) / np.log(2))
    return jnp.round(jnp.maximum(bits, np.float32(_LOWEST))).astype(jnp.int32)


def cumulative_frequencies(logits: Int32[Array, " K"], precision: int) -> UInt32[Array, " K+1"]:
    """The table of fixed-point logits, by integer arithmetic alone.

    Args:
      logits: Fixed-point logits, 1/256 of log2.
      precision: F, 9 to 16; for other alphabets than bytes from log2(K) on.

    Returns:
      Cumulative frequencies of `2**F`; see the module's text for their distance from the real distribution.
    """
    check_precision(precision, logits.shape[0])
    with wrapping():  # 2**30 less -2**30 is no int32, but as uint32 every difference from the largest is right
        below = (jnp.max(logits) - logits).astype(jnp.uint32)
    below = jnp.minimum(below, -_LOWEST)
    exp2 = jnp.asarray(_EXP2)[below & ((1 << LOGIT_BITS) - 1)]
    return _share_out(rounding_shift(exp2, below >> LOGIT_BITS), 1 << _WEIGHT_BITS, precision)


def frequency_table(
    logits: Float[Array, " K"] | Integer[Array, " K"] | ArrayLike, precision: int = 16
) -> UInt32[Array, " entries"]:
    """The frequency table of a row of logits; for many rows use `jax.vmap`.

    Floats are rounded to fixed point first. From there on everything is integer and the same on every backend, but the
    floats themselves are not: a model is not exact because its logits are rounded.

    Args:
      logits: Floats in nats, of any dtype; infinities count as very large or small, NaN as the smallest. Or int32 in
        1/256 of a bit: what is larger by 256 is twice as likely. Only differences of logits matter.
      precision: F, at most 16, and `2**F` at least the number of logits. Of 256 logits it is 9 to 16.

    Returns:
      Cumulative frequencies of `2**F`, from 0 on; see the module's text for their distance from the softmax.

    Raises:
      ValueError: If there is no such table, or the logits are not one row of floats or int32.
    """
    array = _as_array(logits, "logits", np.int32)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return cumulative_frequencies(fixed_point(array), precision)
    if jnp.issubdtype(array.dtype, jnp.signedinteger) and array.dtype.itemsize <= 4:
        return cumulative_frequencies(array.astype(jnp.int32), precision)
    raise ValueError(f"logits are floats, or int32 in 1/256 of a bit, got {array.dtype}")


def frequency_table_from_counts(
    counts: Integer[Array, " K"] | ArrayLike, precision: int = 16
) -> UInt32[Array, " entries"]:
    """The frequency table of counted symbols, by integer arithmetic alone; for many rows use `jax.vmap`.

    Every symbol gets one count of the table beforehand; where nothing is counted all are alike. Counts that sum to
    2**31 or more are halved (rounded down) until they no longer do.

    Args:
      counts: int32 or uint32. Negative ones in a JAX array count as 0. What is no JAX array may be of any integer
        dtype, and is refused unless its numbers lie in `0 .. 2**32 - 1`.
      precision: F, at most 16, and `2**F` at least the number of counts. Of 256 counts it is 9 to 16.

    Returns:
      Cumulative frequencies of `2**F`, from 0 on.

    Raises:
      ValueError: If there is no such table, or the counts are not one row of such integers.
    """
    array = _as_array(counts, "counts", np.uint32)
    if not jnp.issubdtype(array.dtype, jnp.integer) or array.dtype.itemsize > 4:
        raise ValueError(f"counts are int32 or uint32, got {array.dtype}")
    check_precision(precision, array.shape[0])
    counted = jnp.maximum(array, 0).astype(jnp.uint32)
    weights = jnp.where(jnp.any(counted > 0), counted, 1)
    return _share_out(weights, (1 << 32) - 1, precision)


def check_table(table: UInt32[np.ndarray, "*n entries"], precision: int, alphabet: int = 256) -> None:
    """Raises ValueError unless every row of `table` is a table of `precision` for `alphabet` symbols.

    The error says which row and entry is wrong, and what would be right.
    """
    check_precision(precision, alphabet)
    rows = np.asarray(table)
    if rows.dtype.kind not in "iu":
        raise ValueError(f"a frequency table is of integers (uint32), got {rows.dtype}")
    if rows.ndim == 0 or rows.shape[-1] != alphabet + 1:
        entries = rows.shape[-1] if rows.ndim else "a single number"
        raise ValueError(
            f"a frequency table has {alphabet + 1} entries, got {entries}: one more than there are symbols"
        )
    rows = rows.astype(np.int64)
    steps = np.diff(rows, prepend=rows[..., :1] - 1)  # the first entry has nothing to rise from
    wrong = steps <= 0
    wrong[..., 0] |= rows[..., 0] != 0
    wrong[..., -1] |= rows[..., -1] != 1 << precision
    if not wrong.any():
        return
    *row, entry = map(int, np.unravel_index(np.argmax(wrong), wrong.shape))
    values, end = rows[tuple(row)], 1 << precision
    if entry == 0:
        problem = f"entry 0 is {values[0]}, not 0"
    elif steps[(*row, entry)] <= 0:
        problem = f"entry {entry} is {values[entry]}, not above the {values[entry - 1]} before it"
    else:
        problem = f"the last entry, {entry}, is {values[entry]}, not {end}"
        if values[entry].bit_count() == 1:
            problem += f" (a table of precision {int(values[entry]).bit_length() - 1}?)"
    place = f" {row if len(row) > 1 else row[0]}" if row else ""
    raise ValueError(f"frequency table{place}: {problem}; it must rise strictly from 0 to 2**{precision} = {end}")


def _as_array(numbers: Array | ArrayLike, what: str, whole: type[np.integer]) -> Array:
    """A row of numbers as a JAX array, integers outside JAX as dtype `whole` if that holds them.

    JAX itself would cut off the upper half of an int64 without a word.
    """
    if not isinstance(numbers, jax.Array):
        values, limits = np.asarray(numbers), np.iinfo(whole)
        if values.dtype.kind in "iu" and values.size:
            outside = values[(values < limits.min) | (values > limits.max)]
            if outside.size:
                raise ValueError(f"{what} lie in {limits.min} .. {limits.max}, got {outside.flat[0]}")
            values = values.astype(whole)
        numbers = jnp.asarray(values)
    if numbers.ndim != 1:
        raise ValueError(f"{what} are one row, got shape {numbers.shape}; use jax.vmap for many rows")
    return numbers


# Compiled as one, for op by op the scan would be compiled as a hundred programs.
@functools.partial(jax.jit, static_argnums=(1, 2))
def _share_out(weights: UInt32[Array, " K"], most: int, precision: int) -> UInt32[Array, " K+1"]:
    """The table of weights, none above `most` and one above 0, as the module's text says."""
    size = weights.shape[0]
    if most * size <= 1 << 31:
        cumulative = jax.lax.associative_scan(jnp.add, weights)  # faster than cumsum
    else:
        surplus = _surplus_bits(weights)
        with wrapping():  # it does not: so they sum to less than 2**31, a relation that no interval holds
            cumulative = jax.lax.associative_scan(jnp.add, weights >> surplus)
    return table_of_shares(proportion(cumulative[:-1], cumulative[-1], (1 << precision) - size), precision)


def table_of_shares(shares: UInt32[Array, " inner"], precision: int) -> UInt32[Array, " inner+2"]:
    """The table in which each symbol has one count, and the symbols up to each but the last share so many more."""
    inner = shares + jnp.arange(1, shares.shape[0] + 1, dtype=jnp.uint32)
    return jnp.concatenate([jnp.zeros(1, jnp.uint32), inner, jnp.full(1, 1 << precision, jnp.uint32)])


def _surplus_bits(weights: UInt32[Array, " K"]) -> UInt32[Array, ""]:
    """Bits that the sum of up to 2**16 numbers has beyond 31."""
    low = jnp.sum(weights & 0xFFFF, dtype=jnp.uint32)  # both sums are below 2**32
    high = jnp.sum(weights >> 16, dtype=jnp.uint32) + (low >> 16)
    return jnp.maximum(17 - jax.lax.clz(high).astype(jnp.int32), 0).astype(jnp.uint32)
