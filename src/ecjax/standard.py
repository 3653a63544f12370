"""Standard input, which commands and loaders know as `-`."""

from __future__ import annotations

import sys
from typing import Any


def standard_input() -> Any:
    """Standard input for bytes: a BinaryIO, or what stands for one. Raises ValueError if it is closed."""
    if sys.stdin is None:
        raise ValueError("standard input is closed; name a file")
    return sys.stdin.buffer
