"""States that one has spread over devices: a step leaves them where they are."""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ecjax.training import TrainingState, train, training_step
from ecjax.training.devices import spread
from tests.training.runs import SETTINGS, examples, model, start, use_cpus


def place(tree: Any, mesh: jax.sharding.Mesh) -> Any:
    """Matrices with their first axis spread over "model", the rest on each device."""

    def one(x: Any) -> Any:
        if not eqx.is_array(x):
            return x
        split = x.ndim == 2 and x.shape[0] % 2 == 0
        return jax.device_put(x, NamedSharding(mesh, PartitionSpec("model") if split else PartitionSpec()))

    return jax.tree.map(one, tree)


def refusal_of(call: Any) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def on_eight_devices(out: Path, cache: Path) -> None:
    use_cpus(8, cache)
    auto = (AxisType.Auto,) * 2
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=auto)
    state = TrainingState.begin(place(model(), mesh), SETTINGS)
    before = [str(x.sharding.spec) for x in jax.tree.leaves(state.model)]
    batches, losses = examples(), []
    for _ in range(3):
        state, loss = training_step(SETTINGS, mesh, state, spread(next(batches), mesh, 1))
        losses.append(float(loss))
    spread_arrays = [x for x in jax.tree.leaves(state) if not x.sharding.is_fully_replicated]
    explicit = jax.make_mesh((4, 2), ("data", "model"), axis_types=(AxisType.Explicit,) * 2)
    others = jax.make_mesh((2, 2), ("data", "model"), axis_types=auto, devices=jax.devices()[:4])
    unnamed = jax.make_mesh((8,), ("x",), axis_types=auto[:1])

    def step_on(other: jax.sharding.Mesh) -> str:
        return refusal_of(lambda: training_step(SETTINGS, other, state, next(examples())))

    results = {
        "specs": [before, [str(x.sharding.spec) for x in jax.tree.leaves(state.model)]],
        "spread": [x.shape for x in spread_arrays],
        "shards": [x.addressable_shards[0].data.shape for x in spread_arrays],
        "losses": losses,
        "whole": train(model(), examples(), SETTINGS)[1][:3],
        "explicit": step_on(explicit),
        "others": step_on(others),
        "unnamed": step_on(unnamed),
        "train": refusal_of(lambda: train(place(model(), mesh), examples(), SETTINGS)),
    }
    out.write_text(json.dumps(results))


@pytest.mark.slow
def test_a_state_that_is_spread_stays_so(tmp_path: Path) -> None:
    process = start(on_eight_devices, tmp_path / "out", tmp_path / "cache")
    process.join()
    results = json.loads((tmp_path / "out").read_text())
    before, after = results["specs"]
    assert before == after and any("model" in spec for spec in before)
    # The weights and AdamW's two moments of each.
    assert len(results["spread"]) == 3 * sum("model" in spec for spec in before)
    assert [[rows // 2, columns] for rows, columns in results["spread"]] == results["shards"]
    np.testing.assert_allclose(results["losses"], results["whole"], rtol=1e-5)
    assert "they must be Auto" in results["explicit"]
    assert "is spread over 8 devices that are not the mesh's 4" in results["others"]
    assert results["unnamed"] == "the mesh has the axes ('x',); call the one for the rows of batches 'data'"
    assert (
        "is spread over devices as" in results["train"] and "give it the mesh: train(..., mesh=...)" in results["train"]
    )
