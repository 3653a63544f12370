"""Equal-Info windows by preorder numbering: lossless blocks of exactly b bits.

A model spans a tree of byte strings. The root owns `2**b` points. A node keeps its first point for itself ("the
window ends here") and hands the others, its *points below*, to its children in byte order; a child without a point
does not exist. A window's code is its node's own point, which is the node's number in preorder. So every string on
the way down is a possible window, every number below `2**b` is exactly one string, number 0 is the empty one, and
codes sort as their strings do.

**Apportionment.** A node with m points below and the model's frequencies f (of `2**F`) keeps the children whose share
`m * f[c] / 2**F` is at least one half, and always the (first) most frequent one. With K the cumulative frequencies of
the kept children, child c gets the points from `floor(m * K[c] / K[256])` up to `floor(m * K[c + 1] / K[256])`. At
the root each byte first gets one point and the other `2**b - 1 - 256` are shared by that rule, so that no text is
stuck: hence b >= 9. docs/windows.md says why one half, and specs/oracle/windows.py says all this in plain Python.

Numbers of b bits are limbs (`ecjax.integers`), least significant first. Source: arXiv 2404.03626, sec. 3.3, whose
windows lose data (their padded codes are ambiguous); these do not.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.coding.code import WindowCode
from ecjax.integers import add, is_zero, less, limb_count, multiply_shift, subtract, to_limbs, wrapping
from ecjax.models.base import ByteModel

__all__ = ["MAX_BITS", "MIN_BITS", "Windows", "decode", "encode"]

MIN_BITS = 9
"""The fewest bits of a window: each byte has a point of the root, and so has the end."""
MAX_BITS = 128
"""The most bits of a window."""


def check_bits(bits: int) -> None:
    """Raises ValueError unless windows can have `bits` bits."""
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"a window has {MIN_BITS} to {MAX_BITS} bits, got {bits}")


class Node(eqx.Module):
    """A place in the window tree.

    Attributes:
      below: Points that the node's children share, `2**b - 1` at the root.
      code: The node's own point, which is the code of a window that ends here.
      root: Whether the node is the root, i.e. the window is still empty.
    """

    below: UInt32[Array, " limbs"]
    code: UInt32[Array, " limbs"]
    root: Bool[Array, ""]

    @classmethod
    def top(cls, bits: int) -> Node:
        """The root of the tree of `bits`-bit windows."""
        limbs = limb_count(bits)
        return cls(jnp.asarray(to_limbs((1 << bits) - 1, limbs)), jnp.zeros(limbs, jnp.uint32), jnp.array(True))


class _Points(eqx.Module):
    """The points of a child, from `start` up to `end`, counted from the first of all children's."""

    start: UInt32[Array, " limbs"]
    end: UInt32[Array, " limbs"]

    def child(self, node: Node) -> Node:
        """The child of `node` that has these points, one of them at least."""
        one = _from_word(jnp.ones((), jnp.uint32), self.start.shape[0])
        below = subtract(subtract(self.end, self.start), one)
        return Node(below, add(node.code, add(self.start, one)), jnp.array(False))


class Shares(eqx.Module):
    """How a node's points are shared among its children, ready to be asked for the bounds of any of them."""

    m: UInt32[Array, " limbs"]  # points shared in proportion
    small: Bool[Array, ""]  # m < 2**16, where children may be dropped
    table: UInt32[Array, "257"]
    kept: UInt32[Array, "257"]  # cumulative frequencies of the kept children
    root: UInt32[Array, ""]  # 1 at the root, where each byte has a point beforehand, else 0
    precision: int = eqx.field(static=True)

    def __init__(self, node: Node, table: UInt32[Array, "257"], precision: int) -> None:
        self.root = node.root.astype(jnp.uint32)
        self.m = subtract(node.below, _from_word(self.root * 256, node.below.shape[0]))
        self.small = is_zero(self.m[1:]) & (self.m[0] < 1 << 16)
        with wrapping():  # it does not, for a table rises
            frequencies = jnp.diff(table)
        frequencies = jnp.minimum(frequencies, 1 << precision)
        # m * f < 2**32 where m is small; where it is not, every share is at least one half.
        keep = (jnp.minimum(self.m[0], 0xFFFF) * frequencies) >> (precision - 1) > 0
        index = jnp.arange(256, dtype=jnp.int32)
        first = jnp.min(jnp.where(frequencies == jnp.max(frequencies), index, 255))  # faster than argmax
        keep = keep | (index == first)
        kept = jax.lax.associative_scan(jnp.add, jnp.where(keep, frequencies, 0))  # faster than cumsum
        self.kept = jnp.concatenate([jnp.zeros(1, jnp.uint32), jnp.minimum(kept, 1 << precision)])
        self.table = table
        self.precision = precision

    def start(self, child: Integer[Array, ""]) -> UInt32[Array, " limbs"]:
        """The first point of a child, counted from the first of all children's; of child 256, their number."""
        # Of a small m the product is below 2**32; of a large one nothing is dropped and the total is 2**F.
        few = jnp.minimum(self.m[0], 0xFFFF) * self.kept[child] // jnp.maximum(self.kept[256], 1)
        many = multiply_shift(self.m, self.table[child], self.precision)
        share = jnp.where(self.small, _from_word(few, self.m.shape[0]), many)
        return add(share, _from_word(self.root * child.astype(jnp.uint32), self.m.shape[0]))

    def child_of(self, rank: UInt32[Array, " limbs"]) -> tuple[Int32[Array, ""], _Points]:
        """The child that has a point, counted from the first of all children's, and its points."""

        def halve(found: tuple[Array, _Points], step: Int32[Array, ""]) -> tuple[tuple[Array, _Points], None]:
            child, points = found
            middle = jnp.minimum(child + step, 255)  # which it is in any case
            bound = self.start(middle)
            beyond = less(rank, bound)
            child = jnp.where(beyond, child, middle)
            start, end = jnp.where(beyond, points.start, bound), jnp.where(beyond, bound, points.end)
            return (child, _Points(start, end)), None

        first = jnp.zeros((), jnp.int32)
        all_points = _Points(jnp.zeros_like(self.m), self.start(first + 256))
        # A loop, for eight steps in a row take XLA twice as long to compile as all else of a window.
        steps = jnp.asarray(np.array([128, 64, 32, 16, 8, 4, 2, 1], np.int32))
        return jax.lax.scan(halve, (first, all_points), steps)[0]


