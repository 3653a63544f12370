"""The code blocks of a Markdown page: which there are, and how each is executed.

A page is run from top to bottom in a folder of its own. sybil finds the blocks. Python blocks share one namespace. In a
console block, each line that begins with `$` is a command for bash, and what stands below it is the output to expect.
An invisible comment before a block leaves it out: `<!-- skip: next "REASON" -->`.
"""

from __future__ import annotations

import fnmatch
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import SkipTest

import typer
import typer.main
from markdown_it import MarkdownIt
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from ecjax.cli.app import app

ROOT = Path(__file__).parent.parent
_UsageError: Any = typer.BadParameter.__bases__[0]  # of which typer exports this one kind
_SECONDS = 300  # for one command, also on a machine that is busy


class Block(NamedTuple):
    """A block of code: its line in the page, its language ("" if it is indented or names none), and its text."""

    line: int
    language: str
    text: str


class Command(NamedTuple):
    """A command of a console block, and the lines of output that the page shows below it."""

    text: str
    output: tuple[str, ...]


class Rule(NamedTuple):
    """Commands that are not run, and why: those of the pages and of the beginning that two patterns give."""

    pages: str
    commands: str
    reason: str

    def holds(self, page: str, command: str) -> bool:
        return fnmatch.fnmatch(page, self.pages) and re.match(self.commands, command) is not None


def pages() -> list[str]:
    """The Markdown pages of the repository that readers are shown, by their paths."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("specs/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def blocks(markdown: str) -> list[Block]:
    """All blocks of code of a page, in their order."""
    tokens = [token for token in MarkdownIt().parse(markdown) if token.type in ("fence", "code_block")]
    return [Block((t.map or [0])[0] + 1, (t.info.split() or [""])[0], t.content) for t in tokens]


def commands(text: str) -> list[Command]:
    """The commands of a console block.

    Raises:
      ValueError: If the block does not begin with a command.
    """
    found: list[Command] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            found.append(Command(command, ()))
        elif not found:
            raise ValueError(f"a console block begins with {line!r}; it must begin with a command: $ COMMAND")
        else:
            found[-1] = found[-1]._replace(output=(*found[-1].output, line))
    return found


def check_command(command: str) -> None:
    """Checks a command without running it: a program and its options as they are, a target of the Makefile.

    Raises:
      AssertionError: If there is no such command or option.
    """
    words = shlex.split(command, comments=True)
    if words[0] == "ecjax":
        _parse(typer.main.get_command(app), words[1:])
    elif words[:3] == ["python", "-m", "bench"]:
        bench = typer.Typer()
        bench.command()(importlib.import_module(f"bench.{words[3]}").measure)
        _parse(typer.main.get_command(bench), words[4:])
    elif words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        wanted = [word for word in words[1:] if re.fullmatch("[a-z-]+", word) and word != "make"]
        assert set(wanted) <= set(targets), f"{command}: the Makefile has no such target"


def _parse(command: Any, arguments: Sequence[str]) -> None:
    while hasattr(command, "commands"):
        assert arguments and arguments[0] in command.commands, f"there is no command {' '.join(arguments[:1])!r}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    try:
        command.make_context(command.name, list(arguments))
    except _UsageError as error:
        raise AssertionError(f"{command.name} {shlex.join(arguments)}: {error}") from error


def run_command(command: Command, same: Callable[[str], object]) -> None:
    """Runs a command with bash in the current folder, and compares its output with the page's.

    Args:
      command: The command. `ecjax` and `python` are those of the interpreter that runs the tests.
      same: What of a line is compared.

    Raises:
      AssertionError: If it fails, or prints something else.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.text],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_SECONDS,
    )
    assert run.returncode == 0, f"$ {command.text}\nended with status {run.returncode}:\n{run.stdout}{run.stderr}"
    if command.output:
        expected, printed = ([same(line) for line in lines] for lines in (command.output, run.stdout.splitlines()))
        assert printed == expected, f"$ {command.text}\nprints:\n{run.stdout}"


def run_page(
    page: str, markdown: str, names: Mapping[str, Any], run: Callable[[Command], None], languages: Sequence[str]
) -> list[str]:
    """Executes the blocks of a page in the current folder, from top to bottom.

    Args:
      page: The page's path.
      markdown: Its text.
      names: What the Python blocks may use without defining it.
      run: Runs a command.
      languages: Which blocks to execute: "python" and "console".

    Returns:
      What became of each block: its language, or why the page leaves it out.

    Raises:
      AssertionError: If a block fails, or if sybil misses one.
    """

    def console(example: Example) -> None:
        for command in commands(example.parsed):
            run(command)

    document = Document(markdown, str(ROOT / page))
    document.namespace |= {"__name__": "__main__", **names}
    parsers = {"python": PythonCodeBlockParser(), "console": CodeBlockParser("console", console)}
    for parser in [SkipParser(), *(parsers[language] for language in languages)]:
        for region in parser(document):
            document.add(region)
    done = [*_evaluated(document)]
    wanted = [block for block in blocks(markdown) if block.language in languages]
    assert len(done) == len(wanted), f"{page} has {len(wanted)} blocks of code, and sybil found {len(done)}"
    return done


def _evaluated(document: Document) -> Iterator[str]:
    for example in document.examples():
        try:
            example.evaluate()
        except SkipTest as skipped:
            yield str(skipped)
        except Exception as error:
            error.add_note(f"in the block at {example.path}:{example.line}")
            raise
        else:
            if "arguments" in example.region.lexemes and example.region.lexemes["arguments"] in ("python", "console"):
                yield example.region.lexemes["arguments"]
