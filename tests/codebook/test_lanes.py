"""Closed codebooks without costs: one walk, whatever the text's length, and inside jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.codebook.host import LEAST as LANE
from tests.codebook.support import SIZE, codebook_of, in_step, jit_decode, jit_encode, lane_text, strings_of, walk
from tests.strategies import padded, seeds

EDGES = (LANE, 3 * LANE // 2, 2 * LANE, 5 * LANE // 2, 3 * LANE, 8192)


@given(st.data(), st.integers(0, 255))
@pytest.mark.slow
def test_arrays_inside_jit(data, filler):
    codebook, codes = in_step()
    text = data.draw(st.text("abxyz\0", max_size=SIZE).map(str.encode) | st.binary(max_size=SIZE))
    ids, count = jit_encode(codebook, jnp.asarray(padded(text, SIZE, filler)), jnp.array(len(text)))
    assert ids.dtype == jnp.int32 and ids.shape == (SIZE,)
    assert ids[:count].tolist() == walk(codes, text) and not ids[count:].any()
    restored, length = jit_decode(codebook, ids, capacity=SIZE + 3)
    assert length == len(text) and np.asarray(restored).tobytes() == text.ljust(SIZE + 3, b"\0")
    restored, length = jit_decode(codebook, ids, capacity=5)
    assert length == len(text) and np.asarray(restored).tobytes() == text[:5].ljust(5, b"\0")


@pytest.mark.parametrize("size", [0, 1, 2])
def test_small_arrays(size):
    codebook, codes = in_step()
    for length in range(size + 1):
        text = b"ab"[:length]
        ids, count = jit_encode(codebook, jnp.asarray(padded(text, size)), jnp.array(length))
        assert ids[:count].tolist() == walk(codes, text)
        restored, total = jit_decode(codebook, ids, capacity=4)
        assert total == length and np.asarray(restored).tobytes() == text.ljust(4, b"\0")


def test_wider_default_dtypes_change_nothing():
    codebook, _ = in_step()
    text = b"aaabxyxy\0\0" * 6
    expected = codebook.encode(text)
    with jax.enable_x64(True):
        ids, count = jit_encode(codebook, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)))
        assert ids.dtype == count.dtype == jnp.int32
        np.testing.assert_array_equal(ids[:count], expected)
        restored, length = jit_decode(codebook, ids, capacity=SIZE)
        assert length.dtype == jnp.int32 and np.asarray(restored)[:length].tobytes() == text


@given(seeds, st.sampled_from(EDGES), st.sampled_from((-2, -1, 0, 1, 2)) | st.integers(-300, 300))
def test_lanes_join_to_one_walk(seed, edge, offset):
    codebook, codes = in_step()
    text = lane_text(np.random.default_rng(seed), edge + offset)
    assert codebook.encode(text).tolist() == walk(codes, text)


@pytest.mark.parametrize("alphabet", [b"a", b"\0", b"xy", b"q", b"ba"])
@pytest.mark.parametrize("length", [LANE + 256, 3 * LANE + 1, 4 * LANE + 17])
def test_lanes_that_never_fall_into_step(alphabet, length):
    codebook, codes = in_step()
    text = (alphabet * length)[:length]
    assert codebook.encode(text).tolist() == walk(codes, text)


def test_lanes_fall_into_step_after_several_that_do_not():
    codebook, codes = in_step()
    for text in (
        b"a" * (2 * LANE + 50) + b"bxya" * 3000 + b"xy" * 3000,
        b"q" * 3 + b"a" * 9000 + b"q" + bytes(9000),
        b"a" * (LANE + 256 - 1) + b"q" * 5000,
        b"a" * (LANE + 256) + b"q" * 5000,
        b"a" * (LANE - 1) + b"q" + b"a" * 5000,
    ):
        assert codebook.encode(text).tolist() == walk(codes, text)


@pytest.mark.slow
def test_windows_longer_than_lanes():
    longest = 7000
    chain = [b"a" * k for k in range(2, longest + 1)]
    codebook = codebook_of(
        chain
        + [bytes([c, d]) for c in b"bc" for d in range(256)]
        + [b"cb" + bytes([c]) for c in range(200)]
        + [bytes([d, c]) for d in range(100, 110) for c in range(256)],
        13,
    )
    assert int(codebook.lengths.max()) == longest
    codes = {string: code for code, string in enumerate(strings_of(codebook))}
    for text in (
        b"a" * 30_000,
        b"b" + b"a" * 20_000,
        b"a" * 6999 + b"b" + b"a" * 7001 + b"c" * 4000,
        b"cb" * 5000 + b"a" * 9000,
        b"a" * longest,
        b"a" * (longest + 1),
    ):
        ids = codebook.encode(text)
        assert ids.tolist() == walk(codes, text)
        assert codebook.decode(ids) == text


def test_a_batch_of_texts_of_all_lengths():
    codebook, codes = in_step()
    rng = np.random.default_rng(4)
    batch = [lane_text(rng, n) for n in (0, 1, 5, LANE - 1, LANE, LANE + 1, 0, 12_000, 300)]
    ids = codebook.encode_batch(batch)
    assert [i.tolist() for i in ids] == [walk(codes, text) for text in batch]
    assert codebook.decode_batch(ids) == batch


@pytest.mark.slow
def test_more_lanes_than_are_walked_at_once():
    codebook, codes = in_step()
    batch = [b"ab"[: i % 3] + b"q" for i in range(300)]
    assert [i.tolist() for i in codebook.encode_batch(batch)] == [walk(codes, text) for text in batch]
