"""Training: it learns, it is the same every time, and a run that was stopped goes on to the same bits."""

import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.training import Masked, train
from tests.training.runs import CONFIG, SETTINGS, Stopped, examples, model, same, stop_at, unexpected

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
    with pytest.raises(ValueError, match="the loss is nan at step 1, before any update; begin with a model of finite"):
        train(broken, examples(), SETTINGS)
    with pytest.raises(ValueError, match=r"the loss became (nan|inf) at step \d; lower the learning rate"):
        train(model(), examples(), dataclasses.replace(SETTINGS, learning_rate=1e30, warmup=0))


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
    # What is done is not done again.
    finished, finished_losses = train(model(), examples(), settings, directory=tmp_path, report=unexpected)
    assert finished_losses == losses and same(finished, whole)


@pytest.mark.slow
def test_a_run_with_checkpoints_is_one_without(tmp_path):
    whole, losses = train(model(), examples(), SETTINGS)
    with_checkpoints, same_losses = train(model(), examples(), SETTINGS, directory=tmp_path / "new" / "folder")
    assert losses == same_losses and same(whole, with_checkpoints)


# What is handed in.


def bad_ids() -> list[tuple[np.ndarray | Masked, str]]:
    good = np.zeros((8, 12), np.int32)
    below, above, wide = good.copy(), good.astype(np.uint8), good.astype(np.int64)
    below[3, 4], above[7, 11], wide[0, 0] = -1, 16, 1 << 40
    counted = np.ones((8, 12), bool)
    other_shape = eqx.tree_at(lambda part: part.counted, Masked(good, counted), counted[:4])
    return [
        (below, r"the batch of step 1 has the id -1 in example 3 at position 4; the model's ids lie in 0 \.\. 15"),
        (above, r"the id 16 in example 7 at position 11"),
        (wide, r"the id 1099511627776 in example 0 at position 0"),
        (good.astype(np.float32), r"the batch of step 1 is float32 of shape \(8, 12\); it must be token ids"),
        (good.astype(bool), r"the batch of step 1 is bool"),
        (good[0], r"the batch of step 1 is int32 of shape \(12,\)"),
        (Masked(above, counted), r"the id 16"),
        (other_shape, r"what counts in the batch of step 1 is bool of shape \(4, 12\)"),
    ]


class Given(grain.DatasetIterator):
    """Batches from a list."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self._batches, self._next = batches, 0

    def get_state(self) -> dict[str, Any]:
        return {"next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        self._next = state["next"]

    def __next__(self) -> Any:
        if self._next == len(self._batches):
            raise StopIteration
        self._next += 1
        return self._batches[self._next - 1]


@pytest.mark.parametrize(("batch", "message"), bad_ids())
def test_bad_batches_are_refused_before_anything_is_done(batch: Any, message: str, tmp_path: Path) -> None:
    given = Given([batch])
    for directory in (None, tmp_path / "run"):
        with pytest.raises(ValueError, match=message):
            train(model(), given, SETTINGS, directory=directory, report=unexpected)
    assert given.get_state() == {"next": 0} and not (tmp_path / "run").exists()


def test_bad_ids_are_seen_at_every_step() -> None:
    good, bad = np.zeros((8, 12), np.int32), np.full((8, 12), 16, np.int32)
    with pytest.raises(ValueError, match="the batch of step 3 has the id 16"):
        train(model(), Given([good, good, bad]), SETTINGS)
    with pytest.raises(ValueError, match="the examples are at an end before step 3; give more, or repeat them"):
        train(model(), Given([good, good]), SETTINGS)
    with pytest.raises(ValueError, match="the examples are at an end before step 1"):
        train(model(), Given([]), SETTINGS)


@pytest.mark.parametrize("every", [0, -1, 1.0, True, None])
def test_steps_between_checkpoints(every: Any) -> None:
    with pytest.raises(Exception, match="checkpoint_every"):
        train(model(), examples(), SETTINGS, checkpoint_every=every)
