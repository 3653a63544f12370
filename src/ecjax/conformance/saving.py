"""Failures as files, so that each can be replayed with one line of a shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecjax.specs.cases import Case

_NUMBER = 1  # the id of a request that is sent alone


def stem(case: Case) -> str:
    """The name of a case as that of a file, without what comes after its number: `codebooks-12`."""
    return re.sub(r"[^A-Za-z0-9]+", "-", re.split("[:,]", case.name)[0]).strip("-")


def save(folder: Path, command: Sequence[str], case: Case, answer: Mapping[str, Any] | None) -> str:
    """Writes a case's request, one line of JSON, and the answers beside it: the right one, and what came if any did.

    Args:
      folder: Where to; it is made if it is not there.
      command: The port.
      case: The case.
      answer: What came back.

    Returns:
      A line for a shell that asks the port again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(case)}.json"
    _write(path, case.request)
    _write(path.with_suffix(".expected.json"), case.answer)
    found = path.with_suffix(".found.json")
    found.unlink(missing_ok=True)  # that of an earlier run
    if answer is not None:
        _write(found, answer)
    return f"{shlex.join(command)} < {shlex.quote(str(path))}"


def _write(path: Path, fields: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"id": _NUMBER, **fields}) + "\n", encoding="utf-8")
