"""The most probable windows under a model that knows where windows end.

Such a model is a Transformer over 257 symbols: the bytes, and the end of the window. It reads one window, from its
start. The probability of a window is the product of those of its bytes and of its end. A string's own product, without
the end, bounds the probability of every window that begins with it. So the windows are found best first, and the search
ends when no string that is left can begin a window as probable as those found.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Float64, Int32, Integer, UInt8

from ecjax.codebook.table import LONGEST, MAX_CODEBOOK_BITS, Codebook
from ecjax.coding.windows import MIN_BITS
from ecjax.models.files import load_transformer
from ecjax.models.transformer import Transformer
from ecjax.serialisation import Contents

END = 256
"""The symbol after a window's last byte."""

_UNIT = 256  # costs are in 1/256 bit
_LARGEST_COST = (1 << 16) - 1
_LANES = 512  # strings that the model reads side by side
_STEP = 4  # strings are padded to a multiple of so many bytes

After = Callable[[UInt8[np.ndarray, "n longest"], Int32[np.ndarray, " n"]], Float32[np.ndarray, "n 257"]]
"""log2 of the probability of each symbol after each string, which are given as padded rows and their lengths."""


class Strings(NamedTuple):
    """Strings that the model has not read yet, each the string of an earlier one and a byte.

    Attributes:
      parents: The number of the earlier string.
      last_bytes: The byte.
      logs: log2 of the probability that a window begins with the string.
    """

    parents: Int32[np.ndarray, " n"]
    last_bytes: UInt8[np.ndarray, " n"]
    logs: Float32[np.ndarray, " n"]

    def of(self, which: np.ndarray) -> Strings:
        """Those of an index or a mask."""
        return Strings(*(part[which] for part in self))


class Windows(NamedTuple):
    """Strings that the model has read.

    Attributes:
      strings: Padded with zeros.
      lengths: Bytes in each.
      logs: log2 of the probability of the window: of the string and its end.
    """

    strings: UInt8[np.ndarray, "n longest"]
    lengths: Int32[np.ndarray, " n"]
    logs: Float32[np.ndarray, " n"]


_Parts = TypeVar("_Parts", Strings, Windows)


def check_window_model(model: Transformer, name: str = "the model") -> Transformer:
    """The model. Raises ValueError unless it predicts 257 symbols and can see a window of two bytes and its end."""
    if model.config.vocab_size != END + 1:
        raise ValueError(
            f"{name} predicts {model.config.vocab_size} symbols; a model that knows where windows end predicts "
            f"{END + 1}, as train-m1 --windows makes it"
        )
    if model.config.context < 3:
        raise ValueError(f"{name} sees {model.config.context} symbols; it must see two bytes and the end, 3 or more")
    return model


def load_window_model(source: str | Path | Contents) -> Transformer:
    """The model of a file that knows where windows end. Raises ValueError if the file has none."""
    return check_window_model(load_transformer(source), str(source.name if isinstance(source, Contents) else source))


def codebook_from_model(
    model: Transformer,
    bits: int,
    provenance: Mapping[str, object] | None = None,
    report: Callable[[int], None] | None = None,
) -> Codebook:
    """The codebook of the empty string, the 256 bytes, and the most probable longer windows under a model.

    Windows have at most `context - 1` bytes, and at most 255. A string's cost is -log2 of its window's probability in
    units of 1/256 bit, rounded, 1 to 65,535. The model computes in floating point, so another machine may find another
    codebook; the codebook itself is exact.

    Args:
      model: One that knows where windows end.
      bits: b, 9 to 16.
      provenance: What people should know of the codebook's origin.
      report: Called now and then with the number of windows that are sure to be in the codebook.

    Returns:
      A codebook with costs.

    Raises:
      ValueError: If the model does not know where windows end, or `bits` is out of range.
    """
    if not MIN_BITS <= bits <= MAX_CODEBOOK_BITS:
        raise ValueError(f"a codebook is of {MIN_BITS} to {MAX_CODEBOOK_BITS} bits, got {bits}")
    check_window_model(model)
    longest = min(model.config.context - 1, LONGEST)
    windows = most_probable(functools.partial(read_by, model), (1 << bits) - 1, longest, report)
    strings = [row[:length].tobytes() for row, length in zip(windows.strings, windows.lengths, strict=True)]
    return Codebook.from_strings(
        strings, costs=costs_of(windows.logs), provenance=json.dumps(dict(provenance or {}), sort_keys=True)
    )


def costs_of(logs: Float32[np.ndarray, " n"] | Float64[np.ndarray, " n"]) -> Integer[np.ndarray, " n"]:
    """The costs, in 1/256 bit, of windows with these log2 probabilities."""
    return np.clip(np.rint(-_UNIT * logs.astype(np.float64)), 1, _LARGEST_COST).astype(np.uint16)


