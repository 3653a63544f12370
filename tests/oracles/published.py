"""Equal-Info windows as the paper has them (arXiv 2404.03626, sec. 3.3, A.5 and D.5). Standard library only.

A string stands for the arithmetic coder's interval (specs/oracle/stream.py). Its *code* is the shortest bit string
whose dyadic interval `[m, m + 1) / 2**k` lies inside, the lower of two; its *padded* code is that with zeros to b bits.
A model is a function from the bytes so far in the window to a frequency table. b is at least F, for every byte to fit.
"""

from collections.abc import Sequence

from specs.oracle.stream import Model, interval, split


def shortest(low: int, r: int, shift: int) -> tuple[int, int]:
    """`(m, k)` of the shortest dyadic interval, the lowest of its length, inside an interval of the coder."""
    scale, k = 31 + shift, 0
    while True:
        m = -(-(low << k) >> scale)  # rounded up
        if (m + 1) << scale <= (low + r) << k:
            return m, k
        k += 1


def padded_code(model: Model, text: bytes, bits: int) -> int | None:
    """The padded code of a string, or None if its code has more than `bits` bits."""
    m, k = shortest(*interval(model, text))
    return m << (bits - k) if k <= bits else None


def _codes(model: Model, text: bytes, bits: int) -> list[int]:
    """The padded codes of text[:1], text[:2] and so on, as far as there are any."""
    codes: list[int] = []
    while len(codes) < len(text) and (code := padded_code(model, text[: len(codes) + 1], bits)) is not None:
        codes.append(code)
    return codes


def windows(model: Model, text: bytes, bits: int, delayed: bool = False) -> list[tuple[int, bytes]]:
    """The code and the string of each window: as many bytes as fit.

    Delayed (A.5), the bytes at its end that leave its padded code as it is are left to the next window. One byte stays
    in any case, even one whose padded code is that of the empty string, 0.
    """
    out, position = [], 0
    while position < len(text):
        codes = _codes(model, text[position:], bits)
        size = codes.index(codes[-1]) + 1 if delayed else len(codes)
        out.append((codes[-1], text[position : position + size]))
        position += size
    return out


def readings(model: Model, code: int, bits: int) -> list[bytes]:
    """All strings, but the empty one, with this padded code, shortest first.

    A string's interval contains its padded code, so they are all on the one path that arithmetic decoding takes, and
    codes never get shorter along it. The look-ahead decoder (D.5) returns the last of them; delayed windows (A.5)
    decode to the first.
    """
    text, found = b"", []
    while True:
        low, r, shift = interval(model, text)
        distance = (code << (31 + shift) >> bits) - low
        table = model(text)
        text += bytes([max(c for c in range(256) if split(r, table, c)[0] <= distance)])
        reached = padded_code(model, text, bits)
        if reached is None:
            return found
        if reached == code:
            found.append(text)


def decode_window(model: Model, code: int, bits: int, delayed: bool = False) -> bytes:
    """The string that a code is read as: the longest with that padded code, or delayed the shortest; else none."""
    found = readings(model, code, bits) or [b""]
    return found[0] if delayed else found[-1]


def decode(model: Model, codes: Sequence[int], bits: int, delayed: bool = False) -> bytes:
    """The text of a sequence of codes, which need not be the one that was encoded."""
    return b"".join(decode_window(model, code, bits, delayed) for code in codes)
