"""The cases of a conformance run: the examples in the texts of the specification, and the stored ones."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ecjax.specs import text
from ecjax.specs.vectors.described import expand
from ecjax.specs.vectors.generate import resolve

Request = Mapping[str, Any]
Wanted = Callable[[str, str], bool]
"""Says of a case's section and name whether it is wanted."""

SECTIONS = ("frequencies", "tokens", "transformers", "streams", "windows", "codebooks", "containers")
"""In the order of a run: what others use comes first, so that a fault shows where it is."""


class Case(NamedTuple):
    """A request and its answer.

    Attributes:
      section: What it is about: a file of specs/vectors.
      name: Where it is from.
      rules: The rules of the specification that it tests; a random case names none.
      request: What is sent, but for its `id`.
      answer: What must come back, but for the `id`.
    """

    section: str
    name: str
    rules: tuple[str, ...]
    request: Request
    answer: Mapping[str, Any]


_SECTION_OF = {
    "frequencies": "frequencies",
    "stream": "streams",
    "windows": "windows",
    "tokens": "tokens",
    "transformer": "transformers",
    "codebook": "codebooks",
    "container": "containers",
}


def section_of(request: Request) -> str:
    """The section that an operation belongs to."""
    return _SECTION_OF[request["op"].partition(".")[0]]


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
            request = resolve(case["request"], contents["definitions"])
            yield Case(section, name, tuple(case["rules"]), request, expand(case["answer"]))


def each(wanted: Wanted = every) -> Iterator[Case]:
    """The examples and the stored cases that are wanted, section by section; each is made when it is asked for."""
    shown = list(examples())
    for section in SECTIONS:
        yield from (case for case in shown if case.section == section and wanted(section, case.name))
        yield from vectors(section, wanted)


def stored() -> list[Case]:
    """All of them."""
    return list(each())


def listing() -> list[tuple[str, str]]:
    """The section and name of each of them."""
    found: list[tuple[str, str]] = []

    def note(section: str, name: str) -> bool:
        found.append((section, name))
        return False

    for _ in each(note):
        pass
    return found


def chooser(sections: Sequence[str], names: Sequence[str]) -> Wanted:
    """A function that says of a case's section and name whether it is chosen.

    Args:
      sections: Those that are; none: all.
      names: Names as they are printed, or patterns with `*` and `?` for any characters and any one; none: all.
    """

    def chosen(section: str, name: str) -> bool:
        named = not names or any(_is_named(name, wanted) for wanted in names)
        return named and (not sections or section in sections)

    return chosen


def _is_named(name: str, wanted: str) -> bool:
    """Whether a case's name is the one that is wanted, or fits the pattern."""
    return name == wanted or fnmatchcase(name, wanted)


def check_names(wanted: Sequence[str], names: Sequence[str]) -> None:
    """Raises ValueError if a name or pattern is that of no case."""
    for name in wanted:
        if not any(_is_named(other, name) for other in names):
            [near, *_] = difflib.get_close_matches(name, names, 1, 0.0)
            raise ValueError(
                f"no case of these is named {name!r}; give a name as it is printed, such as {near!r}, or a pattern "
                f"such as 'tokens 3:*'"
            )
