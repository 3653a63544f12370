"""The rules of the specification: each gets an anchor, each mention of one becomes a link, and examples a title."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from docs.hooks.fences import outside_fences

_DEFINED = re.compile(r"^\*\*([A-Z]-\d+)\.\*\*", re.MULTILINE)
_INFO = re.compile(r"^```(\w+) (.*)$", re.MULTILINE)
_KEPT = r"^#.*$|^\*\*[A-Z]-\d+\.\*\*|`+[^`]*`+|\[(?![A-Z]-\d+\])[^\]]*\]\([^)]*\)"
"""Where a mention stays as it is: headings, the rule's own name, code, and the texts of other links."""
_MENTION = re.compile(rf"(?P<kept>{_KEPT})|\[(?P<linked>[A-Z]-\d+)\]\([^)]*\)|\b(?P<bare>[A-Z]-\d+)\b", re.MULTILINE)

RULES = {
    rule: f"specs/{page.name}"
    for page in sorted((Path(__file__).parent.parent.parent / "specs").glob("*.md"))
    for rule in _DEFINED.findall(page.read_text(encoding="utf-8"))
}
"""The page of each rule."""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes anchors of rules, links of their mentions, and JSON with a title of the examples."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown
    markdown = outside_fences(markdown, lambda prose: linked(prose, here))
    if here.startswith("specs/"):
        markdown = _DEFINED.sub(r'<span class="rule" id="\1">**\1.**</span>', markdown)
    return _INFO.sub(lambda match: _opening(match[1], match[2].split()), markdown)


def linked(prose: str, here: str) -> str:
    """Makes a link of each rule that prose of the page `here` mentions."""

    def link(match: re.Match[str]) -> str:
        rule = match["linked"] or match["bare"]
        if match["kept"] or rule not in RULES:
            return match[0]
        return f"[{rule}]({posixpath.relpath(RULES[rule], posixpath.dirname(here) or '.')}#{rule})"

    return _MENTION.sub(link, prose)


def _opening(language: str, words: list[str]) -> str:
    """The first line of fenced code. Code hosts take the first word for the language and ignore the others."""
    rules = [word for word in words if word in RULES]
    return f'```json title="Example of {", ".join(rules)}"' if language == "example" else f"```{language}"
