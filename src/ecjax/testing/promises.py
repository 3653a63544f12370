"""What a check raises."""

from __future__ import annotations

from typing import Any


class BrokenPromise(AssertionError):
    """A model or a tokenizer does not do what it promises."""


def require(kept: bool, subject: Any, problem: str, right: str) -> None:
    """Raises BrokenPromise unless a promise is kept.

    Args:
      kept: Whether it is.
      subject: The model or tokenizer.
      problem: What was wrong; the name of the subject's class stands before it.
      right: What would be right.
    """
    if not kept:
        raise BrokenPromise(f"{type(subject).__name__}: {problem}; {right}")
