"""Many texts, or many windows, through a model side by side.

A **lane** works on one text, or one window, byte by byte, and takes the next from a queue when it is done, so that all
lanes stay busy however the lengths differ. What comes out is bit for bit what `ecjax.coding.windows` gives for each
text or window by itself, provided that the model is exact: which lane works on what changes nothing.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Integer, UInt8, UInt32

from ecjax.coding.windows import Cursor, Root, append, follow, start
from ecjax.integers import is_zero
from ecjax.models.base import ByteModel


class Walks(eqx.Module):
    """How texts that lie end to end are cut into windows.

    Attributes:
      begins: Whether a window begins with this byte; false for bytes that were not taken.
      codes: The code of the window up to and including this byte; 0 for bytes that were not taken.
      taken: How many bytes of each text were taken.
    """

    begins: Bool[Array, " n"]
    codes: UInt32[Array, "n limbs"]
    taken: Int32[Array, " queue"]


class _Queue(eqx.Module):
    """Which item each lane works on, and how many have been handed out; lanes without one have `items == count`."""

    items: Int32[Array, " lanes"]
    next: Int32[Array, ""]

    @classmethod
    def untouched(cls, lanes: int, count: Int32[Array, ""]) -> _Queue:
        return cls(jnp.broadcast_to(count, (lanes,)), jnp.zeros((), jnp.int32))

    def refill(self, idle: Bool[Array, " lanes"], count: Int32[Array, ""]) -> tuple[_Queue, Bool[Array, " lanes"]]:
        """Hands the next items to idle lanes, in order, and says which lanes got one."""
        items = jnp.where(idle, jnp.minimum(self.next + jnp.cumsum(idle, dtype=jnp.int32) - 1, count), self.items)
        following = jnp.minimum(self.next + jnp.sum(idle, dtype=jnp.int32), count)
        return _Queue(items, following), idle & (items < count)


def _cursors(root: Root, lanes: int) -> Cursor:
    return jax.tree.map(lambda a: jnp.broadcast_to(a, (lanes, *a.shape)), start(root))


def encode(
    model: ByteModel,
    text: Integer[Array, " n"],
    bounds: Int32[Array, " bounds"],
    count: Integer[Array, ""],
    stops: Bool[Array, " n"],
    bits: int,
    lanes: int,
) -> Walks:
    """Cuts texts into windows, each as if it stood alone.

    Args:
      model: M1, an exact one.
      text: The bytes of all texts, end to end.
      bounds: Where each text begins and the one before ends; rising, at most n.
      count: Texts in the queue, at most `queue`; bounds after theirs do not count.
      stops: Where to leave a text: after a byte with a stop, should a window begin with it, the text's first excepted.
      bits: b, 9 to 128.
      lanes: Texts that are worked on at once.

    Returns:
      The windows. It leaves off once the queue is empty and at most a quarter of the lanes (rounded down) have work:
      fewer lanes do the rest sooner, beginning where each text's last window does.
    """
    root = Root(model, bits)
    n, queue = text.shape[0], bounds.shape[0] - 1
    count, bounds = jnp.clip(count, 0, queue).astype(jnp.int32), jnp.clip(bounds, 0, n)
    step = jax.vmap(append, in_axes=(None, None, 0, 0, 0))

    def busy(carry: tuple[Any, ...]) -> Bool[Array, ""]:
        waiting, at, end, *_ = carry
        return (waiting.next < count) | (jnp.sum(at < end, dtype=jnp.int32) > lanes // 4)

    def advance(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        waiting, at, end, cursors, walks = carry
        waiting, anew = waiting.refill(at >= end, count)
        begin = bounds[waiting.items]
        at = jnp.where(anew, begin, at)
        end = jnp.where(anew, bounds[jnp.minimum(waiting.items + 1, queue)], end)
        active = at < end
        here = jnp.minimum(at, n - 1)
        cursors, new = step(model, root, cursors, text[here].astype(jnp.int32), anew)
        new = new & active
        # Places differ. That needs no proof where results are maxima with what is there, whatever the order.
        place = jnp.where(active, at, n)
        at = jnp.where(active, here + 1, at)
        walks = Walks(
            walks.begins.at[place].max(new, mode="drop"),
            walks.codes.at[place].max(cursors.node.code, mode="drop"),
            walks.taken.at[jnp.where(active, waiting.items, queue)].max(at - begin, mode="drop"),
        )
        return waiting, at, jnp.where(new & stops[here] & ~anew, at, end), cursors, walks

    nowhere = jnp.zeros(lanes, jnp.int32)
    empty = Walks(jnp.zeros(n, bool), jnp.zeros((n, root.node.code.shape[0]), jnp.uint32), jnp.zeros(queue, jnp.int32))
    initial = (_Queue.untouched(lanes, count), nowhere, nowhere, _cursors(root, lanes), empty)
    return jax.lax.while_loop(busy, advance, initial)[-1]


def decode(
    model: ByteModel,
    codes: UInt32[Array, "queue limbs"],
    bounds: Int32[Array, " bounds"],
    count: Integer[Array, ""],
    bits: int,
    lanes: int,
    capacity: int,
) -> tuple[UInt8[Array, " capacity"], Int32[Array, " queue"]]:
    """The strings of windows; every number below `2**bits` has one.

    Args:
      model: The M1 that the windows were made with.
      codes: Their codes; bits above the b-th do not count.
      bounds: Where the room for each string begins and that for the one before ends; rising, at most `capacity`.
      count: Windows in the queue, at most `queue`; codes after theirs do not count.
      bits: b, 9 to 128.
      lanes: Windows that are worked on at once.
      capacity: Bytes of room for all strings.

    Returns:
      The strings in their places, as far as there is room, filled with zeros; and their whole lengths, which may be
      larger than their rooms, and are 0 for windows that are not in the queue.
    """
    root = Root(model, bits)
    queue = codes.shape[0]
    count, bounds = jnp.clip(count, 0, queue).astype(jnp.int32), jnp.clip(bounds, 0, capacity)
    limits, initials = root.node.below, start(root)

    def begin(cursor: Cursor, anew: Bool[Array, ""]) -> Cursor:
        node = jax.tree.map(lambda a, b: jnp.where(anew, a, b), initials.node, cursor.node)
        return Cursor(node, model.restart(cursor.state, initials.state, anew))

    def busy(carry: tuple[Any, ...]) -> Bool[Array, ""]:
        waiting, ranks, *_ = carry
        return (waiting.next < count) | jnp.any(ranks != 0)

    def advance(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        waiting, ranks, at, end, length, cursors, text, lengths = carry
        waiting, anew = waiting.refill(jax.vmap(is_zero)(ranks), count)
        ranks = jnp.where(anew[:, None], codes[jnp.minimum(waiting.items, queue - 1)] & limits, ranks)
        at = jnp.where(anew, bounds[waiting.items], at)
        end = jnp.where(anew, bounds[jnp.minimum(waiting.items + 1, queue)], end)
        length = jnp.minimum(jnp.where(anew, 0, length), jnp.iinfo(jnp.int32).max - 1) + 1
        active = jnp.any(ranks != 0, axis=1)
        cursors = jax.vmap(begin)(cursors, anew)
        cursors, left, byte = jax.vmap(follow, in_axes=(None, 0, 0))(model, cursors, ranks)
        # Places differ, as in `encode`.
        text = text.at[jnp.where(active & (at < end), at, capacity)].max(byte.astype(jnp.uint8), mode="drop")
        lengths = lengths.at[jnp.where(active, waiting.items, queue)].max(length, mode="drop")
        at = jnp.minimum(jnp.minimum(at, capacity) + 1, end)  # a full room stays full, however long the string
        return waiting, jnp.where(active[:, None], left, 0), at, end, length, cursors, text, lengths

    nowhere = jnp.zeros(lanes, jnp.int32)
    initial = (
        _Queue.untouched(lanes, count),
        jnp.zeros((lanes, codes.shape[1]), jnp.uint32),
        nowhere,
        nowhere,
        nowhere,
        _cursors(root, lanes),
        jnp.zeros(capacity, jnp.uint8),
        jnp.zeros(queue, jnp.int32),
    )
    *_, text, lengths = jax.lax.while_loop(busy, advance, initial)
    return text, lengths
