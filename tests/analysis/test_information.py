"""What windows tell and leave untold: as every string of a code says it, one by one, in plain Python."""

import math

import numpy as np
import pytest

from ecjax import EqualInfo, analysis
from specs.oracle import windows as preorder
from tests.coding.test_published import model
from tests.oracles import published
from tests.strategies import python_model, sample

BITS, PRECISION = 33, 9


def probability(table: list[int], byte: int) -> float:
    return (table[byte + 1] - table[byte]) / 2**PRECISION


def fits(m, code: str, string: bytes) -> bool:
    if code == "published":
        return published.padded_code(m, string, BITS) is not None
    return preorder.encode_window(m, string, BITS)[1] == len(string)


def chance(m, code: str, string: bytes) -> float:
    """Of a window made of a string: that of its bytes, and of one after it that does not fit."""
    bytes_of_it = math.prod(probability(m(string[:i]), byte) for i, byte in enumerate(string))
    after = m(string)
    return bytes_of_it * sum(
        probability(after, byte) for byte in range(256) if not fits(m, code, string + bytes([byte]))
    )


@pytest.mark.slow
@pytest.mark.parametrize("code", ["preorder", "published"])
def test_windows_tell_what_their_strings_say(code):
    m = python_model(model(2, PRECISION))
    text = sample(model(2, PRECISION), 160, np.random.default_rng(0))
    found = analysis.window_information(EqualInfo(model(2, PRECISION), BITS, 1, code=code), [text])
    if code == "published":
        windows = published.windows(m, text, BITS)[:-1]
        alike = [published.readings(m, number, BITS) for number, _ in windows]
        assert any(len(strings) > 1 for strings in alike)
    else:
        windows = [(number, preorder.decode_window(m, number, BITS)) for number in preorder.encode(m, text, BITS)[:-1]]
        alike = [[string] for _, string in windows]
    told = [-math.log2(sum(chance(m, code, string) for string in strings)) for strings in alike]
    untold = [-math.log2(chance(m, code, own)) - bits for (_, own), bits in zip(windows, told, strict=True)]
    np.testing.assert_allclose(found.told, told, rtol=1e-12)
    np.testing.assert_allclose(found.untold, untold, rtol=1e-9, atol=1e-12)
    assert found.bytes.tolist() == [len(own) for _, own in windows]


def test_a_window_is_not_counted_that_the_end_of_the_text_cuts_short():
    windows = EqualInfo(model(0, PRECISION), BITS, 1)
    found = analysis.window_information(windows, [b"", b"a"])
    assert found.told.shape == found.untold.shape == found.bytes.shape == (0,)


@pytest.mark.parametrize("settings", [{"code": "delayed"}, {"reset": 2}, {"reset": None}])
def test_windows_that_pass_something_on_are_refused(settings):
    with pytest.raises(ValueError, match="reset 1"):
        analysis.window_information(EqualInfo(model(0, PRECISION), BITS, 1, **settings), [b"a"])
