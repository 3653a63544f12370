"""Text as it comes: str from ids that arrive one after another."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Integer


class TextDecoder:
    """Turns ids into str as they come. What is not a whole character yet is held back until its other bytes come."""

    def __init__(self, decode: Callable[[Sequence[int]], bytes], errors: str = "replace") -> None:
        """A decoder over what gives the bytes of ids; `errors` is as `bytes.decode` has it."""
        self._decode = decode
        self._text = codecs.getincrementaldecoder("utf-8")(errors)

    def decode(self, ids: int | Integer[np.ndarray, "*n"] | Sequence[int], final: bool = False) -> str:
        """The text that some more ids add.

        Args:
          ids: One id, or several.
          final: Whether these are the last ones: bytes of a character that never became whole come out too, as `errors`
            has it, and the next id begins a new text.
        """
        return self._text.decode(self._decode(np.atleast_1d(np.asarray(ids)).tolist()), final)
