"""Settings: the schedule, micro-batches that divide a batch, and the sizes of the paper under its optimiser."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.models.transformer import Linear, Transformer, configuration
from ecjax.training import TrainingSettings, TrainingState, make_optimizer, training_step
from ecjax.training.devices import data_mesh
from tests.training.runs import SETTINGS

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
    weights = {"w": jnp.ones(3)}
    state, sizes = optimizer.init(weights), []
    for _ in range(steps + 1):
        updates, state = optimizer.update({"w": jnp.ones(3)}, state, weights)
        sizes.append(float(jnp.abs(updates["w"]).max()))
    assert max(sizes) <= SETTINGS.learning_rate * 1.1
    assert sizes[-1] == pytest.approx(0, abs=1e-8)
    if steps == 100:
        assert sizes[0] == 0 and np.argmax(sizes) == 10


@pytest.mark.parametrize("accumulate", [-1, 0, 3, 16])
def test_micro_batches_that_do_not_divide_the_batch_are_refused(accumulate):
    with pytest.raises(ValueError, match=f"a batch of 8 examples does not make {accumulate} equal micro-batches; the"):
        TrainingSettings(steps=1, batch_size=8, accumulate=accumulate)


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
