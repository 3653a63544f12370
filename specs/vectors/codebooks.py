"""Cases of codebooks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import codebook, protocol
from ..oracle.codebook import Codebook
from . import codebooks_large, no_codebooks, parses, words
from .books import written
from .case import Case, flat, mixed, peaked, table_model


def definitions() -> dict[str, Any]:
    """Models and codebooks."""
    found: dict[str, Any] = {
        "mixed": mixed(10, 1),
        "uniform": table_model(9, [flat(9)]),
        "surely-97": table_model(12, [peaked(12, 97)]),
        "precision-8": table_model(8, [[1] * 256]),
    }
    found["by-hand"] = written(Codebook([0, 0, *[1] * 255, *[0] * 255], [0, 0, *range(255), *range(1, 256)]))
    for name in ("mixed", "uniform", "surely-97"):
        model, _ = protocol.from_model(found[name])
        found[f"{name}-book"] = written(codebook.compile_codebook(model, 9))
    found["ten-bits"] = written(codebook.compile_codebook(protocol.from_model(found["mixed"])[0], 10))
    return found | parses.definitions() | codebooks_large.definitions()


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    hand = {"codebook": "#by-hand"}
    text = {"op": "codebook.encode", "text": "000000ff01"}
    yield Case("the text of B-3, by hand", "B-1 B-2 B-3 B-5", text | hand)
    for name in ("mixed", "uniform", "surely-97"):
        for bits in (9, 10) if name == "mixed" else (9,):
            request = {"op": "codebook.compile", "model": f"#{name}", "bits": bits}
            yield Case("the windows of a model as a table", "B-4 W-2 W-4 W-5 W-6", request)
        for sample in (b"", b"a", b"aaaaaaaaaaaaab", bytes(range(256)), bytes(9), b"\xff" * 9):
            request = {"op": "codebook.encode", "codebook": f"#{name}-book", "text": sample.hex()}
            yield Case("encoded by the table", "B-5 B-7", request)
            request = {"op": "windows.encode", "model": f"#{name}", "bits": 9, "text": sample.hex()}
            yield Case("and the same by the model", "B-7 W-7", request)
        request = {"op": "codebook.decode", "codebook": f"#{name}-book", "ids": list(range(512))}
        yield Case("every string", "B-6", request)
    for name in ("by-hand", "mixed-book", "uniform-book", "surely-97-book", "ten-bits"):
        request = {"op": "codebook.fingerprint", "codebook": f"#{name}"}
        yield Case("the fingerprint", "B-8", request)
    yield Case("no ids", "B-6", {"op": "codebook.decode", "ids": []} | hand)
    ids = {"op": "codebook.decode", "ids": [0, 1, 0, 0, 1, 511]}
    yield Case("the empty string, and windows that encoding would not write", "B-6", ids | hand, ["not canonical"])
    for wrong in (512, -1):
        yield Case(f"id {wrong}", "B-6", {"op": "codebook.decode", "ids": [1, wrong]} | hand)
    for bits in (8, 17):
        request = {"op": "codebook.compile", "model": "#uniform", "bits": bits}
        yield Case(f"{bits} bits", "B-4", request)
    both = {"op": "codebook.compile", "model": "#precision-8", "bits": 8}
    yield Case("model and size both wrong: the model is told", "B-4 F-1", both)
    yield from _damaged(shared)
    yield from parses.cases(shared)
    yield from no_codebooks.cases()
    yield from codebooks_large.cases(shared)
    yield from words.codebooks()


def _damaged(shared: Mapping[str, Any]) -> Iterator[Case]:
    """What is no codebook."""
    parents = protocol.from_runs(shared["by-hand"]["parents"])
    last_bytes = protocol.from_runs(shared["by-hand"]["last_bytes"])

    def change(which: str, place: int, number: int) -> Codebook:
        book = Codebook(list(parents), list(last_bytes))
        (book.parents if which == "parents" else book.last_bytes)[place] = number  # type: ignore[index]
        return book

    for book, what in [
        (Codebook(parents[:-1], last_bytes[:-1]), "511 strings"),
        (Codebook(parents, last_bytes[:-1]), "a last byte too few"),
        (Codebook(parents[:256], last_bytes[:256]), "256 strings"),
        (Codebook([], []), "no strings"),
        (Codebook(parents + [0] * 512, last_bytes + [0] * 512), "the same byte again and again"),
        (Codebook([0] * 2**17, [0] * 2**17), "2^17 strings"),
        (change("parents", 0, 1), "the empty string has a parent"),
        (change("last_bytes", 0, 1), "the empty string has a last byte"),
        (change("parents", 2, 512), "a parent that is no number of a string"),
        (change("parents", 2, -1), "a parent below 0"),
        (change("last_bytes", 2, 256), "a byte of 256"),
        (change("last_bytes", 2, -1), "a byte of -1"),
        (change("parents", 2, 2), "a string that is its own parent"),
        (change("parents", 2, 3), "a parent that comes later"),
        (change("parents", 300, 1), "a child of what is left already"),
        (change("last_bytes", 3, 0), "the same byte twice"),
        (change("last_bytes", 4, 1), "bytes that fall"),
        (change("last_bytes", 300, 255), "bytes that fall, at the root"),
        (change("parents", 3, 2), "a hole: nothing is wrong with it but what is under the first byte"),
        (change("parents", 511, 510), "a byte that is no child of the empty string"),
    ]:
        yield Case(what, "B-1 B-2 B-3", {"op": "codebook.encode", "codebook": written(book), "text": "00"})
