"""A codebook: the windows of a model as a table, its encoder and decoder, and its file.

With M1 reset in every window, windows of b <= 16 bits are a finite dictionary of 2**b strings, a tree numbered in
preorder (`ecjax.coding.windows`). As a table (node, byte) -> node, encoding is a gather or two per byte and decoding
one per token. The tree is kept as each node's parent and byte; what encoding and decoding gather from is derived from
these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt16

from ecjax import serialisation
from ecjax.binary import Target
from ecjax.checks import check_ids, check_text
from ecjax.coding.joining import Walk, join
from ecjax.coding.windows import MIN_BITS
from ecjax.padding import bucket
from ecjax.programs import jit

MAX_CODEBOOK_BITS = 16

KIND = "ecjax.codebook"
_MAX_STRINGS = 1 << 27  # bytes of all strings together, beyond which a table is no use
# Long texts are cut into lanes that are walked side by side; see `Codebook.encode_batch`. With its overlap a lane has
# 4096 bytes.
_LANE, _OVERLAP, _LANES = 3840, 256, 256


class Codebook(eqx.Module):
    """A tokenizer whose tokens are the 2**b windows of a model.

    Make one with `compile_codebook`, `EqualInfo.compile` or `load_codebook`. A pytree of arrays, it can be passed into
    `jax.jit`; `encode_array` and `decode_array` are pure.

    Attributes:
      parents: Each code's parent in the tree; 0 for the root's children and the root.
      last_bytes: The last byte of each code's string; 0 for the root.
      bits: b; ids are windows, `0 .. 2**b - 1`, and 0 is the empty string.
      provenance: How it came about, as JSON, for people.
    """

    parents: UInt16[Array, " size"]
    last_bytes: UInt8[Array, " size"]
    strings: UInt8[Array, " total"]  # all strings end to end, in order of their codes
    offsets: Int32[Array, " size"]
    lengths: Int32[Array, " size"]
    first: UInt16[Array, "256"]  # the root's child for each byte
    rows: UInt16[Array, " size"]  # a node's row in `children`; row 0 serves the root and nodes without children
    classes: UInt8[Array, "256"]  # a byte's column in `children`; column 0 serves bytes that never follow another
    children: UInt16[Array, "rows classes"]  # codes, 0 for none
    bits: int = eqx.field(static=True)
    provenance: str = eqx.field(static=True)

    def __init__(
        self, parents: UInt16[np.ndarray, " size"], last_bytes: UInt8[np.ndarray, " size"], provenance: str = "{}"
    ) -> None:
        """Derives the tables from a tree in preorder.

        Raises:
          ValueError: If it is no tree in preorder, lacks a byte at the root, or its strings are too long for a table.
        """
        size = len(parents)
        self.bits = size.bit_length() - 1
        if not MIN_BITS <= self.bits <= MAX_CODEBOOK_BITS or size != 1 << self.bits:
            raise ValueError(f"a codebook has 2**{MIN_BITS} to 2**{MAX_CODEBOOK_BITS} strings, got {size}")
        if parents[0] or last_bytes[0]:
            raise ValueError("the parent and the last byte of a codebook's empty string are written as 0")
        lengths = _depths(parents, last_bytes)
        codes = np.arange(size)
        inner = parents > 0
        top = codes[~inner][1:]
        if not np.array_equal(last_bytes[top], np.arange(256)):
            raise ValueError("a codebook has a string for each of the 256 bytes, and at most one of each byte string")
        ends = np.cumsum(lengths, dtype=np.int64)
        check_size(int(ends[-1]))
        strings = np.zeros(ends[-1], np.uint8)
        offsets = ends - lengths
        node, place = codes[lengths > 0], ends[lengths > 0] - 1
        while len(node):  # every string from its last byte to its first, all at once
            strings[place] = last_bytes[node]
            node = parents[node]
            going = node > 0
            node, place = node[going], place[going] - 1
        row_nodes = np.unique(parents[inner])
        column_bytes = np.unique(last_bytes[inner])
        rows, classes = np.zeros(size, np.uint16), np.zeros(256, np.uint8)
        rows[row_nodes] = np.arange(1, len(row_nodes) + 1)
        # With all 256 bytes in use none is left for "never": then column 0 is the first byte's own.
        shift = 1 if len(column_bytes) < 256 else 0
        classes[column_bytes] = np.arange(shift, len(column_bytes) + shift)
        children = np.zeros((len(row_nodes) + 1, len(column_bytes) + shift), np.uint16)
        children[rows[parents[inner]], classes[last_bytes[inner]]] = codes[inner]
        # Not by jnp.asarray, which compiles something for each shape. But this may share memory, so not the caller's.
        self.parents, self.last_bytes = jax.device_put((parents.copy(), last_bytes.copy()))
        self.strings, self.offsets, self.lengths = jax.device_put((strings, offsets.astype(np.int32), lengths))
        self.first, self.rows = jax.device_put((top.astype(np.uint16), rows))
        self.classes, self.children = jax.device_put((classes, children))
        self.provenance = provenance

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
        """SHA-256 of the tree: two codebooks with the same one give the same tokens."""
        return serialisation.fingerprint(KIND, {"bits": self.bits}, self._tensors())

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
        ended = self._walk(text, length)
        place = jnp.where(ended > 0, jnp.cumsum(ended > 0) - 1, text.shape[0])
        # By a maximum with 0, whose order would not matter: no proof is needed that places differ.
        ids = jnp.zeros(text.shape[0], jnp.int32).at[place].max(ended.astype(jnp.int32), mode="drop")
        return ids, jnp.sum(ended > 0, dtype=jnp.int32)

    def _walk(self, text: Integer[Array, " n"], length: Integer[Array, ""]) -> UInt16[Array, " n+1"]:
        """Down the tree byte by byte: entry i is the code of the window that ends just before byte i, or 0."""

        def advance(node: UInt16[Array, ""], item: tuple[Array, Array]) -> tuple[Array, Array]:
            byte, active = item
            # Not as they are: an unsigned index that XLA knows, it takes for a signed one of its width.
            place, byte = node.astype(jnp.int32), byte.astype(jnp.int32)
            child = self.children[self.rows[place].astype(jnp.int32), self.classes[byte].astype(jnp.int32)]
            fits = child > 0
            following = jnp.where(active, jnp.where(fits, child, self.first[byte]), 0)
            return following, jnp.where(active & fits, jnp.uint16(0), node)

        active = jnp.arange(text.shape[0]) < length
        last, ended = jax.lax.scan(advance, jnp.uint16(0), (text, active))
        return jnp.append(ended, last)

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
        ids = jnp.append(ids, 0)  # the empty string once more, so that there is an id
        lengths = self.lengths[ids]
        ends = jnp.cumsum(lengths)
        # A byte's place in `strings` is its place in the text plus what is constant over its token.
        shift = jnp.repeat(self.offsets[ids] - (ends - lengths), lengths, total_repeat_length=capacity)
        place = jnp.arange(capacity)
        total = ends[-1]
        return jnp.where(place < total, jnp.take(self.strings, shift + place, mode="clip"), 0), total

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        """The tokens of a text. Raises TypeError unless it is bytes."""
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        """The text of tokens. Raises TypeError or ValueError unless they are ids of this codebook."""
        array = check_ids(ids, self.vocab_size)
        parts = []
        for begin in range(0, len(array), 1 << 16):
            part = array[begin : begin + (1 << 16)]
            total = int(np.asarray(self.lengths)[part].sum())
            padded = np.zeros(bucket(len(part)), np.int32)
            padded[: len(part)] = part
            text, _ = _decode(self, jax.device_put(padded), bucket(total))
            parts.append(np.asarray(text)[:total].tobytes())
        return b"".join(parts)

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        """The tokens of each text.

        Long texts are cut into lanes that are walked side by side and joined (`ecjax.coding.joining`).
        """
        arrays = [np.frombuffer(check_text(text), np.uint8) for text in texts]
        origins = [range(0, max(1, len(a)), _LANE) for a in arrays]
        lanes = [a[o : o + _LANE + _OVERLAP] for a, begins in zip(arrays, origins, strict=True) for o in begins]
        walked = iter(self._walk_all(lanes))

        def joined(text: UInt8[np.ndarray, " n"], begins: Sequence[int]) -> UInt16[np.ndarray, " _"]:
            def again(begin: int, k: int) -> Walk:
                return self._walk_all([text[begin : begins[k + 1] + _LANE + _OVERLAP]])[0]

            return join(len(text), begins, [next(walked) for _ in begins], again).codes

        return [joined(a, begins).astype(np.int32) for a, begins in zip(arrays, origins, strict=True)]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        """The text of each sequence of tokens."""
        checked = [check_ids(ids, self.vocab_size) for ids in batch]
        text = self.decode(np.concatenate([np.zeros(0, np.int32), *checked]))
        lengths = np.asarray(self.lengths)
        sizes = [int(lengths[ids].sum()) for ids in checked]
        ends = np.cumsum(sizes, dtype=np.int64)
        return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]

    def _walk_all(self, texts: Sequence[UInt8[np.ndarray, " _"]]) -> list[Walk]:
        """The walk of each text, side by side in lanes."""
        out: list[Walk] = []
        for begin in range(0, len(texts), _LANES):
            group = texts[begin : begin + _LANES]
            block = np.zeros((bucket(len(group)), bucket(max(map(len, group)))), np.uint8)
            lengths = np.zeros(len(block), np.int32)
            for row, text in enumerate(group):
                block[row, : len(text)] = text
                lengths[row] = len(text)
            ended = np.asarray(_walk(self, *jax.device_put((block, lengths))))
            for row, text in zip(ended, group, strict=False):
                begins = row[: len(text)] > 0
                begins[:1] = True
                codes = row[: len(text) + 1]
                out.append(Walk(begins, codes[codes > 0]))
        return out

    def descendants(self, code: int) -> tuple[int, int]:
        """The range `low .. high - 1` of codes whose strings begin with the string of `code`."""
        lengths = np.asarray(self.lengths)
        outside = np.flatnonzero(lengths[code + 1 :] <= lengths[code])
        return code, code + 1 + (int(outside[0]) if len(outside) else len(lengths) - code - 1)

    def save(self, target: str | Path | Target) -> None:
        """Writes the codebook as a safetensors file, in a folder that is there; or into a file that is open."""
        provenance = json.loads(self.provenance)
        serialisation.write(target, KIND, {"bits": self.bits}, self._tensors(), provenance)

    def _tensors(self) -> dict[str, np.ndarray]:
        return {"parents": np.asarray(self.parents), "last_bytes": np.asarray(self.last_bytes)}


@jit
def _walk(
    codebook: Codebook, texts: UInt8[Array, "rows n"], lengths: Int32[Array, " rows"]
) -> UInt16[Array, "rows n+1"]:
    return jax.vmap(Codebook._walk, in_axes=(None, 0, 0))(codebook, texts, lengths)


@jit
def _decode(
    codebook: Codebook, ids: Int32[Array, " n"], capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    return codebook.decode_array(ids, capacity)


def check_size(total: int) -> None:
    """Raises ValueError if strings of `total` bytes in all are too long for a table."""
    if total > _MAX_STRINGS:
        raise ValueError(
            f"this codebook's strings take {total} bytes or more, above {_MAX_STRINGS}: the model is too sure of "
            "itself for a table; use EqualInfo with the model"
        )


def _depths(parents: UInt16[np.ndarray, " size"], last_bytes: UInt8[np.ndarray, " size"]) -> Int32[np.ndarray, " size"]:
    """The length of each code's string. Raises ValueError unless the tree is in preorder, children in byte order."""
    depths = np.zeros(len(parents), np.int32)
    path, newest = [0], [-1]  # the nodes from the root down, and the last byte that each was extended by
    for code, (parent, byte) in enumerate(zip(parents[1:].tolist(), last_bytes[1:].tolist(), strict=True), 1):
        while path and path[-1] != parent:
            path.pop()
            newest.pop()
        if not path or byte <= newest[-1]:
            raise ValueError(f"code {code} breaks the preorder of the codebook's tree")
        newest[-1] = byte
        path.append(code)
        newest.append(-1)
        depths[code] = len(path) - 1
    return depths


def load_codebook(source: str | Path | serialisation.Contents) -> Codebook:
    """The codebook of a shipped name ("books-12", "books-16") or of a file.

    Args:
      source: The name or the path, `-` for standard input, or what `ecjax.serialisation.read` gave.

    Raises:
      ValueError: If there is no such file, it is damaged, or it is of another kind.
    """
    contents = serialisation.read(source, KIND)
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in contents.tensors.items()}
    size = contents.tensors["parents"].size if "parents" in found else 0
    try:
        if found != {"parents": (np.uint16, (size,)), "last_bytes": (np.uint8, (size,))}:
            raise ValueError("its arrays must be parents, uint16[size], and last_bytes, uint8[size]")
        codebook = Codebook(
            contents.tensors["parents"],
            contents.tensors["last_bytes"],
            json.dumps(contents.provenance, sort_keys=True),
        )
        if json.dumps(contents.settings) != json.dumps({"bits": codebook.bits}):
            raise ValueError(f"the settings of a codebook of {codebook.bits} bits must be just that")
    except ValueError as error:
        raise serialisation.damaged(contents.name, str(error)) from error
    return codebook
