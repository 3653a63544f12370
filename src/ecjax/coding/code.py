"""What `ecjax.coding.lanes` asks of a window code, so that windows of every kind are walked alike."""

# Without `from __future__ import annotations`: Equinox has to see AbstractVar itself, not its name in a string.

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Bool, Int32, UInt32

from ecjax.models.base import ByteModel


class WindowCode(eqx.Module):
    """A way to cut a text into windows and to number them. Roots, cursors and readings are its own pytrees.

    Attributes:
      bits: b, the bits of a window's code. Static.
    """

    bits: eqx.AbstractVar[int]

    @abstractmethod
    def root(self, model: ByteModel) -> Any:
        """Where every window begins. Raises ValueError if the model cannot have such windows."""

    @abstractmethod
    def start(self, root: Any) -> Any:
        """The cursor of the empty window."""

    @abstractmethod
    def append(
        self, model: ByteModel, root: Any, cursor: Any, byte: Int32[Array, ""], anew: Bool[Array, ""]
    ) -> tuple[Any, Bool[Array, ""], Bool[Array, ""]]:
        """One byte more: in the same window if it fits and not `anew`, else as the first of a new one, or not at all.

        Returns:
          The cursor; whether the byte is the first of a window; and whether it was taken. If not, the window has ended
          before it, with bytes to `spare`.
        """

    @abstractmethod
    def number(self, cursor: Any) -> UInt32[Array, " limbs"]:
        """The code of the window, should it end here."""

    @abstractmethod
    def spare(self, cursor: Any) -> Int32[Array, ""]:
        """How many bytes at its end the window leaves to the next one, should it end here: not all of them."""

    @abstractmethod
    def read(self, root: Any, number: UInt32[Array, " limbs"]) -> Any:
        """The reading of a code, of which no byte is known yet; bits above the b-th do not count."""

    @abstractmethod
    def reread(
        self, model: ByteModel, root: Any, reading: Any, number: UInt32[Array, " limbs"], anew: Bool[Array, ""]
    ) -> Any:
        """`read` where `anew` holds, else the reading as it is."""

    @abstractmethod
    def unread(self, reading: Any) -> Bool[Array, ""]:
        """Whether there may be more bytes to find."""

    @abstractmethod
    def follow(self, model: ByteModel, reading: Any) -> tuple[Any, Int32[Array, ""]]:
        """The reading with its next byte, and that byte. Of a reading that is at its end it means nothing."""

    @abstractmethod
    def length(self, reading: Any) -> Int32[Array, ""]:
        """Bytes of the string, as far as it was read; there may have been found more than belong to it."""
