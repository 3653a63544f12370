"""Files of models: what was saved comes back, and what is damaged or other is refused with one clear error."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import serialisation
from ecjax.models.files import load_model, load_transformer, read_provenance, save_transformer
from ecjax.models.transformer import Transformer, TransformerByteModel, TransformerConfig
from tests.strategies import make_table

CONFIG = TransformerConfig(vocab_size=256, d_model=8, heads=1, layers=1, head_dim=4, mlp_dim=8, context=4)
KIND = "ecjax.transformer"


def make(seed: int = 0, **changes: int) -> Transformer:
    return Transformer(dataclasses.replace(CONFIG, **changes), key=jax.random.key(seed))


def tensors_of(model: Transformer) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(model)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_transformer(path, make(), {"seed": 0})
    return path


def refused(path: Path | str, match: str, load=load_model) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        load(path)
    assert type(caught.value) is ValueError
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.rule("T-18")
def test_save_and_load(saved):
    for name in (saved, str(saved)):
        loaded, model = load_transformer(name), make()
        assert loaded.config == model.config
        assert jax.tree.structure(loaded) == jax.tree.structure(model)
        for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(model), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert read_provenance(saved) == {"seed": 0}
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_byte_model_comes_back(saved):
    model = ecjax.load_model(saved)
    assert isinstance(model, TransformerByteModel)
    for a, b in zip(jax.tree.leaves(model.transformer), jax.tree.leaves(make()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fingerprints_tell_models_apart(saved, tmp_path):
    mark = save_transformer(tmp_path / "again", make(), {"seed": "another origin"})
    assert mark == serialisation.read(saved, KIND)[2]
    for i, other in enumerate([make(1), make(context=5), make(mlp_dim=9)]):
        assert save_transformer(tmp_path / f"{i}", other, {}) != mark


def test_a_file_cut_off_anywhere_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    for end in [0, 1, 7, 8, 9, *range(10, len(whole), 211), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:end])
        refused(tmp_path / "cut", "damaged")


@given(position=st.integers(0, 10**6), mask=st.sampled_from([1 << k for k in range(8)] + [255]))
def test_a_file_with_a_flipped_byte_is_refused(saved, position, mask):
    whole = saved.read_bytes()
    damaged, position = bytearray(whole), position % len(whole)
    damaged[position] ^= mask
    path = saved.with_name("flipped")
    path.write_bytes(damaged)
    try:
        loaded = load_transformer(path)
    except ValueError as error:
        assert type(error) is ValueError and str(path) in str(error)
    else:
        # Only what says where the model came from may differ.
        for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(make()), strict=True):
            np.testing.assert_array_equal(a, b)


def test_other_files_are_refused(saved, tmp_path):
    path = tmp_path / "other"
    table = make_table("random", 16, np.random.default_rng(0))
    ecjax.compile_codebook(ecjax.Unigram(table), 9).save(path)
    refused(path, "not a file of kind ecjax.transformer but ecjax.codebook")
    with pytest.raises(ValueError, match=r"not a file of kind ecjax\.codebook but ecjax\.transformer"):
        ecjax.load_codebook(saved)
    path.write_bytes(saved.read_bytes().replace(b'"version":"1"', b'"version":"7"'))
    refused(path, "version 7")
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    refused(path, "damaged or no ecjax file")
    refused(tmp_path, "neither a file nor one of the shipped names")
    refused(tmp_path / "missing", "neither a file nor one of the shipped names")


def test_a_model_over_tokens_is_no_byte_model(tmp_path):
    save_transformer(tmp_path / "m2", make(vocab_size=512), {})
    assert load_transformer(tmp_path / "m2").config.vocab_size == 512
    with pytest.raises(ValueError, match="predicts 256 bytes, this Transformer 512 tokens"):
        load_model(tmp_path / "m2")


@pytest.mark.parametrize(
    "change",
    [
        lambda settings, tensors: settings.pop("context"),
        lambda settings, tensors: settings.update(colour="red"),
        lambda settings, tensors: settings.update(layers="two"),
        lambda settings, tensors: settings.update(layers=0),
        lambda settings, tensors: settings.update(layers=2),
        lambda settings, tensors: settings.update(d_model=16),
        lambda settings, tensors: tensors.pop(".embedding"),
        lambda settings, tensors: tensors.update(more=np.zeros(3, np.float32)),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"][:-1]}),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"].astype(np.float64)}),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"].astype(np.int32)}),
    ],
)
def test_contents_that_do_not_fit_together_are_refused(change, tmp_path):
    settings, tensors = dataclasses.asdict(CONFIG), tensors_of(make())
    path = tmp_path / "odd"
    serialisation.write(path, KIND, settings, tensors, {})
    load_transformer(path)
    change(settings, tensors)
    serialisation.write(path, KIND, settings, tensors, {})
    refused(path, "damaged")


def test_no_part_of_a_file_is_left_where_writing_fails(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_transformer(tmp_path / "model", make(), {})
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_names_load():
    for name in serialisation.shipped():
        path = serialisation.resolve(name)
        assert path.is_file() and len(serialisation.read_fingerprint(path)) == 64
        loaders = {KIND: load_transformer, "ecjax.codebook": ecjax.load_codebook}
        loaded = loaders.get(serialisation.read_kind(path), lambda _: None)(name)
        assert loaded is None or isinstance(loaded, eqx.Module)
