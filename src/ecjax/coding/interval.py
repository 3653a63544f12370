"""The arithmetic coder's interval of a string, and the shortest code inside it.

**The interval** is that of `ecjax.coding.stream`: `[low, low + r * u)` with `u = 2**-(31 + S)`, the range r in
`[2**31, 2**32)`, and a byte's part of it between `floor(r * t[c] / 2**F)` and `floor(r * t[c + 1] / 2**F)`.

**The code** is the shortest bit string whose dyadic interval `[m, m + 1) / 2**k` lies inside, and the lower of two. Let
f be `low / u` modulo `2**31`, so that `f * u` is how far low lies above a multiple of `2**-S`. Then

    k = S,      m / 2**k = low + ((-f) mod 2**31) * u      if f = 0 or f >= 2**32 - r,
    k = S + 1,  m / 2**k = low + ((-f) mod 2**30) * u      otherwise.

*Proof.* The interval's width is `r * u`, at least `2**-S` and below `2**(1 - S)`: no dyadic interval of k < S fits. The
first multiple of `2**-S` in it lies `g * u` above low, `g = (-f) mod 2**31`, and what begins there fits if and only if
`g + 2**31 <= r`: if f = 0, always; if not, when `2**32 - f <= r`. The first multiple of `2**-(S + 1)` lies less than
`2**30 * u` above low, and `2**30` more make at most `2**31 <= r`: it always fits. QED

The code of one byte has at most F bits: the first range is divided without rounding, so every bound is a multiple of
`2**-F`, and what begins at the lower one and is `2**-F` long fits. Codes never get shorter as a string gets longer.

Source: arXiv 2404.03626, sec. 2.4 and 3.3. tests/oracles/published.py searches for the same code in plain Python.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, UInt32

from ecjax.coding.stream import normalise, split
from ecjax.integers import LIMB_BITS, add, limb_count, subtract, wrapping

_MOST_PRECISION = 16  # F, and so what one byte adds to S at most


class Interval(eqx.Module):
    """The interval of a string.

    Attributes:
      low: Where it begins: the first `32 * limbs` bits after the binary point, which are all there are.
      r: The range.
      shifted: S.
      fraction: f, which is `low / u` modulo `2**31`.
    """

    low: UInt32[Array, " limbs"]
    r: UInt32[Array, ""]
    shifted: Int32[Array, ""]
    fraction: UInt32[Array, ""]

    @classmethod
    def whole(cls, bits: int) -> Interval:
        """[0, 1), the interval of the empty string, with room for strings with codes of up to `bits` bits.

        There is room for one byte beyond: to tell that such a string's code has more bits.
        """
        low = jnp.zeros(limb_count(bits + _MOST_PRECISION + 31), jnp.uint32)
        return cls(low, jnp.array(1 << 31, jnp.uint32), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.uint32))

    def narrow(self, start: UInt32[Array, ""], end: UInt32[Array, ""], precision: int) -> Interval:
        """The interval of the string with one byte more.

        Args:
          start: The cumulative frequency of the byte.
          end: That of the next byte, which is greater.
          precision: F; frequencies are of `2**F`.
        """
        lo, hi = split(self.r, jnp.stack([start, end]), precision)
        r, shift = normalise(lo, hi, precision)
        with wrapping():  # f is a residue
            fraction = ((self.fraction + lo) << shift.astype(jnp.uint32)) & 0x7FFFFFFF
        shifted = jnp.minimum(self.shifted + shift, self._room - 31)  # where there is room, they are below in any case
        return Interval(self._above(lo), r, shifted, fraction)

    def code_length(self) -> Int32[Array, ""]:
        """k, the bits of the code."""
        return self.shifted + 1 - self._aligned.astype(jnp.int32)

    def code(self, bits: int) -> UInt32[Array, " code_limbs"]:
        """The code, with zeros added to `bits` bits, as a number; of no meaning if it has more."""
        with wrapping():  # it does not: from 2**31 on at most down to 1
            gap = (jnp.uint32(1 << 31) - self.fraction) & jnp.where(self._aligned, 0x7FFFFFFF, 0x3FFFFFFF)
        places = self._room - bits + LIMB_BITS * jnp.arange(limb_count(bits), dtype=jnp.int32)
        return jax.vmap(_take, in_axes=(None, 0))(self._above(gap), places)

    def offset(self, code: UInt32[Array, " code_limbs"], bits: int) -> UInt32[Array, ""]:
        """How far above `low` the number `code / 2**bits` lies, in whole units of u; it has to lie in the interval."""
        limbs = jnp.arange(self.low.shape[0], dtype=jnp.int32)
        number = jax.vmap(_take, in_axes=(None, 0))(code, LIMB_BITS * limbs - (self._room - bits))
        return _take(subtract(number, self.low), self._unit)

    @property
    def _room(self) -> int:
        return LIMB_BITS * self.low.shape[0]

    @property
    def _unit(self) -> Int32[Array, ""]:
        """The place of u in `low`, 0 for its last bit."""
        return self._room - 31 - self.shifted

    @property
    def _aligned(self) -> Bool[Array, ""]:
        """Whether k is S, not S + 1."""
        with wrapping():
            return (self.fraction == 0) | (self.fraction >= jnp.uint32(0) - self.r)

    def _above(self, distance: UInt32[Array, ""]) -> UInt32[Array, " limbs"]:
        """`low` and as many units of u."""
        limbs = jnp.arange(self.low.shape[0], dtype=jnp.int32)
        return add(self.low, _shift(distance, self._unit - LIMB_BITS * limbs))


def _shift(word: UInt32[Array, "*#n"], count: Int32[Array, "*n"]) -> UInt32[Array, "*n"]:
    """`floor(word * 2**count)` modulo `2**32`, for counts of either sign."""
    left = jnp.clip(count, 0, 31).astype(jnp.uint32)
    right = jnp.clip(-count, 0, 31).astype(jnp.uint32)
    with wrapping():  # what goes over the top is in the next limb
        shifted = (word << left) >> right
    return jnp.where(jnp.abs(count) < LIMB_BITS, shifted, 0)


def _take(limbs: UInt32[Array, " n"], place: Int32[Array, ""]) -> UInt32[Array, ""]:
    """The 32 bits of a number from a place on, 0 for its last bit; beyond its ends it has zeros."""
    shifted = _shift(limbs, LIMB_BITS * jnp.arange(limbs.shape[0], dtype=jnp.int32) - place)
    return jax.lax.reduce_or(shifted, axes=(0,))
