"""Exact building blocks from 32-bit integers: wide products, limbs, rounding, carries, bit packing.

Everything here is the same on every backend and with or without x64: operands are uint32 (or int32 where said), no
operation wraps unless it stands in a `with wrapping():`, and no shift count reaches 32. `ecjax.exactness` proves it.

A **number of L limbs** is `uint32[L]`, least significant limb first; it stands for `sum(limbs[i] << (32 * i))`.
"""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.interpreters import batching, mlir
from jaxtyping import Array, Bool, Int, Integer, UInt8, UInt32

__all__ = [
    "LIMB_BITS",
    "add",
    "bits_to_limbs",
    "declare",
    "divide_wide",
    "from_limbs",
    "is_zero",
    "less",
    "limb_count",
    "limbs_to_bits",
    "multiply_shift",
    "multiply_wide",
    "proportion",
    "regroup_bits",
    "resolve_carries",
    "rounding_shift",
    "subtract",
    "to_limbs",
    "wrapping",
]

LIMB_BITS = 32
"""Bits of a limb: numbers of more bits are arrays of limbs, the lowest first."""


class _Scope(str):
    """A name of a scope that is told from others of the same letters by being another object."""

    __slots__ = ()


WRAPPING_SCOPE = _Scope("ecjax.wrapping")
"""The scope of `wrapping`, by which `ecjax.exactness` knows it: this object, whatever others are called."""

DECLARE = core.Primitive("ecjax_declare")
"""The primitive of `declare`, by which `ecjax.exactness` knows it. It is compiled to nothing."""
DECLARE.def_impl(lambda x, *, low, high: x)
DECLARE.def_abstract_eval(lambda x, *, low, high: x)
mlir.register_lowering(DECLARE, lambda context, x, *, low, high: [x])
batching.defvectorized(DECLARE)


def wrapping() -> contextlib.AbstractContextManager[object]:
    """A context in which integer arithmetic may wrap around, modulo `2**width`: declares that it is on purpose."""
    return jax.named_scope(WRAPPING_SCOPE)


def declare(x: Integer[Array, "*n"], low: int, high: int) -> Integer[Array, "*n"]:
    """The same integers, declared to lie in `low .. high`, which `ecjax.exactness.audit` has to prove.

    Of a value that a loop carries this says which bounds are inductive. Nothing is computed: the compiler drops it.

    Raises:
      ValueError: If there is no such number, or the array is not one of integers.
    """
    if low > high:
        raise ValueError(f"the lower bound comes first: got {low} and {high}")
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"bounds are declared of integers, got {x.dtype}")
    return DECLARE.bind(x, low=int(low), high=int(high))


