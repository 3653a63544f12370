"""What a command needs beside Python, imported when it runs, and in one piece."""

from __future__ import annotations

import contextlib
import importlib
import signal
from collections.abc import Iterator, Sequence

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ready(*modules: str, extras: Sequence[str] = ()) -> None:
    """Imports modules that need JAX, and has JAX keep what it compiles.

    Args:
      modules: What the command needs.
      extras: What it may need of the optional dependencies. If one is missing, whoever needs it says so.
    """
    with _uninterrupted():
        from ecjax import compilation

        compilation.cache()
        for name in modules:
            importlib.import_module(name)
        for name in extras:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds requests to end back for the moment: a process crashes that raises an error while jaxlib is imported."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
