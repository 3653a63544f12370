"""Texts of any length and number run through few compiled programs: a model takes seconds to compile."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
import pytest

from ecjax import EqualInfo
from ecjax.coding import batches
from ecjax.models.unigram import Unigram

LONGEST = 1 << 16
MOST = 7
"""Programs at most in each direction: 1, 4 or 16 lanes, and room for 64 KiB, 256 KiB or 1 MiB."""


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many programs there are for encoding and for decoding."""
    counts = {"encode": 0, "decode": 0}

    def counted(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*arguments: Any) -> Any:
            counts[kind] += 1
            return function(*arguments)

        return traced

    for name, kind in (("_walk", "encode"), ("_spell", "decode")):
        monkeypatch.setattr(batches, name, eqx.filter_jit(counted(kind, getattr(batches, name)._function)))
    return counts


def documents(seed: int, count: int) -> list[bytes]:
    """Documents whose lengths are spread evenly on a scale of logarithms, from 1 byte to 64 KiB."""
    rng = np.random.default_rng(seed)
    lengths = np.exp(rng.uniform(0, np.log(LONGEST), size=count)).astype(int)
    return [rng.integers(256, size=length, dtype=np.uint8).tobytes() for length in lengths]


def rounds(seed: int) -> list[list[bytes]]:
    """Documents one by one, and batches of up to 100."""
    rng = np.random.default_rng(seed)
    alone = [[rng.bytes(length)] for length in (1, 2, 63, 1000, 4097, LONGEST)]
    return alone + [documents(seed + count, count) for count in (3, 17, 100)]


@pytest.mark.deep
@pytest.mark.slow
def test_few_programs_are_compiled_for_documents_of_any_length(programs):
    tokenizer = EqualInfo(Unigram(np.arange(257, dtype=np.uint32) << 8, 16), 24)

    def run(seed: int) -> None:
        for batch in rounds(seed):
            assert tokenizer.decode_batch(tokenizer.encode_batch(batch)) == batch

    run(0)
    first = dict(programs)
    assert 0 < first["encode"] <= MOST and 0 < first["decode"] <= MOST
    run(1000)
    assert programs == first
