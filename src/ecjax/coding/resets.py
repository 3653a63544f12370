"""Preorder windows that pass M1's state on: it starts anew every k windows, or never (arXiv 2404.03626, A.2).

A text is cut into blocks of 10,240 bytes, as the paper's examples are. In a block M1 starts anew at windows 0, k, 2k
and so on; every window begins at the root of the tree, whose points are shared by what M1 expects there. Between two
blocks stands window 0, the empty string, which tells the decoder that M1 starts anew: a text comes back without a
length.

A window no longer decodes by itself, only its block does, from the first window on: blocks run side by side.
tests/oracles/resets.py says the same in plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, UInt8, UInt32

from ecjax.coding.batches import lanes_for
from ecjax.coding.windows import Cursor, Root, Shares, descend, follow
from ecjax.integers import is_zero, limb_count
from ecjax.models.base import ByteModel
from ecjax.padding import coarse_bucket

BLOCK = 10_240  # bytes
_STEPS = 4096  # of decoding, before the host looks which blocks are done

_T = TypeVar("_T")


class _Walk(eqx.Module):
    """A block so far: the window it is in, and how many there have been, that one included."""

    cursor: Cursor
    windows: Int32[Array, ""]


def _begin(root: Root) -> _Walk:
    return _Walk(Cursor(root.node, root.state), jnp.zeros((), jnp.int32))


def _restarts(walk: _Walk, every: int | None) -> Bool[Array, ""]:
    """Whether M1 starts anew with the next window."""
    return walk.windows == 0 if every is None else walk.windows % every == 0


def _append(
    model: ByteModel, root: Root, every: int | None, walk: _Walk, byte: Int32[Array, ""]
) -> tuple[_Walk, Bool[Array, ""]]:
    """One byte more, and whether a window begins with it."""
    node, state = walk.cursor.node, walk.cursor.state
    table = model.frequencies(state)
    child, fits = descend(Shares(node, table, model.precision), node, byte)
    new = ~fits | (walk.windows == 0)
    restart = new & _restarts(walk, every)
    at_root = Shares(root.node, jnp.where(restart, root.shares.table, table), model.precision)
    first, _ = descend(at_root, root.node, byte)
    node = jax.tree.map(lambda a, b: jnp.where(new, a, b), first, child)
    state = model.step(model.restart(state, root.state, restart), byte)
    return _Walk(Cursor(node, state), walk.windows + new.astype(jnp.int32)), new


@eqx.filter_jit
def _encode(
    model: ByteModel, text: UInt8[Array, "blocks n"], bits: int, every: int | None
) -> tuple[Bool[Array, "blocks n"], UInt32[Array, "blocks n limbs"]]:
    """Whether a window begins with each byte, and the code of the window up to and including it."""
    root = Root(model, bits)

    def advance(walks: _Walk, byte: UInt8[Array, " blocks"]) -> tuple[_Walk, tuple[Array, Array]]:
        step = jax.vmap(lambda walk, c: _append(model, root, every, walk, c.astype(jnp.int32)))
        walks, new = step(walks, byte)
        return walks, (new, walks.cursor.node.code)

    walks = jax.tree.map(lambda a: jnp.broadcast_to(a, (len(text), *a.shape)), _begin(root))
    _, (new, codes) = jax.lax.scan(advance, walks, text.T)
    return new.T, codes.swapaxes(0, 1)


def encode(
    model: ByteModel, bits: int, every: int | None, texts: Sequence[UInt8[np.ndarray, " _"]], block: int = BLOCK
) -> list[tuple[UInt32[np.ndarray, "_ limbs"], Integer[np.ndarray, " _"]]]:
    """The codes of each text's windows, and where the windows begin.

    Args:
      model: M1, an exact one.
      bits: b, 9 to 128.
      every: M1 starts anew every so many windows; None: with each block only.
      texts: Bytes.
      block: Bytes of a block.
    """
    parts = [text[o : o + block] for text in texts for o in range(0, len(text), block)]
    coded = iter(_in_groups(parts, lambda group: _encode_group(model, bits, every, group, block)))
    end = np.zeros((1, limb_count(bits)), np.uint32)
    out = []
    for text in texts:
        codes, begins = [end[:0]], [np.zeros(0, int)]
        for origin in range(0, len(text), block):
            own, starts = next(coded)
            mark = int(origin > 0)  # the empty window before it
            codes += [end[:mark], own]
            begins += [np.full(mark, origin), origin + starts]
        out.append((np.concatenate(codes), np.concatenate(begins)))
    return out


def _encode_group(
    model: ByteModel, bits: int, every: int | None, group: Sequence[UInt8[np.ndarray, " _"]], block: int
) -> list[tuple[UInt32[np.ndarray, "_ limbs"], Integer[np.ndarray, " _"]]]:
    text = np.zeros((lanes_for(len(group)), min(block, coarse_bucket(max(map(len, group)), 64))), np.uint8)
    for row, part in zip(text, group, strict=False):
        row[: len(part)] = part
    new, codes = map(np.asarray, _encode(model, jnp.asarray(text), bits, every))
    out = []
    for i, part in enumerate(group):
        own = new[i, : len(part)]
        out.append((codes[i, : len(part)][np.append(own[1:], True)], np.flatnonzero(own)))
    return out


class _Reading(eqx.Module):
    """A block that is read: where it has come to, and what is left of the window it is in."""

    walk: _Walk
    rank: UInt32[Array, " limbs"]


@eqx.filter_jit
def _decode(
    model: ByteModel,
    before: _Reading | None,
    codes: UInt32[Array, "blocks n limbs"],
    counts: Int32[Array, " blocks"],
    bits: int,
    every: int | None,
) -> tuple[_Reading, UInt8[Array, "steps blocks"], Bool[Array, "steps blocks"], Bool[Array, "steps blocks"]]:
    """Some bytes more of each block: the readings, the bytes, which of them there are, which a window begins with."""
    root, blocks = Root(model, bits), len(codes)
    start = _Reading(_begin(root), jnp.zeros(codes.shape[2], jnp.uint32))
    readings = before or jax.tree.map(lambda a: jnp.broadcast_to(a, (blocks, *a.shape)), start)

    def follow_one(
        reading: _Reading, own: UInt32[Array, "n limbs"], count: Int32[Array, ""]
    ) -> tuple[_Reading, Array, Array, Array]:
        walk = reading.walk
        ended = is_zero(reading.rank)
        new = ended & (walk.windows < count)
        state = model.restart(walk.cursor.state, root.state, new & _restarts(walk, every))
        node = jax.tree.map(lambda a, b: jnp.where(new, a, b), root.node, walk.cursor.node)
        rank = jnp.where(new, own[jnp.minimum(walk.windows, len(own) - 1)], reading.rank)
        cursor, rank, byte = follow(model, Cursor(node, state), rank)
        there = new | ~ended
        rank = jnp.where(there, rank, 0)
        return _Reading(_Walk(cursor, walk.windows + new.astype(jnp.int32)), rank), byte.astype(jnp.uint8), there, new

    def busy(carry: tuple[Any, ...]) -> Bool[Array, ""]:
        i, readings, *_ = carry
        unread = jnp.any(readings.rank != 0, axis=1) | (readings.walk.windows < counts)
        return (i < _STEPS) & jnp.any(unread)

    def advance(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        i, readings, *out = carry
        readings, *found = jax.vmap(follow_one)(readings, codes, counts)
        return i + 1, readings, *(a.at[i].set(b) for a, b in zip(out, found, strict=True))

    nothing = [jnp.zeros((_STEPS, blocks), dtype) for dtype in (jnp.uint8, bool, bool)]
    _, readings, *found = jax.lax.while_loop(busy, advance, (jnp.zeros((), jnp.int32), readings, *nothing))
    return readings, *found


def decode(
    model: ByteModel, bits: int, every: int | None, batch: Sequence[UInt32[np.ndarray, "_ limbs"]]
) -> list[list[bytes]]:
    """The strings of the windows of each text; any codes below `2**bits` have them.

    Args:
      model: The M1 that the windows were made with.
      bits: b, 9 to 128.
      every: As they were made with.
      batch: The codes of each text.
    """
    marks = [np.flatnonzero(~codes.any(axis=1)) for codes in batch]
    blocks = [
        part[int(k > 0) :]
        for codes, own in zip(batch, marks, strict=True)
        for k, part in enumerate(np.split(codes, own))
    ]
    strings = iter(_in_groups(blocks, lambda group: _decode_group(model, bits, every, group)))
    out = []
    for own in marks:
        spelled = next(strings)
        for _ in own:
            spelled.append(b"")
            spelled += next(strings)
        out.append(spelled)
    return out


def _decode_group(
    model: ByteModel, bits: int, every: int | None, group: Sequence[UInt32[np.ndarray, "_ limbs"]]
) -> list[list[bytes]]:
    codes = np.zeros((lanes_for(len(group)), coarse_bucket(max(map(len, group)), 64), limb_count(bits)), np.uint32)
    counts = np.zeros(len(codes), np.int32)
    for i, part in enumerate(group):
        codes[i, : len(part)], counts[i] = part, len(part)
    readings, found = None, []
    while readings is None or _unread(readings, counts):
        readings, *more = _decode(model, readings, jnp.asarray(codes), jnp.asarray(counts), bits, every)
        found.append([np.asarray(a) for a in more])
    text, there, new = (np.concatenate(parts) for parts in zip(*found, strict=True))
    out = []
    for i in range(len(group)):
        own = text[there[:, i], i]
        bounds = [*np.flatnonzero(new[there[:, i], i]).tolist(), len(own)]
        out.append([own[a:b].tobytes() for a, b in pairwise(bounds)])
    return out


def _unread(readings: _Reading, counts: Int32[np.ndarray, " blocks"]) -> bool:
    return bool((np.asarray(readings.rank).any(axis=1) | (np.asarray(readings.walk.windows) < counts)).any())


def _in_groups(items: Sequence[np.ndarray], run: Callable[[list[np.ndarray]], list[_T]]) -> list[_T]:
    """What `run` makes of items, as many at a time as there are lanes: long ones together, lest the short wait."""
    order = sorted(range(len(items)), key=lambda i: -len(items[i]))
    lanes = lanes_for(len(items))
    done = {}
    for begin in range(0, len(order), lanes):
        group = order[begin : begin + lanes]
        done.update(zip(group, run([items[i] for i in group]), strict=True))
    return [done[i] for i in range(len(items))]
