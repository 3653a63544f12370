"""What a file calls a model: the same in every process, and another for every other model."""

import dataclasses
import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import ecjax
from ecjax.compression import model_fingerprint
from ecjax.models.files import save_exact
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import TransformerConfig
from tests.strategies import Markov, annotations_unchecked

CONFIG = TransformerConfig(vocab_size=256, d_model=8, heads=1, layers=1, head_dim=4, mlp_dim=8, context=4)
TEXT = b"abracadabra " * 40

# A user's own: ten lines, and a setting.
SOURCE = """
import equinox as eqx
import jax.numpy as jnp
import ecjax
from ecjax.frequencies import cumulative_frequencies

class Recent(ecjax.ByteModel):
    bonus: int = eqx.field(static=True)
    names: dict = eqx.field(static=True)
    precision: int = eqx.field(static=True, default=12)
    exact: bool = eqx.field(static=True, default=True)

    def init(self):
        return jnp.zeros(256, jnp.int32)

    def step(self, state, byte):
        return (state - (state >> 3)).at[byte].add(self.bonus)

    def frequencies(self, state):
        return cumulative_frequencies(state, self.precision)
"""
PROGRAM = """
import sys
import recent, ecjax
from ecjax.compression import model_fingerprint
model = recent.Recent(600, {"b": 1, "a": [2.5, "x", None, True]})
text = ecjax.decompress(sys.stdin.buffer.read(), model)
print(model_fingerprint(model), model_fingerprint(ecjax.Unigram.fit(text)), text == b"abracadabra " * 40)
"""


@pytest.mark.slow
def test_another_process_gives_the_same_and_reads_the_file(tmp_path, monkeypatch):
    (tmp_path / "recent.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    recent = importlib.import_module("recent")
    model = recent.Recent(600, {"a": [2.5, "x", None, True], "b": 1})  # the other way round
    data = ecjax.compress(TEXT, model)
    assert len(data) < len(TEXT)  # so it is coded, not stored
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=data, capture_output=True, check=True, cwd=tmp_path, timeout=300
    )
    mine = [model_fingerprint(model), model_fingerprint(ecjax.Unigram.fit(TEXT))]
    assert done.stdout.decode().split() == [*mine, "True"]
    others = [recent.Recent(601, model.names), recent.Recent(600, {"b": 1}), recent.Recent(600, model.names, 13)]
    assert len({model_fingerprint(other) for other in [model, *others]}) == 4


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = 3
    inner: Any = None


@dataclasses.dataclass(frozen=True)
class Others:
    width: int = 3
    inner: Any = None


class Part(eqx.Module):
    shift: int = eqx.field(static=True, default=1)
    weight: Array = dataclasses.field(default_factory=lambda: jnp.arange(3))


class OtherPart(Part):
    pass


class Built(ecjax.ByteModel):
    """A model of parts; `parts` are its leaves, `settings` are static."""

    parts: Any = None
    settings: Any = eqx.field(static=True, default=None)
    precision: int = eqx.field(static=True, default=12)
    exact: bool = eqx.field(static=True, default=True)

    def init(self) -> Any:
        return ()

    def step(self, state: Any, byte: Any) -> Any:
        return ()

    def frequencies(self, state: Any) -> Any:
        return jnp.arange(257, dtype=jnp.uint32) * 16


class BuiltAnew(Built):
    pass


class Subclass(IntegerTransformer):
    pass


