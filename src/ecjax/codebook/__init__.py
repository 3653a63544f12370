"""Codebooks: tokenizers whose tokens are byte strings in a table, which needs no model."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.codebook.compiling import compile_codebook
    from ecjax.codebook.files import load_codebook
    from ecjax.codebook.hugging_face import CodebookTokenizer
    from ecjax.codebook.table import KIND, MAX_CODEBOOK_BITS, Codebook
    from ecjax.codebook.text import TextDecoder

__all__ = [
    "KIND",
    "MAX_CODEBOOK_BITS",
    "Codebook",
    "CodebookTokenizer",
    "TextDecoder",
    "compile_codebook",
    "load_codebook",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".compiling": ["compile_codebook"],
        ".files": ["load_codebook"],
        ".hugging_face": ["CodebookTokenizer"],
        ".table": ["KIND", "MAX_CODEBOOK_BITS", "Codebook"],
        ".text": ["TextDecoder"],
    },
)
