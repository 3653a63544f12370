"""What is assumed of the backends: one table, which the rules ask and docs/exactness.md prints.

A row says that a backend does an operation on a dtype exactly, as long as all numbers and partial sums are multiples of
one power of two and none exceeds `2**significand` of them. What has no row for each backend is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

BACKENDS = ("CPU", "GPU", "TPU")


class Assumption(NamedTuple):
    """A row of the table.

    Attributes:
      backend: Whose it is.
      operation: "arithmetic" (elementwise, sums, scatters), "moves", "product" (`dot_general`) or "convolution".
      dtypes: Of both operands, which are of one dtype.
      precision: The least `precision` of a product; "" where there is none, or any will do.
      significand: p, for `2**p` steps; 0 for integers, which are exact modulo `2**width`.
      least: Of floats, the least exponent of a step.
      most: Of floats, the exponent below which all numbers have to lie.
      pieces: Whether operands of a product that need more than 8 bits are split in bfloat16 pieces.
      source: Where it is written, or how it was seen.
    """

    backend: str
    operation: str
    dtypes: tuple[str, ...]
    precision: str = ""
    significand: int = 0
    least: int = 0
    most: int = 0
    pieces: bool = False
    source: str = ""


class Format(NamedTuple):
    """What all backends have of a float dtype: as in `Assumption`."""

    significand: int
    least: int
    most: int


INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_STABLEHLO = "StableHLO specification, types and operations: integers are two's complement and wrap"
_IEEE = "IEEE 754, all five operations correctly rounded; XLA's own rewrites, below, keep to the bound"
_WIDER = "computed in float32, whose results are exact in the narrower format"
# The exponent bounds leave room for what XLA may compute first: it makes `a * c + b * c` of `(a + b) * c` and back.
_FLOAT32 = {"significand": 24, "least": -126, "most": 100}
_BFLOAT16 = {"significand": 8, "least": -126, "most": 100}
_FLOAT16 = {"significand": 11, "least": -14, "most": 14}

TABLE: tuple[Assumption, ...] = (
    *(Assumption(b, "arithmetic", INTEGERS, source=_STABLEHLO) for b in BACKENDS),
    *(Assumption(b, "product", INTEGERS, source=_STABLEHLO) for b in BACKENDS),
    *(Assumption(b, "convolution", INTEGERS, source=_STABLEHLO) for b in BACKENDS),
    *(Assumption(b, "arithmetic", ("float32",), **_FLOAT32, source=_IEEE) for b in BACKENDS),
    *(Assumption(b, "arithmetic", ("bfloat16",), **_BFLOAT16, source=_WIDER) for b in BACKENDS),
    *(Assumption(b, "arithmetic", ("float16",), **_FLOAT16, source=_WIDER) for b in BACKENDS),
    Assumption("CPU", "arithmetic", ("float64",), "", 53, -1022, 1000, source=_IEEE),
    Assumption("GPU", "arithmetic", ("float64",), "", 53, -1022, 1000, source=_IEEE),
    Assumption("TPU", "arithmetic", ("float64",), **_FLOAT32, source="a pair of float32, of which one is 0 then"),
    Assumption("CPU", "product", ("float32",), "HIGHEST", **_FLOAT32, source="Eigen and oneDNN: float32 sums, FMA"),
    Assumption(
        "GPU",
        "product",
        ("float32",),
        "HIGHEST",
        **_FLOAT32,
        pieces=True,
        source="cuBLAS: float32 sums, no TF32; it may emulate them by bfloat16 pieces",
    ),
    Assumption(
        "TPU",
        "product",
        ("float32",),
        "HIGHEST",
        **_FLOAT32,
        pieces=True,
        source="six bfloat16 passes, summed in float32",
    ),
    *(
        Assumption(b, "product", ("bfloat16",), **_BFLOAT16, source="exact products of 16 bits, summed in float32")
        for b in BACKENDS
    ),
    Assumption("CPU", "product", ("float16",), **_FLOAT16, source=_WIDER),
    Assumption("GPU", "product", ("float16",), **_FLOAT16, source="exact products of 22 bits, summed in float32"),
    # No row for float16 products of TPUs: they have no such unit, and what they do instead is not written.
    # None for float convolutions: Winograd's and FFT algorithms round, and a backend may choose them.
)
"""The assumptions. Integers of fewer than 8 bits, complex numbers and 8-bit floats have no arithmetic at all."""


def rows(operation: str, dtype: str, precision: str = "") -> Iterator[Assumption]:
    """The rows about an operation on a dtype, for products of a precision."""
    for row in TABLE:
        if row.operation == operation and dtype in row.dtypes and row.precision in ("", precision):
            yield row


@cache
def missing(operation: str, dtype: str, precision: str = "") -> list[str]:
    """The backends of which the table does not know that they do an operation exactly."""
    known = {row.backend for row in rows(operation, dtype, precision)}
    return [backend for backend in BACKENDS if backend not in known]


@cache
def format_of(dtype: str) -> Format | None:
    """What all backends have of a float dtype, or None if it is none of which that is known."""
    found = [row for row in rows("arithmetic", dtype) if row.significand]
    if not found or missing("arithmetic", dtype):
        return None
    return Format(min(r.significand for r in found), max(r.least for r in found), min(r.most for r in found))


@cache
def splits_operands(dtype: str, precision: str) -> bool:
    """Whether a backend splits operands of more than 8 bits of such a product in bfloat16 pieces."""
    return any(row.pieces for row in rows("product", dtype, precision))
