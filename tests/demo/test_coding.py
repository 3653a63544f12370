"""Text to windows and back, as a demonstration shows it."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest

from ecjax import load_codebook
from ecjax.codebook import Codebook
from ecjax.demo import coding

TEXT = "The Mole, and é\n".encode()


@dataclasses.dataclass
class Forgetful:
    """A codebook that keeps all but the last token."""

    codebook: Codebook

    def __getattr__(self, name: str) -> Any:
        return getattr(self.codebook, name)

    def encode(self, text: bytes) -> np.ndarray:
        return self.codebook.encode(text)[:-1]


@pytest.mark.slow
def test_windows_and_what_came_back() -> None:
    codebook = load_codebook("books-12")
    windows = coding.cut(TEXT, "books-12", codebook).windows
    assert b"".join(window.string for window in windows) == TEXT
    assert all(len(window.bits) == 12 and int(window.bits, 2) == window.id for window in windows)
    books = {"books-12": codebook, "forgetful": cast(Codebook, Forgetful(codebook))}
    trips = list(coding.round_trips(TEXT, books))
    assert [trip.lossless for trip in trips] == [True, False, True, False, True, True]
    assert {trip.text_bytes for trip in trips} == {len(TEXT), 65_536, 0}
