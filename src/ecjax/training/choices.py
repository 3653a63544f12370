"""What settings choose from. Without JAX, so that a command can tell its options at once."""

from typing import Literal

Optimizer = Literal["adamw", "paper"]
"""How weights are updated: AdamW, or the optimizer of the paper."""
Compute = Literal["float32", "bfloat16"]
"""The type in which matrices are multiplied."""
