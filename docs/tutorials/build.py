"""Executes the tutorials, and turns them into pages of the site and into notebooks to download.

    python docs/tutorials/build.py --out build/tutorials             # all of them
    python docs/tutorials/build.py --out build/tutorials 2-own-model

A tutorial is a jupytext notebook: Markdown whose cells are fenced code. mkdocs calls `on_files` below as a hook, so the
site shows every tutorial with the outputs and plots of this very checkout. tests/test_tutorials.py calls `executed`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import jupytext
import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbformat import NotebookNode
from traitlets.config import Config

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = REPOSITORY / "build" / "tutorials-cache"
TUTORIALS = tuple(sorted(HERE.glob("[0-9]*.md")))
_SECONDS = 900  # for one cell, also on a machine that is busy

# Code in the language of its cell, outputs in blocks of the class "output", plots as files with a text for who cannot
# see them: `alt` in the metadata of the cell.
_TEMPLATE = """\
{%- extends 'markdown/index.md.j2' -%}
{% block input %}
```{{ cell.metadata.get('magics_language', 'python') }}
{{ cell.source | replace('%%bash\\n', '') }}
```
{% endblock input %}
{% block stream %}
{%- if output.text.strip() %}
``` { .text .output }
{{ output.text.rstrip() | strip_ansi }}
```
{% endif -%}
{% endblock stream %}
{% block data_text scoped %}
``` { .text .output }
{{ output.data['text/plain'] }}
```
{% endblock data_text %}
{% block data_svg %}
![{{ cell.metadata.get('alt', 'plot') }}]({{ output.metadata.filenames['image/svg+xml'] | path2url }})
{% endblock data_svg %}
"""


class TutorialError(Exception):
    """A tutorial ran, but printed a warning."""


def executed(path: Path, folder: Path) -> NotebookNode:
    """Runs a tutorial from the first cell to the last.

    Args:
      path: The tutorial.
      folder: Where it runs, and may write. Only a tutorial that reads files of the repository runs where it is instead:
        its header says `ecjax: {repository: true}`.

    Returns:
      The notebook with its outputs; plots are SVG.

    Raises:
      nbclient.exceptions.CellExecutionError: If a cell raises an error, or an `assert` in it fails.
      TutorialError: If there is a warning, of ecjax or of what it uses.
    """
    notebook = jupytext.read(path)
    if notebook.metadata.get("ecjax", {}).get("repository"):
        folder = path.parent
    client = NotebookClient(
        notebook,
        timeout=_SECONDS,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--InlineBackend.figure_formats={'svg'}", "--IPKernelApp.log_level=ERROR"],
    )
    # The commands of this environment come first. XLA compiles as it does for users: what floats do depends on that.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["TTY_COMPATIBLE"] = "0"  # no progress bars
    client.execute(env=environment)
    for text in _errors(notebook):
        if "Warning" in text:
            raise TutorialError(f"{path.name} shows a warning; a reader would have to wonder about it:\n{text}")
    return notebook


def as_page(notebook: NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """An executed tutorial as Markdown for mkdocs.

    Args:
      notebook: The tutorial with its outputs.
      name: The name of its file, without a suffix.

    Returns:
      The Markdown, and the files that it shows or links to, by their names: plots, and the notebook itself.
    """
    exporter = MarkdownExporter(
        raw_template=_TEMPLATE,
        config=Config(
            ExtractOutputPreprocessor={"enabled": True, "output_filename_template": name + "-{cell_index}{extension}"},
            HighlightMagicsPreprocessor={"enabled": True},
        ),
    )
    page, resources = exporter.from_notebook_node(notebook)
    title, rest = page.lstrip().split("\n", 1)
    page = f"{title}\n\n[Download it as a notebook]({name}.ipynb), with the outputs below.\n{rest}"
    return page, {**resources["outputs"], f"{name}.ipynb": nbformat.writes(notebook).encode()}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The mkdocs hook: each tutorial's page is the executed one.

    What was executed is kept in build/, and taken again while neither the tutorial nor the package has changed.
    """
    from mkdocs.structure.files import File

    for path in TUTORIALS:
        source = files.get_file_from_path(f"tutorials/{path.name}")
        if source is None:
            continue
        page, attached = as_page(_kept(path), path.stem)
        files.remove(source)
        files.append(File.generated(config, source.src_uri, content=page))
        for name, content in attached.items():
            files.append(File.generated(config, f"tutorials/{name}", content=content))
    return files


def _kept(path: Path) -> NotebookNode:
    """The executed tutorial, from the last time if nothing has changed."""
    kept = CACHE / f"{path.stem}-{_digest(path)}.ipynb"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{path.stem}-*.ipynb"):
            old.unlink()
        nbformat.write(notebook, kept)
    return nbformat.read(kept, as_version=4)


def _digest(path: Path) -> str:
    """Of all that the outputs of a tutorial depend on."""
    return hashlib.sha256(_digest_of_the_checkout() + path.name.encode() + b"\0" + path.read_bytes()).hexdigest()[:16]


@functools.cache
def _digest_of_the_checkout() -> bytes:
    """Of what the outputs of every tutorial depend on."""
    digest = hashlib.sha256(f"{sys.version} jax {metadata.version('jax')}".encode())
    folders = (REPOSITORY / "src" / "ecjax", REPOSITORY / "specs", REPOSITORY / "bench" / "results")
    sources = (file for folder in folders for file in sorted(folder.rglob("*")))
    for file in (Path(__file__), *sources):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.digest()


def _errors(notebook: NotebookNode) -> Iterator[str]:
    """What the cells wrote to standard error."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                yield output.text


def main() -> None:
    """Executes tutorials and writes their pages, plots and notebooks into a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder, made if need be")
    parser.add_argument(
        "names", nargs="*", choices=[[], *(path.stem for path in TUTORIALS)], help="all if none is named"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in TUTORIALS:
        if path.stem in arguments.names or not arguments.names:
            with tempfile.TemporaryDirectory() as folder:
                page, attached = as_page(executed(path, Path(folder)), path.stem)
            for name, content in {path.name: page.encode(), **attached}.items():
                (arguments.out / name).write_bytes(content)
            print(arguments.out / path.name)


if __name__ == "__main__":
    main()
