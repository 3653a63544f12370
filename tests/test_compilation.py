"""Each run of `compute` is a process of its own, which is what the cache is for."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jax._src import compilation_cache

from ecjax import compilation
from ecjax.caching import Folder

CODE = """
import json, os, sys
from ecjax import compilation
folder = compilation.cache(*sys.argv[1:])
import jax
import numpy as np
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event.rpartition("/")[2]))
made = jax.jit(lambda x: (x * 3 + 1) @ x)(np.arange(6, dtype=np.float32))
print(json.dumps({
    "folder": folder and str(folder), "made": float(made).hex(), "hits": events.count("cache_hits"),
    "misses": events.count("cache_misses"), "level": os.environ["TF_CPP_MIN_LOG_LEVEL"],
}))
"""


def compute(*folder: Path, **environment: str | None) -> dict[str, Any]:
    """What a process says that compiles something; it says nothing on stderr."""
    run = run_code(*folder, **environment)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def run_code(*folder: Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    # Without what this process was told itself, or JAX has told it.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "TF_CPP_"))}
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, folder)],
        env={name: value for name, value in {**inherited, **environment}.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kept"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cache")
    return folder, compute(folder)


def test_a_second_process_compiles_nothing(first):
    folder, before = first
    assert before["hits"] == 0 < before["misses"] == len(kept(folder))
    after = compute(folder)
    assert after == before | {"hits": before["misses"], "misses": 0}
    assert Path(after["folder"]).parent == folder and compilation.machine() in after["folder"]


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:60] + b"\xff" + b[61:], lambda b: b"", lambda b: b"x" * len(b)]
)
def test_damaged_code_is_compiled_anew(first, damage):
    folder, before = first
    whole = {path: path.stat().st_size for path in kept(folder)}
    for path in whole:
        path.write_bytes(damage(path.read_bytes()))
    again = compute(folder)
    assert again == before
    assert {path: path.stat().st_size for path in kept(folder)}.keys() == whole.keys()
    assert all(Folder(path.parent, folder, 1 << 20).get(path.stem) is not None for path in whole)


def test_what_xla_tells_of_instructions_is_not_shown(first, tmp_path):
    """As it would of tuning preferences, which it lists among the instructions but does not find in a processor."""
    folder = Path(shutil.copytree(first[0], tmp_path / "copy", copy_function=shutil.copy))
    folder.chmod(0o700)
    listed = []
    for path in kept(folder):
        store = Folder(path.parent, folder, 1 << 20)
        code = compilation_cache.decompress_executable(store.get(path.stem) or b"")
        listed += re.findall(rb"[+]sse4[.]1|[+]neon", code)
        changed = code.replace(b"+sse4.1", b"+zse4.1").replace(b"+neon", b"+zeon")
        store.put(path.stem, compilation_cache.compress_executable(changed))
    if not listed:
        pytest.skip("XLA lists neither of these here")
    assert re.search("[+](zse4.1|zeon) is not", run_code(folder, TF_CPP_MIN_LOG_LEVEL="1").stderr)
    assert compute(folder)["hits"]


def test_processes_at_the_same_time(tmp_path, first):
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: compute(tmp_path), range(3)))
    assert {result["made"] for result in results} == {first[1]["made"]}
    assert len(kept(tmp_path)) == len(kept(first[0]))


def test_the_users_own_choice_stays(tmp_path):
    own = tmp_path / "own"
    always = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    home = {"XDG_CACHE_HOME": str(tmp_path / "home")}
    assert compute(JAX_COMPILATION_CACHE_DIR=str(own), **always, **home)["folder"] == str(own)
    assert any(own.glob("*-cache")) and not (tmp_path / "home").exists()
    assert compute(JAX_ENABLE_COMPILATION_CACHE="false", **home)["folder"] is None
    assert not (tmp_path / "home").exists()
    assert compute(TF_CPP_MIN_LOG_LEVEL="2", **home)["level"] == "2"


@pytest.mark.skipif(sys.platform != "linux", reason="the folder has another name")
def test_the_folder_is_in_the_users_cache_folder(tmp_path):
    told = compute(XDG_CACHE_HOME=None, HOME=str(tmp_path))
    assert Path(told["folder"]).parent == tmp_path / ".cache" / "ecjax" / "compiled" and told["level"] == "3"
    assert compute(XDG_CACHE_HOME=str(tmp_path / "else"))["folder"].startswith(str(tmp_path / "else" / "ecjax"))


@pytest.mark.parametrize("home", ["/dev/null", "/proc/none"])
def test_without_a_home_nothing_is_kept(home):
    told = compute(XDG_CACHE_HOME=None, HOME=home)
    assert told["folder"] is None and told["hits"] == 0


def test_code_of_others_is_not_run(first):
    folder, before = first
    below = Path(before["folder"])
    below.chmod(0o777)
    assert compute(folder)["folder"] is None
    below.chmod(0o700)
    assert compute(folder)["folder"] == before["folder"]


def test_a_machine_is_named_after_what_it_can_do(tmp_path, monkeypatch):
    here = compilation.machine()
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(compilation, "_CPUINFO", cpuinfo)
    assert compilation.machine() is None
    names = set()
    for flags in ("flags\t\t: sse avx2", "flags\t\t: sse avx2 avx512f", "Features\t: neon sve", "model name\t: x"):
        cpuinfo.write_text(f"processor\t: 0\ncpu MHz\t: 1\n{flags}\n\nprocessor\t: 1\ncpu MHz\t: 2\n{flags}\n")
        names.add(compilation.machine())
        cpuinfo.write_text(f"processor\t: 0\ncpu MHz\t: 3\n{flags}\n")  # fewer, and at another speed
        names.add(compilation.machine())
    assert len(names | {here}) == 5
