"""Coders of symbols: one stream of a text (`stream`, `rans`), and windows of so many bits (`windows`)."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.coding import rans, stream, windows

__all__ = ["rans", "stream", "windows"]

__getattr__, __dir__ = lazy.attach(__name__, {}, modules=["rans", "stream", "windows"])
