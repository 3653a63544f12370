"""More ordinary exact functions, beside those of `sound.py`, of a second search for such as the audit refuses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ecjax.integers import wrapping
from tests.exactness.cases import Cases, array, bounded, case, floats, i8, i32, ints, u8, u32, words

HIGHEST = lax.Precision.HIGHEST
MANY = 10**6  # more than are looked at one by one


def some(*shape: int) -> Any:
    """Unsigned numbers."""
    return words(0, MANY, *shape)


def distance(loop: Any) -> Any:
    return loop[1] - loop[0]


def low_byte(x: Any) -> Any:
    with wrapping():  # the rest of it is dropped
        return x.astype(jnp.uint8).astype(jnp.int32)


def rests_in_turn(x: Any, y: Any) -> Any:
    step = lambda i, c: (jnp.where(c[0] > c[1], c[0] - c[1], c[0]), c[1])
    return lax.fori_loop(0, 4, step, (x, y))[0]


def differences_in_turn(x: Any, y: Any) -> Any:
    step = lambda i, c: (c[1], jnp.where(c[0] > c[1], c[0] - c[1], c[1] - c[0]))
    return lax.fori_loop(0, 4, step, (x, y))[0]


def apart(x: Any) -> Any:
    return lax.while_loop(lambda c: c[0] < c[1], lambda c: (c[0] + 1, c[1]), (x, x + 9))


def reversed_bits(x: Any) -> Any:
    step = lambda i, c: (c[0] >> 1, ((c[1] << 1) | (c[0] & 1)) & 255)
    return lax.fori_loop(0, 8, step, (x, jnp.uint32(0)))[1]


def rests(x: Any) -> Any:
    return lax.scan(lambda c, v: ((c + 1) % 4, c), jnp.int32(0), x)[1]


def smoothed(x: Any) -> Any:
    return lax.scan(lambda c, v: (c + ((v - c) >> 3), c), jnp.int32(0), x)[1]


def saturated(x: Any) -> Any:
    return lax.scan(lambda c, v: (jnp.clip(c + v, 0, 255), c), jnp.int32(0), x)[1]


def exchanged(x: Any, i: Any, j: Any) -> Any:
    return x.at[i].set(x[j]).at[j].set(x[i])


def pooled(x: Any) -> Any:
    return lax.reduce_window(x, np.float32(0), lax.add, (2, 2), (2, 2), "VALID")


RELATIONS: Cases = {
    "a spread": lambda: case(lambda x: jnp.max(x) - jnp.min(x), some(6)),
    "the greatest less one": lambda: case(lambda x: jnp.max(x) - x[3], some(6)),
    "the sum less one": lambda: case(lambda x: jnp.sum(x, dtype=jnp.uint32) - x[-1], words(0, 99, 6)),
    "what is left of a sum": lambda: case(
        lambda x: jnp.sum(x, dtype=jnp.uint32) - jnp.cumsum(x, dtype=jnp.uint32), words(0, 99, 6)
    ),
    "what is left of sums": lambda: case(lambda x: (c := jnp.cumsum(x, dtype=jnp.uint32))[-1] - c, words(0, 99, 6)),
    "gaps of sums": lambda: case(lambda x: jnp.diff(jnp.cumsum(x, dtype=jnp.uint32)), words(0, 99, 6)),
    "sums before": lambda: case(lambda x: jnp.cumsum(x, dtype=jnp.uint32) - x, words(0, 99, 6)),
    "sums behind": lambda: case(lambda x: jnp.cumsum(x[::-1], dtype=jnp.uint32)[::-1] - x, words(0, 99, 6)),
    "gaps of sorted": lambda: case(lambda x: jnp.diff(jnp.sort(x)), some(6)),
    "the ends of sorted": lambda: case(lambda x: jnp.sort(x)[-1] - jnp.sort(x)[0], some(6)),
    "the greatest less a column": lambda: case(lambda x: jnp.max(x) - jnp.broadcast_to(x, (2, 8)), some(2, 1)),
    "sums of two axes less each": lambda: case(
        lambda x: jnp.sum(x, (0, 2), keepdims=True, dtype=jnp.uint32) - x, words(0, 9, 8, 1, 1)
    ),
    "the greatest of two axes less each": lambda: case(lambda x: jnp.max(x, (0, 2))[None, :, None] - x, some(4, 4, 4)),
    "the greatest of rows less each": lambda: case(lambda x: jnp.max(x, 1)[:, None, :] - x, some(2, 3, 2)),
    "outer distances": lambda: case(lambda x: jnp.where(x[:, None] >= x[None, :], x[:, None] - x[None, :], 0), some(4)),
    "outer greatest less least": lambda: case(
        lambda x, y: jnp.maximum(x, y) - jnp.minimum(x, y), some(4, 1), some(1, 4)
    ),
    "a column less a table": lambda: case(lambda x, y: jnp.where(x >= y, x - y, 0), some(4, 1), some(4, 8)),
    "where of a row": lambda: case(
        lambda x, y: jnp.where((x >= y)[None, :], x[None] - y[None], jnp.zeros((4, 4), jnp.uint32)), some(4), some(4)
    ),
    "where of a mask and a row": lambda: case(
        lambda x, y, m: jnp.where(m & (x >= y)[None, :], x - y, 0), some(4), some(4), array(bool, 4, 4)
    ),
    "where of a mask and a column": lambda: case(
        lambda x, y, m: jnp.where(m & (x >= y)[:, None], (x - y)[:, None], 0), some(4), some(4), array(bool, 4, 4)
    ),
    "select of two": lambda: case(lambda x: jnp.select([x > 5, x > 2], [x - 5, x - 2], 0), words(0, 99, 6)),
    "two cases above two cases": lambda: case(
        lambda p, x, y: jnp.where(p, x + 5, y) - jnp.where(p, x, y), array(bool, 4), some(4), some(4)
    ),
    "three cases above three cases": lambda: case(
        lambda k, x, y: lax.select_n(k, x, y, jnp.maximum(x, y)) - lax.select_n(k, x, y, jnp.minimum(x, y)),
        ints(0, 2, 4),
        some(4),
        some(4),
    ),
    "what a loop leaves apart": lambda: case(lambda x: distance(apart(x)), words(0, MANY)),
    "a sum less a half": lambda: case(lambda x: (x[:, None] + x[None]) - (x[None] // 2), some(4)),
    "divided by a power and back": lambda: case(
        lambda x, n: lax.div(x, jnp.uint32(1) << n) << n, u32(4), words(0, 31, 4)
    ),
    "powers by powers": lambda: case(
        lambda n: (jnp.uint32(1) << n)[:, None] // (jnp.uint32(1) << n)[None], words(0, 31, 4)
    ),
    "a power by its own count": lambda: case(lambda n: (jnp.uint32(1) << (31 - n)) << n, words(0, 31, 4, 1)),
}

ARRAYS: Cases = {
    "set all": lambda: case(lambda x: x.at[:].set(0), i32(6)),
    "set all of rows": lambda: case(lambda x: x.at[:].set(1), i8(2, 1)),
    "add to all": lambda: case(lambda x: x.at[...].add(1), ints(0, 9, 6)),
    "set a number alone": lambda: case(lambda x: x.at[()].set(1), i32()),
    "set a row": lambda: case(lambda x, i: x.at[i].set(jnp.arange(4, dtype=jnp.int32)), i32(4, 4), ints(0, 3)),
    "set a column": lambda: case(lambda x, i: x.at[:, i].set(jnp.arange(4, dtype=jnp.int32)), i32(4, 4), ints(0, 3)),
    "set one of each column": lambda: case(lambda x, i: x.at[i, jnp.arange(4)].set(7), i32(4, 4), ints(0, 3, 4)),
    "set one of each row to counts": lambda: case(
        lambda x, i: x.at[jnp.arange(4), i].set(jnp.arange(4, dtype=jnp.int32)), i32(4, 4), ints(0, 3, 4)
    ),
    "set the order of each vector": lambda: case(
        lambda x: jax.vmap(lambda row: jnp.zeros(2, jnp.int32).at[jnp.argsort(row)].set(row))(x), i32(3, 2)
    ),
    "exchanged": lambda: case(exchanged, i32(6), ints(0, 5), ints(0, 5)),
    "filled at what is masked": lambda: case(
        lambda x, m: x.at[jnp.where(m, jnp.arange(6), 6)].set(0, mode="drop"), i32(6), array(bool, 6)
    ),
    "got in an order, filled": lambda: case(lambda x: x.at[jnp.argsort(x)].get(mode="fill"), ints(0, 9, 5)),
    "taken of nothing": lambda: case(lambda x, i: (x[i], x.at[i].set(1), x.at[i].add(1)), ints(0, 9, 3), i32(0)),
    "rows of nothing": lambda: case(lambda x, i: x.at[i].set(3, mode="clip"), i32(3, 0), i32(2)),
    "a slice of nothing": lambda: case(lambda x, i: lax.dynamic_slice(x, (i,), (0,)), i32(3), i32()),
    "windows of nothing": lambda: case(
        lambda x: lax.reduce_window(x, np.int32(0), lax.add, (5,), (1,), "VALID"), i32(3)
    ),
    "a place in columns of nothing": lambda: case(lambda x: jnp.argmax(x, 0), i32(3, 0)),
    "cut at both ends": lambda: case(lambda x: lax.pad(x, np.int32(5), [(-2, -1, 0)]), ints(0, 3, 3)),
    "cut and spread": lambda: case(lambda x: lax.pad(x, np.int32(5), [(-2, 0, 1)]), ints(0, 3, 3)),
    "products from the end": lambda: case(lambda x: lax.cumprod(x, reverse=True), ints(-3, 3, 5)),
    "sorted columns of three": lambda: case(
        lambda x, y, z: lax.sort((x, y, z), dimension=0, num_keys=2), i32(3, 2), i32(3, 2), i32(3, 2)
    ),
    "bits of int8": lambda: case(lambda x: (lax.clz(x), lax.population_count(x)), i8(9)),
    "bits of uint16": lambda: case(lambda x: (lax.clz(x), lax.population_count(x)), bounded(jnp.uint16, 3, 300, 9)),
    "a product of a batch": lambda: case(
        lambda x: lax.dot_general(
            x, np.array([[[1, -2], [3, 4]], [[0, 0], [-5, 1]]], np.int32), (((2,), (1,)), ((0,), (0,)))
        ),
        ints(-3, 9, 2, 3, 2),
    ),
    "a product of nothing": lambda: case(
        lambda x: lax.dot_general(x, np.ones((0, 2), np.int32), (((1,), (0,)), ((), ()))), i32(3, 0)
    ),
    "a convolution of batch groups": lambda: case(
        lambda x: lax.conv_general_dilated(x, jnp.full((4, 2, 3), 3, jnp.int32), (1,), [(1, 1)], batch_group_count=2),
        ints(-3, 9, 2, 2, 5),
    ),
    "bytes of a table of 256": lambda: case(lambda x, i: x[i], i32(256), u8(3)),
    "sums in a row of bits": lambda: case(
        lambda x: jnp.sum((x & 1) << jnp.arange(8, dtype=jnp.uint32), dtype=jnp.uint32), u32(8)
    ),
    "an ordered set": lambda: case(
        lambda x: jnp.unique(x, return_counts=True, return_inverse=True, size=6, fill_value=0), ints(-99, 99, 6)
    ),
    "a difference of sets": lambda: case(
        lambda x, y: jnp.setdiff1d(x, y, size=6, fill_value=0), ints(-99, 99, 6), ints(-99, 99, 6)
    ),
    "places of a place": lambda: case(lambda i: jnp.unravel_index(i, (3, 4)), ints(0, 11, 5)),
    "packed by JAX": lambda: case(jnp.packbits, u8(16)),
    "unpacked by JAX": lambda: case(jnp.unpackbits, u8(4)),
    "compressed": lambda: case(lambda x, m: jnp.compress(m, x, size=6, fill_value=0), i32(6), array(bool, 6)),
    "a reduction by exclusive or": lambda: case(lambda x: lax.reduce(x, np.uint32(0), lax.bitwise_xor, (0,)), u32(6)),
    "mapped in batches": lambda: case(lambda x: lax.map(lambda v: v * 2, x, batch_size=4), ints(-99, 99, 6)),
    "in a wider dtype at once": lambda: case(lambda x: x.astype(jnp.uint).astype(jnp.int32), words(0, 9, 3)),
    "a low byte": lambda: case(low_byte, ints(-300, 900, 3)),
}

LOOPS: Cases = {
    "bits reversed": lambda: case(reversed_bits, words(0, 255)),
    "a ring": lambda: case(rests, i32(6)),
    "smoothed": lambda: case(smoothed, ints(0, 800, 6)),
    "saturated": lambda: case(saturated, ints(-99, 99, 6)),
    "powers modulo": lambda: case(lambda x: lax.fori_loop(0, 8, lambda i, c: (c * c * 3) % 1009, x), ints(0, 1008)),
    "rests of floats by a loop": lambda: case(rests_in_turn, floats(0, 100, 8), floats(0, 100, 8)),
    "differences of floats by a loop": lambda: case(differences_in_turn, floats(0, 100, 8), floats(0, 100, 8)),
    "floats above those before": lambda: case(
        lambda x: lax.scan(lambda c, z: (z, jnp.where(c < z, c - z, 0)), jnp.zeros(3, jnp.float32), x - 5)[1],
        floats(0, 100, 8, 3),
    ),
    "floats below the greatest before": lambda: case(
        lambda x: lax.scan(lambda c, z: (jnp.maximum(c, z), jnp.maximum(c, z) - z), jnp.zeros(3, jnp.float32), x - 5)[
            1
        ],
        floats(0, 100, 8, 3),
    ),
    "floats halved in turn": lambda: case(
        lambda x: lax.scan(lambda c, z: (jnp.floor((c + z) * 0.5), c), jnp.zeros(3, jnp.float32), x)[1],
        floats(-9, 9, 8, 3),
    ),
}

FLOATS: Cases = {
    "a product of a mask": lambda: case(lambda m: jnp.prod(jnp.where(m, 1.0, 0.0)), array(bool, 300)),
    "products of signs so far": lambda: case(lambda x: jnp.cumprod(x, 1), floats(-1, 1, 300, 2)),
    "average pooling of an image": lambda: case(lambda x: pooled(x) * 0.25, floats(0, 255, 512, 512)),
    "sums of long rows": lambda: case(lambda x: jnp.cumsum(x, 1), floats(0, 255, 512, 512)),
    "added to every second row": lambda: case(
        lambda x, y: x.at[::2].add(y), floats(0, 255, 512, 512), floats(0, 255, 256, 512)
    ),
    "added to a long row": lambda: case(
        lambda x, y: x.at[3].add(y), floats(0, 255, 4, 1 << 17), floats(0, 255, 1 << 17)
    ),
    "rows added at places": lambda: case(
        lambda x, i: jnp.zeros((9, 1 << 12), jnp.float32).at[i].add(x), floats(0, 255, 16, 1 << 12), ints(0, 8, 16)
    ),
    "a sum over vectors of floats": lambda: case(
        lambda x: jax.vmap(lambda y: lax.psum(y, "i"), axis_name="i")(x), floats(0, 255, 16, 1 << 10)
    ),
    "a masked greatest float": lambda: case(
        lambda x, m: jnp.max(x, where=m, initial=-99.0), floats(-9, 9, 6), array(bool, 6)
    ),
    "a masked sum of floats": lambda: case(lambda x, m: jnp.sum(x, where=m), floats(-9, 9, 6), array(bool, 6)),
    "centred and summed": lambda: case(lambda x: jnp.sum(x - 128) + 5, floats(0, 255, 1024)),
    "centred and weighted": lambda: case(
        lambda x: jnp.dot(x - 128, jnp.ones(1024, jnp.float32), precision=HIGHEST), floats(0, 255, 1024)
    ),
    "whole parts and fractions": lambda: case(jnp.modf, floats(-9, 9, 6, step=0.25)),
    "the rest by eight": lambda: case(lambda x: x - 8 * jnp.floor(x * 0.125), floats(-99, 99, 6)),
    "a cube": lambda: case(lambda x: x**3, floats(-99, 99, 9)),
    "a leaky unit": lambda: case(lambda x: jax.nn.leaky_relu(x, 0.125), floats(-9, 9, 6)),
}

MORE_SOUND: Cases = {
    f"more: {name}": make for cases in (RELATIONS, ARRAYS, LOOPS, FLOATS) for name, make in cases.items()
}
