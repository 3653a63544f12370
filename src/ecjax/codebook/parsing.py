"""How a codebook cuts a text into its strings, in pure JAX: many texts side by side, one in each lane.

There are three ways. Where the strings are closed under prefixes and have no costs, one walk through the text finds the
longest string again and again: it goes down the tree byte by byte and begins anew at the root where it cannot go on. In
the other two a string is chosen for each position, as if one began there, and the choices are followed from the text's
beginning. Without costs the choice is the longest string that the text goes on with. With costs it is the first string
of the cheapest way from there to the text's end: the least of each string's cost and the cost of the rest after it,
found from the end to the beginning (a dynamic programme).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, UInt32

from ecjax.codebook.slots import BEYOND, LABEL_BITS
from ecjax.padding import bucket

END = 256  # the symbol behind a text's last byte; no string goes on with it
_LEAST, _MOST = 8, 256  # rows that are parsed at once, and with all lanes `_POSITIONS` positions if that can be
_POSITIONS = 2048
_DEPTHS = 4  # bytes that a walk goes down between two looks whether any lane goes further
_NEVER = 1 << 30  # more than any cost that is compared
_LABEL = (1 << LABEL_BITS) - 1
_ID = (1 << 16) - 1

Parse = Literal["closed", "longest", "cheapest"]
_Words = TypeVar("_Words", Array, np.ndarray)


class Rules(eqx.Module):
    """What a parse needs.

    Attributes:
      links: The tree, as `ecjax.codebook.slots` has it.
      words: Of each slot, the cost of its node's string times 2**16, plus its id; 0 if it is not in the codebook.
      lengths: The length of each id's string, in bytes.
      longest: The longest of these.
      parse: Which parse: "closed", "longest" or "cheapest".
    """

    links: UInt32[Array | np.ndarray, " slots"]
    words: UInt32[Array | np.ndarray, " slots"]
    lengths: Int32[Array | np.ndarray, " size"]
    longest: int = eqx.field(static=True)
    parse: Parse = eqx.field(static=True)

    @property
    def reach(self) -> int:
        """How far a parse looks ahead, in bytes: the longest string, and up to what is looked at together."""
        return -(-self.longest // _DEPTHS) * _DEPTHS


def words(ids: Integer[np.ndarray, " n"], costs: Integer[np.ndarray, " n"] | None) -> UInt32[np.ndarray, " n"]:
    """The words of ids: what parses find of a string."""
    return ids.astype(np.uint32) + (0 if costs is None else costs.astype(np.uint32) << 16)


def ids_of(words: _Words) -> _Words:
    """The ids of words."""
    return words & _ID


def rows_of(n: int, lanes: int) -> int:
    """How many of n positions are parsed at once in each of so many lanes; n has to be a multiple of it."""
    return min(bucket(n), max(_LEAST, min(_MOST, bucket(_POSITIONS // lanes))))


class Walker(NamedTuple):
    """Where the one walk of each lane is.

    Attributes:
      bases: Where the children of its node are.
      ends: The slot of its node plus 1; 0 at the root.
    """

    bases: UInt32[Array, " lanes"]
    ends: UInt32[Array, " lanes"]


def go_on(rules: Rules, walker: Walker, symbol: UInt32[Array, " lanes"]) -> tuple[Walker, UInt32[Array, " lanes"]]:
    """A byte further; and where the string ended that does not go on with it, or 0."""
    place = walker.bases + symbol
    link = jnp.take(rules.links, place.astype(jnp.int32), mode="clip")
    fits = (link & _LABEL) == symbol
    anew = jnp.take(rules.links, symbol.astype(jnp.int32), mode="clip")
    inside = symbol < END
    bases = jnp.where(inside, jnp.where(fits, link, anew) >> LABEL_BITS, 0)
    ends = jnp.where(inside, jnp.where(fits, place, symbol) + 1, 0)
    return Walker(bases, ends), jnp.where(fits, 0, walker.ends)


def closed(rules: Rules, symbols: Int32[Array, "n lanes"]) -> UInt32[Array, "n+1 lanes"]:
    """One walk through each text: where each string ends, just before its last byte's successor, its slot plus 1."""
    nowhere = jnp.zeros(symbols.shape[1], jnp.uint32)

    def further(walker: Walker, symbol: Array) -> tuple[Walker, Array]:
        return go_on(rules, walker, symbol.astype(jnp.uint32))

    last, ended = jax.lax.scan(further, Walker(nowhere, nowhere), symbols)
    return jnp.concatenate([ended, last.ends[None]])


