"""Models, optimisers and losses of one's own."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float, Integer, Key

from ecjax.training import TrainingSettings, TrainingState, cross_entropy, make_optimizer, train, training_step
from ecjax.training.devices import data_mesh
from ecjax.training.own import Method, describe_model
from tests.training.runs import SETTINGS, Stopped, examples, is_one_line, model, same, stop_at


class Previous(eqx.Module):
    """Logits that depend on the last id alone; it has no `config`, and a function among its leaves."""

    rows: Float[Array, "v v"]
    first: Float[Array, " v"]
    activation: Callable

    def __init__(self, vocab: int = 16, *, key: Key[Array, ""], activation: Callable = jnp.tanh) -> None:
        self.rows = jax.random.normal(key, (vocab, vocab)) / 8
        self.first = jnp.zeros(vocab)
        self.activation = activation

    def __call__(self, ids: Integer[Array, " n"]) -> Float[Array, "n v"]:
        return jnp.concatenate([self.first[None], self.activation(self.rows[ids[:-1]])])


class Column(eqx.Module):
    """What gives one number for each id, and no logits."""

    weight: Float[Array, ""]

    def __call__(self, ids: Integer[Array, " n"]) -> Float[Array, " n"]:
        return ids * self.weight


class Frozen(eqx.Module):
    """A model without anything to train."""

    def __call__(self, ids: Integer[Array, " n"]) -> Float[Array, "n v"]:
        return jnp.zeros((len(ids), 16))


class Says(Previous):
    vocab_size: ClassVar[int] = 8


says = cast(Any, Says)  # its fields are Previous's, and so is its constructor
OWN = Previous(key=jax.random.key(0))
SGD = optax.sgd(0.5)


def doubled(logits: Float[Array, "n v"], ids: Integer[Array, " n"]) -> Float[Array, " n"]:
    return 2 * cross_entropy(logits, ids)[0]


def test_a_model_of_ones_own_learns_with_an_optimiser_of_ones_own():
    trained, losses = train(OWN, examples(), SETTINGS, optimizer=SGD)
    assert isinstance(trained, Previous) and losses[-1] < losses[0] - 0.1
    # The update is that of the definition, of the first batch's gradient.
    ids = jnp.asarray(next(examples()))

    def objective(own: Previous) -> Array:
        loss, normaliser = cross_entropy(jax.vmap(own)(ids), ids)
        return loss.mean() + SETTINGS.z_loss * jnp.square(normaliser).mean()

    gradients = eqx.filter_grad(objective)(OWN)
    after, first = train(OWN, examples(), TrainingSettings(1, SETTINGS.batch_size), optimizer=SGD)
    assert first == losses[:1]
    np.testing.assert_allclose(after.rows, OWN.rows - 0.5 * gradients.rows, rtol=1e-4, atol=1e-6)


def test_a_loss_of_ones_own_is_all_that_is_minimised():
    one = TrainingSettings(1, SETTINGS.batch_size, z_loss=0.0)
    plain, plain_losses = train(OWN, examples(), one, optimizer=SGD)
    # The z-loss of these settings, which is large, does not come on top.
    heavy = TrainingSettings(1, SETTINGS.batch_size, z_loss=100.0, accumulate=2)
    own, losses = train(OWN, examples(), heavy, optimizer=SGD, loss=doubled)
    assert losses[0] == pytest.approx(2 * plain_losses[0], rel=1e-5)
    np.testing.assert_allclose(own.rows - OWN.rows, 2 * (plain.rows - OWN.rows), rtol=1e-3, atol=1e-6)


def test_the_settings_parts_given_as_ones_own_change_no_bit():
    default, losses = train(model(), examples(), SETTINGS)
    own, again = train(model(), examples(), SETTINGS, optimizer=make_optimizer(SETTINGS))
    assert same(default, own) and losses == again


def test_an_optimiser_that_asks_for_the_loss_gets_it():
    plateau = optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau(patience=1))
    assert train(OWN, examples(), SETTINGS, optimizer=plateau)[1][-1] < 3


# What is refused.


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no logits": (Column(jnp.ones(())), {}, "for ids of shape [12] the Column gives ShapeDtypeStruct(shape=(12,), "),
    "nothing to train": (Frozen(), {}, "the Frozen has no arrays of floats, so there is nothing to train"),
    "more ids than it says": (says(key=jax.random.key(0)), {}, "the model's ids lie in 0 .. 7"),
    "more ids than it gives": (Previous(8, key=jax.random.key(0)), {}, "the model's ids lie in 0 .. 7"),
    "fewer logits than it says": (
        says(4, key=jax.random.key(0)),
        {},
        "says that it knows 8 ids, but gives logits of 4",
    ),
    "a mean": (OWN, {"loss": lambda logits, ids: logits.mean()}, "the loss gives float32 of shape () for one text of"),
    "remat": (OWN, {"settings": TrainingSettings(1, 8, remat=True)}, "remat is for ecjax's Transformer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_is_refused(name: str) -> None:
    own, arguments, told = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(told)) as refusal:
        train(own, examples(), **{"settings": SETTINGS, **arguments})
    assert is_one_line(refusal.value)


def test_parts_of_the_wrong_kind_are_refused():
    # Where a caller does not check types as these tests do.
    wrong: Any = "adamw"
    with pytest.raises(ValueError, match="optimizer must be an optax transformation, got a str"):
        Method(SETTINGS, optimizer=wrong).check(OWN)
    with pytest.raises(ValueError, match="loss must be a function of logits and ids, got a str"):
        Method(SETTINGS, loss=wrong).check(OWN)


# Runs in a folder.


def test_a_run_of_ones_own_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    arguments: Any = {"optimizer": optax.adam(0.1), "loss": doubled, "description": {"optimizer": "adam 0.1"}}
    whole, losses = train(OWN, examples(), SETTINGS, **arguments)
    kept = {"directory": tmp_path / "run", "checkpoint_every": 2, **arguments}
    with pytest.raises(Stopped):
        train(OWN, examples(), SETTINGS, report=stop_at(5), **kept)
    seen = []
    trained, again = train(OWN, examples(), SETTINGS, report=lambda step, *_: seen.append(step), **kept)
    assert seen == list(range(5, 11)) and again == losses
    assert all(np.array_equal(x, y) for x, y in zip(trained.rows, whole.rows, strict=True))


@pytest.mark.parametrize("name", ["description", "model", "own", "undescribed"])
def test_another_run_of_ones_own_is_refused(name: str, tmp_path: Path) -> None:
    arguments: Any = {"directory": tmp_path, "optimizer": SGD, "description": {"rate": 0.5}}
    one = TrainingSettings(1, SETTINGS.batch_size)
    train(OWN, examples(), one, **arguments)
    other, told = (
        OWN,
        {
            "description": "description.rate is 0.25 here and was 0.5",
            "model": "model.structure is",
            "own": 'own is ["optimizer", "loss"] here and was ["optimizer"]',
            "undescribed": "a run in a folder goes on only with the same optimizer",
        }[name],
    )
    if name == "description":
        arguments["description"] = {"rate": 0.25}
    elif name == "model":
        other = Previous(key=jax.random.key(0), activation=jax.nn.gelu)
    elif name == "own":
        arguments["loss"] = doubled
    else:
        del arguments["description"]
    with pytest.raises(ValueError, match=re.escape(told)) as refusal:
        train(other, examples(), one, **arguments)
    assert is_one_line(refusal.value)


def test_a_description_of_a_model_has_no_place_in_memory():
    described = describe_model(OWN)
    assert described["class"] == "Previous" and described["arrays"] == {
        ".rows": "float32[16, 16]",
        ".first": "float32[16]",
    }
    # The same function at another place: a jitted one is shown with its address.
    here, there = (Previous(key=jax.random.key(0), activation=jax.jit(lambda x: x)) for _ in range(2))
    assert describe_model(here) == describe_model(there) != described


def test_the_mesh_of_train_is_one_of_ones_own():
    state = TrainingState.begin(OWN, SETTINGS, SGD)
    state, loss = training_step(SETTINGS, data_mesh(), state, next(examples()), optimizer=SGD, loss=doubled)
    assert np.isfinite(loss) and isinstance(state.model, Previous)
