"""A codebook: 2**b byte strings as a table, its encoder and decoder, and its file.

It is written as the tree of its strings, numbered in preorder, and what each string costs. What encoding and decoding
gather from is derived from these.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int32, Integer, UInt8, UInt16, UInt32

from ecjax import serialisation
from ecjax.binary import Target
from ecjax.codebook import host, parsing, slots, vocabulary
from ecjax.codebook.text import TextDecoder
from ecjax.codebook.tree import LONGEST as LONGEST
from ecjax.codebook.tree import MAX_CODEBOOK_BITS as MAX_CODEBOOK_BITS
from ecjax.codebook.tree import check_members, check_plain, depths_of, strings_of, tree_of
from ecjax.methods import array_method, as_text, compiled

if TYPE_CHECKING:
    from ecjax.codebook.hugging_face import CodebookTokenizer

KIND = "ecjax.codebook"
"""What a codebook's file says that it is: the kind that `ecjax.serialisation.read` gives."""
_MAX_STRINGS = 1 << 27  # bytes of all strings together, beyond which a table is no use


Held = Array | np.ndarray  # an array wherever it is: on the host, or on a device


class TooLarge(ValueError):
    """A codebook whose strings are too long for a table."""


class Codebook(eqx.Module):
    """A tokenizer whose tokens are 2**b byte strings, all single bytes among them.

    With costs it cuts a text into the strings that together cost the least (of several such ways, the one whose first
    string is the longest, and so on); without, it takes the longest string that the text goes on with, again and again.

    Make one with `train_codebook`, `Codebook.from_strings`, `compile_codebook`, `EqualInfo.compile` or `load_codebook`.
    A pytree of arrays, it can be passed into `jax.jit`; `encode_array` and `decode_array` are pure. Its arrays are
    NumPy's, so that a process which only encodes and decodes starts no device; `jax.device_put` puts them on one.

    Attributes:
      parents: Each node's parent in the tree of the strings, in preorder; 0 for the root's children and the root.
      last_bytes: The last byte of each node's string; 0 for the root.
      members: 1 for a node whose string is in the codebook, 0 for one that only leads to longer strings; None if all
        are. Ids number the members.
      costs: The cost of each id, in 1/256 bit by convention; None if parses are greedy.
      bits: b; ids of strings are `0 .. 2**b - 1`, and 0 is the empty string.
      provenance: How it came about, as JSON, for people.
      special_tokens: The names of the ids from `2**b` on (`with_special_tokens`).
    """

    parents: UInt16[Held, " nodes"] | UInt32[Held, " nodes"]
    last_bytes: UInt8[Held, " nodes"]
    members: UInt8[Held, " nodes"] | None
    costs: UInt16[Held, " size"] | None
    strings: UInt8[Held, " total"]  # all strings end to end, in order of their ids
    offsets: Int32[Held, " ids"]
    lengths: Int32[Held, " ids"]
    links: UInt32[Held, " slots"]
    words: UInt32[Held, " slots"]
    bits: int = eqx.field(static=True)
    longest: int = eqx.field(static=True)
    provenance: str = eqx.field(static=True)
    special_tokens: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        parents: UInt16[np.ndarray, " nodes"] | UInt32[np.ndarray, " nodes"],
        last_bytes: UInt8[np.ndarray, " nodes"],
        provenance: str = "{}",
        members: UInt8[np.ndarray, " nodes"] | None = None,
        costs: UInt16[np.ndarray, " size"] | None = None,
        special_tokens: Sequence[str] = (),
    ) -> None:
        """Derives the tables from a tree in preorder. `from_strings` makes a codebook of strings.

        Args:
          parents: Each node's parent, a number below its own; 0 for the root, which is node 0.
          last_bytes: The last byte of each node's string; 0 for the root.
          provenance: Where it comes from, a JSON object as a string.
          members: 1 for each node whose string has an id, else 0; None if all have one.
          costs: What each id costs in a parse (specs/codebooks.md); None for a greedy parse.
          special_tokens: Names whose ids follow those of strings.

        Raises:
          ValueError: If it is no tree in preorder, lacks a byte at the root, has other members or costs than a codebook
            may have, or its strings are too long.
        """
        self.bits = check_members(len(parents), members)
        if parents[0] or last_bytes[0]:
            raise ValueError("the parent and the last byte of a codebook's empty string are written as 0")
        depths = depths_of(parents, last_bytes)
        if not np.array_equal(last_bytes[parents == 0][1:], np.arange(256)):
            raise ValueError("a codebook has a string for each of the 256 bytes, and at most one of each byte string")
        self.longest = int(depths.max())
        if members is not None or costs is not None:
            check_plain(members, costs, parents, 1 << self.bits, self.longest)
        nodes = np.arange(len(parents)) if members is None else np.flatnonzero(members)
        lengths = depths[nodes]
        check_size(int(lengths.sum(dtype=np.int64)))
        strings, offsets = strings_of(nodes, lengths, parents, last_bytes)
        self.special_tokens = vocabulary.check_names(special_tokens)
        lengths, offsets = (np.pad(array, (0, len(special_tokens))) for array in (lengths, offsets))
        links, places = slots.place(parents, last_bytes, depths, _visits(parents, depths, nodes, costs))
        words = np.zeros(len(links), np.uint32)
        words[places[nodes[1:]]] = parsing.words(np.arange(1, 1 << self.bits), None if costs is None else costs[1:])
        self.parents, self.last_bytes = held(parents), held(last_bytes)
        self.members = None if members is None else held(members)
        self.costs = None if costs is None else held(costs)
        self.strings, self.offsets, self.lengths = held(strings), held(offsets), held(lengths)
        self.links, self.words = held(links), held(words)
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
        """Number of ids: `2**bits`, and the special ones."""
        return (1 << self.bits) + len(self.special_tokens)

    def __len__(self) -> int:
        return self.vocab_size

    @property
    def padding_id(self) -> int:
        """The id of the empty string, 0."""
        return 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the tree, the members and the costs, and the special tokens: the same one, the same tokens."""
        special = {"special_tokens": list(self.special_tokens)} if self.special_tokens else {}
        return serialisation.fingerprint(KIND, {"bits": self.bits} | special, self._tensors())

    def with_special_tokens(self, names: Sequence[str]) -> Codebook:
        """The same codebook with ids of their own for some names, from `vocab_size` on: begin and end, say.

        No text has them, whatever it says: a model's inputs get them from `special_ids`. They decode to nothing. They
        are not part of a codebook's file: name them again after `load_codebook`.

        Raises:
          ValueError: If a name is empty, no UTF-8, or there already.
        """
        arrays: dict[str, Any] = self._tensors()
        every = [*self.special_tokens, *vocabulary.check_names(names)]
        return Codebook(**arrays, provenance=self.provenance, special_tokens=every)

    def without_special_tokens(self) -> Codebook:
        """The same codebook, of nothing but strings."""
        if not self.special_tokens:
            return self
        arrays: dict[str, Any] = self._tensors()
        return Codebook(**arrays, provenance=self.provenance)

    @property
    def special_ids(self) -> dict[str, int]:
        """The id of each special token."""
        return {name: (1 << self.bits) + i for i, name in enumerate(self.special_tokens)}

    @property
    def rules(self) -> parsing.Rules:
        """What a parse needs."""
        return parsing.Rules(self.links, self.words, self.lengths, self.longest, self.parse)

    @property
    def parse(self) -> parsing.Parse:
        """How a text is cut."""
        return "cheapest" if self.costs is not None else "closed" if self.members is None else "longest"

    @array_method
    def encode_array(
        self, text: Integer[Array, " n"], length: Integer[Array, ""] | int
    ) -> tuple[Int32[Array, " n"], Int32[Array, ""]]:
        """The tokens of a text, inside `jit` if you like.

        Args:
          text: Bytes; those from `length` on do not count.
          length: Bytes in the text, at most n; an int is taken as an array is.

        Returns:
          Ids, filled with zeros, and their number.
        """
        return _encode_array(self.rules, *as_text(text, length))

    @array_method
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
        return _decode_array(self.spelling, jnp.asarray(ids), operator.index(capacity))

    @property
    def spelling(self) -> vocabulary.Spelling:
        """What decoding needs."""
        return vocabulary.Spelling(self.strings, self.offsets, self.lengths)

    def encode(self, text: bytes | str) -> Int32[np.ndarray, " n"]:
        """The tokens of a text; a str is taken as UTF-8. Raises TypeError or ValueError if it is none."""
        return host.encode_batch(self, [text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int], *, special_tokens: bool = False) -> bytes:
        """The text of tokens, with the names of special ones if those are asked for.

        Args:
          ids: Ids, of any integer dtype. Padding may stand anywhere.
          special_tokens: Whether special tokens give their names; otherwise they give nothing.

        Raises:
          TypeError: If they are not integers in one dimension.
          ValueError: If one is not of this codebook.
        """
        return host.decode(self._named if special_tokens else self, ids)

    def encode_batch(self, texts: Sequence[bytes | str]) -> list[Int32[np.ndarray, " _"]]:
        """The tokens of each text, on the host: no device is used (`ecjax.codebook.host`)."""
        return host.encode_batch(self, texts)

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of tokens."""
        return host.decode_batch(self, batch)

    def encode_with_offsets(self, text: bytes | str) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, "n 2"]]:
        """The tokens of a text, and where each begins and ends in it, in bytes; those of a str in its UTF-8.

        Args:
          text: The text.

        Returns:
          Ids, and for each its first byte and the byte after its last.
        """
        ids, ends = host.encode_with_ends(self, text)
        return ids, vocabulary.spans(ends)

    def count_tokens(self, text: bytes | str) -> int:
        """How many tokens a text has."""
        return len(self.encode(text))

    def decode_text(
        self, ids: Integer[np.ndarray, " n"] | Sequence[int], errors: str = "replace", *, special_tokens: bool = False
    ) -> str:
        """The text of tokens as a str.

        Args:
          ids: Ids of this codebook.
          errors: What becomes of bytes that are not UTF-8, as `bytes.decode` has it.
          special_tokens: Whether special ids give their names, instead of nothing.
        """
        return self.decode(ids, special_tokens=special_tokens).decode("utf-8", errors)

    def decoder(self, errors: str = "replace") -> TextDecoder:
        """A decoder for ids that come one after another: it holds back bytes of a character that is not whole yet."""
        return TextDecoder(self.decode, errors)

    def token_bytes(self, token: int) -> bytes:
        """The string of an id; empty for special ones. Raises ValueError unless it is an id of this codebook."""
        return vocabulary.token_bytes(self.spelling, token)

    def tokens(self) -> list[bytes]:
        """The string of every id."""
        return vocabulary.tokens(self.spelling)

    def descendants(self, code: int) -> tuple[int, int]:
        """The range `low .. high - 1` of ids whose strings begin with the string of `code`, which is no special id."""
        return vocabulary.descendants(self.spelling, code, 1 << self.bits)

    def to_transformers(self, **roles: str) -> CodebookTokenizer:
        """A tokenizer for Hugging Face's `transformers` with the same ids, which `save_pretrained` writes.

        Args:
          **roles: Which special tokens are what there, as in `eos_token="<end>"`. Without being told, "<bos>", "<eos>"
            and "<unk>" are `bos_token`, `eos_token` and `unk_token`. `pad_token` is how id 0 is called, "<pad>".

        Raises:
          ImportError: If transformers is not installed.
          ValueError: If a role is given to what is no special token, or its name is a string of the codebook too.
        """
        from ecjax.codebook.hugging_face import CodebookTokenizer

        return CodebookTokenizer(self, **roles)

    def save(self, target: str | Path | Target) -> None:
        """Writes the codebook as a safetensors file, in a folder that is there; or into a file that is open.

        Raises ValueError if it has special tokens, which such a file does not hold.
        """
        if self.special_tokens:
            raise ValueError(
                "a codebook's file holds no special tokens: save without_special_tokens(), and name them again after "
                "load_codebook; or save to_transformers(), which holds them"
            )
        provenance = json.loads(self.provenance)
        serialisation.write(target, KIND, {"bits": self.bits}, self._tensors(), provenance)

    @property
    def _named(self) -> vocabulary.Spelling:
        return vocabulary.named(self.spelling, self.special_tokens)

    def _tensors(self) -> dict[str, np.ndarray]:
        every = {name: getattr(self, name) for name in ("parents", "last_bytes", "members", "costs")}
        return {name: np.asarray(array) for name, array in every.items() if array is not None}