class Front(NamedTuple):
    """Walks from several positions in several lanes, each as far down the tree as all others.

    Attributes:
      depth: Bytes that they have gone.
      bases: Where the children of each one's node are; behind all slots if it cannot go on.
    """

    depth: Int32[Array, ""]
    bases: UInt32[Array, "rows lanes"]


def begin_walks(rows: int, lanes: int) -> Front:
    """At the root, at each position."""
    return Front(jnp.int32(0), jnp.zeros((rows, lanes), jnp.uint32))


def alive(rules: Rules, front: Front) -> Array:
    """Whether any walk can go on."""
    return (front.depth < rules.reach) & jnp.any(front.bases < rules.links.size - BEYOND)


def descend(
    rules: Rules, symbols: Int32[Array, "ahead lanes"], front: Front
) -> tuple[Front, UInt32[Array, "rows lanes"]]:
    """A byte further; and the word of the string that each walk has come to, 0 if none."""
    symbol = jax.lax.dynamic_slice_in_dim(symbols, front.depth, front.bases.shape[0]).astype(jnp.uint32)
    place = (front.bases + symbol).astype(jnp.int32)
    link = jnp.take(rules.links, place, mode="clip")
    fits = (link & _LABEL) == symbol
    bases = jnp.where(fits, link >> LABEL_BITS, jnp.uint32(rules.links.size - BEYOND))
    return Front(front.depth + 1, bases), jnp.where(fits, jnp.take(rules.words, place, mode="clip"), 0)


class Longest(NamedTuple):
    """Walks, and the word of the longest string that each has passed."""

    front: Front
    words: UInt32[Array, "rows lanes"]


def longest(rules: Rules, symbols: Int32[Array, "ahead lanes"]) -> UInt32[Array, "n lanes"]:
    """The word of the longest string that the text goes on with at each of n positions; 0 behind the text.

    Args:
      rules: Those of a codebook.
      symbols: The bytes of the text of each lane, n and `reach` more; END behind it. n is a multiple of `rows_of(n)`.
    """
    n, lanes = symbols.shape[0] - rules.reach, symbols.shape[1]
    rows = rows_of(n, lanes)

    def block(begin: Array) -> UInt32[Array, "rows lanes"]:
        here = jax.lax.dynamic_slice_in_dim(symbols, begin, rows + rules.reach)

        def further(state: Longest) -> Longest:
            front, found = descend(rules, here, state.front)
            return Longest(front, jnp.where(ids_of(found) > 0, found, state.words))

        front = begin_walks(rows, lanes)
        state = Longest(front, jnp.zeros_like(front.bases))
        return jax.lax.while_loop(lambda s: alive(rules, s.front), further, state).words

    return jax.lax.map(block, jnp.arange(0, n, rows, jnp.int32)).reshape(n, lanes)


class Found(NamedTuple):
    """Walks, and the word of the string at each depth that they have passed."""

    front: Front
    words: UInt32[Array, "reach rows lanes"]


class Block(NamedTuple):
    """The choices in a few rows, from the last to the first.

    Attributes:
      values: The cost of the cheapest way from each row, and from the rows after the block, to the text's end; less a
        constant of each lane.
      words: The word of the first string of that way.
    """

    values: Int32[Array, "rows+reach lanes"]
    words: UInt32[Array, "rows lanes"]


