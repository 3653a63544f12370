"""What every tokenizer offers: text to token ids and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Integer


@runtime_checkable
class Tokenizer(Protocol):
    """What every tokenizer offers."""

    @property
    def vocab_size(self) -> int:
        """Number of ids; they are `0 .. vocab_size - 1`."""
        ...

    @property
    def padding_id(self) -> int:
        """The id that means no text: padding, and the end of a document between documents."""
        ...

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The ids of a text."""
        ...

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of ids."""
        ...

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The ids of each text."""
        ...

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of ids."""
        ...
