"""Documents of any size together, made of little text, and the digest by which many of them are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any


def documents(text: bytes, total: int, length: int) -> Iterator[str]:
    """Documents of `total` bytes together: the text again and again, cut at other places each time."""
    made, shift = 0, 0
    while made < total:
        for begin in range(shift, len(text), length):
            document = text[begin : begin + length].decode("utf-8", "ignore")
            made += len(document.encode())
            yield document
            if made >= total:
                return
        shift = (shift + 997) % length


def digest(contents: Iterable[bytes]) -> str:
    """SHA-256 of byte strings in their order, each behind its length."""
    parts = hashlib.sha256()
    for content in contents:
        add(parts, content)
    return parts.hexdigest()


def add(parts: Any, content: bytes) -> None:
    """Adds a byte string to a digest that was begun."""
    parts.update(len(content).to_bytes(8, "big") + content)
