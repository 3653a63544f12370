"""Codebooks: windows of up to 16 bits as a table. Standard library only; this is the definition.

A codebook is a tree of `2**b` strings numbered in preorder, given by the parent of each and its last byte.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .refusal import require, require_range
from .tensors import fingerprint
from .windows import Model, apportion


class Codebook(NamedTuple):
    """The tree. Number 0 is the root, whose own parent and last byte are written as 0."""

    parents: Sequence[int]
    last_bytes: Sequence[int]

    @property
    def bits(self) -> int:
        """The size of a window."""
        return len(self.parents).bit_length() - 1


def check(book: Codebook) -> None:
    """Raises Refused unless a tree is a codebook's."""
    size = len(book.parents)
    require(len(book.last_bytes) == size and 9 <= book.bits <= 16 and size == 2**book.bits, "codebook")
    require_range(book.parents, 0, size - 1, "codebook")
    require_range(book.last_bytes, 0, 255, "codebook")
    require(book.parents[0] == book.last_bytes[0] == 0, "codebook")
    path, newest = [0], {0: -1}  # from the root to the string before, and the last byte of each one's newest child
    for code in range(1, size):
        parent, byte = book.parents[code], book.last_bytes[code]
        while path and path[-1] != parent:
            path.pop()
        require(bool(path) and byte > newest[parent], "codebook")
        path.append(code)
        newest[parent], newest[code] = byte, -1
    require(sum(parent == 0 for parent in book.parents[1:]) == 256, "codebook")


def compile_codebook(model: Model, bits: int) -> Codebook:
    """The windows of a model."""
    require_range([bits], 9, 16, "bits")
    parents, last_bytes = [0] * 2**bits, [0] * 2**bits
    nodes = [(0, b"", 2**bits - 1)]  # number, string and points below of each string whose children are to be numbered
    while nodes:
        code, text, below = nodes.pop()
        child = code + 1
        for byte, count in enumerate(apportion(below, model(text), root=code == 0)):
            if count:
                parents[child], last_bytes[child] = code, byte
                if count > 1:
                    nodes.append((child, text + bytes([byte]), count - 1))
                child += count
    return Codebook(parents, last_bytes)


def encode(book: Codebook, text: bytes) -> list[int]:
    """The windows of a text, each the longest string of the codebook that the text goes on with."""
    check(book)
    children = {(book.parents[code], book.last_bytes[code]): code for code in range(1, len(book.parents))}
    codes, node = [], 0
    for byte in text:
        if (node, byte) not in children:
            codes.append(node)
            node = 0
        node = children[node, byte]
    return [*codes, node] if text else []


def string(book: Codebook, code: int) -> bytes:
    """The string of a number."""
    text = b""
    while code:
        text = bytes([book.last_bytes[code]]) + text
        code = book.parents[code]
    return text


def decode(book: Codebook, codes: Sequence[int]) -> bytes:
    """The text of windows."""
    check(book)
    require_range(codes, 0, len(book.parents) - 1, "id")
    return b"".join(string(book, code) for code in codes)


def codebook_fingerprint(book: Codebook) -> str:
    """The fingerprint of a codebook. Raises Refused if it is none."""
    check(book)
    tensors = {"parents": book.parents, "last_bytes": book.last_bytes}
    shape = (len(book.parents),)
    types = {"parents": ("<u2", shape), "last_bytes": ("|u1", shape)}
    return fingerprint("ecjax.codebook", {"bits": book.bits}, tensors, types)
