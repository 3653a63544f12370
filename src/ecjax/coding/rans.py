"""rANS: streams of symbols as `ecjax.coding.stream` codes them, several times faster and a few bytes longer.

Range asymmetric numeral systems (Duda, 2013, arXiv:1311.2540). One number, the **state** x, holds what is coded; it
stays in `[2**24, 2**32)`, and its lower bytes move to the code as it grows. A symbol of frequency `f = t[c + 1] - t[c]`
under the table t of precision F is pushed by

    emit x's lowest byte, x = x >> 8, while x >= f * 2**(32 - F)
    x = floor(x / f) * 2**F + t[c] + x mod f

The encoder starts at `x = 2**24` with the *last* symbol. The code is the last state, four bytes, then the bytes
emitted, in reverse; zeros at its end are left out. The decoder begins with the state and pops the first symbol:

    slot = x mod 2**F; c is the symbol with t[c] <= slot < t[c + 1]
    x = f * floor(x / 2**F) + slot - t[c]
    x = x << 8 | the next byte, while x < 2**24

**Lossless.** Two bytes are emitted at most, for `f * 2**(32 - F) >= 2**16`. Then `x < f * 2**(32 - F)`, so `q =
floor(x / f) < 2**(32 - F)`, and the new state is below `2**32`. Either nothing was emitted: then it is at least x. Or
`x >= f * 2**(24 - F)`, so `q >= 2**(24 - F)`, and it is at least `2**24`. Popping undoes the second line of pushing.
What it finds is the old state without its last k bytes; the old state was in `[2**24, 2**32)`, so less than k bytes
leave it below `2**24`, and k do not: the decoder reads those k.

**Total.** Whatever the state, `x <= f * (2**(32 - F) - 1) + f - 1 < 2**32` after a pop, and two bytes are read at most.
So every code decodes to some symbols.

**Overhead.** With `ideal = sum(-log2(f / 2**F))`, a code of k bytes has

    8 * k < ideal * (1 + 2**(F - 24)) + 32.

Measured streams have 20 to 32 bits more than ideal, whatever their length.

*Proof.* Emitting does not increase `8 * emitted + log2(x)`. Pushing multiplies x by `(q * 2**F + t[c] + m) / (q * f +
m)`, m being the remainder. With `p = f / 2**F` and `t[c] <= 2**F - f`, that is at most `(q + 1 - p + m / 2**F) / (q * f
+ m) * 2**F`, which falls as m grows. At `m = 0` it is `(1 + (1 - p) / q) / p`. So a symbol costs at most `-log2(p) + (1
- p) / (q * ln(2))` bits, and `q >= 2**(24 - F)` in either case above. As `-log2(p) >= (1 - p) / ln(2)`, that is at most
`-log2(p) * (1 + 2**(F - 24))`. The first state has 24 bits, the last at least as many, written in 32. QED

`stream` is the one to take where its three bytes less count: many short streams, each with a code of its own.

docs/streams.md compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Int32, Integer, PyTree, UInt8, UInt32

from ecjax.coding.symbols import Encoded, bounds_of, check_symbols, locate, symbol_dtype
from ecjax.integers import wrapping
from ecjax.models.base import SymbolModel, check_first_table

__all__ = ["Encoded", "code_capacity", "decode", "encode"]

_STATE_BYTES = 4
_LEAST = 1 << 24  # the least state, which is the first


class _Pushed(NamedTuple):
    """What the encoder carries: the coder's state, and what is emitted, which stands from `position` on."""

    x: UInt32[Array, ""]
    code: UInt8[Array, " capacity"]
    position: Int32[Array, ""]


class _Popped(NamedTuple):
    """What the decoder carries: the model's state, the coder's, and how many bytes it has read."""

    model_state: PyTree
    x: UInt32[Array, ""]
    position: Int32[Array, ""]


