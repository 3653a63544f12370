"""What is assumed of the backends: one table, which the rules ask and docs/exactness.md prints.

A row says that a backend does an operation on a dtype exactly, as long as all numbers and partial sums are multiples of
one power of two and none exceeds `2**significand` of them. What has no row for each backend is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

BACKENDS = ("CPU", "GPU", "TPU")


class Format(NamedTuple):
    """What is exact of a float dtype.

    Attributes:
      significand: p, for `2**p` steps.
      least: The least exponent of a step.
      most: The exponent below which all numbers have to lie.
    """

    significand: int
    least: int
    most: int


class Assumption(NamedTuple):
    """A row of the table.

    Attributes:
      backend: Whose it is.
      operation: "arithmetic" (elementwise, sums, scatters), "product" (`dot_general`) or "convolution".
      dtypes: Of both operands, which are of one dtype.
      format: Of floats, what is exact; None of integers, which are exact modulo `2**width`.
      source: Where it is written, or how it was seen.
      precision: The least `precision` of a product; "" where any will do.
      pieces: Whether operands of a product that need more than 8 bits are split in bfloat16 pieces.
    """

    backend: str
    operation: str
    dtypes: tuple[str, ...]
    format: Format | None
    source: str
    precision: str = ""
    pieces: bool = False


INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_STABLEHLO = "StableHLO specification, types and operations: integers are two's complement and wrap"
_IEEE = "IEEE 754: an exact result is not rounded"
_WIDER = "in itself or in float32 and converted back: exact results stay so"
# The bounds of exponents leave room for what XLA may compute first: it makes `(a + b) * c` of `a * c + b * c`.
_FLOAT32, _BFLOAT16, _FLOAT16 = Format(24, -126, 100), Format(8, -126, 100), Format(11, -14, 14)
_PAIRS = "its compiler makes pairs of float32, of which the second is 0 then"
_SIX_PASSES = "its compiler takes six bfloat16 passes, by the cycles it counts, and sums in float32"
_ONE_PASS = "products of 16 bits, summed in float32 (GPU: mma, f32.bf16; TPU: one pass)"
_FLOAT64 = Format(53, -1022, 1000)

TABLE: tuple[Assumption, ...] = (
    *(
        Assumption(b, op, INTEGERS, None, _STABLEHLO)
        for op in ("arithmetic", "product", "convolution")
        for b in BACKENDS
    ),
    *(Assumption(b, "arithmetic", ("float32",), _FLOAT32, _IEEE) for b in BACKENDS),
    *(Assumption(b, "arithmetic", ("bfloat16",), _BFLOAT16, _WIDER) for b in BACKENDS),
    *(Assumption(b, "arithmetic", ("float16",), _FLOAT16, _WIDER) for b in BACKENDS),
    Assumption("CPU", "arithmetic", ("float64",), _FLOAT64, _IEEE),
    Assumption("GPU", "arithmetic", ("float64",), _FLOAT64, _IEEE),
    Assumption(
        "TPU",
        "arithmetic",
        ("float64",),
        _FLOAT32,
        _PAIRS,
    ),
    Assumption("CPU", "product", ("float32",), _FLOAT32, "Eigen and oneDNN sum in float32", "HIGHEST"),
    Assumption(
        "GPU",
        "product",
        ("float32",),
        _FLOAT32,
        "fma.rn.f32 in the code that XLA makes; cuBLAS may take bfloat16 pieces",
        "HIGHEST",
        pieces=True,
    ),
    Assumption(
        "TPU",
        "product",
        ("float32",),
        _FLOAT32,
        _SIX_PASSES,
        "HIGHEST",
        pieces=True,
    ),
    *(
        Assumption(
            b,
            "product",
            ("bfloat16",),
            _BFLOAT16,
            _ONE_PASS,
        )
        for b in BACKENDS
    ),
    Assumption("CPU", "product", ("float16",), _FLOAT16, _WIDER),
    Assumption("GPU", "product", ("float16",), _FLOAT16, "products of 22 bits, summed in float32 (mma ... f32.f16)"),
    # No row for float16 products of TPUs: their compiler takes three passes of bfloat16 pieces, of the four there are.
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
    found = [row.format for row in rows("arithmetic", dtype) if row.format is not None]
    if not found or missing("arithmetic", dtype):
        return None
    return Format(min(f.significand for f in found), max(f.least for f in found), min(f.most for f in found))


@cache
def splits_operands(dtype: str, precision: str) -> bool:
    """Whether a backend splits operands of more than 8 bits of such a product in bfloat16 pieces."""
    return any(row.pieces for row in rows("product", dtype, precision))
