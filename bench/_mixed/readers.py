"""How each kind of file becomes documents: prose without its markup, and code and data as they are."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any, NamedTuple

from bench._mixed.languages import is_written_in

_MESSAGES = 100
"""Messages of a program that make one document."""


class Reader(NamedTuple):
    """Which files a kind of text stands in, and what reads one.

    `category` is where its documents belong; None if that is the language of the file, found by its path.
    """

    path: re.Pattern[str]
    category: str | None
    read: Callable[[bytes], list[str]]


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


class _Text(HTMLParser):
    """What a reader of a page sees, one paragraph, heading, item or cell a line."""

    _BLOCKS = _words(
        "p div h1 h2 h3 h4 h5 h6 li dt dd td th tr br table ul ol dl section blockquote figcaption caption title item "
        "para steps note desc"
    )
    _SKIPPED = _words("script style pre head nav screen code-block credit info")

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SKIPPED:
            self.skipped.append(tag)
        if tag in self._BLOCKS:
            self.pieces.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.skipped:
            while self.skipped.pop() != tag:
                pass
        if tag in self._BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.pieces.append(re.sub(r"\s+", " ", data))


def page(content: bytes) -> list[str]:
    """A page of HTML, Mallard or DocBook."""
    parser = _Text()
    parser.feed(content.decode("utf-8"))
    parser.close()
    return ["\n".join(line.strip() for line in "".join(parser.pieces).split("\n") if line.strip())]


def manual(content: bytes) -> list[str]:
    """A manual page."""
    options = ["mandoc", "-K", "utf-8", "-T", "html", "-O", "fragment"]
    return page(subprocess.run(options, input=content, capture_output=True, check=False).stdout)


def catalog(content: bytes) -> list[str]:
    """The translations in a binary message catalog of gettext that differ from the original."""
    order = "<" if content[:4] == b"\xde\x12\x04\x95" else ">"
    count, originals, translations = struct.unpack_from(f"{order}8x3I", content)

    def entry(table: int, i: int) -> str:
        length, start = struct.unpack_from(f"{order}2I", content, table + 8 * i)
        return content[start : start + length].decode("utf-8")

    pairs = ((entry(originals, i), entry(translations, i)) for i in range(1, count))
    return _by_hundreds([text.split("\0")[-1] for original, text in pairs if text != original])


def messages(content: bytes) -> list[str]:
    """The strings in a JSON file of messages."""
    return _by_hundreds(list(_strings(json.loads(content))))


def sayings(content: bytes) -> list[str]:
    """A file of sayings, which lines with a percent sign part."""
    return [saying.strip() for saying in re.split(r"^%+\s*$", content.decode("utf-8"), flags=re.MULTILINE)]


def whole(content: bytes) -> list[str]:
    """A file as it is."""
    return [content.decode("utf-8").replace("\r\n", "\n")]


def readable(content: bytes) -> list[str]:
    """A file as it is, unless a program wrote its lines, which nobody could read."""
    text = whole(content)[0]
    return [text] if len(text) < 120 * (text.count("\n") + 1) else []


def prose_lines(text: str, language: str) -> str:
    """The lines that are sentences in the language."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if len(line.encode()) >= 40 and is_written_in(line, language))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.startswith("@"):  # which credits the translators
                yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _by_hundreds(texts: list[str]) -> list[str]:
    return ["\n".join(texts[i : i + _MESSAGES]) for i in range(0, len(texts), _MESSAGES)]


def _code(name: str, suffixes: str) -> Reader:
    return Reader(re.compile(rf"\.({suffixes})$"), f"code/{name}", readable)


READERS = {
    "man": Reader(re.compile(r"share/man/([^/]+/)?man\d/[^/]+\.\d\w*(\.gz)?$"), None, manual),
    "pages": Reader(re.compile(r"\.(x?html|page|docbook)$|share/help/.*\.xml$"), None, page),
    "catalogs": Reader(re.compile(r"\.mo$"), None, catalog),
    "messages": Reader(
        re.compile(r"(translations|locales?|[\w.-]*l10n\w*|i18n|lib|dist)/(.*/)?[^/]*\.json$"), None, messages
    ),
    "sayings": Reader(re.compile(r"share/games/fortunes/([\w-]+/)*[\w-]+$"), None, sayings),
    "python": _code("python", "py"),
    "c": _code("c", "c|h"),
    "c++": _code("c++", "cc|cpp|cxx|hh|hpp|h"),
    "javascript": _code("javascript", "js|mjs|cjs|jsx"),
    "typescript": _code("typescript", "ts|mts|tsx"),
    "java": _code("java", "java"),
    "go": _code("go", "go"),
    "rust": _code("rust", "rs"),
    "ruby": _code("ruby", "rb"),
    "php": _code("php", "php"),
    "sql": _code("sql", "sql"),
    "css": _code("css", "css|scss"),
    "html": _code("html", "html"),
    "shell": Reader(
        re.compile(r"\.(sh|bash|zsh)$|/(completions|functions|scripts|hooks|s?bin)/(.*/)?[\w-]+$"),
        "code/shell",
        readable,
    ),
    "json": Reader(re.compile(r"\.(geo)?json(\.gz)?$"), "data/json", whole),
    "csv": Reader(re.compile(r"\.csv$"), "data/csv", whole),
    "markdown": Reader(re.compile(r"\.(md|mdx)$"), "docs/markdown", whole),
}
"""By the names that sources.py uses."""
