"""Without numba plain Python does the same, and what is compiled is compared with it."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from ecjax.codebook import host
from ecjax.codebook.host import plain
from tests.codebook.support import codebooks, drawn, mixed_text
from tests.strategies import seeds


@given(codebooks, seeds)
def test_both_give_the_same(book, seed):
    codebook = drawn(*book).codebook
    rng = np.random.default_rng(seed)
    text = mixed_text(rng, int(rng.choice([0, 1, 40, 3000])))
    parse = plain.greedy if codebook.costs is None else plain.cheapest
    assert parse(codebook, text) == codebook.encode(text).tolist() == drawn(*book).parse(text)


@pytest.mark.parametrize("book", [(0, 12, True, None), (0, 12, False, None), (1, 40, False, "few")])
def test_every_method_does_without_numba(book, monkeypatch):
    codebook = drawn(*book).codebook
    texts = [mixed_text(np.random.default_rng(seed), 50) for seed in range(3)] + [b""]

    def answers():
        batch = codebook.encode_batch(texts)
        ids, offsets = codebook.encode_with_offsets(texts[0])
        return [
            [ids.tolist() for ids in batch],
            [ids.dtype for ids in batch],
            codebook.decode_batch(batch),
            codebook.decode_batch([]),
            codebook.encode_batch([]),
            codebook.decode(np.array([], np.int64)),
            (ids.tolist(), offsets.tolist(), offsets.dtype),
        ]

    fast = answers()
    monkeypatch.setattr(host, "available", lambda: False)
    assert answers() == fast
    with pytest.raises(ValueError, match=r"ids lie in 0 .. 511, got 512 at position 1"):
        codebook.decode([0, 512])


PROGRAM = """
import os, sys
sys.modules["numba"] = None if sys.argv[1] == "without" else sys.modules.get("numba")
if sys.modules["numba"] is None and sys.argv[1] != "without": del sys.modules["numba"]
import ecjax
from concurrent.futures import ThreadPoolExecutor
from jax._src import xla_bridge

codebook = ecjax.load_codebook("books-12")
texts = [b"the cat sat on the mat. " * n for n in range(1, 40)]
ids = codebook.encode_batch(texts)
assert codebook.decode_batch(ids) == texts
child = os.fork()
if child == 0:
    same = all((a == b).all() for a, b in zip(codebook.encode_batch(texts), ids))
    os._exit(0 if same and codebook.decode_batch(ids) == texts else 1)
assert os.waitpid(child, 0)[1] == 0
with ThreadPoolExecutor(4) as pool:
    assert all((a == b).all() for a, b in zip(pool.map(codebook.encode, texts), ids))
assert not xla_bridge.backends_are_initialized()
"""


@pytest.mark.parametrize("numba", ["with", "without"])
def test_no_device_is_started_and_forks_and_threads_are_safe(numba):
    subprocess.run([sys.executable, "-c", PROGRAM, numba], check=True, timeout=300)
