"""The check of a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int32, Integer

from ecjax.testing.promises import BrokenPromise, require
from ecjax.tokenizers.equal_info import EqualInfo
from ecjax.tokenizers.protocol import Tokenizer

TEXTS = (
    b"",
    b"a",
    b"\0",
    b"\0" * 50,
    b"\xff" * 50,
    b" \t\r\n \n",
    bytes(range(256)),
    bytes(range(255, -1, -1)),
    b"It was the best of times, it was the worst of times, it was the age of wisdom. " * 4,
    "żółw, γάτα, кот, 猫, 🐈\u200d⬛, e\u0301, \ufeff".encode(),
    b"\xc3\x28 \xed\xa0\x80 \xf4\x90\x80\x80 \xfe",  # not UTF-8: a lone head, a surrogate, beyond U+10FFFF
    np.random.default_rng(0).bytes(300),
)
"""The texts that are tried beside your own."""


def check_tokenizer(tokenizer: Tokenizer, texts: Sequence[bytes] = (), *, total: bool = False) -> None:
    """Checks that a tokenizer keeps the promises of `ecjax.Tokenizer`.

    Texts come back, whatever bytes they are of; ids are int32 in `0 .. vocab_size - 1`; the empty text has none;
    padding after a text means nothing; a batch gives what its texts give alone; what is no text or id is refused.
    Random ids decode to a text, which then comes back, or are refused with ValueError. Of `ecjax.EqualInfo` with code
    "preorder" it also checks that every window has exactly its bits and decodes by itself.

    Args:
      tokenizer: The tokenizer.
      texts: Texts to try beside `ecjax.testing.tokenizers.TEXTS`.
      total: Whether it promises that any ids decode; then ValueError is wrong, too.

    Raises:
      BrokenPromise: With what is wrong and what would be right.
    """
    _check_settings(tokenizer)
    tried = [*TEXTS, *texts]
    encoded = [_encode(tokenizer, text) for text in tried]
    for text, ids in zip(tried, encoded, strict=True):
        _check_comes_back(tokenizer, text, ids)
    _check_batches(tokenizer, tried, encoded)
    _check_refusals(tokenizer)
    _check_random_ids(tokenizer, total)
    if isinstance(tokenizer, EqualInfo) and tokenizer.code == "preorder" and tokenizer.reset == 1:
        for text, ids in zip(tried, encoded, strict=True):
            _check_windows(tokenizer, text, ids)


def _check_settings(tokenizer: Tokenizer) -> None:
    names = ("vocab_size", "padding_id", "encode", "decode", "encode_batch", "decode_batch")
    missing = [name for name in names if not hasattr(tokenizer, name)]
    require(not missing, tokenizer, f"it has no {', '.join(missing)}", "see ecjax.Tokenizer for what it must have")
    size, padding = tokenizer.vocab_size, tokenizer.padding_id
    right = "it must be an int of at least 1: ids are 0 .. vocab_size - 1"
    require(isinstance(size, int) and size >= 1, tokenizer, f"vocab_size is {size!r}", right)
    right = f"it must be an id, 0 to {size - 1}"
    require(isinstance(padding, int) and 0 <= padding < size, tokenizer, f"padding_id is {padding!r}", right)


def _encode(tokenizer: Tokenizer, text: bytes) -> Int32[np.ndarray, " n"]:
    """The ids of a text, which are right in form."""
    ids: Any = tokenizer.encode(text)
    array = isinstance(ids, np.ndarray) and ids.dtype == np.int32 and ids.ndim == 1
    form = f"{ids.dtype}{list(ids.shape)}" if hasattr(ids, "dtype") else type(ids).__name__
    require(array, tokenizer, f"encode({_short(text)}) gives {form}", "it must be a NumPy array, int32[n]")
    outside = ids[(ids < 0) | (ids >= tokenizer.vocab_size)]
    problem = f"encode({_short(text)}) gives the id {outside[0] if len(outside) else None}"
    require(not len(outside), tokenizer, problem, f"ids lie in 0 .. vocab_size - 1 = {tokenizer.vocab_size - 1}")
    require(len(text) > 0 or len(ids) == 0, tokenizer, f"the empty text has {len(ids)} ids", "it must have none")
    again = tokenizer.encode(text)
    problem = f"encode({_short(text)}) gives other ids the second time"
    require(np.array_equal(ids, again), tokenizer, problem, "it must be a pure function")
    return ids


def _decode(tokenizer: Tokenizer, ids: Sequence[int] | Integer[np.ndarray, " n"], what: str) -> bytes:
    text: Any = tokenizer.decode(ids)
    require(type(text) is bytes, tokenizer, f"decode of {what} gives {type(text).__name__}", "it must be bytes")
    return text


def _check_comes_back(tokenizer: Tokenizer, text: bytes, ids: Int32[np.ndarray, " n"]) -> None:
    for form, given in (("ids", ids), ("ids as a list", ids.tolist())):
        back = _decode(tokenizer, given, f"the {form} of {_short(text)}")
        problem = f"{_short(text)} comes back as {_short(back)} from its {form}"
        require(back == text, tokenizer, problem, "decode(encode(text)) must be the text, for any bytes")
    for count in (1, 7):
        back = _decode(tokenizer, [*ids.tolist(), *[tokenizer.padding_id] * count], f"{_short(text)} with padding")
        problem = (
            f"{_short(text)} comes back as {_short(back)} with {count} of padding_id, {tokenizer.padding_id}, after"
        )
        require(back == text, tokenizer, problem, "padding after a text's ids must mean nothing")


def _check_batches(tokenizer: Tokenizer, texts: list[bytes], encoded: list[Int32[np.ndarray, " _"]]) -> None:
    together = tokenizer.encode_batch(texts)
    problem = f"encode_batch of {len(texts)} texts gives {len(together)}"
    require(len(together) == len(texts), tokenizer, problem, "it must give as many")
    for text, ids, other in zip(texts, encoded, together, strict=True):
        problem = f"encode_batch gives {_short(text)} other ids than encode"
        require(np.array_equal(ids, other), tokenizer, problem, "a text's ids must not depend on those beside it")
    back = tokenizer.decode_batch(encoded[::-1])[::-1]
    for text, other in zip(texts, back, strict=True):
        problem = f"decode_batch gives {_short(other)} for {_short(text)}"
        require(other == text, tokenizer, problem, "it must give what decode gives, in order")
    empty = (list(tokenizer.encode_batch([])), list(tokenizer.decode_batch([])))
    require(empty == ([], []), tokenizer, f"batches of nothing give {empty}", "they must be empty")


def _check_refusals(tokenizer: Tokenizer) -> None:
    size = tokenizer.vocab_size
    wrong: Any = 97
    _check_raises(tokenizer, lambda: tokenizer.encode(wrong), "encode(97)", TypeError)
    for ids in ([size], [-1], [2**70]):
        written = f"decode({ids if ids[0] < 2**70 else '[2**70]'})"
        _check_raises(tokenizer, lambda ids=ids: tokenizer.decode(ids), written, ValueError)
    _check_raises(tokenizer, lambda: tokenizer.decode(np.array([0.5])), "decode([0.5])", TypeError)


def _check_raises(tokenizer: Tokenizer, call: Callable[[], Any], written: str, error: type[Exception]) -> None:
    right = f"it must raise {error.__name__}, with what would be right"
    try:
        result = call()
    except error:
        return
    except Exception as other:
        raise BrokenPromise(f"{type(tokenizer).__name__}: {written} raises {other!r}; {right}") from other
    require(False, tokenizer, f"{written} gives {_short(result)}", right)


def _check_random_ids(tokenizer: Tokenizer, total: bool) -> None:
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 10, 40):
        ids = rng.integers(tokenizer.vocab_size, size=length).astype(np.int32)
        try:
            text = _decode(tokenizer, ids, f"ids {ids.tolist()}")
        except ValueError as error:
            problem = f"ids {ids.tolist()} are refused: {error}"
            require(not total, tokenizer, problem, "any ids must decode, for that was asked (total=True)")
            continue
        except (BrokenPromise, KeyboardInterrupt):
            raise
        except Exception as error:
            name, right = type(tokenizer).__name__, "decode must give a text, or raise ValueError where there is none"
            raise BrokenPromise(f"{name}: decode({ids.tolist()}) raises {error!r}; {right}") from error
        back = _decode(tokenizer, _encode(tokenizer, text), f"the ids of {_short(text)}")
        problem = f"{_short(text)}, which ids {ids.tolist()} stand for, comes back as {_short(back)}"
        require(back == text, tokenizer, problem, "decode(encode(text)) must be the text")


def _check_windows(tokenizer: EqualInfo, text: bytes, ids: Int32[np.ndarray, " n"]) -> None:
    parts = tokenizer.cut(text)
    problem = f"the windows of {_short(text)} are made of {_short(b''.join(parts))}"
    require(b"".join(parts) == text and all(parts), tokenizer, problem, "each must take a byte or more of the text")
    count = -(-len(parts) * tokenizer.bits // tokenizer.token_bits)
    problem = f"{len(parts)} windows of {tokenizer.bits} bits have {len(ids)} ids"
    right = f"they must have {count} of {tokenizer.token_bits} bits: each window has exactly its bits"
    require(len(ids) == count, tokenizer, problem, right)
    spelt = [string for string in tokenizer.spell(ids) if string]
    problem = f"the windows of {_short(text)} do not decode to what they are made of"
    require(spelt == parts, tokenizer, problem, "each window must decode by itself")


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= 48 else f"{written[:45]}..."
