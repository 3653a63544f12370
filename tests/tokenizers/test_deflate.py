"""GZip tokens: blocks that gzip itself reads, and a clear end to what it does not."""

import gzip
import zlib

import numpy as np
import pytest

from ecjax import GZip, serialisation

LONG = bytes(range(256)) * 90  # three blocks


@pytest.mark.parametrize("token_bits", [1, 8, 12, 16])
@pytest.mark.parametrize("header", [True, False])
def test_texts_of_several_blocks_come_back(token_bits, header):
    tokenizer = GZip(token_bits, header)
    noise = np.random.default_rng(0).bytes(25_000)
    batch = [LONG, noise, b"\0" * 10_240, b"\0" * 10_241, b"a"]
    assert tokenizer.decode_batch(tokenizer.encode_batch(batch)) == batch


def test_blocks_are_what_gzip_reads():
    (code,) = GZip().compress([LONG])
    assert gzip.decompress(code) == LONG
    first = zlib.decompressobj(31)
    assert first.decompress(code) == LONG[:10_240] and first.unused_data
    assert code[4:8] == bytes(4)  # no time of day, so that a text has the same ids whenever it is encoded


def test_without_header_and_footer_a_block_has_18_bytes_less():
    (with_header,), (without,) = GZip().compress([LONG]), GZip(header=False).compress([LONG])
    assert len(with_header) == len(without) + 3 * 18
    assert zlib.decompress(without, wbits=-15) == LONG[:10_240]


@pytest.mark.parametrize("header", [True, False])
def test_what_is_no_whole_block_is_refused(header):
    tokenizer = GZip(8, header)
    (code,) = tokenizer.compress([LONG])
    bomb = zlib.compressobj(wbits=31 if header else -15)
    for damaged in (code[:-9], code + b"x", b"x" + code, bomb.compress(bytes(10**6)) + bomb.flush()):
        with pytest.raises(ValueError, match=r"give all ids of a text"):
            tokenizer.decode(list(damaged))


def test_real_text_takes_less_than_half():
    text = serialisation.asset("sample.txt").read_bytes()
    tokenizer = GZip(16)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert 2 * len(ids) < len(text) / 2
