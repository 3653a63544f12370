"""A port as a running program that is asked one request at a time."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

MOST_BYTES = 1 << 26  # of an answer


class PortError(Exception):
    """A port that gave no answer: its message says what it did instead."""


class Port:
    """A program that speaks the conformance protocol; started when first asked, and again after it failed.

    Use it as a context manager, which ends the program.
    """

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        """Makes ready to run a command.

        Args:
          command: The program and its arguments.
          timeout: Seconds that it may take for an answer.
        """
        self._command, self._timeout = list(command), timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._asked = 0

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request, without its `id`.

        Raises:
          PortError: If there is none; the next request goes to a program that is started anew.
          ValueError: If the program cannot be started.
        """
        if self._process is None:
            self._start()
        assert self._process is not None
        self._asked += 1
        threading.Thread(target=self._send, args=(self._process, {"id": self._asked, **request}), daemon=True).start()
        try:
            return self._receive()
        except PortError:
            self._end()
            raise

    def finish(self) -> None:
        """Lets the program end by itself. Raises PortError if it does not, or with a status other than 0."""
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.close()
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise PortError(f"it did not end within {self._timeout:g} s of the end of its input") from None
        finally:
            self._end()
        if status != 0:
            raise PortError(f"it ended with status {status}, not 0, after its input")

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise ValueError(f"{self._command[0]} cannot be run: {error.strerror}; name a program after --") from error
        self._lines = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()

    @staticmethod
    def _send(process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):
            pass  # it has ended, which the missing answer tells

    @staticmethod
    def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
        assert process.stdout is not None
        while line := process.stdout.readline(MOST_BYTES):
            lines.put(line)
        lines.put(b"")

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None
        try:
            line = self._lines.get(timeout=self._timeout)
        except queue.Empty:
            raise PortError(f"no answer within {self._timeout:g} s") from None
        if not line.endswith(b"\n"):
            if len(line) >= MOST_BYTES:
                raise PortError(f"an answer of more than {MOST_BYTES} bytes")
            status = self._process.wait()
            rest = f" after {line[:80]!r}" if line else ""
            raise PortError(f"it crashed, signal {-status}{rest}" if status < 0 else f"it ended, status {status}{rest}")
        try:
            answer = json.loads(line)
        except ValueError:
            raise PortError(f"no JSON but {line[:80]!r}") from None
        if not isinstance(answer, dict):
            raise PortError(f"no JSON object but {line[:80]!r}")
        if answer.pop("id", None) != self._asked:
            raise PortError(f"an answer whose id is not {self._asked}, that of the request: {line[:80]!r}")
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
