"""A codebook: 2**b byte strings as a table, its encoder and decoder, and its file.

It is written as the tree of its strings, numbered in preorder, and what each string costs. What encoding and decoding
gather from is derived from these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt16, UInt32

from ecjax import serialisation
from ecjax.binary import Target
from ecjax.codebook import host, parsing, slots, vocabulary
from ecjax.codebook.tree import depths_of, parents_type, tree_of
from ecjax.coding.windows import MIN_BITS

MAX_CODEBOOK_BITS = 16
LONGEST = 255  # bytes of a string in a codebook that is not closed under prefixes, or has costs

KIND = "ecjax.codebook"
_MAX_STRINGS = 1 << 27  # bytes of all strings together, beyond which a table is no use


class Codebook(eqx.Module):
    """A tokenizer whose tokens are 2**b byte strings, all single bytes among them.

    With costs it cuts a text into the strings that together cost the least (of several such ways, the one whose first
    string is the longest, and so on); without, it takes the longest string that the text goes on with, again and again.

    Make one with `train_codebook`, `Codebook.from_strings`, `compile_codebook`, `EqualInfo.compile` or `load_codebook`.
    A pytree of arrays, it can be passed into `jax.jit`; `encode_array` and `decode_array` are pure.

    Attributes:
      parents: Each node's parent in the tree of the strings, in preorder; 0 for the root's children and the root.
      last_bytes: The last byte of each node's string; 0 for the root.
      members: 1 for a node whose string is in the codebook, 0 for one that only leads to longer strings; None if all
        are. Ids number the members.
      costs: The cost of each id, in 1/256 bit by convention; None if parses are greedy.
      bits: b; ids are `0 .. 2**b - 1`, and 0 is the empty string.
      provenance: How it came about, as JSON, for people.
    """

    parents: UInt16[Array, " nodes"] | UInt32[Array, " nodes"]
    last_bytes: UInt8[Array, " nodes"]
    members: UInt8[Array, " nodes"] | None
    costs: UInt16[Array, " size"] | None
    strings: UInt8[Array, " total"]  # all strings end to end, in order of their ids
    offsets: Int32[Array, " size"]
    lengths: Int32[Array, " size"]
    links: UInt32[Array, " slots"]
    words: UInt32[Array, " slots"]
    bits: int = eqx.field(static=True)
    longest: int = eqx.field(static=True)
    provenance: str = eqx.field(static=True)

    def __init__(
        self,
        parents: UInt16[np.ndarray, " nodes"] | UInt32[np.ndarray, " nodes"],
        last_bytes: UInt8[np.ndarray, " nodes"],
        provenance: str = "{}",
        members: UInt8[np.ndarray, " nodes"] | None = None,
        costs: UInt16[np.ndarray, " size"] | None = None,
    ) -> None:
        """Derives the tables from a tree in preorder.

        Raises:
          ValueError: If it is no tree in preorder, lacks a byte at the root, has other members or costs than a codebook
            may have, or its strings are too long.
        """
        self.bits = _check_members(len(parents), members)
        if parents[0] or last_bytes[0]:
            raise ValueError("the parent and the last byte of a codebook's empty string are written as 0")
        depths = depths_of(parents, last_bytes)
        if not np.array_equal(last_bytes[parents == 0][1:], np.arange(256)):
            raise ValueError("a codebook has a string for each of the 256 bytes, and at most one of each byte string")
        self.longest = int(depths.max())
        if members is not None or costs is not None:
            _check_plain(members, costs, parents, 1 << self.bits, self.longest)
        nodes = np.arange(len(parents)) if members is None else np.flatnonzero(members)
        lengths = depths[nodes]
        check_size(int(lengths.sum(dtype=np.int64)))
        strings, offsets = _spell(nodes, lengths, parents, last_bytes)
        links, places = slots.place(parents, last_bytes, depths)
        words = np.zeros(len(links), np.uint32)
        words[places[nodes[1:]]] = parsing.words(np.arange(1, 1 << self.bits), None if costs is None else costs[1:])
        # Not by jnp.asarray, which compiles something for each shape. But this may share memory, so not the caller's.
        self.parents, self.last_bytes = jax.device_put((parents.copy(), last_bytes.copy()))
        self.members = None if members is None else jax.device_put(members.copy())
        self.costs = None if costs is None else jax.device_put(costs.copy())
        self.strings, self.offsets, self.lengths = jax.device_put((strings, offsets, lengths))
        self.links, self.words = jax.device_put((links, words))
        self.provenance = provenance

    @classmethod
    def from_strings(
        cls,
        strings: Sequence[bytes],
        costs: Sequence[int] | Integer[np.ndarray, " size"] | None = None,
        provenance: str = "{}",
    ) -> Codebook:
        """The codebook of some byte strings.

        Args:
          strings: The strings, in any order: all 256 single bytes, and with the empty one, which need not be given,
            2**9 to 2**16 in all. They need not be closed under prefixes.
          costs: The cost of each, 0 to 65,535, in 1/256 bit by convention; that of the empty string, which is never
            used, does not count. Without costs, parses are greedy.
          provenance: How it came about, as JSON, for people.

        Raises:
          ValueError: If a string comes twice, costs are out of range or not as many, or the strings are no codebook's.
        """
        if costs is not None and len(costs) != len(strings):
            raise ValueError(f"each string has its cost; got {len(strings)} strings and {len(costs)} costs")
        if len(set(strings)) < len(strings):
            raise ValueError("a codebook has each string once; got one of them twice")
        prices = None if costs is None else dict(zip(strings, np.asarray(costs).tolist(), strict=True)) | {b"": 0}
        ordered = sorted({b"", *strings})
        tree = tree_of(ordered)
        if prices is not None and not all(type(n) is int and 0 <= n < 1 << 16 for n in prices.values()):
            raise ValueError("costs are integers from 0 to 65535")
        array = None if prices is None else np.array([prices[string] for string in ordered], np.uint16)
        return cls(tree.parents, tree.last_bytes, provenance, tree.members, array)

    @property
    def vocab_size(self) -> int:
        """Number of ids, `2**bits`."""
        return 1 << self.bits

    @property
    def padding_id(self) -> int:
        """The id of the empty string, 0."""
        return 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the tree, the members and the costs: two codebooks with the same one give the same tokens."""
        return serialisation.fingerprint(KIND, {"bits": self.bits}, self._tensors())

    @property
    def rules(self) -> parsing.Rules:
        """What a parse needs."""
        parse = "cheapest" if self.costs is not None else "closed" if self.members is None else "longest"
        return parsing.Rules(self.links, self.words, self.lengths, self.longest, parse)

    def encode_array(
        self, text: Integer[Array, " n"], length: Integer[Array, ""]
    ) -> tuple[Int32[Array, " n"], Int32[Array, ""]]:
        """The tokens of a text, inside `jit` if you like.

        Args:
          text: Bytes; those from `length` on do not count.
          length: Bytes in the text, at most n.

        Returns:
          Ids, filled with zeros, and their number.
        """
        return parsing.encode(self.rules, text, length)

    def decode_array(
        self, ids: Integer[Array, " n"], capacity: int
    ) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
        """The text of a sequence of ids, inside `jit` if you like.

        Args:
          ids: Ids in `0 .. vocab_size - 1`; zeros, the empty string, may fill them up.
          capacity: Bytes to return at most.

        Returns:
          The first `capacity` bytes of the text, filled with zeros, and its whole length.
        """
        return vocabulary.spell(self.spelling, ids, capacity)

    @property
    def spelling(self) -> vocabulary.Spelling:
        """What decoding needs."""
        return vocabulary.Spelling(self.strings, self.offsets, self.lengths)

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The tokens of a text. Raises TypeError unless it is bytes."""
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of tokens. Raises TypeError or ValueError unless they are ids of this codebook."""
        return host.decode(self.spelling, ids)

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The tokens of each text. Long texts are parsed in parts side by side (`ecjax.codebook.host`)."""
        return host.encode_batch(self.rules, texts)

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of tokens."""
        return host.decode_batch(self.spelling, batch)

    def token_bytes(self, token: int) -> bytes:
        """The string of an id. Raises ValueError unless it is an id of this codebook."""
        return vocabulary.token_bytes(self.spelling, token)

    def descendants(self, code: int) -> tuple[int, int]:
        """The range `low .. high - 1` of ids whose strings begin with the string of `code`."""
        return vocabulary.descendants(self.spelling, code)

    def save(self, target: str | Path | Target) -> None:
        """Writes the codebook as a safetensors file, in a folder that is there; or into a file that is open."""
        provenance = json.loads(self.provenance)
        serialisation.write(target, KIND, {"bits": self.bits}, self._tensors(), provenance)

    def _tensors(self) -> dict[str, np.ndarray]:
        every = {name: getattr(self, name) for name in ("parents", "last_bytes", "members", "costs")}
        return {name: np.asarray(array) for name, array in every.items() if array is not None}


