"""SentencePiece tokens: texts of any bytes come back, the hard ones by byte pieces, and other models are refused."""

import functools
import io
import random
from typing import Any, cast

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from ecjax import SentencePiece, serialisation
from ecjax.tokenizers import subwords

# What SentencePiece gives a meaning of its own, or cannot carry.
HARD = [b"\0", "\u2581".encode(), "\u2585".encode(), " \u2047 ".encode(), b"<0x41>", b"<unk>", b"  ", b"\t", b"\r\n"]
HARD += [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "\ufeff".encode(), "\ufdd0".encode(), b"\x7f\x01"]


@functools.cache
def sample() -> bytes:
    return serialisation.asset("sample.txt").read_bytes()


@functools.cache
def tokenizer() -> SentencePiece:
    return SentencePiece.train([sample()[:60_000], b"".join(HARD)], 1000)


@given(st.lists(st.sampled_from([*HARD, b" the", b"a"]) | st.binary(max_size=4) | st.characters().map(str.encode)))
def test_any_bytes_come_back(parts):
    text = b"".join(parts)
    ids = tokenizer().encode(text)
    assert tokenizer().decode(ids) == text
    assert tokenizer().padding_id not in ids


@given(st.lists(st.integers(0, 999), max_size=20))
def test_any_ids_decode_to_their_pieces(ids):
    ids = [i % tokenizer().vocab_size for i in ids]
    assert tokenizer().decode(ids) == b"".join(tokenizer().decode([i]) for i in ids)


def test_bytes_have_pieces_of_their_own():
    assert tokenizer().decode(tokenizer().encode(bytes(range(256)))) == bytes(range(256))
    (id_of_byte,) = tokenizer().encode(b"\xff").tolist()
    assert tokenizer().decode([id_of_byte]) == b"\xff"


def test_what_is_not_hard_is_as_sentencepiece_has_it():
    text = sample()[60_000:70_000]
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer().model_proto)
    assert tokenizer().encode(text).tolist() == processor.encode(text.decode())
    assert len(tokenizer().encode(text)) < len(text) / 2.5


def test_texts_with_reserved_characters_are_trained_on():
    with_reserved = SentencePiece.train([sample()[:20_000] + "\u2585".encode()], 400)
    assert with_reserved.model_proto == SentencePiece.train([sample()[:20_000]], 400).model_proto


@pytest.mark.slow
def test_real_text_comes_back():
    assert tokenizer().decode(tokenizer().encode(sample())) == sample()


def trained(**settings: Any) -> bytes:
    out = io.BytesIO()
    sentences = iter([sample()[:20_000].decode()])
    settings = subwords.TRAINING | {"vocab_size": 400} | settings
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=out, **settings)
    return out.getvalue()


@pytest.mark.parametrize(
    "settings",
    [{"normalization_rule_name": "nfkc"}, {"remove_extra_whitespaces": True}, {"add_dummy_prefix": True}],
)
def test_models_that_change_texts_are_refused(settings):
    with pytest.raises(ValueError, match=r"changes texts; train it with SentencePiece\.train"):
        SentencePiece(trained(**settings))


def test_models_without_byte_pieces_are_refused():
    with pytest.raises(ValueError, match="no piece for each byte; train it with byte_fallback=True"):
        SentencePiece(trained(byte_fallback=False))


def test_models_with_control_pieces_are_taken():
    controls = SentencePiece(trained(bos_id=1, eos_id=2, pad_id=3))
    assert controls.decode([1, *controls.encode(b"a text").tolist(), 2, 3]) == b"a text"


@pytest.mark.parametrize("proto", [b"", b"no model", sentencepiece.__version__.encode()])
def test_what_is_no_model_is_refused(proto):
    with pytest.raises(ValueError, match="no SentencePiece model"):
        SentencePiece(proto)


@pytest.mark.parametrize(
    "text",
    ["\u4e2d\u6587\u6ca1\u6709\u7a7a\u683c\u3002" * 50, "a", "word" * 2000, "a\nb\n", "\u2581\ufeff", "\t", "\0a"],
)
def test_texts_without_a_space_are_trained_on(text):
    made = SentencePiece.train([text.encode() + b"\xff"], 300)
    for other in (text.encode(), b" ", b"  a b \xe2\x96\x81 \xff ", b"\xe2\x96\x81", bytes(range(256))):
        ids = made.encode(other)
        assert made.decode(ids) == other and made.padding_id not in ids
    assert len(made.encode(b" ")) == 1


def test_what_is_too_little_or_too_much_is_refused():
    for texts in ([], [b""], [b"\xff\xfe"], [b"\n\r\n"], [b"\0\0"], [b"", "\u2585".encode()]):
        with pytest.raises(ValueError, match="nothing to learn from: give UTF-8 texts that are not empty"):
            SentencePiece.train(texts, 300)
    with pytest.raises(ValueError, match=r"could not train 10 pieces .*the 256 bytes take 265; ask for more"):
        SentencePiece.train([b"hello world"], 10)
    for vocab_size in (0, -1, True, (1 << 31) - 1):  # the last would keep the trainer busy for ever
        with pytest.raises(ValueError, match="vocab_size must be "):
            SentencePiece.train([b"hello world"], vocab_size)
    with pytest.raises(TypeError, match="bytes"):  # a TypeError too where annotations are checked
        SentencePiece(cast(Any, "a path"))


def test_damaged_models_are_refused_or_give_texts_back():
    whole, rng = tokenizer().model_proto, random.Random(0)
    for _ in range(100):
        damaged, place = bytearray(whole), rng.randrange(rng.choice([60, len(whole)]))
        damaged[place : place + rng.choice([0, 1, 1, 9])] = rng.randbytes(rng.choice([0, 1, 9]))
        try:
            made = SentencePiece(bytes(damaged))
        except ValueError as error:
            assert type(error) is ValueError and "SentencePiece model" in str(error)
        else:
            assert made.decode(made.encode(b" the text\xff\t")) == b" the text\xff\t"
