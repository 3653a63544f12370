"""Ctrl-C and other requests to end: what is half written goes, and the process ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.05  # seconds


class _Stopped(SystemExit):
    """Somebody asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.number = number


class _Requests:
    """The handler of requests to end, as which there is one in a process.

    Attributes:
      asked: The request for which the program is being unwound, which no further one disturbs.
      held: Whether requests wait.
      waiting: One that does.
    """

    def __init__(self) -> None:
        self.held = False
        self.asked: int | None = None
        self.waiting: int | None = None

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.held:
            self.waiting = number
        elif self.asked is None:
            self.asked = number
            raise _Stopped(number)

    def dropped(self, error: UnraisableHookArgs) -> None:
        """Asks again: Python drops what a handler raises while JAX is called back by the garbage collector."""
        if not isinstance(error.exc_value, _Stopped):
            sys.__unraisablehook__(error)
            return
        self.asked = None
        main_thread = threading.main_thread().ident
        threading.Timer(_AGAIN, signal.pthread_kill, [main_thread, error.exc_value.number]).start()


_REQUESTS = _Requests()


@contextlib.contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Within it, a request to end unwinds the program as an error does, so that it cleans up; then the process ends."""
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    for number, handler in before.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):  # a command started with nohup goes on
            signal.signal(number, _REQUESTS)
    sys.unraisablehook = _REQUESTS.dropped
    try:
        yield
    finally:
        if _REQUESTS.asked is not None:  # whatever else went wrong since
            _end_at_once(_REQUESTS.asked)
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds requests to end back for the moment: a process crashes that raises an error while jaxlib is imported."""
    _REQUESTS.held = True
    try:
        yield
    finally:
        _REQUESTS.held = False
        waiting, _REQUESTS.waiting = _REQUESTS.waiting, None
        if waiting is not None:
            signal.raise_signal(waiting)


def _end_at_once(number: int) -> NoReturn:
    """Ends the process, of which nothing is left to be cleaned up, as it was asked to.

    Not by way of Python's own end: XLA's threads may still compile then, and crash for want of what is gone.
    """
    from ecjax import atomic

    atomic.abandon()
    if number == signal.SIGINT:
        from ecjax.console import note

        note("stopped")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # one that is closed, or whose reader is gone
            stream.flush()
    os._exit(128 + number)
