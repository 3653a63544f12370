"""Windows of many texts of any lengths, and back, on the host: cuts them up for `ecjax.coding.lanes` and joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Int32, UInt8, UInt32

from ecjax.coding import lanes
from ecjax.coding.code import WindowCode
from ecjax.coding.joining import Walk, extend, join
from ecjax.integers import limb_count
from ecjax.models.base import ByteModel
from ecjax.padding import coarse_bucket
from ecjax.programs import jit

_LANES = {"cpu": 16}  # more are no faster on a processor's core; elsewhere a step takes the same time for many
_MOST_LANES = 256
_REST = 4  # lanes at least for what is left of texts, lest that be compiled for one lane too
_BLOCK = 1 << 20  # bytes that are handed to the lanes at once
_LONGEST = 1 << 16  # bytes of a segment
_QUEUE, _ROOM = 256, 1 << 16  # items and bytes that there is room for at least, lest a few more be compiled anew


@jit
def _walk(
    model: ByteModel,
    code: WindowCode,
    text: UInt8[Array, " n"],
    bounds: Int32[Array, " bounds"],
    count: Int32[Array, ""],
    stops: Bool[Array, " n"],
    lane_count: int,
) -> lanes.Walks:
    return lanes.encode(model, code, text, bounds, count, stops, lane_count)


@jit
def _spell(
    model: ByteModel,
    code: WindowCode,
    codes: UInt32[Array, "queue limbs"],
    bounds: Int32[Array, " bounds"],
    count: Int32[Array, ""],
    lane_count: int,
    capacity: int,
) -> tuple[UInt8[Array, " capacity"], Int32[Array, " queue"]]:
    return lanes.decode(model, code, codes, bounds, count, lane_count, capacity)


def encode(model: ByteModel, code: WindowCode, texts: Sequence[UInt8[np.ndarray, " _"]]) -> list[Walk]:
    """The windows of each text, as if it stood alone.

    Args:
      model: M1, an exact one.
      code: Which windows.
      texts: Bytes.
    """
    size = _segment_size(code.bits, sum(map(len, texts)))
    origins = [range(0, max(1, len(text)), size) for text in texts]
    segments = [
        _part(text, np.zeros(len(text), bool), o, o + size)
        for text, begins in zip(texts, origins, strict=True)
        for o in begins
    ]
    walked = iter(_walk_all(model, code, segments, least=1))
    walks = [[next(walked) for _ in begins] for begins in origins]
    stops = [np.concatenate([walk.begins for walk in own]) for own in walks]
    # Each walk but a text's last goes on, from its last window, to where it agrees with the next or to that one's end.
    seams = [(i, k) for i, own in enumerate(walks) for k in range(len(own) - 1)]
    lasts = [origins[i][k] + int(np.flatnonzero(walks[i][k].begins)[-1]) for i, k in seams]
    tails = [_part(texts[i], stops[i], last, (k + 2) * size) for last, (i, k) in zip(lasts, seams, strict=True)]
    extended = _walk_all(model, code, tails)
    for last, (i, k), further in zip(lasts, seams, extended, strict=True):
        walks[i][k] = extend(walks[i][k], last - origins[i][k], further)

    def joined(i: int) -> Walk:
        def again(begin: int, k: int) -> Walk:
            return _walk_all(model, code, [_part(texts[i], stops[i], begin, (k + 3) * size)])[0]

        return join(len(texts[i]), origins[i], walks[i], again)

    return [joined(i) for i in range(len(texts))]


def decode(model: ByteModel, code: WindowCode, codes: UInt32[np.ndarray, "n limbs"]) -> list[bytes]:
    """The string of each code, whatever its length.

    Args:
      model: The M1 that the windows were made with.
      code: Which windows.
      codes: Their codes.
    """
    room = coarse_bucket(max(64, 2 * code.bits))
    out: list[bytes] = []
    for begin in range(0, len(codes), _BLOCK // room):
        part = codes[begin : begin + _BLOCK // room]
        strings, lengths = _spell_all(model, code, part, np.full(len(part), room))
        # Those that had too little room are spelled again, now that their lengths are known.
        longer = np.flatnonzero(lengths > room)
        for group in _groups(longer[np.argsort(-lengths[longer])], lengths):
            whole, _ = _spell_all(model, code, part[group], lengths[group])
            for i, string in zip(group, whole, strict=True):
                strings[i] = string
        out += strings
    return out


class _Part(NamedTuple):
    """A stretch of a text for the lanes, and where they may leave it."""

    text: UInt8[np.ndarray, " n"]
    stops: Bool[np.ndarray, " n"]


def _part(text: UInt8[np.ndarray, " n"], stops: Bool[np.ndarray, " n"], begin: int, end: int) -> _Part:
    """Bytes `begin .. end - 1` of a text; if it goes on, with the stop at the last that says so."""
    stops = stops[begin:end].copy()
    stops[-1:] = end < len(text)
    return _Part(text[begin:end], stops)


def _segment_size(bits: int, total: int) -> int:
    """Bytes after which a text is cut, for texts of `total` bytes together.

    Small enough for all lanes to have work. But on English walks fall into step after about `bits**2 / 6` bytes only
    (windows are about `bits / 2` bytes long and have to begin at the same one), which is what a cut costs.
    """
    return int(np.clip(-(-total // lanes_for(total)), bits * bits, _LONGEST))


def lanes_for(items: int, least: int = 1) -> int:
    """How many lanes to give that many items."""
    return min(_LANES.get(jax.default_backend(), _MOST_LANES), coarse_bucket(items, least))


def _groups(items: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Cuts items, in their order, into groups of about `_BLOCK` bytes together."""
    block = (np.cumsum(sizes[items], dtype=np.int64) - 1) // _BLOCK
    return (items[block == b] for b in np.unique(block))


