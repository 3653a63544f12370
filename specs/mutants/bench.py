"""Asks programs, sound or with a mutant, the stored cases."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

from ..cases import SECTIONS, Case, each
from .mutant import Mutant
from .program import Program, program

_Group = tuple[str, bool]
"""A section, and whether its long cases are meant or the others."""


class _Asked(NamedTuple):
    """The cases of a group: their names, a file of their requests, the sound answers, and a time limit in seconds."""

    names: list[str]
    requests: Path
    answers: list[bytes]
    limit: float


class Bench:
    """Makes programs in a folder, and asks them the stored cases."""

    def __init__(self, folder: Path) -> None:
        """Reads all cases.

        Args:
          folder: For programs and requests.
        """
        self._folder = folder
        self._groups: dict[_Group, list[Case]] = {(name, long): [] for long in (False, True) for name in SECTIONS}
        for case in each():
            self._groups[case.section, "long" in case.flags].append(case)
        self._asked: dict[tuple[str, _Group], _Asked] = {}
        self._asking = threading.Lock()

    def _sound(self, target: str, group: _Group) -> _Asked:
        """What the sound program of a target is asked and answers; it is asked when this is needed first."""
        with self._asking:
            if (target, group) not in self._asked:
                self._asked[target, group] = self._ask_sound(target, group)
            return self._asked[target, group]

    def _ask_sound(self, target: str, group: _Group) -> _Asked:
        cases = self._groups[group]
        requests = self._folder / f"{target}-{group[0]}-{'long' if group[1] else 'short'}.jsonl"
        lines = (json.dumps({"id": number, **case.request}) + "\n" for number, case in enumerate(cases))
        requests.write_text("".join(lines), encoding="utf-8")
        with requests.open("rb") as asked, program(self._folder / f"sound-{target}", target) as sound:
            start = time.monotonic()
            ran = subprocess.run(sound.command, cwd=sound.folder, stdin=asked, capture_output=True, check=True)
            seconds = time.monotonic() - start
        answers = ran.stdout.splitlines(keepends=True)
        for number, (case, said) in enumerate(zip(cases, answers, strict=True)):
            if json.loads(said) != {"id": number, **case.answer}:
                raise ValueError(f"{target} without a mutant fails {case.name}")
        # Ample, for a machine may be busier later.
        return _Asked([case.name for case in cases], requests, answers, 30 + 10 * seconds)

    def killer(self, mutant: Mutant, section: str, name: str) -> str | None:
        """The first case that a mutant fails, or None.

        Args:
          mutant: What to change in its target.
          section: The section whose cases come first. Long cases come after all others.
          name: A name for the program.

        Raises:
          ValueError: If there is no compiler, the sound program gives an answer that is not the stored one, or the
            mutant cannot be put into the source or does not compile.
        """
        sections = [section, *(other for other in SECTIONS if other != section)]
        with program(self._folder / name, mutant.target, mutant) as changed:
            for long in (False, True):
                for asked in sections:
                    if self._groups[asked, long]:
                        failed = _first_failed(changed, self._sound(mutant.target, (asked, long)))
                        if failed is not None:
                            return failed
        return None


def _first_failed(changed: Program, asked: _Asked) -> str | None:
    """The name of the first case whose answer is not that of the sound program, also for want of time or memory."""
    with asked.requests.open("rb") as requests:
        process = subprocess.Popen(
            changed.command, cwd=changed.folder, stdin=requests, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
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
