"""The exact byte model is proved exact, for the shipped weights and for any others; broken ones are refused."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import ecjax
from ecjax.coding import stream, windows
from ecjax.exactness import Audit, audit, within
from ecjax.models import integer
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import TransformerConfig
from tests.strategies import annotations_unchecked

CONFIG = TransformerConfig(vocab_size=256, d_model=32, heads=2, layers=2, head_dim=16, mlp_dim=64, context=16)
BYTE = jax.ShapeDtypeStruct((), jnp.uint8)


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    with annotations_unchecked():  # they take most of the time, and exactness/test_audit.py has them checked
        yield


def text(length: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((length,), jnp.uint8)


def any_weights(config: TransformerConfig = CONFIG) -> Any:
    """Every model of a configuration: any weights, biases and embeddings, and any scales that `check` lets pass."""

    ranges = {"multiplier": (0, 127), "shift": (1, 24), "gain": (1 << 29, 1 << 30), "gain_shift": (16, 24)}

    def bound(path: Any, leaf: Any) -> Any:
        name = path[-1].name if hasattr(path[-1], "name") else ""
        return within(leaf, *ranges[name]) if name in ranges else leaf

    return jax.tree_util.tree_map_with_path(bound, IntegerTransformer.zeros(config))


def sequence(model: Any, length: int) -> Audit:
    return audit(lambda m, x: m.sequence(x), model, text(length))


@pytest.mark.slow
@pytest.mark.parametrize("length", [40, *(pytest.param(n, marks=pytest.mark.deep) for n in (1, 16))])
def test_any_weights_are_exact(length):
    sequence(any_weights(), length).check()


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, pytest.param(2, marks=pytest.mark.deep)])
def test_stepping_is_exact_however_long(layers):
    def steps(model: IntegerTransformer, count: Any, byte: Any) -> Any:
        return jax.lax.fori_loop(0, count, lambda _, state: model.step(state, byte), model.init())

    model = any_weights(dataclasses.replace(CONFIG, layers=layers))
    audit(steps, model, jax.ShapeDtypeStruct((), jnp.int32), BYTE).check()


@pytest.mark.slow
def test_the_size_of_the_paper_is_exact():
    paper = TransformerConfig(vocab_size=256, d_model=256, heads=4, layers=3, head_dim=64, mlp_dim=1024, context=1024)
    sequence(any_weights(paper), 2048).check()


@pytest.mark.slow
def test_windows_through_any_weights_are_exact():
    model, length = any_weights(dataclasses.replace(CONFIG, layers=1)), within(jnp.array(0), 0, 24)
    audit(lambda m, x, n: windows.encode(m, x, n, 16), model, text(24), length).check()
    audit(lambda m, code: windows.decode(m, code, 16, 24), model, jax.ShapeDtypeStruct((1,), jnp.uint32)).check()


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("bits", [16, 64])
def test_windows_through_the_shipped_model_are_exact(bits):
    model = ecjax.load_model("m1-books")
    audit(lambda x, n: windows.encode(model, x, n, bits), text(100), within(jnp.array(0), 0, 100)).check()


@pytest.mark.slow
def test_streams_through_the_shipped_model_are_exact():
    model = ecjax.load_model("m1-books")
    audit(lambda x, n: stream.encode(model, x, n), text(100), within(jnp.array(0), 0, 100)).check()


@pytest.mark.slow
def test_the_longest_context_is_exact_and_no_longer_one(monkeypatch):
    longest = integer._LONGEST_CONTEXT
    config = dataclasses.replace(CONFIG, layers=1, context=longest)
    sequence(any_weights(config), 2 * longest).check()
    monkeypatch.setattr(integer, "_LONGEST_CONTEXT", longest + 1)
    longer = dataclasses.replace(config, context=longest + 1)
    assert not sequence(any_weights(longer), 2 * longest + 2).proved


@pytest.mark.slow
def test_a_bound_too_large_is_refused():
    model = any_weights()
    gain = eqx.tree_at(lambda m: m.norm.gain_shift, model, within(jnp.array(0, jnp.int8), 15, 24))
    assert not sequence(gain, 4).proved
    shift = eqx.tree_at(lambda m: m.unembedding.scale.shift, model, within(jnp.zeros(256, jnp.int8), 0, 24))
    assert not sequence(shift, 4).proved


@pytest.mark.slow
def test_a_float_operation_is_refused(monkeypatch):
    monkeypatch.setattr(integer, "square_root", lambda x: jnp.sqrt(x.astype(jnp.float32)).astype(jnp.int32))
    found = sequence(any_weights(), 4)
    assert any(r.equation.startswith("sqrt") for r in found.refusals)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, broken",
    [
        ("clamp", lambda x, limit: x),
        ("to_int8", lambda x: x.astype(jnp.int8)),
        ("matmul", lambda a, b: jnp.matmul(a, b, preferred_element_type=jnp.int16).astype(jnp.int32)),
        ("_WIDEST", 1 << 20),
    ],
)
def test_a_missing_clamp_or_a_sum_too_long_is_refused(monkeypatch, name, broken):
    monkeypatch.setattr(integer, name, broken)
    config = dataclasses.replace(CONFIG, mlp_dim=132_105 if name == "_WIDEST" else 4096, layers=1)
    found = sequence(any_weights(config), 4)
    assert not found.proved
    assert any("integer.py" in r.where or "test_integer_exactness" in r.where for r in found.refusals)
