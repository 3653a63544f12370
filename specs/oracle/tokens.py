"""A stream of windows as token ids, and back. Standard library only; this is the definition."""

from collections.abc import Sequence

from .refusal import require_range
from .windows import check_bits


def check_token_bits(token_bits: int) -> None:
    """Raises Refused unless token ids can have this many bits."""
    require_range([token_bits], 1, 16, "token_bits")


def cut(codes: Sequence[int], bits: int, token_bits: int) -> list[int]:
    """The stream of windows cut into ids of `token_bits` bits, first bits first, the last id filled with zeros."""
    check_bits(bits)
    check_token_bits(token_bits)
    require_range(codes, 0, 2**bits - 1, "code")
    stream = "".join(format(code, f"0{bits}b") for code in codes)
    stream += "0" * (-len(stream) % token_bits)
    return [int(stream[i : i + token_bits], 2) for i in range(0, len(stream), token_bits)]


def join(ids: Sequence[int], bits: int, token_bits: int) -> list[int]:
    """The windows of a stream of ids; bits at the end that are no whole window are dropped."""
    check_bits(bits)
    check_token_bits(token_bits)
    require_range(ids, 0, 2**token_bits - 1, "id")
    stream = "".join(format(i, f"0{token_bits}b") for i in ids)
    return [int(stream[i : i + bits], 2) for i in range(0, len(stream) - bits + 1, bits)]
