"""Equal-Info windows as the paper has them (arXiv 2404.03626, sec. 3.3, A.5 and D.5), in Python integers.

A model is a function from the bytes so far in the window to a frequency table: 257 integers, rising strictly from 0 to
2**F. A string stands for the arithmetic coder's exact interval, `[low, low + width) / 2**scale`. Its code is the
shortest bit string whose dyadic interval `[m, m + 1) / 2**k` lies inside (of two, the lower), and its *padded* code
that bit string with zeros to b bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Model = Callable[[bytes], Sequence[int]]


class _Interval(NamedTuple):
    low: int = 0
    width: int = 1
    scale: int = 0

    def narrow(self, table: Sequence[int], byte: int) -> _Interval:
        start, end = table[byte], table[byte + 1]
        precision = table[256].bit_length() - 1
        return _Interval(
            (self.low << precision) + self.width * start, self.width * (end - start), self.scale + precision
        )

    def padded_code(self, bits: int) -> int | None:
        """The padded code, or None if the code has more than `bits` bits."""
        # No dyadic interval is longer than what contains it, so no shorter k can do.
        for k in range(max(0, self.scale - self.width.bit_length() + 1), bits + 1):
            m = -((-self.low << k) >> self.scale)  # rounded up
            if (m + 1) << self.scale <= (self.low + self.width) << k:
                return m << (bits - k)
        return None


def _codes(model: Model, text: bytes, bits: int) -> list[int]:
    """The padded codes of text[:1], text[:2] and so on, as far as they have at most `bits` bits."""
    interval, codes = _Interval(), []
    for length, byte in enumerate(text):
        interval = interval.narrow(model(text[:length]), byte)
        code = interval.padded_code(bits)
        if code is None:
            break
        codes.append(code)
    return codes


def published_window(model: Model, text: bytes, bits: int) -> tuple[int, int]:
    """The first window of a text: its code, and how many bytes it takes, as many as fit."""
    codes = _codes(model, text, bits)
    return codes[-1], len(codes)


def delayed_window(model: Model, text: bytes, bits: int) -> tuple[int, int]:
    """The same (A.5), but the bytes at its end that leave its padded code as it is are left to the next window.

    At least one byte stays, even where the code is that of the empty string.
    """
    codes = _codes(model, text, bits)
    return codes[-1], codes.index(codes[-1]) + 1


def readings(model: Model, code: int, bits: int) -> list[bytes]:
    """All strings, but the empty one, with this padded code, shortest first.

    A string's interval contains its padded code, so all of them are on the one path that arithmetic decoding takes.
    Codes never get shorter along the path, so the first that has more than `bits` bits ends it. The look-ahead decoder
    (D.5) returns the last of them, the one for delayed windows (A.5) the first.
    """
    interval, string, found = _Interval(), b"", []
    while True:
        table = model(string)
        byte = _byte_at(interval, table, code, bits)
        interval, string = interval.narrow(table, byte), string + bytes([byte])
        reached = interval.padded_code(bits)
        if reached is None:
            return found
        if reached == code:
            found.append(string)


def _byte_at(interval: _Interval, table: Sequence[int], code: int, bits: int) -> int:
    """The byte whose part of the interval contains `code / 2**bits`."""
    low, high = 0, 256
    while high - low > 1:
        middle = (low + high) // 2
        start = interval.narrow(table, middle)
        if start.low << bits <= code << start.scale:
            low = middle
        else:
            high = middle
    return low
