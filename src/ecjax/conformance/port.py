"""A port as a running program that is asked one request at a time, and cannot hurt who asks. POSIX only."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ecjax.conformance import group
from ecjax.conformance.answers import LARGEST, Limit, PortError, limit, parse, shown

START_SECONDS = 60.0
PROBE: Mapping[str, Any] = {"op": "tokens.cut", "codes": ["0000"], "bits": 16, "token_bits": 16}
"""What a program is asked first, to see that it runs; any answer will do."""

_CHUNK = 1 << 16
_TAIL = 1 << 12  # bytes of standard error that are kept
_TICK = 0.05  # seconds between looks at a program whose pipes are held open by others
_GRACE = 1.0  # seconds in which a program that closed its output may end, and what it left behind too


class StartError(PortError):
    """A program that did not answer after its start."""


class LateError(PortError):
    """An answer that did not come in time."""


class Port:
    """A program that speaks the conformance protocol; started when first asked, and again after it failed.

    Use it as a context manager, which ends the program and its process group. All reading and writing is done by the
    thread that asks; whatever the program does, `ask` takes no longer than the time limit, one more if the program has
    to be started, and keeps no more than the longest answer and the tail of standard error.
    """

    def __init__(self, command: Sequence[str], timeout: float, start_timeout: float = START_SECONDS) -> None:
        """Makes ready to run a command.

        Args:
          command: The program and its arguments.
          timeout: Seconds that it may take for an answer, and to end after its input.
          start_timeout: Seconds from its start to the answer to a first small request.
        """
        self._command, self._timeout, self._start_timeout = list(command), timeout, start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._read = bytearray()  # of standard output, and not yet taken as an answer
        self._tail = b""
        self._asked = 0
        self.seconds = 0.0
        """What the last answer took, from when its request was sent until all of it had come."""

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def stderr(self) -> str:
        """The last few kilobytes that came on standard error since the last request was sent."""
        return self._tail.decode(errors="replace")

    def ask(self, request: Mapping[str, Any], most: Limit = LARGEST) -> dict[str, Any]:
        """The answer to a request, without its `id`.

        Args:
          request: What to send, without an `id`.
          most: How long the answer may be.

        Raises:
          PortError: If there is none; the next request goes to a program that is started anew. StartError, which is
            one, if the program had to be started and did not.
          ValueError: If the program cannot be started.
        """
        self.start()
        return self._exchange(request, most, self._timeout)

    def start(self) -> None:
        """Starts the program, if it does not run, and waits for its answer to a first request.

        Raises:
          StartError: If there is none.
          ValueError: If the program cannot be started.
        """
        if self._process is not None:
            return
        self._process = group.start(self._command)
        self._read.clear()
        try:
            self._exchange(PROBE, limit(PROBE), self._start_timeout)
        except PortError as error:
            raise StartError(f"it did not start: {error}") from None

    def finish(self) -> None:
        """Lets the program end by itself.

        Raises:
          PortError: If it does not, or with a status other than 0, or writes more, or leaves processes behind.
        """
        process = self._process
        if process is None:
            return
        self._tail = b""
        try:
            with contextlib.suppress(OSError):
                _stream(process.stdin).close()
            status = self._last_status(process, time.monotonic() + self._timeout)
            if status != 0:
                raise PortError(f"it ended with status {status}, not 0, after its input")
            if left := group.left_behind(process, min(_GRACE, self._timeout)):
                raise PortError(f"it ended and left processes behind that it had started: {len(left)} of them")
        finally:
            self._end()

    def _last_status(self, process: subprocess.Popen[bytes], deadline: float) -> int:
        while True:
            self._wait(process, deadline, b"")
            if self._read:
                raise PortError(f"it wrote what nobody had asked for, {shown(self._read)}, after its last answer")
            if (status := process.poll()) is not None:
                return status
            if time.monotonic() >= deadline:
                raise PortError(f"it did not end within {self._timeout:g} s of the end of its input")

    def _exchange(self, request: Mapping[str, Any], most: Limit, seconds: float) -> dict[str, Any]:
        assert self._process is not None
        self._asked += 1
        self._tail = b""
        try:
            line = self._line(self._process, {"id": self._asked, **request}, most, seconds)
            answer = parse(line, self._asked, most)
            if self._read:
                raise PortError(f"more than one line for one request: after the answer {shown(self._read)}")
            return answer
        except PortError:
            self._end()
            raise

    def _line(self, process: subprocess.Popen[bytes], request: Mapping[str, Any], most: Limit, seconds: float) -> bytes:
        """Sends a request and returns the first line that comes back, without its end."""
        deadline = time.monotonic() + seconds
        self._receive(_stream(process.stdout), self._read)
        if self._read:
            raise PortError(f"it wrote what nobody had asked for, {shown(self._read)}, before this request")
        unsent: bytes | None = json.dumps(request).encode() + b"\n"
        looked, begin = 0, time.perf_counter()
        while True:
            unsent = self._wait(process, deadline, unsent)
            end = self._read.find(b"\n", looked)
            if (end if end >= 0 else len(self._read)) > most.size:
                raise PortError(f"an answer of more than {most.size:,} bytes: {shown(self._read)}")
            if end >= 0:
                self.seconds = time.perf_counter() - begin
                line = bytes(self._read[:end])
                del self._read[: end + 1]
                return line
            before, looked = looked, len(self._read)
            if before == looked and self._is_over(process):
                raise PortError(self._ending(process, deadline))
            if time.monotonic() >= deadline:
                raise LateError(self._lateness(unsent, seconds))

    def _wait(self, process: subprocess.Popen[bytes], deadline: float, unsent: bytes | None) -> bytes | None:
        """Moves what can be moved between us and the program, or waits a little until something can.

        Args:
          process: The program.
          deadline: When to wait no longer.
          unsent: What is to be sent; None if the program takes no more.

        Returns:
          What is still to be sent; None if the program has closed its input.
        """
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr):
                if stream is not None and not stream.closed:
                    selector.register(stream, selectors.EVENT_READ)
            if unsent:
                selector.register(_stream(process.stdin), selectors.EVENT_WRITE)
            if not selector.get_map():
                time.sleep(_TICK)
                return unsent
            for key, _ in selector.select(max(0.0, min(_TICK, deadline - time.monotonic()))):
                if key.fileobj is process.stdout:
                    self._receive(_stream(process.stdout), self._read)
                elif key.fileobj is process.stderr:
                    self._drain(process)
                elif unsent:
                    unsent = self._send(process, unsent)
        return unsent

    @staticmethod
    def _send(process: subprocess.Popen[bytes], unsent: bytes) -> bytes | None:
        try:
            return unsent[_stream(process.stdin).write(unsent[:_CHUNK]) or 0 :]
        except OSError:  # it has closed its input; what it does next tells more
            return None

    @staticmethod
    def _receive(stream: IO[bytes], into: bytearray) -> None:
        """Reads what is there, up to a chunk; closes the stream at its end."""
        if stream.closed:
            return
        try:
            chunk = stream.read(_CHUNK)  # None: nothing is there now
        except OSError:
            chunk = b""
        if chunk:
            into += chunk
        elif chunk is not None:
            stream.close()

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        read = bytearray()
        self._receive(_stream(process.stderr), read)
        self._tail = (self._tail + read)[-_TAIL:]

    def _is_over(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether nothing more can come: the output is closed, or the program has ended though others hold it open."""
        if _stream(process.stdout).closed:
            return True
        if process.poll() is None:
            return False
        before = len(self._read)
        self._receive(_stream(process.stdout), self._read)  # what it wrote since we looked, and before it ended
        return len(self._read) == before

    def _ending(self, process: subprocess.Popen[bytes], deadline: float) -> str:
        rest = f" after {shown(self._read)}" if self._read else ""
        status = group.status(process, min(_GRACE, deadline - time.monotonic()))
        if status is None:
            return f"it closed its output and went on{rest}"
        return f"it crashed, signal {-status}{rest}" if status < 0 else f"it ended, status {status}{rest}"

    def _lateness(self, unsent: bytes | None, seconds: float) -> str:
        if self._read:
            return f"no whole line within {seconds:g} s, but {shown(self._read)}"
        if unsent is None:
            return f"it closed its input, and gave no answer within {seconds:g} s"
        return f"no answer within {seconds:g} s" + (", nor was the request read" if unsent else "")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for _ in range(_CHUNK // _TAIL):  # a pipe has 64 KiB; a program that floods it is not waited for
                self._drain(process)
            group.end(process)
            self._read.clear()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # all three are pipes
    return stream
