"""How the folder of a corpus is told from a folder of texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

KIND = "ecjax.corpus"
PLAN, INDEX = "plan.json", "index.json"


def holds_corpus(folder: Path) -> bool:
    """Whether a folder holds a corpus, also one that is unfinished or damaged."""
    return any(_format(folder / name).startswith(KIND) for name in (INDEX, PLAN))


def check_no_corpus(files: Iterable[Path]) -> None:
    """Raises ValueError if some of these files are those of a corpus: its ids are not text."""
    for file in files:
        if file.name in (INDEX, PLAN) and holds_corpus(file.parent):
            raise ValueError(
                f"{file.parent} is a corpus of tokens, not text; give the texts that it was made of "
                "(train-m2 takes the corpus itself)"
            )


def _format(path: Path) -> str:
    """The format that a JSON file says it is of; empty if it is not there, or says none."""
    try:
        contents = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    found = contents.get("format") if isinstance(contents, dict) else None
    return found if isinstance(found, str) else ""
