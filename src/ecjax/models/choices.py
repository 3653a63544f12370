"""What configurations choose from. Without JAX, so that a command can tell its options at once."""

from typing import Literal

Relative = Literal["bias", "vectors"]
"""How attention knows how far back a position is."""
