"""Equal-Info windows as the paper has them (arXiv 2404.03626, sec. 3.3, A.5, D.5): for comparison, not for storage.

A window takes bytes as long as its code (`ecjax.coding.interval`) has at most b bits, which zeros then fill up. The
model starts anew in each window. **Texts do not all come back**: a longer string can have the same *padded* code, and
the decoder (D.5) takes the longest.

**Delayed** windows (A.5) leave the bytes at their end that add only zeros to the next window: a window ends with the
first byte after which its padded code is what it is at its end, and decodes to the shortest string with that code.
Windows are then read as they were written; but padding is none, for number 0 may be a string of NUL bytes.

**The first byte of a padded code.** Along a string its padded code may leave a number C and come back to it. While that
can still happen, C is the only one of its number of trailing zeros that the window remembers. *Proof.* Let C, C' and C
again be the codes after n1 < n2 < n3 bytes, C' having just as many zeros. Each is, as a fraction, the first multiple of
some `2**-k` in its interval, and the other one, having as many zeros, is a multiple of that too. The interval of n1
contains C' and the one of n2 contains C, that of n3 lying inside, so C <= C' and C' <= C. QED

tests/oracles/published.py is the same in plain Python.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, PyTree, UInt32

from ecjax.coding.code import WindowCode
from ecjax.coding.interval import Interval
from ecjax.coding.stream import split
from ecjax.coding.windows import check_bits
from ecjax.integers import LIMB_BITS, limb_count, to_limbs, wrapping
from ecjax.models.base import ByteModel

_MOST_BYTES = 1 << 16  # a byte leaves 255 of 2**16 counts to the others, so 128 bits are used up after 23,000


def check_bits_for(bits: int, precision: int) -> None:
    """Raises ValueError unless windows of `bits` bits hold every byte of a model of that precision."""
    check_bits(bits)
    if bits < precision:
        raise ValueError(
            f"one byte can take {precision} bits of a published window under a model of precision "
            f"{precision}: it needs as many or more, got {bits}"
        )


class Root(eqx.Module):
    """Where every window begins: the model's state before the first byte, and its table."""

    state: PyTree[Any]
    table: UInt32[Array, "257"]


class Cursor(eqx.Module):
    """A window so far.

    Attributes:
      interval: Of its bytes.
      state: The model's after them.
      code: Their padded code.
      size: Their number.
      spare: How many at the end add only zeros.
      numbers: For each number of trailing zeros, the last code that had as many.
      firsts: The size with which that code first came; 0 if there was none yet.
    """

    interval: Interval
    state: PyTree[Any]
    code: UInt32[Array, " limbs"]
    size: Int32[Array, ""]
    spare: Int32[Array, ""]
    numbers: UInt32[Array, "zeros limbs"]
    firsts: Int32[Array, " zeros"]


class Reading(eqx.Module):
    """What is known of the string of a code.

    Attributes:
      interval: Of the bytes found.
      state: The model's after them.
      code: The code that is read.
      size: Bytes found.
      length: Bytes of the string: as many as had this padded code.
      unread: Whether to go on.
    """

    interval: Interval
    state: PyTree[Any]
    code: UInt32[Array, " limbs"]
    size: Int32[Array, ""]
    length: Int32[Array, ""]
    unread: Bool[Array, ""]


