"""Equal-Info windows as tokens."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt32

from ecjax.checks import check_ids, check_text
from ecjax.codebook import MAX_CODEBOOK_BITS, Codebook, compile_codebook
from ecjax.coding import batches, lanes, resets, windows
from ecjax.coding.code import WindowCode
from ecjax.coding.published import Published, check_bits_for
from ecjax.integers import limb_count, regroup_bits
from ecjax.methods import array_method, as_text, compiled
from ecjax.models.base import ByteModel, check_usable
from ecjax.tokenizers.bits import check_token_bits, from_ids, from_numbers, to_ids, to_numbers

_Code = Literal["preorder", "published", "delayed"]


class EqualInfo(eqx.Module):
    """Equal-Info windows of a model as tokens (`ecjax.coding.windows`).

    Every window has exactly `bits` bits; the stream of windows is cut into ids of `token_bits` bits, first bits
    first, and the last id is filled with zeros. Any ids decode, and a text of any bytes comes back as it was.

    The paper's own windows, "published" and "delayed" (`ecjax.coding.published`), are there for comparison. Any ids
    decode with them too, but to no text where no text has such a window. Texts of "published" windows come back only in
    part (see `undecodable`); those of "delayed" ones come back. Id 0 is padding, but a window of zeros stands for a
    string of NUL bytes all the same.

    Attributes:
      model: M1.
      bits: b, 9 to 128.
      token_bits: v, 1 to 16.
      code: The window code.
      reset: M1 starts anew every so many windows; None: in every block of `ecjax.coding.resets` only.
    """

    model: ByteModel
    bits: int = eqx.field(static=True)
    token_bits: int = eqx.field(static=True)
    code: _Code = eqx.field(static=True)
    reset: int | None = eqx.field(static=True)

    def __init__(
        self,
        model: ByteModel,
        bits: int = 16,
        token_bits: int | None = None,
        policy: Literal["greedy"] = "greedy",
        *,
        code: _Code = "preorder",
        reset: int | None = 1,
        allow_inexact: bool = False,
    ) -> None:
        """A tokenizer over the windows of `model`.

        Args:
          model: M1.
          bits: b, 9 to 128.
          token_bits: v, 1 to 16; None is `bits` up to 16, else 16.
          policy: Where windows end: "greedy", each as late as it can.
          code: "preorder", the lossless one, or the paper's "published" (from b = F, the model's precision, on) or
            "delayed".
          reset: M1 starts anew every so many windows, 1 or more; None: never within a block of text (arXiv 2404.03626,
            A.2). With values other than 1 a window no longer decodes by itself, and only code "preorder" has them.
          allow_inexact: Take a model that is not exact (a float one). Its tokens may decode to other text on another
            machine, in another batch or with another version of JAX; its codebook is safe, being a fixed table.

        Raises:
          ValueError: If a value is out of range, the model is not exact and that was not allowed, or its first table is
            none.
        """
        windows.check_bits(bits)
        token_bits = min(bits, 16) if token_bits is None else token_bits
        check_token_bits(token_bits)
        if policy != "greedy":
            raise ValueError(f"windows end by policy 'greedy', got {policy!r}")
        check_usable(model, allow_inexact)
        if code not in ("preorder", "published", "delayed"):
            raise ValueError(f"a window code is 'preorder', 'published' or 'delayed', got {code!r}")
        if reset is not None and reset < 1:
            raise ValueError(f"M1 starts anew every 1 or more windows, or never (None), got {reset}")
        if reset != 1 and code != "preorder":
            raise ValueError(f"M1 starts anew in each window of code {code!r}: reset must be 1, not {reset}")
        if code != "preorder":
            check_bits_for(bits, model.precision)
        self.model, self.bits, self.token_bits, self.code, self.reset = model, bits, token_bits, code, reset

    @property
    def vocab_size(self) -> int:
        return 1 << self.token_bits

    @property
    def padding_id(self) -> int:
        return 0

    def compile(self, provenance: Mapping[str, object] | None = None) -> Codebook:
        """The windows as a table, for `bits` up to 16 and ids that are whole windows.

        Raises:
          ValueError: If there is no such table.
        """
        if self.code != "preorder" or self.reset != 1:
            raise ValueError(
                f"a codebook is one of code 'preorder' and reset 1, not of code {self.code!r} and reset {self.reset}"
            )
        if self.bits <= MAX_CODEBOOK_BITS and self.token_bits != self.bits:
            raise ValueError(
                f"a codebook's ids are whole windows; with {self.bits} bits in a window, token_bits must be "
                f"{self.bits}, not {self.token_bits}"
            )
        return compile_codebook(self.model, self.bits, provenance)

    @array_method
    def encode_array(
        self, text: Integer[Array, " n"], length: Integer[Array, ""] | int
    ) -> tuple[Int32[Array, " capacity"], Int32[Array, ""]]:
        """The tokens of a text, inside `jit` if you like.

        Args:
          text: Bytes; those from `length` on do not count.
          length: Bytes in the text, at most n; an int is taken as an array is.

        Returns:
          Ids, filled with zeros, and their number.

        Raises:
          ValueError: If `reset` is not 1.
        """
        self._check_reset()
        return _encode_array(self, *as_text(text, length))

    @array_method
    def decode_array(
        self, ids: Integer[Array, " n"], capacity: int
    ) -> tuple[UInt8[Array, "windows capacity"], Int32[Array, " windows"]]:
        """The string of each window, inside `jit` if you like.

        Args:
          ids: Ids in `0 .. vocab_size - 1`; bits at the end that are no whole window are dropped.
          capacity: Bytes to return at most for each window.

        Returns:
          For each window the first `capacity` bytes of its string, filled with zeros, and the string's whole length.

        Raises:
          ValueError: If `reset` is not 1.
        """
        self._check_reset()
        return _decode_array(self, jnp.asarray(ids), operator.index(capacity))

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The tokens of a text. Raises TypeError unless it is bytes."""
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of tokens. Raises TypeError or ValueError unless they are ids of this vocabulary."""
        return self.decode_batch([ids])[0]

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The tokens of each text. Texts, and parts of long ones, run through the model side by side."""
        arrays = [np.frombuffer(check_text(text), np.uint8) for text in texts]
        return [self._ids(codes) for codes, _ in self._cut(arrays)]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of tokens, all windows side by side."""
        checked = [check_ids(ids, self.vocab_size) for ids in batch]
        return [b"".join(strings) for strings in self._spell([self._codes(ids) for ids in checked])]

    def cut(self, text: bytes) -> list[bytes]:
        """What each window of `encode(text)` is made of, end to end the text. Raises TypeError unless it is bytes."""
        _, begins = self._cut([np.frombuffer(check_text(text), np.uint8)])[0]
        return [text[a:b] for a, b in pairwise([*begins.tolist(), len(text)])]

    def spell(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> list[bytes]:
        """What each window of ids decodes to, end to end the text. Raises as `decode` does."""
        return self._spell([self._codes(check_ids(ids, self.vocab_size))])[0]

    def read_back(self, text: bytes) -> list[tuple[bytes, bytes]]:
        """What each window of `encode(text)` is made of, and what it decodes to. Raises as `encode` does."""
        codes, begins = self._cut([np.frombuffer(check_text(text), np.uint8)])[0]
        made_of = (text[a:b] for a, b in pairwise([*begins.tolist(), len(text)]))
        return list(zip(made_of, self._spell([codes])[0], strict=True))

    def undecodable(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """Which windows of `encode(text)` decode to another string than they were made of: none of code "preorder".

        Raises TypeError unless the text is bytes.
        """
        return np.flatnonzero([own != read for own, read in self.read_back(text)]).astype(np.int32)

    @property
    def _windows(self) -> WindowCode:
        return windows.Preorder(self.bits) if self.code == "preorder" else Published(self.bits, self.code == "delayed")

    def _check_reset(self) -> None:
        if self.reset != 1:
            raise ValueError(f"arrays are of windows that decode by themselves: reset must be 1, not {self.reset}")

    def _cut(
        self, texts: Sequence[UInt8[np.ndarray, " _"]]
    ) -> list[tuple[UInt32[np.ndarray, "_ limbs"], Integer[np.ndarray, " _"]]]:
        """The codes of each text's windows, and where the windows begin."""
        if self.reset != 1:
            return resets.encode(self.model, self.bits, self.reset, texts)
        walks = batches.encode(self.model, self._windows, texts)
        return [(walk.codes, np.flatnonzero(walk.begins)) for walk in walks]

    def _spell(self, batch: Sequence[UInt32[np.ndarray, "_ limbs"]]) -> list[list[bytes]]:
        """The strings of each sequence of windows."""
        if self.reset != 1:
            return resets.decode(self.model, self.bits, self.reset, batch)
        codes = np.concatenate([np.zeros((0, limb_count(self.bits)), np.uint32), *batch])
        strings = iter(batches.decode(self.model, self._windows, codes))
        return [[next(strings) for _ in codes] for codes in batch]

    def _ids(self, codes: UInt32[np.ndarray, "n limbs"]) -> Int32[np.ndarray, " _"]:
        return to_ids(from_numbers(codes, self.bits), self.token_bits)

    def _codes(self, ids: Int32[np.ndarray, " n"]) -> UInt32[np.ndarray, "_ limbs"]:
        return to_numbers(from_ids(ids, self.token_bits), self.bits)