class Least(NamedTuple):
    """The cheapest way from one row of each lane by strings of at most `depth` bytes, and the word of its first."""

    depth: Int32[Array, ""]
    values: Int32[Array, " lanes"]
    words: UInt32[Array, " lanes"]


def walk(rules: Rules, symbols: Int32[Array, "ahead lanes"], room: UInt32[Array, "reach rows lanes"]) -> Found:
    """All strings that the text goes on with at each position. Of `room`, the depths beyond keep what they hold."""

    def further(state: Found) -> Found:
        front, words, depth = state.front, state.words, state.front.depth
        for i in range(_DEPTHS):
            front, found = descend(rules, symbols, front)
            words = jax.lax.dynamic_update_slice_in_dim(words, found[None], depth + i, 0)
        return Found(front, words)

    front = begin_walks(*room.shape[1:])
    return jax.lax.while_loop(lambda s: alive(rules, s.front), further, Found(front, room))


def choose(symbols: Int32[Array, "ahead lanes"], found: Found, after: Int32[Array, "reach lanes"]) -> Block:
    """The cheapest way from each row of a block, given the cost of those from the rows after it."""
    rows, lanes = found.front.bases.shape

    def one(block: Block, row: Int32[Array, ""]) -> tuple[Block, None]:
        def further(least: Least) -> Least:
            words = jax.lax.dynamic_slice(found.words, (least.depth, row, jnp.int32(0)), (_DEPTHS, 1, lanes))[:, 0]
            rest = jax.lax.dynamic_slice_in_dim(block.values, row + 1 + least.depth, _DEPTHS)
            values, chosen = least.values, least.words
            for word, value in zip(words, rest, strict=True):
                total = jnp.where((word & _ID) > 0, (word >> 16).astype(jnp.int32) + value, _NEVER)
                better = total <= values  # of equal ones the longest, which comes last
                values, chosen = jnp.where(better, total, values), jnp.where(better, word, chosen)
            return Least(least.depth + _DEPTHS, values, chosen)

        least = Least(jnp.int32(0), jnp.full(lanes, _NEVER, jnp.int32), jnp.zeros(lanes, jnp.uint32))
        least = jax.lax.while_loop(lambda s: s.depth < found.front.depth, further, least)
        value = jnp.where(symbols[row] == END, 0, least.values)
        values = jax.lax.dynamic_update_slice_in_dim(block.values, value[None], row, 0)
        words = jax.lax.dynamic_update_slice_in_dim(block.words, least.words[None], row, 0)
        return Block(values, words), None

    values = jnp.concatenate([jnp.zeros((rows, lanes), jnp.int32), after])
    block = Block(values, jnp.zeros((rows, lanes), jnp.uint32))
    return jax.lax.scan(one, block, jnp.arange(rows, dtype=jnp.int32), reverse=True)[0]


class Backward(NamedTuple):
    """From the text's end to its beginning, block by block.

    Attributes:
      after: What `cheapest` is given and gives, of the positions from here on.
      room: Where the strings of a block are noted.
    """

    after: Int32[Array, "reach lanes"]
    room: UInt32[Array, "reach rows lanes"]


class Ways(NamedTuple):
    """The cheapest ways from n positions.

    Attributes:
      words: The word of the first string of each; 0 behind the text.
      before: The cost of the way from each of the first `reach` positions, less that of the way from the first.
    """

    words: UInt32[Array, "n lanes"]
    before: Int32[Array, "reach lanes"]


