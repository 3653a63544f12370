"""Single faults in the port in C and in the oracle, one for each clause of each rule: stored cases must catch them."""

from __future__ import annotations

from . import (
    attention,
    blocks,
    causes,
    codebooks,
    container,
    conventions,
    fingerprints,
    frequencies,
    oracle_coding,
    oracle_files,
    oracle_transformer,
    protocol,
    streams,
    tokens,
    transformer,
    windows,
)
from .mutant import Mutant

MUTANTS: dict[str, list[Mutant]] = {
    "frequencies": [
        *frequencies.MUTANTS,
        *conventions.MUTANTS,
        *protocol.MUTANTS,
        *causes.MUTANTS,
        *oracle_coding.FREQUENCIES,
    ],
    "tokens": [*tokens.MUTANTS, *oracle_coding.TOKENS],
    "transformers": [
        *transformer.MUTANTS,
        *attention.MUTANTS,
        *fingerprints.MUTANTS,
        *oracle_transformer.SETTINGS,
        *oracle_transformer.LAYERS,
        *oracle_transformer.ATTENTION,
    ],
    "streams": [*streams.MUTANTS, *oracle_coding.STREAMS],
    "windows": [*windows.MUTANTS, *oracle_coding.WINDOWS],
    "codebooks": [*codebooks.MUTANTS, *oracle_files.CODEBOOKS],
    "containers": [*container.MUTANTS, *blocks.MUTANTS, *oracle_files.CONTAINERS],
}
"""The mutants by the section whose cases look at them first."""
