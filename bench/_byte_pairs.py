"""Byte-level BPE of the library `tokenizers`, as GPT-2 has it, for texts of any bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Int32, Integer

from ecjax.checks import check_ids, check_text

_NO_UTF8 = re.compile("([\udc80-\udcff]+)")  # bytes that are no UTF-8, as Python's decoder gives them


class BytePairs:
    """Byte-level BPE. The library takes strings; bytes that are no UTF-8 go by the ids of single bytes.

    The last id is padding, which the library's model does not know.

    Attributes:
      model: The library's own file, JSON.
    """

    def __init__(self, model: str) -> None:
        """From a model that `train` made."""
        self.model = model
        self._tokenizer: Any = _library().Tokenizer.from_str(model)
        vocabulary: dict[str, int] = json.loads(model)["model"]["vocab"]
        signs = _signs()
        byte_of = {sign: byte for byte, sign in enumerate(signs)}
        pieces = {i: bytes(byte_of[sign] for sign in piece) for piece, i in vocabulary.items()}
        self._pieces = [*(pieces[i] for i in range(len(pieces))), b""]
        self._byte_ids = [vocabulary[sign] for sign in signs]

    @classmethod
    def train(cls, texts: Sequence[bytes], vocab_size: int) -> BytePairs:
        """A model of `vocab_size` ids, or as many as the texts yield. What is not UTF-8 is left out."""
        library = _library()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size - 1,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator((text.decode("utf-8", "ignore") for text in texts), trainer)
        return cls(tokenizer.to_str())

    @property
    def pieces(self) -> list[bytes]:
        """The bytes of each id but padding."""
        return self._pieces[:-1]

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def padding_id(self) -> int:
        return len(self._pieces) - 1

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        ids: list[int] = []
        parts = _NO_UTF8.split(check_text(text).decode("utf-8", "surrogateescape"))
        for i, part in enumerate(parts):  # every other part is no UTF-8
            if i % 2:
                ids += [self._byte_ids[byte] for byte in part.encode("utf-8", "surrogateescape")]
            else:
                ids += self._tokenizer.encode(part).ids
        return np.array(ids, np.int32)

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        return b"".join([self._pieces[i] for i in check_ids(ids, self.vocab_size).tolist()])

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        return [self.encode(text) for text in texts]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        return [self.decode(ids) for ids in batch]


def _signs() -> list[str]:
    """The character that stands for each byte: itself if it can be seen in Latin 1, else one from 256 on, in order."""
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte if byte in seen else next(others)) for byte in range(256)]


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("byte pairs need the library tokenizers: pip install tokenizers") from error
    return tokenizers
