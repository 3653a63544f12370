"""Equal-Info windows by preorder numbering, as Python integers say it. Standard library only; this is the definition.

A model is a function from the bytes so far in the window to a frequency table: 257 integers, rising strictly from 0
to 2**F.
"""

from collections.abc import Callable, Sequence

from .refusal import require_range

Model = Callable[[bytes], Sequence[int]]


def check_bits(bits: int) -> None:
    """Raises Refused unless windows can have this many bits."""
    require_range([bits], 9, 128, "bits")


def apportion(points: int, table: Sequence[int], root: bool) -> list[int]:
    """How many of a node's points below each child gets, in byte order. They sum to `points`."""
    frequencies = [table[c + 1] - table[c] for c in range(256)]
    total = table[256]
    reserved = 1 if root else 0
    m = points - 256 * reserved
    likeliest = frequencies.index(max(frequencies))
    kept = [f if 2 * m * f >= total or c == likeliest else 0 for c, f in enumerate(frequencies)]
    kept_total = sum(kept)
    counts, cumulative, start = [], 0, 0
    for f in kept:
        cumulative += f
        end = m * cumulative // kept_total
        counts.append(reserved + end - start)
        start = end
    return counts


def encode_window(model: Model, text: bytes, bits: int) -> tuple[int, int]:
    """The code of a text's first window, and its size in bytes."""
    code, below, size = 0, 2**bits - 1, 0
    while size < len(text):
        byte = text[size]
        counts = apportion(below, model(text[:size]), root=size == 0)
        if counts[byte] == 0:
            break
        code += 1 + sum(counts[:byte])
        below = counts[byte] - 1
        size += 1
    return code, size


def encode(model: Model, text: bytes, bits: int) -> list[int]:
    """The codes of a text's windows."""
    check_bits(bits)
    codes, position = [], 0
    while position < len(text):
        code, size = encode_window(model, text[position:], bits)
        codes.append(code)
        position += size
    return codes


def decode_window(model: Model, code: int, bits: int) -> bytes:
    """The string of one code."""
    check_bits(bits)
    require_range([code], 0, 2**bits - 1, "code")
    window, rank, below = b"", code, 2**bits - 1
    while rank > 0:
        rank -= 1
        counts = apportion(below, model(window), root=not window)
        byte = 0
        while rank >= counts[byte]:
            rank -= counts[byte]
            byte += 1
        below = counts[byte] - 1
        window += bytes([byte])
    return window


def decode(model: Model, codes: Sequence[int], bits: int) -> bytes:
    """The text of a sequence of codes; any sequence of numbers below `2**bits` has one."""
    return b"".join(decode_window(model, code, bits) for code in codes)
