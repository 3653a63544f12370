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
from jaxtyping import Array, Bool, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.integers import add, is_zero, less, limb_count, multiply_shift, subtract, to_limbs
from ecjax.models.base import ByteModel

MIN_BITS, MAX_BITS = 9, 128


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
        frequencies = jnp.diff(table)
        # m * f < 2**32 where m is small; where it is not, every share is at least one half.
        keep = (jnp.minimum(self.m[0], 0xFFFF) * frequencies) >> (precision - 1) > 0
        keep = keep | (jnp.arange(256) == jnp.argmax(frequencies))
        kept = jnp.cumsum(jnp.where(keep, frequencies, 0), dtype=jnp.uint32)
        self.kept = jnp.concatenate([jnp.zeros(1, jnp.uint32), kept])
        self.table = table
        self.precision = precision

    def start(self, child: Integer[Array, ""]) -> UInt32[Array, " limbs"]:
        """The first point of a child, counted from the first of all children's; of child 256, their number."""
        # Of a small m the product is below 2**32; of a large one nothing is dropped and the total is 2**F.
        few = jnp.minimum(self.m[0], 0xFFFF) * self.kept[child] // self.kept[256]
        many = multiply_shift(self.m, self.table[child], self.precision)
        share = jnp.where(self.small, _from_word(few, self.m.shape[0]), many)
        return add(share, _from_word(self.root * child.astype(jnp.uint32), self.m.shape[0]))


def _from_word(word: UInt32[Array, ""], limbs: int) -> UInt32[Array, " limbs"]:
    return jnp.zeros(limbs, jnp.uint32).at[0].set(word)


def _descend(shares: Shares, node: Node, byte: Integer[Array, ""]) -> tuple[Node, Bool[Array, ""]]:
    """The child of `node` for a byte, and whether it exists; if it does not, the child means nothing."""
    start, end = shares.start(byte), shares.start(byte + 1)
    exists = less(start, end)
    one = _from_word(jnp.ones((), jnp.uint32), start.shape[0])
    below = subtract(subtract(end, start), one)
    return Node(below, add(node.code, add(start, one)), jnp.array(False)), exists


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
    check_bits(bits)
    top, initial = Node.top(bits), model.init()
    top_shares = Shares(top, model.frequencies(initial), model.precision)

    def advance(carry: tuple[PyTree[Any], Node], item: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
        state, node = carry
        byte, active = item
        child, fits = _descend(Shares(node, model.frequencies(state), model.precision), node, byte)
        first, _ = _descend(top_shares, top, byte)
        after = model.step(_select(fits, state, initial), byte), _select(fits, child, first)
        return _select(active, after, carry), (active & ~fits, node.code)

    text = text.astype(jnp.int32)
    active = jnp.arange(text.shape[0]) < length
    (_, last), (ended, codes) = jax.lax.scan(advance, (initial, top), (text, active))
    # The last window needs no end: it is wherever the text stops.
    ended, codes = jnp.append(ended, length > 0), jnp.concatenate([codes, last.code[None]])
    # Compact: a window's code goes to the place that counts the windows ended before it.
    place = jnp.where(ended, jnp.cumsum(ended) - 1, text.shape[0])
    compact = jnp.zeros((text.shape[0], codes.shape[1]), jnp.uint32).at[place].set(codes, mode="drop")
    return Windows(compact, jnp.sum(ended, dtype=jnp.int32))


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
    check_bits(bits)
    top = Node.top(bits)
    one = _from_word(jnp.ones((), jnp.uint32), top.code.shape[0])

    def unfinished(carry: tuple[Any, ...]) -> Bool[Array, ""]:
        return ~is_zero(carry[0])

    def descend(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        rank, node, state, text, length = carry
        shares = Shares(node, model.frequencies(state), model.precision)
        rank = subtract(rank, one)  # the node's own point
        starts = jax.vmap(shares.start)(jnp.arange(1, 257))
        byte = jnp.sum(~jax.vmap(less, in_axes=(None, 0))(rank, starts), dtype=jnp.int32)
        child, _ = _descend(shares, node, byte)
        text = text.at[length].set(byte.astype(jnp.uint8), mode="drop")
        return subtract(rank, shares.start(byte)), child, model.step(state, byte), text, length + 1

    initial = (code & top.below, top, model.init(), jnp.zeros(capacity, jnp.uint8), jnp.zeros((), jnp.int32))
    *_, text, length = jax.lax.while_loop(unfinished, descend, initial)
    return text, length
