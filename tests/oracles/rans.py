"""`ecjax.coding.rans` in Python's integers, as its text defines it."""

from collections.abc import Callable, Sequence
from typing import Any

Model = Callable[[Any], Sequence[int]]
"""The frequency table of the next symbol, given those before."""


def encode(model: Model, symbols: list[int], precision: int) -> bytes:
    """The code of symbols, the last one first."""
    x, emitted = 1 << 24, []
    for i in reversed(range(len(symbols))):
        start, end = model(symbols[:i])[symbols[i] : symbols[i] + 2]
        while x >= (end - start) << (32 - precision):
            emitted.append(x & 255)
            x >>= 8
        x = (x // (end - start) << precision) + start + x % (end - start)
    return (x.to_bytes(4, "big") + bytes(reversed(emitted))).rstrip(b"\0")


def decode(model: Model, code: bytes, length: int, precision: int) -> list[int]:
    """The symbols of a code. At most two bytes are read at a time, which matters if no encoder wrote the code."""
    code, symbols = code.ljust(4 + 2 * length, b"\0"), []
    x, following = int.from_bytes(code[:4], "big"), iter(code[4:])
    for _ in range(length):
        table, slot = model(symbols), x & ((1 << precision) - 1)
        symbols.append(max(c for c in range(len(table) - 1) if table[c] <= slot))
        start, end = table[symbols[-1] : symbols[-1] + 2]
        x = (end - start) * (x >> precision) + slot - start
        for _ in range(2):
            x = x << 8 | next(following) if x < 1 << 24 else x
    return symbols
