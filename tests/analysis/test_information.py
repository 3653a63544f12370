"""What windows tell and leave untold: as every string of a code says it, one by one, in plain Python."""

import math

import numpy as np
import pytest

from ecjax import EqualInfo, analysis
from ecjax.analysis import information
from specs.oracle import windows as preorder
from tests.coding.test_published import model
from tests.oracles import published
from tests.strategies import Markov, python_model, sample

BITS, PRECISION = 33, 9


def fits(m, code: str, string: bytes) -> bool:
    if code == "published":
        return published.padded_code(m, string, BITS) is not None
    return preorder.encode_window(m, string, BITS)[1] == len(string)


def chance(m, code: str, string: bytes, after: list[int]) -> float:
    """Of a window made of a string: that of its bytes, and of one of these after it, as far as it does not fit."""

    def probability(text: bytes, byte: int) -> float:
        return (m(text)[byte + 1] - m(text)[byte]) / 2**PRECISION

    bytes_of_it = math.prod(probability(string[:i], byte) for i, byte in enumerate(string))
    return bytes_of_it * sum(probability(string, c) for c in after if not fits(m, code, string + bytes([c])))


def windows(m, code: str, text: bytes) -> list[tuple[bytes, list[bytes], int]]:
    """Of each window but the last its string, all strings of its code, and the byte after it."""
    if code == "published":
        found = [(own, published.readings(m, number, BITS)) for number, own in published.windows(m, text, BITS)]
    else:
        strings = [preorder.decode_window(m, number, BITS) for number in preorder.encode(m, text, BITS)]
        found = [(string, [string]) for string in strings]
    following = [own[0] for own, _ in found[1:]]
    return [(*window, byte) for window, byte in zip(found, following, strict=False)]


@pytest.mark.slow
@pytest.mark.parametrize("code", ["preorder", "published"])
def test_windows_tell_what_their_strings_say(code, monkeypatch):
    monkeypatch.setattr(information, "_BATCH_BYTES", 64)  # several batches, the last of which has rows to spare
    m, rng = python_model(model(2, PRECISION)), np.random.default_rng(0)
    # Ids of 16 bits, for windows of 33: what fills the last id can look like a window, and is none.
    texts = [sample(model(2, PRECISION), size, rng) for size in (90, 1, 0, 70)]
    found = analysis.window_information(EqualInfo(model(2, PRECISION), BITS, 16, code=code), texts)
    expected = [window for text in texts for window in windows(m, code, text)]
    told = [sum(chance(m, code, string, list(range(256))) for string in alike) for _, alike, _ in expected]
    meant = [
        chance(m, code, own, [byte]) / sum(chance(m, code, string, [byte]) for string in alike)
        for own, alike, byte in expected
    ]
    assert (code == "published") == any(share < 1 for share in meant)
    np.testing.assert_allclose(found.told, -np.log2(told), rtol=1e-12)
    np.testing.assert_allclose(found.untold, -np.log2(meant), rtol=1e-9, atol=1e-12)
    best = [max(chance(m, code, string, [byte]) for string in alike) for _, alike, byte in expected]
    assert found.likeliest.tolist() == [
        chance(m, code, own, [byte]) >= most for (own, _, byte), most in zip(expected, best, strict=True)
    ]
    assert found.bytes.tolist() == [len(own) for own, _, _ in expected]


def test_a_window_is_not_counted_that_the_end_of_the_text_cuts_short():
    found = analysis.window_information(EqualInfo(model(0, PRECISION), BITS, 1), [b"", b"a"])
    assert found.told.shape == found.untold.shape == found.bytes.shape == (0,)


@pytest.mark.parametrize("settings", [{"code": "delayed"}, {"reset": 2}, {"reset": None}])
def test_windows_that_pass_something_on_are_refused(settings):
    with pytest.raises(ValueError, match="reset 1"):
        analysis.window_information(EqualInfo(model(0, PRECISION), BITS, 1, **settings), [b"a"])


def test_models_that_are_not_exact_are_refused():
    inexact = Markov(model(0, PRECISION).tables, PRECISION, exact=False)
    with pytest.raises(ValueError, match="Markov is not exact"):
        analysis.window_information(EqualInfo(inexact, BITS, 1, allow_inexact=True), [b"a"])
