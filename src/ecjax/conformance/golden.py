"""Cases of the golden text: a MiB of text each, whose right answers are known by their SHA-256 only.

The oracle would need hours for them. golden.json has what this package and the ports in specs/ports answer alike;
`python -m tests.golden.text` writes it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from ecjax.conformance import golden_text
from ecjax.specs.cases import Case, Wanted, every
from ecjax.specs.oracle.protocol import runs

SECTION = "golden"
FLAG = "golden"
"""The flag of its cases: their answers are given by `sha256`, and their steps are too many to look for a wrong one."""

FILE = Path(__file__).with_name("golden.json")
_BOOKS = ("m1-books-12", "m1-books-16", "books-12", "books-16", "mixed-16")  # the first two are greedy (B-5)
CODINGS = ("stream", *(f"windows-{bits}" for bits in (16, 64, 128)), *_BOOKS)
_RULES = {"stream": ("S-2", "S-3", "S-4"), "windows": ("W-5", "W-7", "W-9"), "codebook": ("B-5", "B-6", "B-13")}
_PRECISION, _ROWS = 16, 32


def sha256(answer: Mapping[str, Any]) -> str:
    """The digest of an answer: of its JSON without spaces, its fields in the order of their names."""
    return hashlib.sha256(json.dumps(answer, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@functools.cache
def digests() -> Mapping[str, Any]:
    """What golden.json says.

    `codings` has for each coding two lists, with a digest for each piece of the text: `encode`, of the answer with the
    code, and `decode`, of the answer with the text. `all` is the digest of `codings`.
    """
    return json.loads(FILE.read_text(encoding="utf-8"))


def names(pieces: int) -> list[tuple[str, int, str]]:
    """The coding, the number of the piece from 0, and the name of each case of the first pieces."""
    every_one = golden_text.PIECES
    return [
        (coding, i, f"golden {coding} {i + 1}: MiB {i + 1} of {every_one}") for coding in CODINGS for i in range(pieces)
    ]


def cases(pieces: int, wanted: Wanted = every) -> Iterator[Case]:
    """The cases of the first pieces of the text that are wanted; each is made when it is asked for.

    Such a case asks for a code; `back` is its second half.
    """
    for coding, number, name in names(pieces):
        if wanted(SECTION, name):
            asked = request(coding, number)
            rules = _RULES[asked["op"].partition(".")[0]]
            yield Case(SECTION, name, rules, asked, _answer(coding, "encode", number), (FLAG, coding, str(number)))


def request(coding: str, number: int) -> dict[str, Any]:
    """What asks for the code of a piece of the text."""
    return request_for(coding, model(), golden_text.piece(number))


def request_for(coding: str, table_model: Mapping[str, Any], text: bytes) -> dict[str, Any]:
    """What asks for the code of a text; the model is that of streams and windows."""
    kind, _, bits = coding.partition("-")
    if kind == "stream":
        return {"op": "stream.encode", "model": table_model, "text": text.hex()}
    if kind == "windows":
        return {"op": "windows.encode", "model": table_model, "bits": int(bits), "text": text.hex()}
    return {"op": "codebook.encode", "codebook": _shipped(coding), "text": text.hex()}


def back(case: Case, answer: Mapping[str, Any]) -> Case | None:
    """The case that asks for the text of a right answer; None if the case is not of the golden text."""
    if FLAG not in case.flags:
        return None
    _, coding, number = case.flags
    return case._replace(
        request=back_request(case.request, answer), answer=_answer(coding, "decode", int(number)), flags=(FLAG,)
    )


def back_request(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """What asks for the text of which this is the answer with the code."""
    kept = {name: value for name, value in asked.items() if name != "text"}
    length = {"length": len(asked["text"]) // 2} if asked["op"] == "stream.encode" else {}
    return {**kept, "op": asked["op"].replace("encode", "decode"), **answer, **length}


def _answer(coding: str, way: str, number: int) -> Mapping[str, Any]:
    return {"sha256": digests()["codings"][coding][way][number]}


@functools.cache
def model() -> dict[str, Any]:
    """The table model of the golden text."""
    return table_model(golden_text.piece(0))


@functools.lru_cache(maxsize=2)
def table_model(text: bytes) -> dict[str, Any]:
    """A table model of a text: a row for each of the most frequent bytes before, and one for all the others."""
    following = [Counter[int]() for _ in range(256)]
    for before, byte in pairwise(text):
        following[before][byte] += 1
    common = sorted(range(256), key=lambda byte: (-following[byte].total(), byte))[: _ROWS - 1]
    others = sum((following[byte] for byte in range(256) if byte not in common), Counter[int]())
    after = {byte: row for row, byte in enumerate(common, 1)}
    rows = [runs(_frequencies(counts)) for counts in (others, *(following[byte] for byte in common))]
    return {"precision": _PRECISION, "rows": rows, "next": runs([*(after.get(byte, 0) for byte in range(256)), 0])}


def _frequencies(counts: Counter[int]) -> list[int]:
    spare, total = 2**_PRECISION - 256, max(counts.total(), 1)
    row = [1 + counts[byte] * spare // total for byte in range(256)]
    row[row.index(max(row))] += 2**_PRECISION - sum(row)
    return row


@functools.lru_cache(maxsize=1)
def _shipped(name: str) -> dict[str, Any]:
    """A shipped codebook as requests have it."""
    # As in golden_text.py.
    from ecjax import serialisation
    from ecjax.codebook.files import KIND

    tensors = serialisation.read(name, KIND).tensors
    return {field: runs(list(map(int, numbers.tolist()))) for field, numbers in tensors.items()}
