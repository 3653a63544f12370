"""Cases of container.md with codebooks that have members or costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import container
from . import containers_1, parses
from .case import Case
from .container_parts import body, both, chained, resolved

_TEXT = b"abcdefgX hundreds of xyzzxyzzyabcdabcdefabcdefgh hundreds o"
_NAMES = ("dead-ends", "dead-ends-priced", "closed-priced")


def definitions() -> dict[str, Any]:
    """Codebooks."""
    return {name: book for name, book in parses.small_definitions().items() if name in _NAMES}


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    for name in _NAMES:
        request = {"codebook": f"#{name}"}
        coding, text = resolved(request, shared), (b"\1\2" if name == "closed-priced" else b"") + _TEXT
        for block in (5, 17, 65_536):  # within strings, and at places where the parse of the whole text has no end
            comment = f"{name}, in blocks of {block}"
            encode = {"op": "container.encode", "text": text.hex(), "block": block} | request
            yield Case(comment, "B-5 B-10 B-11 B-13 K-10 K-16", encode)
            file = container.encode(coding, text, block)
            yield from both(file, request, f"{comment}, back", "B-6 B-8 K-6 K-10 K-16")
        file = containers_1.encode(coding, text, 17)
        yield from both(file, request, f"version 1: {name}", "B-6 B-8 K-10 K-18")
    yield from _other_parses(shared)
    yield from _other_books(shared)


def _other_parses(shared: Mapping[str, Any]) -> Iterator[Case]:
    """A reader takes every parse of a text."""
    request = {"codebook": "#dead-ends-priced"}
    coding = resolved(request, shared)
    text = b"abcabcdeabcdefgh"
    ids = [99, 99, 108, 100]  # abc, abc, de, abcdefgh
    file = chained(container.write_header(coding.header), [body(len(text), container.pack(ids, 9), text)])
    yield from both(file, request, "not the cheapest parse", "K-10", "not canonical")


def _other_books(shared: Mapping[str, Any]) -> Iterator[Case]:
    """The fingerprint tells codebooks apart of which only the costs differ."""
    for own, other in (("dead-ends-priced", "dead-ends"), ("dead-ends", "dead-ends-priced")):
        file = container.encode(resolved({"codebook": f"#{own}"}, shared), _TEXT, 65_536)
        request = {"op": "container.decode", "file": file.hex(), "codebook": f"#{other}"}
        yield Case(f"a file of {own}, read with {other}", "B-8 K-6", request)
