"""Documents of packages: read, freed of repeats, shared out among sources, split into what to train on and the rest."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench._mixed.languages import language_of
from bench._mixed.packages import members
from bench._mixed.readers import READERS, Reader, manual, page, prose_lines
from bench._mixed.sources import Source, limit

_LONGEST = 200_000
"""Bytes of one document, at most, so that no single file is a tenth of a category."""

_REPEATED = 40
"""Bytes from which on a line of prose, or a paragraph of anything else, may stand in the corpus only once."""


_ENGLISH = frozenset({"docs/english", "languages/en"})


class Document(NamedTuple):
    """A text, and a number that its name alone decides, by which documents are drawn."""

    draw: int
    text: str

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode())


Corpus = dict[str, dict[str, list[Document]]]
"""Documents by category and package."""


def read(source: Source, package: Path) -> dict[str, list[Document]]:
    """A package's documents by category: files in the order of their draws, until a category has enough."""
    readers = [READERS[name] for name in source.takes]

    def wanted(path: str) -> bool:
        return "changelog" not in path.lower() and any(reader.path.search(path) for reader in readers)

    documents: dict[str, list[Document]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for path, content in sorted(members(package, wanted), key=lambda file: draw(file[0])):
        for reader in readers:
            language = None if reader.category else language_of(path, source.language)
            category = _category(reader, language)
            if not reader.path.search(path) or category is None or sizes[category] >= limit(category):
                continue
            for i, text in enumerate(_texts(reader, language, content)):
                documents[category].append(Document(draw(f"{source.package} {path} {i}"), text))
                sizes[category] += documents[category][-1].size
    return documents


def deduplicate(corpus: Corpus) -> Corpus:
    """The corpus without the lines of prose, and paragraphs of other text, that it had before.

    English comes first, so that what a translation left in English is a repeat. The longest documents are cut off.
    """
    seen: set[bytes] = set()
    unique: Corpus = {category: {} for category in sorted(corpus)}
    for category in sorted(corpus, key=lambda category: (category not in _ENGLISH, category)):
        between = "\n" if category in _ENGLISH or category.startswith("languages/") else "\n\n"
        for name, documents in corpus[category].items():
            texts = [(document.draw, _new(document.text, between, seen)) for document in sorted(documents)]
            unique[category][name] = [Document(number, _cut(text) + "\n") for number, text in texts if text.strip()]
    return unique


def draw(name: str) -> int:
    """A number that decides whether a document is taken, and whether it is held out."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def share_out(sources: Mapping[str, list[Document]], most: int) -> dict[str, list[Document]]:
    """At most `most` bytes of documents: the same number from each source, more where others have less."""
    left, given = most, {}
    ordered = sorted(sources.items(), key=lambda item: sum(document.size for document in item[1]))
    for i, (name, documents) in enumerate(ordered):
        share, size = left // (len(ordered) - i), 0
        given[name] = []
        for document in sorted(documents):
            if size + document.size <= share:
                given[name].append(document)
                size += document.size
        left -= size
    return {name: given[name] for name in sources if given[name]}


def split(documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """Nine tenths to train on, and a tenth held out."""
    held_out = [document for document in documents if document.draw % 10 == 0]
    return [document for document in documents if document.draw % 10], held_out


def _category(reader: Reader, language: str | None) -> str | None:
    if reader.category:
        return reader.category
    if language == "en" and reader.read in (page, manual):
        return "docs/english"
    return language and f"languages/{language}"


def _texts(reader: Reader, language: str | None, content: bytes) -> list[str]:
    try:
        texts = reader.read(content)
    except (UnicodeDecodeError, json.JSONDecodeError, struct.error):
        return []  # in another encoding, or not what its name says
    return [prose_lines(text, language) for text in texts] if language else texts


def _new(text: str, between: str, seen: set[bytes]) -> str:
    """What of a text was not seen before."""
    kept = []
    for part in text.split(between):
        encoded = part.strip().encode()
        if len(encoded) >= _REPEATED:
            digest = hashlib.blake2b(encoded, digest_size=12).digest()
            if digest in seen:
                continue
            seen.add(digest)
        kept.append(part)
    return between.join(kept)


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST].decode("utf-8", "ignore").strip("\n")
