"""Huffman codes of a model's frequency tables as tokens."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, UInt8, UInt32

from ecjax.models.base import ByteModel
from ecjax.tokenizers import blocks
from ecjax.tokenizers.bits import from_bytes, read_number, write_number
from ecjax.tokenizers.modelled import ModelledTokenizer


class Huffman(ModelledTokenizer):
    """Each byte by a Huffman code of the model's table at its place (arXiv 2404.03626, App. B.2).

    The model starts anew after every 10,240 bytes. A text's ids are slices of its length in LEB128 and the codes, one
    after another. It is there for comparison: every place of a text has a code made for it, in Python, and decoding
    goes byte by byte.

    Attributes:
      model: M1.
      token_bits: v, 1 to 16.
    """

    # As the parent's: type checkers give an Equinox module without one an __init__ of its fields.
    def __init__(self, model: ByteModel, token_bits: int = 8, *, allow_inexact: bool = False) -> None:
        super().__init__(model, token_bits, allow_inexact=allow_inexact)

    def compress(self, texts: Sequence[bytes]) -> list[bytes]:
        return [self._compress(text) for text in texts]

    def decompress(self, codes: Sequence[bytes]) -> list[bytes]:
        return [self._decompress(code) for code in codes]

    def _compress(self, text: bytes) -> bytes:
        if not text:
            return b""
        rows = (row for block in blocks.cut(text) for row in self._tables(block))
        bits = "".join(huffman_code(row.tobytes()).codes[byte] for row, byte in zip(rows, text, strict=True))
        packed = np.packbits(np.frombuffer(bits.encode(), np.uint8) - ord("0"))
        return write_number(len(text)) + packed.tobytes()

    def _decompress(self, code: bytes) -> bytes:
        length, rest = read_number(code)
        bits = "".join(map(str, from_bytes(rest)))
        if length > len(bits):  # every code has a bit at least
            raise ValueError(f"these ids say they are of {length} bytes, but are too few; give all ids of one text")
        text, at = bytearray(), 0
        for size in blocks.lengths(length):
            state, table = _begin(self.model)
            for _ in range(size):
                byte, at = huffman_code(np.asarray(table).tobytes()).read(bits, at)
                text.append(byte)
                state, table = _advance(self.model, state, jnp.asarray(byte, jnp.int32))
        if "1" in bits[at:]:
            raise ValueError("there are ids other than 0 after the last of a text; give those of one text")
        return bytes(text)

    def _tables(self, block: bytes) -> Iterator[UInt32[np.ndarray, "257"]]:
        padded = blocks.stack([block], 1, blocks.room(len(block)))
        return iter(np.asarray(_sequence(self.model, padded[0]))[: len(block)])


class HuffmanCode(NamedTuple):
    """A canonical Huffman code.

    Attributes:
      codes: The bits of each byte's code, as a string of 0 and 1.
      bytes: The byte of each code.
    """

    codes: tuple[str, ...]
    bytes: dict[str, int]

    def read(self, bits: str, at: int) -> tuple[int, int]:
        """The byte whose code stands in `bits` at a place, and the place after it. Raises ValueError if none does."""
        for end in range(at + 1, len(bits) + 1):
            byte = self.bytes.get(bits[at:end])
            if byte is not None:
                return byte, end
        raise ValueError("these ids end within a code; give all ids of one text")


@functools.lru_cache(maxsize=1024)
def huffman_code(table: bytes) -> HuffmanCode:
    """The canonical Huffman code of a frequency table, given as the bytes of its uint32 entries.

    Codes of one length rise with their bytes, and shorter ones come first: the lengths tell the code.
    """
    lengths = code_lengths(np.diff(np.frombuffer(table, np.uint32)).tolist())
    codes, code, last = [""] * 256, 0, 0
    for length, byte in sorted(zip(lengths, range(256), strict=True)):
        code <<= length - last
        codes[byte] = f"{code:0{length}b}"
        code, last = code + 1, length
    return HuffmanCode(tuple(codes), {bits: byte for byte, bits in enumerate(codes)})


def code_lengths(frequencies: Sequence[int]) -> list[int]:
    """The lengths of codes by Huffman's algorithm; of equal weights the one that was there first is merged first."""
    lengths = [0] * len(frequencies)
    heap = [(frequency, i, [i]) for i, frequency in enumerate(frequencies)]
    heapq.heapify(heap)
    for order in range(len(heap), 2 * len(heap) - 1):
        (first, _, below), (second, _, others) = heapq.heappop(heap), heapq.heappop(heap)
        for i in (members := below + others):
            lengths[i] += 1
        heapq.heappush(heap, (first + second, order, members))
    return lengths


@eqx.filter_jit
def _sequence(model: ByteModel, text: UInt8[Array, " n"]) -> UInt32[Array, "n 257"]:
    return model.sequence(text)


@eqx.filter_jit
def _begin(model: ByteModel) -> tuple[PyTree[Any], UInt32[Array, "257"]]:
    state = model.init()
    return state, model.frequencies(state)


@eqx.filter_jit
def _advance(model: ByteModel, state: PyTree[Any], byte: Array) -> tuple[PyTree[Any], UInt32[Array, "257"]]:
    state = model.step(state, byte)
    return state, model.frequencies(state)
