"""The tutorials run from the first cell to the last, and what their text claims holds: each claim is an `assert`."""

from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason="the tutorials are jupytext notebooks: pip install -e '.[docs]'")
pytest.importorskip("nbclient", reason="nbclient runs the tutorials: pip install -e '.[docs]'")
pytest.importorskip("nbconvert", reason="nbconvert makes pages of the tutorials: pip install -e '.[docs]'")
pytest.importorskip("ipykernel", reason="ipykernel runs the cells: pip install -e '.[docs]'")

import jupytext
import nbformat
from nbclient.exceptions import CellExecutionError

from docs.tutorials import build
from docs.tutorials.build import HERE, TUTORIALS, TutorialError, as_page, executed

# These take more than 20 seconds of CPU. `make docs` runs all of them.
LONG = ("2-own-model", "3-train", "4-exactness", "6-corpus")


def written(folder: Path, *cells: str) -> Path:
    """A tutorial of these code cells."""
    path = folder / "0-made-up.md"
    path.write_text("# Title\n\n" + "\n\n".join(f"```python\n{cell}\n```" for cell in cells), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.deep] if path.stem in LONG else [], id=path.stem) for path in TUTORIALS],
)
def test_it_runs(path, tmp_path):
    notebook = executed(path, tmp_path)
    page, attached = as_page(notebook, path.stem)
    assert page.startswith("# ")
    for name in attached:
        assert f"({name})" in page


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_tells_what_a_reader_needs(path):
    cells = jupytext.read(path).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert text.startswith("# ")
    for part in ("**You will learn**", "**It takes**", "**You need**", "## What next"):
        assert part in text
    assert "assert" in code or "test $?" in code
    assert "ecjax._" not in code and "import _" not in code
    assert all(cell.metadata.get("alt") for cell in cells if "plt.show()" in cell.source.splitlines())
    assert max(map(len, text.splitlines())) <= 100
    assert path.name in (HERE / "index.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_false_claim_is_found(tmp_path):
    with pytest.raises(CellExecutionError, match="AssertionError"):
        executed(written(tmp_path, "x = 1", "assert x == 2"), tmp_path)


@pytest.mark.slow
def test_a_warning_is_found(tmp_path):
    with pytest.raises(TutorialError, match="a shape is odd"):
        executed(written(tmp_path, "import warnings\nwarnings.warn('a shape is odd')"), tmp_path)


def test_outputs_and_plots_come_into_the_page():
    plot = nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})
    said = nbformat.v4.new_output("stream", name="stdout", text="seven\n")
    metadata = {"alt": "a line that falls"}
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nText."),
        nbformat.v4.new_code_cell("print(3 + 4)", outputs=[said, plot], metadata=metadata),
        nbformat.v4.new_code_cell("%%bash\nls"),
    ]
    page, attached = as_page(nbformat.v4.new_notebook(cells=cells), "name")
    assert page.startswith("# Title\n\n[Download it as a notebook](name.ipynb)")
    assert "```python\nprint(3 + 4)\n```" in page
    assert "``` { .text .output }\nseven\n```" in page
    assert "![a line that falls](name-1.svg)" in page
    assert "```bash\nls\n```" in page
    assert set(attached) == {"name.ipynb", "name-1.svg"} and attached["name-1.svg"] == b"<svg/>"


def test_the_site_shows_the_executed_page(monkeypatch, tmp_path):
    defaults = pytest.importorskip(
        "mkdocs.config.defaults", reason="the site is made by mkdocs: pip install -e '.[docs]'"
    )
    from mkdocs.structure.files import File, Files

    ran = []

    def run(path, folder):
        ran.append(path.stem)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {path.stem}\n\nExecuted.")])

    monkeypatch.setattr(build, "executed", run)
    monkeypatch.setattr(build, "CACHE", tmp_path)
    config = defaults.MkDocsConfig()
    config.load_dict({"site_name": "site", "docs_dir": str(HERE.parent), "site_dir": str(tmp_path / "site")})
    config.validate()
    # mkdocs notes whose hook makes a page while it calls the hook.
    monkeypatch.setattr(config.plugins, "_current_plugin", "tutorials", raising=False)
    sources = [f"tutorials/{path.name}" for path in TUTORIALS]
    for _ in range(2):
        files = Files([File.generated(config, name, content="source") for name in (*sources, "index.md")])
        files = build.on_files(files, config)
        for name in sources:
            shown = files.get_file_from_path(name)
            assert shown is not None and "Executed." in shown.content_string
            assert files.get_file_from_path(name.replace(".md", ".ipynb")) is not None
    assert ran == [path.stem for path in TUTORIALS]  # the second time what was kept is shown
