"""Bytes as tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32, Integer

from ecjax.checks import check_ids, check_text


class Bytes:
    """Every byte is a token: byte c has id c + 1, and 0 is padding (ByT5, with one special id instead of three)."""

    vocab_size = 257
    padding_id = 0

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        return np.frombuffer(check_text(text), np.uint8).astype(np.int32) + 1

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        array = check_ids(ids, self.vocab_size)
        return (array[array > 0] - 1).astype(np.uint8).tobytes()

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        return [self.encode(text) for text in texts]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        return [self.decode(ids) for ids in batch]
