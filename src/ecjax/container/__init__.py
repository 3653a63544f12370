"""The file format for compressed text, written and read in one pass and in constant memory.

A file is a header and blocks of text, each coded by itself or, where that would not be shorter, stored as it is
(specs/container.md, whose rules are named here as K-1 ...). A `Coding` says how blocks are coded: as streams of a model
(`stream_coding`), as its windows (`window_coding`), or as those of a codebook (`codebook_coding`).

    coding = codebook_coding(load_codebook("books-16"))
    with open("book.txt", "rb") as source, open("book.ecj", "wb") as target:
        encode(coding, source, target)

Blocks are gathered in groups that are coded side by side, so memory does not grow with the text.
`ecjax.compress` and its kin choose the coding by a model's name; this is what they are made of.
"""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.container.codings import Coding, codebook_coding, stream_coding, window_coding
    from ecjax.container.files import decode, decode_bytes, encode, encode_bytes
    from ecjax.container.layout import (
        CODEBOOK,
        LONGEST,
        MAGIC,
        STREAMS,
        VERSION,
        WINDOWS,
        Header,
        Reader,
        Refused,
        Source,
        Summary,
        Target,
        info,
    )

__all__ = [
    "CODEBOOK",
    "LONGEST",
    "MAGIC",
    "STREAMS",
    "VERSION",
    "WINDOWS",
    "Coding",
    "Header",
    "Reader",
    "Refused",
    "Source",
    "Summary",
    "Target",
    "codebook_coding",
    "decode",
    "decode_bytes",
    "encode",
    "encode_bytes",
    "info",
    "stream_coding",
    "window_coding",
]

# The layout is read without JAX.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".codings": ["Coding", "codebook_coding", "stream_coding", "window_coding"],
        ".files": ["decode", "decode_bytes", "encode", "encode_bytes"],
        ".layout": [
            "CODEBOOK",
            "LONGEST",
            "MAGIC",
            "STREAMS",
            "VERSION",
            "WINDOWS",
            "Header",
            "Reader",
            "Refused",
            "Source",
            "Summary",
            "Target",
            "info",
        ],
    },
)