@compiled
def _encode_array(
    tokenizer: EqualInfo, text: Integer[Array, " n"], length: Int32[Array, ""]
) -> tuple[Int32[Array, " capacity"], Int32[Array, ""]]:
    bits, token_bits = tokenizer.bits, tokenizer.token_bits
    if tokenizer.code == "preorder":
        coded = windows.encode(tokenizer.model, text, length, bits)
    else:
        coded = lanes.encode_alone(tokenizer.model, tokenizer._windows, text, length)
    groups = -(-text.shape[0] * bits // token_bits)
    ids = regroup_bits(coded.codes, bits, token_bits, groups)[:, 0] & (tokenizer.vocab_size - 1)
    # At most one for each byte. Divided in two parts, so that the number of bits need not fit 32 bits.
    count = jnp.clip(coded.count, 0, text.shape[0])
    whole, rest = count // token_bits, count % token_bits
    return ids.astype(jnp.int32), whole * bits + -(-rest * bits // token_bits)


@compiled
def _decode_array(
    tokenizer: EqualInfo, ids: Integer[Array, " n"], capacity: int
) -> tuple[UInt8[Array, "windows capacity"], Int32[Array, " windows"]]:
    bits, token_bits = tokenizer.bits, tokenizer.token_bits
    codes = regroup_bits(ids.astype(jnp.uint32)[:, None], token_bits, bits, ids.shape[0] * token_bits // bits)
    if tokenizer.code == "preorder":
        return jax.vmap(lambda code: windows.decode(tokenizer.model, code, bits, capacity))(codes)
    return lanes.decode_alike(tokenizer.model, tokenizer._windows, codes, capacity)
