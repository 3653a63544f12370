"""The programs that mutants are put into: the port in C, and the oracle."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .. import text
from .mutant import PORT, Mutant

SOURCE = text.FOLDER / PORT
_FLAGS = ("-std=c11", "-O1", "-w")
_MEMORY = 1 << 21  # kilobytes that a program may use


class Program(NamedTuple):
    """A command, and the folder in which it runs."""

    command: list[str]
    folder: Path


def compiler() -> str:
    """The C compiler.

    Raises:
      ValueError: If there is none.
    """
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise ValueError("there is no C compiler here; install cc, gcc or clang")
    return found


def source(file: str) -> str:
    """The sound source of a file that mutants name."""
    return (text.FOLDER / file).read_text(encoding="utf-8")


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


@contextmanager
def program(folder: Path, target: str, mutant: Mutant | None = None) -> Iterator[Program]:
    """A target as a program, sound or with a mutant; it is gone afterwards.

    Args:
      folder: A folder for it, which is not there yet.
      target: `c` or `oracle`.
      mutant: What to change in it.

    Raises:
      ValueError: If there is no compiler, the mutant cannot be put into the source, or the source is not compiled.
    """
    try:
        yield _compiled(folder, mutant) if target == "c" else _copied(folder, mutant)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compiled(folder: Path, mutant: Mutant | None) -> Program:
    """The port in C."""
    folder.mkdir()
    written = source(PORT) if mutant is None else mutated(source(PORT), mutant)
    (folder / "port.c").write_text(written, encoding="utf-8")
    command = [compiler(), *_FLAGS, "-o", "port", "port.c"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ValueError(f"{mutant.name if mutant else 'the port'} does not compile: {made.stderr[:500]}")
    return Program(_limited(str(folder / "port")), folder)


def _copied(folder: Path, mutant: Mutant | None) -> Program:
    """The oracle, in a folder in which it is found first."""
    shutil.copytree(text.FOLDER / "oracle", folder / "specs/oracle", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "specs/__init__.py").touch()
    if mutant is not None:
        changed = mutated(source(mutant.file), mutant)
        try:
            compile(changed, mutant.file, "exec")
        except SyntaxError as error:
            raise ValueError(f"{mutant.name} is no Python: {error}") from error
        (folder / "specs" / mutant.file).write_text(changed, encoding="utf-8")
    return Program(_limited(sys.executable, "-m", "specs.oracle"), folder)


def _limited(*command: str) -> list[str]:
    return ["sh", "-c", f'ulimit -v {_MEMORY}; exec "$0" "$@"', *command]
