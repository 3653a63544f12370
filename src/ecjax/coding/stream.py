"""Arithmetic coding of whole streams: symbols under a model, a text's bytes for one, as one number in [0, 1).

**The interval.** Symbols stand for the interval `[low, low + r * u)` with `u = 2**-(31 + S)`: the range r is an integer
in `[2**31, 2**32)`, S a count of shifts. No symbols have `low = 0, r = 2**31, S = 0`, which is `[0, 1)`. Symbol c of an
alphabet of K, under the table t of precision F, splits r exactly:

    lo = floor(r * t[c] / 2**F)      hi = floor(r * t[c + 1] / 2**F)      low += lo * u
    s = clz(hi - lo)                 r, S = (hi - lo) << s, S + s

Neighbours share their bound and the last `hi` is r itself, so the intervals of all sequences of one length partition
[0, 1). With `f = t[c + 1] - t[c]`, `hi - lo >= floor(r * f / 2**F) >= 2**(31 - F)`, hence `s <= F`.

**The code** is the number in the interval that the fewest whole bytes write, and the greatest of those. Let `top = low
+ (r - 1) * u`, and `top_k` its first k bytes. Some k-byte number is in the interval if and only if `top_k` is, that is
if `top_k >= low`: `top` and `low` differ within k bytes, or `low` has no bits after them. A half-open interval at least
2**-S long holds a multiple of every `2**-8k <= 2**-S`, so `k <= ceil(S / 8) <= ceil(n * F / 8)`, which is the capacity.

**Only (r, S) is a recurrence.** The addends are known once it is, so they are cut into 16-bit limbs, added by one
scatter, and their carries resolved by one associative scan. *No limb overflows:* addends that touch one limb have S in
a run of 48 values, from S' on. The interval is below `2**(1 - S')` at the first of them and still at least `2**-(S' +
47)` at the last. Every symbol leaves K - 1 counts to the others, so each shrinks it to at most `1 - (K - 1) / 2**F +
2**-31` of what it was. For bytes at F = 16 that is `2**-0.005624`, hence at most 8,535 addends touch a limb (fewer for
smaller F), and one more for `top`. Each puts less than 2**16 in it: below 2**30. In a small alphabet they may be more,
2.2 million for two symbols at F = 16. Where there may be more than 65,535, the two bytes of what is put in a limb are
summed apart. Each sum stays below `2.2e6 * 2**8 < 2**30`.

**Overhead.** With `ideal = sum(-log2(f / 2**F))`, a code of k bytes has

    8 * k < ideal * (1 + e) + 8,    e = -log2(1 - 2**(F - 31)) / min(F, (K - 1) / (2 * ln(2))).

For bytes the smaller is F, and e is 2.8e-6 at F = 16; for two symbols it is 6.1e-5.

*Proof.* `8 * k <= S + 7`, and the interval is below `2**(1 - S)`, so `8 * k < -log2(width) + 8`. A symbol narrows it to
`(hi - lo) / r > f / 2**F - 1 / r`, so it costs less than `-log2(1 - y / f)` bits more than ideal, `y = 2**(F - 31)`.
That is at most `-log2(1 - y) / f`, `-log2(1 - x)` being convex. Relative to the symbol's ideal bits it is `-log2(1 - y)
/ g(f)`, with `g(f) = f * (F - log2(f))`. That is concave in f, so smallest at an end of `1 <= f <= 2**F - (K - 1)`. At
the one it is F. At the other, with `x = (K - 1) / 2**F`, it is `2**F * (1 - x) * -log2(1 - x)`. For `x <= 1/2` that is
at least `(K - 1) / (2 * ln(2))`, for `-ln(1 - x) >= x`. For a larger x the end is below `2**(F - 1)`, where g is
`2**(F - 1) >= F`, so it is at least F. QED

**Decoding** keeps d, the code's number minus `low` in units of u, rounded down. At first `d < 2**31 = r`; the symbol
sought has `lo <= d < hi`, so `d - lo < hi - lo`, and with s new bits at its end d is again below r. This holds for any
code, so every code decodes. As `lo <= d` is `r * t[c] < (d + 1) * 2**F`, it is the last symbol with

    t[c] <= slot = floor(((d + 1) * 2**F - 1) / r) < 2**F.

One division, and the table is searched as it is.

docs/streams.md tells it at length; specs/oracle/stream.py is the same definition in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Int, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.coding.symbols import Encoded, bounds_of, check_symbols, locate, symbol_dtype
from ecjax.integers import multiply_wide, resolve_carries, wrapping
from ecjax.models.base import SymbolModel, check_first_table

__all__ = ["Encoded", "code_capacity", "decode", "encode"]

_WHOLE = 1 << 31  # the first range, of the interval [0, 1)
_SUMMED = (1 << 16) - 1  # numbers below 2**16 whose sum is below 2**32


def code_capacity(length: int, precision: int) -> int:
    """Bytes that hold the code of all sequences of `length` symbols under a model of that precision.

    Args:
      length: Symbols in a sequence.
      precision: F of the model.
    """
    return -(-length * precision // 8)


def encode(model: SymbolModel, symbols: Integer[Array, " n"], length: Integer[Array, ""] | int) -> Encoded:
    """The code of a sequence of symbols. Pure; under `jit` and `vmap` the same, bit for bit.

    Args:
      model: An exact model, or else one whose `sequence` is trusted to equal its stepping in the decoder.
      symbols: Symbols `0 .. K - 1` of the model's alphabet, a text's bytes under a `ByteModel`. They are padded with
        anything; `n * model.precision` must stay below 2**31.
      length: Symbols that count, 0 to n.

    Returns:
      The code, padded to `code_capacity(n, model.precision)` bytes.

    Raises:
      ValueError: If n is too large; and, outside of `jit`, if a number is no symbol or the model's first table is none.
    """
    n, precision = symbols.shape[0], model.precision
    if n * precision >= 1 << 31:
        raise ValueError(f"at {precision} bits for each, fewer than {(1 << 31) // precision} symbols fit, got {n}")
    check_symbols(model, symbols, length)
    bounds, inside = bounds_of(model, symbols, length)
    whole = jnp.array([0, 1 << precision], jnp.uint32)  # what leaves the interval as it is
    bounds = jnp.where(inside[:, None], bounds, whole)

    def narrow(
        carry: tuple[Array, Array], bound: UInt32[Array, "2"]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        r, shifted = carry
        lo, hi = split(r, bound, precision)
        r, shift = normalise(lo, hi, precision)
        return (r, shifted + shift), (lo, shifted)

    start = (jnp.array(_WHOLE, jnp.uint32), jnp.array(0, jnp.int32))
    (r, shifted), (addends, shifts) = jax.lax.scan(narrow, start, bounds)
    limbs = jnp.zeros((n * precision + 15) // 16 + 3, jnp.uint32)
    halved = min(n, most_addends(model.alphabet, precision)) + 1 > _SUMMED
    sums = _place((limbs, limbs) if halved else (limbs,), addends, shifts)
    low, top = _to_bytes(sums), _to_bytes(_place(sums, r - 1, shifted))

    count = jnp.arange(1, low.shape[0] + 1, dtype=jnp.int32)
    used = jnp.minimum(jnp.max(jnp.where(low != 0, count, 0)), count[jnp.argmax(low != top)])
    return Encoded(jnp.where(count <= used, top, 0)[: code_capacity(n, precision)], used)


def decode(
    model: SymbolModel, code: UInt8[Array, " capacity"], length: Integer[Array, ""] | int, capacity: int
) -> UInt8[Array, " n"] | Int32[Array, " n"]:
    """The symbols of a code: the inverse of `encode`. Any bytes decode to some symbols.

    Args:
      model: The model that they were encoded with.
      code: The code, of any size; it goes on in zeros beyond its end.
      length: How many symbols, 0 to `capacity`. A code does not tell it.
      capacity: Static size n of the result.

    Returns:
      The symbols, then zeros: uint8 under a `ByteModel`, else int32.

    Raises:
      ValueError: Outside of `jit`, if the model's first table is none.
    """
    if not isinstance(code, Tracer):
        check_first_table(model)

    def restore(carry: tuple[PyTree[Any], Array, Array, Array], _: None) -> tuple[tuple[Any, ...], Integer[Array, ""]]:
        state, r, d, position = carry
        table = model.frequencies(state)
        symbol = locate(table, slot(r, d, model.precision))
        lo, hi = split(r, jax.lax.dynamic_slice(table, (symbol,), (2,)), model.precision)
        r, shift = normalise(lo, hi, model.precision)
        with wrapping():  # it does not: d is in the symbol's interval, and is shifted as that is
            d = (d - lo) << shift.astype(jnp.uint32)
        d = d | _read(code, position, shift)
        return (model.step(state, symbol), r, d, position + shift), symbol.astype(symbol_dtype(model))

    code = jnp.pad(code, (0, 3))
    zero = jnp.array(0, jnp.int32)
    first = (_read(code, zero, zero + 16) << 15) | _read(code, zero + 16, zero + 15)
    start = (model.init(), jnp.array(_WHOLE, jnp.uint32), first, zero + 31)
    symbols = jax.lax.scan(restore, start, length=capacity)[1]
    return jnp.where(jnp.arange(capacity) < length, symbols, 0)


def most_addends(alphabet: int, precision: int) -> int:
    """How many symbols' addends touch one limb at most: see the module's text."""
    return 1 + math.floor(48 / -math.log2(1 - (alphabet - 1) / (1 << precision) + 2**-31))


def split(r: UInt32[Array, ""], table: UInt32[Array, " n"], precision: int) -> UInt32[Array, " n"]:
    """`floor(r * table / 2**precision)`, exactly: r for the table's last entry."""
    high, low = multiply_wide(table, r)  # below 2**48, so high is below 2**precision
    return ((high & ((1 << precision) - 1)) << (32 - precision)) | (low >> precision)


