"""Equal-Info windows as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt32

from ecjax.checks import check_ids, check_text
from ecjax.codebook import MAX_CODEBOOK_BITS, Codebook, compile_codebook
from ecjax.coding import batches, windows
from ecjax.frequencies import check_precision
from ecjax.integers import limb_count, regroup_bits
from ecjax.models.base import ByteModel
from ecjax.padding import bucket


class EqualInfo(eqx.Module):
    """Equal-Info windows of a model as tokens (`ecjax.coding.windows`).

    Every window has exactly `bits` bits; the stream of windows is cut into ids of `token_bits` bits, first bits
    first, and the last id is filled with zeros. Any ids decode, and a text of any bytes comes back as it was.

    Attributes:
      model: M1.
      bits: b, 9 to 128.
      token_bits: v, 1 to 16.
    """

    model: ByteModel
    bits: int = eqx.field(static=True)
    token_bits: int = eqx.field(static=True)

    def __init__(
        self,
        model: ByteModel,
        bits: int = 16,
        token_bits: int | None = None,
        policy: Literal["greedy"] = "greedy",
        *,
        allow_inexact: bool = False,
    ) -> None:
        """A tokenizer over the windows of `model`.

        Args:
          model: M1.
          bits: b, 9 to 128.
          token_bits: v, 1 to 16; None is `bits` up to 16, else 16.
          policy: Where windows end: "greedy", each as late as it can.
          allow_inexact: Take a model that is not exact (a float one). Its tokens may decode to other text on another
            machine, in another batch or with another version of JAX; its codebook is safe, being a fixed table.

        Raises:
          ValueError: If a value is out of range, or the model is not exact and that was not allowed.
        """
        windows.check_bits(bits)
        check_precision(model.precision)
        token_bits = min(bits, 16) if token_bits is None else token_bits
        if not 1 <= token_bits <= 16:
            raise ValueError(f"a token has 1 to 16 bits, got {token_bits}")
        if policy != "greedy":
            raise ValueError(f"windows end by policy 'greedy', got {policy!r}")
        if not (model.exact or allow_inexact):
            raise ValueError(
                f"{type(model).__name__} is not exact: its tokens need not decode to the same text elsewhere; use an "
                "exact model, compile a codebook from it, or pass allow_inexact=True"
            )
        self.model, self.bits, self.token_bits = model, bits, token_bits

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
        if self.bits <= MAX_CODEBOOK_BITS and self.token_bits != self.bits:
            raise ValueError(
                f"a codebook's ids are whole windows; with {self.bits} bits in a window, token_bits must be "
                f"{self.bits}, not {self.token_bits}"
            )
        return compile_codebook(self.model, self.bits, provenance)

    def encode_array(
        self, text: Integer[Array, " n"], length: Integer[Array, ""]
    ) -> tuple[Int32[Array, " capacity"], Int32[Array, ""]]:
        """The tokens of a text, inside `jit` if you like.

        Args:
          text: Bytes; those from `length` on do not count.
          length: Bytes in the text, at most n.

        Returns:
          Ids, filled with zeros, and their number.
        """
        coded = windows.encode(self.model, text, length, self.bits)
        groups = -(-text.shape[0] * self.bits // self.token_bits)
        ids = regroup_bits(coded.codes, self.bits, self.token_bits, groups)[:, 0].astype(jnp.int32)
        # Divided in two parts, so that the number of bits need not fit 32 bits.
        whole, rest = coded.count // self.token_bits, coded.count % self.token_bits
        return ids, whole * self.bits + -(-rest * self.bits // self.token_bits)

    def decode_array(
        self, ids: Integer[Array, " n"], capacity: int
    ) -> tuple[UInt8[Array, "windows capacity"], Int32[Array, " windows"]]:
        """The string of each window, inside `jit` if you like.

        Args:
          ids: Ids in `0 .. vocab_size - 1`; bits at the end that are no whole window are dropped.
          capacity: Bytes to return at most for each window.

        Returns:
          For each window the first `capacity` bytes of its string, filled with zeros, and the string's whole length.
        """
        count = ids.shape[0] * self.token_bits // self.bits
        codes = regroup_bits(ids.astype(jnp.uint32)[:, None], self.token_bits, self.bits, count)
        return jax.vmap(lambda code: windows.decode(self.model, code, self.bits, capacity))(codes)

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The tokens of a text. Raises TypeError unless it is bytes."""
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of tokens. Raises TypeError or ValueError unless they are ids of this vocabulary."""
        return self.decode_batch([ids])[0]

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The tokens of each text. Texts, and parts of long ones, run through the model side by side."""
        arrays = [np.frombuffer(check_text(text), np.uint8) for text in texts]
        return [self._ids(codes) for codes in batches.encode(self.model, self.bits, arrays)]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of tokens, all windows side by side."""
        checked = [check_ids(ids, self.vocab_size) for ids in batch]
        counts = [len(ids) * self.token_bits // self.bits for ids in checked]
        codes = np.concatenate([np.zeros((0, limb_count(self.bits)), np.uint32), *map(self._codes, checked)])
        strings = batches.decode(self.model, self.bits, codes)
        ends = np.cumsum(counts, dtype=np.int64)
        return [b"".join(strings[end - count : end]) for end, count in zip(ends, counts, strict=True)]

    def _ids(self, codes: UInt32[np.ndarray, "n limbs"]) -> Int32[np.ndarray, " _"]:
        count = -(-len(codes) * self.bits // self.token_bits)
        return _regroup(codes, self.bits, self.token_bits, count)[:, 0].astype(np.int32)

    def _codes(self, ids: Int32[np.ndarray, " n"]) -> UInt32[np.ndarray, "_ limbs"]:
        count = len(ids) * self.token_bits // self.bits
        return _regroup(ids.astype(np.uint32)[:, None], self.token_bits, self.bits, count)


def _regroup(
    numbers: UInt32[np.ndarray, "n limbs"], bits: int, group: int, count: int
) -> UInt32[np.ndarray, "count group_limbs"]:
    """`regroup_bits`, compiled for few sizes."""
    padded = np.zeros((bucket(len(numbers), 64), numbers.shape[1]), np.uint32)
    padded[: len(numbers)] = numbers
    return np.asarray(_compiled(jnp.asarray(padded), bits, group, -(-len(padded) * bits // group)))[:count]


_compiled = jax.jit(regroup_bits, static_argnums=(1, 2, 3))