def _walk_all(model: ByteModel, code: WindowCode, items: Sequence[_Part], least: int = _REST) -> list[Walk]:
    """The walk of each text, up to the first byte after its own first with a stop that a window begins with.

    It takes `least` lanes at least.
    """
    out = [Walk(np.zeros(0, bool), np.zeros((0, limb_count(code.bits)), np.uint32))] * len(items)
    sizes = np.array([len(text) for text, _ in items], np.int64)
    order = np.argsort(-sizes, kind="stable")  # the longest first, for the lanes to end together
    for group in _groups(order[sizes[order] > 0], sizes):
        walks = _walk_group(model, code, [items[i] for i in group], least)
        left = [k for k, i in enumerate(group) if _unfinished(walks[k], items[i].stops)]
        lasts = [int(np.flatnonzero(walks[k].begins)[-1]) for k in left]
        rest = [_Part(*(a[last:] for a in items[group[k]])) for k, last in zip(left, lasts, strict=True)]
        for k, last, further in zip(left, lasts, _walk_all(model, code, rest), strict=True):
            walks[k] = extend(walks[k], last, further)
        for i, walk in zip(group, walks, strict=True):
            out[i] = walk
    return out


def _unfinished(walk: Walk, stops: Bool[np.ndarray, " n"]) -> bool:
    """Whether a walk was left off before its text's end without a stop."""
    size = len(walk.begins)
    return size < len(stops) and not (size > 1 and walk.begins[-1] and stops[size - 1])


def _walk_group(model: ByteModel, code: WindowCode, items: Sequence[_Part], least: int) -> list[Walk]:
    """What one run of the lanes makes of texts: walks to their stops, of which a few may be left off before."""
    bounds = np.concatenate([[0], np.cumsum([len(text) for text, _ in items])])
    n = coarse_bucket(int(bounds[-1]), _ROOM)
    text, stops = np.zeros(n, np.uint8), np.zeros(n, bool)
    text[: bounds[-1]] = np.concatenate([text for text, _ in items])
    stops[: bounds[-1]] = np.concatenate([stops for _, stops in items])
    queue = coarse_bucket(len(items), _QUEUE)
    arrays = (text, _filled(bounds, queue + 1), np.int32(len(items)), stops)
    text, filled, count, stops = jax.device_put(arrays)
    walks = _walk(model, code, text, filled, count, stops, lanes_for(len(items), least))
    begins, codes, taken = map(np.asarray, (walks.begins, walks.codes, walks.taken))
    out = []
    for begin, count in zip(bounds[:-1], taken, strict=False):
        own = begins[begin : begin + count].copy()
        out.append(Walk(own, codes[begin : begin + count][own]))
    return out


def _spell_all(
    model: ByteModel, code: WindowCode, codes: UInt32[np.ndarray, "n limbs"], rooms: np.ndarray
) -> tuple[list[bytes], Int32[np.ndarray, " n"]]:
    """The string of each code as far as there is room, and its whole length."""
    bounds = np.concatenate([[0], np.cumsum(rooms)])
    queue = coarse_bucket(len(codes), _QUEUE)
    padded = np.zeros((queue, codes.shape[1]), np.uint32)
    padded[: len(codes)] = codes
    padded, filled, count = jax.device_put((padded, _filled(bounds, queue + 1), np.int32(len(codes))))
    size = coarse_bucket(int(bounds[-1]), _ROOM)
    text, lengths = map(np.asarray, _spell(model, code, padded, filled, count, lanes_for(len(codes)), size))
    lengths = lengths[: len(codes)]
    kept = np.minimum(lengths, rooms)
    return [text[b : b + k].tobytes() for b, k in zip(bounds, kept, strict=False)], lengths


def _filled(bounds: np.ndarray, size: int) -> Int32[np.ndarray, " size"]:
    """Bounds, filled up with the last one."""
    return np.append(bounds, np.full(size - len(bounds), bounds[-1])).astype(np.int32)
