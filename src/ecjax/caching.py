"""A folder of byte strings that can be made again: whole ones only, and no more than there is room for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from ecjax import atomic

_SUFFIX = ".kept"
_DIGEST = 32  # bytes of a SHA-256
_HOUR = 3600


class Folder:
    """What is kept below a folder, by name.

    Nothing here raises OSError: what cannot be read is not there, and what cannot be written is not kept. A string
    carries its SHA-256, so that one that was damaged counts as not there, and goes.
    """

    def __init__(self, path: Path, root: Path, limit: int) -> None:
        """Makes no folder.

        Args:
          path: Where the strings are.
          root: A folder above `path`, or `path` itself. What is in its folders shares the room.
          limit: Bytes that there is room for.
        """
        self.path, self._root, self._limit = path, root, limit

    def get(self, name: str) -> bytes | None:
        """The string of that name, if it is there and whole."""
        path = self.path / (name + _SUFFIX)
        with contextlib.suppress(OSError):
            if not path.is_file():
                return None  # a pipe would never end
            kept = path.read_bytes()
            if kept[:_DIGEST] == _digest(name, kept[_DIGEST:]):
                _touch(path)
                return kept[_DIGEST:]
            path.unlink()
        return None

    def put(self, name: str, contents: bytes) -> None:
        """Keeps a string in place of any of that name, and drops those that were used longest ago if room is short."""
        if len(contents) > self._limit // 4:
            return
        with contextlib.suppress(OSError, ValueError):
            atomic.write_bytes(self.path / (name + _SUFFIX), _digest(name, contents) + contents)
        with contextlib.suppress(OSError):
            self._make_room()

    def _make_room(self) -> None:
        kept = []
        for path in self._root.rglob("*" + _SUFFIX):
            with contextlib.suppress(FileNotFoundError):  # another process dropped it
                status = path.stat()
                kept.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= size


def private_folder(path: Path) -> bool:
    """Makes a folder that nobody but its owner writes to. Whether it is there, and ours."""
    try:
        above = next(folder for folder in path.absolute().parents if folder.exists())
        # An administrator who works with a user's home folder leaves nothing in it that the user cannot write to.
        if not path.exists() and os.geteuid() == 0 != above.stat().st_uid:
            return False
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except (OSError, RuntimeError):
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _digest(name: str, contents: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + contents).digest()


def _touch(path: Path) -> None:
    """Notes that a file was used, to the hour: a call that only reads should seldom write."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _HOUR:
            os.utime(path)
