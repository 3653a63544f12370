"""Equal-Text windows as tokens."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, UInt8, UInt32

from ecjax.checks import check_ids, check_text
from ecjax.coding.interval import Interval
from ecjax.coding.stream import split
from ecjax.integers import bits_to_limbs, limbs_to_bits
from ecjax.models.base import ByteModel, check_usable
from ecjax.tokenizers import blocks
from ecjax.tokenizers.bits import check_token_bits, from_bytes, from_ids, read_number, to_bytes, to_ids, write_number

_MOST_BITS = 128  # that the code of a window can have


class EqualText(eqx.Module):
    """Windows of equally many bytes, each by the shortest code of its own (arXiv 2404.03626, App. B.1).

    The model and the coder start anew in each window, and its code is the shortest one in its interval
    (`ecjax.coding.interval`): as many bits as the text in it needs. In front is the text's length in LEB128, for the
    last window may be shorter. No code begins another one of windows as long, so the bits simply follow one another;
    they are cut into ids of v bits. Or else each code, and the length, is cut into ids by itself, which are one
    greater, and id 0 follows, so that every window begins with an id.

    Attributes:
      model: M1.
      window_bytes: Bytes of a window, 1 to 8 for tables of 16 bits: their codes have to fit 128 bits.
      token_bits: v, 1 to 16.
      delimiters: Whether id 0 follows each window.
    """

    model: ByteModel
    window_bytes: int = eqx.field(static=True)
    token_bits: int = eqx.field(static=True)
    delimiters: bool = eqx.field(static=True)

    def __init__(
        self,
        model: ByteModel,
        window_bytes: int = 4,
        token_bits: int = 8,
        delimiters: bool = True,
        *,
        allow_inexact: bool = False,
    ) -> None:
        """A tokenizer over windows of `model`.

        Args:
          model: M1.
          window_bytes: Bytes of a window.
          token_bits: v, 1 to 16.
          delimiters: Whether id 0 follows each window; without, windows may begin within an id.
          allow_inexact: Take a model that is not exact. Its tokens may decode to other text, even on this machine.

        Raises:
          ValueError: If a value is out of range, the model is not exact and that was not allowed, or its first table is
            none.
        """
        check_token_bits(token_bits)
        check_usable(model, allow_inexact)
        most = _MOST_BITS // model.precision
        if not 1 <= window_bytes <= most:
            raise ValueError(
                f"with a model of precision {model.precision} a window has 1 to {most} bytes, got {window_bytes}"
            )
        self.model, self.window_bytes = model, window_bytes
        self.token_bits, self.delimiters = token_bits, delimiters

    @property
    def vocab_size(self) -> int:
        return (1 << self.token_bits) + self.delimiters

    @property
    def padding_id(self) -> int:
        return 0

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        return self.decode_batch([ids])[0]

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        windows = [self._cut(check_text(text)) for text in texts]
        codes = iter(self._encode([window for own in windows for window in own]))
        return [self._frame(len(text), [next(codes) for _ in own]) for text, own in zip(texts, windows, strict=True)]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        checked = [check_ids(ids, self.vocab_size) for ids in batch]
        return self._decode_delimited(checked) if self.delimiters else self._decode_joined(checked)

    @property
    def _code_bits(self) -> int:
        """Bits that hold the code of any window."""
        return self.window_bytes * self.model.precision

    def _cut(self, text: bytes) -> list[bytes]:
        return [text[i : i + self.window_bytes] for i in range(0, len(text), self.window_bytes)]

    def _lengths(self, total: int) -> list[int]:
        whole, rest = divmod(total, self.window_bytes)
        return [self.window_bytes] * whole + [rest] * (rest > 0)

    def _frame(self, length: int, codes: Sequence[UInt8[np.ndarray, " _"]]) -> Int32[np.ndarray, " n"]:
        """The ids of a text's windows."""
        if not codes:
            return np.zeros(0, np.int32)
        groups = [from_bytes(write_number(length)), *codes]
        if not self.delimiters:
            return to_ids(np.concatenate(groups), self.token_bits)
        return np.concatenate([np.append(to_ids(group, self.token_bits) + 1, np.int32(0)) for group in groups])

    def _decode_delimited(self, batch: Sequence[Int32[np.ndarray, " _"]]) -> list[bytes]:
        """All windows of all texts side by side."""
        groups = [self._split(ids) for ids in batch]
        totals = [read_number(to_bytes(own[0]))[0] if own else 0 for own in groups]
        for total, own in zip(totals, groups, strict=True):
            if -(-total // self.window_bytes) != max(len(own) - 1, 0):
                raise ValueError(
                    f"ids of {total} bytes have {-(-total // self.window_bytes)} windows, these have "
                    f"{max(len(own) - 1, 0)}; give all ids of one text"
                )
        lengths = [self._lengths(total) for total in totals]
        strings, _ = self._decode([code for own in groups for code in own[1:]], [n for own in lengths for n in own])
        text, ends = b"".join(strings), np.cumsum(totals, dtype=np.int64)
        return [text[end - total : end] for end, total in zip(ends, totals, strict=True)]

    def _split(self, ids: Int32[np.ndarray, " n"]) -> list[UInt8[np.ndarray, " _"]]:
        """The bits before each delimiter, those of padding excepted."""
        ids = ids[: np.max(np.flatnonzero(ids), initial=-1) + 2]  # padding is more delimiters
        if len(ids) and ids[-1] != 0:
            raise ValueError("these ids do not end with a delimiter, 0; give all ids of one text")
        ends = np.flatnonzero(ids == 0)
        return [from_ids(part[part > 0] - 1, self.token_bits) for part in np.split(ids, ends + 1)[:-1]]

    def _decode_joined(self, batch: Sequence[Int32[np.ndarray, " _"]]) -> list[bytes]:
        """One window after another, for each begins where the one before ends; texts side by side."""
        framed = [self._unframe(ids) for ids in batch]
        bits, lengths = [own for _, own in framed], [self._lengths(total) for total, _ in framed]
        texts, places = [bytearray() for _ in batch], [0] * len(batch)
        for k in range(max(map(len, lengths), default=0)):
            going = [i for i, own in enumerate(lengths) if k < len(own)]
            codes = [bits[i][places[i] : places[i] + self._code_bits] for i in going]
            strings, used = self._decode(codes, [lengths[i][k] for i in going])
            for i, string, count in zip(going, strings, used, strict=True):
                texts[i] += string
                places[i] += count
        for own, place in zip(bits, places, strict=True):
            if place > len(own) or own[place:].any():
                raise ValueError("these ids are not those of one text; give all of them, and no others")
        return list(map(bytes, texts))

    def _unframe(self, ids: Int32[np.ndarray, " n"]) -> tuple[int, UInt8[np.ndarray, " bits"]]:
        """The length of a text, and the bits of its windows."""
        bits = from_ids(ids, self.token_bits)
        data = to_bytes(bits)
        total, rest = read_number(data)
        bits = bits[8 * (len(data) - len(rest)) :]
        if total > self.window_bytes * len(bits):  # a code has a bit at least
            raise ValueError(f"these ids say they are of {total} bytes, but are too few; give all ids of one text")
        return total, bits

    def _encode(self, windows: Sequence[bytes]) -> list[UInt8[np.ndarray, " _"]]:
        """The bits of each window's code."""
        out: list[UInt8[np.ndarray, " _"]] = []
        for group, rows in blocks.groups([self.window_bytes] * len(windows), blocks.lanes(1024, 4096)):
            parts = [windows[i] for i in group]
            text = blocks.stack(parts, rows, self.window_bytes)
            bits, used = _encode(self.model, text, blocks.counts(list(map(len, parts)), rows))
            out += [row[:k] for row, k in zip(np.asarray(bits)[: len(group)], np.asarray(used).tolist(), strict=False)]
        return out

    def _decode(
        self, codes: Sequence[UInt8[np.ndarray, " _"]], lengths: Sequence[int]
    ) -> tuple[list[bytes], list[int]]:
        """The window that begins each string of bits, and the bits of its code."""
        strings, counts = [], []
        for group, rows in blocks.groups([self.window_bytes] * len(codes), blocks.lanes(1024, 4096)):
            bits = np.zeros((rows, self._code_bits), np.uint8)
            for row, i in zip(bits, group, strict=False):
                row[: len(codes[i])] = codes[i][: self._code_bits]
            own = [lengths[i] for i in group]
            text, used = _decode(self.model, jnp.asarray(bits), blocks.counts(own, rows), self.window_bytes)
            strings += [row[:n].tobytes() for row, n in zip(np.asarray(text), own, strict=False)]
            counts += np.asarray(used)[: len(group)].tolist()
        return strings, counts


@eqx.filter_jit
def _encode(
    model: ByteModel, texts: UInt8[Array, "rows n"], lengths: Int32[Array, " rows"]
) -> tuple[UInt8[Array, "rows bits"], Int32[Array, " rows"]]:
    """Codes, filled with zeros, and their bits."""
    size, bits = texts.shape[1], texts.shape[1] * model.precision

    def interval(
        text: UInt8[Array, " n"], length: Int32[Array, ""]
    ) -> tuple[UInt32[Array, " limbs"], Int32[Array, ""]]:
        tables, text = model.sequence(text), text.astype(jnp.int32)

        def narrow(interval: Interval, i: Int32[Array, ""]) -> tuple[Interval, None]:
            return _narrow(model, interval, tables[i], text[i], i < length), None

        coded, _ = jax.lax.scan(narrow, Interval.whole(bits), jnp.arange(size, dtype=jnp.int32))
        return coded.code(bits), coded.code_length()

    codes, used = jax.lax.map(lambda row: interval(*row), (texts, lengths), batch_size=blocks.lanes(16, len(texts)))
    return limbs_to_bits(codes, bits), used


@eqx.filter_jit
def _decode(
    model: ByteModel, bits: UInt8[Array, "rows bits"], lengths: Int32[Array, " rows"], size: int
) -> tuple[UInt8[Array, "rows n"], Int32[Array, " rows"]]:
    """The strings that codes begin, filled with zeros, and the bits of those codes."""

    def window(code: UInt32[Array, " limbs"], length: Int32[Array, ""]) -> tuple[UInt8[Array, " n"], Int32[Array, ""]]:
        def follow(carry: tuple, i: Int32[Array, ""]) -> tuple[tuple, UInt8[Array, ""]]:
            interval, state = carry
            table = model.frequencies(state)
            bounds = split(interval.r, table, model.precision)
            byte = jnp.sum(bounds[1:256] <= interval.offset(code, bits.shape[1]), dtype=jnp.int32)
            interval = _narrow(model, interval, table, byte, i < length)
            return (interval, model.step(state, byte)), byte.astype(jnp.uint8)

        initial = (Interval.whole(bits.shape[1]), model.init())
        (interval, _), text = jax.lax.scan(follow, initial, jnp.arange(size, dtype=jnp.int32))
        return text, interval.code_length()

    rows = (bits_to_limbs(bits), lengths)
    return jax.lax.map(lambda row: window(*row), rows, batch_size=blocks.lanes(8, len(bits)))


def _narrow(
    model: ByteModel, interval: Interval, table: UInt32[Array, "257"], byte: Int32[Array, ""], counts: Bool[Array, ""]
) -> Interval:
    """The interval with one byte more, or as it was if that does not count."""
    start = jnp.where(counts, table[byte], 0)
    end = jnp.where(counts, table[byte + 1], 1 << model.precision)
    return interval.narrow(start, end, model.precision)
