"""The windows of a model, found level by level of their tree."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer, PyTree, UInt8, UInt32

from ecjax.codebook.table import MAX_CODEBOOK_BITS, Codebook, check_size
from ecjax.coding.windows import MIN_BITS, Node, Shares
from ecjax.models.base import ByteModel, check_usable
from ecjax.padding import bucket

_LANES = 256  # nodes whose children are found side by side


@eqx.filter_jit
@functools.partial(jax.vmap, in_axes=(None, 0, None, 0, 0))
def _starts(
    model: ByteModel,
    prefix: Integer[Array, " n"],
    length: Integer[Array, ""],
    code: UInt32[Array, "1"],
    below: UInt32[Array, "1"],
) -> UInt32[Array, "257"]:
    """Where each child's points start below the node at the end of `prefix[:length]`."""

    def advance(i: Array, state: PyTree[Any]) -> PyTree[Any]:
        return model.step(state, prefix[i])

    state = jax.lax.fori_loop(0, length, advance, model.init())
    shares = Shares(Node(below, code, length == 0), model.frequencies(state), model.precision)
    return jax.vmap(shares.start)(jnp.arange(257))[:, 0]


def compile_codebook(
    model: ByteModel,
    bits: int,
    provenance: Mapping[str, object] | None = None,
    report: Callable[[int], None] | None = None,
) -> Codebook:
    """Compiles the windows of a model, level by level of their tree.

    Args:
      model: M1. Of one that is not exact, the codebook freezes what it computes here and now.
      bits: b, 9 to 16.
      provenance: What people should know of the codebook's origin.
      report: Called now and then with the number of strings found.

    Returns:
      The codebook whose `encode` and `decode` equal running the model.
    """
    if not MIN_BITS <= bits <= MAX_CODEBOOK_BITS:
        raise ValueError(
            f"a codebook is of {MIN_BITS} to {MAX_CODEBOOK_BITS} bits, got {bits}; windows of more have no table"
        )
    check_usable(model, allow_inexact=True)
    parents, last_bytes = np.zeros(1 << bits, np.uint16), np.zeros(1 << bits, np.uint8)
    codes = np.zeros(1, np.uint32)
    below = np.array([(1 << bits) - 1], np.uint32)
    prefixes = np.zeros((1, 0), np.uint8)
    found, total = 1, 0
    while len(codes):
        # Every point below is a string still to be found, longer than those so far; finding them all may take hours.
        length = prefixes.shape[1] + 1
        check_size(total + length * int(below.sum(dtype=np.int64)))
        next_codes, next_below, next_prefixes = [], [], []
        for begin in range(0, len(codes), _LANES):
            part = slice(begin, begin + _LANES)
            starts = _expand(model, prefixes[part], codes[part], below[part])
            counts = np.diff(starts)
            node, byte = np.nonzero(counts)
            child = codes[part][node] + 1 + starts[node, byte]
            parents[child], last_bytes[child] = codes[part][node], byte
            found, total = found + len(child), total + length * len(child)
            inner = counts[node, byte] > 1
            next_codes.append(child[inner])
            next_below.append(counts[node, byte][inner] - 1)
            next_prefixes.append(np.column_stack([prefixes[part][node], byte.astype(np.uint8)])[inner])
            if report is not None:
                report(found)
        codes, below, prefixes = map(np.concatenate, (next_codes, next_below, next_prefixes))
    return Codebook(parents, last_bytes, json.dumps(dict(provenance or {}), sort_keys=True))


def _expand(
    model: ByteModel,
    prefixes: UInt8[np.ndarray, "n depth"],
    codes: UInt32[np.ndarray, " n"],
    below: UInt32[np.ndarray, " n"],
) -> UInt32[np.ndarray, "n 257"]:
    """`_starts` of up to `_LANES` nodes of one depth, in few shapes."""
    n, depth = prefixes.shape
    padded = np.zeros((_LANES, bucket(depth, 64)), np.uint8)
    padded[:n, :depth] = prefixes

    def fill(a: UInt32[np.ndarray, " n"]) -> UInt32[Array, "lanes 1"]:
        return jnp.asarray(np.pad(a, (0, _LANES - n))[:, None])

    starts = _starts(model, jnp.asarray(padded), jnp.array(depth), fill(codes), fill(below))
    return np.asarray(starts)[:n]
