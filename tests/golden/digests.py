"""Digests of what the shipped files make of the shipped sample text: `python -m tests.golden.digests [NAME ...]`.

They are what every machine, backend, setting and version of JAX has to give. Prints them as JSON; test_digests.py
compares them with digests.json, and says under which settings.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from types import ModuleType

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ecjax
from ecjax import serialisation
from ecjax.coding import rans, stream

TEXT = serialisation.asset("sample.txt").read_bytes()[20_000:24_096]
DOCUMENTS = [TEXT[:700], b"", b"\x00\xff" * 20, TEXT[700:701], TEXT[701:1000]]
BITS = (16, 24, 32, 64, 128)


def sha256(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).astype(dtype).tobytes()).hexdigest()


def as_array(text: bytes) -> jax.Array:
    return jnp.asarray(np.frombuffer(text, np.uint8))


def tables(text: bytes) -> str:
    """Of the tables before each byte of one text, much longer than the model's context or not."""
    model = ecjax.load_model("m1-books")
    return sha256(np.asarray(eqx.filter_jit(type(model).sequence)(model, as_array(text))), "<u4")


def windows(bits: int) -> str:
    tokenizer = ecjax.EqualInfo(ecjax.load_model("m1-books"), bits)
    ids = tokenizer.encode_batch(DOCUMENTS)
    assert tokenizer.decode_batch(ids) == DOCUMENTS
    return sha256(np.concatenate(ids), "<u2")


def streamed(coder: ModuleType) -> str:
    model = ecjax.load_model("m1-books")
    coded = eqx.filter_jit(coder.encode)(model, as_array(TEXT), jnp.asarray(len(TEXT), jnp.int32))
    return sha256(np.asarray(coded.code)[: int(coded.length)], "u1")


def tokens(name: str) -> str:
    """Of a codebook's ids, inside jit and on the host."""
    codebook = ecjax.load_codebook(name)
    ids, count = eqx.filter_jit(type(codebook).encode_array)(codebook, as_array(TEXT), len(TEXT))
    np.testing.assert_array_equal(np.asarray(ids)[: int(count)], codebook.encode(TEXT))
    return sha256(np.asarray(ids)[: int(count)], "<u2")


DIGESTS: dict[str, Callable[[], str]] = {
    "m1-books": lambda: serialisation.read_fingerprint(serialisation.resolve("m1-books")),
    "m1-books-12": lambda: tokens("m1-books-12"),
    "m1-books-16": lambda: tokens("m1-books-16"),
    "books-12": lambda: tokens("books-12"),
    "books-16": lambda: tokens("books-16"),
    "mixed-16": lambda: tokens("mixed-16"),
    "tables": lambda: tables(TEXT),
    "tables-short": lambda: tables(TEXT[:20]),
    "stream": lambda: streamed(stream),
    "rans": lambda: streamed(rans),
    **{f"windows-{bits}": (lambda bits=bits: windows(bits)) for bits in BITS},
}


if __name__ == "__main__":
    print(json.dumps({name: DIGESTS[name]() for name in sys.argv[1:] or DIGESTS}, indent=2))
