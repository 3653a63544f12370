"""What tokenizers that slice a model's codes have in common."""

from __future__ import annotations

import equinox as eqx

from ecjax.models.base import ByteModel, check_usable
from ecjax.tokenizers.bits import SlicedTokenizer


class ModelledTokenizer(SlicedTokenizer):
    """Slices of the codes that a byte model gives texts; a subclass says which codes.

    Attributes:
      model: M1.
      token_bits: v, 1 to 16.
    """

    model: ByteModel
    token_bits: int = eqx.field(static=True)

    def __init__(self, model: ByteModel, token_bits: int = 8, *, allow_inexact: bool = False) -> None:
        """A tokenizer over codes of `model`.

        Args:
          model: M1.
          token_bits: v, 1 to 16.
          allow_inexact: Take a model that is not exact. Its tokens may decode to other text, even on this machine.

        Raises:
          ValueError: If a value is out of range, the model is not exact and that was not allowed, or its first table is
            none.
        """
        check_usable(model, allow_inexact)
        self.model, self.token_bits = model, token_bits
