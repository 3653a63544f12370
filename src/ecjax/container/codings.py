"""How blocks of text become payloads: as streams of a model, as its windows, or as those of a codebook."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt32

from ecjax.codebook import Codebook
from ecjax.coding import batches, windows
from ecjax.container.layout import CODEBOOK, STREAMS, WINDOWS, Header, Refused
from ecjax.models.base import ByteModel, check_usable
from ecjax.tokenizers import EqualInfo
from ecjax.tokenizers.arithmetic import decode_blocks, encode_blocks
from ecjax.tokenizers.bits import from_bytes, from_ids, to_numbers

_SPELLED = 4096  # windows that are spelled at once, lest those of a damaged file take much memory before it shows


class Coding(NamedTuple):
    """How blocks of text become payloads, and what a file's header says of it.

    Attributes:
      header: What the file says.
      encode: The payload of each of several blocks of text.
      read: From a payload, and the bytes of text that it is to hold, what `decode` wants; or Refused.
      decode: The texts of several payloads that were read, each to hold so many bytes; one that does not may be cut.
    """

    header: Header
    encode: Callable[[Sequence[bytes]], Sequence[bytes]]
    read: Callable[[bytes, int], Any]
    decode: Callable[[Sequence[Any], Sequence[int]], Iterable[bytes]]


def stream_coding(model: ByteModel, fingerprint: str) -> Coding:
    """Each block a stream of its own (method 1): the smallest file.

    The bytes of a block are decoded one after the other, but blocks are decoded side by side.

    Args:
      model: An exact model.
      fingerprint: Names it: 64 lower-case hexadecimal digits, those of its file if it has one.

    Raises:
      ValueError: If the model is not exact, or the fingerprint is none.
    """
    check_usable(model, allow_inexact=False)
    return Coding(
        Header(STREAMS, 0, model.precision, _check_fingerprint(fingerprint)),
        lambda texts: encode_blocks(model, texts),
        lambda payload, length: payload,
        lambda codes, lengths: decode_blocks(model, codes, lengths),
    )


def window_coding(model: ByteModel, bits: int, fingerprint: str) -> Coding:
    """Each block a row of windows (method 2), which decode all at once.

    Args:
      model: An exact model.
      bits: b, 9 to 128.
      fingerprint: As in `stream_coding`.

    Raises:
      ValueError: If the model is not exact, the bits are out of range, or the fingerprint is none.
    """
    tokenizer = EqualInfo(model, bits, token_bits=8)

    def spell(codes: UInt32[np.ndarray, "n limbs"]) -> Iterator[bytes]:
        for begin in range(0, len(codes), _SPELLED):
            yield from batches.decode(model, windows.Preorder(bits), codes[begin : begin + _SPELLED])

    def decode(batch: Sequence[UInt32[np.ndarray, "_ limbs"]], lengths: Sequence[int]) -> Iterator[bytes]:
        strings = spell(np.concatenate(batch))
        return (_joined(itertools.islice(strings, len(codes)), n) for codes, n in zip(batch, lengths, strict=True))

    return Coding(
        Header(WINDOWS, bits, model.precision, _check_fingerprint(fingerprint)),
        lambda texts: [ids.astype(np.uint8).tobytes() for ids in tokenizer.encode_batch(texts)],
        lambda payload, length: _read_windows(payload, bits, length),
        decode,
    )


def codebook_coding(codebook: Codebook) -> Coding:
    """Each block a row of a codebook's windows (method 3): no model at run time.

    Args:
      codebook: The codebook; its special tokens play no part.
    """
    bits, lengths_of = codebook.bits, np.asarray(codebook.lengths)

    def read(payload: bytes, length: int) -> np.ndarray:
        ids = _read_windows(payload, bits, length)[:, 0].astype(np.int32)
        check_length(int(lengths_of[ids].sum(dtype=np.int64)), length)  # before there is room made for it
        return ids

    return Coding(
        Header(CODEBOOK, bits, 0, codebook.without_special_tokens().fingerprint),
        lambda texts: [np.packbits(from_ids(ids, bits)).tobytes() for ids in codebook.encode_batch(texts)],
        read,
        lambda batch, lengths: codebook.decode_batch(batch),
    )


def _check_fingerprint(fingerprint: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", fingerprint):
        raise ValueError(f"a fingerprint is 64 lower-case hexadecimal digits, got {fingerprint!r}")
    return fingerprint


def _read_windows(payload: bytes, bits: int, length: int) -> UInt32[np.ndarray, "n limbs"]:
    """The windows of a payload that is to hold so many bytes of text. Raises Refused if it cannot (K-10)."""
    stream = from_bytes(payload)
    codes, rest = to_numbers(stream, bits), stream[len(stream) // bits * bits :]
    if len(rest) >= 8 or rest.any():
        raise Refused("payload", f"{len(rest)} bits follow the last window; there are fewer than 8, and all 0")
    if not codes.any(axis=1).all():
        raise Refused("payload", "a window is 0, the empty text, which no block has")
    if len(codes) > length:  # for each is a byte at least
        raise Refused("payload", f"there are {len(codes)} windows for {length} bytes of text, more than bytes")
    return codes


def check_length(got: int, length: int) -> None:
    """Raises Refused unless a block has as many bytes of text as it says."""
    if got != length:
        raise Refused("payload", f"the payload holds {got} bytes of text or more, not {length}")


def _joined(strings: Iterable[bytes], length: int) -> bytes:
    """The text of windows that are to have so many bytes, cut off once it has more."""
    text = bytearray()
    for string in strings:
        text += string
        if len(text) > length:
            break
    return bytes(text)
