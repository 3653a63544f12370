"""Neural text compression that language models can learn from, in pure-functional JAX."""

from ecjax.codebook import Codebook, compile_codebook, load_codebook
from ecjax.models.base import ByteModel
from ecjax.models.files import load_model
from ecjax.models.unigram import Unigram
from ecjax.tokenizers import (
    ArithmeticCoding,
    Bytes,
    EqualInfo,
    EqualText,
    GZip,
    Huffman,
    SentencePiece,
    Tokenizer,
)

__all__ = [
    "ArithmeticCoding",
    "ByteModel",
    "Bytes",
    "Codebook",
    "EqualInfo",
    "EqualText",
    "GZip",
    "Huffman",
    "SentencePiece",
    "Tokenizer",
    "Unigram",
    "compile_codebook",
    "load_codebook",
    "load_model",
]
