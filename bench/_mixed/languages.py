"""Which language a file is in, by its path, and which of its lines are in that language's script."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TypeVar

T = TypeVar("T")


def _each(names: str, value: T) -> dict[str, T]:
    return dict.fromkeys(names.split(), value)


_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_CYRILLIC = "\u0400-\u052f"
_DEVANAGARI = "\u0900-\u097f"
_ARABIC = "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"

SCRIPTS = {
    **_each("fr de es it pt pl nl sv cs tr vi hu ro fi da id en", ("Latin", _LATIN)),
    **_each("ru uk bg", ("Cyrillic", _CYRILLIC)),
    **_each("hi mr", ("Devanagari", _DEVANAGARI)),
    **_each("ar fa ur", ("Arabic", _ARABIC)),
    **_each("zh zh-hant", ("Chinese", _HAN)),
    "ja": ("Japanese", _HAN + "\u3040-\u30ff"),
    "ko": ("Korean", "\u1100-\u11ff\uac00-\ud7af"),
    "el": ("Greek", "\u0370-\u03ff\u1f00-\u1fff"),
    "he": ("Hebrew", "\u0590-\u05ff"),
    "th": ("Thai", "\u0e00-\u0e7f"),
    "ta": ("Tamil", "\u0b80-\u0bff"),
    "te": ("Telugu", "\u0c00-\u0c7f"),
    "bn": ("Bengali", "\u0980-\u09ff"),
    "ka": ("Georgian", "\u10a0-\u10ff"),
    "hy": ("Armenian", "\u0530-\u058f"),
    "gu": ("Gujarati", "\u0a80-\u0aff"),
    "pa": ("Gurmukhi", "\u0a00-\u0a7f"),
    "kn": ("Kannada", "\u0c80-\u0cff"),
    "ml": ("Malayalam", "\u0d00-\u0d7f"),
    "si": ("Sinhala", "\u0d80-\u0dff"),
    "km": ("Khmer", "\u1780-\u17ff"),
    "my": ("Burmese", "\u1000-\u109f"),
    "am": ("Ethiopic", "\u1200-\u137f"),
}
"""For each language its script: a name, and the characters as they stand in a regular expression's class."""

_SPELLINGS = {
    **{language: language for language in SCRIPTS},
    **_each("zh-cn zh-hans zh-sg", "zh"),
    **_each("zh-tw zh-hk", "zh-hant"),
    **_each("c en-us en-gb", "en"),
    "iw": "he",
}
_REGION = re.compile(r"([a-z]{2})-[a-z]{2}")
_ENDING = re.compile(r"(?:^|[-_])([a-z]{2}(?:[-_][A-Za-z]{2,4})?)$")
_LETTER = re.compile(r"[^\W\d_]")
_IN_SCRIPT = {language: re.compile(f"[{characters}]") for language, (_, characters) in SCRIPTS.items()}


def language_of(path: str, default: str | None) -> str | None:
    """The language that a folder, or else the file's name, is called after; None where it is none of ours."""
    name = PurePosixPath(path)
    endings = [found[1] for piece in name.name.split(".") if (found := _ENDING.search(piece))]
    for piece in [*reversed(name.parent.parts), *reversed(endings)]:
        code = piece.lower().replace("_", "-")
        region = _REGION.fullmatch(code)
        if found := _SPELLINGS.get(code) or (_SPELLINGS.get(region[1]) if region else None):
            return found
    return default


def is_written_in(line: str, language: str) -> bool:
    """Whether at least half of a line's letters are of the language's script, which drops what is not translated."""
    inside = len(_IN_SCRIPT[language].findall(line))
    return inside > 0 and 2 * inside >= inside + len(_LETTER.findall(_IN_SCRIPT[language].sub("", line)))
