"""Loops over bytes that numba compiles, for the host."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def available() -> bool:
    """Whether numba can be imported."""
    try:
        importlib.import_module("numba")
    except ImportError:
        return False
    return True


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled when it is first called; it lets other threads run.

    What is compiled is kept for the next process, where there is a folder that numba may write to. Numba looks at the
    file of `function` alone to see whether what it kept is still right: so a compiled function that calls another one
    stands in the same file.

    Raises:
      ImportError: If numba is not installed.
    """
    try:
        import numba
    except ImportError as error:
        raise ImportError("making a codebook from text needs numba: pip install numba") from error
    function = inspect.unwrap(function)  # a type checker may have wrapped it, which numba does not understand
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return numba.njit(nogil=True)(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, for other compiled functions of the same file, which take it in whole."""
    import numba

    return numba.njit(inline="always", nogil=True)(inspect.unwrap(function))
