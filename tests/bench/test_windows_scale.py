"""Codebooks against subwords: from text to tables in seconds, seeds together as each alone, models of equal FLOPs."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench import reproduce
from bench._byte_pairs import BytePairs
from bench._reproduce import together, widths
from bench._reproduce.methods import COMPARED, yardstick
from bench._reproduce.scales import SCALES, Run
from ecjax.models.transformer import Transformer, configuration
from ecjax.serialisation import asset
from ecjax.tokenizers import SentencePiece, Tokenizer
from ecjax.training import TrainingSettings, TrainingState, training_step
from ecjax.training.devices import data_mesh

SETTINGS = TrainingSettings(6, 2, warmup=2)
SAMPLE = asset("sample.txt").read_bytes()


def test_every_method_has_a_yardstick_that_is_compared_itself():
    runs = SCALES["windows"].runs
    assert {yardstick(method) for method in COMPARED} == {"SentencePiece[4k]", "SentencePiece[16k]"}
    assert all(run._replace(method=yardstick(run.method), equal="steps") in runs for run in runs)


@pytest.mark.slow
def test_the_scale_runs_from_text_to_tables(tmp_path, monkeypatch):
    methods = ["Bytes", "SentencePiece[4k]"]
    runs = [run for run in SCALES["windows"].runs if run.method in methods and run.size == "tiny" and run.seed < 2]
    scale = dataclasses.replace(
        SCALES["windows"],
        runs=[run._replace(steps=8) for run in runs],
        context=16,
        settings=dataclasses.replace(SETTINGS, steps=8),
        training_bytes=20_000,
        tokenizer_bytes=10_000,
        held_out_bytes=2000,
        points=2,
    )
    monkeypatch.setitem(SCALES, "windows", scale)
    monkeypatch.setattr(reproduce, "_do_side_by_side", lambda tasks, jobs, done: reproduce._do_here(tasks, 1, done))
    text = [asset("sample.txt")]
    reproduce.measure("windows", tmp_path, text, text, tokens_only=True)
    assert not (tmp_path / "runs").exists()
    reproduce.measure("windows", tmp_path)  # from the tokens alone

    def content(run):
        return json.loads((tmp_path / "runs" / f"{run.name}.json").read_text())

    base = content(Run("SentencePiece[4k]", "tiny", 0, 8))
    first, second = (content(Run("Bytes", "tiny", seed, 8, "flops")) for seed in (0, 1))
    assert base["tokens"]["lossless"] and base["tokens"]["tokenizer_bytes"] == 10_000
    assert [point["step"] for point in base["curve"]] == [4, 8]
    assert base["curve"][-1]["bits_per_byte"] == base["results"]["bits_per_byte"]
    assert first["results"]["bits_per_byte"] != second["results"]["bits_per_byte"]
    for key in ("flops_per_byte", "training_flops_without_embeddings"):
        assert first["results"][key] == pytest.approx(base["results"][key], rel=0.03)
    page = (tmp_path / "tables.md").read_text()
    assert "| **SentencePiece[4k]** | 2 |" in page and "| Bytes | 2 |" in page
    assert (tmp_path / "training-tiny.svg").read_text().startswith("<?xml")


def test_without_text_or_tokens_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "_do_side_by_side", lambda tasks, jobs, done: reproduce._do_here(tasks, 1, done))
    with pytest.raises(ValueError, match="mend"):
        reproduce.measure("windows", tmp_path, method=["Bytes"])
    assert "give --text and --held-out" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_seeds_together_are_trained_as_each_alone():
    config = dataclasses.replace(configuration("tiny", 256, 16), d_model=16, mlp_dim=32)
    ids = np.frombuffer(SAMPLE[:4000], np.uint8).astype(np.int32)
    batches = together.draw(ids, 16, SETTINGS, (3, 5))
    reports = []
    models, losses = together.train(config, SETTINGS, (3, 5), batches, [2, 6], lambda *args: reports.append(args))
    assert [step for step, *_ in reports] == [2, 6]
    for i, seed in enumerate((3, 5)):
        state = TrainingState.begin(Transformer(config, key=jax.random.key(seed)), SETTINGS)
        for step in range(6):
            state, loss = training_step(SETTINGS, data_mesh(), state, jnp.array(batches[step, i]))
            assert losses[step, i] == pytest.approx(float(loss), rel=1e-5)
        assert reports[-1][1][i] == losses[-1, i]
        for own, alone in zip(jax.tree.leaves(models[i]), jax.tree.leaves(state.model), strict=True):
            assert np.allclose(own, alone, atol=1e-4)
    assert eqx.tree_equal(reports[-1][2], models)


def test_no_example_is_drawn_twice():
    ids = np.arange(12 * 4, dtype=np.int32)
    drawn = together.draw(ids, 4, SETTINGS, (0, 1))
    assert drawn.shape == (6, 2, 2, 4)
    for seed in (0, 1):
        assert sorted(drawn[:, seed].reshape(-1)) == ids.tolist()
    assert not np.array_equal(drawn[:, 0], drawn[:, 1])
    with pytest.raises(ValueError, match="see text twice"):
        together.draw(ids[:-1], 4, SETTINGS, (0,))


@pytest.mark.parametrize("share", [0.24, 0.5, 0.9, 1.0, 1.26, 3.0])
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_widths_meet_their_target(size, share):
    config = configuration(size, 4096, 128)
    found = widths.of_weights(config, share * config.parameters)
    assert found.parameters == pytest.approx(share * config.parameters, rel=0.01)
    assert (found.heads, found.head_dim, found.layers, found.context) == (config.heads, 32, config.layers, 128)
    assert found.mlp_dim >= found.d_model and (found.d_model == config.d_model or share < 0.5)
    if share == 1:
        assert found == config


def test_no_width_is_small_enough():
    with pytest.raises(ValueError, match="begin with another size"):
        widths.of_weights(configuration("tiny", 4096, 128), 50)


def test_byte_pairs_are_a_tokenizer():
    pytest.importorskip("tokenizers")
    tokenizer = BytePairs.train([SAMPLE], 600)
    assert isinstance(tokenizer, Tokenizer) and tokenizer.vocab_size == 600
    assert tokenizer.decode([tokenizer.padding_id]) == b""
    text = bytes(range(256)) + SAMPLE[:999] + b"\xff\xf0\x9f"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode(SAMPLE)) < len(SAMPLE) / 2


@pytest.mark.slow
def test_pieces_across_spaces_hold_several_words():
    across, within = (SentencePiece.train([SAMPLE], 1500, split) for split in (False, True))

    def several(tokenizer):
        return sum(b" " in tokenizer.decode([i]).strip(b" ") for i in range(tokenizer.vocab_size))

    assert several(across) > 20 and several(within) == 0
    assert any(b", " in across.decode([i]) for i in range(across.vocab_size))
    assert across.decode(across.encode(SAMPLE)) == SAMPLE
