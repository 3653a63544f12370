"""Settings: the schedule, micro-batches that divide a batch, and the sizes of the paper under its optimiser."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ecjax.models.transformer import Linear, Transformer, configuration
from ecjax.training import TrainingSettings, TrainingState, make_optimizer, training_step
from ecjax.training.devices import data_mesh
from tests.training.runs import SETTINGS, is_one_line

SIZES = [
    "25m",
    *(
        pytest.param(size, marks=mark)
        for size, mark in [("113m", pytest.mark.deep), ("403m", pytest.mark.deep), ("2b", pytest.mark.slow)]
    ),
]
TABLE_4 = {"25m": "25.2M", "113m": "113.2M", "403m": "402.7M", "2b": "1610.6M"}


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 100])
def test_the_learning_rate_warms_up_and_falls_to_zero(steps):
    optimizer = make_optimizer(dataclasses.replace(SETTINGS, steps=steps, warmup=10))
    weights = jnp.ones(3)
    state, sizes = optimizer.init(weights), []
    for _ in range(steps + 1):
        updates, state = optimizer.update(jnp.ones(3), state, weights)
        sizes.append(max(float(jnp.abs(update).max()) for update in jax.tree.leaves(updates)))
    assert max(sizes) <= SETTINGS.learning_rate * 1.1
    assert sizes[-1] == pytest.approx(0, abs=1e-8)
    if steps == 100:
        assert sizes[0] == 0 and np.argmax(sizes) == 10


@pytest.mark.slow
def test_each_leg_warms_up_and_falls_to_zero_anew() -> None:
    settings = dataclasses.replace(SETTINGS, steps=20, warmup=4, extended=(10, 30))
    optimizer, weights = make_optimizer(settings), {"w": jnp.ones(3)}
    state, sizes = optimizer.init(weights), []
    update = jax.jit(optimizer.update)
    for _ in range(settings.total_steps):
        updates, state = update({"w": jnp.ones(3)}, state, weights)
        sizes.append(float(jnp.abs(updates["w"]).max()))
    for begin, steps in ((0, 20), (20, 10), (30, 30)):
        leg = sizes[begin : begin + steps]
        assert leg[0] < 1e-8 and np.argmax(leg) == 4 and 0 < leg[-1] < 0.2 * max(leg)
        assert max(leg) == pytest.approx(max(sizes[:20]), rel=1e-3)


def test_what_comes_later_does_not_matter() -> None:
    settings = dataclasses.replace(SETTINGS, steps=20, extended=(10, 30))
    assert settings.total_steps == 60
    assert settings.until(1) == settings.until(20) == dataclasses.replace(settings, extended=())
    assert settings.until(21) == settings.until(30) == dataclasses.replace(settings, extended=(10,))
    assert settings.until(31) == settings.until(60) == settings


def unchecked(**fields: Any) -> TrainingSettings:
    """Settings as without the checks of types that the tests switch on."""
    settings = object.__new__(TrainingSettings)
    for name, value in (dataclasses.asdict(SETTINGS) | fields).items():
        object.__setattr__(settings, name, value)
    settings.__post_init__()
    return settings


NAN, INFINITE = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "steps": [0, -1, True, 1.0, "1", None, 2**31, NAN],
    "batch_size": [0, -8, True, 8.0, None],
    "optimizer": ["adafactor", "", None, 1, ["adamw"]],
    "learning_rate": [-1, NAN, INFINITE, -INFINITE, "1", None, True, 1e39, 10**400],
    "warmup": [-1, 1.5, False, None],
    "z_loss": [-1e-9, NAN, INFINITE, False, None],
    "seed": [-1, 0.0, True, None, 2**40],
    "compute": ["bf16", "float16", None],
    "remat": [0, 1, "yes", None],
    "extended": [5, [5], (0,), (-1,), (True,), (1.0,), None, (2**31 - 5,)],
}


@pytest.mark.parametrize("field", WRONG)
def test_settings_that_mean_nothing_are_refused(field: str) -> None:
    assert set(WRONG) == {field.name for field in dataclasses.fields(TrainingSettings)} - {"accumulate"}
    for value in WRONG[field]:
        with pytest.raises(ValueError) as caught:
            unchecked(**{field: value})
        assert field in str(caught.value) or (field == "extended" and "a run has at most" in str(caught.value))
        assert is_one_line(caught.value)


def test_choices_are_named() -> None:
    with pytest.raises(ValueError, match="optimizer must be one of 'adamw', 'paper', got 'adafactor'"):
        unchecked(optimizer="adafactor")
    with pytest.raises(ValueError, match="compute must be one of 'float32', 'bfloat16', got 'bf16'"):
        unchecked(compute="bf16")


def test_an_optax_transformation_is_told_where_it_goes() -> None:
    with pytest.raises(ValueError, match=r"give an optax transformation of your own to train\(\.\.\., optimizer="):
        unchecked(optimizer=optax.sgd(0.1))


@pytest.mark.parametrize("accumulate", [-1, 0, 3, 16, True, 2.0, None])
def test_micro_batches_that_do_not_divide_the_batch_are_refused(accumulate):
    with pytest.raises(ValueError, match=f"a batch of 8 examples does not make {accumulate} equal micro-batches; the"):
        unchecked(accumulate=accumulate)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_size_of_the_paper_can_take_a_step(size):
    # Shapes alone: no array is made. 256 examples of 512 tokens, as in sec. 3.5.
    settings = TrainingSettings(steps=200_000, batch_size=256, optimizer="paper")
    if size == "2b":
        settings = dataclasses.replace(settings, compute="bfloat16", remat=True, accumulate=16)
    config = configuration(size, 1 << 16, 512)
    state = eqx.filter_eval_shape(
        lambda key: TrainingState.begin(Transformer(config, key=key), settings), jax.random.key(0)
    )
    parts = jax.tree.leaves(state.model.layers, is_leaf=lambda x: isinstance(x, Linear))
    assert f"{sum(x.weight.size for x in parts if isinstance(x, Linear)) / 1e6:.1f}M" == TABLE_4[size]
    batch = jax.ShapeDtypeStruct((256, 512), jnp.int32)
    after, loss = eqx.filter_eval_shape(training_step, settings, data_mesh(), state, batch)
    assert loss.shape == () and loss.dtype == jnp.float32
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    # Adafactor's state is small, as its moments are factored.
    assert sum(x.size for x in jax.tree.leaves(state.optimizer)) < 0.01 * config.parameters
