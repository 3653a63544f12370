"""Text compressed by zlib, as tokens."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import equinox as eqx

from ecjax.tokenizers.bits import SlicedTokenizer
from ecjax.tokenizers.blocks import BLOCK, cut

_WRAPPED, _RAW = 31, -15  # zlib's names for gzip's header and footer, and for neither
_LONGEST = BLOCK + 1024  # bytes of a compressed block: zlib stores what it cannot compress, and adds a few


class GZip(SlicedTokenizer):
    """The output of zlib at its default level, blocks of 10,240 bytes compressed each by itself (sec. 3.3).

    Streams say themselves where they end, so they simply follow one another. Every zlib decodes them to the same text,
    but another version of zlib may give other ids.

    Attributes:
      token_bits: v, 1 to 16.
      header: Whether each block has gzip's header and footer, 18 bytes, as in the paper; App. A.4 leaves them out.
    """

    token_bits: int = eqx.field(static=True, default=8)
    header: bool = eqx.field(static=True, default=True)

    def compress(self, texts: Sequence[bytes]) -> list[bytes]:
        return [b"".join(map(self._compress, cut(text))) for text in texts]

    def decompress(self, codes: Sequence[bytes]) -> list[bytes]:
        return [self._decompress(code) for code in codes]

    def _compress(self, block: bytes) -> bytes:
        compressor = zlib.compressobj(wbits=_WRAPPED if self.header else _RAW)
        return compressor.compress(block) + compressor.flush()

    def _decompress(self, code: bytes) -> bytes:
        text, at, end = [], 0, len(code.rstrip(b"\0"))  # the last stream may end in zeros too, of which it finds enough
        while at < end:
            part = code[at : at + _LONGEST]
            stream = zlib.decompressobj(wbits=_WRAPPED if self.header else _RAW)
            try:
                text.append(stream.decompress(part, BLOCK + 1))
            except zlib.error as error:
                raise ValueError(
                    f"these ids are no blocks compressed by zlib, {error}; give all ids of a text"
                ) from error
            if not stream.eof or len(text[-1]) > BLOCK:
                raise ValueError(f"these ids hold no whole blocks of up to {BLOCK} bytes; give all ids of a text")
            at += len(part) - len(stream.unused_data)
        return b"".join(text)
