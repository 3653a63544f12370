"""A program and all that it starts, as one process group. POSIX only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PATIENCE = 5.0  # seconds that a killed program has to be gone; only a system in distress takes that long
_TICK = 0.02


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Runs a command in a session and a process group of its own, with a pipe for each standard stream.

    Our ends of the pipes never block.

    Raises:
      ValueError: If it cannot be started.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise ValueError(f"{command[0]} cannot be run: {error.strerror}; name a program after --") from error
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        os.set_blocking(stream.fileno(), False)
    return process


def status(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The status with which a program ends, None if it does not within so many seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(max(seconds, 0.0))
    return None


def left_behind(process: subprocess.Popen[bytes], seconds: float) -> list[int]:
    """The processes of its group that are there still, so many seconds after a program has ended.

    Linux only, which says what is a zombie: a process that has ended, and that nobody has asked after, is none. Others
    get an empty list.
    """
    deadline = time.monotonic() + seconds
    while (found := list(_members(process.pid))) and time.monotonic() < deadline:
        time.sleep(_TICK)
    return found


def _members(group: int) -> Iterator[int]:
    if not _exists(group):
        return
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name of the program, in brackets, may have spaces and brackets itself.
            state, _, number, *_ = path.read_bytes().rpartition(b")")[2].split()
            if int(number) == group and state not in (b"Z", b"X"):
                yield int(path.parent.name)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a program and its whole group, stopped ones too, and closes the pipes.

    A process that left the group on purpose (`setsid`) goes on; without its pipes, it writes to nobody.
    """
    # The number of a group is not given anew while a member is there. PermissionError: macOS says so of a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    status(process, _PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
