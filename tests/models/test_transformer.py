"""The Transformer: sizes as in the paper, stepping equals reading, nothing sees the future or beyond its context."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.frequencies import check_table
from ecjax.models.base import ByteModel
from ecjax.models.transformer import (
    SIZES,
    Attention,
    BiasAttention,
    Transformer,
    TransformerByteModel,
    TransformerConfig,
    VectorAttention,
    configuration,
)
from tests.strategies import annotations_unchecked, seeds

CONTEXT = 4
LONGEST = 3 * CONTEXT + 5
CONFIG = TransformerConfig(vocab_size=11, d_model=8, heads=2, layers=2, head_dim=4, mlp_dim=16, context=CONTEXT)
VECTORS = dataclasses.replace(CONFIG, relative="vectors")
both = pytest.mark.parametrize("config", [CONFIG, VECTORS], ids=["bias", "vectors"])
REACH = CONFIG.layers * (CONTEXT - 1)  # positions back from which something can come

jit_call = eqx.filter_jit(lambda model, tokens: model(tokens))
jit_step = eqx.filter_jit(lambda model, state, token: model.step(state, token))
jit_init = eqx.filter_jit(lambda model: model.init())


def make(seed: int = 0, config: TransformerConfig = CONFIG) -> Transformer:
    """A Transformer with every parameter drawn at random, those included that begin as zeros or ones."""
    model = Transformer(config, key=jax.random.key(seed))
    leaves, structure = jax.tree.flatten(model)
    rng = np.random.default_rng(seed)
    leaves = [leaf + jnp.asarray(0.3 * rng.standard_normal(leaf.shape), leaf.dtype) for leaf in leaves]
    return jax.tree.unflatten(structure, leaves)


def of_distances(attention: Attention) -> jax.Array:
    """What is learnt of each distance, a row for each."""
    if isinstance(attention, VectorAttention):
        return attention.vectors
    assert isinstance(attention, BiasAttention)
    return attention.bias.T


def draw_tokens(seed: int, length: int, vocab_size: int = CONFIG.vocab_size) -> np.ndarray:
    return np.random.default_rng(seed).integers(vocab_size, size=length).astype(np.int32)


def step_through(model: Transformer, tokens: np.ndarray) -> np.ndarray:
    state, logits = jit_init(model), []
    for token in tokens:
        logits.append(np.asarray(state.logits))
        state = jit_step(model, state, jnp.asarray(token))
    return np.stack(logits)


# Sizes.

TABLE_4 = {"3m": "3.1M", "25m": "25.2M", "113m": "113.2M", "403m": "402.7M", "2b": "1.61B"}


@pytest.mark.parametrize("size, expected", TABLE_4.items())
def test_parameter_counts_are_those_of_table_4(size, expected):
    config = configuration(size, 256, 512)
    shapes = eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0))
    weights = [
        w
        for layer in shapes.layers
        for w in (layer.attention.qkv, layer.attention.out, layer.mlp.gate, layer.mlp.up, layer.mlp.down)
    ]
    assert sum(w.weight.size for w in weights) == config.parameters
    count = f"{config.parameters / 1e9:.2f}B" if size == "2b" else f"{config.parameters / 1e6:.1f}M"
    assert count == expected


@pytest.mark.parametrize("size", SIZES)
def test_a_configuration_says_what_the_model_has(size):
    config = configuration(size, 1000, 33)
    shapes = eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0))
    assert len(shapes.layers) == config.layers
    assert shapes.embedding.shape == (1001, config.d_model)
    assert shapes.unembedding.weight.shape == (config.d_model, 1000)
    assert shapes.layers[0].attention.bias.shape == (config.heads, 33)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(shapes))


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="unknown model size '7b'; known sizes are tiny, small, 1m, 3m"):
        configuration("7b", 256, 128)


@pytest.mark.parametrize("size", ["tiny", "25m"])
def test_vectors_are_of_a_layer_and_a_distance(size):
    config = configuration(size, 1000, 33, "vectors")
    shapes = eqx.filter_eval_shape(Transformer, config, key=jax.random.key(0))
    assert [layer.attention.vectors.shape for layer in shapes.layers] == [(33, config.head_dim)] * config.layers
    assert config.parameters == configuration(size, 1000, 33).parameters
    # Beside them both kinds begin with the same weights.
    models = [Transformer(dataclasses.replace(CONFIG, relative=r), key=jax.random.key(0)) for r in ("bias", "vectors")]
    left, right = (
        {jax.tree_util.keystr(path): x for path, x in jax.tree_util.tree_leaves_with_path(model)} for model in models
    )
    assert len(left.keys() & right.keys()) == len(left) - CONFIG.layers
    assert all((left[name] == right[name]).all() for name in left.keys() & right.keys())


@pytest.mark.parametrize("relative", ["rotary", None, 1, ["bias"]])
def test_other_positions_are_refused(relative):
    with (
        annotations_unchecked(),
        pytest.raises(ValueError, match=r"TransformerConfig\.relative must be 'bias' or 'vectors', got"),
    ):
        dataclasses.replace(CONFIG, relative=relative)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TransformerConfig)][:-1])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_1_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"TransformerConfig\.{field} must be at least 1, got {value}"):
        dataclasses.replace(CONFIG, **{field: value})


# Stepping.


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 2 * CONTEXT, LONGEST])
@pytest.mark.parametrize("seed", [0, 1])
@both
def test_stepping_equals_reading(length, seed, config):
    model, tokens = make(seed, config), draw_tokens(seed, length)
    logits = np.asarray(jit_call(model, jnp.asarray(tokens)))
    assert logits.shape == (length, CONFIG.vocab_size) and logits.dtype == np.float32
    np.testing.assert_allclose(logits, step_through(model, tokens), rtol=1e-4, atol=1e-4)
    assert np.ptp(logits, axis=1).min() > 0.1


@pytest.mark.parametrize("context", [1, 2, 5])
@both
@pytest.mark.slow
def test_stepping_equals_reading_at_other_contexts(context, config):
    config = dataclasses.replace(config, context=context, heads=1, layers=1)
    model, tokens = make(3, config), draw_tokens(3, 3 * context + 2)
    logits = np.asarray(jit_call(model, jnp.asarray(tokens)))
    np.testing.assert_allclose(logits, step_through(model, tokens), rtol=1e-4, atol=1e-4)


@both
@pytest.mark.slow
def test_longer_texts_begin_as_shorter_ones(config):
    # Up to `context` positions are attended to at once, more in blocks.
    model, tokens = make(0, config), draw_tokens(0, LONGEST)
    whole = np.asarray(jit_call(model, jnp.asarray(tokens)))
    for length in (1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 2 * CONTEXT):
        part = jit_call(model, jnp.asarray(tokens[:length]))
        np.testing.assert_allclose(part, whole[:length], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("length", [CONTEXT, LONGEST])
def test_vectors_are_what_shaw_et_al_write(length):
    # e_ij = q_i (k_j + a_(i - j)) / sqrt(d), with a vector for each pair: arXiv 1803.02155, equation 4.
    config = dataclasses.replace(VECTORS, layers=1)
    model, tokens = make(2, config), jnp.asarray(draw_tokens(2, length))
    attention = model.layers[0].attention
    assert isinstance(attention, VectorAttention)
    x = jnp.asarray(np.random.default_rng(3).standard_normal((length, config.d_model)).astype(np.float32))
    queries, keys, values = (np.asarray(a, np.float64) for a in attention.project(x))
    rows = np.zeros((length, config.heads * config.head_dim))
    for i in range(length):
        for h in range(config.heads):
            seen = range(max(0, i - CONTEXT + 1), i + 1)
            own = np.stack([keys[j, h] + np.asarray(attention.vectors[i - j], np.float64) for j in seen])
            weights = np.exp(own @ queries[i, h] / np.sqrt(config.head_dim))
            mean = weights @ np.stack([values[j, h] for j in seen]) / weights.sum()
            rows[i, h * config.head_dim : (h + 1) * config.head_dim] = mean
    expected = rows @ np.asarray(attention.out.weight, np.float64)
    np.testing.assert_allclose(attention(x), expected, rtol=1e-4, atol=1e-4)
    # And every vector has a gradient, where there are as many positions.
    gradient = eqx.filter_jit(eqx.filter_grad(lambda m: jnp.square(m(tokens)).sum()))(model)
    assert (np.abs(np.asarray(gradient.layers[0].attention.vectors)).max(axis=1) > 0).all()


@both
@pytest.mark.parametrize("context", [2, CONTEXT, 3 * CONTEXT])
def test_another_context_takes_far_distances_for_the_last(config, context):
    # Nothing changes where no text is longer than either context; beyond the old one the last distance counts.
    model, tokens = make(0, config), jnp.asarray(draw_tokens(0, LONGEST))
    other = model.with_context(context)
    assert other.config == dataclasses.replace(config, context=context)
    shared = min(context, CONTEXT)
    np.testing.assert_allclose(jit_call(other, tokens)[:shared], jit_call(model, tokens)[:shared], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(jit_call(other, tokens), step_through(other, np.asarray(tokens)), rtol=1e-4, atol=1e-4)
    for layer, was in zip(other.layers, model.layers, strict=True):
        learnt, before = (of_distances(a) for a in (layer.attention, was.attention))
        assert learnt.shape[0] == context
        np.testing.assert_array_equal(learnt[CONTEXT:], np.tile(before[-1:], (max(0, context - CONTEXT), 1)))
        np.testing.assert_array_equal(learnt[:shared], before[:shared])


def test_nothing_has_no_logits():
    assert jit_call(make(), jnp.zeros(0, jnp.int32)).shape == (0, CONFIG.vocab_size)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16])
def test_tokens_of_any_integer_type(dtype):
    tokens = draw_tokens(0, CONTEXT)
    expected = jit_call(make(), jnp.asarray(tokens))
    np.testing.assert_array_equal(jit_call(make(), jnp.asarray(tokens.astype(dtype))), expected)


# What sees what.


@given(seeds, st.integers(0, LONGEST - 1), st.sampled_from([CONFIG, VECTORS]))
def test_a_token_changes_nothing_before_it_nor_out_of_reach(seed, changed, config):
    model, tokens = make(seed % 2, config), draw_tokens(seed, LONGEST)
    other = tokens.copy()
    other[changed] = (other[changed] + 1) % CONFIG.vocab_size
    before, after = (np.asarray(jit_call(model, jnp.asarray(t))) for t in (tokens, other))
    np.testing.assert_allclose(before[: changed + 1], after[: changed + 1], rtol=1e-5, atol=1e-5)
    # Row changed + 1 is the first to read the token; REACH rows further is the last.
    beyond = changed + 1 + REACH + 1
    np.testing.assert_allclose(before[beyond:], after[beyond:], rtol=1e-5, atol=1e-5)
    within = np.abs(before - after)[changed + 1 : beyond].max(axis=1, initial=0)
    assert (within[:1] > 1e-3).all()


@both
def test_a_token_is_seen_as_far_as_the_context_reaches(config):
    # One layer: exactly `context` rows read a token.
    model = make(1, dataclasses.replace(config, layers=1))
    for changed in (0, 1, CONTEXT - 1, CONTEXT, CONTEXT + 1):
        tokens = draw_tokens(1, LONGEST)
        other = tokens.copy()
        other[changed] = (other[changed] + 1) % CONFIG.vocab_size
        before, after = (np.asarray(jit_call(model, jnp.asarray(t))) for t in (tokens, other))
        differs = np.abs(before - after).max(axis=1) > 1e-5
        assert np.flatnonzero(differs).tolist() == list(range(changed + 1, changed + 1 + CONTEXT))


def test_the_first_prediction_depends_on_nothing():
    model = make()
    rows = [np.asarray(jit_call(model, jnp.asarray(draw_tokens(s, LONGEST))))[0] for s in range(3)]
    np.testing.assert_allclose(rows[1:], [rows[0], rows[0]], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jit_init(model).logits, rows[0], rtol=1e-4, atol=1e-4)


# Packed texts.

jit_packed = eqx.filter_jit(lambda model, tokens, segments, remat: model(tokens, segments, remat=remat))


@pytest.mark.slow
@given(
    seeds,
    st.lists(st.integers(1, CONTEXT), min_size=1, max_size=3) | st.lists(st.integers(1, 11), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([CONFIG, VECTORS]),
)
def test_packed_texts_are_read_as_if_alone(seed, lengths, remat, config):
    model, rng = make(seed % 2, config), np.random.default_rng(seed)
    total = next(n for n in (CONTEXT, 3 * CONTEXT, 4 * LONGEST) if sum(lengths) <= n)  # few, to compile few
    ends = np.minimum(np.cumsum([*lengths, total]), total)
    parts = [range(a, b) for a, b in zip([0, *ends], ends, strict=False) if a < b]
    # Numbers need not rise: a text ends where the number changes.
    segments = np.concatenate([np.full(len(part), (-1) ** i * (i % 3) * 10, np.int32) for i, part in enumerate(parts)])
    tokens = draw_tokens(seed, total)
    packed = np.asarray(jit_packed(model, jnp.asarray(tokens), jnp.asarray(segments), remat))
    for part in parts:
        alone = np.resize(tokens[part.start : part.stop], total)  # what comes after it changes nothing
        np.testing.assert_allclose(
            packed[part.start : part.stop], jit_call(model, jnp.asarray(alone))[: len(part)], rtol=1e-4, atol=1e-4
        )
    # And the numbers themselves say nothing.
    renamed = rng.permutation(50)[np.repeat(np.arange(len(parts)), [len(part) for part in parts])]
    np.testing.assert_array_equal(packed, jit_packed(model, jnp.asarray(tokens), jnp.asarray(renamed), remat))


@pytest.mark.parametrize("length", [CONTEXT, LONGEST])
def test_one_text_is_read_to_the_same_bits_packed_or_not(length):
    tokens = jnp.asarray(draw_tokens(0, length))
    packed = jit_packed(make(), tokens, jnp.full(length, 7, jnp.int32), False)
    np.testing.assert_array_equal(packed, jit_call(make(), tokens))


@pytest.mark.parametrize("length", [CONTEXT, LONGEST])
def test_no_gradient_comes_from_another_text(length):
    # The embeddings of the first text's tokens move nothing in the second.
    tokens = jnp.where(jnp.arange(length) < 2, 3, 5)
    segments = (jnp.arange(length) >= 2).astype(jnp.int32)
    second = eqx.filter_jit(eqx.filter_grad(lambda model: model(tokens, segments)[2:].sum()))(make())
    assert not np.any(second.embedding[3]) and np.any(second.embedding[5]) and np.any(second.embedding[-1])


# As a byte model.

BYTE_CONFIG = dataclasses.replace(CONFIG, vocab_size=256)
jit_sequence = eqx.filter_jit(lambda model, text: model.sequence(text))
jit_stepping = eqx.filter_jit(lambda model, text: ByteModel.sequence(model, text))


@pytest.mark.slow
@given(seeds, st.binary(min_size=LONGEST, max_size=LONGEST), st.sampled_from([0.0, 1.0, 1e4, 1e38, np.inf, np.nan]))
def test_tables_are_valid_for_any_bytes_and_weights(seed, text, scale):
    model = TransformerByteModel(make(seed % 2, BYTE_CONFIG))
    # Weights so large that logits overflow to infinities and NaN.
    model = eqx.tree_at(lambda m: m.transformer.unembedding.weight, model, replace_fn=lambda w: w * np.float32(scale))
    array = jnp.asarray(np.frombuffer(text, np.uint8))
    for tables in (jit_sequence(model, array), jit_stepping(model, array)):
        assert tables.dtype == jnp.uint32 and tables.shape == (LONGEST, 257)
        check_table(np.asarray(tables), 16)


@pytest.mark.slow
def test_stepping_gives_nearly_the_tables_of_reading():
    model = TransformerByteModel(make(0, BYTE_CONFIG))
    array = jnp.asarray(np.random.default_rng(0).integers(256, size=LONGEST).astype(np.uint8))
    read, stepped = (np.asarray(f(model, array)).astype(int) for f in (jit_sequence, jit_stepping))
    assert np.abs(read - stepped).max() <= 32
    assert np.diff(read, axis=1).max() > 512


@pytest.mark.parametrize("precision", [9, 12])
@pytest.mark.slow
def test_tables_of_other_precisions(precision):
    model = TransformerByteModel(make(0, BYTE_CONFIG), precision)
    assert model.precision == precision and not model.exact
    check_table(np.asarray(jit_sequence(model, jnp.zeros(LONGEST, jnp.uint8))), precision)


def test_what_is_no_byte_model_is_refused():
    with pytest.raises(ValueError, match="predicts 256 bytes, this Transformer 11 tokens"):
        TransformerByteModel(make())
    with pytest.raises(ValueError, match="9 to 16 bits, got 8"):
        TransformerByteModel(make(0, BYTE_CONFIG), 8)