def cheapest(rules: Rules, symbols: Int32[Array, "ahead lanes"], after: Int32[Array, "reach lanes"]) -> Ways:
    """The cheapest ways from n positions to the text's end.

    Args:
      rules: Those of a codebook with costs.
      symbols: The bytes of the text of each lane, n and `reach` more; END behind it. n is a multiple of `rows_of(n)`.
      after: Of these last `reach` positions, what `Ways.before` says of the first. What it says of positions behind the
        text does not count.
    """
    reach, lanes = after.shape
    n = symbols.shape[0] - reach
    rows = rows_of(n, lanes)

    def block(state: Backward, begin: Array) -> tuple[Backward, UInt32[Array, "rows lanes"]]:
        here = jax.lax.dynamic_slice_in_dim(symbols, begin, rows + reach)
        found = walk(rules, here, state.room)
        chosen = choose(here, found, state.after)
        return Backward(relative(chosen.values[:reach]), found.words), chosen.words

    room = jnp.zeros((reach, rows, lanes), jnp.uint32)
    state, words = jax.lax.scan(block, Backward(after, room), jnp.arange(0, n, rows, jnp.int32), reverse=True)
    return Ways(words.reshape(n, lanes), state.after)


def relative(values: Int32[Array, "reach lanes"]) -> Int32[Array, "reach lanes"]:
    """Costs less the first of each lane; no two differ by more than 255 bytes cost, each by itself."""
    return jnp.clip(values - values[:1], -(1 << 24), 1 << 24)


def symbols_of(text: Integer[Array, "n lanes"], lengths: Integer[Array, " lanes"]) -> Int32[Array, "n lanes"]:
    """The bytes of texts, END behind each."""
    inside = jnp.arange(text.shape[0], dtype=jnp.int32)[:, None] < lengths[None]
    return jnp.where(inside, text.astype(jnp.int32), END)


def follow(steps: Int32[Array, " n"]) -> Bool[Array, " n"]:
    """Where strings begin, from the first position on, if the one that begins with each has so many bytes."""

    def one(left: Array, step: Array) -> tuple[Array, Array]:
        return jnp.maximum(jnp.where(left == 0, step, left), 1) - 1, left == 0

    return jax.lax.scan(one, jnp.int32(0), steps)[1]


def encode(
    rules: Rules, text: Integer[Array, " n"], length: Integer[Array, ""]
) -> tuple[Int32[Array, " n"], Int32[Array, ""]]:
    """The ids of a text of `length` bytes, filled with zeros, and their number."""
    ids = (_closed_ids if rules.parse == "closed" else _chosen_ids)(rules, text, length)
    place = jnp.where(ids > 0, jnp.cumsum(ids > 0, dtype=jnp.int32) - 1, text.shape[0])
    # By a maximum with 0, whose order would not matter: no proof is needed that places differ.
    out = jnp.zeros(text.shape[0], jnp.int32).at[place].max(ids, mode="drop")
    return out, jnp.sum(ids > 0, dtype=jnp.int32)


def _closed_ids(rules: Rules, text: Integer[Array, " n"], length: Integer[Array, ""]) -> Int32[Array, " n+1"]:
    """The ids of a text, each just behind its string, zeros elsewhere."""
    slots = closed(rules, symbols_of(text[:, None], length[None]))[:, 0].astype(jnp.int32)
    words = jnp.take(rules.words, slots - 1, mode="clip")
    return jnp.where(slots > 0, ids_of(words), 0).astype(jnp.int32)


def _chosen_ids(rules: Rules, text: Integer[Array, " n"], length: Integer[Array, ""]) -> Int32[Array, " n"]:
    """The ids of a text, each where its string begins, zeros elsewhere."""
    n = text.shape[0]
    whole = -(-max(n, 1) // rows_of(n, 1)) * rows_of(n, 1)
    padded = jnp.pad(text, (0, whole - n + rules.reach))[:, None]
    symbols = symbols_of(padded, length[None])
    if rules.parse == "longest":
        words = longest(rules, symbols)
    else:
        words = cheapest(rules, symbols, jnp.zeros((rules.reach, 1), jnp.int32)).words
    ids = ids_of(words[:n, 0]).astype(jnp.int32)
    return jnp.where(follow(jnp.take(rules.lengths, ids, mode="clip")), ids, 0)
