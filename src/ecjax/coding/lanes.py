"""Many texts, or many windows, through a model side by side.

A **lane** works on one text, or one window, byte by byte, and takes the next from a queue when it is done, so that all
lanes stay busy however the lengths differ. What comes out is bit for bit what each text or window gives by itself
(`ecjax.coding.windows`), provided that the model is exact: which lane works on what changes nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.coding.code import WindowCode
from ecjax.coding.windows import Windows
from ecjax.integers import limb_count, wrapping
from ecjax.models.base import ByteModel

_MOST_ALIKE = 64  # lanes of `decode_alike`


class Walks(eqx.Module):
    """How texts that lie end to end are cut into windows.

    Attributes:
      begins: Whether a window begins with this byte; false for bytes that were not taken.
      codes: The code of the window that begins with this byte, as far as it was taken; 0 where none begins.
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


class _Walking(NamedTuple):
    """What the loop of `encode` carries.

    Attributes:
      queue: The texts.
      at: Where each lane's next byte is.
      end: Where it leaves its text; not above `at` for a lane without work.
      window: Where its window begins.
      left_bytes: Whether its window ended and left bytes to the next, which begins with the next byte.
      cursors: Its window.
      walks: What was found so far.
    """

    queue: _Queue
    at: Int32[Array, " lanes"]
    end: Int32[Array, " lanes"]
    window: Int32[Array, " lanes"]
    left_bytes: Bool[Array, " lanes"]
    cursors: PyTree[Any]
    walks: Walks


class _Spelling(NamedTuple):
    """What the loop of `decode` carries.

    Attributes:
      queue: The windows.
      active: Whether each lane has a window that is not yet read to its end.
      at: Where its next byte goes.
      end: Where the room for its string ends.
      readings: What is known of its window.
      text: The strings, as far as they are known.
      lengths: Their lengths, likewise.
    """

    queue: _Queue
    active: Bool[Array, " lanes"]
    at: Int32[Array, " lanes"]
    end: Int32[Array, " lanes"]
    readings: PyTree[Any]
    text: UInt8[Array, " capacity"]
    lengths: Int32[Array, " queue"]


def _broadcast(tree: PyTree[Any], lanes: int) -> PyTree[Any]:
    return jax.tree.map(lambda a: jnp.broadcast_to(a, (lanes, *a.shape)), tree)