def most_probable(after: After, count: int, longest: int, report: Callable[[int], None] | None = None) -> Windows:
    """The windows of one byte, and the most probable longer ones.

    Args:
      after: The model.
      count: Windows in all, above 256.
      longest: Bytes of a window at most; there are at least `count` windows of 1 to so many bytes.
      report: Called with the number of windows that are sure to be chosen.

    Returns:
      The bytes first, in order; then the others from the most probable on, of equal ones the least string first.

    Raises:
      ValueError: If the model's logits are not finite.
    """
    root = after(np.zeros((1, longest), np.uint8), np.zeros(1, np.int32))[0, :END]
    read = Windows(np.zeros((1, longest), np.uint8), np.zeros(1, np.int32), np.full(1, -np.inf, np.float32))
    # All bytes are read first: their windows are wanted whatever their probability.
    chosen = Strings(np.zeros(256, np.int32), np.arange(256, dtype=np.uint8), root)
    left = Strings(np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32))
    while len(chosen.logs):
        first = len(read.logs)
        new, symbols = _read(after, read, chosen)
        read = _joined(read, new)
        bound = _bound(read, count)
        left = _joined(left, _extensions(new, symbols, chosen.logs, first, bound))
        left = left.of(left.logs >= bound)
        if report is not None:
            report(_sure(read, left, count))
        chosen, left = _likeliest(left, max(_LANES, len(read.logs) // 4))
    return _best(read, count)


def _read(after: After, read: Windows, chosen: Strings) -> tuple[Windows, Float32[np.ndarray, "n 257"]]:
    """The windows of what is chosen, and log2 of the probability of each symbol after it."""
    strings, lengths = read.strings[chosen.parents], read.lengths[chosen.parents] + np.int32(1)
    strings[np.arange(len(lengths)), lengths - 1] = chosen.last_bytes
    symbols = after(strings, lengths)
    if not np.isfinite(symbols).all():
        raise ValueError("the model's logits are not finite numbers; train it again, at a lower learning rate")
    return Windows(strings, lengths, chosen.logs + symbols[:, END]), symbols


def _extensions(
    new: Windows,
    symbols: Float32[np.ndarray, "n 257"],
    logs: Float32[np.ndarray, " n"],
    first: int,
    bound: float,
) -> Strings:
    """The strings that are a byte longer than the new ones, and may begin a window as probable as the bound."""
    longer = logs[:, None] + symbols[:, :END]
    parent, byte = np.nonzero((longer >= bound) & (new.lengths < new.strings.shape[1])[:, None])
    return Strings((parent + first).astype(np.int32), byte.astype(np.uint8), longer[parent, byte])


def _bound(read: Windows, count: int) -> float:
    """log2 of the probability of the last window that would be chosen now; without enough of them, minus infinity."""
    logs = read.logs[257:]  # neither the empty string nor a byte
    place = len(logs) - (count - 256)
    return float(np.partition(logs, place)[place]) if place >= 0 else -math.inf


def _sure(read: Windows, left: Strings, count: int) -> int:
    """How many windows are at least as probable as any that is still to be found."""
    most = left.logs.max(initial=-np.inf)
    return min(count, 256 + int(np.count_nonzero(read.logs[257:] >= most)))


def _likeliest(left: Strings, count: int) -> tuple[Strings, Strings]:
    """The likeliest `count` strings, and the others."""
    if len(left.logs) <= count:
        return left, left.of(np.zeros(0, np.int64))
    order = np.argpartition(left.logs, -count)
    return left.of(order[-count:]), left.of(order[:-count])


def _best(read: Windows, count: int) -> Windows:
    """The bytes, and the most probable of the longer windows."""
    logs = read.logs[257:]
    near = 257 + np.flatnonzero(logs >= _bound(read, count))
    order = sorted(near.tolist(), key=lambda i: (-read.logs[i], read.strings[i, : read.lengths[i]].tobytes()))
    which = np.concatenate([np.arange(1, 257), np.array(order[: count - 256], np.int64)])
    return Windows(read.strings[which], read.lengths[which], read.logs[which])


def _joined(these: _Parts, those: _Parts) -> _Parts:
    return type(these)(*(np.concatenate(pair) for pair in zip(these, those, strict=True)))


def read_by(
    model: Transformer, strings: UInt8[np.ndarray, "n longest"], lengths: Int32[np.ndarray, " n"]
) -> Float32[np.ndarray, "n 257"]:
    """`After` of a Transformer, in few shapes."""
    found = np.zeros((len(lengths), END + 1), np.float32)
    widths = (lengths // _STEP + 1) * _STEP  # room for the symbol that is asked for
    for width in np.unique(widths).tolist():
        group = np.flatnonzero(widths == width)
        for begin in range(0, len(group), _LANES):
            part = group[begin : begin + _LANES]
            padded, sizes = np.zeros((_LANES, width), np.uint8), np.zeros(_LANES, np.int32)
            here = strings[part, :width]
            padded[: len(part), : here.shape[1]], sizes[: len(part)] = here, lengths[part]
            found[part] = np.asarray(_symbols(model, jnp.asarray(padded), jnp.asarray(sizes)))[: len(part)]
    return found


@eqx.filter_jit
@functools.partial(jax.vmap, in_axes=(None, 0, 0))
def _symbols(model: Transformer, string: UInt8[Array, " n"], length: Int32[Array, ""]) -> Float32[Array, "257"]:
    """log2 of the probability of each symbol after the first `length` bytes of a string."""
    return jax.nn.log_softmax(model(string)[length]) / math.log(2)