def _from_word(word: UInt32[Array, ""], limbs: int) -> UInt32[Array, " limbs"]:
    return jnp.zeros(limbs, jnp.uint32).at[0].set(word)


def descend(shares: Shares, node: Node, byte: Integer[Array, ""]) -> tuple[Node, Bool[Array, ""]]:
    """The child of `node` for a byte, and whether it exists; if it does not, the child means nothing."""
    points = _Points(shares.start(byte), shares.start(byte + 1))
    return points.child(node), less(points.start, points.end)


class Root(eqx.Module):
    """Where every window begins: the root of the tree, its shares, and the model's state before the first byte."""

    node: Node
    shares: Shares
    state: PyTree[Any]

    def __init__(self, model: ByteModel, bits: int) -> None:
        """Raises ValueError unless windows can have `bits` bits."""
        check_bits(bits)
        self.node, self.state = Node.top(bits), model.init()
        self.shares = Shares(self.node, model.frequencies(self.state), model.precision)


class Cursor(eqx.Module):
    """A window so far: its node in the tree, and the model's state after its bytes."""

    node: Node
    state: PyTree[Any]


def start(root: Root) -> Cursor:
    """The empty window."""
    return Cursor(root.node, root.state)


def append(
    model: ByteModel, root: Root, cursor: Cursor, byte: Int32[Array, ""], anew: Bool[Array, ""]
) -> tuple[Cursor, Bool[Array, ""]]:
    """One byte more: in the same window where it fits and not `anew`, else as the first of a new one.

    Returns:
      The window after the byte, and whether it is a new one.
    """
    child, fits = descend(Shares(cursor.node, model.frequencies(cursor.state), model.precision), cursor.node, byte)
    first, _ = descend(root.shares, root.node, byte)
    new = anew | ~fits
    state = model.step(model.restart(cursor.state, root.state, new), byte)
    return Cursor(_select(new, first, child), state), new


def follow(
    model: ByteModel, cursor: Cursor, rank: UInt32[Array, " limbs"]
) -> tuple[Cursor, UInt32[Array, " limbs"], Int32[Array, ""]]:
    """One byte of the window that a number stands for.

    Args:
      model: M1.
      cursor: The window so far.
      rank: The window's code counted from the node's own point; 0, where the window ends, means nothing here.

    Returns:
      The window after the byte, the code counted from its own point, and the byte.
    """
    shares = Shares(cursor.node, model.frequencies(cursor.state), model.precision)
    rank = subtract(rank, _from_word(jnp.ones((), jnp.uint32), rank.shape[0]))
    byte, points = shares.child_of(rank)
    return Cursor(points.child(cursor.node), model.step(cursor.state, byte)), subtract(rank, points.start), byte


class Reading(eqx.Module):
    """What is known of the string of a code.

    Attributes:
      cursor: The window of the bytes found.
      rank: The code counted from that window's own point: 0 at the string's end.
      length: How many there are.
    """

    cursor: Cursor
    rank: UInt32[Array, " limbs"]
    length: Int32[Array, ""]


