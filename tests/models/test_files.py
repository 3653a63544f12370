"""Files of models: what was saved comes back, and what is damaged or other is refused with one clear error."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import serialisation
from ecjax.models.files import load_exact, load_model, load_transformer, save_exact, save_transformer
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerByteModel, TransformerConfig
from tests.strategies import make_table

CONFIG = TransformerConfig(vocab_size=256, d_model=8, heads=1, layers=1, head_dim=4, mlp_dim=8, context=4)
KIND = "ecjax.transformer"


def make(seed: int = 0, **changes: int) -> Transformer:
    return Transformer(dataclasses.replace(CONFIG, **changes), key=jax.random.key(seed))


def tensors_of(model: eqx.Module) -> dict[str, np.ndarray]:
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
    assert serialisation.read(saved).provenance == {"seed": 0}
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_byte_model_comes_back(saved):
    model = ecjax.load_model(saved)
    assert isinstance(model, TransformerByteModel)
    for a, b in zip(jax.tree.leaves(model.transformer), jax.tree.leaves(make()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fingerprints_tell_models_apart(saved, tmp_path):
    mark = save_transformer(tmp_path / "again", make(), {"seed": "another origin"})
    assert mark == serialisation.read(saved, KIND).fingerprint
    for i, other in enumerate([make(1), make(context=5), make(mlp_dim=9)]):
        assert save_transformer(tmp_path / f"{i}", other, {}) != mark


def test_what_a_default_file_says_has_not_changed(saved):
    # Models of before there were vectors keep their fingerprints and are read.
    names = ["context", "d_model", "head_dim", "heads", "layers", "mlp_dim", "vocab_size"]
    assert sorted(serialisation.read(saved).settings) == names


@pytest.mark.parametrize("vocab_size", [256, 300])
def test_models_with_vectors_for_distances_come_back(vocab_size, tmp_path):
    config = dataclasses.replace(CONFIG, vocab_size=vocab_size, relative="vectors")
    model = Transformer(config, key=jax.random.key(0))
    mark = save_transformer(tmp_path / "vectors", model, {})
    assert serialisation.read(tmp_path / "vectors").settings["relative"] == "vectors"
    assert mark != save_transformer(tmp_path / "bias", make(vocab_size=vocab_size), {})
    loaded = load_transformer(tmp_path / "vectors")
    assert loaded.config == config and jax.tree.structure(loaded) == jax.tree.structure(model)
    for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(model), strict=True):
        np.testing.assert_array_equal(a, b)
    if vocab_size == 256:
        assert isinstance(load_model(tmp_path / "vectors"), TransformerByteModel)


def test_no_exact_model_has_vectors_for_distances(tmp_path):
    config = dataclasses.replace(CONFIG, relative="vectors")
    with pytest.raises(ValueError, match="an exact model has a bias for each distance, not vectors; train one with"):
        IntegerTransformer.zeros(config)
    exact = IntegerTransformer.zeros(CONFIG)
    serialisation.write(tmp_path / "odd", "ecjax.integer_transformer", config.settings(), tensors_of(exact), {})
    refused(tmp_path / "odd", "damaged", load_exact)


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
    refused(path, "not a file of kind ecjax.transformer or ecjax.integer_transformer but ecjax.codebook")
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
        lambda settings, tensors: settings.update(relative="bias"),  # which a file does not say
        lambda settings, tensors: settings.update(relative="vectors"),
        lambda settings, tensors: settings.update(relative=1),
        lambda settings, tensors: settings.update(colour="red"),
        lambda settings, tensors: settings.update(layers="two"),
        lambda settings, tensors: settings.update(layers=0),
        lambda settings, tensors: settings.update(layers=2),
        lambda settings, tensors: settings.update(layers=1.0),
        lambda settings, tensors: settings.update(layers=True),
        lambda settings, tensors: settings.update(layers=10**6),
        lambda settings, tensors: settings.update(layers=10**30),
        lambda settings, tensors: settings.update(context=(1 << 31) - 1),
        lambda settings, tensors: settings.update(vocab_size=1 << 40),
        lambda settings, tensors: settings.update({"\n\x1b[31m" * 99: 1}),
        lambda settings, tensors: settings.update(d_model=16),
        lambda settings, tensors: settings.update(heads=2, head_dim=2),
        lambda settings, tensors: tensors.pop(".embedding"),
        lambda settings, tensors: tensors.update(more=np.zeros(3, np.float32)),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"][:-1]}),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"].astype(np.float64)}),
        lambda settings, tensors: tensors.update({".embedding": tensors[".embedding"].astype(np.int32)}),
    ],
)
def test_contents_that_do_not_fit_together_are_refused(change, tmp_path):
    settings, tensors = CONFIG.settings(), tensors_of(make())
    path = tmp_path / "odd"
    serialisation.write(path, KIND, settings, tensors, {})
    load_transformer(path)
    change(settings, tensors)
    serialisation.write(path, KIND, settings, tensors, {})
    refused(path, "damaged")


def test_few_bytes_that_claim_a_large_model_are_refused_at_once(tmp_path):
    # Tracing a model of so many layers, or of such widths, would take hours or gigabytes.
    large = {name: 1 << 20 for name in CONFIG.settings()} | {"vocab_size": 256, "context": 8}
    bias = np.zeros(0, np.float32)
    for settings, tensors in [
        (large, {}),
        (large, tensors_of(make())),
        (CONFIG.settings() | {"layers": 3000}, {f".layers[{i}].attention.bias": bias for i in range(3000)}),
        (CONFIG.settings() | {"layers": 1 << 20}, {"x": np.zeros(1 << 20, np.int8)}),
    ]:
        for kind in (KIND, "ecjax.integer_transformer"):
            serialisation.write(tmp_path / "large", kind, settings, tensors, {})
            assert (tmp_path / "large").stat().st_size < 2_000_000
            refused(tmp_path / "large", r"damaged: its settings are those of \d+ layers and at least \d+ weights")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_neither_written_nor_read(value, tmp_path):
    for name in tensors_of(make()):
        tensors = tensors_of(make())
        tensors[name] = np.where(np.arange(tensors[name].size).reshape(tensors[name].shape) == 2, value, tensors[name])
        tensors[name] = tensors[name].astype(np.float32)
        serialisation.write(tmp_path / "odd", KIND, CONFIG.settings(), tensors, {})
        refused(tmp_path / "odd", "a weight in .* that is not finite", load_transformer)
    broken = eqx.tree_at(lambda model: model.embedding, make(), make().embedding.at[3, 1].set(value))
    with pytest.raises(ValueError, match=r"a weight in \.embedding that is not finite"):
        save_transformer(tmp_path / "broken", broken, {})
    assert not (tmp_path / "broken").exists()


def test_exact_models_with_scales_out_of_range_are_refused(tmp_path):
    model = IntegerTransformer.zeros(CONFIG)
    save_exact(tmp_path / "exact", model, {})
    assert load_model(tmp_path / "exact").exact and load_exact(tmp_path / "exact").config == CONFIG
    contents = serialisation.read(tmp_path / "exact")
    for name in (".norm.gain", ".layers[0].mlp.hidden.shift"):
        tensors = contents.tensors | {name: np.zeros_like(contents.tensors[name])}
        serialisation.write(tmp_path / "odd", contents.kind, contents.settings, tensors, {})
        refused(tmp_path / "odd", "damaged: .*got 0")
        refused(tmp_path / "odd", "damaged: .*got 0", load_exact)
    refused(tmp_path / "exact", "is an exact byte model; this wants the float model", load_transformer)


def test_what_was_read_once_need_not_be_read_again(saved):
    contents = serialisation.read(saved)
    model = load_transformer(contents)
    assert isinstance(load_model(contents), TransformerByteModel) and model.config == CONFIG
    with pytest.raises(ValueError, match=r"not a file of kind ecjax\.codebook but ecjax\.transformer"):
        ecjax.load_codebook(contents)
    with pytest.raises(ValueError, match=r"not a file of kind ecjax\.integer_transformer but ecjax\.transformer"):
        load_exact(contents)


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None, 1 << 31, 1 << 99, float("nan"), np.int32(1)])
def test_sizes_are_integers_in_range(value):
    for name in CONFIG.settings():
        # Annotations are checked while the tests run, and not for users.
        with pytest.raises((ValueError, jaxtyping.TypeCheckError)) as caught:
            dataclasses.replace(CONFIG, **{name: value})
        if type(caught.value) is ValueError:
            assert f"TransformerConfig.{name} must be " in str(caught.value) and len(str(caught.value)) < 120


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
        loaded = loaders.get(serialisation.read(path).kind, lambda _: None)(name)
        assert loaded is None or isinstance(loaded, eqx.Module)
