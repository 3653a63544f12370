"""What is public: the page docs/api.md, made of `__all__` of the public modules. `python -m tests.public` writes it."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import typing
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
MODULES = [
    "ecjax",
    "ecjax.tokenizers",
    "ecjax.codebook",
    "ecjax.models",
    "ecjax.testing",
    "ecjax.coding.stream",
    "ecjax.coding.rans",
    "ecjax.coding.windows",
    "ecjax.container",
    "ecjax.exactness",
    "ecjax.integers",
    "ecjax.corpora",
    "ecjax.data",
    "ecjax.training",
    "ecjax.evaluation",
    "ecjax.generation",
    "ecjax.paper",
    "ecjax.analysis",
    "ecjax.compilation",
]
OPENING = """\
# What is public

The names below, the command `ecjax` and the files that it writes are the public surface. All else
may change without notice, and so may whatever begins with an underscore. `help(name)` shows the
arguments, shapes, dtypes and errors of each.

This page is made of the code by `python -m tests.public`; a test compares the two.
"""


def page() -> str:
    return "\n".join([OPENING, *(_section(importlib.import_module(name)) for name in MODULES)])


def _section(module: ModuleType) -> str:
    rows = [f"| `{name}` | {summary(module, name)} |" for name in sorted(module.__all__, key=str.lower)]
    about = textwrap.fill(_first(module.__doc__), 100, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"## {module.__name__}", "", about, "", "| | |", "|---|---|", *rows, ""])


def summary(module: ModuleType, name: str) -> str:
    thing = getattr(module, name)
    if isinstance(thing, int | str | bytes | tuple):
        return f"`{thing!r}`"
    if typing.get_origin(thing) is typing.Literal:
        return " or ".join(f"`{choice!r}`" for choice in typing.get_args(thing))
    if typing.get_origin(thing) is not None:
        return "The type of a function."
    if not (inspect.ismodule(thing) or inspect.isclass(thing) or callable(thing)):
        thing = type(thing)
    return _first(thing.__doc__)


def _first(text: str | None) -> str:
    """The first paragraph of a docstring."""
    assert text, "what is public has a docstring"
    return re.sub(r"\s+", " ", text.strip().split("\n\n")[0]).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
