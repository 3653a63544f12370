"""How a codebook cuts a text into its strings, in pure JAX: many texts side by side, one in each lane.

There are three ways. Where the strings are closed under prefixes and have no costs, one walk through the text finds the
longest string again and again: it goes down the tree byte by byte and begins anew at the root where it cannot go on. In
the other two a string is chosen for each position, as if one began there, and the choices are followed from the text's
beginning. Without costs the choice is the longest string that the text goes on with. With costs it is the first string
of the cheapest way from there to the text's end: the least of each string's cost and the cost of the rest after it,
found from the end to the beginning (a dynamic programme).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeVar

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


def words(ids: Integer[np.ndarray, " n"], costs: Integer[np.ndarray, " n"] | None) -> UInt32[np.ndarray, " n"]:
    """The words of ids: what parses find of a string."""
    return ids.astype(np.uint32) + (0 if costs is None else costs.astype(np.uint32) << 16)


def ids_of(words: _Words) -> _Words:
    """The ids of words."""
    return words & _ID


def rows_of(n: int, lanes: int) -> int:
    """How many of n positions are parsed at once in each of so many lanes; n has to be a multiple of it."""
    return min(bucket(n), max(_LEAST, min(_MOST, bucket(_POSITIONS // max(lanes, 1)))))


def closed(rules: Rules, symbols: Int32[Array, "n lanes"]) -> Int32[Array, "n lanes"]:
    """One walk through each text: the slot of the node at each byte. A string begins where it is the byte itself.

    Behind a text it is END. Nothing else is carried from byte to byte: a step is one look-up of the node's base and one
    of what is at the next byte's place, which XLA does in a single loop over the lanes.
    """

    def further(slot: Int32[Array, " lanes"], symbol: Int32[Array, " lanes"]) -> tuple[Array, Array]:
        place = (jnp.take(rules.links, slot, mode="clip") >> LABEL_BITS).astype(jnp.int32) + symbol
        fits = (jnp.take(rules.links, place, mode="clip") & _LABEL).astype(jnp.int32) == symbol
        slot = jnp.where(fits, place, symbol)
        return slot, slot

    return jnp.concatenate([symbols[:1], jax.lax.scan(further, symbols[0], symbols[1:])[1]])


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
    return (front.depth < rules.longest) & jnp.any(front.bases < rules.links.size - BEYOND)


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
      symbols: The bytes of the text of each lane, n and `longest` more; END behind it. n is a multiple of `rows_of(n)`.
    """
    n, lanes = symbols.shape[0] - rules.longest, symbols.shape[1]
    rows = rows_of(n, lanes)

    def block(begin: Array) -> UInt32[Array, "rows lanes"]:
        here = jax.lax.dynamic_slice_in_dim(symbols, begin, rows + rules.longest)

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
    words: UInt32[Array, "longest rows lanes"]


class Block(NamedTuple):
    """The choices in a few rows, from the last to the first.

    Attributes:
      values: The cost of the cheapest way from each row, and from the rows after the block, to the text's end; less a
        constant of each lane.
      firsts: The length of the first string of that way, less one.
    """

    values: Int32[Array, "rows+longest lanes"]
    firsts: Int32[Array, "rows lanes"]


def walk(rules: Rules, symbols: Int32[Array, "ahead lanes"], room: UInt32[Array, "longest rows lanes"]) -> Found:
    """All strings that the text goes on with at each position. Of `room`, the depths beyond keep what they hold."""

    def further(state: Found) -> Found:
        front, found = descend(rules, symbols, state.front)
        return Found(front, jax.lax.dynamic_update_slice_in_dim(state.words, found[None], state.front.depth, 0))

    front = begin_walks(*room.shape[1:])
    return jax.lax.while_loop(lambda s: alive(rules, s.front), further, Found(front, room))


