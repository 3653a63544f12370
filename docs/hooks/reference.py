"""The pages of the reference: one for each public module, made of docstrings."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tests import public


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for name in public.MODULES:
        files.append(File.generated(config, f"reference/{name}.md", content=page(importlib.import_module(name))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes every name of the list of all names a link."""
    if page.file.src_uri != "api.md":
        return markdown
    head, *sections = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    for module, section in zip(sections[::2], sections[1::2], strict=True):
        rows = re.sub(r"^\| `(\w+)` \|", rf"| [`\1`][{module}.\1] |", section, flags=re.MULTILINE)
        head += f"## [{module}](reference/{module}.md)\n{rows}"
    return head


def on_post_build(config: MkDocsConfig) -> None:
    """Warns of each public name that the reference does not have."""
    for name in missing(Path(config.site_dir)):
        logging.getLogger("mkdocs.hooks.reference").warning(f"{name} is public, and the reference does not have it")


def missing(site: Path) -> Iterator[str]:
    """The public names that have no anchor on the page of their module."""
    for name in public.MODULES:
        anchors = set(re.findall(r'\bid="([^"]+)"', (site / "reference" / f"{name}.html").read_text(encoding="utf-8")))
        wanted = [name, *(f"{name}.{member}" for member in importlib.import_module(name).__all__)]
        yield from (anchor for anchor in wanted if anchor not in anchors)


def page(module: ModuleType) -> str:
    """The page of a module. A name that another module has too is described there, and listed here."""
    own = module.__name__
    homes = {name: _home(module, name) for name in module.__all__}
    parts = [
        f"# {own} {{ #{own} }}\n",
        _directive(own, "members: false", "show_root_heading: false", "show_root_toc_entry: false"),
    ]
    if set(homes.values()) - {own}:
        rows = [
            f'| <span id="{own}.{name}"></span>[`{name}`][{home}.{name}] | {public.summary(module, name)} |\n'
            for name, home in homes.items()
            if home != own
        ]
        parts.append("".join(["These names are described with their modules:\n\n| | |\n|---|---|\n", *rows]))
    return "\n".join([*parts, *(_directive(f"{own}.{name}") for name, home in homes.items() if home == own)])


def _home(module: ModuleType, name: str) -> str:
    """The public module in which a name is described: the first but `ecjax` that has it, if any has."""
    for other in map(importlib.import_module, public.MODULES[1:]):
        if name in other.__all__ and getattr(other, name) is getattr(module, name):
            return other.__name__
    return module.__name__


def _directive(name: str, *options: str) -> str:
    lines = [f"::: {name}", *(["    options:"] if options else []), *(f"      {option}" for option in options)]
    return "\n".join([*lines, ""])
