"""Models spread over a mesh as `shardings` says, on eight virtual devices: the losses of one device, in less memory."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from ecjax.data import packed
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import TrainingSettings, TrainingState, cross_entropy, shardings, spread, train, training_step
from ecjax.training.batches import fingerprint
from tests.training.runs import SETTINGS, Stopped, examples, free_address, model, start, stop_at, use_cpus

CONFIG = TransformerConfig(vocab_size=16, d_model=8, heads=2, layers=1, head_dim=4, mlp_dim=16, context=8)
MESHES = {
    "data": {"data": 8},
    "fsdp": {"fsdp": 8},
    "tensor": {"data": 4, "tensor": 2},
    "all": {"data": 2, "fsdp": 2, "tensor": 2},
}


def mesh_of(sizes: dict[str, int]) -> Mesh:
    return jax.make_mesh(tuple(sizes.values()), tuple(sizes), axis_types=(AxisType.Auto,) * len(sizes))


def placed(mesh: Mesh) -> Transformer:
    whole = model(0, CONFIG)
    return eqx.filter_shard(whole, shardings(whole, mesh))


def most(tree: Any) -> int:
    """How many numbers a device keeps of a tree's arrays, at most."""
    shards = [shard for x in jax.tree.leaves(eqx.filter(tree, eqx.is_array)) for shard in x.addressable_shards]
    return max(sum(s.data.size for s in shards if s.device == device) for device in jax.devices())


def run(kind: str, directory: Path) -> dict:
    """A run on a mesh, stopped and gone on with, beside one that is not."""
    mesh = mesh_of(MESHES[kind])
    begin = placed(mesh)
    before = fingerprint(begin)
    kept: list[int] = []

    def look(step: int, loss: float, trained: Transformer) -> None:
        kept.append(most(trained))

    trained, losses = train(begin, examples(), SETTINGS, mesh=mesh, report=look)
    with contextlib.suppress(Stopped):
        train(begin, examples(), SETTINGS, mesh=mesh, directory=directory, checkpoint_every=2, report=stop_at(5))
    resumed, again = train(begin, examples(), SETTINGS, mesh=mesh, directory=directory, checkpoint_every=2)
    refusals = []
    other = mesh_of(MESHES["tensor" if kind != "tensor" else "all"])
    whole = model(0, CONFIG)
    for other_model, other_mesh in ((placed(other), other), (whole, None), (whole, mesh)):
        try:
            train(other_model, examples(), SETTINGS, mesh=other_mesh, directory=directory)
        except ValueError as error:
            refusals.append(str(error))
    return {
        "specs": [str(x.sharding.spec) for x in jax.tree.leaves(begin)],
        "kept": kept,
        "resumed": most(resumed),
        "losses": losses,
        "again": again,
        "same": fingerprint(trained) == fingerprint(resumed),
        "intact": fingerprint(begin) == before,  # the caller's own arrays are still there
        "refusals": refusals,
    }


