"""Ctrl-C and other requests to end: what is half written goes, and the process ends at once."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from ecjax.console import note

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.05  # seconds


class _Stopped(SystemExit):
    """Somebody asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextlib.contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Within it, a request to end unwinds the program as an error does, so that it cleans up; then the process ends."""
    asked = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if not asked:  # what cleans up is not stopped in turn
            asked = True
            raise _Stopped(number)

    def lost(error: UnraisableHookArgs) -> None:
        """Asks again: Python drops what a handler raises while JAX is called back by the garbage collector."""
        nonlocal asked
        if not isinstance(error.exc_value, _Stopped):
            sys.__unraisablehook__(error)
            return
        asked = False
        threading.Timer(_AGAIN, _thread.interrupt_main, [error.exc_value.number]).start()

    before = {number: signal.getsignal(number) for number in REQUESTS}
    for number, handler in before.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):  # a command started with nohup goes on
            signal.signal(number, stop)
    sys.unraisablehook = lost
    try:
        yield
    except _Stopped as stopped:
        if stopped.number == signal.SIGINT:
            note("stopped")
        _end_at_once(128 + stopped.number)
    finally:
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds requests to end back for the moment: a process crashes that raises an error while jaxlib is imported."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_at_once(status: int) -> NoReturn:
    """Ends the process, of which nothing is left to be cleaned up.

    Not by way of Python's own end: XLA's threads may still compile then, and crash for want of what is gone.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)