class Published(WindowCode):
    """Windows of b bits as published, delayed ones or not.

    Attributes:
      bits: b, from the model's F to 128, so that every byte fits.
      delayed: Whether the bytes at a window's end that add only zeros are left to the next.
    """

    bits: int = eqx.field(static=True)
    delayed: bool = eqx.field(static=True)

    def __init__(self, bits: int, delayed: bool = False) -> None:
        """Raises ValueError unless windows can have `bits` bits."""
        check_bits(bits)
        self.bits, self.delayed = bits, delayed

    def root(self, model: ByteModel) -> Root:
        """Raises ValueError if a byte's code can have more than b bits."""
        check_bits_for(self.bits, model.precision)
        state = model.init()
        return Root(state, model.frequencies(state))

    def start(self, root: Root) -> Cursor:
        limbs, zero, remembered = limb_count(self.bits), jnp.zeros((), jnp.int32), self.bits + 1 if self.delayed else 0
        return Cursor(
            Interval.whole(self.bits),
            root.state,
            jnp.zeros(limbs, jnp.uint32),
            zero,
            zero,
            jnp.zeros((remembered, limbs), jnp.uint32),
            jnp.zeros(remembered, jnp.int32),
        )

    def append(
        self, model: ByteModel, root: Root, cursor: Cursor, byte: Int32[Array, ""], anew: Bool[Array, ""]
    ) -> tuple[Cursor, Bool[Array, ""], Bool[Array, ""]]:
        child = _narrow(cursor.interval, model.frequencies(cursor.state), byte, model.precision)
        fits = child.code_length() <= self.bits
        taken = fits | anew | (cursor.spare == 0)
        new = anew | (taken & ~fits)
        first = _narrow(Interval.whole(self.bits), root.table, byte, model.precision)
        interval = jax.tree.map(lambda a, b: jnp.where(new, a, b), first, child)
        state = model.step(model.restart(cursor.state, root.state, new), byte)
        # Once a byte is not taken, nothing is asked for but the code and what is spare.
        code = jnp.where(taken, interval.code(self.bits), cursor.code)
        size = jnp.minimum(jnp.where(new, 0, cursor.size), _MOST_BYTES) + 1
        spare, numbers, firsts = self._remember(cursor, code, size)
        spare = jnp.where(taken, spare, cursor.spare)
        return Cursor(interval, state, code, size, spare, numbers, firsts), new, taken

    def _remember(
        self, cursor: Cursor, code: UInt32[Array, " limbs"], size: Int32[Array, ""]
    ) -> tuple[Int32[Array, ""], UInt32[Array, "zeros limbs"], Int32[Array, " zeros"]]:
        """What is spare, and what is remembered, with a padded code after `size` bytes."""
        if not self.delayed:
            return jnp.zeros_like(size), cursor.numbers, cursor.firsts
        here = jnp.arange(self.bits + 1) == _trailing_zeros(code, self.bits)
        # What is left of other windows is right too: all windows begin alike, and one path leads to a code.
        known = (cursor.firsts > 0) & jnp.all(cursor.numbers == code, axis=1)
        firsts = jnp.where(here & ~known, size, cursor.firsts)
        spare = jnp.maximum(size - jnp.max(jnp.where(here, firsts, 0)), 0)
        return spare, jnp.where(here[:, None], code, cursor.numbers), firsts

    def number(self, cursor: Cursor) -> UInt32[Array, " limbs"]:
        return cursor.code

    def spare(self, cursor: Cursor) -> Int32[Array, ""]:
        return cursor.spare

    def read(self, root: Root, number: UInt32[Array, " limbs"]) -> Reading:
        below = jnp.asarray(to_limbs((1 << self.bits) - 1, limb_count(self.bits)))
        zero = jnp.zeros((), jnp.int32)
        return Reading(Interval.whole(self.bits), root.state, number & below, zero, zero, jnp.array(True))

    def reread(
        self, model: ByteModel, root: Root, reading: Reading, number: UInt32[Array, " limbs"], anew: Bool[Array, ""]
    ) -> Reading:
        state = model.restart(reading.state, root.state, anew)
        return jax.tree.map(
            lambda a, b: jnp.where(anew, a, b),
            eqx.tree_at(lambda r: r.state, self.read(root, number), state),
            eqx.tree_at(lambda r: r.state, reading, state),
        )

    def unread(self, reading: Reading) -> Bool[Array, ""]:
        return reading.unread

    def follow(self, model: ByteModel, reading: Reading) -> tuple[Reading, Int32[Array, ""]]:
        table = model.frequencies(reading.state)
        offset = reading.interval.offset(reading.code, self.bits)
        starts = split(reading.interval.r, table[1:256], model.precision)
        byte = jnp.sum(starts <= offset, dtype=jnp.int32)
        child = _narrow(reading.interval, table, byte, model.precision)
        fits = child.code_length() <= self.bits
        reached = fits & jnp.all(child.code(self.bits) == reading.code)
        size = jnp.minimum(reading.size, _MOST_BYTES) + 1
        length = jnp.where(reached, size, reading.length)
        unread = fits & ~reached if self.delayed else fits
        state = model.step(reading.state, byte)
        return Reading(child, state, reading.code, size, length, unread), byte

    def length(self, reading: Reading) -> Int32[Array, ""]:
        return reading.length


def _narrow(interval: Interval, table: UInt32[Array, "257"], byte: Int32[Array, ""], precision: int) -> Interval:
    return interval.narrow(table[byte], table[byte + 1], precision)


def _trailing_zeros(code: UInt32[Array, " limbs"], bits: int) -> Int32[Array, ""]:
    """The zeros at the end of a number of `bits` bits; all are, if it is 0."""
    with wrapping():
        lowest = code & (jnp.uint32(0) - code)
    places = LIMB_BITS - 1 - jax.lax.clz(lowest).astype(jnp.int32) + LIMB_BITS * jnp.arange(code.shape[0])
    return jnp.min(jnp.where(code != 0, places, bits)).astype(jnp.int32)
