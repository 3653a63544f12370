"""What a mutant is."""

from __future__ import annotations

from typing import NamedTuple

PORT = "ports/c/ecjax.c"


class Mutant(NamedTuple):
    """A single fault, as a porter may make it, in the port in C or in the oracle.

    Attributes:
      name: What is wrong.
      rule: The rule that it breaks, such as `T-6`.
      old: What is replaced in the source; it occurs there exactly once.
      new: What stands there instead.
      equivalent: Why no input shows the fault, in a sentence; None if stored cases must.
      file: The source, below specs: the port in C, or a module of the oracle.
    """

    name: str
    rule: str
    old: str
    new: str
    equivalent: str | None = None
    file: str = PORT

    @property
    def target(self) -> str:
        """What it is put into: `c` or `oracle`."""
        return "c" if self.file == PORT else "oracle"


def edit(
    rule: str, name: str, line: str, part: str, new: str, equivalent: str | None = None, file: str = PORT
) -> Mutant:
    """The mutant that changes the first occurrence of a part of a line.

    Raises:
      ValueError: If the line does not have the part.
    """
    if part not in line:
        raise ValueError(f"mutant {name!r}: {part!r} is not in {line!r}")
    return Mutant(name, rule, line, line.replace(part, new, 1), equivalent, file)


def drop(rule: str, name: str, line: str, equivalent: str | None = None) -> Mutant:
    """The mutant that leaves a line of the port in C out."""
    return Mutant(name, rule, line, "", equivalent)
