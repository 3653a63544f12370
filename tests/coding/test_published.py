"""The paper's own windows: as the oracle has them, read as it reads them; delayed ones come back."""

import functools
from typing import Any, cast
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding import batches, lanes
from ecjax.coding.published import Published
from ecjax.exactness import audit, within
from ecjax.integers import from_limbs, limb_count, to_limbs
from tests.coding.test_batches import array
from tests.oracles import published as oracle
from tests.strategies import Markov, annotations_unchecked, make_table, python_model, sample, seeds, texts

SIZE = 80
SETTINGS = [
    (33, 12),
    pytest.param(16, 16, marks=pytest.mark.deep),
    pytest.param(128, 9, marks=pytest.mark.deep),
]
"""Bits of a window, and the model's precision."""


@pytest.fixture(autouse=True)
def three_lanes(monkeypatch):
    monkeypatch.setattr(batches, "lanes_for", lambda items, least=1: 3)  # always, lest each number of them be compiled


@functools.cache
def model(seed: int, precision: int) -> Markov:
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, precision, rng) for kind in ("spiky", "random", "floor", "spiky")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), precision)


def cut(m: Markov, code: Published, batch: list[bytes]) -> list[list[tuple[int, bytes]]]:
    """The code and the string of each window of each text."""
    out = []
    for text, walk in zip(batch, batches.encode(m, code, [array(text) for text in batch]), strict=True):
        begins = np.flatnonzero(walk.begins).tolist()
        strings = [text[a:b] for a, b in zip(begins, [*begins[1:], len(text)], strict=False)]
        out.append(list(zip(map(from_limbs, walk.codes), strings, strict=True)))
    return out


def read(m: Markov, code: Published, numbers: list[int]) -> list[bytes]:
    rows = [to_limbs(number, limb_count(code.bits)) for number in numbers]
    return batches.decode(m, code, np.array(rows, np.uint32).reshape(-1, limb_count(code.bits)))


@pytest.mark.slow
@pytest.mark.parametrize("delayed", [pytest.param(False, marks=pytest.mark.deep), True])
@pytest.mark.parametrize("bits, precision", SETTINGS)
@given(st.integers(0, 2), seeds, st.data())
def test_windows_are_those_of_the_oracle(bits, precision, delayed, seed, drawn, data):
    m, code = model(seed, precision), Published(bits, delayed)
    batch = [sample(m, SIZE, np.random.default_rng(drawn)), data.draw(texts(SIZE // 4, m))]
    found = cut(m, code, batch)
    assert found == [oracle.windows(python_model(m), text, bits, delayed) for text in batch]
    windows = [window for own in found for window in own]
    strings = read(m, code, [number for number, _ in windows])
    assert strings == [oracle.decode_window(python_model(m), number, bits, delayed) for number, _ in windows]
    if delayed:
        assert strings == [string for _, string in windows]


@pytest.mark.slow
@pytest.mark.parametrize("delayed", [pytest.param(False, marks=pytest.mark.deep), True])
@given(st.integers(0, 2), st.lists(st.sampled_from([0, 1, 2**33 - 1]) | st.integers(0, 2**33 - 1), max_size=8))
def test_any_numbers_are_read_as_the_oracle_reads_them(delayed, seed, numbers):
    m = model(seed, 12)
    expected = [oracle.decode_window(python_model(m), number, 33, delayed) for number in numbers]
    assert read(m, Published(33, delayed), numbers) == expected


@pytest.mark.parametrize("segment", [7, 40, 79])
def test_texts_that_are_cut_up_give_the_same_windows(segment):
    # Segments shorter than a window, so that windows reach their ends, and the ends of those that follow.
    m, rng = model(0, 12), np.random.default_rng(segment)
    batch = [sample(m, SIZE, rng), sample(m, SIZE, rng), bytes(SIZE), rng.bytes(5)]
    with mock.patch.object(batches, "_segment_size", lambda bits, total: segment):
        found = cut(m, Published(33, True), batch)
    assert found == [oracle.windows(python_model(m), text, 33, True) for text in batch]


def test_a_window_ends_where_its_padded_code_first_came_though_it_was_left_in_between():
    m = model(0, 9)
    text = sample(m, 600, np.random.default_rng(0))
    returning = 0
    for number, string in oracle.windows(python_model(m), text, 33):
        codes = [oracle.padded_code(python_model(m), string[: n + 1], 33) for n in range(len(string))]
        first = codes.index(number) + 1
        if any(code != number for code in codes[first:]):
            returning += 1
            assert cut(m, Published(33, True), [string])[0][0] == (number, string[:first])
    assert returning > 0


@pytest.mark.slow
def test_two_strings_have_one_code_and_the_longer_is_read_or_delayed_the_shorter():
    m = model(2, 9)
    text = sample(m, 600, np.random.default_rng(0))
    for delayed in (False, True):
        numbers = [number for number, _ in oracle.windows(python_model(m), text, 33, delayed)]
        readings = [oracle.readings(python_model(m), number, 33) for number in numbers]
        assert any(len(found) > 1 for found in readings)
        assert read(m, Published(33, delayed), numbers) == [found[0 if delayed else -1] for found in readings]


@pytest.mark.slow
@pytest.mark.parametrize("delayed", [pytest.param(False, marks=pytest.mark.deep), True])
def test_one_text_and_windows_alike(delayed):
    m, code = model(0, 12), Published(33, delayed)
    text = sample(m, 60, np.random.default_rng(1))
    block = jnp.asarray(array(text + b"\xaa\xbb"))
    coded = jax.jit(lanes.encode_alone)(m, code, block, jnp.array(60))
    codes = np.asarray(coded.codes)[: int(coded.count)]
    assert [from_limbs(row) for row in codes] == [number for number, _ in cut(m, code, [text])[0]]
    assert not np.asarray(coded.codes)[len(codes) :].any()
    strings, lengths = map(
        np.asarray, jax.jit(lanes.decode_alike, static_argnames="capacity")(m, code, jnp.asarray(codes), capacity=5)
    )
    for row, length, string in zip(strings, lengths, batches.decode(m, code, codes), strict=True):
        assert length == len(string) and row.tobytes() == string[:5].ljust(5, b"\0")


@pytest.mark.slow
@pytest.mark.parametrize("delayed", [pytest.param(False, marks=pytest.mark.deep), True])
def test_they_are_proved_exact(delayed):
    struct = jax.ShapeDtypeStruct
    m, code = within(Markov(jnp.zeros((257, 257), jnp.uint32), 16), 0, 1 << 16), Published(33, delayed)
    bounds, count = struct((4,), jnp.int32), struct((), jnp.int32)
    with annotations_unchecked():
        text, stops = struct((20,), jnp.uint8), struct((20,), jnp.bool_)
        audit(lambda m, *args: cast(Any, lanes.encode)(m, code, *args, 2), m, text, bounds, count, stops).check()
        codes = struct((3, 2), jnp.uint32)
        audit(lambda m, *args: cast(Any, lanes.decode)(m, code, *args, 2, 20), m, codes, bounds, count).check()


def test_bits_that_do_not_hold_every_byte_are_refused():
    with pytest.raises(ValueError, match="9 to 128 bits, got 8"):
        Published(8)
    with pytest.raises(ValueError, match=r"one byte can take 12 bits.* got 11"):
        cut(model(0, 12), Published(11), [b"a"])
