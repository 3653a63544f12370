"""The port in C, sound or with a mutant, and the stored cases that it answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

from .. import text
from ..cases import SECTIONS, Case, each
from .mutant import Mutant

SOURCE = text.FOLDER / "ports/c/ecjax.c"
_FLAGS = ("-std=c11", "-O1", "-w")
_MEMORY = 1 << 21  # kilobytes that a program may use


class Asked(NamedTuple):
    """The cases of a section: their names, a file of their requests, the sound answers, and a time limit in seconds."""

    names: list[str]
    requests: Path
    answers: list[bytes]
    limit: float


def compiler() -> str:
    """The C compiler.

    Raises:
      ValueError: If there is none.
    """
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise ValueError("there is no C compiler here; install cc, gcc or clang")
    return found


def mutated(source: str, mutant: Mutant) -> str:
    """The source with a mutant.

    Raises:
      ValueError: If what it replaces does not occur exactly once, or nothing changes.
    """
    if source.count(mutant.old) != 1 or mutant.old == mutant.new:
        raise ValueError(
            f"mutant {mutant.name!r}: what it replaces must be in the source once, and change; it is there "
            f"{source.count(mutant.old)} times: {mutant.old!r}"
        )
    return source.replace(mutant.old, mutant.new)


class Bench:
    """Compiles programs in a folder, and asks them the stored cases."""

    def __init__(self, folder: Path) -> None:
        """Compiles the sound port, and has it answer all cases.

        Args:
          folder: For sources, programs and requests.

        Raises:
          ValueError: If there is no compiler, or the sound port gives an answer that is not the stored one.
        """
        self._folder, self._compiler = folder, compiler()
        self._source = SOURCE.read_text(encoding="utf-8")
        sound = self._compile(self._source, "sound")
        cases = list(each())
        self._asked = {
            section: self._ask_sound(sound, section, [case for case in cases if case.section == section])
            for section in SECTIONS
        }

    def _compile(self, source: str, name: str) -> Path:
        path = self._folder / name
        path.with_suffix(".c").write_text(source, encoding="utf-8")
        command = [self._compiler, *_FLAGS, "-o", str(path), str(path.with_suffix(".c"))]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ValueError(f"{name} does not compile: {made.stderr[:500]}")
        return path

    def _ask_sound(self, program: Path, section: str, cases: list[Case]) -> Asked:
        requests = self._folder / f"{section}.jsonl"
        lines = (json.dumps({"id": number, **case.request}) + "\n" for number, case in enumerate(cases))
        requests.write_text("".join(lines), encoding="utf-8")
        start = time.monotonic()
        with requests.open("rb") as asked:
            ran = subprocess.run([str(program)], stdin=asked, capture_output=True, check=True)
        seconds = time.monotonic() - start
        answers = ran.stdout.splitlines(keepends=True)
        for number, (case, said) in enumerate(zip(cases, answers, strict=True)):
            if json.loads(said) != {"id": number, **case.answer}:
                raise ValueError(f"the port without a mutant fails {case.name}")
        return Asked([case.name for case in cases], requests, answers, 5 + 5 * seconds)

    def killer(self, mutant: Mutant, section: str, name: str) -> str | None:
        """The first case that a mutant fails, or None.

        Args:
          mutant: What to change in the port.
          section: The section whose cases come first.
          name: A name for the program.

        Raises:
          ValueError: If the mutant cannot be put into the source, or does not compile.
        """
        program = self._compile(mutated(self._source, mutant), name)
        try:
            for asked in (section, *(other for other in SECTIONS if other != section)):
                failed = _first_failed(program, self._asked[asked])
                if failed is not None:
                    return failed
            return None
        finally:
            program.unlink()
            program.with_suffix(".c").unlink()


def _first_failed(program: Path, asked: Asked) -> str | None:
    """The name of the first case whose answer is not that of the sound port, also for want of time or memory."""
    command = ["sh", "-c", f'ulimit -v {_MEMORY}; exec "$0"', str(program)]
    with asked.requests.open("rb") as requests:
        process = subprocess.Popen(command, stdin=requests, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    timer = threading.Timer(asked.limit, process.kill)
    timer.start()
    try:
        for name, right in zip(asked.names, asked.answers, strict=True):
            if process.stdout.readline(len(right) + 1) != right:
                return name
        ended_well = process.stdout.read(1) == b"" and process.wait() == 0
        return None if ended_well else f"{asked.names[-1]}, and after it"
    finally:
        timer.cancel()
        process.kill()
        process.stdout.close()
        process.wait()
