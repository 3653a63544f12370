"""All ways to cut a text into strings: how often each string is expected, and which way is cheapest.

A text's cuts form a lattice, whose edges are the strings that begin at each position. Under a unigram model, which
gives each string a probability, the forward-backward algorithm sums over all of them, in time linear in the edges. Sums
of long texts are below the smallest float, so each is kept as a value and a unit: 1e-100 to the power of the unit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt8

from ecjax.codebook.compiled import compiled

MAX_NODES = 1 << 24  # a slot of the hash table holds 24 bits of a node's number
_BIG = 1e100
_LOG_BIG = math.log2(_BIG)
_Integer = int | np.integer


class Trie(NamedTuple):
    """Strings as a tree; a child is found by hashing its parent and its last byte.

    Attributes:
      parents: Each node's parent, before the node itself; node 0 is the empty string.
      last_bytes: The last byte of each node's string; 0 for the root.
      depths: The length of each node's string, at most 255.
      singles: The node of each byte.
      pairs: The node of each two bytes, at their big-endian number; 0 for none.
      table: The other nodes: `(256 * parent + byte + 1) * 2**24 + node` in the first slot that was free from the hash
        of `256 * parent + byte` on; 0 where a slot is free.
      longest: The length of the longest string.
    """

    parents: Int32[np.ndarray, " nodes"]
    last_bytes: UInt8[np.ndarray, " nodes"]
    depths: UInt8[np.ndarray, " nodes"]
    singles: Int32[np.ndarray, "256"]
    pairs: Int32[np.ndarray, "65536"]
    table: Int64[np.ndarray, " slots"]
    longest: int


def trie_of(parents: Int32[np.ndarray, " nodes"], last_bytes: UInt8[np.ndarray, " nodes"]) -> Trie:
    """The trie of fewer than `MAX_NODES` nodes, parents before their children, all 256 bytes among them."""
    slots = 1 << math.ceil(math.log2(2.5 * len(parents) + 16))
    return Trie(*_build(parents, last_bytes, slots))


@compiled
def _slot(key: _Integer, slots: _Integer) -> _Integer:
    return ((key * 0x9E3779B97F4A7C15) >> 20) & (slots - 1)


@compiled
def _build(parents: Int32[np.ndarray, " nodes"], last_bytes: UInt8[np.ndarray, " nodes"], slots: int) -> tuple:
    depths = np.zeros(len(parents), np.uint8)
    singles, pairs = np.zeros(256, np.int32), np.zeros(65536, np.int32)
    table = np.zeros(slots, np.int64)
    longest = 0
    for node in range(1, len(parents)):
        parent, byte = np.int64(parents[node]), np.int64(last_bytes[node])
        depths[node] = depths[parent] + 1
        longest = max(longest, depths[node])
        if depths[node] == 1:
            singles[byte] = node
        elif depths[node] == 2:
            pairs[np.int64(last_bytes[parent]) * 256 + byte] = node
        else:
            key = 256 * parent + byte
            slot = _slot(key, slots)
            while table[slot]:
                slot = (slot + 1) & (slots - 1)
            table[slot] = ((key + 1) << 24) | node
    return parents, last_bytes, depths, singles, pairs, table, longest


@compiled
def _child(table: Int64[np.ndarray, " slots"], node: _Integer, byte: _Integer) -> _Integer:
    """The child of a node at least two bytes deep, or 0."""
    key = 256 * np.int64(node) + byte
    slot = _slot(key, len(table))
    while table[slot]:
        if table[slot] >> 24 == key + 1:
            return np.int64(table[slot] & 0xFFFFFF)
        slot = (slot + 1) & (len(table) - 1)
    return 0


@compiled
def _edges(
    trie: Trie, members: Bool[np.ndarray, " nodes"], text: UInt8[np.ndarray, " n"]
) -> tuple[Int32[np.ndarray, " m"], Int32[np.ndarray, " n"]]:
    """The members that begin at each position, shortest first and end to end, and how many begin there."""
    size = len(text)
    edges, counts = np.empty(8 * size + trie.longest, np.int32), np.empty(size, np.int32)
    found = 0
    for begin in range(size):
        if found + trie.longest > len(edges):
            longer = np.empty(2 * len(edges), np.int32)
            longer[:found] = edges[:found]
            edges = longer
        before = found
        edges[found] = trie.singles[text[begin]]
        found += 1
        if begin + 1 < size:
            node = np.int64(trie.pairs[np.int64(text[begin]) * 256 + text[begin + 1]])
            end = begin + 2
            while node:
                if members[node]:
                    edges[found] = node
                    found += 1
                if end == size:
                    break
                node = _child(trie.table, node, text[end])
                end += 1
        counts[begin] = found - before
    return edges[:found], counts


@compiled
def _sum(value: float, unit: int, other: float, other_unit: int) -> tuple[float, int]:
    """The sum of two numbers, each a value times 1e-100 to the power of its unit."""
    if value == 0:
        return other, other_unit
    if unit > other_unit:
        return value * _BIG ** float(other_unit - unit) + other, other_unit
    return value + other * _BIG ** float(unit - other_unit), unit


@compiled
def _backward(
    trie: Trie,
    weights: Float64[np.ndarray, " nodes"],
    edges: Int32[np.ndarray, " m"],
    counts: Int32[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, " n+1"], Int32[np.ndarray, " n+1"]]:
    """The sum over all cuts of what follows each position, as values from 1e-100 on and their units."""
    size, edge = len(counts), len(edges)
    values, units = np.zeros(size + 1), np.zeros(size + 1, np.int32)
    values[size] = 1.0
    for begin in range(size - 1, -1, -1):
        value, unit = 0.0, int(units[begin + 1])
        for k in range(edge - counts[begin], edge):
            end = begin + trie.depths[edges[k]]
            product = weights[edges[k]] * values[end]
            if units[end] == unit:
                value += product
            else:
                value, unit = _sum(float(value), unit, float(product), int(units[end]))
        edge -= counts[begin]
        while value < 1 / _BIG:
            value, unit = value * _BIG, unit + 1
        values[begin], units[begin] = value, unit
    return values, units


@compiled
def _expect(
    trie: Trie,
    members: Bool[np.ndarray, " nodes"],
    weights: Float64[np.ndarray, " nodes"],
    text: UInt8[np.ndarray, " n"],
    expected: Float64[np.ndarray, " nodes"],
) -> float:
    """`expect` for one text."""
    size, edge = len(text), 0
    edges, counts = _edges(trie, members, text)
    after, after_units = _backward(trie, weights, edges, counts)
    values, units = np.zeros(size + 1), np.zeros(size + 1, np.int32)
    values[0] = 1.0
    for begin in range(size):
        value, unit = values[begin], units[begin]
        while value < 1 / _BIG:
            value, unit = value * _BIG, unit + 1
        share_unit = after_units[begin + 1]
        share = value / after[0] * _BIG ** float(after_units[0] - unit - share_unit)
        for k in range(edge, edge + counts[begin]):
            node = edges[k]
            end = begin + trie.depths[node]
            product = value * weights[node]
            if units[end] == unit:
                values[end] += product
            else:
                values[end], units[end] = _sum(float(values[end]), int(units[end]), product, unit)
            if after_units[end] != share_unit:
                share_unit = after_units[end]
                share = value / after[0] * _BIG ** float(after_units[0] - unit - share_unit)
            expected[node] += share * weights[node] * after[end]
        edge += counts[begin]
    return after_units[0] * _LOG_BIG - np.log2(after[0])


@compiled
def expect(
    trie: Trie,
    members: Bool[np.ndarray, " nodes"],
    weights: Float64[np.ndarray, " nodes"],
    texts: UInt8[np.ndarray, " n"],
    ends: Int64[np.ndarray, " k"],
    expected: Float64[np.ndarray, " nodes"],
) -> float:
    """Adds to `expected` how often each member is expected in texts, over all of their cuts.

    Args:
      trie: The strings.
      members: Which of them the texts may be cut into; all single bytes are.
      weights: The factor of each: its probability, or less if it is to be used less. Those of members are above 1e-90,
        and together they are at most 1.
      texts: Their bytes, end to end.
      ends: Where each text ends.
      expected: Added to.

    Returns:
      The texts' bits: -log2 of the sum, over all cuts, of the products of weights.
    """
    begin, bits = 0, 0.0
    for end in ends:
        bits += _expect(trie, members, weights, texts[begin:end], expected)
        begin = end
    return bits


@compiled
def _cheapest(
    trie: Trie,
    members: Bool[np.ndarray, " nodes"],
    costs: Float64[np.ndarray, " nodes"],
    text: UInt8[np.ndarray, " n"],
    barred: int,
    choices: Int32[np.ndarray, " n"],
    totals: Float64[np.ndarray, " n+1"],
) -> None:
    """The cheapest member to begin with at each position, the longest of several, and what the text costs from there.

    `barred` is a node that is not used.
    """
    size = len(text)
    totals[size] = 0.0
    for begin in range(size - 1, -1, -1):
        node = np.int64(trie.singles[text[begin]])
        choice, total = node, costs[node] + totals[begin + 1]
        if begin + 1 < size:
            node = np.int64(trie.pairs[np.int64(text[begin]) * 256 + text[begin + 1]])
            end = begin + 2
            while node:
                if members[node] and node != barred and costs[node] + totals[end] <= total:
                    choice, total = node, costs[node] + totals[end]
                if end == size:
                    break
                node = _child(trie.table, node, text[end])
                end += 1
        choices[begin], totals[begin] = choice, total


@compiled
def count(
    trie: Trie,
    members: Bool[np.ndarray, " nodes"],
    costs: Float64[np.ndarray, " nodes"],
    texts: UInt8[np.ndarray, " n"],
    ends: Int64[np.ndarray, " k"],
    counts: Float64[np.ndarray, " nodes"],
) -> float:
    """Adds to `counts` how often each member is in the cheapest parses of texts, and returns what those cost.

    The arguments are those of `expect`, but for the cost of each node instead of its weight.
    """
    begin, cost = 0, 0.0
    for end in ends:
        text = texts[begin:end]
        choices, totals = np.empty(len(text), np.int32), np.empty(len(text) + 1)
        _cheapest(trie, members, costs, text, 0, choices, totals)
        cost += totals[0]
        begin = end
        place = 0
        while place < len(text):
            counts[choices[place]] += 1
            place += trie.depths[choices[place]]
    return cost


@compiled
def replace(
    trie: Trie,
    members: Bool[np.ndarray, " nodes"],
    costs: Float64[np.ndarray, " nodes"],
    nodes: Int32[np.ndarray, " m"],
) -> Int32[np.ndarray, "m longest"]:
    """The cheapest parse of each node's string into others than itself: their nodes, filled up with 0."""
    parts = np.zeros((len(nodes), trie.longest), np.int32)
    string = np.empty(trie.longest, np.uint8)
    choices, totals = np.empty(trie.longest, np.int32), np.empty(trie.longest + 1)
    for row, node in enumerate(nodes):
        size, above = np.int64(trie.depths[node]), node
        for place in range(size - 1, -1, -1):
            string[place] = trie.last_bytes[above]
            above = trie.parents[above]
        _cheapest(trie, members, costs, string[:size], node, choices, totals)
        begin, part = 0, 0
        while begin < size:
            parts[row, part] = choices[begin]
            begin += trie.depths[choices[begin]]
            part += 1
    return parts
