"""The table of what is assumed of the hardware: the page prints it as it is, and what is not in it is refused.

`python -m tests.exactness.test_hardware` writes the page's table anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import jax.numpy as jnp
import pytest

from ecjax.exactness import hardware
from ecjax.exactness.domain import format_of, has_arithmetic

PAGE = Path(__file__).parent.parent.parent / "docs" / "exactness.md"
MARKS = re.compile(r"(?<=<!-- hardware -->\n).*?(?=<!-- end of hardware -->)", re.DOTALL)


def guarantee(row: hardware.Assumption) -> str:
    if row.format is None:
        return "exact modulo `2**width`"
    significand, least, most = row.format
    pieces = ", a 32nd less for operands of more than 8 bits" if row.pieces else ""
    return f"exact up to `2**{significand}` steps{pieces}, in steps of `2**{least}` and more, below `2**{most}`"


def table() -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for row in hardware.TABLE:
        dtypes = "int8 to int64, uint8 to uint64" if row.dtypes == hardware.INTEGERS else ", ".join(row.dtypes)
        key = (row.operation, dtypes, row.precision or "any", guarantee(row), row.source)
        rows.setdefault(key, []).append(row.backend)
    lines = ["| Backend | Operations | dtype | Precision | Guarantee | Source |", "|---|---|---|---|---|---|"]
    lines += [f"| {', '.join(backends)} | {' | '.join(key)} |" for key, backends in rows.items()]
    return "\n".join(lines) + "\n"


def test_the_page_prints_the_table() -> None:
    assert MARKS.findall(PAGE.read_text(encoding="utf-8")) == [table()], "run: python -m tests.exactness.test_hardware"


@pytest.mark.parametrize("dtype", ["int4", "uint2", "float8_e4m3fn", "complex64"])
def test_what_is_not_in_the_table_has_no_arithmetic(dtype: str) -> None:
    assert not has_arithmetic(jnp.dtype(dtype)) and hardware.missing("arithmetic", dtype) == list(hardware.BACKENDS)


def test_a_guarantee_is_that_of_the_weakest_backend() -> None:
    assert format_of("float64") == format_of("float32") == hardware.Format(24, -126, 100)
    assert hardware.missing("product", "float16", "HIGHEST") == ["TPU"]
    assert hardware.missing("product", "float32", "DEFAULT") == list(hardware.BACKENDS)
    assert not hardware.missing("product", "float32", "HIGHEST")


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKS.sub(table(), text), encoding="utf-8")