def encode(
    model: ByteModel,
    code: WindowCode,
    text: Integer[Array, " n"],
    bounds: Int32[Array, " bounds"],
    count: Integer[Array, ""],
    stops: Bool[Array, " n"],
    lanes: int,
) -> Walks:
    """Cuts texts into windows, each as if it stood alone.

    Args:
      model: M1, an exact one.
      code: Which windows.
      text: The bytes of all texts, end to end.
      bounds: Where each text begins and the one before ends; rising, at most n.
      count: Texts in the queue, at most `queue`; bounds after theirs do not count.
      stops: Where to leave a text: after a byte with a stop, should a window begin with it, the text's first excepted.
        A stop at a text's last byte says that the text goes on: its last window is not yet asked what it can spare.
      lanes: Texts that are worked on at once.

    Returns:
      The windows. Of more texts than a quarter of the lanes, it leaves off once the queue is empty and at most so many
      lanes have work: fewer lanes do the rest sooner, beginning where each text's last window does.
    """
    root = code.root(model)
    n, queue = text.shape[0], bounds.shape[0] - 1
    count, bounds = jnp.clip(count, 0, queue).astype(jnp.int32), jnp.clip(bounds, 0, n)
    few = jnp.where(count > lanes // 4, lanes // 4, 0)
    step = jax.vmap(code.append, in_axes=(None, None, 0, 0, 0))

    def busy(walking: _Walking) -> Bool[Array, ""]:
        work = jnp.sum(walking.at < walking.end, dtype=jnp.int32)
        return (walking.queue.next < count) | (work > few)

    def take_texts(walking: _Walking) -> tuple[_Walking, Bool[Array, " lanes"]]:
        waiting, fresh = walking.queue.refill(walking.at >= walking.end, count)
        at = jnp.where(fresh, bounds[waiting.items], walking.at)
        end = jnp.where(fresh, bounds[jnp.minimum(waiting.items + 1, queue)], walking.end)
        return walking._replace(queue=waiting, at=at, end=end), fresh

    def append_bytes(walking: _Walking) -> _Walking:
        walking, fresh = take_texts(walking)
        waiting, at, end, walks = walking.queue, walking.at, walking.end, walking.walks
        active = at < end
        here = jnp.minimum(at, n - 1)
        before = jax.vmap(code.number)(walking.cursors)
        anew = fresh | walking.left_bytes
        cursors, new, taken = step(model, root, walking.cursors, text[here].astype(jnp.int32), anew)
        new = new & active
        window = jnp.where(new, here, walking.window)
        after = here + taken.astype(jnp.int32)
        closed = ~taken | ((after == end) & ~stops[here])
        spare = jnp.where(active & closed, jax.vmap(code.spare)(cursors), 0)
        after = jnp.where(active, jnp.maximum(after - spare, 0), at)
        # Sums, in which order does not matter; modulo 2**32 they come to the last of what a place was to hold.
        with wrapping():
            change = jax.vmap(code.number)(cursors) - jnp.where(new[:, None], 0, before)
            walks = Walks(
                walks.begins.at[jnp.where(active, at, n)].max(new, mode="drop"),
                walks.codes.at[jnp.where(active, window, n)].add(change, mode="drop"),
                walks.taken.at[jnp.where(active, waiting.items, queue)].add(after - at, mode="drop"),
            )
        end = jnp.where(new & stops[here] & ~fresh, after, end)
        return _Walking(waiting, after, end, window, spare > 0, cursors, walks)

    nowhere = jnp.zeros(lanes, jnp.int32)
    codes = jnp.zeros((n, limb_count(code.bits)), jnp.uint32)
    initial = _Walking(
        queue=_Queue.untouched(lanes, count),
        at=nowhere,
        end=nowhere,
        window=nowhere,
        left_bytes=jnp.zeros(lanes, bool),
        cursors=_broadcast(code.start(root), lanes),
        walks=Walks(jnp.zeros(n, bool), codes, jnp.zeros(queue, jnp.int32)),
    )
    return jax.lax.while_loop(busy, append_bytes, initial).walks


def decode(
    model: ByteModel,
    code: WindowCode,
    codes: UInt32[Array, "queue limbs"],
    bounds: Int32[Array, " bounds"],
    count: Integer[Array, ""],
    lanes: int,
    capacity: int,
) -> tuple[UInt8[Array, " capacity"], Int32[Array, " queue"]]:
    """The strings of windows.

    Args:
      model: The M1 that the windows were made with.
      code: Which windows.
      codes: Their codes; bits above the b-th do not count.
      bounds: Where the room for each string begins and that for the one before ends; rising, at most `capacity`.
      count: Windows in the queue, at most `queue`; codes after theirs do not count.
      lanes: Windows that are worked on at once.
      capacity: Bytes of room for all strings.

    Returns:
      The strings in their places, as far as there is room, and what was found beyond their ends or else zeros; and
      their whole lengths, which may be larger than their rooms, and are 0 for windows that are not in the queue.
    """
    root = code.root(model)
    queue = codes.shape[0]
    count, bounds = jnp.clip(count, 0, queue).astype(jnp.int32), jnp.clip(bounds, 0, capacity)

    def busy(spelling: _Spelling) -> Bool[Array, ""]:
        return (spelling.queue.next < count) | jnp.any(spelling.active)

    def take_windows(spelling: _Spelling) -> _Spelling:
        waiting, anew = spelling.queue.refill(~spelling.active, count)
        at = jnp.where(anew, bounds[waiting.items], spelling.at)
        end = jnp.where(anew, bounds[jnp.minimum(waiting.items + 1, queue)], spelling.end)
        numbers = codes[jnp.minimum(waiting.items, queue - 1)]
        readings = jax.vmap(code.reread, in_axes=(None, None, 0, 0, 0))(model, root, spelling.readings, numbers, anew)
        active = (spelling.active | anew) & jax.vmap(code.unread)(readings)
        return spelling._replace(queue=waiting, active=active, at=at, end=end, readings=readings)

    def find_bytes(spelling: _Spelling) -> _Spelling:
        waiting, active, at, end, readings, text, lengths = take_windows(spelling)
        readings, byte = jax.vmap(code.follow, in_axes=(None, 0))(model, readings)
        # Places differ. That needs no proof where results are maxima with what is there, whatever the order.
        text = text.at[jnp.where(active & (at < end), at, capacity)].max(byte.astype(jnp.uint8), mode="drop")
        lengths = lengths.at[jnp.where(active, waiting.items, queue)].max(jax.vmap(code.length)(readings), mode="drop")
        at = jnp.minimum(jnp.minimum(at, capacity) + 1, end)  # a full room stays full, however long the string
        return _Spelling(waiting, active & jax.vmap(code.unread)(readings), at, end, readings, text, lengths)

    nowhere = jnp.zeros(lanes, jnp.int32)
    initial = _Spelling(
        queue=_Queue.untouched(lanes, count),
        active=jnp.zeros(lanes, bool),
        at=nowhere,
        end=nowhere,
        readings=_broadcast(code.read(root, jnp.zeros(codes.shape[1], jnp.uint32)), lanes),
        text=jnp.zeros(capacity, jnp.uint8),
        lengths=jnp.zeros(queue, jnp.int32),
    )
    done = jax.lax.while_loop(busy, find_bytes, initial)
    return done.text, done.lengths


def encode_alone(model: ByteModel, code: WindowCode, text: Integer[Array, " n"], length: Integer[Array, ""]) -> Windows:
    """The windows of one text. As `windows.encode`, for any window code.

    Args:
      model: M1.
      code: Which windows.
      text: Bytes; those from `length` on do not count.
      length: Bytes in the text, at most n.
    """
    n = text.shape[0]
    if n == 0:
        return Windows(jnp.zeros((0, limb_count(code.bits)), jnp.uint32), jnp.zeros((), jnp.int32))
    bounds = jnp.array([0, 1], jnp.int32) * length.astype(jnp.int32)
    walks = encode(model, code, text, bounds, jnp.ones((), jnp.int32), jnp.zeros(n, bool), 1)
    place = jnp.where(walks.begins, jnp.cumsum(walks.begins, dtype=jnp.int32) - 1, n)
    codes = jnp.zeros_like(walks.codes).at[place].max(walks.codes, mode="drop")
    return Windows(codes, jnp.sum(walks.begins, dtype=jnp.int32))


def decode_alike(
    model: ByteModel, code: WindowCode, codes: UInt32[Array, "n limbs"], capacity: int
) -> tuple[UInt8[Array, "n capacity"], Int32[Array, " n"]]:
    """The strings of windows with the same room for each. As `windows.decode` of each, for any window code.

    Args:
      model: The M1 that the windows were made with.
      code: Which windows.
      codes: Their codes; bits above the b-th do not count.
      capacity: Bytes to return at most for each.

    Returns:
      The first `capacity` bytes of each string, filled with zeros, and their whole lengths, which may be larger.
    """
    n = codes.shape[0]
    if n == 0:
        return jnp.zeros((0, capacity), jnp.uint8), jnp.zeros(0, jnp.int32)
    bounds = jnp.arange(n + 1, dtype=jnp.int32) * capacity
    text, lengths = decode(model, code, codes, bounds, jnp.array(n, jnp.int32), min(n, _MOST_ALIKE), n * capacity)
    inside = jnp.arange(capacity)[None] < lengths[:, None]
    return jnp.where(inside, text.reshape(n, capacity), 0), lengths
