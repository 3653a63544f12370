"""Huffman tokens: the codes are Huffman's, canonical, and make up the ids one after another."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import Huffman, Unigram, serialisation
from ecjax.tokenizers.bits import write_number
from ecjax.tokenizers.huffman import code_lengths, huffman_code
from tests.strategies import precisions, tables


@given(precisions.flatmap(lambda f: st.tuples(st.just(f), tables(f))))
def test_codes_are_complete_and_within_a_bit_of_the_entropy(case):
    precision, table = case
    codes = huffman_code(table.tobytes()).codes
    assert sum(Fraction(1, 2 ** len(code)) for code in codes) == 1
    assert not any(a != b and b.startswith(a) for a, b in zip(sorted(codes), sorted(codes)[1:], strict=False))
    shares = np.diff(table) / 2.0**precision
    mean = sum(share * len(code) for share, code in zip(shares, codes, strict=True))
    entropy = -(shares * np.log2(shares)).sum()
    assert entropy - 1e-9 <= mean < entropy + 1
    assert codes == tuple(canonical([len(code) for code in codes]))


def canonical(lengths: list[int]) -> list[str]:
    """Codes by their definition: each begins where, as a binary fraction, the one before ends."""
    codes, begin = [""] * len(lengths), Fraction(0)
    for length, i in sorted((length, i) for i, length in enumerate(lengths)):
        codes[i] = f"{int(begin * 2**length):0{length}b}"
        begin += Fraction(1, 2**length)
    return codes


def test_lengths_of_a_known_code():
    assert code_lengths([45, 13, 12, 16, 9, 5]) == [1, 3, 3, 3, 4, 4]


@given(st.binary(min_size=1, max_size=60))
def test_ids_are_the_codes_of_all_bytes(text):
    model = Unigram.fit(b"some letters are more frequent than others")
    codes = huffman_code(np.asarray(model.table).tobytes()).codes
    bits = "".join(codes[byte] for byte in text)
    packed = int(bits.ljust(8 * math.ceil(len(bits) / 8), "0"), 2).to_bytes(math.ceil(len(bits) / 8), "big")
    assert Huffman(model, 8).encode(text).tolist() == list(write_number(len(text)) + packed)


@pytest.mark.slow
def test_real_text_comes_back_in_several_blocks():
    text = serialisation.asset("sample.txt").read_bytes()[:12_000]
    tokenizer = Huffman(Unigram.fit(text), 12)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert 12 * len(ids) < 5 * len(text)


def test_lengths_that_the_ids_cannot_hold_are_refused():
    tokenizer = Huffman(Unigram.fit(b"a"), 8)
    with pytest.raises(ValueError, match=f"of {2**40} bytes, but are too few"):
        tokenizer.decode(list(write_number(2**40) + b"\0" * 9))
    with pytest.raises(ValueError, match="end within a code"):
        tokenizer.decode(list(write_number(70) + b"\xff" * 9))
    with pytest.raises(ValueError, match="other than 0 after the last"):
        tokenizer.decode([*tokenizer.encode(b"a").tolist(), 0, 0, 1])
