"""Training: it learns, it is the same every time, and a run that was stopped goes on to the same bits."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.models.transformer import Transformer
from ecjax.training import train
from tests.training.runs import CONFIG, SETTINGS, examples, model, same


class Stopped(Exception):
    pass


def stop_at(last: int):
    def report(step: int, loss: float, model: Transformer) -> None:
        if step == last:
            raise Stopped

    return report


# Learning.


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [pytest.param("adamw", marks=pytest.mark.deep), "paper"])
def test_a_text_that_repeats_is_learnt(optimizer):
    settings = dataclasses.replace(SETTINGS, steps=150, optimizer=optimizer)
    seen = []
    trained, losses = train(model(), examples(), settings, report=lambda *args: seen.append(args[:2]))
    assert losses[0] == pytest.approx(np.log(16), abs=0.2)
    assert np.mean(losses[-10:]) < 0.6 * losses[0]
    assert seen == list(enumerate(losses, 1)) and len(losses) == 150
    assert trained.config == CONFIG and not same(trained, model())


@pytest.mark.slow
def test_training_leaves_the_model_it_began_with():
    begin = model()
    trained, losses = train(begin, examples(), SETTINGS)
    assert same(begin, model()) and not same(begin, trained)
    again, same_losses = train(begin, examples(), SETTINGS)
    assert losses == same_losses and same(again, trained)


@pytest.mark.slow
def test_other_examples_give_another_model():
    trained, losses = train(model(), examples(), SETTINGS)
    other, other_losses = train(model(), examples(1), SETTINGS)
    assert losses != other_losses and not same(other, trained)


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run():
    broken = jax.tree.map(lambda x: x * jnp.nan, model())
    with pytest.raises(ValueError, match="the loss became nan at step 1; lower the learning rate"):
        train(broken, examples(), SETTINGS)


# Going on.


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "paper"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(optimizer, tmp_path):
    settings = dataclasses.replace(SETTINGS, optimizer=optimizer)
    whole, losses = train(model(), examples(), settings)
    # Stopped twice: 3 steps after a checkpoint, then right at one, before it is written.
    for last in (5, 8):
        with pytest.raises(Stopped):
            train(model(), examples(), settings, directory=tmp_path, checkpoint_every=2, report=stop_at(last))
    seen = []
    resumed, resumed_losses = train(
        model(),
        examples(),
        settings,
        directory=tmp_path,
        checkpoint_every=2,
        report=lambda step, loss, _: seen.append((step, loss)),
    )
    assert [step for step, _ in seen] == list(range(7, SETTINGS.steps + 1))
    assert resumed_losses == losses and [loss for _, loss in seen] == losses[6:]
    assert same(resumed, whole)
    # What is done is not done again, and what begins from other weights takes the checkpoint's.
    finished, finished_losses = train(
        model(7), examples(), settings, directory=tmp_path, report=lambda *_: pytest.fail("a step was done again")
    )
    assert finished_losses == losses and same(finished, whole)


@pytest.mark.slow
def test_a_run_with_checkpoints_is_one_without(tmp_path):
    whole, losses = train(model(), examples(), SETTINGS)
    with_checkpoints, same_losses = train(model(), examples(), SETTINGS, directory=tmp_path / "new" / "folder")
    assert losses == same_losses and same(whole, with_checkpoints)


@pytest.mark.slow
def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=1)
    train(model(), examples(), settings, directory=tmp_path)
    before = json.loads((tmp_path / "run.json").read_text())
    changes = {"steps": 2, "learning_rate": 0.1, "optimizer": "paper", "seed": 1, "z_loss": 0.0, "warmup": 5}
    changes |= {"compute": "bfloat16", "accumulate": 2, "remat": True}
    for field, value in changes.items():
        other = dataclasses.replace(settings, **{field: value})
        with pytest.raises(ValueError, match="holds a run with other settings; use them again, or another folder"):
            train(model(), examples(), other, directory=tmp_path)
    other_model = model(0, dataclasses.replace(CONFIG, context=9))
    with pytest.raises(ValueError, match="other settings"):
        train(other_model, examples(), settings, directory=tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "run.json"]


def test_a_damaged_record_is_refused(tmp_path: Path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=str(tmp_path)):
        train(model(), examples(), SETTINGS, directory=tmp_path)
