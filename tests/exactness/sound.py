"""Ordinary exact functions, as they are written: the audit has to prove every one.

They are integer code, table lookups, and floats on a grid. None depends on the backend, on jit or on x64, as nothing
overflows that is not said to, and no float is rounded. Where the audit needs help (`wrapping`, `mode="clip"`, a bound)
the code gives it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ecjax.integers import declare, wrapping
from tests.exactness.cases import (
    Bounded,
    Case,
    Cases,
    array,
    bounded,
    case,
    f32,
    floats,
    i8,
    i32,
    ints,
    numbers,
    u8,
    u32,
    words,
)

HIGHEST = lax.Precision.HIGHEST


# Integers.


def absolute_difference(x: Any, y: Any) -> Any:
    return jnp.where(x > y, x - y, y - x)


def average(x: Any, y: Any) -> Any:
    with wrapping():  # it does not: the two parts have at most the bits of one
        return (x & y) + ((x ^ y) >> 1)


def saturating_add(x: Any, y: Any) -> Any:
    return jnp.minimum(x.astype(jnp.int32) + y.astype(jnp.int32), 255).astype(jnp.uint8)


def requantised(x: Any) -> Any:
    """An int32 accumulator to int8 by a multiplier of 15 bits and a rounding shift."""
    return jnp.clip((x * 19661 + (1 << 14)) >> 15, -128, 127).astype(jnp.int8)


def leaky(x: Any) -> Any:
    return jnp.where(x >= 0, x, x >> 3)


def unzigzag(x: Any) -> Any:
    return lax.bitcast_convert_type(x >> 1, jnp.int32) ^ -(x & 1).astype(jnp.int32)


def zigzag_small(x: Any) -> Any:
    return jnp.where(x < 0, -2 * x - 1, 2 * x)


def gray(x: Any) -> Any:
    return x ^ (x >> 1)


def popcount_by_hand(x: Any) -> Any:
    with wrapping():  # it does not: each pair of bits is at least its first
        x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    return ((x + (x >> 4)) & 0x0F0F0F0F) % 255


def parity(x: Any) -> Any:
    for shift in (16, 8, 4, 2, 1):
        x = x ^ (x >> shift)
    return x & 1


def reversed_bits(x: Any) -> Any:
    for shift, mask in ((1, 0x55), (2, 0x33), (4, 0x0F)):
        x = ((x >> shift) & mask) | ((x & mask) << shift)
    return x


def byte_swap(x: Any) -> Any:
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.uint8)[..., ::-1], jnp.uint32)


def byte_swap_by_shifts(x: Any) -> Any:
    return (x >> 24) | ((x >> 8) & 0xFF00) | ((x & 0xFF00) << 8) | ((x & 0xFF) << 24)


def bytes_of(x: Any) -> Any:
    return (x[:, None] >> jnp.array([24, 16, 8, 0], jnp.uint32)).astype(jnp.uint8)


def low_bytes_of(x: Any) -> Any:
    return ((x[:, None] >> jnp.arange(0, 32, 8, dtype=jnp.uint32)) & 0xFF).astype(jnp.uint8)


def word_of(x: Any) -> Any:
    with wrapping():  # it does not: the bytes lie side by side
        return jnp.sum(x.astype(jnp.uint32) << jnp.array([24, 16, 8, 0], jnp.uint32), dtype=jnp.uint32)


def word_of_four(x: Any) -> Any:
    a, b, c, d = (x[i].astype(jnp.uint32) for i in range(4))
    return (a << 24) | (b << 16) | (c << 8) | d


def nibbles(x: Any) -> Any:
    return jnp.stack([x >> 4, x & 15], axis=-1).reshape(-1)


def base64(x: Any) -> Any:
    alphabet = jnp.array(list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), jnp.uint8)
    word = (x[0].astype(jnp.uint32) << 16) | (x[1].astype(jnp.uint32) << 8) | x[2].astype(jnp.uint32)
    return alphabet[(word >> jnp.array([18, 12, 6, 0], jnp.uint32)) & 63]


def hexadecimal(x: Any) -> Any:
    digit = lambda n: jnp.where(n < 10, n + ord("0"), n + (ord("a") - 10))
    return digit(x >> 4), digit(x & 15)


def rotated(x: Any) -> Any:
    return ((x & 0x1FFFF) << 15) | (x >> 17)


def mix(x: Any) -> Any:
    with wrapping():
        x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
        x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def fnv(data: Any) -> Any:
    def step(state: Any, byte: Any) -> Any:
        with wrapping():
            return (state ^ byte.astype(jnp.uint32)) * jnp.uint32(16777619), None

    return lax.scan(step, jnp.uint32(2166136261), data)[0]


def adler(data: Any) -> Any:
    def step(state: Any, byte: Any) -> Any:
        a = (state[0] + byte.astype(jnp.uint32)) % 65521
        return (a, (state[1] + a) % 65521), None

    a, b = lax.scan(step, (jnp.uint32(1), jnp.uint32(0)), data)[0]
    return (b << 16) | a


def crc_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    return table


def crc(data: Any) -> Any:
    table = jnp.asarray(crc_table())
    step = lambda state, byte: (table[(state ^ byte) & 0xFF] ^ (state >> 8), None)
    return ~lax.scan(step, jnp.uint32(0xFFFFFFFF), data.astype(jnp.uint32))[0]


def crc_by_bits(data: Any) -> Any:
    def bit(_: Any, state: Any) -> Any:
        return jnp.where(state & 1, (state >> 1) ^ jnp.uint32(0xEDB88320), state >> 1)

    step = lambda state, byte: (lax.fori_loop(0, 8, bit, state ^ byte), None)
    return ~lax.scan(step, jnp.uint32(0xFFFFFFFF), data.astype(jnp.uint32))[0]


def xorshift(state: Any) -> Any:
    def step(x: Any, _: Any) -> Any:
        with wrapping():
            x = x ^ (x << 13)
            x = x ^ (x >> 17)
            x = x ^ (x << 5)
        return x, x & 0xFF

    return lax.scan(step, state, length=8)


def linear_congruential(state: Any) -> Any:
    with wrapping():
        state = state * jnp.uint32(1664525) + jnp.uint32(1013904223)
    return state, state >> 16


def minimal_standard(state: Any) -> Any:
    """Schrage's method: no product leaves 31 bits."""
    high, low = state // 44488, state % 44488
    result = 48271 * low - 3399 * high
    return jnp.where(result > 0, result, result + 0x7FFFFFFF)


def polynomial_hash(data: Any) -> Any:
    return lax.scan(lambda h, x: ((h * 31 + x) % 1000003, None), jnp.int32(0), data.astype(jnp.int32))[0]


def gcd(a: Any, b: Any) -> Any:
    return lax.while_loop(lambda c: c[1] > 0, lambda c: (c[1], lax.rem(c[0], c[1])), (a, b))[0]


def integer_sqrt(x: Any) -> Any:
    def step(i: Any, root: Any) -> Any:
        trial = root | (jnp.uint32(1) << (15 - i).astype(jnp.uint32))
        return jnp.where(trial * trial <= x, trial, root)

    return lax.fori_loop(0, 16, lambda i, r: jnp.minimum(step(i, r), 0xFFFF), jnp.zeros_like(x))


def integer_log2(x: Any) -> Any:
    return 31 - lax.clz(jnp.maximum(x, 1))


def binary_search(table: Any, x: Any) -> Any:
    def step(_: Any, c: Any) -> Any:
        low, high = c
        middle = (low + high) >> 1
        right = jnp.take(table, middle, mode="clip") <= x
        return jnp.where(right, middle, low), jnp.where(right, high, middle)

    return lax.fori_loop(0, 5, step, (jnp.int32(0), jnp.int32(32)))[0]


def lowest_bit(x: Any) -> Any:
    with wrapping():
        return x & -x


def digits(x: Any) -> Any:
    def step(x: Any, _: Any) -> Any:
        return x // 10, x % 10

    return lax.scan(step, x, length=10)[1]


