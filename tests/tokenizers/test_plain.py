"""Bytes as tokens."""

import numpy as np
import pytest

from ecjax import Bytes


def test_bytes_are_their_values_and_one():
    tokenizer = Bytes()
    assert tokenizer.encode(bytes(range(256))).tolist() == list(range(1, 257))
    assert tokenizer.encode(b"").dtype == np.int32
    assert tokenizer.decode([0, 98, 0, 99, 0]) == b"ab"
    assert (tokenizer.vocab_size, tokenizer.padding_id) == (257, 0)
    with pytest.raises(ValueError, match=r"0 \.\. 256, got 257 at position 0"):
        tokenizer.decode([257])
