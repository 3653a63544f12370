"""A run goes on only if all that its result depends on is the same; a finished one gets more steps."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from ecjax import data
from ecjax.models.transformer import Transformer
from ecjax.training import TrainingSettings, extended_settings, train
from tests.training.runs import (
    CONFIG,
    SETTINGS,
    Stopped,
    contents,
    examples,
    is_one_line,
    model,
    same,
    stop_at,
    unexpected,
)

SHORT = dataclasses.replace(SETTINGS, steps=2)
INPUTS = {"texts": "c0ffee", "lengths": [8, 12], "more": {"starts": None, "of": "all"}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, which no test changes."""
    directory = tmp_path_factory.mktemp("record") / "run"
    train(model(), examples(), SHORT, directory=directory, inputs=INPUTS, checkpoint_every=1)
    return directory


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "run"))


def refusal(directory: Path, *, settings: TrainingSettings = SHORT, inputs: Any = INPUTS, **other: Any) -> str:
    """What a run that must be refused is told, the folder being left as it is."""
    before = contents(directory) if directory.is_dir() else None
    arguments = {"model": model(), "examples": examples()} | other
    with pytest.raises(ValueError) as caught:
        train(settings=settings, directory=directory, inputs=inputs, report=unexpected, **arguments)
    assert is_one_line(caught.value) and (before is None or contents(directory) == before)
    return str(caught.value)


CHANGES = {"steps": 3, "learning_rate": 0.1, "optimizer": "paper", "seed": 1, "z_loss": 0.0, "warmup": 5}
CHANGES |= {"compute": "bfloat16", "accumulate": 2, "remat": True, "batch_size": 16}


@pytest.mark.slow
def test_other_settings_are_named(run: Path) -> None:
    assert {*CHANGES, "extended"} == {field.name for field in dataclasses.fields(TrainingSettings)}
    for field, value in CHANGES.items():
        told = refusal(run, settings=dataclasses.replace(SHORT, **{field: value}))
        was = json.dumps(getattr(SHORT, field))
        assert told == (
            f"{run} holds another run: settings.{field} is {json.dumps(value)} here and was {was}; "
            "use the same again, or another folder"
        )
        with pytest.raises(ValueError) as caught:
            extended_settings(run, dataclasses.replace(SHORT, **{field: value}))
        assert str(caught.value) == told
    told = refusal(run, settings=dataclasses.replace(SHORT, warmup=5, seed=1))
    assert "settings.warmup is 5 here and was 2, settings.seed is 1 here and was 0; use" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (INPUTS | {"texts": "decaf"}, 'another run: inputs.texts is "decaf" here and was "c0ffee"; use'),
        (INPUTS | {"lengths": [8]}, "another run: inputs.lengths is [8] here and was [8, 12]; use"),
        (INPUTS | {"more": {"starts": 1, "of": "all"}}, "another run: inputs.more.starts is 1 here and was null; use"),
        (INPUTS | {"init": None}, "another run: inputs.init is null here and was absent; use"),
        ({"texts": "c0ffee", "lengths": [8, 12]}, "inputs.more.starts is absent here and was null"),
        (None, "inputs.texts is absent here"),
        (INPUTS | {"texts": "a\nb\x1b" * 500}, r'inputs.texts is "a\nb\u001ba'),
        (INPUTS | {"a\nb\x1b" * 50: 1}, r"inputs.a\nb\x1ba"),
        (INPUTS | {str(i): i for i in range(1000)}, "994 more differ"),
        (INPUTS | {"texts": {1, 2}}, "inputs must be what JSON holds"),
        (INPUTS | {"texts": float("nan")}, "inputs must be what JSON holds"),
    ],
)
def test_other_inputs_are_named(run: Path, inputs: Any, message: str) -> None:
    assert message in refusal(run, inputs=inputs)


@pytest.mark.slow
def test_other_data_and_models_are_seen_unasked(run: Path) -> None:
    text = np.tile(np.arange(16, dtype=np.uint8), 40)[::-1].copy()
    other = data.batches(data.Slices(text, range(0, 600, 7), 12), SETTINGS.batch_size, 0)
    before = other.get_state()
    assert "another run: batch is " in refusal(run, examples=other) and other.get_state() == before
    assert "another run: weights is " in refusal(run, model=model(1))
    wider = Transformer(dataclasses.replace(CONFIG, context=9), key=jax.random.key(0))
    assert "model.context is 9 here and was 8, weights is " in refusal(run, model=wider)


@pytest.mark.slow
def test_other_versions_are_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The version of a package that is installed cannot be changed; what is written down of it can.
    from ecjax.training import record

    monkeypatch.setattr(record, "_version", lambda package: "99" if package == "optax" else "1")
    changed = copied / "other"
    with pytest.raises(Stopped):
        train(model(), examples(), SHORT, directory=changed, inputs=INPUTS, report=stop_at(1))
    monkeypatch.undo()
    assert 'here and was "99"' in refusal(changed)


