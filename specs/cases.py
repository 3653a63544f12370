"""The cases that a port is asked: the examples in the texts, and the stored ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from . import text
from .vectors.described import expand
from .vectors.generate import resolve

Request = Mapping[str, Any]
Wanted = Callable[[str, str], bool]
"""Says of a case's section and name whether it is wanted."""

SECTIONS = ("frequencies", "tokens", "transformers", "streams", "windows", "codebooks", "containers")
"""In the order of a run: what others use comes first, so that a fault shows where it is."""

_SECTION_OF = {"stream": "streams", "transformer": "transformers", "codebook": "codebooks", "container": "containers"}


class Case(NamedTuple):
    """A request and its answer.

    Attributes:
      section: What it is about: a file of specs/vectors.
      name: Where it is from.
      rules: The rules of the specification that it tests; a random case names none.
      request: What is sent, but for its `id`.
      answer: What must come back, but for the `id`.
      flags: Words to pick stored cases by, such as `long`.
    """

    section: str
    name: str
    rules: tuple[str, ...]
    request: Request
    answer: Mapping[str, Any]
    flags: tuple[str, ...] = ()


def section_of(request: Request) -> str:
    """The section that an operation belongs to."""
    kind = str(request["op"]).partition(".")[0]
    return _SECTION_OF.get(kind, kind)


def examples() -> Iterator[Case]:
    """The examples in the texts."""
    for number, example in enumerate(text.examples(), 1):
        answer = {name: value for name, value in example.answer.items() if name != "trace"}
        name = f"example {number}, in {example.text}.md"
        yield Case(section_of(example.request), name, example.rules, example.request, answer)


def every(section: str, name: str) -> bool:
    """Wants every case."""
    return True


def vectors(section: str, wanted: Wanted = every) -> Iterator[Case]:
    """The stored cases of a section that are wanted; the others are not written out."""
    contents = json.loads((text.FOLDER / "vectors" / f"{section}.json").read_text(encoding="utf-8"))
    for case in contents["cases"]:
        name = f"{section} {case['id']}: {case['comment']}"
        if wanted(section, name):
            request, answer = resolve(case["request"], contents["definitions"]), expand(case["answer"])
            yield Case(section, name, tuple(case["rules"]), request, answer, tuple(case["flags"]))


def each(wanted: Wanted = every) -> Iterator[Case]:
    """The examples and the stored cases that are wanted, section by section; each is made when it is asked for."""
    shown = list(examples())
    for section in SECTIONS:
        yield from (case for case in shown if case.section == section and wanted(section, case.name))
        yield from vectors(section, wanted)
