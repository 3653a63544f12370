"""Checks of the site that was built. Each flaw is a warning, and `mkdocs build --strict` fails on warnings."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig

_LOADED = {name: "src" for name in ("audio", "embed", "iframe", "img", "script", "source", "video")} | {
    "object": "data"
}
"""Elements for which a browser loads a file at once, and the attribute that names it."""
_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
"""What a <link> says of files that are loaded at once, or hosts that are asked."""
_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Document(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.anchors |= {named[key] for key in ("id", "name") if key in named}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if named.get(_LOADED.get(tag, "")):
            self.loads.append(named[_LOADED[tag]])
        if tag == "link" and _RELATIONS & set(named.get("rel", "").split()):
            self.loads.append(named["href"])


def flaws(site: Path) -> Iterator[str]:
    """Links and anchors that lead nowhere, and what is loaded from another host."""
    documents = {path: Document(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, document in documents.items():
        name = path.relative_to(site)
        for link in [*document.links, *document.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            # The page for addresses that are not there is served anywhere, so its links begin at the site's root.
            base = site if parts.path.startswith("/") else path.parent
            target = Path(normpath(base / unquote(parts.path).lstrip("/"))) if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{name} links to {link}, which is not there"
            elif parts.fragment and target in documents and unquote(parts.fragment) not in documents[target].anchors:
                yield f"{name} links to {link}, and there is no such anchor"
        for load in document.loads:
            if urlsplit(load).netloc:
                yield f"{name} loads {load} from another host"
    for path in sorted(site.rglob("*.css")):
        for load in _CSS.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads {load} from another host"


def on_post_build(config: MkDocsConfig) -> None:
    """Warns of each flaw."""
    for flaw in flaws(Path(config.site_dir)):
        logging.getLogger("mkdocs.hooks.check").warning(flaw)
