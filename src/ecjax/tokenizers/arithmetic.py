"""Arithmetic coding as tokens."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Int32, UInt8

from ecjax.coding import stream
from ecjax.models.base import ByteModel
from ecjax.programs import jit
from ecjax.tokenizers import blocks
from ecjax.tokenizers.bits import read_number, write_number
from ecjax.tokenizers.modelled import ModelledTokenizer

_LENGTH = 2  # bytes that tell the length of a block's code, which is at most 20,480


class ArithmeticCoding(ModelledTokenizer):
    """The output of an arithmetic coder, AC and with a `Unigram` model StaticAC (arXiv 2404.03626, sec. 3.3).

    Every block of 10,240 bytes of a text is a stream of its own (`ecjax.coding.stream`): the model and the coder start
    anew in each, but never within one. A text's ids are slices of its length in LEB128 and, for each block, two bytes
    with the length of its code (the greater first) and the code.

    Attributes:
      model: M1.
      token_bits: v, 1 to 16.
    """

    # As the parent's: type checkers give an Equinox module without one an __init__ of its fields.
    def __init__(self, model: ByteModel, token_bits: int = 8, *, allow_inexact: bool = False) -> None:
        super().__init__(model, token_bits, allow_inexact=allow_inexact)

    def compress(self, texts: Sequence[bytes]) -> list[bytes]:
        codes = iter(encode_blocks(self.model, [block for text in texts for block in blocks.cut(text)]))
        return [self._frame(len(text), [next(codes) for _ in blocks.cut(text)]) for text in texts]

    def decompress(self, codes: Sequence[bytes]) -> list[bytes]:
        framed = [self._unframe(code) for code in codes]
        lengths = [length for length, _ in framed]
        sizes = [size for length in lengths for size in blocks.lengths(length)]
        text = b"".join(decode_blocks(self.model, [code for _, own in framed for code in own], sizes))
        ends = np.cumsum(lengths, dtype=np.int64)
        return [text[end - length : end] for end, length in zip(ends, lengths, strict=True)]

    def _frame(self, length: int, codes: Sequence[bytes]) -> bytes:
        parts = [part for code in codes for part in (len(code).to_bytes(_LENGTH, "big"), code)]
        return b"".join([write_number(length), *parts]) if length else b""

    def _unframe(self, code: bytes) -> tuple[int, list[bytes]]:
        length, rest = read_number(code)
        if -(-length // blocks.BLOCK) * _LENGTH > len(rest):
            raise ValueError(f"these ids say they are of {length} bytes, but are too few; give all ids of one text")
        codes, at = [], 0
        for size in blocks.lengths(length):
            begin = at + _LENGTH
            at = begin + int.from_bytes(rest[at:begin], "big")
            if at > len(rest) or at - begin > stream.code_capacity(size, self.model.precision):
                raise ValueError("these ids hold no whole code of each block; give all ids of one text")
            codes.append(rest[begin:at])
        if rest[at:].strip(b"\0"):
            raise ValueError("there are ids other than 0 after the last of a text; give those of one text")
        return length, codes


def encode_blocks(model: ByteModel, parts: Sequence[bytes]) -> list[bytes]:
    """The code of each block of a text, side by side; a block has at most 65,536 bytes."""
    out = [b""] * len(parts)
    sizes = [blocks.room(len(part)) for part in parts]
    # A model that takes all positions of a block at once keeps a core busy with one.
    for group, rows in blocks.groups(sizes, blocks.lanes(1, 16)):
        text = blocks.stack([parts[i] for i in group], rows, sizes[group[0]])
        coded = _encode(model, text, blocks.counts([len(parts[i]) for i in group], rows))
        for i, code, length in zip(group, np.asarray(coded.code), np.asarray(coded.length), strict=False):
            out[i] = code[:length].tobytes()
    return out


def decode_blocks(model: ByteModel, codes: Sequence[bytes], lengths: Sequence[int]) -> list[bytes]:
    """The block of each code, side by side; a code of any length decodes."""
    out = [b""] * len(codes)
    sizes = [blocks.room(length) for length in lengths]
    for group, rows in blocks.groups(sizes, blocks.lanes(8, 256)):
        size = sizes[group[0]]
        # What a code has beyond its capacity says nothing. The bounds of the i-th byte, from 0, are multiples of
        # 2**-((i + 1) * F) until one is rounded, which takes S + 31 < (i + 1) * F: from then on d ends before that.
        room = stream.code_capacity(size, model.precision)
        code = blocks.stack([codes[i][:room] for i in group], rows, room)
        texts = _decode(model, code, blocks.counts([lengths[i] for i in group], rows), size)
        for i, text in zip(group, np.asarray(texts), strict=False):
            out[i] = text[: lengths[i]].tobytes()
    return out


@jit
def _encode(model: ByteModel, texts: UInt8[Array, "rows n"], lengths: Int32[Array, " rows"]) -> stream.Encoded:
    return jax.vmap(stream.encode, in_axes=(None, 0, 0))(model, texts, lengths)


@jit
def _decode(
    model: ByteModel, codes: UInt8[Array, "rows capacity"], lengths: Int32[Array, " rows"], size: int
) -> UInt8[Array, "rows n"]:
    return jax.vmap(lambda code, length: stream.decode(model, code, length, size))(codes, lengths)