def check_size(total: int) -> None:
    """Raises ValueError if strings of `total` bytes in all are too long for a table."""
    if total > _MAX_STRINGS:
        raise ValueError(
            f"this codebook's strings take {total} bytes or more, above {_MAX_STRINGS}: the model is too sure of "
            "itself for a table; use EqualInfo with the model"
        )


def _check_members(nodes: int, members: UInt8[np.ndarray, " nodes"] | None) -> int:
    """The bits of a codebook with so many nodes. Raises ValueError unless it has as many strings as it may have."""
    if nodes > slots.MAX_NODES:
        raise ValueError(f"a codebook's tree has at most {slots.MAX_NODES} nodes, got {nodes}")
    if members is not None and (len(members) != nodes or members.max(initial=0) > 1 or members.all()):
        raise ValueError(
            "members are a 0 or a 1 for each node, a 0 among them; leave them out if all nodes are members"
        )
    size = nodes if members is None else int(members.sum(dtype=np.int64))
    bits = size.bit_length() - 1
    if not MIN_BITS <= bits <= MAX_CODEBOOK_BITS or size != 1 << bits:
        raise ValueError(f"a codebook has 2**{MIN_BITS} to 2**{MAX_CODEBOOK_BITS} strings, got {size}")
    return bits


def _check_plain(
    members: UInt8[np.ndarray, " nodes"] | None,
    costs: UInt16[np.ndarray, " size"] | None,
    parents: UInt16[np.ndarray, " nodes"] | UInt32[np.ndarray, " nodes"],
    size: int,
    longest: int,
) -> None:
    """Raises ValueError unless members, costs and the longest string are as a codebook may have them."""
    if longest > LONGEST:
        raise ValueError(f"a string of a codebook with members or costs has at most {LONGEST} bytes, got {longest}")
    if members is not None:
        needed = np.ones(len(parents), bool)
        needed[parents] = False
        needed[parents == 0] = True
        missing = np.flatnonzero(needed & (members == 0))
        if len(missing):
            raise ValueError(
                f"node {missing[0]} must be a member: the root, single bytes and nodes without children are members"
            )
    if costs is not None and (len(costs) != size or costs[0]):
        raise ValueError(f"a codebook has {size} costs, one for each id, and that of id 0 is 0")


