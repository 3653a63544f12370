"""The backends' own compilers take every public array function, in 32 bits, and in the memory that the table says."""

import jax
import jax.numpy as jnp
import pytest

from tests.compilers import table
from tests.compilers.compiling import compile_for, compile_function
from tests.compilers.functions import FUNCTIONS
from tests.compilers.targets import TARGETS, Missing
from tests.exactness.test_audit import PROOFS
from tests.test_backends import CASES

# Float code that draws random numbers: JAX counts them in 64 bits, which the TPU's compiler narrows.
WIDE_BY_JAX = {"sample_token": {"u64"}}

WRITE_ANEW = "write the table anew: make test-tpu TABLE=1 && make test-cuda TABLE=1"

SLACK = 1 << 20  # bytes: small programs are padded


def test_what_is_proved_and_what_runs_on_backends_is_compiled():
    assert set(PROOFS) <= set(FUNCTIONS)
    assert [name for name in CASES if not any(f.startswith(name) for f in FUNCTIONS)] == []


def test_the_page_shows_the_table():
    committed = table.read()
    assert list(committed) == list(TARGETS)
    assert table.page(committed) == table.PAGE.read_text(encoding="utf-8")


@pytest.mark.deep
@pytest.mark.parametrize("target", TARGETS)
def test_the_table_has_all(target):
    assert list(table.read()[target]["functions"]) == list(FUNCTIONS), WRITE_ANEW


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_it_compiles(target, name):
    try:
        compiled = compile_function(name, target)
    except Missing as error:
        pytest.skip(str(error))
    assert set(compiled.wide) <= WIDE_BY_JAX.get(name, set())
    committed = table.read()[target]["functions"].get(name)
    assert committed is not None, WRITE_ANEW
    assert compiled.memory <= 2 * committed["memory"] + SLACK
    assert compiled.code <= 2 * committed["code"] + SLACK


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.int64, jnp.uint64])
@pytest.mark.parametrize("target", TARGETS)
def test_wide_types_are_seen(target, dtype):
    with jax.enable_x64(True):
        try:
            inside = compile_for(
                TARGETS[target], lambda x: (x.astype(dtype) * x.astype(dtype)).sum() > 3, jnp.arange(300)
            )
            result = compile_for(TARGETS[target], lambda x: x.astype(dtype), jnp.zeros(300, jnp.int32))
        except Missing as error:
            pytest.skip(str(error))
    assert inside.wide and result.wide