def on_eight_devices(out: Path, cache: Path) -> None:
    use_cpus(8, cache)
    results: dict[str, Any] = {kind: run(kind, out.parent / kind) for kind in MESHES}
    settings = TrainingSettings(3, 16, compute="bfloat16", accumulate=2, remat=True, optimizer="paper")
    texts = [np.arange(begin, begin + 5) % 16 for begin in range(16)]
    for kind, chosen in (("whole", None), ("saving", mesh_of({"fsdp": 2, "tensor": 4}))):
        begin = model(0, CONFIG) if chosen is None else placed(chosen)
        batches = packed(texts, 16, 16, seed=0, bins=16)
        results[kind] = train(begin, batches, settings, mesh=chosen)[1]
    out.write_text(json.dumps(results))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def results(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    directory = tmp_path_factory.mktemp("meshes")
    process = start(on_eight_devices, directory / "out", cache)
    process.join()
    assert process.exitcode == 0
    return json.loads((directory / "out").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", MESHES)
def test_a_mesh_gives_the_losses_of_one_device(kind: str, results: dict) -> None:
    _, losses = train(model(0, CONFIG), examples(), SETTINGS)
    found = results[kind]
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-5)
    # A run that was stopped goes on to the same bits, and leaves the caller's model alone.
    assert found["again"] == found["losses"] and found["same"] and found["intact"]


@pytest.mark.slow
@pytest.mark.parametrize("kind, parts", [("data", (1, 1)), ("fsdp", (8, 8)), ("tensor", (1, 2)), ("all", (2, 4))])
def test_each_device_keeps_its_part(kind: str, parts: tuple[int, int], results: dict) -> None:
    # The embedding has 17 rows, which no number of parts divides: "fsdp" alone splits it, by columns.
    embedding, biases, norms = 17 * 8, 2 * 8, 3 * 8
    matrices = 4 * 8 * 8 + 3 * 8 * 16 + 8 * 16
    expected = embedding // parts[0] + matrices // parts[1] + biases + norms
    assert results[kind]["kept"] == [expected] * SETTINGS.steps and results[kind]["resumed"] == expected


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_mesh_only(results: dict) -> None:
    for kind in MESHES:
        another, none, *whole = results[kind]["refusals"]
        assert "holds another run: mesh.axes." in another and "holds another run: mesh.axes." in none
        # With "data" alone, a whole model is the same.
        assert len(whole) == (kind != "data") and all("holds another run: mesh.spread" in told for told in whole)


@pytest.mark.slow
def test_what_saves_memory_goes_with_a_mesh_and_packed_texts(results: dict) -> None:
    np.testing.assert_allclose(results["saving"], results["whole"], rtol=1e-2)


def in_two_processes(out: Path, cache: Path, address: str, index: int) -> None:
    use_cpus(2, cache)
    jax.distributed.initialize(address, 2, index)
    mesh = mesh_of({"fsdp": 4})
    begin = placed(mesh)
    # As a user may write it: its last axis is named to be whole.
    written = jax.device_put(begin.unembedding.weight, NamedSharding(mesh, PartitionSpec("fsdp", None)))
    begin = eqx.tree_at(lambda m: m.unembedding.weight, begin, written)
    kept: Any = {"mesh": mesh, "directory": out.parent / "run", "checkpoint_every": 2}
    with contextlib.suppress(Stopped):
        train(begin, examples(), SETTINGS, report=stop_at(5), **kept)
    seen: list[int] = []
    trained, losses = train(begin, examples(), SETTINGS, report=lambda step, *_: seen.append(step), **kept)
    here = sum(x.addressable_data(0).size for x in jax.tree.leaves(trained))
    out.write_text(json.dumps({"losses": losses, "seen": seen, "here": here, "weights": fingerprint(trained)}))
    jax.distributed.shutdown()  # waits for the other: whoever ends first would break off the last gathering


@pytest.mark.slow
def test_two_processes_each_keep_their_part(cache: Path, tmp_path: Path) -> None:
    address = free_address()
    processes = [start(in_two_processes, tmp_path / str(i), cache, address, i) for i in range(2)]
    for process in processes:
        process.join()
    first, second = (json.loads((tmp_path / str(i)).read_text()) for i in range(2))
    assert first == second and first["seen"] == list(range(5, 11))
    np.testing.assert_allclose(first["losses"], train(model(0, CONFIG), examples(), SETTINGS)[1], rtol=1e-5)
    assert first["here"] < 0.4 * sum(x.size for x in jax.tree.leaves(model(0, CONFIG)))


@pytest.mark.slow
def test_where_arrays_go(results: dict) -> None:
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(model(0, CONFIG))[0]]
    specs = dict(zip(names, results["all"]["specs"], strict=True))
    columns, rows, whole = "P('fsdp', 'tensor')", "P('tensor', 'fsdp')", "P()"
    layer = ".layers[0]"
    assert specs == {
        ".embedding": "P(None, 'fsdp')",
        f"{layer}.attention_norm.scale": whole,
        f"{layer}.attention.qkv.weight": columns,
        f"{layer}.attention.out.weight": rows,
        f"{layer}.attention.bias": "P()",
        f"{layer}.mlp_norm.scale": whole,
        f"{layer}.mlp.gate.weight": columns,
        f"{layer}.mlp.up.weight": columns,
        f"{layer}.mlp.down.weight": rows,
        ".norm.scale": whole,
        ".unembedding.weight": columns,
    }


def test_a_tree_of_shapes_is_placed_too():
    mesh = jax.make_mesh((1, 1), ("data", "tensor"), axis_types=(AxisType.Auto,) * 2)
    shapes = eqx.filter_eval_shape(Transformer, CONFIG, key=jax.random.key(0))
    there = shardings((shapes, abs, 3), mesh)
    assert there[1:] == (None, None)
    assert all(isinstance(x, NamedSharding) for x in jax.tree.leaves(there[0]))


def test_a_mesh_of_other_axes_is_refused():
    mesh = jax.make_mesh((1, 1), ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    told = "the mesh has the axes ('data', 'model'); those that shardings knows are 'data', 'fsdp' and 'tensor'"
    with pytest.raises(ValueError, match=re.escape(told)):
        shardings(model(), mesh)


def steps_of_ones_own(out: Path, cache: Path) -> None:
    """Steps of a loop of one's own on a mesh, of arrays whose specs end with an axis that nothing splits."""
    use_cpus(8, cache)
    mesh = mesh_of({"fsdp": 4, "tensor": 2})
    begin = eqx.filter_shard(placed(mesh), shardings(model(0, CONFIG), mesh))
    written = jax.device_put(begin.norm.scale, NamedSharding(mesh, PartitionSpec(None)))
    begin = eqx.tree_at(lambda m: m.norm.scale, begin, written)
    traced: list[int] = []

    def loss(logits: Array, ids: Array) -> Array:
        traced.append(len(ids))
        return cross_entropy(logits, ids)[0]

    state, settings, batches = TrainingState.begin(begin, SETTINGS), SETTINGS, examples()
    for _ in range(3):
        state, _ = training_step(settings, mesh, state, spread(next(batches), mesh), loss=loss)
        traced.append(0)
    out.write_text(json.dumps(traced))


@pytest.mark.slow
def test_a_loop_of_ones_own_compiles_once(cache: Path, tmp_path: Path) -> None:
    process = start(steps_of_ones_own, tmp_path / "out", cache)
    process.join()
    first, *rest = "".join(str(min(n, 1)) for n in json.loads((tmp_path / "out").read_text())).split("0")
    assert first and not any(rest), "a later step was traced anew"
