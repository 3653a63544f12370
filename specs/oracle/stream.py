"""Arithmetic coding of whole streams: the definition, in exact integers of any size.

A model is a function from the bytes so far to a frequency table: 257 integers that rise strictly from 0 to `2**F`.
"""

from collections.abc import Callable

Model = Callable[[bytes], list[int]]


def split(r: int, table: list[int], byte: int) -> tuple[int, int]:
    """The part `[lo, hi)` of a range `[0, r)` that belongs to a byte."""
    return r * table[byte] // table[-1], r * table[byte + 1] // table[-1]


def interval(model: Model, text: bytes) -> tuple[int, int, int]:
    """`(low, r, shift)` of a text, which stands for the numbers `low <= x * 2**(31 + shift) < low + r`."""
    low, r, shift = 0, 1 << 31, 0
    for i, byte in enumerate(text):
        lo, hi = split(r, model(text[:i]), byte)
        s = 32 - (hi - lo).bit_length()
        low, r, shift = (low + lo) << s, (hi - lo) << s, shift + s
    return low, r, shift


def encode(model: Model, text: bytes) -> bytes:
    """The code: of the numbers in the text's interval those of fewest bytes, and the greatest of these."""
    low, r, shift = interval(model, text)
    k = 0
    while True:
        number = ((low + r - 1) << 8 * k) >> (31 + shift)  # the last number of k bytes before the interval's end
        if number << (31 + shift) >= low << 8 * k:
            return number.to_bytes(k, "big")
        k += 1


def decode(model: Model, code: bytes, length: int) -> bytes:
    """The text of `length` bytes in whose interval the number of the code lies. Every code is in exactly one."""
    number = int.from_bytes(code, "big")
    low, r, shift, text = 0, 1 << 31, 0, b""
    while len(text) < length:
        distance = (number << (31 + shift) >> 8 * len(code)) - low
        table = model(text)
        byte = max(c for c in range(256) if split(r, table, c)[0] <= distance)
        lo, hi = split(r, table, byte)
        s = 32 - (hi - lo).bit_length()
        low, r, shift, text = (low + lo) << s, (hi - lo) << s, shift + s, text + bytes([byte])
    return text
