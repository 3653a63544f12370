"""The paper's examples: documents with ends, joined, cut into pieces of one length, shuffled (sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import grain

from ecjax.checks import check_integer, check_text
from ecjax.paper import PAPER

END_OF_DOCUMENT = 0xFF
"""The byte that ends a document. UTF-8 never has it, so no text is mistaken for it. It is below 256, so that a byte
model predicts it and an arithmetic coder codes it as any other byte."""


def paper_examples(
    documents: Sequence[bytes],
    seed: int = 0,
    joined: int = PAPER.documents_joined,
    length: int = PAPER.example_bytes,
) -> list[bytes]:
    """Pieces of text as the paper compresses them, each by itself.

    Each document is followed by `END_OF_DOCUMENT`. So many are joined at a time, and what comes of that is cut into
    pieces; the last piece of each, and of what is left of the documents, is shorter unless it comes out even.

    Args:
      documents: UTF-8 texts, in their order.
      seed: Of the pieces' order, 0 to 2**32 - 1.
      joined: Documents that are joined.
      length: Bytes of a piece.

    Returns:
      The pieces, in an order that depends on `seed` and their number alone.

    Raises:
      ValueError: If there is no document, a number is out of its range, or a document has the byte 0xFF.
    """
    check_integer("joined", joined, 1)
    check_integer("length", length, 1)
    check_integer("seed", seed, 0, (1 << 32) - 1)
    if not len(documents):
        raise ValueError("there is no document; give at least one, be it empty")
    end = bytes([END_OF_DOCUMENT])
    for i, document in enumerate(documents):
        if end in check_text(document):
            raise ValueError(f"document {i} has the byte 0xFF, which ends documents and no UTF-8 has; give UTF-8 texts")
    pieces = []
    for first in range(0, len(documents), joined):
        text = b"".join(document + end for document in documents[first : first + joined])
        pieces += [text[begin : begin + length] for begin in range(0, len(text), length)]
    return list(grain.MapDataset.source(pieces).seed(seed).shuffle())