def limb_count(bits: int) -> int:
    """Limbs that hold every number below `2**bits`."""
    return -(-bits // LIMB_BITS)


def to_limbs(value: int, limbs: int) -> UInt32[np.ndarray, " limbs"]:
    """A Python integer as limbs. Raises OverflowError if it does not fit."""
    return np.frombuffer(value.to_bytes(4 * limbs, "little"), "<u4").astype(np.uint32)


def from_limbs(limbs: UInt32[np.ndarray, " limbs"]) -> int:
    """The Python integer that limbs stand for."""
    return int.from_bytes(limbs.astype("<u4").tobytes(), "little")


def multiply_wide(a: UInt32[Array, "*n"], b: UInt32[Array, "*#n"]) -> tuple[UInt32[Array, "*n"], UInt32[Array, "*n"]]:
    """The 64-bit product of 32-bit numbers as `(high, low)`.

    With `a = a1 * 2**16 + a0` and `b` likewise, no intermediate reaches 2**32: `a1 * b0 + (a0 * b0 >> 16)` is at most
    `(2**16 - 1)**2 + 2**16 - 1 < 2**32`, and so is what is added to it for `high`.
    """
    a0, a1 = a & 0xFFFF, a >> 16
    b0, b1 = b & 0xFFFF, b >> 16
    low = a0 * b0
    middle = a1 * b0 + (low >> 16)
    cross = a0 * b1 + (middle & 0xFFFF)
    return a1 * b1 + (middle >> 16) + (cross >> 16), ((cross & 0xFFFF) << 16) | (low & 0xFFFF)


def rounding_shift(x: UInt32[Array, "*n"], shift: Int[Array, "*#n"] | UInt32[Array, "*#n"]) -> UInt32[Array, "*n"]:
    """`floor(x / 2**shift + 1/2)` for `0 <= shift`; shifts from 32 on give 0 or, of 32 itself, the top bit."""
    shift = shift.astype(jnp.uint32)
    # The bit below the point decides: floor(x / 2**s + 1/2) = (floor(x / 2**(s - 1)) + 1) // 2, without overflow.
    whole = jnp.where(shift < 32, x >> jnp.minimum(shift, 31), 0)
    half = jnp.where(shift <= 32, (x >> jnp.minimum(jnp.maximum(shift, 1) - 1, 31)) & 1, 0)
    return jnp.where(shift > 0, whole + half, x)


def divide_wide(
    high: UInt32[Array, "*n"], low: UInt32[Array, "*n"], divisor: UInt32[Array, "*#n"], bits: int
) -> UInt32[Array, "*n"]:
    """`floor((high * 2**bits + low) / divisor)` by long division, one bit at a time.

    Requires `high < divisor <= 2**31` and `low < 2**bits`, `bits <= 32`; the quotient is then below `2**bits`.
    """
    remainder, quotient = high, jnp.zeros_like(high)
    for i in reversed(range(bits)):
        with wrapping():  # it does not: the remainder stays below the divisor, a relation that no interval holds
            remainder = remainder << 1
        remainder = remainder | ((low >> i) & 1)  # below 2 * divisor <= 2**32
        fits = remainder >= divisor
        remainder = jnp.where(fits, remainder - divisor, remainder)
        quotient = (quotient << 1) | fits.astype(jnp.uint32)
    return quotient


def proportion(part: UInt32[Array, "*n"], whole: UInt32[Array, ""], factor: int) -> UInt32[Array, "*n"]:
    """`floor(part * factor / whole)` for many parts of one whole, with one division.

    Requires `part <= whole`, `1 <= whole <= 2**31` and `factor < 2**16`. Part and whole are first multiplied by the
    power of two that brings the whole to `2**30` or more, which leaves the quotient as it is. With `r = floor(factor *
    2**39 / whole)`, which is then below 2**32, `part * r / 2**39` is at most the true quotient and less than `part /
    2**39 <= 2**-8` below it. Rounded down it is the quotient or one less, which the remainder tells: that is below `2 *
    whole <= 2**32`.
    """
    zero = jnp.zeros((), jnp.uint32)
    scale = jnp.maximum(jax.lax.clz(whole), 1) - 1
    with wrapping():  # it does not: no part is greater than the whole, which stays at most 2**31
        part, whole = part << scale, whole << scale
    reciprocal = divide_wide(jnp.asarray(factor << 7, jnp.uint32), zero, whole, 32)
    quotient = multiply_wide(part, jnp.broadcast_to(reciprocal, part.shape))[0] >> 7
    with wrapping():  # each product wraps, their difference does not
        remainder = part * jnp.uint32(factor) - quotient * whole
    return quotient + (remainder >= whole).astype(jnp.uint32)


def add(a: UInt32[Array, " limbs"], b: UInt32[Array, " limbs"]) -> UInt32[Array, " limbs"]:
    """The sum of two numbers of equally many limbs, modulo `2**(32 * limbs)`."""
    out, carry = [], jnp.zeros((), jnp.uint32)
    for i in range(a.shape[0]):
        with wrapping():  # a carry shows as a sum below its operand
            partial = a[i] + b[i]
            total = partial + carry
        carry = ((partial < a[i]) | (total < partial)).astype(jnp.uint32)
        out.append(total)
    return jnp.stack(out)


def subtract(a: UInt32[Array, " limbs"], b: UInt32[Array, " limbs"]) -> UInt32[Array, " limbs"]:
    """The difference of two numbers of equally many limbs, modulo `2**(32 * limbs)`."""
    out, borrow = [], jnp.zeros((), jnp.uint32)
    for i in range(a.shape[0]):
        with wrapping():  # a borrow shows as a difference from less
            partial = a[i] - b[i]
            total = partial - borrow
        borrow = ((a[i] < b[i]) | (partial < borrow)).astype(jnp.uint32)
        out.append(total)
    return jnp.stack(out)


def less(a: UInt32[Array, " limbs"], b: UInt32[Array, " limbs"]) -> Bool[Array, ""]:
    """Whether `a < b` as numbers."""
    result = jnp.zeros((), bool)
    for i in range(a.shape[0]):  # from the least significant limb: the last that differs decides
        result = (a[i] < b[i]) | ((a[i] == b[i]) & result)
    return result


def is_zero(a: UInt32[Array, " limbs"]) -> Bool[Array, ""]:
    """Whether a number is 0."""
    return jnp.all(a == 0)


def multiply_shift(a: UInt32[Array, " limbs"], factor: UInt32[Array, ""], shift: int) -> UInt32[Array, " limbs"]:
    """`floor(a * factor / 2**shift)` for `factor <= 2**shift` and `0 < shift < 32`: never more than `a`."""
    limbs, carry = [], jnp.zeros((), jnp.uint32)
    for i in range(a.shape[0]):
        high, low = multiply_wide(a[i], factor)
        with wrapping():  # the carry goes up, where high <= 2**32 - 2 leaves room for it
            total = low + carry
        carry = high + (total < low).astype(jnp.uint32)
        limbs.append(total)
    limbs.append(carry)
    kept = (1 << shift) - 1
    return jnp.stack([(limbs[i] >> shift) | ((limbs[i + 1] & kept) << (32 - shift)) for i in range(a.shape[0])])


def resolve_carries(limbs: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
    """Brings a sum of 16-bit limbs into standard form: every limb below 2**16, the same number modulo `2**(16 * n)`.

    Limbs are most significant first and may hold any uint32. Handing the upper halves to the next limb leaves limbs of
    at most 2 * (2**16 - 1). What then ripples is one bit, for even with a carry coming in a limb stays below 2**17; and
    which limbs it reaches is a scan over (generates a carry, passes a carry on), which is associative.
    """
    above = jnp.concatenate([limbs[1:] >> 16, jnp.zeros(1, jnp.uint32)])
    limbs = (limbs & 0xFFFF) + above
    generates, passes = limbs > 0xFFFF, limbs == 0xFFFF

    def combine(lower: tuple[Array, Array], upper: tuple[Array, Array]) -> tuple[Array, Array]:
        return upper[0] | (upper[1] & lower[0]), upper[1] & lower[1]

    carried, _ = jax.lax.associative_scan(combine, (generates, passes), reverse=True)
    incoming = jnp.concatenate([carried[1:], jnp.zeros(1, bool)])
    return (limbs + incoming.astype(jnp.uint32)) & 0xFFFF


def limbs_to_bits(numbers: UInt32[Array, "n limbs"], bits: int) -> UInt8[Array, "n bits"]:
    """The lowest `bits` bits of each number, first bit the most significant."""
    index = jnp.arange(bits - 1, -1, -1)
    return ((numbers[:, index // LIMB_BITS] >> (index % LIMB_BITS).astype(jnp.uint32)[None]) & 1).astype(jnp.uint8)


def bits_to_limbs(bits: UInt8[Array, "n bits"]) -> UInt32[Array, "n limbs"]:
    """Numbers from their bits, first bit the most significant: the inverse of `limbs_to_bits`."""
    n, width = bits.shape
    padded = jnp.pad(bits.astype(jnp.uint32), ((0, 0), (-width % LIMB_BITS, 0)))
    words = padded.reshape(n, limb_count(width), LIMB_BITS)
    words = words << np.arange(LIMB_BITS - 1, -1, -1, dtype=np.uint32)[None, None]
    return jax.lax.reduce_or(words, axes=(2,))[:, ::-1]


def regroup_bits(
    numbers: UInt32[Array, "n limbs"], bits: int, group: int, groups: int
) -> UInt32[Array, "groups group_limbs"]:
    """Cuts a stream of `bits`-bit numbers anew into `groups` numbers of `group` bits, first bits first.

    The stream is filled with zeros, or cut off, to `groups * group` bits.
    """
    stream = limbs_to_bits(numbers, bits).reshape(-1)
    stream = jnp.pad(stream, (0, max(0, groups * group - stream.shape[0])))[: groups * group]
    return bits_to_limbs(stream.reshape(groups, group))
