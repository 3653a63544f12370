"""Examples of one length, cut from a sequence."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from ecjax.checks import check_integer


@runtime_checkable
class Source(Protocol):
    """Examples of one length, for grain to take in any order."""

    length: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An example: an array, or a pytree of arrays such as `ecjax.training.Masked`."""
        ...


class Slices:
    """Equally long slices of one sequence, as a grain random-access source."""

    def __init__(
        self, sequence: Integer[np.ndarray, " n"], starts: Integer[np.ndarray, " m"] | range, length: int
    ) -> None:
        """Slices `sequence[s : s + length]` for each `s` in `starts` that leaves room for it.

        Raises:
          TypeError: If `starts` are not integers in one dimension.
          ValueError: If no slice fits, or a start is negative, which would count from the end.
        """
        self._sequence = sequence
        self.length = check_integer("length", length, 1)
        last = len(sequence) - length
        if isinstance(starts, range):
            if starts.start < 0 or starts.step < 0:
                raise ValueError(f"starts count up from 0 or above, got {starts}")
            self._starts = range(starts.start, min(starts.stop, last + 1), starts.step)
        else:
            starts = np.asarray(starts)
            if starts.ndim != 1 or starts.dtype.kind not in "iu":
                raise TypeError(f"starts are integers in one dimension, got {starts.dtype} of shape {starts.shape}")
            if starts.size and starts.min() < 0:
                raise ValueError(f"starts are at least 0, got {starts.min()}")
            self._starts = starts[starts <= last]
        if len(self._starts) == 0:
            raise ValueError(
                f"a sequence of {len(sequence)} items holds no example of {length}; give more text or a shorter context"
            )

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Integer[np.ndarray, " length"]:
        start = self._starts[index]
        return self._sequence[start : start + self.length]
