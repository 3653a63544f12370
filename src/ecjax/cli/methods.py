"""Tokenizers by the paper's names, as commands take them: `EqualInfo[16,256]`, `AC[256]:model.safetensors`.

Without JAX, so that a command can look at its arguments first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SHAPES = {
    "EqualInfo": "EqualInfo[BITS,IDS], then published, delayed, never, every other or every N if you like",
    "AC": "AC[IDS]",
    "StaticAC": "StaticAC[IDS]:TEXT",
    "GZip": "GZip[IDS], then bare if you like",
    "EqualText": "EqualText[BYTES,IDS], then delimited if you like",
    "Huffman": "Huffman[IDS]:TEXT",
    "SentencePiece": "SentencePiece[IDS]:FILE.model",
}
"""How each method is written."""

OF_MODEL = ("EqualInfo", "AC", "EqualText")
"""Methods whose material is a byte model, `m1-books` if none is named."""

_VARIANTS = {"EqualInfo": r"published|delayed|never|every (?:other|\d{1,6})", "GZip": "bare", "EqualText": "delimited"}
_NEEDED = {"StaticAC": "a text", "Huffman": "a text", "SentencePiece": "a model's file"}
_SHAPE = re.compile(r"(\w+)\[(?:(\d{1,3}),)?(\d{1,6}k?)\](?: ([a-z]+(?: \w+)?))?(?::(.+))?", re.DOTALL)


class Method(NamedTuple):
    """A tokenizer's name, taken apart.

    Attributes:
      kind: One of `SHAPES`.
      size: Bits or bytes of a window; 0 for those that have none.
      ids: How many ids, as it was written: "256" or "4k".
      variant: What was said of it beside; empty if nothing.
      material: The file, or a shipped model's name, that it is made from; empty if there is none.
    """

    kind: str
    size: int
    ids: str
    variant: str
    material: str

    @property
    def title(self) -> str:
        """The name without the material."""
        size = f"{self.size}," if self.size else ""
        return f"{self.kind}[{size}{self.ids}]" + (f" {self.variant}" if self.variant else "")

    @property
    def token_bits(self) -> int:
        """The bits of an id. Raises ValueError if there are not 2**1 to 2**16 of them."""
        for bits in range(1, 17):
            if self.ids in (str(1 << bits), f"{(1 << bits) // 1000}k"):
                return bits
        raise ValueError(f"{self.title} must have 2, 4, 8 ... 256 ... 4k, 8k, 16k, 32k or 65k ids, not {self.ids}")


def parse(name: str) -> Method | None:
    """The method of that name; None if it is no such name, but a file's or another tokenizer's.

    Raises:
      ValueError: If it begins as a method's name does, but is not one.
    """
    kind = name.partition("[")[0]
    if kind not in SHAPES or "[" not in name:
        return None
    found = _SHAPE.fullmatch(name)
    windows = kind in ("EqualInfo", "EqualText")
    if found is None or windows != (found[2] is not None):
        raise ValueError(f"{name} is no tokenizer; write {SHAPES[kind]}")
    variant, material = found[4] or "", found[5] or ""
    if variant and not re.fullmatch(_VARIANTS.get(kind, "(?!)"), variant):
        raise ValueError(f"{name} is no tokenizer: there is no {kind} {variant!r}; write {SHAPES[kind]}")
    if kind in _NEEDED and not material:
        raise ValueError(f"{name} is made from {_NEEDED[kind]}; write {SHAPES[kind]}")
    if kind == "GZip" and material:
        raise ValueError(f"{name} is no tokenizer: GZip is made from nothing; write {SHAPES[kind]}")
    if kind in OF_MODEL and not material:
        material = "m1-books"
    return Method(kind, int(found[2] or 0), found[3], variant, material)


def source_of(name: str) -> str:
    """The file that a tokenizer is read from, or a name that is none: for checks of what may be written over."""
    method = parse(name)
    return name if method is None else method.material or name
