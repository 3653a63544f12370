"""Arithmetic coding of whole streams: a text under a byte model, as one number in [0, 1).

**The interval.** A text stands for the interval `[low, low + r * u)` with `u = 2**-(31 + S)`: the range r is an integer
in `[2**31, 2**32)`, S a count of shifts. The empty text has `low = 0, r = 2**31, S = 0`, which is `[0, 1)`. Byte c
under the table t of precision F splits r exactly:

    lo = floor(r * t[c] / 2**F)      hi = floor(r * t[c + 1] / 2**F)      low += lo * u
    s = clz(hi - lo)                 r, S = (hi - lo) << s, S + s

Neighbours share their bound and the last `hi` is r itself, so the intervals of all texts of one length partition
[0, 1). With `f = t[c + 1] - t[c]`, `hi - lo >= floor(r * f / 2**F) >= 2**(31 - F)`, hence `s <= F`.

**The code** is the number in the interval that the fewest whole bytes write, and the greatest of those. Let `top = low
+ (r - 1) * u`, and `top_k` its first k bytes. Some k-byte number is in the interval if and only if `top_k` is, that is
if `top_k >= low`: `top` and `low` differ within k bytes, or `low` has no bits after them. A half-open interval at least
2**-S long holds a multiple of every `2**-8k <= 2**-S`, so `k <= ceil(S / 8) <= ceil(n * F / 8)`, which is the capacity.

**Only (r, S) is a recurrence.** The addends are known once it is, so they are cut into 16-bit limbs, added by one
scatter, and their carries resolved by one associative scan. *No limb overflows:* addends that touch one limb have S in
a run of 48 values, from S' on. The interval is below `2**(1 - S')` at the first of them and still at least `2**-(S' +
47)` at the last. Every byte leaves 255 counts to the others, so each shrinks it to at most `1 - 255 / 2**F + 2**-31` of
what it was, `2**-0.005624` at F = 16. So at most 8,535 addends (fewer for smaller F), and one more for `top`, put less
than 2**16 each in a limb: below 2**30.

**Overhead.** With `ideal = sum(-log2(f / 2**F))`, a code of k bytes has

    8 * k < ideal * (1 + e) + 8,    e = -log2(1 - 2**(F - 31)) / F,    2.8e-6 at F = 16, less for smaller F.

*Proof.* `8 * k <= S + 7`, and the interval is below `2**(1 - S)`, so `8 * k < -log2(width) + 8`. A byte narrows it to
`(hi - lo) / r > f / 2**F - 1 / r`, so it costs less than `-log2(1 - 2**(F - 31) / f) <= e * F / f` bits more than
ideal, `-log2` being convex. Relative to the byte's ideal bits that is `e * F / (f * (F - log2(f)))`. Its denominator is
concave in f, so smallest at an end of `1 <= f <= 2**F - 255`: F at the one, above `255 / (2 * ln(2)) > F` at the other,
for `-ln(1 - x) >= x`. QED

**Decoding** keeps d, the code's number minus `low` in units of u, rounded down. At first `d < 2**31 = r`; the byte
found has `lo <= d < hi`, so `d - lo < hi - lo`, and with s new bits at its end d is again below r. This holds for any
code, so every code decodes.

docs/streams.md tells it at length; specs/oracle/stream.py is the same definition in plain Python.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.integers import multiply_wide, resolve_carries, wrapping
from ecjax.models.base import ByteModel

_WHOLE = 1 << 31  # the first range, of the interval [0, 1)


class Encoded(eqx.Module):
    """A coded text.

    Attributes:
      code: The code's bytes, then zeros. It never ends in a zero byte itself.
      length: Number of bytes of the code.
    """

    code: UInt8[Array, " capacity"]
    length: Int32[Array, ""]


def code_capacity(length: int, precision: int) -> int:
    """Bytes that hold the code of every text of `length` bytes under a model of that precision."""
    return -(-length * precision // 8)


def encode(model: ByteModel, text: Integer[Array, " n"], length: Integer[Array, ""] | int) -> Encoded:
    """The code of a text. Pure; under `jit` and `vmap` the same, bit for bit.

    Args:
      model: An exact model, or else one whose `sequence` is trusted to equal its stepping in the decoder.
      text: The text, padded with anything; `n * model.precision` must stay below 2**31.
      length: Bytes of the text, 0 to n.

    Returns:
      The code, padded to `code_capacity(n, model.precision)` bytes.
    """
    n, precision = text.shape[0], model.precision
    inside = jnp.arange(n) < length
    text = jnp.where(inside, text.astype(jnp.int32), 0)
    tables = model.sequence(text)
    columns = jnp.stack([text, text + 1], axis=1)
    whole = jnp.array([0, 1 << precision], jnp.uint32)  # what leaves the interval as it is
    bounds = jnp.where(inside[:, None], jnp.take_along_axis(tables, columns, axis=1), whole)

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
    limbs = _place(limbs, addends, shifts)
    low, top = _to_bytes(limbs), _to_bytes(_place(limbs, r - 1, shifted))

    count = jnp.arange(1, low.shape[0] + 1, dtype=jnp.int32)
    used = jnp.minimum(jnp.max(jnp.where(low != 0, count, 0)), count[jnp.argmax(low != top)])
    return Encoded(jnp.where(count <= used, top, 0)[: code_capacity(n, precision)], used)


def decode(
    model: ByteModel, code: UInt8[Array, " capacity"], length: Integer[Array, ""] | int, capacity: int
) -> UInt8[Array, " n"]:
    """The text of a code: the inverse of `encode`. Any bytes decode to some text.

    Args:
      model: The model that it was encoded with.
      code: The code, of any size; it goes on in zeros beyond its end.
      length: Bytes of the text, 0 to `capacity`. A code does not tell it.
      capacity: Static size n of the result.

    Returns:
      The text, then zeros.
    """

    def restore(carry: tuple[PyTree[Any], Array, Array, Array], _: None) -> tuple[tuple[Any, ...], UInt8[Array, ""]]:
        state, r, d, position = carry
        bounds = split(r, model.frequencies(state), model.precision)
        byte = jnp.sum(bounds[1:256] <= d, dtype=jnp.int32)  # the first bound is 0, the last is r, above d
        r, shift = normalise(bounds[byte], bounds[byte + 1], model.precision)
        with wrapping():  # it does not: d is in the byte's interval, and is shifted as that is
            d = (d - bounds[byte]) << shift.astype(jnp.uint32)
        d = d | _read(code, position, shift)
        return (model.step(state, byte), r, d, position + shift), byte.astype(jnp.uint8)

    code = jnp.pad(code, (0, 3))
    zero = jnp.array(0, jnp.int32)
    first = (_read(code, zero, zero + 16) << 15) | _read(code, zero + 16, zero + 15)
    start = (model.init(), jnp.array(_WHOLE, jnp.uint32), first, zero + 31)
    text = jax.lax.scan(restore, start, length=capacity)[1]
    return jnp.where(jnp.arange(capacity) < length, text, 0)


def split(r: UInt32[Array, ""], table: UInt32[Array, " n"], precision: int) -> UInt32[Array, " n"]:
    """`floor(r * table / 2**precision)`, exactly: r for the table's last entry."""
    high, low = multiply_wide(table, r)  # below 2**48, so high is below 2**precision
    return ((high & ((1 << precision) - 1)) << (32 - precision)) | (low >> precision)


