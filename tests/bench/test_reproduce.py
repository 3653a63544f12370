"""The paper's comparison: the grid is sound, a run is trained and measured for real, and pages say what results say."""

import dataclasses
import json
import math
from typing import Any, cast

import jax
import jax.numpy as jnp
import pytest

from bench._reproduce import claims, paper, report, tables, work
from bench._reproduce.methods import METHODS
from bench._reproduce.results import Results, welch
from bench._reproduce.scales import SCALES, Run
from ecjax import evaluation
from ecjax.models.files import load_transformer
from ecjax.models.transformer import SIZES, Transformer, configuration
from ecjax.serialisation import asset, read
from ecjax.training import TrainingSettings
from ecjax.training.devices import data_mesh
from ecjax.training.own import Method
from ecjax.training.step import TrainingState, compiled_step


@pytest.mark.parametrize("name", SCALES)
def test_grids_name_what_there_is(name):
    scale = SCALES[name]
    assert {run.method for run in scale.runs} <= set(METHODS)
    assert {run.size for run in scale.runs} <= set(SIZES)
    assert len({run.name for run in scale.runs}) == len(scale.runs)
    assert all(scale.settings_of(run).steps == run.steps for run in scale.runs)


def test_the_paper_is_run_at_its_sizes():
    scale = SCALES["paper"]
    assert {run.size for run in scale.runs} == set(paper.SIZES)
    assert {run.method for run in scale.runs} >= {name for name in paper._FIGURES if name in METHODS}
    assert (scale.context, scale.settings.batch_size, scale.settings.optimizer) == (512, 256, "paper")
    assert configuration("25m", 256, 512).parameters == pytest.approx(25e6, rel=0.01)


@pytest.mark.deep
def test_the_gpu_scale_fits_one_gpu():
    # By what XLA would set aside on a processor, for want of a GPU: logits over 65,536 ids are most of it.
    scale = SCALES["gpu"]
    assert {run.size for run in scale.runs} == {"25m"}
    model = Transformer(configuration("25m", 65_536, scale.context), key=jax.random.key(0))
    state = TrainingState.begin(model, scale.settings)
    batch = jnp.zeros((scale.settings.batch_size, scale.context), jnp.int32)
    memory = (
        cast(Any, compiled_step)
        .lower((Method(scale.settings), None), data_mesh(), state, batch)
        .compile()
        .compiled.memory_analysis()
    )
    assert memory.temp_size_in_bytes + memory.argument_size_in_bytes < 40e9


@pytest.mark.slow
def test_a_run_is_trained_measured_and_kept(tmp_path, monkeypatch):
    run = Run("GZip[256]", "tiny", 0, 6)
    scale = dataclasses.replace(
        SCALES["laptop"],
        runs=[run],
        context=16,
        settings=TrainingSettings(6, 4),
        training_bytes=6000,
        held_out_bytes=2000,
        points=2,
    )
    monkeypatch.setitem(SCALES, "laptop", scale)
    job = work.Job("laptop", [asset("sample.txt")], [asset("sample.txt")], "m1-books", tmp_path)
    work.execute(job, run)
    content = json.loads(job.run_file(run).read_text())
    results = content["results"]
    assert [point["step"] for point in content["curve"]] == [3, 6]
    assert content["curve"][-1]["bits_per_byte"] == results["bits_per_byte"]
    assert content["tokens"]["lossless"] and content["tokens"]["held_out_bytes"] == 2000
    ids = read(job.tokens_file(run.method), "ecjax.bench.tokens").tensors["held_out"]
    model = load_transformer(tmp_path / "models" / f"{run.name}.safetensors")
    assert evaluation.bits_per_byte(model, ids, 2000) == pytest.approx(results["bits_per_byte"], rel=1e-6)
    assert results["uniform_bits_per_byte"] == pytest.approx(8 * len(ids) / 2000)
    assert results["nats_per_token"] == pytest.approx(results["bits_per_byte"] * math.log(2) * 2000 / len(ids))
    # What dies after its last step, before its results are written, has all that was measured on the way.
    job.run_file(run).unlink()
    work.execute(job, run)
    again = json.loads(job.run_file(run).read_text())
    assert (again["curve"], again["results"]["bits_per_byte"]) == (content["curve"], results["bits_per_byte"])
    report.write(tmp_path, [job.run_file(run)])
    assert "GZip[256]" in (tmp_path / "tables.md").read_text()
    assert (tmp_path / "fig3.svg").read_text().startswith("<?xml")


def results_of(tmp_path, losses):
    """Results of runs with these bits per byte by method and seed; all have 8 bits per byte when uniform."""
    files = []
    for method, values in losses.items():
        for seed, bits in enumerate(values):
            run = Run(method, "tiny", seed, 10)
            results = {"bits_per_byte": bits, "uniform_bits_per_byte": 8.0, "bytes_per_token": 1.0}
            file = tmp_path / f"{run.name}.json"
            file.write_text(json.dumps({"run": run._asdict(), "results": results, "tokens": {}, "curve": []}))
            files.append(file)
    return Results(files)


@pytest.mark.slow
def test_seeds_are_gathered(tmp_path):
    results = results_of(tmp_path, {"Bytes": [2.0, 2.2], "AC[256]": [8.0]})
    cell = results.find("Bytes")
    assert cell is not None and cell.mean("bits_per_byte") == pytest.approx(2.1)
    assert cell.deviation("bits_per_byte") == pytest.approx(math.sqrt(0.02))
    assert cell.gain == pytest.approx(1 - 2.1 / 8)
    assert tables.spread(cell) == "2.100 ± 0.141"
    single = results.find("AC[256]")
    assert single is not None and single.deviation("bits_per_byte") is None and welch(cell, single) is None
    assert results.find("GZip[256]") is None


def test_welch_is_that_of_the_textbook(tmp_path):
    results = results_of(tmp_path, {"Bytes": [1.0, 2.0, 3.0], "AC[256]": [2.0, 4.0, 6.0]})
    a, b = results.find("Bytes"), results.find("AC[256]")
    assert a is not None and b is not None
    # t = -2 / sqrt(1/3 + 4/3) = -1.549 with (5/3)**2 / ((1/3)**2 / 2 + (4/3)**2 / 2) = 2.94 degrees of freedom
    assert welch(a, b) == pytest.approx((-1.549, 0.2208), abs=1e-3)


@pytest.mark.parametrize("loss, word", [(7.99, "held"), (7.0, "**did not hold**")])
def test_a_claim_is_what_the_figures_say(tmp_path, loss, word):
    page = claims.table(results_of(tmp_path, {"AC[256]": [loss]}))
    assert f"AC[256] is not learnable: M2 stays at the uniform loss | {word} |" in page


def test_claims_with_too_much_noise_could_not_be_seen(tmp_path):
    page = claims.table(results_of(tmp_path, {"SentencePiece[4k]": [2.0, 3.0], "Bytes": [2.1, 3.1]}))
    assert "SentencePiece is ahead of bytes | could not be seen |" in page
