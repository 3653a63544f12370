"""Codebooks: tokenizers whose tokens are byte strings in a table, which needs no model."""

from ecjax.codebook.compiling import compile_codebook
from ecjax.codebook.files import load_codebook
from ecjax.codebook.table import KIND, MAX_CODEBOOK_BITS, Codebook
from ecjax.codebook.text import TextDecoder

__all__ = ["KIND", "MAX_CODEBOOK_BITS", "Codebook", "TextDecoder", "compile_codebook", "load_codebook"]
