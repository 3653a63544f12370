"""What a short command costs as a whole: processor time and memory of new processes, first calls and later ones."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from bench._common import Json, console, excerpts, read_texts, report

# What a process has used at most counts what it was before it became the one to measure. So that is a small one.
_LAUNCHER = """
import json, os, sys
child = os.fork()
if child == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
_, status, used = os.wait4(child, 0)
kilobytes = used.ru_maxrss if sys.platform != "darwin" else used.ru_maxrss / 1024
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, kilobytes / 1024]))
"""
_COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); from ecjax.cli import main; main()"


class _Use(NamedTuple):
    """Processor seconds, the user's and the system's, and MiB of memory at most, of one process."""

    seconds: float
    memory: float


class _Side:
    """One of the two that are compared: where its package is, and a cache folder and files of its own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._source, self._folder = source.resolve(), folder
        folder.mkdir()

    def file(self, name: str) -> Path:
        return self._folder / name

    def forget(self) -> None:
        shutil.rmtree(self.file("cache"), ignore_errors=True)

    def run(self, *arguments: str | Path) -> _Use | None:
        """What the command uses; None if it fails, as one that it does not know yet."""
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_C", "TF_CPP"))}
        finished = subprocess.run(
            [sys.executable, "-S", "-E", "-c", _LAUNCHER, "-c", _COMMAND, self._source, *arguments],
            env=settings | {"XDG_CACHE_HOME": str(self.file("cache"))},
            capture_output=True,
            text=True,
            check=True,
        )
        status, seconds, memory = json.loads(finished.stdout)
        return None if status else _Use(seconds, memory)


def _row(command: str, call: str, uses: dict[str, list[_Use]]) -> dict[str, Any]:
    row: dict[str, Any] = {"command": command, "call": call}
    for name, prefix in (("here", ""), ("base", "base_")):
        if found := uses.get(name):
            row |= {
                f"{prefix}cpu_seconds": min(use.seconds for use in found),
                f"{prefix}median": statistics.median(use.seconds for use in found),
                f"{prefix}peak_mib": max(use.memory for use in found),
            }
    if uses.get("here") and uses.get("base"):
        row["ratio"] = row["cpu_seconds"] / row["base_cpu_seconds"]
    return row


def _simple(sides: dict[str, _Side], arguments: Sequence[str], repeats: int) -> dict[str, list[_Use]]:
    """Commands that compile nothing; `FILE` is the side's own compressed file."""
    uses: dict[str, list[_Use]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            use = side.run(*(side.file("coded") if argument == "FILE" else argument for argument in arguments))
            uses[name] += [use] if use else []
    return uses


def _coding(sides: dict[str, _Side], text: bytes, model: str, repeats: int, again: bool) -> list[dict[str, list[_Use]]]:
    """What encoding and decoding use: without anything kept, or with what the calls before have kept."""
    encoding: dict[str, list[_Use]] = {name: [] for name in sides}
    decoding: dict[str, list[_Use]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            side.file("text").write_bytes(text)
            for uses, arguments, out in (
                (encoding, ["encode", side.file("text"), side.file("coded"), "--model", model], side.file("coded")),
                (decoding, ["decode", side.file("coded"), side.file("back")], side.file("back")),
            ):
                out.unlink(missing_ok=True)
                if not again:
                    side.forget()
                use = side.run(*arguments)
                if use is None:
                    raise ValueError(f"`ecjax {arguments[0]}` failed {'here' if name == 'here' else 'at the base'}")
                uses[name].append(use)
            if side.file("back").read_bytes() != text:
                raise ValueError(f"the text did not come back from {model}")
    return [encoding, decoding]


def measure(
    model: Annotated[
        list[str] | None, typer.Option(help="A model or codebook; repeatable. [default: m1-books books-16]")
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option("--bytes", min=1, help="Bytes of text; repeatable. [default: 1000 4000]")
    ] = None,
    base: Annotated[Path | None, typer.Option(help="A checkout of another commit, to run side by side.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Processes of each kind; the shortest counts.")] = 3,
    out: Json = None,
) -> None:
    """Processor time and memory of whole commands on short texts, first calls and later ones.

    Raises ValueError if the base is no checkout, or a text does not come back.
    """
    here = Path(__file__).parents[1] / "src"
    if base is not None and not (base / "src" / "ecjax").is_dir():
        raise ValueError(f"{base} is no checkout of ecjax: there is no {base / 'src' / 'ecjax'}")
    results = []
    with tempfile.TemporaryDirectory() as temporary, console.status("") as status:
        sides = {"here": _Side(here, Path(temporary) / "here")}
        if base is not None:
            sides["base"] = _Side(base / "src", Path(temporary) / "base")
        for name, count in itertools.product(model or ["m1-books", "books-16"], size or [1000, 4000]):
            (text,) = excerpts(read_texts(None), count)
            for again in (False, True):
                call = "later" if again else "first"
                status.update(f"{name}, {count:,} bytes, {call} calls")
                if again:  # what the first calls leave
                    _coding(sides, text, name, 1, again)
                encoding, decoding = _coding(sides, text, name, repeats, again)
                results.append(_row(f"encode {count:,} bytes, {name}", call, encoding))
                results.append(_row(f"decode {count:,} bytes, {name}", call, decoding))
        for arguments in (["--help"], ["--version"], ["info", "FILE"]):
            results.append(_row(" ".join(arguments), "any", _simple(sides, arguments, repeats)))
    settings = {"text": ["sample.txt"], "repeats": repeats, "base": base is not None}
    report("startup", settings, results, out)
