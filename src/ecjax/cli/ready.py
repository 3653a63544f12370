"""What a command needs beside Python, imported when it runs, and in one piece."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence

from ecjax.cli.signals import uninterrupted


def ready(*modules: str, extras: Sequence[str] = (), keep: bool = True) -> None:
    """Imports modules that need JAX, and has JAX keep what it compiles.

    Args:
      modules: What the command needs.
      extras: What it may need of the optional dependencies. If one is missing, whoever needs it says so.
      keep: Whether JAX keeps what it compiles; of several processes together, none does.
    """
    with uninterrupted():
        from ecjax import compilation

        if keep:
            compilation.cache()
            _check_backend()
        for name in modules:
            importlib.import_module(name)
        for name in extras:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _check_backend() -> None:
    """Raises ValueError if JAX has no device."""
    import jax

    try:
        jax.devices()
    except RuntimeError as error:
        raise ValueError(f"JAX has no device: {error}") from error
