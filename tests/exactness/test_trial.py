"""The trial: it finds what differs, with the input; it agrees with what is exact; it draws what it says."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.core import Tracer

from ecjax import codebook, frequencies, integers
from ecjax.coding import windows
from ecjax.exactness import InexactError, Interval, within
from ecjax.exactness.sampling import draw, source
from ecjax.exactness.trial import Trial, trial
from tests.strategies import Markov, annotations_unchecked, make_table, seeds

MODULE = importlib.import_module("ecjax.exactness.trial")  # the package may name the function so

LEVELS = ("xla_backend_optimization_level=0", "xla_backend_optimization_level=3")


def array(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def floats(low: float, high: float, *shape: int, step: int | float = 1) -> Any:
    return within(array(jnp.float32, *shape), low, high, step)


def ints(low: int, high: int, *shape: int) -> Any:
    return within(array(jnp.int32, *shape), low, high)


def found(variants: str | tuple[str, ...], fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Trial:
    """The trial, which has to find a difference of jit and one of these variants."""
    result = trial(fn, *args, **kwargs)
    assert result.difference is not None, result
    assert result.variants[-1] == result.difference.variants[1]
    assert result.difference.variants[0] == "jit"
    assert result.difference.variants[1].startswith(variants), result
    with pytest.raises(InexactError, match=r"(?s)not exact: .*jit gives .* gives .*sample \d+:\n  args\[0\]"):
        result.check()
    return result


# Differences.


def contracted(x: jax.Array) -> jax.Array:
    y = jax.lax.fori_loop(0, 40, lambda _, x: x * 1.1 + 0.3, x)
    return jnp.floor(y * 65536).astype(jnp.int32)


def test_a_contracted_multiplication_and_addition() -> None:
    # Optimised code contracts, and so jit and its parts differ; in the tests' quick code it is the other way round.
    where = found(("op by op", *LEVELS), contracted, floats(-1, 1, 8, step=2**-16)).difference
    assert where is not None
    a, b = where.values
    assert a != b and a.dtype == b.dtype == np.int32
    assert a == np.asarray(jax.jit(contracted)(*where.input))[where.index]


def test_a_sum_in_another_order() -> None:
    found(("xla_", "vmap"), lambda x: jnp.cumsum(x), floats(-1, 1, 512, step=2**-20))


def test_default_integers_that_x64_widens() -> None:
    where = found("x64 on", lambda x: {"sum": jnp.sum(x)}, ints(0, 1 << 30, 8)).difference
    assert where is not None and where.result == "['sum']" and where.index == ()
    assert where.sample == 1 and where.values == (0, 8 << 30)
    said = "result['sum']: jit gives 0, x64 on gives 8589934592; sample 1:\n  args[0] = int32[8]: all 1073741824"
    assert str(where) == said


def test_a_batch_that_is_not_as_its_examples() -> None:
    @jax.custom_batching.custom_vmap
    def fn(x: jax.Array) -> jax.Array:
        return x

    @fn.def_vmap
    def _(size: int, batched: list[bool], x: jax.Array) -> tuple[jax.Array, bool]:
        return jnp.where(jnp.arange(size)[:, None] == 3, x ^ 1, x), True

    where = found("vmap", fn, ints(0, 9, 5)).difference
    assert where is not None and where.sample == 3


def test_op_by_op_nothing_is_traced() -> None:
    traced = []
    fn = jax.jit(lambda x: (x, traced.append(isinstance(x, Tracer)))[0])
    trial(fn, ints(0, 9, 5), samples=2).check()
    assert traced.count(False) == 2


def test_x64_may_widen_what_stays_the_same_number() -> None:
    result = trial(lambda x: (jnp.sum(x), x[0] * 0.5), ints(0, 100, 8)).check()
    assert "x64 on" in result.variants
    with jax.enable_x64(True):
        assert "x64 off" in trial(lambda x: jnp.sum(x), ints(0, 100, 8)).check().variants
        wide = trial(lambda x: x + 1, within(array(jnp.int64, 3), 0, 1 << 40)).check()
    assert "x64 off" not in wide.variants and any("64 bits" in why for why in wide.left_out)


@pytest.mark.parametrize("fn", [lambda x: jax.lax.top_k(x, 3)[1], jnp.signbit, lambda x: 1 / x > 0])
def test_a_zero_whose_sign_is_told(fn: Callable[..., Any]) -> None:
    found("jit, zeros of the other sign", fn, floats(-1, 1, 8))


def test_the_payload_of_a_nan() -> None:
    fn = lambda x: x.astype(jnp.float32).astype(jnp.bfloat16)
    result = found("op by op", fn, array(jnp.bfloat16, 8))
    assert re.search(r"jit gives nan\(0x[7f]f[0-9a-f]{2}\), op by op gives nan\(0x[7f]fc0\)", str(result))


def test_a_subnormal_that_is_flushed() -> None:
    found(("op by op", *LEVELS), lambda x: x + jnp.bfloat16(0), array(jnp.bfloat16))


def test_an_approximation() -> None:
    found(LEVELS, jnp.tanh, floats(-8, 8, 64, step=2**-10))


def test_what_is_given_is_tried_first() -> None:
    given = jnp.array([0.3, 5.0, 8.25], jnp.float32)
    where = found(("op by op", *LEVELS), contracted, given, samples=1).difference
    assert where is not None and where.sample == 0
    assert np.array_equal(where.input[0], given)


def test_moving_and_comparing_floats_is_no_difference() -> None:
    fn = lambda x: (jnp.where(x > 0, x, x[::-1]), -x, jnp.argmax(x))
    for dtype in (jnp.bfloat16, jnp.float32):
        trial(fn, array(dtype, 8)).check()


def test_a_value_outside_the_claimed_range(monkeypatch: pytest.MonkeyPatch) -> None:
    fn = lambda x: (x, {"twice": 2 * x})
    assert trial(fn, ints(0, 9, 5)).check().claimed
    for wrong in (Interval(0, 17), Interval(1, 18), Interval(0, 5, 2)):
        monkeypatch.setattr(MODULE, "_claims", lambda *_, claim=wrong: [None, claim])
        where = trial(fn, ints(0, 9, 5)).difference
        assert where is not None and where.variants == ("jit", "the claimed range")
        assert where.result == "[1]['twice']" and where.values == (where.input[0][where.index] * 2, wrong)
    monkeypatch.setattr(MODULE, "_claims", lambda *_: [Interval(0, 9), Interval(0, 17)])
    with pytest.raises(InexactError, match=re.escape("[0]: jit gives 18, the claimed range is 0..17; sample 1:\n")):
        trial(fn, ints(0, 9, 5)).check()


def test_a_float_beside_the_claimed_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = floats(-4, 4, 3, step=0.5)
    assert trial(lambda x: x * 0.5, halves).check().claimed
    monkeypatch.setattr(MODULE, "_claims", lambda *_: [Interval(-8, 8, -1)])
    assert "the claimed range is -8..8 * 2**-1" in str(trial(lambda x: x * 0.5, halves))


# What is exact.


def markov(precision: int) -> Markov:
    rng = np.random.default_rng(0)
    return Markov(jnp.asarray(np.stack([make_table("random", precision, rng) for _ in range(257)])), precision)


EXACT: dict[str, Callable[[], tuple[Any, ...]]] = {
    "integers.multiply_wide": lambda: (integers.multiply_wide, *[array(jnp.uint32, 3)] * 2),
    "frequencies.cumulative_frequencies": lambda: (
        lambda x: frequencies.cumulative_frequencies(x, 16),
        ints(-(1 << 30), 1 << 30, 256),
    ),
    "Codebook.encode_array": lambda: (
        codebook.load_codebook("books-12").encode_array,
        array(jnp.uint8, 16),
        array(jnp.int32),
    ),
    # The model is no argument: with other tables than a model's, decoding need not end.
    "windows.decode": lambda: (lambda x: windows.decode(markov(16), x, 16, 8), array(jnp.uint32, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_what_is_shipped_agrees(name: str) -> None:
    with annotations_unchecked():
        fn, *args = EXACT[name]()
        result = trial(fn, *args, samples=16 if name.startswith(("integers", "freq")) else 3).check()
    assert result.claimed and not any("x64" in reason for reason in result.left_out), result
    assert {"jit", "op by op", "vmap", "x64 on"} < set(result.variants)


def test_arguments_that_do_not_vary_are_themselves() -> None:
    result = trial(lambda x, times, name: x * times + len(name), ints(0, 3, 2), 5, "ab", samples=5).check()
    assert result.samples == 5 and result.claimed
    alone = trial(lambda times: jnp.arange(3, dtype=jnp.int32) * times, 5).check()
    assert alone.samples == 1 and any(reason.startswith("vmap") for reason in alone.left_out)


# Reports.


def test_the_report_of_an_agreement() -> None:
    result = trial(lambda x: x ^ 1, ints(0, 3, 2), samples=7)
    assert result.agreed and result.check() is result
    text = str(result).splitlines()
    assert text[:3] == ["no difference in 7 samples, all in the proved ranges; run as", "  jit", "  op by op"]
    assert "no ranges were proved" in str(trial(lambda x: x + 1, array(jnp.int32)))


def test_what_this_xla_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"cpu": ({"xla_cpu_no_such_option": 1},)}
    monkeypatch.setattr(importlib.import_module("ecjax.exactness.variants"), "_OPTIONS", options | {"": ()})
    result = trial(lambda x: x ^ 1, ints(0, 3, 2))
    assert result.left_out[-1] == "xla_cpu_no_such_option=1: this version of XLA has no such option"


def test_other_platforms_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = importlib.import_module("ecjax.exactness.variants")
    monkeypatch.setattr(variants, "_elsewhere", lambda home: jax.local_devices()[:1])
    result = trial(lambda x: x ^ 1, ints(0, 3, 2)).check()
    assert result.variants[-1] == f"jit on {jax.local_devices()[0].platform}"


def test_it_is_deterministic() -> None:
    args = (lambda x: jnp.tanh(x), floats(-8, 8, 64, step=2**-10))
    once, again = trial(*args, samples=20), trial(*args, samples=20)
    assert str(once) == str(again) and once.digest == again.digest
    assert trial(*args, samples=20, seed=1).digest != once.digest


def test_the_digest_does_not_tell_zeros_apart() -> None:
    bounds = floats(0, 1, 9)
    assert trial(lambda x: x, bounds).digest == trial(lambda x: -jnp.abs(-x) * -1, bounds).digest
    assert trial(lambda x: x, bounds).digest != trial(lambda x: 1 - x, bounds).digest


# Errors.


@pytest.mark.parametrize("samples", [0, -3])
def test_no_samples(samples: int) -> None:
    with pytest.raises(ValueError, match=f"^samples must be an integer of at least 1, got {samples}$"):
        trial(lambda x: x, array(jnp.int32), samples=samples)


def test_a_dtype_without_samples() -> None:
    with pytest.raises(ValueError, match=r"^args\[1\]\['key'\] is of key<fry>, of which trial draws no samples"):
        trial(lambda x, y: x, array(jnp.int32), {"key": jax.random.key(0)})
    with pytest.raises(ValueError, match="is of complex64"):
        trial(lambda x: x, array(jnp.complex64))


def test_what_the_function_raises_names_the_variant() -> None:
    def fn(x: jax.Array) -> jax.Array:
        if jnp.arange(1).dtype == jnp.int64:
            raise TypeError("no 64 bits")
        return x

    with pytest.raises(TypeError, match="no 64 bits") as caught:
        trial(fn, array(jnp.int32))
    assert caught.value.__notes__[-1] == "in the trial's variant 'x64 on'"


# Samples.

DTYPES = (jnp.int8, jnp.uint8, jnp.int32, jnp.uint32, jnp.float32, jnp.bfloat16, jnp.float16)


@given(st.sampled_from(DTYPES), st.integers(-128, 127), st.integers(-128, 127), st.integers(-9, 9), seeds)
def test_samples_are_in_their_bounds(dtype: Any, a: int, b: int, grid: int, seed: int) -> None:
    is_float = jnp.issubdtype(dtype, jnp.floating)
    low, high = sorted((a, b) if jnp.issubdtype(dtype, jnp.signedinteger) or is_float else (abs(a), abs(b)))
    grid = grid if is_float else 0
    drawn = draw([source(array(dtype, 4), Interval(low, high, grid), "x")], 40, seed)
    assert len(drawn) == 40 and all(x.dtype == dtype and x.shape == (4,) for (x,) in drawn)
    steps = np.ldexp(np.stack([x for (x,) in drawn]).astype(np.float64), -grid)
    assert (steps == np.floor(steps)).all() and steps.min() == low and steps.max() == high
    assert (steps[:3] == [[low] * 4, [high] * 4, [np.clip(0, low, high)] * 4]).all()
    assert (steps == 0).any() == (low <= 0 <= high)
    if is_float and low <= 0 <= high:
        zeros = np.signbit(np.stack([x for (x,) in drawn]).astype(np.float64))[steps == 0]
        assert zeros.any() and not zeros.all()


def test_samples_of_all_integers_hold_both_ends() -> None:
    for dtype in (jnp.int8, jnp.uint32, jnp.int32):
        drawn = np.stack([x for (x,) in draw([source(array(dtype, 5), None, "x")], 64, 0)])
        assert drawn.min() == np.iinfo(dtype).min and drawn.max() == np.iinfo(dtype).max
        assert len(np.unique(drawn)) > 64
    with jax.enable_x64(True):
        for dtype in (jnp.int64, jnp.uint64):
            drawn = np.stack([x for (x,) in draw([source(array(dtype, 5), None, "x")], 64, 0)])
            assert drawn.min() == np.iinfo(dtype).min and drawn.max() == np.iinfo(dtype).max
    drawn = np.stack([x for (x,) in draw([source(array(jnp.bool_), None, "x")], 64, 0)])
    assert drawn.dtype == np.bool_ and drawn.any() and not drawn.all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_samples_of_all_floats_hold_what_is_odd(dtype: Any) -> None:
    drawn = np.stack([x for (x,) in draw([source(array(dtype), None, "x")], 64, 0)])
    with np.errstate(invalid="ignore"):
        wide, bits = drawn.astype(np.float64), drawn.view(f"u{drawn.dtype.itemsize}")
    info = jnp.finfo(dtype)
    assert {np.inf, -np.inf, 0.0, 1.0, float(info.max), float(info.min)} <= set(wide.tolist())
    assert np.signbit(wide[wide == 0]).any() and not np.signbit(wide[wide == 0]).all()
    assert ((wide != 0) & (np.abs(wide) < float(info.tiny))).any()
    quiet = (bits >> (info.nmant - 1)) & 1
    assert (np.isnan(wide) & (quiet == 1)).any() and (np.isnan(wide) & (quiet == 0)).any()


def test_64_bits_are_32_where_there_are_none() -> None:
    drawn = draw([source(array(np.dtype(np.int64)), None, "x")], 64, 0)
    assert drawn[1][0].dtype == np.int32 and int(drawn[1][0]) == np.iinfo(np.int32).max


def test_bounds_that_no_dtype_holds() -> None:
    with jax.enable_x64(True):
        wide = within(array(jnp.int64), 0, 1 << 40)
    with pytest.raises(ValueError, match="above int32"):
        trial(lambda x: x, wide)
