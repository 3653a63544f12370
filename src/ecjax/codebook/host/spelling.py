"""Decoding on the host, compiled by numba: the strings of ids, copied one after another, 32 bytes at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int32, Int64, UInt8
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ecjax.codebook.compiled import compiled

_U = np.uint64
WIDTH = 32  # bytes that are copied at once, of which some may be too many


def _copying(_: Any, into: Any, at: Any, source: Any, place: Any) -> Any:
    """Copies `WIDTH` bytes from `source[place:]` to `into[at:]`, which must have so many."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def pointer(array: int, index: int) -> Any:
            data = cgutils.create_struct_proxy(signature.args[array])(context, builder, args[array]).data
            vector = ir.VectorType(ir.IntType(8), WIDTH)
            return builder.bitcast(builder.gep(data, [args[index]]), vector.as_pointer())

        builder.store(builder.load(pointer(2, 3), align=1), pointer(0, 1), align=1)
        return context.get_dummy_value()

    return types.void(into, types.uint64, source, types.uint64), code


_copy: Any = intrinsic(_copying)


@compiled
def measure(
    lengths: Int32[np.ndarray, " size"], ids: Int32[np.ndarray, " n"], bounds: Int64[np.ndarray, " batch+1"]
) -> Int64[np.ndarray, " batch+1"]:
    """Where the text of each sequence of ids begins, and where the last one ends; nothing if some are not ids."""
    out = np.zeros(len(bounds), np.int64)
    total = 0
    for k in range(len(bounds) - 1):
        for i in range(bounds[k], bounds[k + 1]):
            if ids[i] < 0 or ids[i] >= len(lengths):
                return np.zeros(0, np.int64)
            total += lengths[ids[i]]
        out[k + 1] = total
    return out


@compiled
def spell(
    strings: UInt8[np.ndarray, " total"],
    offsets: Int32[np.ndarray, " size"],
    lengths: Int32[np.ndarray, " size"],
    ids: Int32[np.ndarray, " n"],
    out: UInt8[np.ndarray, " _"],
) -> None:
    """Writes the strings of ids into `out`, which has `WIDTH` bytes more than they need."""
    place = _U(0)
    last = len(strings) - WIDTH
    for i in range(len(ids)):
        token = _U(ids[i])
        begin, length = np.int64(offsets[token]), np.int64(lengths[token])
        copied = np.int64(0)
        while copied < length and begin + copied <= last:
            _copy(out, place + _U(copied), strings, _U(begin + copied))
            copied += WIDTH
        for j in range(copied, length):
            out[place + _U(j)] = strings[_U(begin + j)]
        place += _U(length)
