"""SentencePiece subwords of texts of any bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Int32, Integer

from ecjax.checks import check_ids, check_integer, check_text

SPACE = "\u2581"  # what stands for a space in a piece

TRAINING = {
    "hard_vocab_limit": False,
    "model_type": "unigram",
    "byte_fallback": True,
    "character_coverage": 1.0,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "add_dummy_prefix": False,
    "bos_id": -1,
    "eos_id": -1,
    "max_sentence_length": 1 << 24,
    "minloglevel": 2,
}
"""Settings of SentencePiece's trainer: nothing is normalised, all spaces are kept, unknown characters become bytes."""

_ACROSS_SPACES = {
    "split_by_whitespace": False,
    "split_by_unicode_script": False,  # else no piece goes on after a comma
    "split_by_number": False,
    "max_sentencepiece_length": 32,
}
_LONGEST = 1 << 22  # characters, of at most 4 bytes, that are trained on as one sentence; longer ones would be skipped
_LONGEST_ACROSS_SPACES = 1 << 12  # the trainer adds up a sentence's log-likelihood in float32, not a word's
_MOST_PIECES = 1 << 24  # far beyond these the trainer's own numbers overflow, and it never ends
_RESERVED = "\u2585"  # the trainer skips sentences with it
# What SentencePiece would not give back: its own sign for a space, and bytes that are no UTF-8, which Python's decoder
# gives as lone surrogates. Where a model has no piece for a space, that is hard as well: it would come as its sign.
_HARD = re.compile(f"([{SPACE}\udc80-\udcff]+)")
_HARD_AND_SPACES = re.compile(f"([{SPACE} \udc80-\udcff]+)")
_TOO_FEW = re.compile(r"required_chars\. \d+ vs (\d+)")
_PROBE = "  a\ufb01  \u212b\t\r\n e\u0301 \U0001f600 <0x41> <unk> "  # what normalisation would change


class SentencePiece:
    """Subwords of a SentencePiece model, unigram ones in the paper (sec. 4.1), but of any bytes.

    What the model cannot carry, bytes that are not UTF-8 above all, goes by its 256 byte pieces; so every text comes
    back, and every ids decode. The id of the unknown piece, which is never given, is padding.

    Attributes:
      model_proto: The model, as SentencePiece's trainer writes it.
    """

    def __init__(self, model_proto: bytes) -> None:
        """From a model. Raises ValueError if it is none, has no byte pieces, or normalises what it is given."""
        self._processor: Any = _library().SentencePieceProcessor()
        if not isinstance(model_proto, bytes):
            raise TypeError(f"a SentencePiece model is given as bytes, got {type(model_proto).__name__}")
        try:
            self._processor.LoadFromSerializedProto(model_proto)
            processor, ids = self._processor, range(self._processor.get_piece_size())
            self._pieces = [_piece_bytes(processor, i) for i in ids]
        except (RuntimeError, ValueError) as error:
            raise ValueError("this is no SentencePiece model; give the bytes of a file its trainer wrote") from error
        self.model_proto = model_proto
        self._hard = _HARD_AND_SPACES if processor.piece_to_id(SPACE) == processor.unk_id() else _HARD
        byte_ids = {self._pieces[i]: i for i in ids if processor.is_byte(i)}
        if len(byte_ids) != 256:
            raise ValueError("this SentencePiece model has no piece for each byte; train it with byte_fallback=True")
        self._byte_ids = [byte_ids[bytes([byte])] for byte in range(256)]
        if self.decode(self.encode(_PROBE.encode())) != _PROBE.encode():
            raise ValueError("this SentencePiece model changes texts; train it with SentencePiece.train")

    @classmethod
    def train(cls, texts: Sequence[bytes], vocab_size: int, split_by_whitespace: bool = True) -> SentencePiece:
        """A unigram model of `vocab_size` pieces, or as many as the texts yield. What is not UTF-8 is left out.

        Args:
          texts: What to learn from.
          vocab_size: Number of pieces, the 256 bytes and the unknown piece among them.
          split_by_whitespace: Whether a piece holds one word at most. Otherwise it may hold several and what is between
            them, up to 32 characters: fewer pieces for a text, and a slower training.

        Raises:
          ValueError: If there is no text to learn from, or `vocab_size` is too small for the texts' characters.
        """
        check_integer("vocab_size", vocab_size, 1, _MOST_PIECES)
        strings = [part for text in texts for part in check_text(text).decode("utf-8", "ignore").split(_RESERVED)]
        # Whole texts as sentences: of lines the trainer drops the ends, and learns no pieces with them.
        longest = _LONGEST if split_by_whitespace else _LONGEST_ACROSS_SPACES
        sentences = (string[i : i + longest] for string in strings for i in range(0, len(string), longest))
        if not any(string.strip("\r\n\0") for string in strings):  # which are dropped from a sentence's ends
            raise ValueError("SentencePiece has nothing to learn from: give UTF-8 texts that are not empty")
        out = io.BytesIO()
        settings = TRAINING if split_by_whitespace else TRAINING | _ACROSS_SPACES
        try:
            _library().SentencePieceTrainer.train(
                sentence_iterator=sentences, model_writer=out, vocab_size=vocab_size, **settings
            )
        except RuntimeError as error:
            few = _TOO_FEW.search(str(error))
            why = (
                f"their characters and the 256 bytes take {few[1]}; ask for more"
                if few
                else " ".join(str(error).split())
            )
            raise ValueError(f"SentencePiece could not train {vocab_size} pieces on these texts: {why}") from error
        return cls(out.getvalue())

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def padding_id(self) -> int:
        return self._processor.unk_id()

    def encode(self, text: bytes) -> Int32[np.ndarray, " n"]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Integer[np.ndarray, " n"] | Sequence[int]) -> bytes:
        pieces = self._pieces
        return b"".join([pieces[i] for i in check_ids(ids, self.vocab_size).tolist()])

    def encode_batch(self, texts: Sequence[bytes]) -> list[Int32[np.ndarray, " _"]]:
        return [self._encode(check_text(text).decode("utf-8", "surrogateescape")) for text in texts]

    def decode_batch(self, batch: Sequence[Integer[np.ndarray, " _"] | Sequence[int]]) -> list[bytes]:
        return [self.decode(ids) for ids in batch]

    def _encode(self, string: str) -> Int32[np.ndarray, " n"]:
        ids: list[int] = []
        for i, part in enumerate(self._hard.split(string)):  # every other part is a hard one
            if i % 2:
                ids += [self._byte_ids[byte] for byte in part.encode("utf-8", "surrogateescape")]
            else:
                ids += self._processor.encode(part)
        return np.array(ids, np.int32)


def _piece_bytes(processor: Any, i: int) -> bytes:
    """What a piece stands for."""
    piece = processor.id_to_piece(i)
    if processor.is_byte(i):
        return bytes([int(piece[3:5], 16)])  # <0xNN>
    if processor.is_unknown(i) or processor.is_control(i):
        return b""
    return piece.replace(SPACE, " ").encode()


def _library() -> ModuleType:
    try:
        import sentencepiece
    except ImportError as error:
        raise ImportError("SentencePiece subwords need sentencepiece: pip install 'ecjax[sentencepiece]'") from error
    return sentencepiece
