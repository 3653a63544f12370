"""What settings choose from. Without JAX, so that a command can tell its options at once."""

from typing import Literal

Optimizer = Literal["adamw", "paper"]
Compute = Literal["float32", "bfloat16"]
