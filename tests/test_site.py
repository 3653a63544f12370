"""The site: what its hooks make of links and rules, and that it builds without a flaw."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import griffe
import pytest

from docs.figures import windows
from docs.hooks import check, docstrings, reference, rules, sources
from docs.hooks.fences import outside_fences
from tests import public

ROOT = Path(__file__).parent.parent
PAGE = "<html><head>{head}</head><body>{body}</body></html>"


BUILD = """
import io, sys
from mkdocs.commands.build import build
from mkdocs.config import load_config

text = open("mkdocs.yml").read().replace("  - docs/tutorials/build.py\\n", "")
build(load_config(io.StringIO(text), config_file_path="mkdocs.yml", site_dir=sys.argv[1], strict=True))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, without executing the tutorials, which tests/test_tutorials.py does."""
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return out


@pytest.mark.deep  # `make docs` finds the same, and CI runs it each time
def test_the_site_builds_strictly_and_has_no_flaw(site: Path) -> None:
    assert list(check.flaws(site)) == []
    assert list(reference.missing(site)) == []
    assert (site / "search/search_index.json").exists()


@pytest.mark.slow
def test_a_name_without_an_anchor_is_found(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    for module in public.MODULES:
        names = [module, *(f"{module}.{name}" for name in importlib.import_module(module).__all__)]
        anchors = "".join(f'<p id="{name}">' for name in names if name not in ("ecjax.Bytes", "ecjax.paper"))
        (tmp_path / f"reference/{module}.html").write_text(anchors, encoding="utf-8")
    assert list(reference.missing(tmp_path)) == ["ecjax.Bytes", "ecjax.paper"]


@pytest.mark.slow
def test_every_public_method_is_described() -> None:
    extensions = griffe.load_extensions(docstrings.FromProtocols())
    loader = griffe.GriffeLoader(extensions=extensions, search_paths=[str(ROOT / "src")])
    package = loader.load("ecjax")
    loader.resolve_aliases()
    lacking = []
    for module in public.MODULES:
        for name in importlib.import_module(module).__all__:
            thing = package[f"{module}.{name}".removeprefix("ecjax.")]
            members = thing.all_members.values() if thing.is_class else []
            lacking += [thing.path] if thing.docstring is None else []
            lacking += [member.path for member in members if docstrings.lacks(member)]
    assert lacking == []


@pytest.mark.parametrize(
    "head, body, flaw",
    [
        ("", "<a href='b.html'>", "a.html links to b.html, which is not there"),
        ("", "<a href='#there'>", "a.html links to #there, and there is no such anchor"),
        ("", "<a href='c/d.html#there'>", "a.html links to c/d.html#there, and there is no such anchor"),
        ("", "<img src='b.svg'>", "a.html links to b.svg, which is not there"),
        ("", "<img src='https://e.org/b.svg'>", "a.html loads https://e.org/b.svg from another host"),
        ("<script src='//e.org/b.js'></script>", "", "a.html loads //e.org/b.js from another host"),
        (
            "<link rel='preconnect' href='https://e.org'>",
            "",
            "a.html loads https://e.org from another host",
        ),
        ("", "<a href='c/d.html#here'><a href='/c/'><a href='https://e.org'><p id='x'><a href='#x'>", None),
    ],
)
def test_flaws_of_a_page_are_found(tmp_path: Path, head: str, body: str, flaw: str | None) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/d.html").write_text(PAGE.format(head="", body="<h1 id='here'>"), encoding="utf-8")
    (tmp_path / "c/index.html").write_text(PAGE.format(head="", body="<a href='../a.html'>"), encoding="utf-8")
    (tmp_path / "a.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")
    assert list(check.flaws(tmp_path)) == ([flaw] if flaw else [])


def test_fonts_of_another_host_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import 'https://e.org/a.css'; b { background: url(c.svg) }", encoding="utf-8")
    assert list(check.flaws(tmp_path)) == ["a.css loads https://e.org/a.css from another host"]


@pytest.mark.parametrize(
    "path, place",
    [
        ("docs/windows.md", "windows.md"),
        ("docs/figures/windows.svg", "figures/windows.svg"),
        ("docs/playground", "playground/index.html"),
        ("README.md", "overview.md"),
        ("specs", "specs/index.md"),
        ("specs/README.md", "specs/index.md"),
        ("specs/windows.md", "specs/windows.md"),
        ("specs/vectors/windows.json", "source/specs/vectors/windows.json"),
        ("specs/ports/javascript/README.md", "source/specs/ports/javascript/index.md"),
        ("specs/ports", "source/specs/ports/index.md"),
        ("examples/bigram.py", "source/examples/bigram.py.md"),
    ],
)
def test_what_lies_beside_the_pages_has_an_address(path: str, place: str) -> None:
    assert sources.address(path) == place


def test_mentions_of_rules_become_links() -> None:
    prose = "# W-1\n**W-2.** See W-3, `W-4`, [W-5](../specs/windows.md) and [of W-6](a.md). UTF-8, W-999."
    assert rules.linked(prose, "tutorials/a.md") == (
        "# W-1\n**W-2.** See [W-3](../specs/windows.md#W-3), `W-4`, [W-5](../specs/windows.md#W-5) and [of W-6](a.md)."
        " UTF-8, W-999."
    )


def test_fenced_code_stays_as_it_is() -> None:
    text = "a\n```python\na\n```\na\n````\na\n```\na\n````\n- a\n\n    ```text\n    a\n    ```\na"
    expected = "b\n```python\na\n```\nb\n````\na\n```\na\n````\n- b\n\n    ```text\n    a\n    ```\nb"
    assert outside_fences(text, lambda prose: prose.replace("a", "b")) == expected


@pytest.mark.slow
def test_the_picture_is_of_the_code() -> None:
    assert windows.FIGURE.read_text(encoding="utf-8") == windows.picture(), "run: python docs/figures/windows.py"
