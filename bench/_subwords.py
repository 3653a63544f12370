"""Subword tokenizers to compare with, trained here and kept in build/bench: SentencePiece and byte-level BPE."""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ecjax.tokenizers.subwords import TRAINING, SentencePiece

_CACHE = Path(__file__).parents[1] / "build" / "bench"


class Candidate(NamedTuple):
    """A tokenizer as the measurement sees it."""

    name: str
    vocab_size: int
    texts: dict[str, Sequence[Any]]  # the text in the forms that it may be given, each with a name
    encode: Callable[[Sequence[Any]], Sequence[Any]]
    decode: Callable[[Sequence[Any]], Sequence[str | bytes]]
    training_seconds: float | None = None  # None if it was not trained in this run


def sentencepiece_unigram(training: Sequence[str], vocab_size: int, texts: Sequence[bytes]) -> Candidate:
    """SentencePiece unigram, set up to lose nothing: no normalisation, all spaces kept, unknown characters as bytes."""
    import sentencepiece

    def train() -> bytes:
        return SentencePiece.train([text.encode() for text in training], vocab_size).model_proto

    model, seconds = _cached("sentencepiece", [sentencepiece.__version__, vocab_size, TRAINING, training], train)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return Candidate(
        "SentencePiece unigram",
        processor.get_piece_size(),
        {"whole texts": texts, "lines": [line for text in texts for line in text.splitlines(keepends=True)]},
        lambda parts: processor.encode(parts, num_threads=1),
        lambda ids: processor.decode(ids, num_threads=1),
        seconds,
    )


def byte_pairs(training: Sequence[str], vocab_size: int, texts: Sequence[bytes]) -> Candidate | None:
    """Byte-level BPE as in GPT-2, by the library `tokenizers`; None if that is not installed."""
    try:
        library = importlib.import_module("tokenizers")
    except ImportError:
        return None

    def train() -> bytes:
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(training, trainer)
        return tokenizer.to_str().encode()

    model, seconds = _cached("bpe", [library.__version__, vocab_size, training], train)
    tokenizer = library.Tokenizer.from_str(model.decode())
    strings = [text.decode("utf-8", "replace") for text in texts]
    return Candidate(
        "Hugging Face BPE",
        tokenizer.get_vocab_size(),
        {"whole texts": strings, "lines": [line for text in strings for line in text.splitlines(keepends=True)]},
        lambda parts: [encoding.ids for encoding in tokenizer.encode_batch_fast(parts)],
        lambda ids: tokenizer.decode_batch(ids, skip_special_tokens=False),
        seconds,
    )


def _cached(name: str, key: object, train: Callable[[], bytes]) -> tuple[bytes, float | None]:
    """A trained model, and the seconds that its training took: None if an earlier run with this key has left it."""
    path = _CACHE / f"{name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
    if path.is_file():
        return path.read_bytes(), None
    begin = time.perf_counter()
    model = train()
    seconds = time.perf_counter() - begin
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    return model, seconds
