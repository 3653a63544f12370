"""What commands read from and write to: files, pipes, and standard input and output, which are called `-`."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from ecjax import atomic
from ecjax.binary import Source
from ecjax.console import show
from ecjax.standard import standard_input

STANDARD = Path("-")
_STANDARD_OUTPUTS = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


class Continued:
    """A file of which the first bytes were read already.

    Attributes:
      count: How many bytes were read in all.
    """

    def __init__(self, start: bytes, rest: Source) -> None:
        self._start, self._rest, self.count = start, rest, 0

    def read(self, size: int, /) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
        else:
            data = self._rest.read(size)
        self.count += len(data)
        return data


@contextlib.contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """A file, pipe or standard input, to be read. Raises ValueError if it is none of these."""
    if path == STANDARD:
        yield standard_input()
        return
    if path.is_dir():
        raise ValueError(f"{path} is not a file but a folder; name a file")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ValueError(f"{path} is not a file; name one that is there, or - for standard input") from None
    with file:
        yield file


def read(path: Path) -> bytes:
    """All that a file, a pipe or standard input gives. Raises ValueError if it is none of these."""
    with reading(path) as file:
        return file.read()


def without_suffix(path: Path, suffix: str) -> Path:
    """The file that was made into this one. Raises ValueError if the name of this one does not tell."""
    if path.suffix != suffix or path.name == suffix:
        raise ValueError(
            f"{path} does not end in {suffix}, so the name of what it holds is not known; name OUT, or - for standard "
            "output"
        )
    return path.with_suffix("")


def called(path: Path) -> str:
    """What a message calls an input."""
    return "standard input" if path == STANDARD else str(path)


def to_standard_output(target: Path) -> bool:
    """Whether this names standard output."""
    return target == STANDARD or str(target) in _STANDARD_OUTPUTS


def to_terminal(target: Path) -> bool:
    """Whether what is written is seen at once, so that nothing else should be."""
    return to_standard_output(target) and sys.stdout.isatty()


def is_file_to_be(target: Path) -> bool:
    """Whether what is written stays in a file: not in a pipe, a device or standard output."""
    return not to_standard_output(target) and (target.is_file() or not target.exists())


@contextlib.contextmanager
def writing(
    target: Path, force: bool, inputs: Iterable[str | Path] = (), like: os.stat_result | None = None, text: bool = False
) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all; or a pipe or standard output, which is written to as it is.

    Args:
      target: Where to write.
      force: Whether a file that is there is replaced.
      inputs: What the command reads; the target may be none of these.
      like: The status of a file whose permissions and times the new one gets.
      text: Whether a terminal can show what is written.

    Raises:
      ValueError: If the target is an input, is there, or is a terminal that cannot show what is written.
    """
    check_output(target, force, inputs)
    if not to_standard_output(target):
        with atomic.replacing(target, replace=force, like=like) as file:
            yield file
        return
    if to_terminal(target) and not (text or force):
        raise ValueError("what is written is no text, and standard output is a terminal; name a file, or force it: -f")
    with standard_output() as file:
        yield file


@contextlib.contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output for bytes; with a buffer, without which a write may be a part of one (PYTHONUNBUFFERED).

    Raises ValueError if it is closed.
    """
    _check_standard_output()
    file = sys.stdout.buffer
    if not isinstance(file, io.RawIOBase):
        yield file
        file.flush()
        return
    buffered = io.BufferedWriter(file)
    try:
        yield buffered
        buffered.flush()
    finally:
        buffered.detach()


def check_output(target: Path, force: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Raises ValueError if a file that is to be written is there, is one that is read, or has no folder.

    So it does if standard output, to be written, is closed, or standard input is to be read twice.
    """
    inputs = list(inputs)
    if [str(path) for path in inputs].count(str(STANDARD)) > 1:  # the second time it would be empty
        raise ValueError("standard input, -, can be read only once; name a file for the other")
    if to_standard_output(target):
        _check_standard_output()
    try:
        status = os.fstat(sys.stdout.fileno()) if to_standard_output(target) else target.stat()
    except (OSError, ValueError):  # not there; or standard output is no file at all
        status = None
    if status is not None and stat.S_ISREG(status.st_mode):
        for path in _files(inputs):
            if _is(path, status):
                raise ValueError(f"{target} is what is read, {path}; name another file to write to")
    if not to_standard_output(target):
        atomic.check(target, replace=force)


def check_outputs(folder: Path, names: Iterable[str], force: bool, inputs: Iterable[str | Path] = ()) -> None:
    """As `check_output`, of files in a folder that is made if it is not there. Raises ValueError if it is a file."""
    inputs = list(inputs)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is there and is no folder; name another")
    if folder.is_dir():
        for name in names:
            check_output(folder / name, force, inputs)


def check_outside(out: Path, inputs: Iterable[Path]) -> None:
    """Raises ValueError if what is written is in a folder that is read: the next run would read it too."""
    for path in inputs:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise ValueError(f"{out} is in {path}, which is read, and so would be what is written; name another folder")


def report(results: Mapping[str, object], target: Path, quiet: bool, as_json: bool) -> None:
    """Tells what was written; in a pipe, where nobody asked for more than data, only as JSON, on standard error."""
    piped = to_standard_output(target)
    if as_json or not (quiet or piped):
        show(results, as_json, on_errors=piped)


def regular_status(file: Source) -> os.stat_result | None:
    """The status of a file; None of a pipe, a device, and of what is no file of the system's."""
    try:
        status = os.fstat(file.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def unchanged(path: Path, status: os.stat_result) -> bool:
    """Whether a file is still the one that had this status, and as it was then."""

    def mark(status: os.stat_result) -> tuple[int, ...]:
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    try:
        return mark(path.stat()) == mark(status)
    except OSError:
        return False


def _check_standard_output() -> None:
    if sys.stdout is None:
        raise ValueError("standard output is closed; name a file to write to")


def _files(inputs: Iterable[str | Path]) -> Iterator[str | Path]:
    """What is read, and of folders the files in them."""
    for path in inputs:
        yield from Path(path).rglob("*") if Path(path).is_dir() else [path]


def _is(path: str | Path, status: os.stat_result) -> bool:
    try:
        other = os.fstat(standard_input().fileno()) if Path(path) == STANDARD else os.stat(path)
    except (OSError, ValueError):  # a shipped name, or no file
        return False
    return os.path.samestat(other, status)
