"""Bytes from and to files, pipes and whatever is like them, however little they give or take at a time."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

_PIECE = 1 << 24  # bytes that are asked for at once, at most


@runtime_checkable
class Source(Protocol):
    """What is read from: a file opened in binary mode, a pipe, or anything that reads likewise."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, one at least unless there are none left."""
        ...


@runtime_checkable
class Target(Protocol):
    """What is written to: a file opened in binary mode, a pipe, or anything that is written to likewise."""

    def write(self, data: bytes, /) -> object:
        """Writes the data, or its first bytes if it gives back how many these were, one at least."""
        ...


def take(source: Source, size: int) -> bytes:
    """The next `size` bytes, or as many as there are, however little the source gives at a time.

    Raises BlockingIOError if it has none yet, which is not its end, TypeError if it gives text, and ValueError if it
    gives more than it was asked for.
    """
    parts, left = [], size
    while left:
        asked = min(left, _PIECE)
        part = source.read(asked)  # Python makes room for all that is asked for, be it there or not
        if part is None:  # what Python's own files give that do not block
            raise BlockingIOError("the source has no bytes yet but may have more; give one whose `read` waits for them")
        if isinstance(part, str):
            raise TypeError("the source gives text, not bytes; open it in binary mode, 'rb'")
        if len(part) > asked:
            raise ValueError(f"the source was asked for {asked} bytes and gave {len(part)}; its `read` takes a size")
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def put(target: Target, data: bytes) -> None:
    """Writes all of the data, however little the target takes at a time, as an unbuffered pipe does.

    Raises OSError if it takes nothing, lest this goes on for ever.
    """
    while isinstance(written := target.write(data), int) and written < len(data):
        if written < 1:
            raise OSError(f"the target takes none of {len(data)} bytes; give one whose `write` waits until it can")
        data = data[written:]
