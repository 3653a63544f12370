"""What every tokenizer offers: text to token ids and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Integer


@runtime_checkable
class Tokenizer(Protocol):
    """What every tokenizer offers. Texts are any bytes and lose nothing; the empty text has no ids."""

    @property
    def vocab_size(self) -> int:
        """Number of ids; they are `0 .. vocab_size - 1`."""
        ...

    @property
    def padding_id(self) -> int:
        """The id that means no text after a text's ids: any number of them there changes nothing.

        Ids that decode by themselves (bytes, subwords, a codebook's) may have it between them, too: it ends documents.
        """
        ...

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The ids of a text. Raises TypeError unless it is bytes.

        Args:
          text: Any bytes.

        Returns:
          Ids in `0 .. vocab_size - 1`; none for the empty text.
        """
        ...

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of ids: of those that `encode` gives, the text that was encoded.

        Args:
          ids: Ids in `0 .. vocab_size - 1`, of any integer dtype. Padding may follow.

        Raises:
          TypeError: If they are not integers in one dimension.
          ValueError: If one is not of this vocabulary, or no text has such ids, where that can be.
        """
        ...

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The ids of each text.

        Args:
          texts: Any bytes, each as for `encode`. Texts may differ in length.

        Raises:
          TypeError: If one is not bytes.
        """
        ...

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of ids.

        Args:
          batch: Sequences of ids, each as for `decode`. They may differ in length.

        Raises:
          TypeError: As `decode` does, if a sequence is none of integers.
          ValueError: As `decode` does, if an id is not of this vocabulary.
        """
        ...
