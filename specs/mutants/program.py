"""The port in C, sound or with a mutant, and the stored cases that it answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import text
from ..vectors import described, generate
from .mutant import Mutant

SOURCE = text.FOLDER / "ports/c/ecjax.c"
SECTIONS = ("frequencies", "tokens", "transformers", "streams", "windows", "codebooks", "containers")
_FLAGS = ("-std=c11", "-O1", "-w")
_MEMORY = 1 << 21  # kilobytes that a program may use
_SECTION_OF = {"stream": "streams", "transformer": "transformers", "codebook": "codebooks", "container": "containers"}


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
        cases = _cases()
        self._asked = {section: self._ask_sound(sound, section, cases[section]) for section in SECTIONS}

    def _compile(self, source: str, name: str) -> Path:
        path = self._folder / name
        path.with_suffix(".c").write_text(source, encoding="utf-8")
        command = [self._compiler, *_FLAGS, "-o", str(path), str(path.with_suffix(".c"))]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ValueError(f"{name} does not compile: {made.stderr[:500]}")
        return path

    def _ask_sound(self, program: Path, section: str, cases: list[tuple[str, Any, Any]]) -> Asked:
        requests = self._folder / f"{section}.jsonl"
        lines = (json.dumps({"id": number, **request}) + "\n" for number, (_, request, _) in enumerate(cases))
        requests.write_text("".join(lines), encoding="utf-8")
        start = time.monotonic()
        with requests.open("rb") as asked:
            ran = subprocess.run([str(program)], stdin=asked, capture_output=True, check=True)
        seconds = time.monotonic() - start
        answers = ran.stdout.splitlines(keepends=True)
        for number, ((name, _, right), said) in enumerate(zip(cases, answers, strict=True)):
            if json.loads(said) != {"id": number, **right}:
                raise ValueError(f"the port without a mutant fails {name}")
        return Asked([name for name, _, _ in cases], requests, answers, 5 + 5 * seconds)

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


def _cases() -> Mapping[str, list[tuple[str, Any, Any]]]:
    """The name, request and answer of the examples and the stored cases, by section."""
    found: dict[str, list[tuple[str, Any, Any]]] = {section: [] for section in SECTIONS}
    for section, name, request, answer in (*_examples(), *_vectors()):
        found[section].append((name, request, answer))
    return found


def _examples() -> Iterator[tuple[str, str, Any, Any]]:
    for number, example in enumerate(text.examples(), 1):
        kind = str(example.request["op"]).partition(".")[0]
        answer = {name: value for name, value in example.answer.items() if name != "trace"}
        yield _SECTION_OF.get(kind, kind), f"example {number}, in {example.text}.md", example.request, answer


def _vectors() -> Iterator[tuple[str, str, Any, Any]]:
    for section in SECTIONS:
        contents = json.loads((generate.FOLDER / f"{section}.json").read_text(encoding="utf-8"))
        for case in contents["cases"]:
            request = generate.resolve(case["request"], contents["definitions"])
            yield section, f"{section} {case['id']}: {case['comment']}", request, described.expand(case["answer"])


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
