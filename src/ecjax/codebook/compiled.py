"""Loops over bytes that numba compiles, for the host."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled when it is first called; it lets other threads run, and is kept for the next process.

    Raises:
      ImportError: If numba is not installed.
    """
    try:
        import numba
    except ImportError as error:
        raise ImportError("making a codebook from text needs numba: pip install 'ecjax[codebooks]'") from error
    # A type checker may have wrapped it, which numba does not understand.
    return numba.njit(cache=True, nogil=True)(inspect.unwrap(function))
