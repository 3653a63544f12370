"""A codebook's encoder as it travels to other processes and machines: as the bytes of the codebook's file."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt16

from ecjax import serialisation
from ecjax.codebook import Codebook, load_codebook


class Encoder:
    """Encodes texts with a codebook, and can be pickled without what JAX holds.

    Attributes:
      file: The codebook's file.
      fingerprint: The codebook's, without special tokens, which no text has.
    """

    def __init__(self, codebook: Codebook | str | Path) -> None:
        """Takes a codebook, or reads the one of a shipped name or a file. Raises ValueError if there is none."""
        book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
        book = book.without_special_tokens()
        file = io.BytesIO()
        book.save(file)
        self.file = file.getvalue()
        self.fingerprint = book.fingerprint
        self.codebook = book

    @functools.cached_property
    def codebook(self) -> Codebook:
        """The codebook; elsewhere it is read when it is first used."""
        return load_codebook(serialisation.read(io.BytesIO(self.file), name="the codebook"))

    def encode(self, texts: Sequence[bytes | str]) -> list[UInt16[np.ndarray, " _"]]:
        """The ids of each text, which fit in 16 bits as a codebook has at most 2**16 strings."""
        return [ids.astype(np.uint16) for ids in self.codebook.encode_batch(texts)]

    def __getstate__(self) -> dict[str, object]:
        return {"file": self.file, "fingerprint": self.fingerprint}
