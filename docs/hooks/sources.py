"""Pages of the site that do not lie below docs/: the specification, the README, and every file that a page links to.

The Markdown files link to one another, and to source files, by their places in the repository. So they read well on a
code host. This hook puts what they link to on the site and turns each link into one of the site. A source file becomes
a page, a folder a list of its files, other files are copied.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.hooks.fences import outside_fences

ROOT = Path(__file__).parent.parent.parent
PAGES = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
CODE = {".c": "c", ".mjs": "js", ".py": "python", ".rs": "rust", ".toml": "toml"}
"""Files that become pages, and their languages."""

_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")

_repository: dict[str, str] = {}
"""For each page's address on the site, its path in the repository."""


def address(path: str) -> str:
    """The address in the site's sources of a file or a folder of the repository."""
    pure, folder = PurePosixPath(path), (ROOT / path).is_dir()
    if path in PAGES:
        return PAGES[path]
    if path in ("docs/playground", "docs/playground/README.md"):
        return "playground/index.html"
    if pure.name == "README.md":
        return address(str(pure.parent))
    if path.startswith("docs/") and pure.suffix not in CODE:
        return path.removeprefix("docs/") + ("/index.md" if folder else "")
    if path == "specs" or (str(pure.parent) == "specs" and pure.suffix == ".md"):
        return "specs/index.md" if folder else path
    if folder:
        return f"source/{path}/index.md"
    return f"source/{path}.md" if pure.suffix in CODE else f"source/{path}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and what they link to."""
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    pages = [path for path in pages if (ROOT / path).exists()]
    pages += [*PAGES, *(f"specs/{path.name}" for path in sorted((ROOT / "specs").glob("*.md")))]
    _repository.clear()
    while pages:
        path = pages.pop(0)
        place = address(path)
        if place in _repository or not (ROOT / path).exists():
            continue
        _repository[place] = path
        text = _text(path)
        if files.get_file_from_path(place) is None:
            files.append(_file(path, place, text, config))
        pages += [_target(path, link) for link in _links(text or "")]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links within the repository into links within the site."""
    path = _repository.get(page.file.src_uri)
    if path is None:
        return markdown
    here = posixpath.dirname(page.file.src_uri)

    def moved(link: str) -> str:
        return posixpath.relpath(address(_target(path, link)), here or ".")

    return outside_fences(markdown, lambda prose: _LINK.sub(lambda match: moved(match[1]), prose))


def _file(path: str, place: str, text: str | None, config: MkDocsConfig) -> File:
    if text is None:
        return File.generated(config, place, abs_src_path=str(ROOT / path))
    return File.generated(config, place, content=text)


def _text(path: str) -> str | None:
    """What the page of a file or a folder shows, in Markdown; None where it is no page."""
    file, name = ROOT / path, PurePosixPath(path).name
    hidden = "---\nsearch:\n  exclude: true\n---\n\n"
    if file.is_dir():
        readme = file / "README.md"
        opening = readme.read_text(encoding="utf-8") if readme.exists() else f"{hidden}# {path}\n"
        inside = sorted(entry.name for entry in file.iterdir() if not entry.name.startswith(("__", ".")))
        return f"{opening}\n## Files\n\n" + "".join(f"- [{entry}]({entry})\n" for entry in inside)
    if file.suffix == ".md":
        return file.read_text(encoding="utf-8")
    if file.suffix in CODE:
        return f"{hidden}# {name}\n\n`{path}`\n\n````{CODE[file.suffix]}\n{file.read_text(encoding='utf-8')}\n````\n"
    return None


def _links(markdown: str) -> list[str]:
    found: list[str] = []
    outside_fences(markdown, lambda prose: found.extend(_LINK.findall(prose)) or prose)
    return found


def _target(path: str, link: str) -> str:
    """The path in the repository that a page links to; in a folder's page links begin in the folder."""
    base = path if (ROOT / path).is_dir() else posixpath.dirname(path)
    return posixpath.normpath(posixpath.join(base, link))
