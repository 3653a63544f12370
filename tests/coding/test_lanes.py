"""Lanes: texts and windows side by side give what each gives by itself, whatever the queue and the lanes."""

import functools
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding import lanes, windows
from ecjax.coding.windows import Preorder
from ecjax.exactness import audit, within
from ecjax.integers import limb_count, to_limbs
from ecjax.models.base import ByteModel
from tests.models.test_integer import ONE_LAYER, make
from tests.strategies import Markov, annotations_unchecked, make_table, models, sample, seeds, texts

SIZE = 64  # bytes of a text at most
QUEUE = 8
ROOM = QUEUE * SIZE
SETTINGS = [
    (9, 1),
    pytest.param(33, 3, marks=pytest.mark.slow),
    *(pytest.param(b, k, marks=pytest.mark.deep) for b, k in [(16, 8), (64, 2), (128, 16)]),
]
"""Bits of a window, and lanes."""

encode_lanes = eqx.filter_jit(lanes.encode)
decode_lanes = eqx.filter_jit(lanes.decode)
encode_alone = eqx.filter_jit(
    lambda model, text, lengths, bits: jax.vmap(lambda x, n: windows.encode(model, x, n, bits))(text, lengths)
)
decode_alone = eqx.filter_jit(
    lambda model, codes, bits: jax.vmap(lambda code: windows.decode(model, code, bits, SIZE))(codes)
)


def alone(model: ByteModel, batch: list[bytes], bits: int) -> list[tuple[list[bool], np.ndarray]]:
    """Where the windows of each text begin, and their codes, each text by itself."""
    block = np.zeros((QUEUE, SIZE), np.uint8)
    for row, text in zip(block, batch, strict=False):
        row[: len(text)] = np.frombuffer(text, np.uint8)
    lengths = [len(text) for text in batch] + [0] * (QUEUE - len(batch))
    coded = encode_alone(model, jnp.asarray(block), jnp.asarray(lengths, jnp.int32), bits)
    out = []
    for text, codes, count in zip(batch, np.asarray(coded.codes), coded.count.tolist(), strict=False):
        sizes = np.asarray(decode_alone(model, jnp.asarray(codes), bits)[1])[:count]
        assert sizes.sum() == len(text)
        starts = set((np.cumsum(sizes) - sizes).tolist())
        out.append(([i in starts for i in range(len(text))], codes[:count]))
    return out


def side_by_side(
    model: ByteModel, batch: list[bytes], stops: np.ndarray, bits: int, count: int
) -> list[tuple[list[bool], np.ndarray]]:
    """The same of what the lanes took of each text."""
    bounds = np.concatenate([[0], np.cumsum([len(text) for text in batch])])
    flat = np.frombuffer(b"".join(batch).ljust(ROOM, b"\xaa"), np.uint8)
    filled = np.append(bounds, np.full(QUEUE - len(batch), ROOM)).astype(np.int32)
    walks = encode_lanes(
        model, Preorder(bits), jnp.asarray(flat), jnp.asarray(filled), jnp.array(len(batch)), jnp.asarray(stops), count
    )
    begins, codes, taken = map(np.asarray, (walks.begins, walks.codes, walks.taken))
    assert codes.dtype == np.uint32 and codes.shape == (ROOM, limb_count(bits)) and taken.dtype == np.int32
    assert not taken[len(batch) :].any()
    out, touched = [], np.zeros(ROOM, bool)
    for k, begin in enumerate(bounds[:-1]):
        part = slice(begin, begin + taken[k])
        touched[part] = True
        own = begins[part].tolist()
        out.append((own, codes[part][begins[part]]))
        assert not codes[part][~begins[part]].any()
    assert not begins[~touched].any() and not codes[~touched].any()
    return out


def check_encoding(model: ByteModel, batch: list[bytes], stops: np.ndarray, bits: int, count: int) -> None:
    found = side_by_side(model, batch, stops, bits, count)
    whole = alone(model, batch, bits)
    cut = alone(model, [text[: len(begins)] for text, (begins, _) in zip(batch, found, strict=True)], bits)
    left, begin = 0, 0
    for text, (begins, codes), (expected, _), (own, own_codes) in zip(batch, found, whole, cut, strict=True):
        assert begins == expected[: len(begins)] == own
        np.testing.assert_array_equal(codes, own_codes)
        stop = next((i for i in range(1, len(text)) if expected[i] and stops[begin + i]), len(text) - 1) + 1
        assert len(begins) <= stop
        left += len(begins) < stop
        begin += len(text)
    assert left <= count // 4


def batches(model: Markov):
    return st.lists(texts(SIZE, model), max_size=QUEUE)


stopping = st.tuples(seeds, st.sampled_from([0, 0.1, 1])).map(
    lambda drawn: np.random.default_rng(drawn[0]).random(ROOM) < drawn[1]
)


@pytest.mark.parametrize("bits, count", SETTINGS)
@given(models(16).flatmap(lambda model: st.tuples(st.just(model), batches(model))), stopping)
def test_texts_are_cut_as_each_is_by_itself(bits, count, case, stops):
    check_encoding(case[0], case[1], stops, bits, count)