@compiled
def _encode_array(
    rules: parsing.Rules, text: Integer[Array, " n"], length: Int32[Array, ""]
) -> tuple[Int32[Array, " n"], Int32[Array, ""]]:
    ids, counts = parsing.encode(rules, text[None], length[None])
    return ids[0], counts[0]


@compiled
def _decode_array(
    spelling: vocabulary.Spelling, ids: Integer[Array, " n"], capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    return vocabulary.spell(spelling, ids, capacity)


def check_size(total: int) -> None:
    """Raises TooLarge, a ValueError, if strings of `total` bytes in all are too long for a table."""
    if total > _MAX_STRINGS:
        raise TooLarge(
            f"this codebook's strings take {total} bytes or more, above {_MAX_STRINGS}: the model is too sure of "
            "itself for a table; use EqualInfo with the model"
        )


def held(array: np.ndarray) -> np.ndarray:
    """A copy that nobody writes to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _visits(
    parents: UInt16[np.ndarray, " nodes"] | UInt32[np.ndarray, " nodes"],
    depths: Int32[np.ndarray, " nodes"],
    members: Integer[np.ndarray, " size"],
    costs: UInt16[np.ndarray, " size"] | None,
) -> Float64[np.ndarray, " nodes"]:
    """How often each node is passed on the way to a string, more or less, if strings come as often as they cost."""
    visits = np.zeros(len(parents))
    visits[members] = 1 if costs is None else 2.0 ** (-costs.astype(np.float64) / 256)
    order = np.argsort(depths, kind="stable")
    ends = np.cumsum(np.bincount(depths))
    for begin, end in zip(ends[-2::-1], ends[:0:-1], strict=True):  # level by level, the deepest first
        np.add.at(visits, parents[order[begin:end]], visits[order[begin:end]])
    return visits