def choose(symbols: Int32[Array, "ahead lanes"], found: Found, after: Int32[Array, "longest lanes"]) -> Block:
    """The cheapest way from each row of a block, given the cost of those from the rows after it."""
    longest, rows, lanes = found.words.shape
    depths = jnp.arange(longest, dtype=jnp.int32)[:, None]

    def one(block: Block, row: Int32[Array, ""]) -> tuple[Block, None]:
        words = jax.lax.dynamic_index_in_dim(found.words, row, 1, keepdims=False)
        rest = jax.lax.dynamic_slice_in_dim(block.values, row + 1, longest)
        fits = (ids_of(words) > 0) & (depths < found.front.depth)
        totals = jnp.where(fits, (words >> 16).astype(jnp.int32) + rest, _NEVER)
        least = jnp.minimum(jnp.min(totals, axis=0), _NEVER)  # which it is in any case: each byte is a string
        first = jnp.max(jnp.where(totals == least[None], depths, 0), axis=0)  # of equal ones the longest
        value = jnp.where(symbols[row] == END, 0, least)
        values = jax.lax.dynamic_update_slice_in_dim(block.values, value[None], row, 0)
        return Block(values, jax.lax.dynamic_update_slice_in_dim(block.firsts, first[None], row, 0)), None

    values = jnp.concatenate([jnp.zeros((rows, lanes), jnp.int32), after])
    block = Block(values, jnp.zeros((rows, lanes), jnp.int32))
    return jax.lax.scan(one, block, jnp.arange(rows, dtype=jnp.int32), reverse=True)[0]


class Backward(NamedTuple):
    """From the text's end to its beginning, block by block.

    Attributes:
      after: What `cheapest` is given and gives, of the positions from here on.
      room: Where the strings of a block are noted.
    """

    after: Int32[Array, "longest lanes"]
    room: UInt32[Array, "longest rows lanes"]


class Ways(NamedTuple):
    """The cheapest ways from n positions.

    Attributes:
      words: The word of the first string of each; 0 behind the text.
      before: The cost of the way from each of the first `longest` positions, less that of the way from the first.
    """

    words: UInt32[Array, "n lanes"]
    before: Int32[Array, "longest lanes"]


def cheapest(rules: Rules, symbols: Int32[Array, "ahead lanes"], after: Int32[Array, "longest lanes"]) -> Ways:
    """The cheapest ways from n positions to the text's end.

    Args:
      rules: Those of a codebook with costs.
      symbols: The bytes of the text of each lane, n and `longest` more; END behind it. n is a multiple of `rows_of(n)`.
      after: Of these last `longest` positions, what `Ways.before` says of the first. What it says of positions behind
        the text does not count.
    """
    longest, lanes = after.shape
    n = symbols.shape[0] - longest
    rows = rows_of(n, lanes)

    def block(state: Backward, begin: Array) -> tuple[Backward, UInt32[Array, "rows lanes"]]:
        here = jax.lax.dynamic_slice_in_dim(symbols, begin, rows + longest)
        found = walk(rules, here, state.room)
        chosen = choose(here, found, state.after)
        words = jnp.take_along_axis(found.words, chosen.firsts[None], axis=0, mode="clip")[0]
        words = jnp.where(here[:rows] == END, 0, words)
        return Backward(relative(chosen.values[:longest]), found.words), words

    room = jnp.zeros((longest, rows, lanes), jnp.uint32)
    state, words = jax.lax.scan(block, Backward(after, room), jnp.arange(0, n, rows, jnp.int32), reverse=True)
    return Ways(words.reshape(n, lanes), state.after)


def relative(values: Int32[Array, "longest lanes"]) -> Int32[Array, "longest lanes"]:
    """Costs less the first of each lane; no two differ by more than 255 bytes cost, each by itself."""
    return jnp.clip(values - values[:1], -(1 << 24), 1 << 24)


def symbols_of(text: Integer[Array, "n lanes"], lengths: Integer[Array, " lanes"]) -> Int32[Array, "n lanes"]:
    """The bytes of texts, END behind each."""
    inside = jnp.arange(text.shape[0], dtype=jnp.int32)[:, None] < lengths[None]
    return jnp.where(inside, text.astype(jnp.int32), END)