@pytest.mark.parametrize("bits, count", SETTINGS)
@given(st.data())
def test_windows_are_spelled_as_each_is_by_itself(bits, count, data):
    rng = np.random.default_rng(data.draw(seeds))
    kinds = data.draw(st.lists(st.sampled_from(("flat", "random")), min_size=1, max_size=3))
    rows = np.stack([make_table(kind, 16, rng) for kind in kinds])
    model = Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), 16)
    numbers = data.draw(st.lists(st.sampled_from([0, 1, 2**bits - 1]) | st.integers(0, 2**bits - 1), max_size=QUEUE))
    rooms = data.draw(st.lists(st.integers(0, SIZE), min_size=QUEUE, max_size=QUEUE))
    check_decoding(model, numbers, rooms, bits, count)


def check_decoding(model: ByteModel, numbers: list[int], rooms: list[int], bits: int, count: int) -> None:
    # What is left of the queue is no code of it, whatever is there.
    codes = np.full((QUEUE, limb_count(bits)), 0xABCDEF01, np.uint32)
    for row, number in zip(codes, numbers, strict=False):
        row[:] = to_limbs(number, len(row))
    bounds = np.concatenate([[0], np.cumsum(rooms)]).astype(np.int32)
    text, lengths = map(
        np.asarray,
        decode_lanes(
            model, Preorder(bits), jnp.asarray(codes), jnp.asarray(bounds), jnp.array(len(numbers)), count, ROOM
        ),
    )
    assert text.dtype == np.uint8 and lengths.dtype == np.int32
    strings, sizes = map(np.asarray, decode_alone(model, jnp.asarray(codes), bits))
    used = np.zeros(ROOM, bool)
    for k in range(len(numbers)):
        kept = min(sizes[k], rooms[k], SIZE)
        assert lengths[k] == sizes[k]
        np.testing.assert_array_equal(text[bounds[k] : bounds[k] + kept], strings[k, :kept])
        used[bounds[k] : bounds[k] + min(sizes[k], rooms[k])] = True
    assert not lengths[len(numbers) :].any() and not text[~used].any()


@functools.cache
def tiny() -> ByteModel:
    return make(np.random.default_rng(0), ONE_LAYER)


@pytest.mark.deep
@pytest.mark.parametrize("bits, count", [(24, 3), (128, 1)])
@given(st.lists(texts(SIZE), max_size=QUEUE), stopping, seeds)
def test_through_the_exact_transformer(bits, count, batch, stops, seed):
    # The longest windows are longer than the context, so that what is left in its buffers would show.
    check_encoding(tiny(), batch, stops, bits, count)
    rng = np.random.default_rng(seed)
    numbers = [int.from_bytes(rng.bytes(16), "little") % 2**bits for _ in range(QUEUE - 1)]
    check_decoding(tiny(), numbers, [SIZE] * QUEUE, bits, count)


@pytest.mark.slow
def test_the_lanes_leave_the_last_quarter_of_them():
    rng = np.random.default_rng(0)
    model = Markov(jnp.asarray(np.tile(make_table("random", 16, rng), (257, 1))), 16)
    batch = [bytes(4)] * 6 + [rng.bytes(SIZE), rng.bytes(SIZE - 20)]
    for count, left in ((8, 2), (4, 1), (3, 0), (1, 0)):
        taken = [len(begins) for begins, _ in side_by_side(model, batch, np.zeros(ROOM, bool), 16, count)]
        assert sum(n < len(text) for n, text in zip(taken, batch, strict=True)) == left


@pytest.mark.deep
@pytest.mark.slow
def test_wider_default_dtypes_change_nothing():
    rng = np.random.default_rng(6)
    model = Markov(jnp.asarray(np.stack([make_table("random", 16, rng) for _ in range(257)])), 16)
    batch = [sample(model, SIZE, rng), b"", rng.bytes(7), bytes(SIZE)]
    with jax.enable_x64(True):
        check_encoding(model, batch, np.zeros(ROOM, bool), 33, 3)
        check_decoding(model, [0, 2**33 - 1, 2**32, 12345], [SIZE] * QUEUE, 33, 3)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [9, pytest.param(64, marks=pytest.mark.deep)])
def test_they_are_proved_exact(bits):
    struct = jax.ShapeDtypeStruct
    model = within(Markov(jnp.zeros((257, 257), jnp.uint32), 16), 0, 1 << 16)
    bounds, count = struct((QUEUE + 1,), jnp.int32), struct((), jnp.int32)
    text, stops = struct((SIZE,), jnp.uint8), struct((SIZE,), jnp.bool_)
    codes = struct((QUEUE, limb_count(bits)), jnp.uint32)
    with annotations_unchecked():  # they take most of the time
        audit(
            lambda m, *args: cast(Any, lanes.encode)(m, Preorder(bits), *args, 3), model, text, bounds, count, stops
        ).check()
        audit(
            lambda m, *args: cast(Any, lanes.decode)(m, Preorder(bits), *args, 3, ROOM), model, codes, bounds, count
        ).check()


@pytest.mark.parametrize("bits", [8, 129])
def test_other_budgets_are_refused(bits):
    with pytest.raises(ValueError, match=f"9 to 128 bits, got {bits}"):
        Preorder(bits)
