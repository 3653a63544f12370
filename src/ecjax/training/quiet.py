"""Errors of orbax and tensorstore as one line."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ecjax.printable import printable

T = TypeVar("T")

_LOGGERS = ("absl", "asyncio")
_SECONDS = 0.5  # in which the writes that were under way when one failed fail too, and say so
_LONGEST = 300


def one_line_errors(what: str, function: Callable[[], T]) -> T:
    """Calls `function`, which may use many threads that print tracebacks as they fail; they do not.

    Args:
      what: What fails if it does, for the error.
      function: To be called.

    Returns:
      What it returns.

    Raises:
      OSError: If the system refused something.
      ValueError: If it failed otherwise.
    """
    with _silence():
        try:
            return function()
        except BaseException as error:
            failure = _shortened(what, error)
        # The error is not chained: it holds tasks, which would complain whenever they are let go of.
        gc.collect()
        time.sleep(_SECONDS)
    raise failure


def _shortened(what: str, error: BaseException) -> BaseException:
    if not isinstance(error, Exception):  # the user or the system stops the run
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    if code := _errno(error):
        return OSError(code, f"{what}: {os.strerror(code)}")
    return ValueError(f"{what}: {_first_line(error)}")


def _errno(error: BaseException) -> int | None:
    """The system's number for what went wrong; tensorstore has it in its text."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno:
            return seen.errno
        if found := re.search(r"\[os_error_code='(\d+)'\]", str(seen)):
            return int(found[1])
        seen = seen.__cause__ or seen.__context__
    return None


def _first_line(error: Exception) -> str:
    lines = str(error).split("\n")
    text = next((line.strip() for line in lines if line.strip()), "") or type(error).__name__
    return printable(text, _LONGEST)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps the libraries' logs and warnings, and what threads other than this print, away from the user."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    stream = sys.stderr
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    sys.stderr = _OfThisThread(stream)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stderr = stream
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _OfThisThread:
    """A stream that takes what one thread writes and drops the rest."""

    def __init__(self, stream: Any) -> None:  # a TextIO, or what stands for one
        self._stream = stream
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        return self._stream.write(text) if threading.get_ident() == self._thread else len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
