"""Checksums of a checkpoint's files, so that damage is seen before a run goes on from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ecjax import atomic

NAME = "manifest.json"
FILES = "files"


def write(checkpoint: Path, step: int) -> None:
    """Writes down the sizes and SHA-256s of all files below `checkpoint / "files"`."""
    files = {path.relative_to(checkpoint).as_posix(): path for path in (checkpoint / FILES).rglob("*")}
    entries = {name: [path.stat().st_size, _sha256(path)] for name, path in sorted(files.items()) if path.is_file()}
    contents = json.dumps({"step": step, "files": entries}, indent=2)
    atomic.write_bytes(checkpoint / NAME, f"{contents}\n".encode())


def fault(checkpoint: Path, step: int) -> str | None:
    """What is wrong with a checkpoint, in a few words; None if all its files are as they were written."""
    try:
        manifest = json.loads((checkpoint / NAME).read_bytes())
        if manifest["step"] != step:
            return "it is of another step"
        entries = [(name, size, digest) for name, (size, digest) in manifest["files"].items()]
    except OSError:
        return f"it has no {NAME} that can be read"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {NAME} is damaged"
    if not entries:
        return f"its {NAME} names no file"
    for name, size, digest in entries:
        path = checkpoint / name
        try:
            if ".." in path.parts or not path.is_file():  # a pipe would never end
                return f"its file {name!a} is no file"
            if path.stat().st_size != size or _sha256(path) != digest:
                return f"its file {name!a} is damaged"
        except (OSError, ValueError):
            return f"its file {name!a} cannot be read"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