def follow(steps: Int32[Array, "n lanes"]) -> Bool[Array, "n lanes"]:
    """Where strings begin, from the first position on, if the one that begins with each has so many bytes."""

    def one(left: Array, step: Array) -> tuple[Array, Array]:
        return jnp.maximum(jnp.where(left == 0, step, left), 1) - 1, left == 0

    return jax.lax.scan(one, jnp.zeros(steps.shape[1], jnp.int32), steps)[1]


@jax.custom_batching.custom_vmap
def encode(
    rules: Rules, texts: Integer[Array, "lanes n"], lengths: Integer[Array, " lanes"]
) -> tuple[Int32[Array, "lanes n"], Int32[Array, " lanes"]]:
    """The ids of each text of so many bytes, filled with zeros, and their numbers.

    `jax.vmap` makes more lanes of it. Mapped like other functions, each loop would go on as long as that of any text,
    and would choose at each step, for each text, between what is old and what is new.
    """
    return gathered((_closed_ids if rules.parse == "closed" else _chosen_ids)(rules, texts.T, lengths))


@encode.def_vmap
def _more_lanes(
    size: int, batched: list[Any], rules: Rules, texts: Array, lengths: Array
) -> tuple[tuple[Array, Array], tuple[bool, bool]]:
    """One codebook for all texts parses them side by side; of several codebooks, one after the other."""
    of_each, *each = batched

    def spread(x: Array, is_batched: bool) -> Array:
        return x if is_batched else jnp.broadcast_to(x, (size, *x.shape))

    texts, lengths = map(spread, (texts, lengths), each)
    if any(jax.tree.leaves(of_each)):
        every = jax.tree.map(spread, rules, of_each)
        return jax.lax.map(lambda one: encode(*one), (every, texts, lengths)), (True, True)
    ids, counts = encode(rules, texts.reshape(lengths.size, texts.shape[-1]), lengths.reshape(lengths.size))
    return (ids.reshape(texts.shape), counts.reshape(lengths.shape)), (True, True)


def gathered(ids: Int32[Array, "n lanes"]) -> tuple[Int32[Array, "lanes n"], Int32[Array, " lanes"]]:
    """The ids of each lane that are not 0, side by side, and zeros behind them; and their number."""
    n, lanes = ids.shape

    def one(count: Int32[Array, " lanes"], id_: Int32[Array, " lanes"]) -> tuple[Array, Array]:
        return count + (id_ > 0).astype(jnp.int32), jnp.where(id_ > 0, count, n)

    counts, places = jax.lax.scan(one, jnp.zeros(lanes, jnp.int32), ids)
    # By a maximum with 0, whose order would not matter: no proof is needed that places differ.
    out = jnp.zeros((lanes, n), jnp.int32).at[jnp.arange(lanes, dtype=jnp.int32)[None], places].max(ids, mode="drop")
    return out, counts


def _closed_ids(
    rules: Rules, texts: Integer[Array, "n lanes"], lengths: Integer[Array, " lanes"]
) -> Int32[Array, "n lanes"]:
    """The ids of texts, each where its string ends, zeros elsewhere."""
    symbols = symbols_of(jnp.pad(texts, ((0, 1), (0, 0))), lengths)
    slots = closed(rules, symbols)
    ends = (symbols[:-1] < END) & (slots[1:] == symbols[1:])
    return jnp.where(ends, ids_of(jnp.take(rules.words, slots[:-1], mode="clip")), 0).astype(jnp.int32)


def _chosen_ids(
    rules: Rules, texts: Integer[Array, "n lanes"], lengths: Integer[Array, " lanes"]
) -> Int32[Array, "n lanes"]:
    """The ids of texts, each where its string begins, zeros elsewhere."""
    n, lanes = texts.shape
    rows = rows_of(n, lanes)
    whole = -(-max(n, 1) // rows) * rows
    symbols = symbols_of(jnp.pad(texts, ((0, whole - n + rules.longest), (0, 0))), lengths)
    if rules.parse == "longest":
        words = longest(rules, symbols)
    else:
        words = cheapest(rules, symbols, jnp.zeros((rules.longest, lanes), jnp.int32)).words
    ids = ids_of(words[:n]).astype(jnp.int32)
    return jnp.where(follow(jnp.take(rules.lengths, ids, mode="clip")), ids, 0)
