"""The ways to feed text to a language model that are compared, each with the paper's name for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

import ecjax
from bench._byte_pairs import BytePairs
from ecjax import ByteModel, Codebook, EqualInfo, Tokenizer, Unigram
from ecjax.tokenizers import ArithmeticCoding, Bytes, EqualText, GZip, Huffman, SentencePiece


@dataclasses.dataclass(frozen=True)
class Materials:
    """What tokenizers are made from: M1, and documents that M2 will be trained on, or the beginning of each."""

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


def _greedy(codebook: Codebook) -> Codebook:
    """The same strings, parsed greedily."""
    members = None if codebook.members is None else np.asarray(codebook.members)
    return Codebook(np.asarray(codebook.parents), np.asarray(codebook.last_bytes), members=members)


_JOIN, _NEVER = 3.0, 30.0  # bits that a string costs more for each place where it joins words


def _vocabularies(bits: int, ids: str) -> dict[str, Method]:
    """What is compared at one number of ids. A new kind of codebook is one more line here."""
    return {
        f"EqualInfo[{bits},{ids}]": _windows(bits, bits),
        f"Codebook[{ids}]": Method(lambda m: ecjax.train_codebook(m.training, bits)),
        f"Codebook[{ids}] joins": Method(lambda m: ecjax.train_codebook(m.training, bits, join_cost=_JOIN)),
        f"Codebook[{ids}] words": Method(lambda m: ecjax.train_codebook(m.training, bits, join_cost=_NEVER)),
        f"SentencePiece[{ids}]": Method(lambda m: SentencePiece.train(m.training, 1 << bits)),
        f"SentencePiece[{ids}] across spaces": Method(
            lambda m: SentencePiece.train(m.training, 1 << bits, split_by_whitespace=False)
        ),
        f"BPE[{ids}]": Method(lambda m: BytePairs.train(m.training, 1 << bits)),
    }


_COMPARED = {
    "Bytes": Method(lambda _: Bytes()),
    **_vocabularies(12, "4k"),
    "Codebook[4k] greedy": Method(lambda m: _greedy(ecjax.train_codebook(m.training, 12))),
    **_vocabularies(14, "16k"),
}

COMPARED: tuple[str, ...] = tuple(_COMPARED)
"""The methods of the scale `windows`: codebooks against subwords of as many ids."""


def yardstick(method: str) -> str:
    """The method that one of `COMPARED` is measured against: SentencePiece of as many ids, or of 4,096."""
    return "SentencePiece[16k]" if "16k]" in method else "SentencePiece[4k]"


# Of the windows that are compared.
BITS = (16, 24, 32, 64, 128)

METHODS: dict[str, Method] = {
    **_COMPARED,
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
