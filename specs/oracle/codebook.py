"""Codebooks: 2**b strings as a trie, and the two ways to parse a text into them.

Standard library only; this is the definition.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .refusal import require, require_range
from .tensors import fingerprint
from .windows import Model, apportion


class Codebook(NamedTuple):
    """A trie numbered in preorder. Number 0 is the root, whose own parent and last byte are written as 0.

    `members` has a 1 for each node whose string is in the codebook, else 0; None if all are. `costs` has the cost of
    each id; None if the parse is greedy.
    """

    parents: Sequence[int]
    last_bytes: Sequence[int]
    members: Sequence[int] | None = None
    costs: Sequence[int] | None = None

    @property
    def size(self) -> int:
        """The number of strings."""
        return len(self.parents) if self.members is None else sum(self.members)

    @property
    def bits(self) -> int:
        """The number of bits of an id."""
        return self.size.bit_length() - 1


def check(book: Codebook) -> None:
    """Raises Refused unless this is a codebook."""
    nodes = len(book.parents)
    require(nodes <= 2**22 and len(book.last_bytes) == nodes, "codebook")
    if book.members is not None:
        require(len(book.members) == nodes, "codebook")
        require_range(book.members, 0, 1, "codebook")
        require(0 in book.members, "codebook")
    require(9 <= book.bits <= 16 and book.size == 2**book.bits, "codebook")
    childless = check_tree(book)
    if book.members is not None:
        for node in range(nodes):
            required = node == 0 or book.parents[node] == 0 or node in childless
            require(book.members[node] == 1 or not required, "codebook")
    if book.costs is not None:
        require(len(book.costs) == book.size, "codebook")
        require_range(book.costs, 0, 65_535, "codebook")
        require(book.costs[0] == 0, "codebook")


def check_tree(book: Codebook) -> set[int]:
    """Raises Refused unless the nodes are a tree in preorder, with all bytes and without strings that are too long.

    Returns the nodes that have no children.
    """
    nodes = len(book.parents)
    require_range(book.parents, 0, nodes - 1, "codebook")
    require_range(book.last_bytes, 0, 255, "codebook")
    require(book.parents[0] == book.last_bytes[0] == 0, "codebook")
    longest = nodes if book.members is None and book.costs is None else 255
    path, newest = [0], {0: -1}  # from the root to the node before, and the last byte of each one's newest child
    for node in range(1, nodes):
        parent, byte = book.parents[node], book.last_bytes[node]
        while path and path[-1] != parent:
            path.pop()
        require(bool(path) and byte > newest[parent], "codebook")
        path.append(node)
        require(len(path) - 1 <= longest, "codebook")
        newest[parent], newest[node] = byte, -1
    require(sum(parent == 0 for parent in book.parents[1:]) == 256, "codebook")
    return {node for node, byte in newest.items() if byte == -1}


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


def strings(book: Codebook) -> list[bytes]:
    """The string of each id."""
    spelled = [b""]
    for parent, byte in zip(book.parents[1:], book.last_bytes[1:], strict=True):
        spelled.append(spelled[parent] + bytes([byte]))
    return spelled if book.members is None else [s for s, member in zip(spelled, book.members, strict=True) if member]


def encode(book: Codebook, text: bytes) -> list[int]:
    """The ids of a text: those of the cheapest parse if there are costs, else those of the greedy one."""
    check(book)
    ids = {spelled: number for number, spelled in enumerate(strings(book)) if number}
    return parse_greedily(ids, text) if book.costs is None else parse_cheaply(ids, book.costs, text)


def parse_greedily(ids: Mapping[bytes, int], text: bytes) -> list[int]:
    """The longest string that the text goes on with, again and again."""
    longest, found, start = max(map(len, ids)), [], 0
    while start < len(text):
        end = min(start + longest, len(text))
        while text[start:end] not in ids:
            end -= 1
        found.append(ids[text[start:end]])
        start = end
    return found


def parse_cheaply(ids: Mapping[bytes, int], costs: Sequence[int], text: bytes) -> list[int]:
    """The sequence of strings whose costs have the smallest sum.

    Of several such sequences it is the one whose first string is the longest; of those, the one whose second is; and
    so on. `best` has the smallest sum for what follows each place of the text, `ends` where the first string then ends.
    """
    longest, found, start = max(map(len, ids)), [], 0
    best, ends = [0] * (len(text) + 1), [0] * len(text)
    for place in reversed(range(len(text))):
        stops = range(place + 1, min(place + longest, len(text)) + 1)
        sums = {stop: costs[ids[text[place:stop]]] + best[stop] for stop in stops if text[place:stop] in ids}
        best[place] = min(sums.values())
        ends[place] = max(stop for stop in sums if sums[stop] == best[place])
    while start < len(text):
        found.append(ids[text[start : ends[start]]])
        start = ends[start]
    return found


def decode(book: Codebook, codes: Sequence[int]) -> bytes:
    """The text of ids."""
    check(book)
    require_range(codes, 0, book.size - 1, "id")
    spelled = strings(book)
    return b"".join(spelled[code] for code in codes)


def codebook_fingerprint(book: Codebook) -> str:
    """The fingerprint of a codebook. Raises Refused if it is none."""
    check(book)
    nodes = len(book.parents)
    tensors = {"parents": book.parents, "last_bytes": book.last_bytes}
    types = {"parents": ("<u2" if nodes <= 2**16 else "<u4", (nodes,)), "last_bytes": ("|u1", (nodes,))}
    if book.members is not None:
        tensors["members"], types["members"] = book.members, ("|u1", (nodes,))
    if book.costs is not None:
        tensors["costs"], types["costs"] = book.costs, ("<u2", (book.size,))
    return fingerprint("ecjax.codebook", {"bits": book.bits}, tensors, types)
