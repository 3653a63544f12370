"""Single faults in the port in C, one for each clause of each rule: every one must be caught by a stored case."""

from __future__ import annotations

from . import (
    attention,
    blocks,
    codebooks,
    container,
    conventions,
    fingerprints,
    frequencies,
    streams,
    tokens,
    transformer,
    windows,
)
from .mutant import Mutant

MUTANTS: dict[str, list[Mutant]] = {
    "frequencies": [*frequencies.MUTANTS, *conventions.MUTANTS],
    "tokens": tokens.MUTANTS,
    "transformers": [*transformer.MUTANTS, *attention.MUTANTS, *fingerprints.MUTANTS],
    "streams": streams.MUTANTS,
    "windows": windows.MUTANTS,
    "codebooks": codebooks.MUTANTS,
    "containers": [*container.MUTANTS, *blocks.MUTANTS],
}
"""The mutants by the section whose cases look at them first."""