def normalise(
    lo: UInt32[Array, ""], hi: UInt32[Array, ""], precision: int
) -> tuple[UInt32[Array, ""], Int32[Array, ""]]:
    """The range `hi - lo` brought back to `[2**31, 2**32)`, and the shift that it takes, at most F."""
    with wrapping():  # it does not, for a table rises
        width = hi - lo
    width = jnp.maximum(width, 1 << (31 - precision))  # which it is in any case
    shift = jax.lax.clz(width)
    return width << shift, shift.astype(jnp.int32)


def _place(limbs: UInt32[Array, " m"], addends: UInt32[Array, "*n"], shifts: Int32[Array, "*n"]) -> UInt32[Array, " m"]:
    """Adds `addends * 2**-(31 + shifts)` to a number of 16-bit limbs, the first of which is before the binary point."""
    position = shifts + 15  # of the addend's first bit, which counts 2**-shift
    limb, offset = position >> 4, (position & 15).astype(jnp.uint32)
    limbs = limbs.at[limb].add(addends >> (16 + offset))
    limbs = limbs.at[limb + 1].add((addends >> offset) & 0xFFFF)
    with wrapping():  # what goes over the top is in the limbs before
        rest = (addends << (16 - offset)) & 0xFFFF
    return limbs.at[limb + 2].add(rest)


def _to_bytes(limbs: UInt32[Array, " m"]) -> UInt8[Array, " 2*m-2"]:
    """The bytes after the binary point."""
    fraction = resolve_carries(limbs)[1:]
    return jnp.stack([fraction >> 8, fraction & 0xFF], axis=1).reshape(-1).astype(jnp.uint8)


def _read(code: UInt8[Array, " m"], position: Int[Array, ""], bits: Int[Array, ""]) -> UInt32[Array, ""]:
    """Bits `position` to `position + bits` of a code, up to 16 of them; zeros beyond its end."""
    # The slice is clamped to the last three bytes, the zeros that `decode` has added.
    first, second, third = jax.lax.dynamic_slice(code, (position >> 3,), (3,)).astype(jnp.uint32)
    window = (first << 16) | (second << 8) | third
    unused = (24 - (position & 7) - bits).astype(jnp.uint32)
    return (window >> unused) & ((jnp.uint32(1) << bits.astype(jnp.uint32)) - 1)