def slot(r: UInt32[Array, ""], d: UInt32[Array, ""], precision: int) -> UInt32[Array, ""]:
    """`floor(((d + 1) * 2**precision - 1) / r)` for `d < r`, exactly: below `2**precision`.

    Long division (Knuth, TAOCP 2, 4.3.1, algorithm D) in base 2**16: three digits by two, for a quotient of one. From
    the first digit of r alone, at least 2**15, comes a quotient that is right or by 1 or 2 too large.
    """
    above, divisor = d >> (16 - precision), r >> 16  # the dividend but for its last digit, the divisor likewise
    digit = ((d & (0xFFFF >> precision)) << precision) | ((1 << precision) - 1)
    quotient = jnp.minimum(above // jnp.maximum(divisor, 1 << 15), 0xFFFF)
    with wrapping():  # it does not: the quotient is not too large for the first digits
        rest = above - quotient * divisor
    for _ in range(2):
        few = rest & 0xFFFF
        exceeds = (rest < 1 << 16) & (quotient * (r & 0xFFFF) > ((few << 16) | digit))
        quotient = jnp.where(exceeds, jnp.maximum(quotient, 1) - 1, quotient)  # what exceeds something is not 0
        rest = jnp.where(exceeds, few + divisor, rest)
    return quotient


def normalise(
    lo: UInt32[Array, ""], hi: UInt32[Array, ""], precision: int
) -> tuple[UInt32[Array, ""], Int32[Array, ""]]:
    """The range `hi - lo` brought back to `[2**31, 2**32)`, and the shift that it takes, at most F."""
    with wrapping():  # it does not, for a table rises
        width = hi - lo
    width = jnp.maximum(width, 1 << (31 - precision))  # which it is in any case
    shift = jax.lax.clz(width)
    return width << shift, shift.astype(jnp.int32)


Sums = tuple[UInt32[Array, " m"], ...]
"""A number as sums of 16-bit limbs, the first of which is before the binary point; or as those of the limbs' first and
of their last bytes."""


def _place(sums: Sums, addends: UInt32[Array, "*n"], shifts: Int32[Array, "*n"]) -> Sums:
    """Adds `addends * 2**-(31 + shifts)` to a number."""
    position = shifts + 15  # of the addend's first bit, which counts 2**-shift
    limb, offset = position >> 4, (position & 15).astype(jnp.uint32)
    with wrapping():  # what goes over the top is in the limbs before
        rest = (addends << (16 - offset)) & 0xFFFF
    for i, piece in enumerate((addends >> (16 + offset), (addends >> offset) & 0xFFFF, rest)):
        parts = (piece,) if len(sums) == 1 else (piece >> 8, piece & 0xFF)
        sums = tuple(total.at[limb + i].add(part) for total, part in zip(sums, parts, strict=True))
    return sums


def _to_bytes(sums: Sums) -> UInt8[Array, " 2*m-2"]:
    """The bytes after the binary point."""
    limbs = sums[-1]
    if len(sums) == 2:
        above = jnp.concatenate([sums[0][1:] >> 8, jnp.zeros(1, jnp.uint32)])
        limbs = limbs + ((sums[0] & 0xFF) << 8) + above
    fraction = resolve_carries(limbs)[1:]
    return jnp.stack([fraction >> 8, fraction & 0xFF], axis=1).reshape(-1).astype(jnp.uint8)


def _read(code: UInt8[Array, " m"], position: Int[Array, ""], bits: Int[Array, ""]) -> UInt32[Array, ""]:
    """Bits `position` to `position + bits` of a code, up to 16 of them; zeros beyond its end."""
    # The slice is clamped to the last three bytes, the zeros that `decode` has added.
    first, second, third = jax.lax.dynamic_slice(code, (position >> 3,), (3,)).astype(jnp.uint32)
    window = (first << 16) | (second << 8) | third
    unused = (24 - (position & 7) - bits).astype(jnp.uint32)
    return (window >> unused) & ((jnp.uint32(1) << bits.astype(jnp.uint32)) - 1)
