"""Codebooks as others know tokenizers: str, offsets, special ids, and text as it comes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import Codebook, Tokenizer, compress, decompress, load_codebook
from tests.codebook.support import in_step, jit_decode
from tests.strategies import annotations_unchecked

ANY_STR = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("aé漢😀<>bos"), max_size=40)
NAMES = ["<bos>", "<eos>", "ü"]


def books() -> Codebook:
    return load_codebook("books-12")


def special() -> Codebook:
    return in_step()[0].with_special_tokens(NAMES)


@given(ANY_STR)
def test_str_is_taken_as_utf8(text):
    book = books()
    ids = book.encode(text)
    assert ids.tolist() == book.encode(text.encode()).tolist() == book.encode_batch([text, b""])[0].tolist()
    assert book.decode_text(ids) == text and book.count_tokens(text) == len(ids)


def test_lone_surrogates_are_refused():
    with pytest.raises(ValueError, match=r"no lone surrogates: '\\ud800' at position 2; give bytes"):
        books().encode("ab\ud800")


def test_bytes_that_are_no_utf8_are_replaced_or_refused():
    book = books()
    ids = book.encode(b"a\xff\xc3")
    assert book.decode_text(ids) == "a\ufffd\ufffd" and book.decode_text(ids, "ignore") == "a"
    with pytest.raises(UnicodeDecodeError):
        book.decode_text(ids, "strict")


@given(st.binary(max_size=60) | ANY_STR)
def test_offsets_are_where_strings_lie(text):
    book = books()
    ids, spans = book.encode_with_offsets(text)
    data = text.encode() if isinstance(text, str) else text
    assert spans.dtype == np.int32 and spans.shape == (len(ids), 2)
    assert [data[a:b] for a, b in spans.tolist()] == [book.token_bytes(i) for i in ids.tolist()]
    ends = [0, *spans[:, 1].tolist()]
    assert spans[:, 0].tolist() == ends[:-1] and ends[-1] == len(data)


def test_every_token_is_listed():
    for book in (in_step()[0], special()):
        assert len(book) == len(book.tokens()) == book.vocab_size
        assert book.tokens() == [book.token_bytes(i) for i in range(len(book))]


@given(ANY_STR, st.data())
def test_text_comes_as_soon_as_it_is_whole(text, data):
    book = special()
    ids = book.encode(text).tolist()
    ids.insert(data.draw(st.integers(0, len(ids))), book.special_ids["<eos>"])
    decoder, parts, given_ = book.decoder("strict"), [], []
    for i in ids:
        parts.append(decoder.decode(i))
        given_.append(i)
        whole = book.decode(given_).decode("utf-8", "ignore")
        # Only a character that is not whole is held back; "ignore" drops it.
        assert "".join(parts) == whole
    assert decoder.decode([], final=True) == "" and "".join(parts) == text


def test_what_never_becomes_whole_comes_out_at_the_end():
    book = books()
    decoder = book.decoder()
    assert decoder.decode(book.encode(b"a\xe6")) == "a"
    assert decoder.decode(np.zeros(0, np.int32), final=True) == "\ufffd"
    assert decoder.decode(book.encode("é")) == "é"


def test_special_tokens_follow_the_strings():
    plain, book = in_step()[0], special()
    assert book.special_ids == {"<bos>": 512, "<eos>": 513, "ü": 514}
    assert book.vocab_size == 515 and plain.vocab_size == 512 and isinstance(book, Tokenizer)
    more = book.with_special_tokens(["<pad>"])
    assert more.special_ids == book.special_ids | {"<pad>": 515}
    assert book.without_special_tokens().fingerprint == plain.fingerprint
    assert len({plain.fingerprint, book.fingerprint, more.fingerprint}) == 3
    assert book.padding_id == 0


@given(st.lists(st.sampled_from([*NAMES, "a", "<", "\0"])).map("".join))
def test_no_text_gives_a_special_token(text):
    assert special().encode(text).tolist() == in_step()[0].encode(text).tolist()


def test_special_tokens_decode_to_nothing_unless_they_are_asked_for():
    book = special()
    ids = [512, *book.encode("aaab").tolist(), 514, *book.encode("xy").tolist(), 513, 0]
    assert book.decode(ids) == b"aaabxy" and book.decode_batch([ids, [513]]) == [b"aaabxy", b""]
    assert book.decode(ids, special_tokens=True) == "<bos>aaabüxy<eos>".encode()
    assert book.decode_text(ids, special_tokens=True) == "<bos>aaabüxy<eos>"
    assert book.decode_text([512, 513]) == ""
    text, length = jit_decode(book, jnp.asarray(ids), capacity=16)
    assert bytes(text[:length].tolist()) == b"aaabxy"
    assert told_by_arrays(book) == told_by_arrays(in_step()[0])
    with pytest.raises(ValueError, match=r"ids lie in 0 .. 514, got 515"):
        book.decode([515])
    assert book.descendants(0) == (0, 512) and book.descendants(98) == in_step()[0].descendants(98)
    with pytest.raises(ValueError, match="at most 511"):
        book.descendants(512)


def told_by_arrays(book: Codebook) -> list[int]:
    return jax.jit(book.encode_array)(jnp.asarray(list(b"aaab xy"), jnp.uint8), 7)[0].tolist()


@pytest.mark.parametrize(
    "names, match",
    [
        ([""], "a name of its own; '' is none"),
        (["a", "a"], "'a' is twice there"),
        (["<bos>"], "'<bos>' is twice there"),
        (["\udc00"], "no lone surrogates"),
        ("<x>", r"a list of names such as \[\"<bos>\"\], got '<x>'"),
        ([b"a"], "a list of names"),
    ],
)
def test_names_that_are_none_are_refused(names, match):
    with annotations_unchecked(), pytest.raises(ValueError, match=match):
        special().with_special_tokens(names)


def test_a_file_does_not_lose_special_tokens_in_silence(tmp_path):
    with pytest.raises(ValueError, match="holds no special tokens: save without_special_tokens"):
        special().save(tmp_path / "book")
    assert list(tmp_path.iterdir()) == []
    special().without_special_tokens().save(tmp_path / "book")
    again = load_codebook(tmp_path / "book").with_special_tokens(NAMES)
    assert again.fingerprint == special().fingerprint


def test_what_is_compressed_with_special_tokens_there_needs_none():
    packed = compress(b"aaab xyxy" * 9, special())
    assert packed == compress(b"aaab xyxy" * 9, in_step()[0])
    assert decompress(packed, in_step()[0]) == decompress(packed, special()) == b"aaab xyxy" * 9