def code_capacity(length: int, precision: int) -> int:
    """Bytes that hold the code of all sequences of `length` symbols under a model of that precision.

    Args:
      length: Symbols in a sequence.
      precision: F of the model.
    """
    by_overhead = -(-length * precision * ((1 << (24 - precision)) + 1) // (1 << (27 - precision)))
    return _STATE_BYTES + min(2 * length, by_overhead)


def encode(model: SymbolModel, symbols: Integer[Array, " n"], length: Integer[Array, ""] | int) -> Encoded:
    """The code of a sequence of symbols. Pure; under `jit` and `vmap` the same, bit for bit.

    Args:
      model: An exact model, or else one whose `sequence` is trusted to equal its stepping in the decoder.
      symbols: Symbols `0 .. K - 1` of the model's alphabet, padded with anything; n is below 2**29.
      length: Symbols that count, 0 to n.

    Returns:
      The code, padded to `code_capacity(n, model.precision)` bytes.

    Raises:
      ValueError: If n is too large; and, outside of `jit`, if a number is no symbol or the model's first table is none.
    """
    n, precision = symbols.shape[0], model.precision
    if n >= 1 << 29:
        raise ValueError(f"fewer than {1 << 29} symbols fit, got {n}")
    check_symbols(model, symbols, length)
    bounds, inside = bounds_of(model, symbols, length)
    start, end = bounds.T
    with wrapping():  # it does not, for a table rises
        frequency = jnp.maximum(end - start, 1)

    def step(
        carry: _Pushed, each: tuple[UInt32[Array, ""], UInt32[Array, ""], Bool[Array, ""]]
    ) -> tuple[_Pushed, None]:
        start, frequency, counts = each
        x, emitted = push(carry.x, start, frequency, precision)
        # Both bytes are written, before what is there. Those not emitted are overwritten next, or by the state.
        code = _put(carry.code, carry.x & 0xFFFF, 2, carry.position)
        position = carry.position - jnp.where(counts, emitted, 0)
        return _Pushed(jnp.where(counts, x, carry.x), code, position), None

    capacity = code_capacity(n, precision)
    first = _Pushed(jnp.array(_LEAST, jnp.uint32), jnp.zeros(capacity, jnp.uint8), jnp.array(capacity, jnp.int32))
    last, _ = jax.lax.scan(step, first, (start, frequency, inside), reverse=True)
    code = jnp.pad(_put(last.code, last.x, _STATE_BYTES, last.position), (0, capacity))
    code = jax.lax.dynamic_slice(code, (last.position - _STATE_BYTES,), (capacity,))
    count = jnp.arange(1, capacity + 1, dtype=jnp.int32)
    return Encoded(code, jnp.max(jnp.where(code != 0, count, 0)))


def decode(
    model: SymbolModel, code: UInt8[Array, " capacity"], length: Integer[Array, ""] | int, capacity: int
) -> UInt8[Array, " n"] | Int32[Array, " n"]:
    """The symbols of a code: the inverse of `encode`. Any bytes decode to some symbols.

    Args:
      model: The model that they were encoded with.
      code: The code, of any size; it goes on in zeros beyond its end.
      length: How many symbols, 0 to `capacity`, below 2**29. A code does not tell it.
      capacity: Static size n of the result.

    Returns:
      The symbols, then zeros: uint8 under a `ByteModel`, else int32.

    Raises:
      ValueError: Outside of `jit`, if the model's first table is none.
    """
    if not isinstance(code, Tracer):
        check_first_table(model)

    def step(carry: _Popped, _: None) -> tuple[_Popped, Integer[Array, ""]]:
        table = model.frequencies(carry.model_state)
        symbol, x = pop(carry.x, table, model.precision)
        x, read = refill(x, jax.lax.dynamic_slice(code, (carry.position,), (2,)))
        after = _Popped(model.step(carry.model_state, symbol), x, carry.position + read)
        return after, symbol.astype(symbol_dtype(model))

    code = jnp.pad(code, (0, _STATE_BYTES))
    first = code[:_STATE_BYTES].astype(jnp.uint32)
    x = (first[0] << 24) | (first[1] << 16) | (first[2] << 8) | first[3]
    start = _Popped(model.init(), x, jnp.array(_STATE_BYTES, jnp.int32))
    symbols = jax.lax.scan(step, start, length=capacity)[1]
    return jnp.where(jnp.arange(capacity) < length, symbols, 0)


def push(
    x: UInt32[Array, ""], start: UInt32[Array, ""], frequency: UInt32[Array, ""], precision: int
) -> tuple[UInt32[Array, ""], Int32[Array, ""]]:
    """The state with a symbol more, whose counts begin at `start`, and how many of x's bytes are emitted: 0 to 2."""
    emitted = jnp.zeros((), jnp.int32)
    for _ in range(2):
        full = x >> (32 - precision) >= frequency
        x, emitted = jnp.where(full, x >> 8, x), emitted + full
    quotient = x // frequency
    with wrapping():  # it does not: the quotient is below 2**(32 - F), and the rest below 2**F
        return (quotient << precision) + (x - quotient * frequency + start), emitted


def pop(
    x: UInt32[Array, ""], table: UInt32[Array, " entries"], precision: int
) -> tuple[Int32[Array, ""], UInt32[Array, ""]]:
    """The symbol that was pushed last, and the state without it, not yet refilled."""
    slot = x & ((1 << precision) - 1)
    symbol = locate(table, slot)
    start, end = jax.lax.dynamic_slice(table, (symbol,), (2,))
    with wrapping():  # it does not: the slot is one of the symbol's counts
        return symbol, (end - start) * (x >> precision) + (slot - start)


def refill(x: UInt32[Array, ""], following: UInt8[Array, "2"]) -> tuple[UInt32[Array, ""], Int32[Array, ""]]:
    """The state brought back to 2**24 or more with up to two of the bytes that follow, and how many that takes."""
    read = jnp.zeros((), jnp.int32)
    for byte in following.astype(jnp.uint32):
        short = x < _LEAST
        x, read = jnp.where(short, (x << 8) | byte, x), read + short
    return x, read


def _put(
    code: UInt8[Array, " capacity"], number: UInt32[Array, ""], size: int, end: Int32[Array, ""]
) -> UInt8[Array, " capacity"]:
    """The code with a number's bytes at the places before `end`."""
    each = [((number >> (8 * i)) & 0xFF).astype(jnp.uint8) for i in reversed(range(size))]
    return jax.lax.dynamic_update_slice(code, jnp.stack(each), (end - size,))
