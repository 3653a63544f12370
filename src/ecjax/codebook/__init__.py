"""Windows of a fixed model compiled to a table: the same tokens without the model."""

from ecjax.codebook.compiling import compile_codebook
from ecjax.codebook.table import KIND, MAX_CODEBOOK_BITS, Codebook, load_codebook

__all__ = ["KIND", "MAX_CODEBOOK_BITS", "Codebook", "compile_codebook", "load_codebook"]
