"""A user's own files are clean under pyright's strict mode."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def pyright(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_users_files_have_no_type_errors():
    run = pyright(FOLDER)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
def test_a_wrong_file_has(tmp_path: Path):
    for name in ("pyrightconfig.json", "own_model.py"):
        source = (FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(source.replace("ecjax.Huffman(model, 8)", 'ecjax.Huffman(8, "model")'), "utf-8")
    run = pyright(tmp_path)
    assert run.returncode == 1 and '"Literal[8]" is not assignable to "ByteModel"' in run.stdout
