"""Neural text compression that language models can learn from, in pure-functional JAX."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.codebook import Codebook, compile_codebook, load_codebook
    from ecjax.codebook.fitting import train_codebook
    from ecjax.compression import compress, compress_stream, decompress, decompress_stream
    from ecjax.densities import frequency_table_from_cdf, gaussian_table, logistic_table
    from ecjax.frequencies import frequency_table, frequency_table_from_counts
    from ecjax.models.base import ByteModel, SymbolModel
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
    from ecjax.version import __version__

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
    "SymbolModel",
    "Tokenizer",
    "Unigram",
    "__version__",
    "compile_codebook",
    "compress",
    "compress_stream",
    "decompress",
    "decompress_stream",
    "frequency_table",
    "frequency_table_from_cdf",
    "frequency_table_from_counts",
    "gaussian_table",
    "load_codebook",
    "load_model",
    "logistic_table",
    "train_codebook",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".codebook": ["Codebook", "compile_codebook", "load_codebook"],
        ".codebook.fitting": ["train_codebook"],
        ".compression": ["compress", "compress_stream", "decompress", "decompress_stream"],
        ".densities": ["frequency_table_from_cdf", "gaussian_table", "logistic_table"],
        ".frequencies": ["frequency_table", "frequency_table_from_counts"],
        ".models.base": ["ByteModel", "SymbolModel"],
        ".models.files": ["load_model"],
        ".models.unigram": ["Unigram"],
        ".tokenizers": [
            "ArithmeticCoding",
            "Bytes",
            "EqualInfo",
            "EqualText",
            "GZip",
            "Huffman",
            "SentencePiece",
            "Tokenizer",
        ],
        ".version": ["__version__"],
    },
    modules=[
        "analysis",
        "codebook",
        "coding",
        "compilation",
        "container",
        "corpora",
        "data",
        "evaluation",
        "exactness",
        "generation",
        "models",
        "paper",
        "serialisation",
        "testing",
        "tokenizers",
        "training",
    ],
)