def collatz(x: Any) -> Any:
    step = lambda x: jnp.where(x % 2 == 0, x // 2, jnp.minimum(3 * x + 1, 1 << 20))
    return lax.fori_loop(0, 20, lambda i, x: step(x), x)


def fixed_point_product(x: Any, y: Any) -> Any:
    return (x * y + (1 << 7)) >> 8


def wrapping_sums(x: Any) -> Any:
    with wrapping():
        return jnp.cumsum(x, dtype=jnp.int32), jnp.sum(x, dtype=jnp.int32)


INTEGERS: Cases = {
    "sums of bytes": lambda: case(lambda x: jnp.sum(x, dtype=jnp.int32), u8(100)),
    "the greatest and the least": lambda: case(lambda x: (jnp.max(x), jnp.min(x)), i32(4)),
    "max(s) - s": lambda: case(lambda x: jnp.max(x) - x, ints(0, 100, 4)),
    "clipped and narrowed": lambda: case(lambda x: jnp.clip(x, -128, 127).astype(jnp.int8), i32(4)),
    "an absolute difference": lambda: case(absolute_difference, u32(4), u32(4)),
    "an average without overflow": lambda: case(average, u8(4), u8(4)),
    "a saturating sum": lambda: case(saturating_add, u8(4), u8(4)),
    "a midpoint": lambda: case(lambda x, y: x + (y - x) // 2, ints(0, 1 << 20, 4), ints(0, 1 << 20, 4)),
    "a requantised accumulator": lambda: case(requantised, ints(-100000, 100000, 4)),
    "a leaky relu": lambda: case(leaky, i32(4)),
    "relu": lambda: case(jax.nn.relu, i32(4)),
    "zigzag of small numbers": lambda: case(zigzag_small, ints(-1000, 1000, 4)),
    "unzigzag": lambda: case(unzigzag, u32(4)),
    "gray code": lambda: case(gray, u32(4)),
    "bits counted": lambda: case(lax.population_count, u32(4)),
    "bits counted by hand": lambda: case(popcount_by_hand, words(0, 0x7FFFFFFF, 4)),
    "parity": lambda: case(parity, u32(4)),
    "bits of a byte reversed": lambda: case(reversed_bits, u8(4)),
    "bytes swapped by bitcast": lambda: case(byte_swap, u32(4)),
    "bytes swapped by shifts": lambda: case(byte_swap_by_shifts, u32(4)),
    "bytes of words": lambda: case(low_bytes_of, u32(4)),
    "a word of bytes, added": lambda: case(word_of, u8(4)),
    "a word of bytes, joined": lambda: case(word_of_four, u8(4)),
    "nibbles": lambda: case(nibbles, u8(4)),
    "bits packed": lambda: case(jnp.packbits, array(bool, 16)),
    "bits unpacked": lambda: case(jnp.unpackbits, u8(4)),
    "bits packed, the last first": lambda: case(partial(jnp.packbits, bitorder="little"), array(bool, 13)),
    "base64": lambda: case(base64, u8(3)),
    "hexadecimal": lambda: case(hexadecimal, u8(4)),
    "rotated": lambda: case(rotated, u32(4)),
    "mixed": lambda: case(mix, u32(4)),
    "FNV": lambda: case(fnv, u8(9)),
    "Adler": lambda: case(adler, u8(9)),
    "CRC": lambda: case(crc, u8(9)),
    "CRC by bits": lambda: case(crc_by_bits, u8(9)),
    "xorshift": lambda: case(xorshift, u32()),
    "a linear congruential generator": lambda: case(linear_congruential, u32(4)),
    "the minimal standard generator": lambda: case(minimal_standard, ints(1, 0x7FFFFFFE, 4)),
    "a polynomial hash": lambda: case(polynomial_hash, u8(9)),
    "the greatest common divisor": lambda: case(gcd, u32(), u32()),
    "an integer's root": lambda: case(integer_sqrt, u32(4)),
    "an integer's logarithm": lambda: case(integer_log2, ints(0, 1 << 30, 4)),
    "leading zeros": lambda: case(lambda x: lax.clz(x), u32(4)),
    "normalised": lambda: case(lambda x: jnp.where(x > 0, x << jnp.minimum(lax.clz(x), 31), 0), u32(4)),
    "the lowest bit": lambda: case(lowest_bit, u32(4)),
    "digits": lambda: case(digits, ints(0, 1 << 30)),
    "Collatz": lambda: case(collatz, ints(1, 1000)),
    "a fixed-point product": lambda: case(fixed_point_product, ints(-30000, 30000, 4), ints(-30000, 30000, 4)),
    "a polynomial of integers": lambda: case(lambda x: 3 * x**3 - 2 * x**2 + 7, ints(-100, 100, 4)),
    "a square": lambda: case(lambda x: jnp.square(x.astype(jnp.int32)), i8(4)),
    # Division by a positive constant, and by a number that is positive.
    "signed // 10": lambda: case(lambda x: x // 10, i32(4)),
    "signed % 10": lambda: case(lambda x: x % 10, i32(4)),
    "signed // 8": lambda: case(lambda x: x // 8, i8(4)),
    "signed divmod": lambda: case(lambda x: jnp.divmod(x, 7), i32(4)),
    "signed lax.div": lambda: case(lambda x: lax.div(x, np.int32(3)), i32(4)),
    "signed lax.rem": lambda: case(lambda x: lax.rem(x, np.int32(3)), i32(4)),
    "jnp.mod": lambda: case(lambda x: jnp.mod(x, 24), ints(-1000, 1000, 4)),
    "jnp.floor_divide": lambda: case(lambda x: jnp.floor_divide(x, 24), ints(-1000, 1000, 4)),
    "jnp.remainder of positive numbers": lambda: case(jnp.remainder, ints(-99, 99, 4), ints(1, 9, 4)),
    "jnp.fmod": lambda: case(lambda x: jnp.fmod(x, 5), ints(-99, 99, 4)),
    "rounded division": lambda: case(lambda x: (2 * x + 7) // 14, ints(-1000, 1000, 4)),
    "division rounded up": lambda: case(lambda x: -(-x // 16), ints(0, 1000, 4)),
    "division by a part": lambda: case(lambda x, y: x // jnp.maximum(y, 1), u32(4), u32(4)),
    "an index modulo": lambda: case(lambda x, i: x[i % 5], ints(0, 9, 5), i32(4)),
    "a ring": lambda: case(lambda x, i: x[(i + 3) % 8], ints(0, 9, 8), ints(0, 7, 4)),
    "a signed index modulo": lambda: case(lambda x, i: x[(i - 3) % 8], ints(0, 9, 8), ints(0, 7, 4)),
    # Narrow, and bools.
    "int4": lambda: case(lambda x: x.astype(jnp.int8) * 3, array(jnp.int4, 4)),
    "uint4 pairs": lambda: case(lambda x: (x & 15).astype(jnp.uint4), u8(4)),
    "bools": lambda: case(lambda x, y: (x & y, x | ~y, x ^ y, jnp.all(x), jnp.any(y)), array(bool, 4), array(bool, 4)),
    "bools counted": lambda: case(lambda x: jnp.sum(x), array(bool, 300)),
    "comparisons": lambda: case(lambda x, y: (x < y, x == y, x != 3, x >= y), i32(4), i32(4)),
    "signs": lambda: case(jnp.sign, i32(4)),
    "uint16 products": lambda: case(lambda x, y: x.astype(jnp.uint32) * y, array(jnp.uint16, 4), array(jnp.uint16, 4)),
    "high halves": lambda: case(lambda x: (x >> 16).astype(jnp.uint16), u32(4)),
    "bools from bytes": lambda: case(lambda x: x.view(bool), u8(4)),
    "words as numbers with a sign": lambda: case(lambda x: lax.bitcast_convert_type(x, jnp.int32) >> 31, u32(4)),
    "wrapping sums so far": lambda: case(wrapping_sums, i32(9)),
    "masked": lambda: case(lambda x: jnp.where(x & 1, 0, 255).astype(jnp.uint8), u32(4)),
}


# Moving, indexing, sorting.


def inverse(x: Any) -> Any:
    return jnp.zeros(8, jnp.int32).at[jnp.argsort(x)].set(jnp.arange(8, dtype=jnp.int32))


def ranks(x: Any) -> Any:
    return jnp.argsort(jnp.argsort(x))


def run_starts(x: Any) -> Any:
    return jnp.concatenate([jnp.ones(1, bool), x[1:] != x[:-1]])


def run_lengths(x: Any) -> Any:
    run = jnp.cumsum(run_starts(x)) - 1
    return jnp.zeros(16, jnp.int32).at[run].add(1, mode="drop")


def move_to_front(data: Any) -> Any:
    def step(table: Any, byte: Any) -> Any:
        place = jnp.argmax(table == byte)
        before = jnp.arange(16) <= place
        return jnp.where(before, jnp.roll(table, 1).at[0].set(byte), table), place

    return lax.scan(step, jnp.arange(16, dtype=jnp.uint8), data)[1]


def burrows_wheeler(data: Any) -> Any:
    n = data.shape[0]
    rows = data[(jnp.arange(n)[:, None] + jnp.arange(n)) % n]
    order = jnp.lexsort(rows.T[::-1])
    return data[(order + n - 1) % n]


def match_length(data: Any, i: Any, j: Any) -> Any:
    same = jnp.take(data, i + jnp.arange(8), mode="clip") == jnp.take(data, j + jnp.arange(8), mode="clip")
    return jnp.sum(jnp.cumprod(same.astype(jnp.int32)), dtype=jnp.int32)


def longest_match(data: Any) -> Any:
    def step(best: Any, i: Any) -> Any:
        n = match_length(data, i, jnp.int32(20))
        return (jnp.maximum(best[0], n), jnp.where(n > best[0], i, best[1])), None

    return lax.scan(step, (jnp.int32(0), jnp.int32(0)), jnp.arange(20, dtype=jnp.int32))[0]


def pairs(data: Any) -> Any:
    """How often each pair of symbols stands."""
    return jnp.zeros((16, 16), jnp.int32).at[data[:-1], data[1:]].add(1)


def ngram_ids(data: Any) -> Any:
    return data[:-2].astype(jnp.int32) * 65536 + data[1:-1].astype(jnp.int32) * 256 + data[2:].astype(jnp.int32)


def merged(tokens: Any) -> Any:
    """A step of byte pair encoding: the first of two equal pairs becomes a new token."""
    hit = (tokens[:-1] == 5) & (tokens[1:] == 6)
    hit = jnp.append(hit, False)
    return jnp.where(hit, 300, tokens)


def compacted(x: Any, keep: Any) -> Any:
    place = jnp.where(keep, jnp.cumsum(keep) - 1, 8)
    return jnp.zeros(8, jnp.int32).at[place].max(x, mode="drop")


def transitions(x: Any) -> Any:
    table = jnp.array([[1, 2], [0, 2], [2, 0]], jnp.int32)
    return lax.scan(lambda s, b: (table[s, b], s), jnp.int32(0), x)


def padded(x: Any) -> Any:
    return [jnp.pad(x, 2, mode=mode) for mode in ("constant", "edge", "reflect", "symmetric", "wrap")]


def butterfly(x: Any) -> Any:
    """A Walsh-Hadamard transform."""
    for _ in range(3):
        x = x.reshape(2, -1)
        x = jnp.concatenate([x[0] + x[1], x[0] - x[1]])
    return x


INDICES: Cases = {
    "a table": lambda: case(lambda i: jnp.array([3, 1, 4, 1])[i & 3], i32(4)),
    "take, clipped": lambda: case(lambda x, i: jnp.take(x, i, mode="clip"), ints(0, 9, 5), i32(4)),
    "take, wrapped": lambda: case(lambda x, i: jnp.take(x, i, mode="wrap"), ints(0, 9, 5), ints(-9, 9, 4)),
    "take, filled": lambda: case(lambda x, i: jnp.take(x, i, mode="fill", fill_value=7), ints(0, 9, 5), i32(4)),
    "take_along_axis": lambda: case(lambda x, i: jnp.take_along_axis(x, i, 1), ints(0, 9, 3, 4), ints(0, 3, 3, 2)),
    "take_along_axis of an order": lambda: case(lambda x: jnp.take_along_axis(x, jnp.argsort(x, 1), 1), i32(3, 4)),
    "a negative index": lambda: case(lambda x: x[-1] + x[-2], ints(0, 9, 5)),
    "slices": lambda: case(lambda x: x[1:-1:2], i32(9)),
    "a reversed slice": lambda: case(lambda x: x[::-1], f32(9)),
    "rows and columns": lambda: case(lambda x, i, j: x[i, j], ints(0, 9, 3, 4), ints(0, 2, 5), ints(0, 3, 5)),
    "an outer index": lambda: case(lambda x, i, j: x[i[:, None], j], ints(0, 9, 3, 4), ints(0, 2, 2), ints(0, 3, 5)),
    "a row by a scalar": lambda: case(lambda x, i: x[i], ints(0, 9, 3, 4), i32()),
    "a mask": lambda: case(lambda x: jnp.where(x > 3, x, 0), i32(4)),
    "dynamic slices": lambda: case(lambda x, i: lax.dynamic_slice(x, (i,), (2,)), i32(9), i32()),
    "an update of a slice": lambda: case(lambda x, i: lax.dynamic_update_slice(x, x[:2], (i,)), i32(9), i32()),
    "dynamic index in dim": lambda: case(lambda x, i: lax.dynamic_index_in_dim(x, i, 1), i32(3, 4), ints(0, 3)),
    "set a number": lambda: case(lambda x: x.at[2].set(5), ints(0, 9, 4)),
    "set at a number": lambda: case(lambda x, i: x.at[i].set(5), ints(0, 9, 4), ints(0, 3)),
    "set a slice": lambda: case(lambda x: x.at[1:3].set(x[:2]), ints(0, 9, 4)),
    "set every second": lambda: case(lambda x: x.at[::2].set(jnp.arange(2, dtype=jnp.int32)), ints(0, 9, 4)),
    "set every second of rows": lambda: case(lambda x: x.at[:, 1::2].set(x[:, ::2]), ints(0, 9, 3, 4)),
    "set backwards": lambda: case(lambda x: x.at[::-1].set(jnp.arange(4, dtype=jnp.int32)), ints(0, 9, 4)),
    "set known places": lambda: case(
        lambda x: x.at[jnp.array([3, 0, 2])].set(jnp.arange(3, dtype=jnp.int32)), ints(0, 9, 4)
    ),
    "set known NumPy places": lambda: case(
        lambda x: x.at[numbers(3, 0, 2)].set(jnp.arange(3, dtype=jnp.int32)), ints(0, 9, 4)
    ),
    "set known places of rows": lambda: case(
        lambda x: x.at[numbers(0, 1), numbers(2, 0)].set(jnp.arange(2, dtype=jnp.int32)), ints(0, 9, 3, 4)
    ),
    "set a diagonal": lambda: case(lambda x: x.at[jnp.arange(4), jnp.arange(4)].set(0), ints(0, 9, 4, 4)),
    "set a diagonal to numbers": lambda: case(
        lambda x, y: x.at[jnp.arange(4), jnp.arange(4)].set(y), ints(0, 9, 4, 4), ints(0, 9, 4)
    ),
    "set one of each row": lambda: case(
        lambda x, i, y: x.at[jnp.arange(4), i].set(y), ints(0, 9, 4, 4), ints(0, 3, 4), ints(0, 9, 4)
    ),
    "set a row": lambda: case(lambda x, i: x.at[i].set(x[0]), ints(0, 9, 3, 4), ints(0, 2)),
    "set where": lambda: case(lambda x, i: x.at[i].set(0), ints(0, 9, 4), ints(0, 3, 2)),
    "add at places": lambda: case(lambda x, i: x.at[i].add(1), ints(0, 9, 4), ints(0, 3, 20)),
    "add to a slice": lambda: case(lambda x: x.at[1:].add(x[:-1]), ints(0, 9, 4)),
    "multiply a slice": lambda: case(lambda x: x.at[1:3].multiply(2), ints(0, 9, 4)),
    "max at places": lambda: case(lambda x, i: x.at[i].max(5), ints(0, 9, 4), ints(0, 3, 20)),
    "min at places": lambda: case(lambda x, i, y: x.at[i].min(y), i32(4), ints(0, 3, 20), i32(20)),
    "get, filled": lambda: case(lambda x, i: x.at[i].get(mode="fill", fill_value=0), ints(1, 9, 4), i32(3)),
    "drop what is outside": lambda: case(lambda i: jnp.zeros(4, int).at[i].add(1, mode="drop"), i32(20)),
    "a histogram": lambda: case(lambda x: jnp.zeros(256, jnp.int32).at[x].add(1), u8(100)),
    "bincount": lambda: case(lambda x: jnp.bincount(x, length=10), ints(0, 9, 30)),
    "segment_sum": lambda: case(lambda x, s: jax.ops.segment_sum(x, s, num_segments=4), ints(0, 9, 8), ints(0, 3, 8)),
    "segment_max": lambda: case(lambda x, s: jax.ops.segment_max(x, s, num_segments=4), ints(0, 9, 8), ints(0, 3, 8)),
    "an inverse permutation": lambda: case(inverse, i32(8)),
    "ranks": lambda: case(ranks, i32(8)),
    "sorted": lambda: case(jnp.sort, i32(8)),
    "sorted down": lambda: case(partial(jnp.sort, descending=True), i32(8)),
    "the order": lambda: case(jnp.argsort, i32(8)),
    "sorted by a key": lambda: case(lambda x, y: lax.sort((x, y), num_keys=1), i32(8), i32(8)),
    "sorted by both": lambda: case(lambda x, y: lax.sort((x, y), num_keys=2, is_stable=False), i32(8), i32(8)),
    "lexsort": lambda: case(lambda x, y: jnp.lexsort((x, y)), i32(8), i32(8)),
    "the largest": lambda: case(lambda x: lax.top_k(x, 3), i32(8)),
    "the place of the largest": lambda: case(lambda x: x[jnp.argmax(x)], i32(8)),
    "places of largest of rows": lambda: case(lambda x: (jnp.argmax(x, 1), jnp.argmin(x, 0)), i32(3, 8)),
    "searchsorted": lambda: case(lambda t, x: jnp.searchsorted(t, x), i32(9), i32(4)),
    "searchsorted, to the right": lambda: case(
        lambda x: jnp.searchsorted(jnp.array([1, 5, 9]), x, side="right"), i32(4)
    ),
    "searchsorted by comparing all": lambda: case(
        lambda t, x: jnp.searchsorted(t, x, method="compare_all"), i32(9), i32(4)
    ),
    "digitize": lambda: case(lambda x: jnp.digitize(x, jnp.array([0, 10, 20])), i32(4)),
    "unique": lambda: case(lambda x: jnp.unique(x, size=8, fill_value=0), ints(0, 9, 8)),
    "nonzero": lambda: case(lambda x: jnp.nonzero(x, size=8, fill_value=8), array(bool, 8)),
    "where, with places": lambda: case(lambda x: jnp.where(x > 3, size=4, fill_value=0), ints(0, 9, 8)),
    "rolled": lambda: case(lambda x: jnp.roll(x, 3), i32(8)),
    "rolled by a number": lambda: case(lambda x, n: jnp.roll(x, n), i32(8), ints(-8, 8)),
    "rolled by any number": lambda: case(lambda x, n: jnp.roll(x, n), i32(8), i32()),
    "flipped": lambda: case(lambda x: jnp.flip(x, 0), i32(3, 4)),
    "tiled and repeated": lambda: case(lambda x: (jnp.tile(x, 2), jnp.repeat(x, 2)), i32(4)),
    "repeated by known counts": lambda: case(lambda x: jnp.repeat(x, numbers(1, 2, 0, 3)), i32(4)),
    "repeated by counts": lambda: case(lambda x, n: jnp.repeat(x, n, total_repeat_length=8), i32(4), ints(0, 2, 4)),
    "padded": lambda: case(padded, i32(6)),
    "differences": lambda: case(lambda x: jnp.diff(x), ints(0, 1 << 20, 8)),
    "stacked": lambda: case(lambda x, y: jnp.stack([x, y]).T.reshape(-1), i32(4), i32(4)),
    "split": lambda: case(lambda x: jnp.split(x, 2)[1], i32(8)),
    "a mesh of places": lambda: case(lambda x: jnp.meshgrid(x, x)[0] + jnp.tri(4, dtype=int), ints(0, 9, 4)),
    "run starts": lambda: case(run_starts, u8(9)),
    "run lengths": lambda: case(run_lengths, u8(16)),
    "move to front": lambda: case(move_to_front, bounded(jnp.uint8, 0, 15, 9)),
    "Burrows-Wheeler": lambda: case(burrows_wheeler, u8(6)),
    "the longest match": lambda: case(longest_match, u8(32)),
    "pairs": lambda: case(pairs, ints(0, 15, 30)),
    "n-grams": lambda: case(ngram_ids, u8(9)),
    "a merge": lambda: case(merged, ints(0, 299, 9)),
    "compacted": lambda: case(compacted, ints(0, 9, 8), array(bool, 8)),
    "an automaton": lambda: case(transitions, ints(0, 1, 9)),
    "a permutation by a sort": lambda: case(lambda x, p: x[jnp.argsort(p)], i32(8), i32(8)),
    "one hot": lambda: case(lambda i: jax.nn.one_hot(i, 5, dtype=jnp.int32), i32(4)),
    "one hot of bytes": lambda: case(lambda x: (x[:, None] == jnp.arange(256)).astype(jnp.int8), u8(4)),
    "a median of three": lambda: case(lambda x: jnp.sort(x)[1], i32(3)),
    "a triangle": lambda: case(jnp.tril, i32(4, 4)),
    "a count of equals": lambda: case(lambda x: jnp.sum(x[:, None] == x[None, :], axis=1), i32(8)),
    "a transform by butterflies": lambda: case(butterfly, ints(-100, 100, 8)),
    "isin": lambda: case(lambda x: jnp.isin(x, jnp.array([1, 5])), i32(4)),
    "a device put": lambda: case(lambda x: jax.device_put(x) + 1, ints(0, 9, 4)),
    "a sharding constraint": lambda: case(sharded, ints(0, 9, 4)),
    "a narrow index": lambda: case(lambda x, i: jnp.take(x, i, axis=0, mode="clip"), ints(0, 9, 300), u8(4)),
    "searching bits": lambda: case(lambda x: jnp.max(jnp.where(x, jnp.arange(8), -1)), array(bool, 8)),
}


def sharded(x: Any) -> Any:
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("i"))
    return lax.with_sharding_constraint(x, place) * 2


# What `jnp` has for integers.


def put(x: Any, y: Any) -> Any:
    return x.at[lax.top_k(x, 3)[1]].set(y)


def without(x: Any, n: Any) -> Any:
    """The number at a place taken out."""
    return jnp.where(jnp.arange(7) < n, x[:-1], x[1:])


def joined(x: Any, y: Any) -> Any:
    return jnp.block([[x, y], [y, x]])


NUMPY: Cases = {
    "maximum less minimum": lambda: case(lambda x, y: jnp.maximum(x, y) - jnp.minimum(x, y), u32(4), u32(4)),
    "ptp": lambda: case(jnp.ptp, ints(0, 100, 4)),
    "gcd": lambda: case(jnp.gcd, ints(0, 1000, 4), ints(0, 1000, 4)),
    "lcm": lambda: case(jnp.lcm, words(1, 1000, 4), words(1, 1000, 4)),
    "count_nonzero": lambda: case(jnp.count_nonzero, i32(4)),
    "bitwise_count": lambda: case(jnp.bitwise_count, u32(4)),
    "shifts": lambda: case(lambda x: (jnp.left_shift(x & 255, 8), jnp.right_shift(x, 8)), i32(4)),
    "logic": lambda: case(
        lambda x, y: jnp.logical_and(x, jnp.logical_or(y, jnp.logical_not(x))), array(bool, 4), array(bool, 4)
    ),
    "choose": lambda: case(lambda i, x, y: jnp.choose(i, [x, y], mode="clip"), i32(4), i32(4), i32(4)),
    "piecewise": lambda: case(lambda x: jnp.piecewise(x, [x < 0, x > 9], [lambda y: y & 3, 7, lambda y: y]), i32(4)),
    "partition": lambda: case(lambda x: jnp.partition(x, 3), ints(-99, 99, 8)),
    "flatnonzero": lambda: case(lambda x: jnp.flatnonzero(x, size=8, fill_value=0), i32(8)),
    "argwhere": lambda: case(lambda x: jnp.argwhere(x > 3, size=4, fill_value=0), ints(0, 9, 3, 3)),
    "union1d": lambda: case(lambda x, y: jnp.union1d(x, y, size=8, fill_value=0), ints(0, 9, 4), ints(0, 9, 4)),
    "put_along_axis": lambda: case(
        lambda x, i: jnp.put_along_axis(x, i, 7, axis=1, inplace=False), ints(0, 9, 3, 4), ints(0, 3, 3, 1)
    ),
    "fill_diagonal": lambda: case(lambda x: jnp.fill_diagonal(x, 0, inplace=False), ints(0, 9, 4, 4)),
    "rot90": lambda: case(jnp.rot90, i32(3, 4)),
    "triu_indices": lambda: case(lambda x: x[jnp.triu_indices(4)], i32(4, 4)),
    "block": lambda: case(joined, i32(2, 2), i32(2, 2)),
    "insert": lambda: case(lambda x: jnp.insert(x, 2, 7), ints(0, 9, 4)),
    "delete": lambda: case(lambda x: jnp.delete(x, 2), ints(0, 9, 4)),
    "array_equal": lambda: case(jnp.array_equal, i32(4), i32(4)),
    "tensordot": lambda: case(lambda x, y: jnp.tensordot(x, y, 2), ints(-9, 9, 3, 4), ints(-9, 9, 3, 4)),
    "einsum of integers": lambda: case(partial(jnp.einsum, "ij,kj->ik"), ints(-9, 9, 3, 4), ints(-9, 9, 3, 4)),
    "sums from the end": lambda: case(lambda x: jnp.cumsum(x[::-1])[::-1], ints(0, 9, 9)),
    "sums of parts": lambda: case(lambda x: jnp.cumsum(x)[3:] - jnp.cumsum(x)[:-3], ints(0, 9, 9)),
    "vectorize": lambda: case(jnp.vectorize(lambda x, y: jnp.minimum(x, y), signature="(),()->()"), i32(4), i32(4)),
    "apply_along_axis": lambda: case(lambda x: jnp.apply_along_axis(jnp.max, 0, x), i32(3, 4)),
    "segment_min": lambda: case(
        lambda x, s: jax.ops.segment_min(x, s, num_segments=4, indices_are_sorted=False), i32(8), ints(0, 3, 8)
    ),
    "a slice in a dimension": lambda: case(lambda x, i: lax.dynamic_slice_in_dim(x, i, 2, 1), i32(3, 9), i32()),
    "an update in a dimension": lambda: case(
        lambda x, i: lax.dynamic_update_index_in_dim(x, x[0], i, 0), i32(3, 9), i32()
    ),
    "an index in each vector": lambda: case(jax.vmap(lambda x, i: x[i]), i32(3, 9), ints(0, 8, 3)),
    "an addition in each vector": lambda: case(
        jax.vmap(lambda x, i: x.at[i].add(1)), ints(0, 9, 3, 9), ints(0, 8, 3, 5)
    ),
    "places of the largest, set": lambda: case(put, ints(0, 9, 8), ints(0, 9, 3)),
    "one taken out": lambda: case(without, i32(8), ints(0, 7)),
    "a where in a where": lambda: case(lambda x: jnp.where(x > 0, jnp.where(x > 5, x - 5, x - 1), 0), words(0, 9, 4)),
    "packed twelve bits": lambda: case(
        lambda x: jnp.stack([x[0] >> 4, ((x[0] & 15) << 4) | (x[1] >> 8), x[1] & 255]).astype(jnp.uint8),
        ints(0, 4095, 2),
    ),
    "the sum of digits": lambda: case(lambda x: sum((x // 10**i) % 10 for i in range(4)), words(0, 9999, 4)),
    "leap years": lambda: case(lambda y: (y % 4 == 0) & ((y % 100 != 0) | (y % 400 == 0)), ints(1, 9999, 4)),
    "days of the week": lambda: case(lambda d: (d + 4) % 7, ints(-100000, 100000, 4)),
}


# Coders.

BITS = 8
COUNTS = np.array([100, 60, 50, 30, 10, 6], np.uint32)
CUMULATIVE = np.append(0, np.cumsum(COUNTS)).astype(np.uint32)
LOOKUP = np.repeat(np.arange(6), COUNTS)


def rans_decode_step(x: Any) -> Any:
    slot = x & ((1 << BITS) - 1)
    s = jnp.asarray(LOOKUP)[slot]
    x = jnp.asarray(COUNTS)[s] * (x >> BITS) + slot - jnp.asarray(CUMULATIVE)[s]
    return s, x


def rans_slot(x: Any) -> Any:
    """Where a slot lies in its symbol: the tables are known, so it cannot be below."""
    slot = x & ((1 << BITS) - 1)
    return slot - jnp.asarray(CUMULATIVE)[jnp.asarray(LOOKUP)[slot]]


def rans_encode_step(x: Any, s: Any) -> Any:
    counts, cumulative = jnp.asarray(COUNTS)[s], jnp.asarray(CUMULATIVE)[s]
    return ((x // counts) << BITS) + x % counts + cumulative


def rans_renormalise(x: Any, byte: Any) -> Any:
    return jnp.where(x < 1 << 16, (x << 8) | byte.astype(jnp.uint32), x)


def arithmetic_step(low: Any, width: Any, s: Any) -> Any:
    """The lower half of a coder of 16 bits: width is shared out in 256ths."""
    unit = width >> 8
    return low + unit * jnp.asarray(CUMULATIVE)[s], unit * jnp.asarray(COUNTS)[s]


def binary_model(bits: Any) -> Any:
    def step(p: Any, bit: Any) -> Any:
        return jnp.where(bit, p - (p >> 5), p + ((4096 - p) >> 5)), p

    return lax.scan(step, jnp.int32(2048), bits)


def range_bits(p: Any, width: Any) -> Any:
    bound = (width >> 12) * p
    with wrapping():  # it does not: p is below 2**12
        return bound, width - bound


def golomb(x: Any) -> Any:
    return x >> 3, x & 7


def elias_gamma(x: Any) -> Any:
    bits = 32 - lax.clz(x)
    return 2 * bits - 1, x


def varint(x: Any) -> Any:
    groups = (x >> jnp.arange(0, 35, 7, dtype=jnp.uint32)) & 127
    more = jnp.append((x >> jnp.arange(7, 35, 7, dtype=jnp.uint32)) > 0, False)
    return groups | jnp.where(more, 128, 0).astype(jnp.uint32)


def cumulative_table(counts: Any) -> Any:
    return jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(counts)])


def symbol_of(counts: Any, target: Any) -> Any:
    return jnp.sum(cumulative_table(counts)[1:] <= target)


def share_of(counts: Any) -> Any:
    return jnp.diff(cumulative_table(counts) * 4096 // 6300)


def scaled_counts(counts: Any) -> Any:
    return jnp.maximum(counts * 4096 // jnp.maximum(jnp.sum(counts), 1), 1)


def halved_counts(counts: Any, s: Any) -> Any:
    counts = counts.at[s].add(24)
    return jnp.where(jnp.sum(counts) > 65536, (counts + 1) >> 1, counts)


def huffman_decode(bits: Any) -> Any:
    """A canonical code of lengths 1, 2, 3, 3 as a table of transitions."""
    following = jnp.array([[0, 1], [0, 2], [0, 0]], jnp.int32)
    emits = jnp.array([[0, -1], [1, -1], [2, 3]])
    return lax.scan(lambda s, b: (following[s, b], emits[s, b]), jnp.int32(0), bits)[1]


def lz_copy(data: Any, distance: Any) -> Any:
    """A copy from before, which may overlap what it writes."""

    def step(i: Any, out: Any) -> Any:
        source = jnp.take(out, 16 + i - distance, mode="clip")
        return out.at[16 + i].set(source)

    return lax.fori_loop(0, 8, step, jnp.pad(data, (0, 8)))


def utf8_lengths(data: Any) -> Any:
    return jnp.where(data < 0x80, 1, jnp.where(data < 0xE0, 2, jnp.where(data < 0xF0, 3, 4)))


def tokenise(data: Any) -> Any:
    """Words, numbered."""
    space = (data == 32) | (data == 10)
    begins = ~space & jnp.concatenate([jnp.ones(1, bool), space[:-1]])
    return jnp.where(space, -1, jnp.cumsum(begins) - 1)


def lowercase(data: Any) -> Any:
    return jnp.where((data >= 65) & (data <= 90), data + 32, data)


def delta(x: Any) -> Any:
    return jnp.diff(x.astype(jnp.int32), prepend=0)


def undelta(x: Any) -> Any:
    return jnp.clip(jnp.cumsum(x), 0, 255).astype(jnp.uint8)


def paeth(a: Any, b: Any, c: Any) -> Any:
    a, b, c = (x.astype(jnp.int32) for x in (a, b, c))
    p = a + b - c
    pa, pb, pc = jnp.abs(p - a), jnp.abs(p - b), jnp.abs(p - c)
    return jnp.where((pa <= pb) & (pa <= pc), a, jnp.where(pb <= pc, b, c)).astype(jnp.uint8)


def luma(rgb: Any) -> Any:
    r, g, b = (rgb[..., i].astype(jnp.int32) for i in range(3))
    return ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16


def reversible_colour(rgb: Any) -> Any:
    r, g, b = (rgb[..., i].astype(jnp.int32) for i in range(3))
    return (r + 2 * g + b) >> 2, b - g, r - g


def lifting(x: Any) -> Any:
    """A step of the 5/3 wavelet."""
    even, odd = x[::2], x[1::2]
    high = odd - ((even + jnp.roll(even, -1)) >> 1)
    return even + ((high + jnp.roll(high, 1) + 2) >> 2), high


def integer_dct(x: Any) -> Any:
    matrix = jnp.array([[64, 64, 64, 64], [83, 36, -36, -83], [64, -64, -64, 64], [36, -83, 83, -36]])
    return (matrix @ x + 64) >> 7


def mu_law(x: Any) -> Any:
    magnitude = jnp.minimum(jnp.abs(x), 32635) + 132
    exponent = 24 - lax.clz(magnitude)
    mantissa = (magnitude >> (exponent + 3)) & 15
    return jnp.where(x < 0, 128, 0) | (exponent << 4) | mantissa


def codebook() -> Case:
    from ecjax import codebook

    return case(codebook.load_codebook("books-12").encode_array, u8(32), i32())


def equal_info() -> Case:
    from ecjax import frequencies
    from ecjax.models.unigram import Unigram
    from ecjax.tokenizers.equal_info import EqualInfo

    table = np.asarray(frequencies.frequency_table_from_counts(np.arange(256), 9))
    return case(EqualInfo(Unigram(table, 9), 9).encode_array, u8(16), ints(0, 16))


CODERS: Cases = {
    "rANS, a decoder's step": lambda: case(rans_decode_step, words(0, (1 << 24) - 1)),
    "rANS, a decoder's steps": lambda: case(jax.vmap(rans_decode_step), words(0, (1 << 24) - 1, 4)),
    "rANS, a place in a symbol": lambda: case(rans_slot, u32(4)),
    "rANS, an encoder's step": lambda: case(rans_encode_step, words(0, (1 << 24) - 1, 4), ints(0, 5, 4)),
    "rANS, renormalised": lambda: case(rans_renormalise, words(0, (1 << 24) - 1, 4), u8(4)),
    "an arithmetic coder's step": lambda: case(arithmetic_step, words(0, 65535, 4), words(0, 65535, 4), ints(0, 5, 4)),
    "a model of bits": lambda: case(binary_model, array(bool, 9)),
    "a range coder's bit": lambda: case(range_bits, words(1, 4095, 4), u32(4)),
    "Golomb": lambda: case(golomb, u32(4)),
    "Elias gamma": lambda: case(elias_gamma, ints(1, 1 << 20, 4)),
    "a variable length": lambda: case(varint, u32()),
    "a cumulative table": lambda: case(cumulative_table, ints(0, 1000, 16)),
    "a symbol by its table": lambda: case(symbol_of, ints(0, 1000, 16), ints(0, 15999)),
    "shares of a table": lambda: case(share_of, ints(0, 100, 63)),
    "scaled counts": lambda: case(scaled_counts, ints(0, 1000, 16)),
    "halved counts": lambda: case(halved_counts, ints(0, 70000, 16), ints(0, 15)),
    "Huffman": lambda: case(huffman_decode, ints(0, 1, 9)),
    "a copy from before": lambda: case(lz_copy, u8(16), ints(1, 16)),
    "lengths in UTF-8": lambda: case(utf8_lengths, u8(9)),
    "words": lambda: case(tokenise, u8(20)),
    "lower case": lambda: case(lowercase, u8(9)),
    "differences of bytes": lambda: case(delta, u8(9)),
    "bytes of differences": lambda: case(undelta, ints(-255, 255, 9)),
    "Paeth": lambda: case(paeth, u8(4), u8(4), u8(4)),
    "luma": lambda: case(luma, u8(4, 3)),
    "reversible colours": lambda: case(reversible_colour, u8(4, 3)),
    "a wavelet": lambda: case(lifting, ints(-1000, 1000, 8)),
    "an integer DCT": lambda: case(integer_dct, ints(-255, 255, 4)),
    "mu law": lambda: case(mu_law, ints(-32768, 32767, 4)),
    "our codebook": codebook,
    "our windows": equal_info,
}


# Control.


def counter(n: Any) -> Any:
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.minimum(c[1] + 3, 100)), (0, jnp.array(0)))


def trailing_zeros(x: Any) -> Any:
    test = lambda c: (c[0] & 1 == 0) & (c[1] < 32)
    return lax.while_loop(test, lambda c: (c[0] >> 1, c[1] + 1), (x, jnp.int32(0)))[1]


def bits_by_a_loop(x: Any) -> Any:
    def body(c: Any) -> Any:
        return c[0] & jnp.where(c[0] > 0, c[0] - 1, 0), jnp.minimum(c[1] + 1, 32)

    return lax.while_loop(lambda c: c[0] > 0, body, (x, jnp.int32(0)))[1]


def prefix_sums(x: Any) -> Any:
    return lax.associative_scan(jnp.add, x)


def prefix_maxima(x: Any) -> Any:
    return lax.associative_scan(jnp.maximum, x), lax.cummax(x)


def nested_scans(x: Any) -> Any:
    inner = lambda c, y: (jnp.clip(c + y, -50, 50), c)
    return lax.scan(lambda c, row: lax.scan(inner, c, row), jnp.int32(0), x)


def declared_state(x: Any) -> Any:
    def step(c: Any, y: Any) -> Any:
        c = declare(c, 0, 1000)
        return jnp.where(c + y > 1000, 0, c + y), c

    return lax.scan(step, jnp.int32(0), x)


def clamped_branch(i: Any, x: Any) -> Any:
    return lax.switch(i, [lambda y: y, lambda y: y * 2, lambda y: 9 - y], x)


def safe_division(x: Any, y: Any) -> Any:
    return lax.cond(y > 0, lambda: x // y, lambda: jnp.zeros_like(x))


def viterbi(scores: Any) -> Any:
    def step(best: Any, row: Any) -> Any:
        total = best[:, None] + row
        return jnp.clip(jnp.max(total, 0), 0, 1 << 20), jnp.argmax(total, 0)

    return lax.scan(step, jnp.zeros(4, jnp.int32), scores)


def edit_distance(a: Any, b: Any) -> Any:
    def row(previous: Any, x: Any) -> Any:
        def cell(left: Any, column: Any) -> Any:
            diagonal, above, y = column
            best = jnp.minimum(jnp.minimum(left, above) + 1, diagonal + (x != y))
            return jnp.minimum(best, 100), jnp.minimum(best, 100)

        first = jnp.minimum(previous[0] + 1, 100)
        _, rest = lax.scan(cell, first, (previous[:-1], previous[1:], b))
        return jnp.append(first, rest), None

    return lax.scan(row, jnp.arange(b.shape[0] + 1, dtype=jnp.int32), a)[0][-1]


def game_of_life(x: Any) -> Any:
    around = sum(jnp.roll(x, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
    return ((around == 3) | ((x == 1) & (around == 2))).astype(jnp.int32)


def ring_buffer(x: Any) -> Any:
    def step(c: Any, y: Any) -> Any:
        buffer, i = c
        return (buffer.at[i].set(y), (i + 1) % 4), buffer[i]

    return lax.scan(step, (jnp.zeros(4, jnp.int32), jnp.int32(0)), x)


def stack_depth(x: Any) -> Any:
    step = lambda d, y: (jnp.clip(d + jnp.where(y == 40, 1, jnp.where(y == 41, -1, 0)), 0, 63), d)
    return lax.scan(step, jnp.int32(0), x)[1]


def mandelbrot(c: Any) -> Any:
    """In fixed point, of 12 bits after the point."""

    def step(_: Any, z: Any) -> Any:
        return jnp.clip(((z * z) >> 12) + c, -(1 << 14), 1 << 14)

    return lax.fori_loop(0, 10, step, jnp.zeros_like(c))


def first_that(x: Any) -> Any:
    test = lambda i: (i < 8) & (jnp.take(x, i, mode="clip") != 0)
    return lax.while_loop(test, lambda i: i + 1, jnp.int32(0))


def counted_down(n: Any) -> Any:
    return lax.while_loop(lambda c: c[0] > 0, lambda c: (c[0] - 1, jnp.bitwise_xor(c[1], c[0])), (n, jnp.uint32(0)))


def early_exit(x: Any) -> Any:
    step = lambda c, y: ((c[0] | (y == 0), jnp.where(c[0], c[1], c[1] + 1)), None)
    return lax.scan(step, (jnp.zeros((), bool), jnp.int32(0)), x)[0]


CONTROL: Cases = {
    "a counter": lambda: case(counter, i32(), most=1000),
    "trailing zeros by a loop": lambda: case(trailing_zeros, u32()),
    "bits by a loop": lambda: case(bits_by_a_loop, u32()),
    "prefix sums": lambda: case(prefix_sums, ints(0, 1000, 16)),
    "prefix sums by cumsum": lambda: case(lambda x: jnp.cumsum(x, axis=1), ints(-9, 9, 3, 16)),
    "prefix maxima": lambda: case(prefix_maxima, i32(9)),
    "prefix ors": lambda: case(lambda x: lax.associative_scan(jnp.bitwise_or, x), u32(9)),
    "nested scans": lambda: case(nested_scans, ints(-9, 9, 3, 4)),
    "a declared state": lambda: case(declared_state, ints(0, 100, 9)),
    "a branch by a number": lambda: case(clamped_branch, i32(), ints(0, 9, 4)),
    "a safe division": lambda: case(safe_division, u32(), u32()),
    "a safe difference": lambda: case(lambda x, y: jnp.where(x >= y, x - y, 0), u32(4), u32(4)),
    "a safe rest": lambda: case(lambda x, y: jnp.where(y > 0, x % jnp.maximum(y, 1), 0), u32(4), u32(4)),
    "Viterbi": lambda: case(viterbi, ints(0, 100, 9, 4, 4)),
    "an edit distance": lambda: case(edit_distance, u8(4), u8(5)),
    "life": lambda: case(game_of_life, ints(0, 1, 5, 5)),
    "a ring buffer": lambda: case(ring_buffer, ints(0, 9, 9)),
    "a depth": lambda: case(stack_depth, u8(9)),
    "a fractal in fixed point": lambda: case(mandelbrot, ints(-8192, 8192, 4)),
    "the first that": lambda: case(first_that, u8(8)),
    "counted down": lambda: case(counted_down, u32(), most=1000),
    "an early exit": lambda: case(early_exit, u8(9)),
    "vmap of a loop": lambda: case(jax.vmap(trailing_zeros), u32(4)),
    "vmap of a branch": lambda: case(jax.vmap(safe_division), u32(4), u32(4)),
    "map": lambda: case(lambda x: lax.map(lambda y: y & 7, x), i32(4)),
    "jit in jit": lambda: case(jax.jit(lambda x: jax.jit(lambda y: y & 7)(x) + 1), i32(4)),
    "a checkpoint": lambda: case(jax.checkpoint(lambda x: jnp.clip(x, 0, 9) + 1), i32(4)),
    "a custom derivative": lambda: case(straight_through, floats(-9, 9, 4, step=0.25)),
    "a gradient of squares": lambda: case(jax.grad(lambda x: jnp.sum(x * x)), floats(-9, 9, 4)),
    "scan backwards": lambda: case(
        lambda x: lax.scan(lambda c, y: (jnp.maximum(c, y), c), jnp.int32(0), x, reverse=True), i32(9)
    ),
    "scan unrolled": lambda: case(
        lambda x: lax.scan(lambda c, y: ((c + y) & 255, c), jnp.int32(0), x.astype(jnp.int32), unroll=3), u8(9)
    ),
    "a sum of a scan": lambda: case(lambda x: lax.scan(lambda c, y: (c + y, None), 0, x)[0], ints(-9, 9, 100)),
    "a count in a fori": lambda: case(lambda n: lax.fori_loop(0, n, lambda i, c: i, 0), ints(0, 100)),
    "an index of a fori": lambda: case(
        lambda x: lax.fori_loop(0, 8, lambda i, c: jnp.maximum(c, x[i] - i), 0), ints(0, 9, 8)
    ),
    "an array filled by a fori": lambda: case(
        lambda x: lax.fori_loop(0, 8, lambda i, c: c.at[i].set(x[7 - i]), jnp.zeros(8, jnp.int32)), ints(0, 9, 8)
    ),
    "a psum of vectors": lambda: case(jax.vmap(lambda x: lax.psum(x, "i"), axis_name="i"), ints(0, 9, 8)),
    "swapped carries": lambda: case(
        lambda x: lax.fori_loop(0, 9, lambda i, c: (c[1], (c[0] + c[1]) & 63), (x & 63, x & 31)), i32(4)
    ),
    "a piecewise function": lambda: case(
        lambda x: jnp.select([x < 10, x < 100, x < 1000], [x, x // 10, x // 100], 10), ints(0, 1 << 20, 4)
    ),
    "a reduction by max": lambda: case(lambda x: lax.reduce(x, np.int32(-(1 << 31)), lax.max, (0,)), i32(4)),
    "windowed maxima": lambda: case(
        lambda x: lax.reduce_window(x, np.int32(-(1 << 31)), lax.max, (3,), (1,), "SAME"), i32(9)
    ),
    "windowed sums": lambda: case(
        lambda x: lax.reduce_window(x, np.int32(0), lax.add, (3,), (2,), "VALID"), ints(-9, 9, 9)
    ),
}


@jax.custom_jvp
def rounded(x: Any) -> Any:
    return jnp.round(x)


rounded.defjvp(lambda p, t: (rounded(p[0]), t[0]))


def straight_through(x: Any) -> Any:
    return rounded(x * 2).astype(jnp.int32)


# Models: integers, and floats on a grid.


class Layer(eqx.Module):
    """A quantised layer."""

    weights: Any
    bias: Any
    shift: int = eqx.field(static=True)
    activation: Any = jax.nn.relu

    def __call__(self, x: Any) -> Any:
        total = jnp.matmul(x, self.weights, preferred_element_type=jnp.int32) + self.bias
        return jnp.clip(self.activation(total) >> self.shift, 0, 127).astype(jnp.int8)


def layer() -> Layer:
    weights = np.arange(-32, 32).reshape(8, 8).astype(np.int8)
    return Layer(jnp.asarray(weights), jnp.arange(8, dtype=jnp.int32), 5)


def bounded_layer() -> Any:
    """A module that holds a function beside its arrays, every array in bounds."""
    return Bounded(Layer(i8(8, 8), i8(8), 5), -128, 127)


def product(a: Any, b: Any) -> Any:
    return jnp.matmul(a.astype(jnp.float32), b.astype(jnp.float32), precision=HIGHEST)


def table_attention(q: Any, k: Any) -> Any:
    """Integer attention whose exponential is a table."""
    table = jnp.asarray((256 * 0.5 ** (np.arange(64) / 8)).astype(np.int32))
    scores = jnp.matmul(q, k, preferred_element_type=jnp.int32) >> 6
    return table[jnp.minimum(jnp.max(scores, axis=-1, keepdims=True) - scores, 63)]


def integer_norm(x: Any) -> Any:
    """Numbers brought to 8 bits by their common scale."""
    largest = jnp.max(jnp.abs(x))
    shift = jnp.maximum(24 - lax.clz(largest), 0)
    return x >> shift


def conv(x: Any, k: Any, **how: Any) -> Any:
    return lax.conv_general_dilated(x, k, (1, 1), "SAME", preferred_element_type=jnp.int32, **how)


def pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def depthwise(x: Any, k: Any) -> Any:
    return sum(x[:, i : i + 6] * k[i] for i in range(3))


def quantise(x: Any) -> Any:
    return jnp.clip(jnp.round(x * 16), -127, 127).astype(jnp.int8)


def hard_swish(x: Any) -> Any:
    return (x * jnp.clip(x + 4, 0, 8)) * 0.125


def ternary(x: Any, w: Any) -> Any:
    return jnp.where(w > 0, x, jnp.where(w < 0, -x, 0)).sum(0)


def float_binning(x: Any) -> Any:
    return jnp.clip(jnp.floor(x * 4).astype(jnp.int32), 0, 15)


def embedding(table: Any, i: Any) -> Any:
    return jnp.take(table, i, axis=0, mode="clip").astype(jnp.int32).sum(0)


def one_hot_product(i: Any) -> Any:
    table = jnp.asarray(np.arange(40, dtype=np.float32).reshape(8, 5))
    return jnp.matmul(jax.nn.one_hot(i, 8), table, precision=HIGHEST)


def bilinear(x: Any, f: Any) -> Any:
    return (x[:-1] * (16 - f) + x[1:] * f + 8) >> 4


def three_pieces(x: Any) -> Any:
    """A split of 16-bit integers into pieces that bfloat16 holds."""
    high = x >> 8
    return high.astype(jnp.bfloat16), (x & 255).astype(jnp.bfloat16)


def gated_units(x: Any, state: Any) -> Any:
    """A recurrent layer of integers."""

    def step(h: Any, y: Any) -> Any:
        h = (h * 7 + y) >> 3
        return jnp.clip(h, -512, 511), h

    return lax.scan(step, state, x)


def batch_of_layers(x: Any) -> Any:
    return jax.vmap(layer())(x)


MODELS: Cases = {
    "an int8 product": lambda: case(partial(jnp.matmul, preferred_element_type=jnp.int32), i8(4, 64), i8(64, 4)),
    "an int8 product by lax": lambda: case(
        lambda a, b: lax.dot_general(a, b, (((1,), (0,)), ((), ())), preferred_element_type=jnp.int32),
        i8(4, 64),
        i8(64, 4),
    ),
    "a batch of products": lambda: case(
        partial(jnp.einsum, "bij,bjk->bik", preferred_element_type=jnp.int32), i8(2, 4, 8), i8(2, 8, 4)
    ),
    "a product of int32": lambda: case(jnp.dot, ints(-100, 100, 4, 8), ints(-100, 100, 8)),
    "an outer product": lambda: case(jnp.outer, ints(-100, 100, 4), ints(-100, 100, 4)),
    "a product of floats": lambda: case(product, i8(4, 64), i8(64, 4)),
    "a product of bfloat16": lambda: case(
        lambda a, b: lax.dot(a, b, preferred_element_type=jnp.float32),
        bounded(jnp.bfloat16, -128, 127, 4, 8),
        bounded(jnp.bfloat16, -128, 127, 8, 4),
    ),
    "an einsum at the highest precision": lambda: case(
        partial(jnp.einsum, "ij,kj->ik", precision="highest"), floats(-100, 100, 4, 8), floats(-100, 100, 4, 8)
    ),
    "a one-hot product": lambda: case(one_hot_product, ints(0, 7, 4)),
    "a layer": lambda: case(layer(), i8(4, 8)),
    "a layer whose arrays are in bounds": lambda: case(lambda m, x: m(x), bounded_layer(), i8(4, 8)),
    "a batch of layers": lambda: case(batch_of_layers, i8(4, 8)),
    "a filtered jit": lambda: case(eqx.filter_jit(layer()), i8(4, 8)),
    "attention by a table": lambda: case(table_attention, i8(2, 16), i8(16, 8)),
    "a common scale": lambda: case(integer_norm, ints(-30000, 30000, 8)),
    "a convolution": lambda: case(conv, i8(1, 2, 6, 6), i8(4, 2, 3, 3)),
    "a grouped convolution": lambda: case(partial(conv, feature_group_count=2), i8(1, 4, 6, 6), i8(4, 2, 3, 3)),
    "a convolution by shifts": lambda: case(depthwise, ints(-99, 99, 4, 8), ints(-9, 9, 3)),
    "max pooling of floats": lambda: case(pooled, floats(-9, 9, 1, 4, 4, 2)),
    "max pooling of integers": lambda: case(
        lambda x: lax.reduce_window(x, np.int8(-128), lax.max, (2, 2), (2, 2), "VALID"), i8(4, 4)
    ),
    "max pooling by reshaping": lambda: case(lambda x: x.reshape(2, 2, 2, 2).max((1, 3)), floats(-9, 9, 4, 4)),
    "average pooling by a shift": lambda: case(
        lambda x: x.astype(jnp.int32).reshape(2, 2, 2, 2).sum((1, 3)) >> 2, u8(4, 4)
    ),
    "relu of floats": lambda: case(jax.nn.relu, floats(-9, 9, 4, step=0.125)),
    "relu6": lambda: case(jax.nn.relu6, floats(-9, 9, 4, step=0.125)),
    "a hard swish": lambda: case(hard_swish, floats(-8, 8, 4, step=0.25)),
    "quantised": lambda: case(quantise, floats(-100, 100, 4, step=2.0**-10)),
    "dequantised": lambda: case(lambda x: x.astype(jnp.float32) * 0.0625, i8(4)),
    "scaled by powers of two": lambda: case(lambda x: x * 0.5 + x * 4 - 1, floats(-100, 100, 4, step=0.25)),
    "floor, ceil, round, trunc": lambda: case(
        lambda x: (jnp.floor(x), jnp.ceil(x), jnp.round(x), jnp.trunc(x)), floats(-9, 9, 4, step=2.0**-8)
    ),
    "two small summands": lambda: case(lambda x: (x + 1.0) + 2.0, floats(-100, 100, 4, step=0.25)),
    "two factors": lambda: case(lambda x: (x * 0.5) * 0.25, floats(-100, 100, 4, step=0.25)),
    "two biases": lambda: case(
        lambda x: (jnp.dot(x, jnp.eye(4), precision=HIGHEST) + jnp.arange(4.0)) + 0.5, floats(-100, 100, 4, step=0.25)
    ),
    "a mean of two": lambda: case(lambda x, y: x * 0.5 + y * 0.5, floats(-100, 100, 4), floats(-100, 100, 4)),
    "scaled and shifted back": lambda: case(
        lambda x: ((x * 16 + 8) * 0.0625 - 0.5) * 2, floats(-100, 100, 4, step=0.25)
    ),
    "added to in a loop": lambda: case(
        lambda x: lax.scan(lambda c, y: (c + y + 0.5, None), jnp.float32(0), x)[0], floats(-100, 100, 9, step=0.25)
    ),
    "clipped in a loop": lambda: case(
        lambda x: lax.fori_loop(0, 9, lambda i, c: jnp.clip(c + c, -100, 100), x), floats(-100, 100, 4, step=0.25)
    ),
    "the greatest in a loop": lambda: case(
        lambda x: lax.scan(lambda c, y: (jnp.maximum(c, y), None), jnp.float32(-1000), x)[0], floats(-100, 100, 9)
    ),
    "the fraction": lambda: case(lambda x: x - jnp.floor(x), floats(-9, 9, 4, step=2.0**-8)),
    "clipped floats": lambda: case(lambda x: jnp.clip(x, -1, 1), floats(-9, 9, 4, step=2.0**-8)),
    "absolute floats": lambda: case(lambda x: jnp.abs(x) - x, floats(-9, 9, 4, step=2.0**-8)),
    "a sum of floats": lambda: case(lambda x: jnp.sum(x), floats(-9, 9, 100, step=2.0**-8)),
    "a sum of rows": lambda: case(lambda x: x.sum(1) * 0.125, floats(-9, 9, 4, 8)),
    "a cumulative sum of floats": lambda: case(lambda x: jnp.cumsum(x), floats(-9, 9, 100)),
    "a square of floats": lambda: case(lambda x: x * x, floats(-9, 9, 4, step=2.0**-4)),
    "the largest float": lambda: case(lambda x: (jnp.max(x), jnp.argmax(x)), floats(-9, 9, 8, step=2.0**-4)),
    "floats in order": lambda: case(lambda x: jnp.sort(x), floats(-9, 9, 8, step=2.0**-4)),
    "the order of floats": lambda: case(lambda x: jnp.argsort(x), floats(-9, 9, 8, step=2.0**-4)),
    "floats compared": lambda: case(lambda x, y: (x < y, x == y), floats(-9, 9, 4), floats(-9, 9, 4)),
    "floats in bins": lambda: case(float_binning, floats(0, 4, 4, step=2.0**-8)),
    "a mean of a power of two": lambda: case(lambda x: jnp.sum(x, axis=0) * 0.25, floats(-9, 9, 4, 3)),
    "float16 in small steps": lambda: case(lambda x: x * 2 + 1, bounded(jnp.float16, -100, 100, 4, step=0.25)),
    "bfloat16 from bytes": lambda: case(lambda x: x.astype(jnp.bfloat16) + 1, u8(4)),
    "pieces": lambda: case(three_pieces, ints(-32768, 32767, 4)),
    "ternary weights": lambda: case(ternary, ints(-99, 99, 8, 4), bounded(jnp.int8, -1, 1, 8, 4)),
    "an embedding": lambda: case(embedding, i8(50, 4), i32(9)),
    "interpolated": lambda: case(bilinear, ints(0, 255, 9), ints(0, 16, 8)),
    "a recurrent layer": lambda: case(gated_units, ints(-999, 999, 9, 4), ints(-512, 511, 4)),
    "moved floats": lambda: case(lambda x: x.reshape(2, 2).T[::-1], f32(4)),
    "a select of floats": lambda: case(lambda x, y: jnp.where(x > y, x, y), floats(-9, 9, 4), floats(-9, 9, 4)),
    "a dot of a sign": lambda: case(lambda x, y: jnp.vdot(jnp.sign(x), y), ints(-9, 9, 8), ints(-9, 9, 8)),
    "majority": lambda: case(lambda x: jnp.sum(x.astype(jnp.int32) * 2 - 1) > 0, array(bool, 9)),
    "xnor": lambda: case(lambda x, w: 32 - 2 * lax.population_count(x ^ w).astype(jnp.int32), u32(4), u32(4)),
    "distances": lambda: case(
        lambda x, c: jnp.argmin(jnp.sum((x[:, None] - c[None]) ** 2, -1), -1), ints(-99, 99, 4, 3), ints(-99, 99, 5, 3)
    ),
    "a matrix power": lambda: case(lambda x: jnp.linalg.matrix_power(x, 3), ints(-9, 9, 3, 3)),
    "a trace": lambda: case(jnp.trace, ints(-9, 9, 3, 3)),
    "a Kronecker product": lambda: case(jnp.kron, ints(-9, 9, 2, 2), ints(-9, 9, 2, 2)),
    "a cross product": lambda: case(jnp.cross, ints(-9, 9, 3), ints(-9, 9, 3)),
    "a masked sum": lambda: case(lambda x, m: jnp.sum(x, where=m), ints(-9, 9, 8), array(bool, 8)),
    "a masked maximum": lambda: case(lambda x, m: jnp.max(x, where=m, initial=-1), ints(-9, 9, 8), array(bool, 8)),
}

KINDS: dict[str, Cases] = {
    "integers": INTEGERS,
    "indices": INDICES,
    "jnp": NUMPY,
    "coders": CODERS,
    "control": CONTROL,
    "models": MODELS,
}
SOUND: Cases = {f"{kind}: {name}": make for kind, cases in KINDS.items() for name, make in cases.items()}
