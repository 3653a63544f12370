"""Whatever bytes a file has, each loader takes it or answers with one ValueError of one line, in little memory."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def fuzz(seed: int, count: int) -> None:
    # In a process of its own: its memory is limited, and annotations are not checked, as they are not for users.
    command = [sys.executable, "-m", "tests.fuzz.files", str(seed), str(count)]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=3600)
    assert run.returncode == 0, run.stdout[-1000:] + run.stderr[-3000:]
    assert int(run.stdout.split(" files, ")[1].split()[0]) > count // 20  # not all are refused for one and the same


@pytest.mark.slow
def test_some_damaged_files() -> None:
    fuzz(0, 300)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_damaged_files(seed: int) -> None:
    fuzz(seed, 5000)
