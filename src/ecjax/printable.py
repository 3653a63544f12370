"""Text of unknown origin as a terminal and a message may have it."""

from __future__ import annotations


def printable(text: str, longest: int | None = None) -> str:
    """Text on one line that no terminal takes for a command: what is not printable as Python escapes it.

    Args:
      text: Any text.
      longest: Characters after which the result is cut off, with dots in place of the rest.
    """
    cut = text if longest is None else text[: longest + 1]  # what is cut off may be megabytes
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
    return escaped if longest is None or len(escaped) <= longest else f"{escaped[:longest]}..."


def printable_lines(text: str) -> str:
    """Text that keeps its lines and tabs, with signs in place of all else that is not printable."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
