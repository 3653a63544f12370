"""Windows of many texts: each as by itself, however texts are cut, joined and shared among lanes."""

import functools
from unittest import mock

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding import batches, windows
from ecjax.coding.windows import Preorder
from ecjax.integers import limb_count
from ecjax.models.unigram import Unigram
from tests.models.test_integer import ONE_LAYER, make
from tests.strategies import Markov, make_table, sample, seeds, texts

SIZE = 400
encode_alone = eqx.filter_jit(windows.encode)


@functools.cache
def model(seed: int = 0) -> Markov:
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, 16, rng) for kind in ("random", "flat", "random", "floor")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), 16)


def array(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def alone(m, text: bytes, bits: int, size: int = SIZE) -> np.ndarray:
    coded = encode_alone(m, jnp.asarray(array(text.ljust(size, b"\0"))), jnp.array(len(text)), bits)
    return np.asarray(coded.codes)[: int(coded.count)]


def check(m, bits: int, batch: list[bytes], size: int = SIZE) -> None:
    found = [walk.codes for walk in batches.encode(m, Preorder(bits), [array(text) for text in batch])]
    for text, codes in zip(batch, found, strict=True):
        assert codes.dtype == np.uint32 and codes.shape[1] == limb_count(bits)
        np.testing.assert_array_equal(codes, alone(m, text, bits, size))
    codes = np.concatenate([np.zeros((0, limb_count(bits)), np.uint32), *found])
    strings = batches.decode(m, Preorder(bits), codes)
    assert len(strings) == len(codes) and b"".join(strings) == b"".join(batch)


lengths = st.sampled_from([0, 1, 2, SIZE]) | st.integers(0, SIZE)
kinds = st.sampled_from(["likely", "zeros", "runs", "random"])


@st.composite
def documents(draw) -> bytes:
    kind, length, rng = draw(kinds), draw(lengths), np.random.default_rng(draw(seeds))
    if kind == "likely":
        return sample(model(), length, rng)
    if kind == "zeros":
        return bytes(length)
    if kind == "runs":
        return (
            np.repeat(rng.integers(256, size=length), rng.integers(1, 60, size=length))[:length]
            .astype(np.uint8)
            .tobytes()
        )
    return rng.bytes(length)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, *(pytest.param(b, marks=pytest.mark.deep) for b in (33, 128))])
@given(st.lists(documents(), max_size=6), st.sampled_from([1, 40, SIZE]), st.sampled_from([1, 16]))
def test_each_text_is_cut_as_by_itself(bits, batch, segment, count):
    # Segments shorter than a window, so that walks agree at once, late, or never.
    lanes_of = lambda items, least=1: min(count, 1 << 2 * (((max(items, least) - 1).bit_length() + 1) // 2))
    with (
        mock.patch.object(batches, "_segment_size", lambda bits, total: segment),
        mock.patch.object(batches, "lanes_for", lanes_of),
    ):
        check(model(), bits, batch)


@pytest.mark.deep
@pytest.mark.slow
@given(st.lists(texts(SIZE // 4), max_size=3), st.integers(1, 40))
def test_through_the_exact_transformer(batch, segment):
    with (
        mock.patch.object(batches, "_segment_size", lambda bits, total: segment),
        mock.patch.object(batches, "lanes_for", lambda items, least=1: 3),
    ):
        check(make(np.random.default_rng(0), ONE_LAYER), 24, batch, SIZE // 4)


@pytest.mark.slow
def test_more_text_than_is_handed_to_the_lanes_at_once():
    rng = np.random.default_rng(1)
    batch = [sample(model(), int(n), rng) for n in rng.integers(0, SIZE, size=40)]
    with mock.patch.multiple(batches, _BLOCK=1000, _QUEUE=1, _ROOM=64):
        check(model(), 16, batch)


@pytest.mark.slow
def test_long_texts_are_cut_where_no_one_asked():
    rng = np.random.default_rng(2)
    batch = [sample(model(), 6000, rng), bytes(5000), b"", rng.bytes(300)]
    check(model(), 16, batch, 6000)


@pytest.mark.slow
def test_windows_longer_than_the_first_room():
    sure = np.ones(256, np.uint32)
    sure[97] = 512 - 255
    m = Unigram(np.concatenate([[0], np.cumsum(sure)]).astype(np.uint32), 9)
    text = b"b" + b"a" * 500 + b"xyz" + b"a" * 200
    codes = batches.encode(m, Preorder(16), [array(text)])[0].codes
    strings = batches.decode(m, Preorder(16), codes)
    assert max(map(len, strings)) > 64 and b"".join(strings) == text


@pytest.mark.parametrize("bits", [9, 24, 32, 64, 128])
def test_segments_leave_room_to_fall_into_step(bits):
    for total in (0, 1, 1000, 10**6, 10**9):
        assert bits * bits <= batches._segment_size(bits, total) <= 1 << 16


def test_nothing():
    assert batches.encode(model(), Preorder(16), []) == []
    assert [len(walk.codes) for walk in batches.encode(model(), Preorder(16), [array(b""), array(b"")])] == [0, 0]
    assert batches.decode(model(), Preorder(16), np.zeros((0, 1), np.uint32)) == []
    assert batches.decode(model(), Preorder(16), np.zeros((2, 1), np.uint32)) == [b"", b""]
