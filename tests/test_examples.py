"""The programs in examples/ run, and say something."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
SLOW = ("dna", "hugging_face", "order2_mixture", "packed_training")


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.deep] if path.stem in SLOW else [], id=path.stem) for path in EXAMPLES],
)
def test_it_runs(path, tmp_path):
    # As a user runs it, not in the folder of the sources; in the deep run also with code that XLA optimises.
    run = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_short_and_uses_what_is_public(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    assert source.startswith('"""')
    assert "ecjax._" not in source and "import _" not in source