class Preorder(WindowCode):
    """These windows as `ecjax.coding.lanes` walks them.

    Attributes:
      bits: b, 9 to 128.
    """

    bits: int = eqx.field(static=True)

    def __init__(self, bits: int) -> None:
        """Raises ValueError unless windows can have `bits` bits."""
        check_bits(bits)
        self.bits = bits

    def root(self, model: ByteModel) -> Root:
        return Root(model, self.bits)

    def start(self, root: Root) -> Cursor:
        return start(root)

    def append(
        self, model: ByteModel, root: Root, cursor: Cursor, byte: Int32[Array, ""], anew: Bool[Array, ""]
    ) -> tuple[Cursor, Bool[Array, ""], Bool[Array, ""]]:
        cursor, new = append(model, root, cursor, byte, anew)
        return cursor, new, jnp.array(True)

    def number(self, cursor: Cursor) -> UInt32[Array, " limbs"]:
        return cursor.node.code

    def spare(self, cursor: Cursor) -> Int32[Array, ""]:
        return jnp.zeros((), jnp.int32)

    def read(self, root: Root, number: UInt32[Array, " limbs"]) -> Reading:
        return Reading(start(root), number & root.node.below, jnp.zeros((), jnp.int32))

    def reread(
        self, model: ByteModel, root: Root, reading: Reading, number: UInt32[Array, " limbs"], anew: Bool[Array, ""]
    ) -> Reading:
        node = _select(anew, root.node, reading.cursor.node)
        state = model.restart(reading.cursor.state, root.state, anew)
        rank = jnp.where(anew, number & root.node.below, reading.rank)
        return Reading(Cursor(node, state), rank, jnp.where(anew, 0, reading.length))

    def unread(self, reading: Reading) -> Bool[Array, ""]:
        return ~is_zero(reading.rank)

    def follow(self, model: ByteModel, reading: Reading) -> tuple[Reading, Int32[Array, ""]]:
        cursor, rank, byte = follow(model, reading.cursor, reading.rank)
        length = jnp.minimum(reading.length, jnp.iinfo(jnp.int32).max - 1) + 1
        return Reading(cursor, rank, length), byte

    def length(self, reading: Reading) -> Int32[Array, ""]:
        return reading.length


def _select(condition: Bool[Array, ""], yes: PyTree[Any], no: PyTree[Any]) -> PyTree[Any]:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


class Windows(eqx.Module):
    """The windows of a text.

    Attributes:
      codes: Codes of b bits; those from `count` on are 0, the empty window.
      count: How many windows the text has, at most one for each byte.
    """

    codes: UInt32[Array, "n limbs"]
    count: Int32[Array, ""]


def encode(model: ByteModel, text: Integer[Array, " n"], length: Integer[Array, ""], bits: int) -> Windows:
    """Cuts a text into windows, each the longest that the tree allows.

    The model starts anew in each window.

    Args:
      model: M1.
      text: Bytes; those from `length` on do not count.
      length: Bytes in the text, at most n.
      bits: b, 9 to 128.

    Returns:
      The windows.
    """
    root = Root(model, bits)
    text = text.astype(jnp.int32)
    index = jnp.arange(text.shape[0], dtype=jnp.int32)

    def advance(cursor: Cursor, item: tuple[Array, Array]) -> tuple[Cursor, tuple[Array, Array]]:
        byte, anew = item
        cursor, new = append(model, root, cursor, byte, anew)
        return cursor, (new, cursor.node.code)

    _, (new, codes) = jax.lax.scan(advance, start(root), (text, index == 0))
    new = new & (index < length)
    # A window ends where the next begins, the last one wherever the text stops. Its code goes to its own place, by a
    # maximum with 0, whose order would not matter: no proof is needed that places differ.
    ended = jnp.append(new, False)[1:] | (index + 1 == length)
    place = jnp.where(ended, jnp.cumsum(new, dtype=jnp.int32) - 1, text.shape[0])
    compact = jnp.zeros(codes.shape, jnp.uint32).at[place].max(codes, mode="drop")
    return Windows(compact, jnp.sum(new, dtype=jnp.int32))


def decode(
    model: ByteModel, code: UInt32[Array, " limbs"], bits: int, capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    """The string of one window; every number below `2**bits` has one.

    Args:
      model: The M1 that the window was made with.
      code: Its code; bits above the b-th do not count.
      bits: b, 9 to 128.
      capacity: Bytes to return at most.

    Returns:
      The first `capacity` bytes of the string, filled with zeros, and its whole length, which may be larger.
    """
    root = Root(model, bits)

    def unfinished(carry: tuple[Any, ...]) -> Bool[Array, ""]:
        return ~is_zero(carry[1])

    def descend(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        cursor, rank, text, length = carry
        cursor, rank, byte = follow(model, cursor, rank)
        text = text.at[length].set(byte.astype(jnp.uint8), mode="drop")
        return cursor, rank, text, jnp.minimum(length, jnp.iinfo(jnp.int32).max - 1) + 1

    initial = (start(root), code & root.node.below, jnp.zeros(capacity, jnp.uint8), jnp.zeros((), jnp.int32))
    *_, text, length = jax.lax.while_loop(unfinished, descend, initial)
    return text, length
