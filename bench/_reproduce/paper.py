"""The paper's own figures (arXiv 2404.03626, Tables 2, 3, 9, 12, 13, 15 and 16), by our names of its methods."""

from __future__ import annotations

from typing import NamedTuple

SIZES = ("25m", "113m", "403m", "2b")


class Figures(NamedTuple):
    """What the paper reports of a method; None where it does not.

    Attributes:
      ratio: Bytes per token.
      uniform: Bits per byte when all tokens are alike.
      unigram: Bits per byte by the frequencies of tokens.
      early: Bits per byte of the 25m model after 3,000 steps.
      bits: Bits per byte of M2 at each size of `SIZES`.
    """

    ratio: float | None = None
    uniform: float | None = None
    unigram: float | None = None
    early: float | None = None
    bits: tuple[float, float, float, float] | None = None


_FIGURES = {
    "Bytes": Figures(1.0, 8.0, 4.602, 1.62, (1.29, 1.16, 1.08, 1.03)),
    "SentencePiece[32k]": Figures(4.28, 3.497, 2.443, 1.35, (1.12, 1.01, 0.94, 0.87)),
    "AC[256]": Figures(5.49, 1.457, 1.457, 1.46, (1.46, 1.46, 1.46, 1.46)),
    "AC[65k]": Figures(10.98, bits=(1.46, 1.46, 1.46, 1.46)),
    "StaticAC[256]": Figures(1.73, 4.624, 4.624, None, (4.61, 4.61, 4.61, 4.61)),
    "GZip[256]": Figures(2.23, 3.587, 3.586, 2.95, (2.34, 1.93, 1.69, 1.56)),
    "GZip[65k]": Figures(early=3.30, bits=(2.92, 2.69, 2.48, 2.26)),
    "EqualInfo[16,256]": Figures(2.66, 3.008, 2.976, 1.86, (1.47, 1.23, 1.09, 0.99)),
    "EqualInfo[16,65k]": Figures(5.31, early=1.62, bits=(1.25, 1.12, 1.02, 0.94)),
    "EqualInfo[24,256]": Figures(3.15),
    "EqualInfo[32,256]": Figures(3.49, 2.292, 2.285, None, (2.05, 1.94, 1.83, 1.65)),
    "EqualInfo[64,256]": Figures(4.16, 1.923, 1.921, None, (1.85, 1.82, 1.80, 1.79)),
    "EqualInfo[128,256]": Figures(4.61, 1.735, 1.735, None, (1.71, 1.71, 1.71, 1.71)),
    "EqualInfo[32,65k]": Figures(6.97),
    "EqualInfo[64,65k]": Figures(8.33),
    "EqualInfo[128,65k]": Figures(9.22),
    "EqualInfo[16,256] delayed": Figures(2.20),
    "EqualInfo[16,256] every other": Figures(3.40),
    "EqualInfo[16,256] never": Figures(5.33),
}


def figures(method: str) -> Figures:
    """The paper's figures for a method; its windows are the published ones."""
    return _FIGURES.get(method.removesuffix(" published"), Figures())