def _spell(
    nodes: np.ndarray, lengths: np.ndarray, parents: np.ndarray, last_bytes: np.ndarray
) -> tuple[UInt8[np.ndarray, " total"], Int32[np.ndarray, " size"]]:
    """The strings of some nodes end to end, and where each begins."""
    ends = np.cumsum(lengths, dtype=np.int64)
    strings = np.zeros(ends[-1], np.uint8)
    node, place = nodes[lengths > 0], ends[lengths > 0] - 1
    while len(node):  # every string from its last byte to its first, all at once
        strings[place] = last_bytes[node]
        node = parents[node]
        going = node > 0
        node, place = node[going], place[going] - 1
    return strings, (ends - lengths).astype(np.int32)


def load_codebook(source: str | Path | serialisation.Contents) -> Codebook:
    """The codebook of a shipped name ("books-12", "books-16", "mixed-16") or of a file.

    Args:
      source: The name or the path, `-` for standard input, or what `ecjax.serialisation.read` gave.

    Raises:
      ValueError: If there is no such file, it is damaged, or it is of another kind.
    """
    contents = serialisation.read(source, KIND)
    tensors = contents.tensors
    try:
        _check_tensors(tensors)
        codebook = Codebook(
            tensors["parents"],
            tensors["last_bytes"],
            json.dumps(contents.provenance, sort_keys=True),
            tensors.get("members"),
            tensors.get("costs"),
        )
        if json.dumps(contents.settings) != json.dumps({"bits": codebook.bits}):
            raise ValueError(f"the settings of a codebook of {codebook.bits} bits must be just that")
    except ValueError as error:
        raise serialisation.damaged(contents.name, str(error)) from error
    return codebook


def _check_tensors(tensors: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError unless a file has the arrays of a codebook, of the right types and shapes."""
    nodes = tensors["parents"].size if "parents" in tensors else 0
    size = tensors["costs"].size if "costs" in tensors else 0
    expected = {"parents": (parents_type(nodes), (nodes,)), "last_bytes": (np.uint8, (nodes,))}
    allowed = expected | {"members": (np.uint8, (nodes,)), "costs": (np.uint16, (size,))}
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    if not expected.items() <= found.items() or not found.items() <= allowed.items():
        raise ValueError(
            f"its arrays must be parents, {parents_type(nodes).__name__}[nodes], and last_bytes, uint8[nodes]; there "
            "may be members, uint8[nodes], and costs, uint16[2**bits], too"
        )
