"""The exact Transformer: parts and whole agree with the oracle, however a text is taken, whatever the weights."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import frequencies
from ecjax.frequencies import check_table
from ecjax.models import integer
from ecjax.models.base import ByteModel
from ecjax.models.integer import Attention, GatedMLP, IntegerTransformer, Layer, Linear, Norm, Rescale
from ecjax.models.transformer import TransformerConfig, configuration
from specs.oracle import frequencies as frequencies_oracle
from specs.oracle import transformer as oracle
from tests.strategies import seeds, texts

CONTEXT = 5
LONGEST = 3 * CONTEXT + 2
CONFIG = TransformerConfig(vocab_size=256, d_model=8, heads=2, layers=2, head_dim=4, mlp_dim=12, context=CONTEXT)
ONE_LAYER = dataclasses.replace(CONFIG, layers=1)

WEIGHT_KINDS = ("random", "largest", "least", "extremes", "zero")
SCALE_KINDS = ("balanced", "any", "largest", "least", "zero")
BIAS_KINDS = ("near", "any", "extremes", "zero")
# Shifts at which what follows is neither all zero nor all saturated, for random weights and multipliers of 64 to 127.
SHIFTS = {"qkv": 14, "scores": 11, "average": 21, "out": 10, "gate": 10, "up": 10, "hidden": 13, "down": 10, "read": 10}

jit_logits = eqx.filter_jit(lambda model, text: model.logits(text))
jit_sequence = eqx.filter_jit(lambda model, text: model.sequence(text))
jit_stepping = eqx.filter_jit(lambda model, text: ByteModel.sequence(model, text))
jit_batch = eqx.filter_jit(lambda model, batch: jax.vmap(model.sequence)(batch))
jit_step_batch = eqx.filter_jit(lambda model, batch: jax.vmap(lambda text: ByteModel.sequence(model, text))(batch))


def draw_weights(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> jax.Array:
    """int8 weights of a kind of `WEIGHT_KINDS`."""
    if kind == "random":
        weights = rng.integers(-128, 128, shape)
    elif kind == "extremes":
        weights = rng.choice([-128, -127, 127], shape)
    else:
        weights = np.full(shape, {"largest": 127, "least": -128, "zero": 0}[kind])
    return jnp.asarray(weights, jnp.int8)


def draw_scale(kind: str, shape: tuple[int, ...], shift: int, rng: np.random.Generator) -> Rescale:
    """A scale of a kind of `SCALE_KINDS`, `shift` being the balanced one."""
    if kind == "balanced":
        multiplier, shifts = rng.integers(64, 128, shape), shift + rng.integers(-1, 2, shape)
    elif kind == "any":
        multiplier, shifts = rng.integers(0, 128, shape), rng.integers(1, 25, shape)
    else:
        m, s = {"largest": (127, 1), "least": (1, 24), "zero": (0, 12)}[kind]
        multiplier, shifts = np.full(shape, m), np.full(shape, s)
    return Rescale(jnp.asarray(multiplier, jnp.int8), jnp.asarray(shifts, jnp.int8))


def draw_bias(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> jax.Array:
    bound = {"near": 1 << 9, "any": 1 << 15, "extremes": 1, "zero": 1}[kind]
    bias = rng.integers(-bound, bound, shape)
    if kind == "extremes":
        bias = rng.choice([-(1 << 15), (1 << 15) - 1], shape)
    return jnp.asarray(bias * (kind != "zero"), jnp.int16)


def draw_norm(kind: str, rng: np.random.Generator) -> Norm:
    if kind == "balanced":  # about 60 times the root mean square
        gain, shift = rng.integers(1 << 29, (1 << 30) + 1), 22
    elif kind == "any":
        gain, shift = rng.integers(1 << 29, (1 << 30) + 1), rng.integers(16, 25)
    else:
        gain, shift = {"largest": (1 << 30, 16), "least": (1 << 29, 24), "zero": (1 << 29, 16)}[kind]
    return Norm(jnp.asarray(gain, jnp.int32), jnp.asarray(shift, jnp.int8))


def make(
    rng: np.random.Generator, config: TransformerConfig = CONFIG, wild: float = 0, precision: int = 16
) -> IntegerTransformer:
    """A model drawn at random; each part is balanced, or with probability `wild` of any kind."""
    c = config

    def kind(kinds: tuple[str, ...]) -> str:
        return str(rng.choice(kinds)) if rng.random() < wild else kinds[0]

    def scale(name: str, *shape: int, terms: int = 8) -> Rescale:
        return draw_scale(kind(SCALE_KINDS), shape, SHIFTS[name] + (terms // 8).bit_length() // 2, rng)

    def linear(name: str, inputs: int, outputs: int) -> Linear:
        weight = draw_weights(kind(WEIGHT_KINDS), (inputs, outputs), rng)
        return Linear(weight, scale(name, outputs, terms=inputs))

    def norm() -> Norm:
        return draw_norm(kind(SCALE_KINDS), rng)

    width = c.heads * c.head_dim
    layers = tuple(
        Layer(
            norm(),
            Attention(
                linear("qkv", c.d_model, 3 * width),
                scale("scores", c.heads),
                draw_bias(kind(BIAS_KINDS), (c.heads, c.context), rng),
                scale("average", c.heads),
                linear("out", width, c.d_model),
            ),
            norm(),
            GatedMLP(
                linear("gate", c.d_model, c.mlp_dim),
                linear("up", c.d_model, c.mlp_dim),
                scale("hidden"),
                linear("down", c.mlp_dim, c.d_model),
            ),
        )
        for _ in range(c.layers)
    )
    bound = (1 << 15) if rng.random() < wild else 1 << 11
    embedding = rng.integers(-bound, bound, (257, c.d_model))
    if rng.random() < wild / 2:
        embedding = rng.choice([-(1 << 15), 0, (1 << 15) - 1], (257, 1)) * np.ones((1, c.d_model), int)
    embedding = jnp.asarray(embedding, jnp.int16)
    return IntegerTransformer(embedding, layers, norm(), linear("read", c.d_model, 256), c, precision)


drawn = st.tuples(seeds, st.sampled_from([0, 0.2, 0.6, 1]))
long_texts = texts(LONGEST).map(lambda text: (text + bytes(LONGEST))[:LONGEST])


def scales(scale: Rescale) -> list[tuple[int, int]]:
    return list(zip(scale.multiplier.tolist(), scale.shift.tolist(), strict=True))


def plain(model: IntegerTransformer) -> oracle.Model:
    """The model as the oracle wants it."""

    def linear(layer: Linear) -> oracle.Linear:
        return oracle.Linear(layer.weight.tolist(), scales(layer.scale))

    def norm(layer: Norm) -> oracle.Scale:
        return int(layer.gain), int(layer.gain_shift)

    layers = [
        oracle.Layer(
            norm(layer.attention_norm),
            linear(layer.attention.qkv),
            scales(layer.attention.scores),
            layer.attention.bias.tolist(),
            scales(layer.attention.average),
            linear(layer.attention.out),
            norm(layer.mlp_norm),
            linear(layer.mlp.gate),
            linear(layer.mlp.up),
            (int(layer.mlp.hidden.multiplier), int(layer.mlp.hidden.shift)),
            linear(layer.mlp.down),
        )
        for layer in model.layers
    ]
    return oracle.Model(model.embedding.tolist(), layers, norm(model.norm), linear(model.unembedding))


def array(text: bytes) -> jax.Array:
    return jnp.asarray(np.frombuffer(text, np.uint8))


def int32(values) -> jax.Array:
    return jnp.asarray(np.array(values), jnp.int32)


# The parts.


def test_powers_of_two_are_those_of_the_definition():
    assert integer._EXP2.tolist() == oracle.WEIGHTS
    assert frequencies._EXP2.tolist() == frequencies_oracle.POWERS


def test_powers_of_the_definition_are_the_nearest_integers():
    # (2 * x - 1)**256 < 2**(256 * (bits + 1) - i) < (2 * x + 1)**256 says that x is nearest to 2**(bits - i / 256).
    for bits, table in [(11, oracle.WEIGHTS), (23, frequencies_oracle.POWERS)]:
        assert table[0] == 2**bits and len(table) == 256
        for i, x in enumerate(table):
            assert (2 * x - 1) ** 256 < 2 ** (256 * (bits + 1) - i) < (2 * x + 1) ** 256


within_31_bits = st.integers(-(1 << 31) + (1 << 23) + 1, (1 << 31) - (1 << 23) - 1)
sums = within_31_bits | st.builds(
    lambda k, d, s: s * ((1 << k) + d), st.integers(0, 30), st.integers(-1, 1), st.sampled_from([1, -1])
)


@given(st.lists(sums, min_size=24, max_size=24))
def test_shift_right(values):
    shifts = range(1, 25)
    expected = [frequencies_oracle.nearest(x, 2**s) for x, s in zip(values, shifts, strict=True)]
    assert integer.shift_right(int32(values), int32(shifts)).tolist() == expected


def test_shift_right_at_the_edges():
    edge = (1 << 31) - (1 << 23) - 1
    for s in range(1, 25):
        values = [0, 1, -1, 1 << (s - 1), -(1 << (s - 1)), (1 << (s - 1)) - 1, -(1 << (s - 1)) - 1, edge, -edge]
        assert integer.shift_right(int32(values), s).tolist() == [frequencies_oracle.nearest(x, 2**s) for x in values]


@given(st.lists(within_31_bits, min_size=8, max_size=8), seeds)
def test_rescale(values, seed):
    rng = np.random.default_rng(seed)
    scale = draw_scale("any", (8,), 0, rng)
    expected = [oracle.rescale(x, s) for x, s in zip(values, scales(scale), strict=True)]
    assert scale(int32(values)).tolist() == expected


def test_rescale_saturates():
    for shift in (1, 24):
        scale = Rescale(jnp.asarray(127, jnp.int8), jnp.asarray(shift, jnp.int8))
        values = [(1 << 24) - 2, (1 << 24) - 1, 1 << 24, (1 << 31) - 1]
        values += [-x for x in values]
        assert scale(int32(values)).tolist() == [oracle.rescale(x, (127, shift)) for x in values]
        assert oracle.rescale(1 << 31, (127, shift)) == oracle.rescale((1 << 24) - 1, (127, shift))


ROOTS = (0, 1, 2, 3, 181, 182, 23169, 23170, 32767, 32768, 46339, 46340)


@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 46340).map(lambda r: r * r), min_size=16, max_size=16))
def test_square_root(values):
    values = values + [max(v - 1, 0) for v in values]
    assert integer.square_root(int32(values)).tolist() == [math.isqrt(v) for v in values]


def test_square_root_at_the_edges():
    values = [r * r + d for r in ROOTS for d in (-1, 0, 1) if r * r + d >= 0] + [2**31 - 1, 2**30, 2**29, 2**29 - 1]
    assert integer.square_root(int32(values)).tolist() == [math.isqrt(v) for v in values]


@pytest.mark.parametrize("k", [1, 127, 1032, 1041, 4096, 132_104])
def test_products_are_exact(k):
    rng = np.random.default_rng(k)
    rows = [np.full(k, 127), np.full(k, -127), rng.integers(100, 128, k), rng.integers(-127, 128, k)]
    columns = [np.full(k, -128), np.full(k, 127), rng.integers(100, 128, k) | 1, rng.integers(-128, 128, k)]
    a, b = np.stack(rows), np.stack(columns, axis=1)
    out = jax.jit(integer.matmul)(jnp.asarray(a, jnp.int8), jnp.asarray(b, jnp.int8))
    assert out.dtype == jnp.int32
    np.testing.assert_array_equal(out, a.astype(np.int64) @ b.astype(np.int64))


def test_products_in_batches():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (3, 5, 7)), rng.integers(-128, 128, (3, 7, 2))
    np.testing.assert_array_equal(integer.matmul(jnp.asarray(a, jnp.int8), jnp.asarray(b, jnp.int8)), a @ b)


jit_norm = jax.jit(lambda norm, x: norm(x))


@st.composite
def residuals(draw, width: int) -> list[int]:
    """A row of the residual stream: of any magnitude, one entry large, all alike, zero."""
    rng = np.random.default_rng(draw(seeds))
    bound = min(1 << draw(st.integers(0, 24)), 1 << 23)
    row = rng.integers(-bound, bound + 1, width)
    kind = draw(st.sampled_from(["any", "one", "alike", "signs"]))
    if kind == "one":
        row = np.eye(width, dtype=int)[0] * rng.choice([-bound, bound])
    elif kind in ("alike", "signs"):
        row = np.full(width, bound) - draw(st.integers(0, 1))
        row *= 1 if kind == "alike" else rng.choice([-1, 1], width)
    return row.tolist()


@pytest.mark.parametrize("width", [8, 12, pytest.param(1, marks=pytest.mark.slow), 256])
@given(st.data())
def test_norm(width, data):
    row = data.draw(residuals(width))
    norm = draw_norm(data.draw(st.sampled_from(SCALE_KINDS)), np.random.default_rng(data.draw(seeds)))
    assert jit_norm(norm, int32(row)).tolist() == oracle.norm((int(norm.gain), int(norm.gain_shift)), row)


def test_norm_is_rms_norm():
    x = np.random.default_rng(0).integers(-5000, 5000, (6, 64))
    norm = Norm(
        jnp.asarray(1 << 29, jnp.int32), jnp.asarray(21, jnp.int8)
    )  # 32 / sqrt(64) * 2**... = 32 root mean squares
    expected = x / np.sqrt(np.mean(x * x, axis=1, keepdims=True)) * 2.0**29 / 2**21 / 8
    assert np.abs(np.asarray(norm(int32(x))) - np.clip(expected, -127, 127)).max() < 0.6


FARTHEST = 1200  # positions of a context, for sums of weights of 17 bits and more

jit_mix = eqx.filter_jit(lambda attention, *args: attention.mix(*args))


@pytest.mark.slow
@given(seeds, st.sampled_from([0, 3, 200, 1 << 15]), st.integers(1, FARTHEST) | st.sampled_from([31, 32, 33, FARTHEST]))
def test_means_of_many_values(seed, bound, seen):
    # Scores of 0, so that the bias alone decides: from all weights alike to one that counts.
    rng = np.random.default_rng(seed)
    attention = make(rng).layers[0].attention
    bias = rng.integers(-bound, max(bound, 1), (2, FARTHEST))
    nothing = Rescale(jnp.zeros(2, jnp.int8), jnp.ones(2, jnp.int8))
    parts = lambda a: (a.bias, a.scores, a.average)
    average = draw_scale("balanced", (2,), 21, rng)
    attention = eqx.tree_at(parts, attention, (jnp.asarray(bias, jnp.int16), nothing, average))
    # Means of every size, many of them, for few show in int8 what a bit less does.
    values = np.clip(rng.integers(-127, 128, (2, 1, 96)) + rng.integers(-9, 10, (2, FARTHEST, 96)), -127, 127)
    distance = np.arange(FARTHEST)[None]
    zeros = jnp.zeros((2, 1, 96), jnp.int8), jnp.zeros((2, FARTHEST, 96), jnp.int8)
    out = jit_mix(attention, *zeros, jnp.asarray(values, jnp.int8), int32(distance), jnp.asarray(distance < seen))
    expected = []
    for h, scale in enumerate(scales(average)):
        scores = bias[h, :seen].tolist()
        weights = [frequencies_oracle.power(oracle.WEIGHTS, max(scores) - score, 15) for score in scores]
        expected += oracle.mean(values[h, :seen].tolist(), weights, scale)
    assert out.tolist() == [expected]


@pytest.mark.parametrize("bound", [0, 40, 1 << 15])
def test_means_of_extremes_over_the_longest_context(bound):
    rng = np.random.default_rng(bound)
    longest = integer._LONGEST_CONTEXT
    attention = make(rng).layers[0].attention
    bias = rng.integers(-bound, max(bound, 1), (2, longest))
    nothing = Rescale(jnp.zeros(2, jnp.int8), jnp.ones(2, jnp.int8))
    attention = eqx.tree_at(lambda a: (a.bias, a.scores), attention, (jnp.asarray(bias, jnp.int16), nothing))
    values = np.stack([np.full((longest, 3), -128), rng.choice([-128, 127], (longest, 3))])
    values[:, :, 1] = 127
    distance = np.arange(longest)[None]
    zeros = jnp.zeros((2, 1, 3), jnp.int8), jnp.zeros((2, longest, 3), jnp.int8)
    out = jit_mix(attention, *zeros, jnp.asarray(values, jnp.int8), int32(distance), jnp.ones((1, longest), bool))
    expected = []
    for h, scale in enumerate(scales(attention.average)):
        weights = [
            frequencies_oracle.power(oracle.WEIGHTS, int(bias[h].max()) - score, 15) for score in bias[h].tolist()
        ]
        expected += oracle.mean(values[h].tolist(), weights, scale)
    assert out.tolist() == [expected]


def test_the_residual_stream_saturates():
    edges = [0, 1, (1 << 23) - 1, 1 << 23, (1 << 23) + 1, (1 << 24) * 63]
    updates = edges + [-x for x in edges]
    for x in (0, 1, -1, (1 << 23) - 1, 1 << 23, -(1 << 23)):
        row = [x] * len(updates)
        assert integer.add(int32(row), int32(updates)).tolist() == oracle.add(row, updates)


# The whole.


@eqx.filter_jit
def everything(model: IntegerTransformer, text: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return model.logits(text), model.sequence(text), ByteModel.sequence(model, text)


@given(drawn, long_texts)
def test_agrees_with_the_oracle(draw, text):
    model = make(np.random.default_rng(draw[0]), wild=draw[1])
    logits, tables, stepped = everything(model, array(text))
    expected = oracle.logits(plain(model), text)
    assert logits.dtype == jnp.int32 and logits.tolist() == expected
    assert tables.dtype == jnp.uint32
    assert tables.tolist() == [frequencies_oracle.cumulative_frequencies(row, 16) for row in expected]
    np.testing.assert_array_equal(stepped, tables)
    check_table(np.asarray(tables), 16)


@given(seeds, long_texts)
def test_balanced_models_use_what_they_are_given(seed, text):
    # That the other tests compare something: logits that differ, from one position to the next too.
    logits = np.asarray(jit_logits(make(np.random.default_rng(seed)), array(text)))
    assert np.ptp(logits, axis=1).min() > 256
    assert (np.abs(np.diff(logits, axis=0)).max(axis=1) > 16).sum() >= 4


@pytest.mark.deep
@pytest.mark.slow
@given(drawn, st.lists(long_texts, min_size=3, max_size=3))
def test_any_batch_gives_the_same(draw, batch):
    model = make(np.random.default_rng(draw[0]), wild=draw[1])
    batch = jnp.stack([array(text) for text in batch])
    expected = [jit_sequence(model, text) for text in batch]
    np.testing.assert_array_equal(jit_batch(model, batch), expected)
    np.testing.assert_array_equal(jit_step_batch(model, batch), expected)
    np.testing.assert_array_equal(jit_batch(model, batch[::-1]), expected[::-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "length",
    [1, CONTEXT, CONTEXT + 1]
    + [pytest.param(n, marks=pytest.mark.deep) for n in (2, CONTEXT - 1, 2 * CONTEXT, 2 * CONTEXT + 1)],
)
def test_longer_texts_begin_as_shorter_ones(length):
    # Up to `context` positions are attended to at once, more in blocks.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        model, text = make(rng, wild=0.3 * (seed > 0)), array(rng.bytes(LONGEST))
        whole = np.asarray(jit_logits(model, text))
        np.testing.assert_array_equal(jit_logits(model, text[:length]), whole[:length])


@pytest.mark.slow
@pytest.mark.parametrize("context", [1, 40, pytest.param(2, marks=pytest.mark.deep)])
@pytest.mark.parametrize("heads", [1, pytest.param(3, marks=pytest.mark.deep)])
def test_agrees_with_the_oracle_at_other_sizes(context, heads):
    config = dataclasses.replace(CONFIG, context=context, heads=heads, layers=1, head_dim=3, d_model=9, mlp_dim=7)
    rng = np.random.default_rng(context)
    model, text = make(rng, config, precision=9 + context % 3), rng.bytes(2 * context + 3)
    expected = [
        frequencies_oracle.cumulative_frequencies(row, model.precision) for row in oracle.logits(plain(model), text)
    ]
    assert jit_sequence(model, array(text)).tolist() == expected
    assert jit_stepping(model, array(text)).tolist() == expected


@pytest.mark.slow
def test_every_byte():
    text = bytes(range(256))
    model = make(np.random.default_rng(1))
    assert jit_logits(model, array(text)).tolist() == oracle.logits(plain(model), text)


def test_nothing_has_no_tables():
    assert jit_logits(make(np.random.default_rng(0)), array(b"")).shape == (0, 256)
    assert jit_sequence(make(np.random.default_rng(0)), array(b"")).shape == (0, 257)


def test_a_byte_is_seen_as_far_as_the_context_reaches():
    model = make(np.random.default_rng(2), ONE_LAYER)
    text = np.random.default_rng(0).integers(256, size=LONGEST).astype(np.uint8)
    for changed in (0, CONTEXT, CONTEXT + 1):
        other = text.copy()
        other[changed] ^= 85
        before, after = (np.asarray(jit_logits(model, jnp.asarray(t))) for t in (text, other))
        differs = (before != after).any(axis=1)
        assert np.flatnonzero(differs).tolist() == list(range(changed + 1, changed + 1 + CONTEXT))


@pytest.mark.slow
@given(drawn, long_texts, st.integers(0, LONGEST))
def test_a_state_that_is_restarted_is_as_the_first(draw, text, length):
    model = make(np.random.default_rng(draw[0]), wild=draw[1])
    initial, state = walk(model, array(text), jnp.asarray(length))
    np.testing.assert_array_equal(
        run(model, model_restart(state, initial, True), array(text)), jit_stepping(model, array(text))
    )
    for kept, was in zip(*map(jax.tree.leaves, (model_restart(state, initial, False), state)), strict=True):
        np.testing.assert_array_equal(kept, was)


@eqx.filter_jit
def walk(model, text, length):
    state = initial = model.init()
    return initial, jax.lax.fori_loop(0, length, lambda i, s: model.step(s, text[i]), state)


@eqx.filter_jit
def run(model, state, text):
    return jax.lax.scan(lambda s, byte: (model.step(s, byte), model.frequencies(s)), state, text)[1]


def model_restart(state, initial, where):
    return jit_restart(STATELESS, state, initial, jnp.asarray(where))


jit_restart = eqx.filter_jit(lambda model, *args: model.restart(*args))
STATELESS = make(np.random.default_rng(0))  # `restart` reads no weights


# Settings that change nothing.


@pytest.mark.deep
@pytest.mark.slow
def test_wider_default_dtypes_change_nothing():
    rng = np.random.default_rng(3)
    model, text = make(rng), rng.bytes(LONGEST)
    expected, logits = jit_sequence(model, array(text)), jit_logits(model, array(text))
    with jax.enable_x64(True):
        assert jit_logits(model, array(text)).dtype == jnp.int32
        np.testing.assert_array_equal(jit_logits(model, array(text)), logits)
        np.testing.assert_array_equal(jit_sequence(model, array(text)), expected)
        np.testing.assert_array_equal(jit_stepping(model, array(text)), expected)


@pytest.mark.deep
@pytest.mark.slow
def test_without_compilation_it_is_the_same():
    rng = np.random.default_rng(4)
    model = make(rng, dataclasses.replace(CONFIG, layers=1, context=2))
    text = array(rng.bytes(3))
    expected = oracle.logits(plain(model), text.tolist())
    with jax.disable_jit():
        assert model.logits(text).tolist() == expected
        assert model.init().logits.tolist() == expected[0]


@pytest.mark.parametrize("precision", [8, 17])
def test_other_precisions_are_refused(precision):
    model = make(np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"9 to 16 bits, got {precision}"):
        IntegerTransformer(model.embedding, model.layers, model.norm, model.unembedding, CONFIG, precision)


@pytest.mark.parametrize("changes", [{"context": 3880}, {"mlp_dim": 132_105}, {"heads": 2, "head_dim": 66_053}])
def test_sizes_whose_sums_could_overflow_are_refused(changes):
    model, name = make(np.random.default_rng(0)), "context" if "context" in changes else "products"
    with pytest.raises(ValueError, match=f"an exact model's {name} .* at most .*, got"):
        IntegerTransformer(
            model.embedding, model.layers, model.norm, model.unembedding, dataclasses.replace(CONFIG, **changes)
        )


# Long texts and large models.


@pytest.mark.deep
@pytest.mark.slow
def test_a_long_text():
    rng = np.random.default_rng(5)
    model = make(rng)
    text = rng.bytes(5 * 1024) + b"a" * 1024 + rng.bytes(4 * 1024)
    assert len(text) == 10_240
    tables = np.asarray(jit_sequence(model, array(text)))
    check_table(tables, model.precision)
    np.testing.assert_array_equal(jit_stepping(model, array(text)), tables)
    # Nothing before the last REACH bytes is seen: the oracle computes the end alone.
    reach = CONFIG.layers * (CONTEXT - 1) + 1
    logits = oracle.logits(plain(model), text[-reach - 4 :])[reach + 1 :]
    assert tables[-3:].tolist() == [frequencies_oracle.cumulative_frequencies(row, model.precision) for row in logits]


@pytest.mark.deep
@pytest.mark.slow
def test_a_large_model():
    rng = np.random.default_rng(6)
    config = dataclasses.replace(configuration("3m", 256, 1024), layers=1)
    model, text = make(rng, config), array(rng.bytes(1100))
    tables = np.asarray(jit_sequence(model, text))
    check_table(tables, model.precision)
    np.testing.assert_array_equal(jit_stepping(model, text), tables)


@pytest.mark.slow
def test_a_large_model_of_extremes_agrees_with_the_oracle():
    config = TransformerConfig(256, d_model=16, heads=1, layers=1, head_dim=2, mlp_dim=1100, context=1200)
    rng = np.random.default_rng(7)
    model, text = make(rng, config), bytes([7]) * 3
    expected = oracle.logits(plain(model), text)
    assert jit_logits(model, array(text)).tolist() == expected
