"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of which Python does not say where
_UNFINISHED: set[Path] = set()
_PREFIX, _SUFFIX = ".ecjax-", ".partial"


class Existing(ValueError):
    """A file is there that was not to be replaced."""


@contextlib.contextmanager
def replacing(path: str | Path, *, replace: bool = True, like: os.stat_result | None = None) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is written; if that fails it goes, and `path` is as it was.

    It is written under a random name in the same folder, and is on the disk before it gets its own. A process that is
    killed outright leaves that name behind; the next one that writes into the folder removes it. A link is written
    through. A device or a pipe, which nothing can take the place of, is written to as it is.

    Args:
      path: Where the file is to be. Its folder must be there.
      replace: Whether a file that is there may be replaced.
      like: The status of a file whose owner, permissions and times the new one is to have. Without it, a replaced file
        leaves its owner and permissions. Where both are given, nobody may do more than both allow.

    Raises:
      Existing: If a file is there and `replace` is false, be it one that appeared in the meantime.
      ValueError: If a folder is there, or the folder is not.
      OSError: If the file cannot be written, because the disk is full, say.
    """
    before = check(path, replace)
    if before is not None and not stat.S_ISREG(before.st_mode):
        with Path(path).open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        _sweep(target.parent)
    partial = target.parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    _UNFINISHED.add(partial)  # before it is there: from here on it goes, whatever happens
    try:
        # What is to be like a private file is private from the beginning.
        with _create(partial, 0o666 if before is None and like is None else 0o600) as file:
            yield file
            file.flush()
            _be_like(file.fileno(), [status for status in (before, like) if status is not None])
            if like is not None:
                os.utime(file.fileno(), ns=(like.st_atime_ns, like.st_mtime_ns))
            _sync(file.fileno())
            _put_in_place(partial, target, path, replace)
    except OSError as error:
        # Python knows the random name alone, or none.
        if error.filename == str(partial) or (error.errno in _FULL and error.filename is None):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        partial.unlink(missing_ok=True)
        _UNFINISHED.discard(partial)
    sync_folder(target.parent)


def abandon() -> None:
    """Removes what is half-written, for a process that ends at once: its contexts may not be left any more."""
    for partial in list(_UNFINISHED):
        with contextlib.suppress(OSError):
            partial.unlink()


def check(path: str | Path, replace: bool) -> os.stat_result | None:
    """The status of what is at `path`, None if nothing is. Raises as `replacing` does, before anything is written."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise ValueError(
                f"{path} cannot be written: there is no folder {folder}; make it, or name another"
            ) from None
        return None
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(f"{path} is there and is no file but a folder; name a file to write to")
    if stat.S_ISREG(status.st_mode) and not replace:
        raise _existing(path)
    return status


def write_bytes(path: str | Path, contents: bytes, *, replace: bool = True) -> None:
    """Writes a file whole or not at all. Raises as `replacing` does."""
    with replacing(path, replace=replace) as file:
        file.write(contents)


def sync_folder(folder: Path) -> None:
    """Has the names in a folder on the disk too, where the file system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Has a file on the disk. On macOS `fsync` alone leaves it in the disk's own memory."""
    os.fsync(descriptor)
    if full := getattr(fcntl, "F_FULLFSYNC", None):
        with contextlib.suppress(OSError):  # which not every file system has
            fcntl.fcntl(descriptor, full)


def _existing(path: str | Path) -> Existing:
    return Existing(f"{path} is there already; name another file, or replace it with -f")


def _create(partial: Path, mode: int) -> BinaryIO:
    """A new file, locked for as long as its process lives."""
    while True:
        file = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "w+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks, on which nobody sweeps
            return file
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process swept it before it was locked


def _sweep(folder: Path) -> None:
    """Removes what killed processes left: files of which nobody holds the lock."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)]
    for name in names:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(folder / name)
            finally:
                os.close(descriptor)


def _be_like(descriptor: int, models: list[os.stat_result]) -> None:
    """Gives a file the owner of the first of these, as far as we may, and the permissions that all of them have."""
    if not models:
        return
    mode = 0o777
    for status in models:
        mode &= status.st_mode
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (models[0].st_uid, models[0].st_gid):
        try:
            os.fchown(descriptor, models[0].st_uid, models[0].st_gid)
        except OSError:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, -1, models[0].st_gid)
    if os.fstat(descriptor).st_gid != models[0].st_gid:
        mode &= ~0o070  # another group was meant
    os.fchmod(descriptor, mode)


def _put_in_place(partial: Path, target: Path, path: str | Path, replace: bool) -> None:
    if not replace:
        try:
            os.link(partial, target)  # fails if the name has been taken in the meantime
            return
        except FileExistsError:
            raise _existing(path) from None
        except OSError:  # a file system without hard links
            if target.exists():
                raise _existing(path) from None
    os.replace(partial, target)
