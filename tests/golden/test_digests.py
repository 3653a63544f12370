"""The shipped files give the same bits under every setting that changes how JAX computes."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ecjax
from ecjax.models.integer import IntegerTransformer
from specs.oracle import transformer as oracle
from specs.oracle.frequencies import cumulative_frequencies
from tests.golden.digests import BITS, DIGESTS, TEXT, as_array
from tests.models.test_integer import plain

GOLDEN = json.loads((Path(__file__).parent / "digests.json").read_text())
ROOT = Path(__file__).parents[2]

SETTINGS = {
    "x64": {"JAX_ENABLE_X64": "1"},
    "one thread": {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1"},
    "SSE 4.2": {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    "AVX 2": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    "no fast math, no fusion": {"XLA_FLAGS": "--xla_disable_hlo_passes=fusion,cpu-instruction-fusion"},
    "eight devices": {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
}


@pytest.mark.parametrize(
    "name",
    ["m1-books", "m1-books-12", "books-12", "books-16", "mixed-16"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("tables", "tables-short", "rans", "stream")],
)
def test_digests_are_the_golden_ones(name):
    assert DIGESTS[name]() == GOLDEN[name]


@pytest.mark.deep  # ../test_programs.py computes those of 16 bits
@pytest.mark.parametrize("name", [f"windows-{bits}" for bits in BITS])
def test_windows_are_the_golden_ones(name):
    assert DIGESTS[name]() == GOLDEN[name]


def digests_under(names: list[str], **environment: str) -> dict[str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.golden.digests", *names],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("names", [["stream", "tables"], pytest.param(["windows-32"], marks=pytest.mark.deep)], ids=str)
def test_optimised_code_gives_the_same(names):
    assert digests_under(names, XLA_FLAGS="") == {name: GOLDEN[name] for name in names}


@pytest.mark.slow
def test_other_instructions_and_x64_change_nothing():
    names = ["m1-books-12", "m1-books-16", "books-12", "books-16", "tables-short", "rans"]
    flags = "--xla_cpu_max_isa=SSE4_2 --xla_cpu_multi_thread_eigen=false"
    assert digests_under(names, JAX_ENABLE_X64="1", XLA_FLAGS=flags) == {name: GOLDEN[name] for name in names}


@pytest.mark.deep
@pytest.mark.slow
def test_computing_op_by_op_changes_nothing():
    names = ["tables-short"]
    assert digests_under(names, JAX_DISABLE_JIT="1") == {name: GOLDEN[name] for name in names}


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_a_digest(setting):
    assert digests_under([], **SETTINGS[setting]) == GOLDEN


@functools.cache
def model_and_tables() -> tuple[ecjax.ByteModel, np.ndarray]:
    model = ecjax.load_model("m1-books")
    return model, np.asarray(eqx.filter_jit(type(model).sequence)(model, as_array(TEXT[:192])))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [7, *(pytest.param(n, marks=pytest.mark.deep) for n in (1, 2, 32))])
def test_no_batch_changes_a_table(rows):
    model, expected = model_and_tables()
    texts = jnp.tile(as_array(TEXT[:192]), (rows, 1))
    found = np.asarray(eqx.filter_jit(lambda m, x: jax.vmap(m.sequence)(x))(model, texts))
    assert all(np.array_equal(row, expected) for row in found)


@pytest.mark.slow
def test_stepping_gives_the_same_tables():
    model, expected = model_and_tables()

    @eqx.filter_jit
    def step_through(model, text):
        return jax.lax.scan(lambda s, byte: (model.step(s, byte), model.frequencies(s)), model.init(), text)[1]

    assert np.array_equal(step_through(model, as_array(TEXT[:192])), expected)


@pytest.mark.slow
@pytest.mark.parametrize("length", [12, pytest.param(300, marks=pytest.mark.deep)])
def test_the_shipped_model_is_what_the_oracle_says(length):
    model, expected = model_and_tables()
    text = TEXT[:length]
    assert isinstance(model, IntegerTransformer)
    rows = oracle.logits(plain(model), text)
    found = np.asarray(eqx.filter_jit(IntegerTransformer.logits)(model, as_array(text)))
    assert found.tolist() == rows
    table = cumulative_frequencies(rows[-1], 16)
    assert length > len(expected) or expected[length - 1].tolist() == table
