"""Training: it learns, it is the same every time, and a run that was stopped goes on to the same bits."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax import data
from ecjax.models.transformer import Transformer, TransformerConfig
from ecjax.training import TrainingSettings, cross_entropy, make_optimizer, train

CONFIG = TransformerConfig(vocab_size=16, d_model=8, heads=1, layers=1, head_dim=8, mlp_dim=16, context=8)
SETTINGS = TrainingSettings(steps=12, batch_size=4, warmup=2, learning_rate=1e-2)


def model(seed: int = 0, config: TransformerConfig = CONFIG) -> Transformer:
    return Transformer(config, key=jax.random.key(seed))


def examples(seed: int = 0):
    """Slices of 0, 1, ..., 15, 0, 1, ...: what comes next is certain."""
    sequence = np.tile(np.arange(16, dtype=np.uint8), 40)
    return data.batches(data.Slices(sequence, range(0, 600, 7), 12), SETTINGS.batch_size, seed)


def same(a: Transformer, b: Transformer) -> bool:
    return all(
        np.asarray(x).tobytes() == np.asarray(y).tobytes()
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


class Stopped(Exception):
    pass


def stop_at(last: int):
    def report(step: int, loss: float, model: Transformer) -> None:
        if step == last:
            raise Stopped

    return report


# The loss.


def test_cross_entropy_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((3, 5, 7)).astype(np.float32), rng.integers(7, size=(3, 5))
    losses, normaliser = cross_entropy(jnp.asarray(logits), jnp.asarray(targets))
    expected = np.log(np.exp(logits).sum(-1))
    np.testing.assert_allclose(normaliser, expected, rtol=1e-5)
    chosen = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(losses, expected - chosen, rtol=1e-5, atol=1e-6)
    uniform, _ = cross_entropy(jnp.zeros((1, 7)), jnp.array([3], jnp.uint8))
    np.testing.assert_allclose(uniform, np.log(7), rtol=1e-6)


# Learning.


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "paper"])
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
    assert [step for step, _ in seen] == list(range(7, 13))
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
    for field, value in changes.items():
        other = dataclasses.replace(settings, **{field: value})
        with pytest.raises(ValueError, match="holds a run with other settings; use them again, or another folder"):
            train(model(), examples(), other, directory=tmp_path)
    other_model = model(0, dataclasses.replace(CONFIG, context=9))
    with pytest.raises(ValueError, match="other settings"):
        train(other_model, examples(), settings, directory=tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == before


def test_a_damaged_record_is_refused(tmp_path: Path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=str(tmp_path)):
        train(model(), examples(), SETTINGS, directory=tmp_path)
