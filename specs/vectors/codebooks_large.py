"""Cases of codebooks.md of real size: 16 bits, strings of more than 10,000 bytes, texts of 64 KiB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle.codebook import Codebook
from . import words
from .books import BYTES, priced, trie, written
from .case import Case, flat, peaked, table_model
from .transformers import tiny_model

_DEEP = 10_500


def _chain(nodes: int, length: int) -> Codebook:
    """A trie of so many nodes: a string of zeros so long, all it begins with, the bytes, and pairs of bytes."""
    spare = nodes - 256 - length
    counts = [min(256, max(0, spare - 256 * place)) for place in range(255)]
    parents, last_bytes = [0, *range(length)], [0] * (length + 1)
    for byte, count in enumerate(counts, 1):
        node = len(parents)
        parents += [0, *[node] * count]
        last_bytes += [byte, *range(count)]
    assert len(parents) == nodes
    return Codebook(parents, last_bytes)


def definitions() -> dict[str, Any]:
    """Models and codebooks."""
    late = sorted([b"", *BYTES, *(bytes([0, byte]) for byte in range(254)), b"\xff\x07"])
    found: dict[str, Any] = {
        "deep": written(_chain(2**16, _DEEP)),
        "deep-15": written(_chain(2**15, 900)),
        "late-child": written(trie(late)),
        "surely-97-of-16": table_model(16, [peaked(16, 97)]),
        "surely-0-of-9": table_model(9, [flat(9), peaked(9, 0)], [1] * 256 + [0]),
        "transformer": {"precision": 12, "transformer": tiny_model(12, d_model=3, layers=1, mlp_dim=3)},
    }
    for one in (0, 1):
        book = priced({b"a": one, b"aa": 1, b"b": 65_535})
        found[f"sums-{one}"] = written(book)
    found["sums-of-31"] = written(priced({b"a": 1, b"aa": 1, b"b": 65_535, b"c": 32_767}))
    found["sums-of-24"] = written(priced({b"a": 1, b"aa": 2, b"b": 65_535}))
    return found


def cases(_: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    for model, bits in (("surely-97-of-16", 16), ("surely-97-of-16", 15), ("surely-0-of-9", 12), ("transformer", 9)):
        request = {"op": "codebook.compile", "model": f"#{model}", "bits": bits}
        yield Case(f"{bits} bits of {model}", "B-4 W-2 W-4 W-5 W-6", request, ["long"])
    for name in ("deep", "deep-15"):
        book = {"codebook": f"#{name}"}
        yield Case(f"{name}: the fingerprint", "B-8", {"op": "codebook.fingerprint"} | book, ["long"])
    text: dict[str, Any] = {"bytes": [["00", 2 * _DEEP + 300], "01", ["00", 256], "ff"]}
    request = {"op": "codebook.encode", "codebook": "#deep", "text": text}
    yield Case(f"strings of {_DEEP} bytes", "B-5", request, ["long"])
    ids = [_DEEP, 1, 300, _DEEP - 1, 40_000, 65_535]
    request = {"op": "codebook.decode", "codebook": "#deep", "ids": ids}
    yield Case(f"strings of {_DEEP} bytes", "B-6", request, ["long"])
    for late in ("ff07", "ff07ff", "00fdff"):
        request = {"op": "codebook.encode", "codebook": "#late-child", "text": late}
        yield Case("the last node is the child of the last byte", "B-5", request)
    for one in (0, 1):
        request = {"op": "codebook.encode", "codebook": f"#sums-{one}", "text": {"bytes": ["6161", ["62", 65_537]]}}
        yield Case("sums of 32 bits and more", "B-13 C-1", request, ["long"])
        request = request | {"text": {"bytes": ["6161", ["62", 32_768], ["7a", 16], "78"]}}
        yield Case("sums of 31 bits", "B-13 C-1", request, ["long"])
    request = {"op": "codebook.encode", "codebook": "#sums-of-31", "text": {"bytes": ["6161", ["62", 32_768], "63"]}}
    yield Case("sums just below and at 2^31", "B-13 C-1", request, ["long"])
    request = {"op": "codebook.encode", "codebook": "#sums-of-24", "text": {"bytes": ["6161", ["62", 257]]}}
    yield Case("sums above 2^24 that differ by 1", "B-13 C-1", request)
    yield from _wrong()
    yield from words.large_codebooks(_chain(2**16, 200))


def _wrong() -> Iterator[Case]:
    """What is no codebook, and nothing but one rule says so."""
    ends = trie(sorted([b"", *BYTES, *(bytes([0, byte]) for byte in range(255))]))  # the codebook of B-3
    parents, last_bytes = list(ends.parents), list(ends.last_bytes)
    moved = [*parents[:256], 0, 1, *parents[258:]]
    moved_bytes = [*last_bytes[:256], 1, 254, *last_bytes[258:]]
    for book, what, rules in [
        (_chain(2**17, 2**17 - 256), "2^17 strings in a tree that is right", "B-1"),
        (Codebook(parents, [*last_bytes[:-1], 256]), "the last byte is 256, and bytes rise", "B-1"),
        (
            Codebook(parents, [*last_bytes[:256], 256, *last_bytes[257:]]),
            "a child's byte is 256, and bytes rise",
            "B-1",
        ),
        (Codebook(moved, moved_bytes), "a child of the string before, after the next byte", "B-2"),
    ]:
        yield Case(what, rules, {"op": "codebook.encode", "codebook": written(book), "text": "00"})
