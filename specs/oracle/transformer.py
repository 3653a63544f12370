"""The exact Transformer over bytes, as Python integers say it. Standard library only; this is the definition.

A scale is a pair `(multiplier, shift)` that stands for `multiplier / 2**shift`. Wherever a fraction becomes an integer
it is rounded to the nearest, halves upwards (`nearest`), unless `//` is written.
"""

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import NamedTuple

from .frequencies import nearest, power, powers

Row = Sequence[int]
Scale = tuple[int, int]


class Linear(NamedTuple):
    """A matrix product, `weight[input][output]`, with a scale for each output."""

    weight: Sequence[Row]
    scales: Sequence[Scale]


class Layer(NamedTuple):
    """A layer. What belongs to a head comes as a sequence over heads; `bias[head][distance]`."""

    attention_norm: Scale
    qkv: Linear
    scores: Sequence[Scale]
    bias: Sequence[Row]
    average: Sequence[Scale]
    out: Linear
    mlp_norm: Scale
    gate: Linear
    up: Linear
    hidden: Scale
    down: Linear


class Model(NamedTuple):
    """The whole model. `embedding[256]` is the start symbol."""

    embedding: Sequence[Row]
    layers: Sequence[Layer]
    norm: Scale
    unembedding: Linear


def clamp(x: int, limit: int) -> int:
    """`x` between `-limit` and `limit`."""
    return max(-limit, min(limit, x))


WEIGHTS = powers(11)


def rescale(x: int, scale: Scale) -> int:
    """`x`, saturated, times a scale."""
    return nearest(clamp(x, 2**24 - 1) * scale[0], 2 ** scale[1])


def linear(layer: Linear, row: Row) -> list[int]:
    """A row through a matrix product."""
    columns = zip(zip(*layer.weight, strict=True), layer.scales, strict=True)
    return [rescale(sum(x * w for x, w in zip(row, column, strict=True)), scale) for column, scale in columns]


def norm(scale: Scale, row: Row) -> list[int]:
    """A row of the residual stream, divided by its root mean square, as int8."""
    gain, shift = scale
    bits = max(b for b in range(16) if len(row) * 4**b <= 2**30)
    excess = min(e for e in range(32) if max(map(abs, row)) < 2 ** (bits + e))
    row = [nearest(x, 2**excess) for x in row]
    squares = max(1, sum(x * x for x in row))
    half = max(h for h in range(16) if squares * 4**h < 2**31)
    inverse = gain // isqrt(squares * 4**half)
    return [clamp(nearest(x * inverse, 2 ** (shift - half)), 127) for x in row]


def mean(rows: Sequence[Row], weights: Row, scale: Scale) -> list[int]:
    """The weighted mean of rows, times a scale and 2**15, as int8."""
    total = sum(weights)
    top = total.bit_length() - 1
    kept = min(top, 15)
    inverse = 2 ** (kept + 15) // (total // 2 ** (top - kept))
    factor = nearest(inverse * scale[0], 2**7)
    sums = [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]
    return [clamp(nearest(nearest(x, 2 ** (top - 7)) * factor, 2 ** scale[1]), 127) for x in sums]


def attention(layer: Layer, rows: Sequence[Row]) -> list[list[int]]:
    """The update of every position: each sees itself and the `context - 1` positions before."""
    heads, context = len(layer.bias), len(layer.bias[0])
    projected = [[clamp(x, 127) for x in linear(layer.qkv, row)] for row in rows]
    updates = []
    for i in range(len(rows)):
        mixed = []
        for h in range(heads):
            seen = range(max(0, i - context + 1), i + 1)
            query, *_ = cut(projected[i], h, heads)
            keys, values = zip(*(cut(projected[j], h, heads)[1:] for j in seen), strict=True)
            products = [sum(q * k for q, k in zip(query, key, strict=True)) for key in keys]
            scores = [clamp(rescale(product, layer.scores[h]), 2**20) for product in products]
            scores = [score + layer.bias[h][i - j] for score, j in zip(scores, seen, strict=True)]
            weights = [power(WEIGHTS, max(scores) - score, 15) for score in scores]
            mixed += mean(values, weights, layer.average[h])
        updates.append(linear(layer.out, mixed))
    return updates


def cut(row: Row, head: int, heads: int) -> tuple[Row, Row, Row]:
    """Query, key and value of a head."""
    size = len(row) // (3 * heads)
    query, key, value = (row[i * size : (i + 1) * size] for i in (head, heads + head, 2 * heads + head))
    return query, key, value


def mlp(layer: Layer, row: Row) -> list[int]:
    """The update of the gated MLP."""
    gate = [max(0, min(2047, x)) for x in linear(layer.gate, row)]
    up = [clamp(x, 2047) for x in linear(layer.up, row)]
    return linear(layer.down, [clamp(rescale(g * u, layer.hidden), 127) for g, u in zip(gate, up, strict=True)])


def add(row: Row, update: Row) -> list[int]:
    """The residual stream with an update, both saturated."""
    return [clamp(x + clamp(u, 2**23), 2**23) for x, u in zip(row, update, strict=True)]


def stages(model: Model, text: Sequence[int]) -> Iterator[tuple[str, Sequence[Row]]]:
    """Every stage on the way to the logits, by name, with its row for each position; the last are the logits."""
    rows = [model.embedding[token] for token in [256, *text][:-1]]
    yield "embedding", rows
    for i, layer in enumerate(model.layers):
        yield f"layers[{i}].attention_norm", (normed := [norm(layer.attention_norm, row) for row in rows])
        yield f"layers[{i}].attention", (updates := attention(layer, normed))
        rows = [add(row, update) for row, update in zip(rows, updates, strict=True)]
        yield f"layers[{i}].mlp_norm", (normed := [norm(layer.mlp_norm, row) for row in rows])
        yield f"layers[{i}].mlp", (updates := [mlp(layer, row) for row in normed])
        rows = [add(row, update) for row, update in zip(rows, updates, strict=True)]
    yield "norm", (normed := [norm(model.norm, row) for row in rows])
    yield "logits", [[clamp(x, 2**20) for x in linear(model.unembedding, row)] for row in normed]


def logits(model: Model, text: Sequence[int]) -> Sequence[Row]:
    """Logits in 1/256 of log2: row i predicts `text[i]` from `text[:i]`."""
    *_, (_, rows) = stages(model, text)
    return rows
