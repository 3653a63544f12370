"""Which cases a conformance run asks: those of the specification, chosen by section and name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from ecjax.specs.cases import Case, Wanted, each


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
