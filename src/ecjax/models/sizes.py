"""What a Transformer is built as: its sizes, and how its attention knows of positions."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from ecjax.checks import check_integer
from ecjax.models.choices import Relative


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a Transformer, and how its attention knows of positions.

    Attributes:
      vocab_size: Number of tokens that can be predicted (256 for a byte model).
      d_model: Width of the residual stream.
      heads: Attention heads per layer.
      layers: Number of layers.
      head_dim: Width of a head.
      mlp_dim: Width of the gated MLP.
      context: Positions that attention reaches back over, its own included.
      relative: What each layer learns of every distance up to the context: "bias", a number for each head that is added
        to the score; or "vectors", a vector that is added to the key before its product with the query (Shaw et al.,
        arXiv 1803.02155), as the paper describes it (sec. 3.2). An exact model has a bias.

    Raises:
      ValueError: If a size is not an integer of at least 1, or `relative` is neither of these.
    """

    vocab_size: int
    d_model: int
    heads: int
    layers: int
    head_dim: int
    mlp_dim: int
    context: int
    relative: Relative = "bias"

    def __post_init__(self) -> None:
        for name, value in self._sizes().items():
            # Sizes are indices too, which are int32.
            check_integer(f"TransformerConfig.{name}", value, 1)
        if not isinstance(self.relative, str) or self.relative not in get_args(Relative):
            raise ValueError(f"TransformerConfig.relative must be 'bias' or 'vectors', got {self.relative!r}")

    @property
    def parameters(self) -> int:
        """Weights in the attention and MLP products, as Table 4 counts them: no embeddings, biases or norms."""
        attention = 4 * self.d_model * self.heads * self.head_dim
        return self.layers * (attention + 3 * self.d_model * self.mlp_dim)

    def settings(self) -> dict[str, Any]:
        """The configuration as files have it: the sizes, and `relative` where it is not "bias".

        Files that were written before there were vectors say nothing of it.
        """
        return self._sizes() | ({} if self.relative == "bias" else {"relative": self.relative})

    def _sizes(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)[:-1]}


_SIZES = {
    # name: d_model, heads, layers, head_dim, mlp_dim
    "tiny": (64, 2, 2, 32, 256),
    "small": (128, 4, 3, 32, 512),
    "1m": (128, 4, 4, 32, 512),
    "3m": (256, 4, 3, 64, 1024),
    "25m": (512, 8, 6, 64, 2048),
    "113m": (768, 12, 12, 64, 3072),
    "403m": (1024, 16, 24, 64, 4096),
    "2b": (2048, 32, 24, 64, 8192),
}

SIZES: tuple[str, ...] = tuple(_SIZES)
"""Names that `configuration` knows: those of Table 4, and three smaller ones for CPUs."""


def configuration(size: str, vocab_size: int, context: int, relative: Relative = "bias") -> TransformerConfig:
    """The configuration called `size` (one of `SIZES`) for a vocabulary and a context length.

    Args:
      size: Its name.
      vocab_size: Number of ids.
      context: How many positions a position sees, itself among them.
      relative: How attention knows of distances: by a bias for each, or by a vector for each.

    Raises:
      ValueError: If there is no such size, or the rest is none that a `TransformerConfig` can have.
    """
    if size not in _SIZES:
        raise ValueError(f"unknown model size {size!r}; known sizes are {', '.join(SIZES)}")
    d_model, heads, layers, head_dim, mlp_dim = _SIZES[size]
    return TransformerConfig(vocab_size, d_model, heads, layers, head_dim, mlp_dim, context, relative)
