"""Subword tokenizers to compare with, trained here and kept in build/bench: SentencePiece and byte-level BPE."""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench._byte_pairs import BytePairs
from ecjax.tokenizers.subwords import TRAINING, SentencePiece

_CACHE = Path(__file__).parents[1] / "build" / "bench"


_GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""  # how texts are split


class Candidate(NamedTuple):
    """A tokenizer as the measurement sees it."""

    name: str
    vocab_size: int
    forms: Callable[[Sequence[bytes]], dict[str, Sequence[Any]]]  # texts as it may be given them, each with a name
    encode: Callable[[Sequence[Any]], Sequence[Any]]
    decode: Callable[[Sequence[Any]], Sequence[str | bytes]]
    training_seconds: float | None = None  # None if it was not trained in this run


def sentencepiece_unigram(training: Sequence[bytes], vocab_size: int, split_by_whitespace: bool = True) -> Candidate:
    """SentencePiece unigram, set up to lose nothing: no normalisation, all spaces kept, unknown characters as bytes."""
    import sentencepiece

    def train() -> bytes:
        return SentencePiece.train(training, vocab_size, split_by_whitespace).model_proto

    key = [sentencepiece.__version__, vocab_size, split_by_whitespace, TRAINING, training]
    model, seconds = _cached("sentencepiece", key, train)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return Candidate(
        "SentencePiece unigram" + ("" if split_by_whitespace else ", across spaces"),
        processor.get_piece_size(),
        lambda texts: {"whole texts": texts, "lines": [line for text in texts for line in text.splitlines(True)]},
        lambda parts: processor.encode(parts, num_threads=1),
        lambda ids: processor.decode(ids, num_threads=1),
        seconds,
    )


def byte_pairs(training: Sequence[bytes], vocab_size: int) -> Candidate | None:
    """Byte-level BPE as in GPT-2, by the library `tokenizers`; None if that is not installed."""
    try:
        library = importlib.import_module("tokenizers")
    except ImportError:
        return None

    def forms(texts: Sequence[bytes]) -> dict[str, Sequence[str]]:
        strings = [text.decode("utf-8", "replace") for text in texts]
        return {"whole texts": strings, "lines": [line for text in strings for line in text.splitlines(True)]}

    model, seconds = _byte_pairs_model(training, vocab_size)
    tokenizer = library.Tokenizer.from_str(model.decode())
    tokenizer.decoder = library.decoders.ByteLevel()
    return Candidate(
        "Hugging Face BPE",
        tokenizer.get_vocab_size(),
        forms,
        lambda parts: [encoding.ids for encoding in tokenizer.encode_batch_fast(parts)],
        lambda ids: tokenizer.decode_batch(ids, skip_special_tokens=False),
        seconds,
    )


def tiktoken_engine(training: Sequence[bytes], vocab_size: int) -> Candidate | None:
    """The same byte pairs as `byte_pairs`, by the engine of `tiktoken`; None if one of the two is not installed."""
    try:
        library = importlib.import_module("tiktoken")
        importlib.import_module("tokenizers")
    except ImportError:
        return None

    pairs = BytePairs(_byte_pairs_model(training, vocab_size)[0].decode())
    ranks = {piece: rank for rank, piece in enumerate(pairs.pieces)}
    # Pieces of several bytes are numbered in the order in which they are merged; the 256 bytes come before them.
    encoding = library.Encoding("bench", pat_str=_GPT2, mergeable_ranks=ranks, special_tokens={})
    return Candidate(
        "tiktoken",
        encoding.n_vocab,
        lambda texts: {"whole texts": [text.decode("utf-8", "replace") for text in texts]},
        lambda parts: encoding.encode_ordinary_batch(parts, num_threads=1),
        lambda ids: encoding.decode_batch(ids, num_threads=1),
    )


def _byte_pairs_model(training: Sequence[bytes], vocab_size: int) -> tuple[bytes, float | None]:
    library = importlib.import_module("tokenizers")

    def train() -> bytes:
        return BytePairs.train(training, vocab_size + 1).model.encode()  # one of them is padding, which has no use here

    return _cached("bpe", [library.__version__, vocab_size, training], train)


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
