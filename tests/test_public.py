"""What is public is listed on one page, and users' programs need nothing else."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import public

ROOT = Path(__file__).parent.parent
PROGRAMS = [
    (path, path.read_text(encoding="utf-8"))
    for path in sorted([*ROOT.glob("examples/*.py"), *ROOT.glob("tests/typing/*.py")])
] + [
    (path, code)
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    for code in re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
]


def imported(code: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ecjax":
            yield from ((str(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "ecjax")


# Public too, but only where their engines are installed.
ENGINES = {"ecjax.corpora.ray": ["Tokenize"], "ecjax.corpora.beam": ["Tokenize"]}


def is_public(module: str, name: str) -> bool:
    if module in ENGINES:
        return name in ENGINES[module]
    whole = f"{module}.{name}".rstrip(".")
    if any(known == whole or known.startswith(f"{whole}.") for known in public.MODULES):
        return True
    return module in public.MODULES and name in importlib.import_module(module).__all__


def test_the_page_is_of_the_code():
    assert public.PAGE.read_text(encoding="utf-8") == public.page(), "run: python -m tests.public"


def test_a_name_that_is_not_public_is_found():
    found = list(imported("import ecjax.atomic\nfrom ecjax.coding import stream, lanes\nfrom ecjax import Codebook"))
    assert [is_public(*name) for name in found] == [False, True, False, True]


@pytest.mark.parametrize("path, code", PROGRAMS, ids=[path.name for path, _ in PROGRAMS])
def test_users_programs_import_what_is_public(path: Path, code: str) -> None:
    assert [name for name in imported(code) if not is_public(*name)] == []
