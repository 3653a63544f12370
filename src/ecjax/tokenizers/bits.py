"""Bits as token ids: slices of v bits, first bits first; and numbers that byte strings begin with."""

# Without `from __future__ import annotations`: Equinox has to see AbstractVar itself, not its name in a string.

from abc import abstractmethod
from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Int32, Integer, UInt8, UInt32

from ecjax.checks import check_ids, check_text
from ecjax.integers import LIMB_BITS, limb_count

_MOST_BITS = 16


class SlicedTokenizer(eqx.Module):
    """A tokenizer whose ids are v-bit slices of a byte string, first bits first, the last one filled with zeros.

    A subclass says what that byte string is; zero bytes after it must mean nothing (arXiv 2404.03626, sec. 3.3).

    Attributes:
      token_bits: v, 1 to 16. Static.
    """

    token_bits: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_token_bits(self.token_bits)

    @abstractmethod
    def compress(self, texts: Sequence[bytes]) -> list[bytes]:
        """The byte string of each text; that of the empty text is empty."""

    @abstractmethod
    def decompress(self, codes: Sequence[bytes]) -> list[bytes]:
        """The text of each byte string, which zeros may follow. Raises ValueError if one has no text."""

    @property
    def vocab_size(self) -> int:
        return 1 << self.token_bits

    @property
    def padding_id(self) -> int:
        return 0

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        return self.decode_batch([ids])[0]

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        return [to_ids(from_bytes(code), self.token_bits) for code in self.compress(list(map(check_text, texts)))]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        checked = [check_ids(ids, self.vocab_size) for ids in batch]
        return self.decompress([to_bytes(from_ids(ids, self.token_bits)) for ids in checked])


def check_token_bits(token_bits: int) -> None:
    """Raises ValueError unless ids can have `token_bits` bits."""
    if not 1 <= token_bits <= _MOST_BITS:
        raise ValueError(f"a token has 1 to {_MOST_BITS} bits, got {token_bits}")


def from_bytes(data: bytes) -> UInt8[np.ndarray, " n"]:
    """The bits of bytes, each as a number, the most significant of a byte first."""
    return np.unpackbits(np.frombuffer(data, np.uint8))


def to_bytes(bits: UInt8[np.ndarray, " n"]) -> bytes:
    """The whole bytes of bits; what is left at the end is dropped."""
    return np.packbits(bits[: len(bits) // 8 * 8]).tobytes()


def to_ids(bits: UInt8[np.ndarray, " n"], token_bits: int) -> Int32[np.ndarray, " m"]:
    """Slices of `token_bits` bits, first bits first; the last one is filled with zeros."""
    slices = np.pad(bits, (0, -len(bits) % token_bits)).reshape(-1, token_bits)
    words = np.packbits(np.pad(slices, ((0, 0), (_MOST_BITS - token_bits, 0))), axis=1)
    return words.view(">u2")[:, 0].astype(np.int32)


def from_ids(ids: Int32[np.ndarray, " m"], token_bits: int) -> UInt8[np.ndarray, " n"]:
    """The bits of slices: the inverse of `to_ids`, but for zeros at the end."""
    words = ids.astype(">u2")[:, None].view(np.uint8)
    return np.unpackbits(words, axis=1)[:, _MOST_BITS - token_bits :].reshape(-1)


def from_numbers(numbers: UInt32[np.ndarray, "m limbs"], bits: int) -> UInt8[np.ndarray, " n"]:
    """The bits of numbers of limbs (`ecjax.integers`), `bits` bits of each, first bits first."""
    words = numbers[:, ::-1].astype(">u4").view(np.uint8)
    return np.unpackbits(words, axis=1)[:, words.shape[1] * 8 - bits :].reshape(-1)


def to_numbers(stream: UInt8[np.ndarray, " n"], bits: int) -> UInt32[np.ndarray, "m limbs"]:
    """Numbers of `bits` bits from a stream of bits, as limbs; what is left at the end is dropped."""
    whole = stream[: len(stream) // bits * bits].reshape(-1, bits)
    filled = np.pad(whole, ((0, 0), (limb_count(bits) * LIMB_BITS - bits, 0)))
    return np.packbits(filled, axis=1).view(">u4")[:, ::-1].astype(np.uint32)


def write_number(number: int) -> bytes:
    """A number from 0 on as LEB128: seven bits to a byte, the lowest first; all bytes but the last are 128 or more."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def read_number(data: bytes) -> tuple[int, bytes]:
    """The number that `data` begins with, and what follows it; of no data the number is 0.

    Raises:
      ValueError: If the number does not end within nine bytes, or not within the data.
    """
    number = 0
    for i, byte in enumerate(data[:9]):
        number |= (byte & 127) << 7 * i
        if byte < 128:
            return number, data[i + 1 :]
    if data:
        raise ValueError("these ids do not begin with the length of a text; give all ids of one text, from its first")
    return 0, b""