VARIANTS: dict[str, Callable[[], ecjax.ByteModel]] = {
    "plain": Built,
    "another class": BuiltAnew,
    "precision": lambda: Built(precision=13),
    "exactness": lambda: Built(exact=False),
    **{f"settings {value!r}": lambda value=value: Built(settings=value) for value in (0, 0.0, False, "", [], {}, "0")},
    "a record": lambda: Built(settings=Settings()),
    "a record of another class": lambda: Built(settings=Others()),
    "a record with another value": lambda: Built(settings=Settings(4)),
    "a record in a record": lambda: Built(settings=Settings(inner=[Settings()])),
    "another record in a record": lambda: Built(settings=Settings(inner=[Others()])),
    "an array": lambda: Built(parts=jnp.arange(3)),
    "another array": lambda: Built(parts=jnp.arange(3) + 1),
    "an array of another type": lambda: Built(parts=jnp.arange(3).astype(jnp.int8)),
    "an array of another shape": lambda: Built(parts=jnp.arange(3)[None]),
    "a list of an array": lambda: Built(parts=[jnp.arange(3)]),
    "a number": lambda: Built(parts=3),
    "a number that is no integer": lambda: Built(parts=3.0),
    "a string": lambda: Built(parts="3"),
    "another string": lambda: Built(parts="4"),
    "a part": lambda: Built(parts=Part()),
    "a part of another class": lambda: Built(parts=OtherPart()),
    "a part with another setting": lambda: Built(parts=Part(2)),
    "a part with another array": lambda: Built(parts=Part(1, jnp.arange(4))),
    "a row of a part": lambda: Built(parts=[Part()]),
    "a row of a part with another setting": lambda: Built(parts=[Part(2)]),
    "a row of a part of another class": lambda: Built(parts=[OtherPart()]),
    "a dict of parts": lambda: Built(parts={"a": Part(), "b": Part(2)}),
    "a dict of the parts exchanged": lambda: Built(parts={"a": Part(2), "b": Part()}),
    "a part far inside": lambda: Built(parts=[({"a": [Part(1)]},)]),
    "a part far inside with another setting": lambda: Built(parts=[({"a": [Part(2)]},)]),
    "an exact Transformer": lambda: IntegerTransformer.zeros(CONFIG),
    "another": lambda: IntegerTransformer.zeros(dataclasses.replace(CONFIG, context=5)),
    "an exact Transformer of another class": lambda: Subclass.zeros(CONFIG),
    "a unigram model": lambda: ecjax.Unigram.fit(TEXT),
    "another unigram model": lambda: ecjax.Unigram.fit(TEXT[1:]),
    "a Markov model": lambda: Markov(jnp.zeros((257, 257), jnp.uint32), 12),
}


def test_other_models_have_other_fingerprints_and_the_same_the_same():
    marks = {what: model_fingerprint(make()) for what, make in VARIANTS.items()}
    assert len(set(marks.values())) == len(marks)
    assert marks == {what: model_fingerprint(make()) for what, make in VARIANTS.items()}
    assert model_fingerprint(Built(parts=np.arange(3, dtype=np.int32))) == marks["an array"]


def test_an_exact_transformer_is_called_as_its_file_is(tmp_path):
    model = IntegerTransformer.zeros(CONFIG)
    assert model_fingerprint(model) == save_exact(tmp_path / "model", model, {"made": "now"})


class Own(IntegerTransformer):
    """An exact Transformer of one's own."""

    def __init__(self, config: TransformerConfig) -> None:
        zeros = IntegerTransformer.zeros(config)
        super().__init__(zeros.embedding, zeros.layers, zeros.norm, zeros.unembedding, config)


def test_a_model_with_a_configuration_is_called_as_it_was():
    # As an ecjax called it whose configurations were sizes alone. Files would not be read any more.
    assert model_fingerprint(Own(CONFIG)) == "9f77516b92a23096024100a3c188e67e12673a2df1a995807c8281f75e3a380a"


@pytest.mark.parametrize(
    "value",
    [len, lambda: 0, object(), {1, 2}, b"bytes", int, 3j, Settings(inner=len), {"a": {2: {3}}}],
    ids=["builtin", "function", "object", "set", "bytes", "class", "complex", "function in a record", "set in dicts"],
)
def test_a_model_that_is_not_told_by_plain_values_is_refused(value):
    refused(Built(settings=value))
    with annotations_unchecked(), pytest.raises(ValueError, match="cannot be told from others"):
        ecjax.compress(b"", Built(settings=value))


@pytest.mark.parametrize(
    "value", [jax.nn.relu, object(), jax.random.key(0), np.array([None])], ids=["function", "object", "key", "None"]
)
def test_a_model_with_leaves_that_are_no_numbers_is_refused(value):
    refused(Built(parts=[value]))


def refused(model: ecjax.ByteModel) -> None:
    with pytest.raises(ValueError, match=r"a Built cannot be told from others by its settings .*; keep ") as caught:
        model_fingerprint(model)
    assert "\n" not in str(caught.value)
