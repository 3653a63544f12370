"""Windows that pass M1's state on: as the oracle has them, and every text comes back, across the ends of blocks too."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.coding import resets
from ecjax.integers import from_limbs, limb_count, to_limbs
from tests.coding.test_batches import array, model
from tests.oracles import resets as oracle
from tests.strategies import python_model, texts

BLOCK = 40
EVERY = [2, *(pytest.param(every, marks=pytest.mark.deep) for every in (None, 1, 3))]


@pytest.fixture(autouse=True)
def three_lanes(monkeypatch):
    monkeypatch.setattr(resets, "lanes_for", lambda items: 3)  # always, lest each number of them be compiled


def decode(batch: list[list[int]], bits: int, every: int | None) -> list[list[bytes]]:
    codes = [np.array([to_limbs(code, limb_count(bits)) for code in own], np.uint32) for own in batch]
    return resets.decode(model(), bits, every, [own.reshape(-1, limb_count(bits)) for own in codes])


@pytest.mark.parametrize("every", EVERY)
@given(st.lists(texts(3 * BLOCK, model()), min_size=1, max_size=3))
def test_texts_are_cut_as_the_oracle_cuts_them_and_come_back(every, batch):
    found = resets.encode(model(), 33, every, [array(text) for text in batch], BLOCK)
    codes = [[from_limbs(code) for code in own] for own, _ in found]
    assert codes == [oracle.encode_blocks(python_model(model()), text, 33, every, BLOCK) for text in batch]
    strings = decode(codes, 33, every)
    for text, own, (_, begins) in zip(batch, strings, found, strict=True):
        assert b"".join(own) == text
        assert [text[a:b] for a, b in pairwise([*begins.tolist(), len(text)])] == own


@given(st.lists(st.lists(st.sampled_from([0, 0, 1, 2**33 - 1]) | st.integers(0, 2**33 - 1), max_size=9), max_size=3))
def test_any_codes_decode(batch):
    strings = decode(batch, 33, 2)
    assert [len(own) for own in strings] == [len(codes) for codes in batch]
    expected = [oracle.decode_blocks(python_model(model()), codes, 33, 2) for codes in batch]
    assert [b"".join(own) for own in strings] == expected


@pytest.mark.deep
def test_more_steps_than_are_taken_at_once():
    text = bytes(range(256)) * 20 + b"end"
    codes, _ = resets.encode(model(), 33, None, [array(text)])[0]
    assert len(text) > resets._STEPS and len(text) < resets.BLOCK
    assert b"".join(resets.decode(model(), 33, None, [codes])[0]) == text
