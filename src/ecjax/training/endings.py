"""Examples for a model that knows where windows end: each is one window and its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int32, Integer, UInt16

from ecjax.checks import check_integer
from ecjax.codebook import Codebook
from ecjax.codebook.modelled import END
from ecjax.training.losses import Masked


class WindowExamples:
    """The windows of a text, as a grain random-access source.

    An example is a window's bytes and the symbol 256, its end, filled up with more of these, which do not count. Of a
    window that has no room, the first bytes are the example, without an end.
    """

    def __init__(self, codebook: Codebook, windows: Sequence[Integer[np.ndarray, " _"]], length: int) -> None:
        """Takes the windows that texts were encoded to.

        Args:
          codebook: Whose windows they are.
          windows: The ids of each text, none of them 0.
          length: Symbols of an example, at least 2.

        Raises:
          ValueError: If there is no window, or `length` is below 2.
        """
        self.length = check_integer("length", length, 2)
        self._ids = np.concatenate(windows) if len(windows) else np.zeros(0, np.int32)
        if len(self._ids) == 0:
            raise ValueError("there is no window to learn from; give at least one text that is not empty")
        self._rows, self._counted = _rows(codebook, length)

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Masked:
        window = self._ids[index]
        return Masked(self._rows[window].astype(np.int32), self._counted[window])


def _rows(codebook: Codebook, length: int) -> tuple[UInt16[np.ndarray, "size length"], Bool[np.ndarray, "size length"]]:
    """The example of each id, and which of its symbols count."""
    place = np.arange(length)
    lengths: Int32[np.ndarray, " size"] = np.asarray(codebook.lengths)
    strings, offsets = np.asarray(codebook.strings), np.asarray(codebook.offsets)
    inside = place < lengths[:, None]
    rows = np.full(inside.shape, END, np.uint16)
    rows[inside] = strings[(offsets[:, None] + place)[inside]]
    return rows, place <= lengths[:, None]