@pytest.mark.slow
def test_the_same_goes_on(copied: Path) -> None:
    before = contents(copied)
    train(model(), examples(), SHORT, directory=copied, inputs=json.loads(json.dumps(INPUTS)), report=unexpected)
    assert contents(copied) == before


# The record itself.


@pytest.mark.slow
def test_records_that_are_damaged_or_old(copied: Path) -> None:
    path = copied / "run.json"
    good = path.read_bytes()
    old = json.dumps({"settings": json.loads(good)["settings"], "model": {}}).encode()
    damaged = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"settings": NaN}', good[:-20], good + b"x"]
    damaged += [good.replace(b'"seed": 0', b'"seed": 1'), good.replace(b'"recorded": 2', b'"recorded": 3')]
    told = ""
    for contents_ in [*damaged, old]:
        path.write_bytes(contents_)
        told = refusal(copied)
        assert str(path) in told and "use another folder" in told
        with pytest.raises(ValueError, match="use another folder"):
            extended_settings(copied, SHORT)
    assert "does not say inputs, weights, batch, versions, devices, recorded, checksum: it is damaged, or an" in told
    path.unlink()
    assert refusal(copied).endswith("has checkpoints but no run.json, which says of what run; use another folder")


def test_other_things_in_the_place_of_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    assert "is no folder; name one for the run" in refusal(file)
    (tmp_path / "run/run.json").mkdir(parents=True)
    assert "run.json is damaged" in refusal(tmp_path / "run")
    with pytest.raises(OSError) as caught:
        train(model(), examples(), SHORT, directory=file / "below", report=unexpected)
    assert is_one_line(caught.value) and file.read_bytes() == b"mine"


def test_two_cannot_train_in_one_folder(tmp_path: Path) -> None:
    def again(step: int, loss: float, _: Transformer) -> None:
        told = refusal(tmp_path, inputs=None)
        assert told == f"another process trains in {tmp_path}; wait until it has ended, or use another folder"

    train(model(), examples(), SHORT, directory=tmp_path, report=again)
    assert (tmp_path / "run.lock").read_bytes() == b""
    train(model(), examples(), SHORT, directory=tmp_path, report=unexpected)


# Legs.


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "paper"])
def test_a_finished_run_is_extended_and_a_leg_is_not_added_twice(tmp_path: Path, optimizer: Any) -> None:
    settings = dataclasses.replace(SETTINGS, steps=4, optimizer=optimizer)

    def go(extend: int | None = None, stop: int = 0, **other: Any) -> tuple[Transformer, list[float]]:
        chosen = extended_settings(tmp_path, settings, extend)
        return train(model(), examples(), chosen, directory=tmp_path, checkpoint_every=2, report=stop_at(stop), **other)

    with pytest.raises(ValueError, match=r"holds no run that could be extended; train one there first"):
        go(extend=3)
    with pytest.raises(Stopped):
        go(stop=3)
    with pytest.raises(ValueError, match="cannot be extended by 3 steps, as its 4 steps are not finished yet"):
        go(extend=3)

    def failing(*_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        go(save=failing)
    with pytest.raises(ValueError, match="not finished yet"):  # its results were not kept
        go(extend=3)
    kept: list[Any] = []
    short = go(save=lambda *results: kept.append(results))
    assert len(kept) == 1 and same(kept[0][0], short[0]) and kept[0][1] == short[1]

    with pytest.raises(Stopped):
        go(extend=3, stop=6)
    with pytest.raises(ValueError, match="by 4 steps, as its last leg, of 3 steps, is not finished yet"):
        go(extend=4)
    with pytest.raises(ValueError, match="is not finished, so it cannot be extended yet; finish it first"):
        other = dataclasses.replace(settings, extended=(3, 1))
        train(model(), examples(), other, directory=tmp_path)
    with pytest.raises(ValueError, match=r"settings.extended is \[4\] here and was \[3\]"):
        train(model(), examples(), dataclasses.replace(settings, extended=(4,)), directory=tmp_path)
    with pytest.raises(OSError, match="the disk is full"):
        go(extend=3, save=failing)
    longer = go(extend=3)
    assert len(longer[1]) == 7 and longer[1][:4] == short[1]
    assert go()[1] == longer[1]  # its legs are kept
    longest = go(extend=3)  # now it is another leg
    assert extended_settings(tmp_path, settings).extended == (3, 3)
    # The bits are those of a run that had all its legs from the beginning and was never stopped.
    whole = train(model(), examples(), dataclasses.replace(settings, extended=(3, 3)))
    assert longest[1] == whole[1] and same(longest[0], whole[0]) and len(whole[1]) == 10


@pytest.mark.parametrize("extend", [0, -1, True, 2**31])
def test_extensions_of_no_steps(tmp_path: Path, extend: int) -> None:
    with pytest.raises(ValueError, match="the number of steps to extend by must be"):
        extended_settings(tmp_path, SETTINGS, extend)
    assert extended_settings(tmp_path / "not there", SETTINGS) == SETTINGS
