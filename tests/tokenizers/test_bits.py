"""Bits as ids, and numbers in front of byte strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.tokenizers.bits import from_bytes, from_ids, read_number, to_bytes, to_ids, write_number

TOKEN_BITS = st.sampled_from((1, 3, 7, 8, 12, 13, 16))


@given(st.binary(max_size=40), TOKEN_BITS)
def test_ids_are_slices_first_bits_first(data, token_bits):
    string = "".join(f"{byte:08b}" for byte in data)
    slices = [string[i : i + token_bits].ljust(token_bits, "0") for i in range(0, len(string), token_bits)]
    ids = to_ids(from_bytes(data), token_bits)
    assert ids.dtype == np.int32
    assert ids.tolist() == [int(part, 2) for part in slices]
    assert "".join(map(str, from_ids(ids, token_bits))) == "".join(slices)
    # Filling the last id may make one zero byte more, no other.
    assert to_bytes(from_ids(ids, token_bits)) in (data, data + b"\0")


@given(st.integers(0, 2**63 - 1) | st.sampled_from((0, 127, 128, 2**14 - 1, 2**14)), st.binary(max_size=4))
def test_numbers_come_back_with_what_follows(number, rest):
    assert read_number(write_number(number) + rest) == (number, rest)


def test_numbers_are_leb128():
    assert write_number(624485) == bytes.fromhex("e58e26")
    assert write_number(0) == b"\0" and write_number(128) == b"\x80\x01"
    assert read_number(b"") == (0, b"")


@pytest.mark.parametrize("data", [b"\x80", b"\xff" * 9, b"\xff" * 9 + b"\x01"])
def test_numbers_that_do_not_end_are_refused(data):
    with pytest.raises(ValueError, match="do not begin with the length of a text"):
        read_number(data)
