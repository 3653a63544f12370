"""check_tokenizer takes right tokenizers, and refuses each of many wrong ones with what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import ecjax
from ecjax.testing import BrokenPromise, check_tokenizer
from tests.strategies import annotations_unchecked
from tests.testing.right import Smooth


@pytest.mark.parametrize("make", [ecjax.Bytes, ecjax.GZip, lambda: ecjax.EqualInfo(ecjax.Unigram.fit(b"a"), 10, 5)])
def test_right_tokenizers_pass(make):
    tokenizer = make()
    check_tokenizer(tokenizer, [b"a text of one's own"], total=not isinstance(tokenizer, ecjax.GZip))


class Right(ecjax.Bytes):
    """Bytes, in a form of which the wrong ones are small changes."""

    vocab_size: Any = 257
    padding_id: Any = 0

    def encode_batch(self, texts: Sequence[bytes]) -> Any:
        return [self.encode(text) for text in texts]

    def decode_batch(self, batch: Any) -> Any:
        return [self.decode(ids) for ids in batch]


class NoSize(Right):
    vocab_size = 257.0


class PadsOutside(Right):
    padding_id = 257


class Lists(Right):
    def encode(self, text: Any) -> Any:
        return super().encode(text).tolist()


class Wide(Right):
    def encode(self, text: Any) -> Any:
        return super().encode(text).astype(np.int64)


class Outside(Right):
    def encode(self, text: Any) -> Any:
        return super().encode(text) + np.int32(text[:1] == b"\xff")


class EndsEvenNothing(Right):
    def encode(self, text: Any) -> Any:
        return np.append(super().encode(text), np.int32(0))


class Counts(Right):
    calls = 0

    def encode(self, text: Any) -> Any:
        self.calls += 1
        return np.append(super().encode(text), np.zeros(self.calls if text else 0, np.int32))


class DropsNul(Right):
    def decode(self, ids: Any) -> Any:
        return super().decode(ids).replace(b"\0", b"")


class OnlyUTF8(Right):
    def decode(self, ids: Any) -> Any:
        return super().decode(ids).decode(errors="replace").encode()


class Strings(Right):
    def decode(self, ids: Any) -> Any:
        return super().decode(ids).decode("latin-1")


class OnlyArrays(Right):
    def decode(self, ids: Any) -> Any:
        return super().decode(ids) if isinstance(ids, np.ndarray) else b""


class PaddingIsText(Right):
    padding_id = 1


class Joins(Right):
    def encode_batch(self, texts: Any) -> Any:
        return [self.encode(text + b" " * (i % 2)) for i, text in enumerate(texts)]


class Sorts(Right):
    def decode_batch(self, batch: Any) -> Any:
        return sorted(super().decode_batch(batch))


class LosesOne(Right):
    def encode_batch(self, texts: Any) -> Any:
        return super().encode_batch(texts)[1:]


class TakesNumbers(Right):
    def encode(self, text: Any) -> Any:
        return super().encode(bytes(text) if isinstance(text, int) else text)


class WrapsIds(Right):
    def decode(self, ids: Any) -> Any:
        return super().decode([i % 257 for i in ids])


class Crashes(Right):
    def decode(self, ids: Any) -> Any:
        if len(ids) and max(ids) >= 257:
            raise IndexError("list index out of range")
        return super().decode(ids)


class Partial(Right):
    def decode(self, ids: Any) -> Any:
        if len(ids) == 3 and 0 not in ids:
            raise ValueError("three are too few")
        return super().decode(ids)


class Stumbles(Partial):
    def decode(self, ids: Any) -> Any:
        try:
            return super().decode(ids)
        except ValueError as error:
            raise KeyError(ids[0]) if "few" in str(error) else error from error


MUTANTS = {
    NoSize: "vocab_size is 257.0; it must be an int of at least 1",
    PadsOutside: "padding_id is 257; it must be an id, 0 to 256",
    Lists: "gives list; it must be a NumPy array",
    Wide: r"gives int64\[0\]; it must be a NumPy array, int32\[n\]",
    Outside: r"gives the id 257; ids lie in 0 .. vocab_size - 1 = 256",
    EndsEvenNothing: "the empty text has 1 ids; it must have none",
    Counts: r"encode\(b'a'\) gives other ids the second time; it must be a pure function",
    DropsNul: r"b'\\x00' comes back as b'' from its ids",
    OnlyUTF8: "comes back as .* for any bytes",
    Strings: "gives str; it must be bytes",
    OnlyArrays: "b'a' comes back as b'' from its ids as a list",
    PaddingIsText: r"b'' comes back as b'\\x00' with 1 of padding_id, 1, after; padding after a text's ids",
    Joins: "encode_batch gives b'a' other ids than encode; a text's ids must not depend",
    Sorts: "decode_batch gives .* for .*, in order",
    LosesOne: r"encode_batch of \d+ texts gives \d+; it must give as many",
    TakesNumbers: r"encode\(97\) gives array.*it must raise TypeError",
    WrapsIds: r"decode\(\[257\]\) gives b''; it must raise ValueError",
    Crashes: r"decode\(\[257\]\) raises IndexError.*it must raise ValueError",
    Partial: r"are refused: three are too few; any ids must decode",
    Stumbles: r"raises KeyError.*or raise ValueError where there is none",
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_tokenizers_are_refused(mutant):
    check_tokenizer(Right(), total=True)
    with annotations_unchecked(), pytest.raises(BrokenPromise, match=f"^{mutant.__name__}: .*{MUTANTS[mutant]}"):
        check_tokenizer(mutant(), [b"ab"], total=True)


def test_what_is_no_tokenizer_is_refused():
    with annotations_unchecked(), pytest.raises(BrokenPromise, match=r"^int: it has no vocab_size, padding_id, encode"):
        check_tokenizer(5)  # pyright: ignore[reportArgumentType]


class Window(ecjax.EqualInfo):
    """Windows whose texts are said wrongly."""

    def cut(self, text: bytes) -> list[bytes]:
        return [text] if text else []


class Empty(ecjax.EqualInfo):
    """Windows of which one takes no byte."""

    def cut(self, text: bytes) -> list[bytes]:
        return [*super().cut(text), b""]


class Swapped(ecjax.EqualInfo):
    """Windows that decode to others' texts, though all together are right."""

    def spell(self, ids: Any) -> list[bytes]:
        return super().spell(ids)[::-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        (Window, r"1 windows of 16 bits have \d+ ids; they must have 1 of 16 bits"),
        (Empty, "each must take a byte or more"),
        (Swapped, "do not decode to what they are made of"),
    ],
)
def test_wrong_windows_are_refused(mutant, message):
    tokenizer = mutant(Smooth(), 16)
    with pytest.raises(BrokenPromise, match=message):
        check_tokenizer(tokenizer)
