"""The ways to feed text to a language model that are compared, each with the paper's name for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from ecjax import ByteModel, EqualInfo, Tokenizer, Unigram
from ecjax.tokenizers import ArithmeticCoding, Bytes, EqualText, GZip, Huffman, SentencePiece


@dataclasses.dataclass(frozen=True)
class Materials:
    """What tokenizers are made from: M1, and the documents that M2 will be trained on."""

    m1: ByteModel
    training: Sequence[bytes]

    @property
    def unigram(self) -> Unigram:
        return Unigram.fit(b"".join(self.training))


@dataclasses.dataclass(frozen=True)
class Method:
    """A way from text to tokens.

    Attributes:
      build: Makes the tokenizer.
      runs_m1: Whether M1 must run for tokens to become text.
      window_tokens: Tokens of a window, where it has a whole number of them.
    """

    build: Callable[[Materials], Tokenizer]
    runs_m1: bool = False
    window_tokens: int = 1


def _windows(
    bits: int,
    token_bits: int,
    code: Literal["preorder", "published", "delayed"] = "preorder",
    reset: int | None = 1,
) -> Method:
    def build(materials: Materials) -> Tokenizer:
        tokenizer = EqualInfo(materials.m1, bits, token_bits, code=code, reset=reset)
        whole = bits == token_bits and code == "preorder" and reset == 1
        return tokenizer.compile() if whole else tokenizer

    # Up to 16 bits a table does, for any of the codes, as long as M1 starts anew in each window.
    return Method(build, bits > 16 or reset != 1, bits // token_bits if bits % token_bits == 0 else 1)


# Of the windows that are compared.
BITS = (16, 24, 32, 64, 128)

METHODS: dict[str, Method] = {
    "Bytes": Method(lambda _: Bytes()),
    "SentencePiece[4k]": Method(lambda m: SentencePiece.train(m.training, 4096)),
    "SentencePiece[32k]": Method(lambda m: SentencePiece.train(m.training, 32_000)),
    "AC[2]": Method(lambda m: ArithmeticCoding(m.m1, 1), True),
    "AC[256]": Method(lambda m: ArithmeticCoding(m.m1, 8), True),
    "AC[4k]": Method(lambda m: ArithmeticCoding(m.m1, 12), True),
    "AC[65k]": Method(lambda m: ArithmeticCoding(m.m1, 16), True),
    "StaticAC[256]": Method(lambda m: ArithmeticCoding(m.unigram, 8)),
    "GZip[256]": Method(lambda _: GZip(8)),
    "GZip[256] bare": Method(lambda _: GZip(8, header=False)),
    "GZip[4k]": Method(lambda _: GZip(12)),
    "GZip[65k]": Method(lambda _: GZip(16)),
    "EqualInfo[12,64]": _windows(12, 6),
    "EqualInfo[12,4k]": _windows(12, 12),
    "EqualInfo[16,65k]": _windows(16, 16),
    **{f"EqualInfo[{b},256]": _windows(b, 8) for b in BITS},
    **{f"EqualInfo[{b},256] published": _windows(b, 8, "published") for b in BITS},
    **{f"EqualInfo[{b},256] delayed": _windows(b, 8, "delayed") for b in BITS},
    **{f"EqualInfo[{b},65k]": _windows(b, 16) for b in (32, 64, 128)},
    "EqualInfo[16,256] every other": _windows(16, 8, reset=2),
    "EqualInfo[16,256] never": _windows(16, 8, reset=None),
    "EqualText[4,256]": Method(lambda m: EqualText(m.m1, 4, 8, delimiters=False), True),
    "EqualText[4,257] delimited": Method(lambda m: EqualText(m.m1, 4, 8, delimiters=True), True),
    "Huffman[256]": Method(lambda m: Huffman(m.unigram, 8)),
}
