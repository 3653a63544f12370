"""Writes the stored cases, with the oracle's answers: `python -m specs.vectors.generate`.

A case is a request of the conformance protocol with a comment, flags and the rules it is about. What several cases of a
file share, a model or a codebook, stands under `definitions`, and is named in requests as `#name`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..oracle import protocol
from . import codebooks, containers, frequencies, streams, tokens, transformers, windows
from .described import expand, is_described, shorten

FOLDER = Path(__file__).parent
SECTIONS = {
    "frequencies": frequencies,
    "streams": streams,
    "windows": windows,
    "tokens": tokens,
    "transformers": transformers,
    "codebooks": codebooks,
    "containers": containers,
}


def resolve(value: Any, definitions: Mapping[str, Any]) -> Any:
    """A request with what its `#names` stand for, and what is described in it written out."""
    if isinstance(value, dict):
        if is_described(value):
            return expand(value)
        return {name: resolve(inner, definitions) for name, inner in value.items()}
    if isinstance(value, str) and value.startswith("#"):
        return resolve(definitions[value[1:]], definitions)
    return value


def file(section: str) -> dict[str, Any]:
    """The contents of a section's file."""
    module = SECTIONS[section]
    definitions = module.definitions()
    cases = []
    for number, case in enumerate(module.cases(definitions), 1):
        answer = protocol.answer(resolve(case.request, definitions))
        result = "invalid" if "refused" in answer else "acceptable" if "not canonical" in case.flags else "valid"
        rules, flags = case.rules.split(), list(case.flags)
        cases.append(
            {"id": number, "comment": case.comment, "flags": flags, "rules": rules, "result": result}
            | {"request": shorten(case.request), "answer": shorten(answer)}
        )
    return {"section": section, "definitions": shorten(definitions), "cases": cases}


def lines(contents: Mapping[str, Any]) -> Iterator[str]:
    """A file's lines: one for each definition and each case."""
    yield f'{{"section": {json.dumps(contents["section"])}, "definitions": {{'
    definitions = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in contents["definitions"].items()]
    yield ",\n".join(definitions)
    yield '}, "cases": ['
    yield ",\n".join(map(json.dumps, contents["cases"]))
    yield "]}"


def main() -> None:
    """Writes all files."""
    for section in SECTIONS:
        (FOLDER / f"{section}.json").write_text("\n".join(lines(file(section))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
