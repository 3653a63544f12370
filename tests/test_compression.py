"""`ecjax.compress` and its kin: any bytes come back, by any kind of model, and bad input gets one clear error."""

import io
import os
import pickle
import shutil
import threading
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import container, serialisation
from ecjax.compression import DEFAULT, Model, coding_of, model_fingerprint
from ecjax.container import Header, Refused, Summary
from ecjax.container.layout import Writer
from ecjax.models.files import save_exact, save_transformer
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerConfig
from tests.containers import Source, flip, likely, markov, small_codebook
from tests.strategies import annotations_unchecked, texts
from tests.varied_texts import SENTENCES, varied

TEXT = b"It was the best of times, it was the worst of times."
BOOKS = ("books-12", "books-16")
CONFIG = TransformerConfig(vocab_size=256, d_model=8, heads=1, layers=1, head_dim=4, mlp_dim=8, context=4)


def unigram() -> ecjax.Unigram:
    return ecjax.Unigram.fit(TEXT, 12)


def assert_hardly_grows(text: bytes, model: Model, bits: int | None = None) -> None:
    data = ecjax.compress(text, model, bits)
    assert len(data) <= len(text) + 64 + len(text) * 0.0002
    named = isinstance(model, str)
    assert ecjax.decompress(data, None if named else model) == text


@pytest.mark.rule("K-17")
@pytest.mark.parametrize(("name", "size"), [("books-12", 300), ("books-12", 70_000), ("books-16", 3000)])
def test_texts_of_all_kinds_come_back_and_hardly_grow(name, size):
    kinds = varied(size)
    assert len(kinds) >= 40 and all(len(text) > size / 2 for text in kinds.values())
    for text in kinds.values():
        assert_hardly_grows(text, name)


@pytest.mark.slow
@pytest.mark.rule("K-17")
@pytest.mark.parametrize("bits", [None, pytest.param(64, marks=pytest.mark.deep)])
def test_sentences_come_back_from_the_shipped_model(bits):
    for script in ("Chinese", "English", "Hindi"):
        assert_hardly_grows(SENTENCES[script].encode()[:160], DEFAULT, bits)


@pytest.mark.deep
@pytest.mark.rule("K-17")
@pytest.mark.parametrize("bits", [None, 64])
def test_texts_of_all_kinds_come_back_from_the_shipped_model(bits):
    for text in varied(2500).values():
        assert_hardly_grows(text, DEFAULT, bits)


@pytest.mark.parametrize("make", [unigram, markov, small_codebook])
@given(text=texts(120))
def test_any_bytes_come_back_from_any_object(make, text):
    assert_hardly_grows(text, make())


def test_text_of_the_models_kind_gets_smaller():
    for name in BOOKS:
        assert len(ecjax.compress(TEXT * 20, name)) < 0.6 * len(TEXT * 20)
    assert len(ecjax.compress(likely(2000), markov())) < 0.5 * 2000


@pytest.mark.parametrize("name", BOOKS)
def test_a_codebook_may_be_named_in_many_ways(name, tmp_path):
    asset = serialisation.asset(f"{name}.safetensors")
    copy = shutil.copy(asset, tmp_path / "copy")
    contents, book = serialisation.read(name), ecjax.load_codebook(name)
    expected = container.encode_bytes(container.codebook_coding(book), TEXT)
    for model in (name, asset, str(copy), Path(copy), contents, book):
        assert ecjax.compress(TEXT, model) == expected
        assert ecjax.decompress(expected, model) == TEXT
    assert ecjax.decompress(expected) == TEXT


@pytest.mark.slow
def test_the_shipped_model_may_be_named_in_many_ways():
    model = ecjax.load_model(DEFAULT)
    expected = container.encode_bytes(container.stream_coding(model, serialisation.read_fingerprint(DEFAULT)), TEXT)
    assert ecjax.compress(TEXT) == expected
    for other in (DEFAULT, serialisation.asset(f"{DEFAULT}.safetensors"), serialisation.read(DEFAULT), model):
        assert ecjax.compress(TEXT, other) == expected
        assert ecjax.decompress(expected, other) == TEXT
    assert ecjax.decompress(expected) == TEXT


@pytest.mark.parametrize("bits", [None, 12, pytest.param(128, marks=pytest.mark.slow)])
def test_objects_give_the_files_of_their_codings(bits):
    for model in (unigram(), markov()):
        mark = model_fingerprint(model)
        made = container.window_coding(model, bits, mark) if bits else container.stream_coding(model, mark)
        data = ecjax.compress(TEXT, model, bits)
        assert data == container.encode_bytes(made, TEXT)
        assert coding_of(model, bits).header == made.header == container.info(io.BytesIO(data)).header
        assert ecjax.decompress(data, model) == TEXT  # how many bits, the data says


def test_the_file_of_an_exact_model_is_as_good_as_the_model(tmp_path):
    model = IntegerTransformer.zeros(CONFIG)
    mark = save_exact(tmp_path / "model", model, {"seed": 1})
    assert coding_of(tmp_path / "model").header == coding_of(model).header == Header(1, 0, 16, mark)
    finer = coding_of(tmp_path / "model", 20).header
    assert finer == Header(2, 20, 16, mark)


@pytest.mark.parametrize("view", [bytearray, memoryview, lambda text: memoryview(text * 2)[: len(text)]])
def test_all_that_is_like_bytes_may_be_given(view):
    data = ecjax.compress(view(TEXT), "books-12")
    assert data == ecjax.compress(TEXT, "books-12")
    text = ecjax.decompress(view(data))
    assert type(data) is type(text) is bytes and text == TEXT


def test_a_view_with_gaps_is_what_it_shows():
    assert ecjax.decompress(ecjax.compress(memoryview(TEXT)[::-2], "books-12")) == TEXT[::-2]
    numbers = np.arange(5, dtype=np.uint16)
    assert ecjax.decompress(ecjax.compress(memoryview(cast(Any, numbers)), "books-12")) == numbers.tobytes()


# Streams.


def test_files_are_compressed_from_one_to_another(tmp_path):
    text, done = varied(70_000)["English"], list[int]()
    (tmp_path / "in").write_bytes(text)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
        told = ecjax.compress_stream(source, target, "books-12", report=done.append)
    data = (tmp_path / "out").read_bytes()
    assert data == ecjax.compress(text, "books-12")
    header = Header(3, 12, 0, serialisation.read_fingerprint("books-12"))
    assert told == Summary(header, 2, len(text), 2, 0, len(data)) == container.info(io.BytesIO(data))
    with (tmp_path / "out").open("rb") as source, (tmp_path / "again").open("wb") as target:
        assert ecjax.decompress_stream(source, target, report=done.append) == told
    assert (tmp_path / "again").read_bytes() == text
    assert done == [len(text)] * 2


def test_pipes_may_be_read_and_written():
    text = varied(150_000)["JSON"]  # more than a pipe holds
    read, write = os.pipe()

    def fill() -> None:
        with open(write, "wb", buffering=0) as target:
            ecjax.compress_stream(Source(len(text), lambda a, b: text[a:b], most=1000), target, "books-12")

    writer = threading.Thread(target=fill)
    writer.start()
    target = io.BytesIO()
    with open(read, "rb", buffering=0) as source:
        assert ecjax.decompress_stream(source, target).length == len(text)
    writer.join()
    assert target.getvalue() == text


# What is refused.


def refused(match: str, call, *arguments, error: type[Exception] = ValueError) -> Exception:
    """The error of a call, in one line, as users have it."""
    with annotations_unchecked(), pytest.raises(error, match=match) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_is_no_bytes_is_refused():
    for call in (ecjax.compress, ecjax.decompress):
        refused(r"a text is bytes, got str; encode it first", call, "a text", error=TypeError)
        refused("a text is bytes, got NoneType", call, None, error=TypeError)
        refused("a text is bytes, got list", call, [1, 2], error=TypeError)


def test_a_source_that_gives_something_else_is_refused():
    class Greedy(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size + 1)

    runs: tuple[Any, ...] = (ecjax.compress_stream, ecjax.decompress_stream)
    for run in runs:
        with pytest.raises(TypeError, match="gives text, not bytes; open it in binary mode"):
            run(io.StringIO("text"), io.BytesIO(), "books-12")
        with pytest.raises(ValueError, match=r"was asked for \d+ bytes and gave \d+"):
            run(Greedy(), io.BytesIO(), "books-12")


def test_what_is_no_model_is_refused(tmp_path):
    for wrong in (5, unigram, ecjax.EqualInfo(unigram(), 16), Transformer(CONFIG, key=jax.random.key(0)), b"books-12"):
        refused("a model is a name, a file, or an", ecjax.compress, TEXT, wrong, error=TypeError)
    book_data = ecjax.compress(b"", "books-12")
    for name in ("books-13", str(tmp_path), "", "no\nsuch"):
        refused("is neither a file nor one of the shipped names", ecjax.compress, TEXT, name)
        refused("is neither a file nor one of the shipped names", ecjax.decompress, book_data, name)
    whole = serialisation.asset("books-12.safetensors").read_bytes()
    for damaged in (whole[:-1], flip(whole, 8 * len(whole) - 3), TEXT, b""):
        (tmp_path / "model").write_bytes(damaged)
        refused("is damaged", ecjax.compress, TEXT, tmp_path / "model")


def test_an_inexact_model_is_refused(tmp_path):
    save_transformer(tmp_path / "float", Transformer(CONFIG, key=jax.random.key(0)), {})
    for model in (tmp_path / "float", ecjax.load_model(tmp_path / "float")):
        refused("is not exact", ecjax.compress, TEXT, model)
        refused("is not exact", ecjax.decompress, ecjax.compress(b"", "books-12"), model)


def test_bits_that_cannot_be_are_refused():
    for bits in (-1, 0, 8, 129, 64.0, True, "64"):
        for model in (unigram(), "books-12"):
            refused("bits must be ", ecjax.compress, TEXT, model, bits)
    for book in ("books-12", ecjax.load_codebook("books-12")):
        refused("have 12 bits; leave out", ecjax.compress, TEXT, book, 13)


def test_data_of_another_model_is_refused():
    streams, windows, book = (
        ecjax.compress(TEXT, unigram()),
        ecjax.compress(TEXT, unigram(), 20),
        ecjax.compress(TEXT, "books-12"),
    )
    other = ecjax.Unigram.fit(TEXT + b"x", 12)
    wrong = [(streams, [other, "books-12"]), (windows, [other, "books-12"]), (book, [unigram(), "books-16"])]
    for data, models in wrong:
        for model in models:
            error = refused("model: the file was made with .*, this is ", ecjax.decompress, data, model)
            assert isinstance(error, Refused) and error.cause == "model"
    for data in (streams, windows):
        refused(f"was made with .*{model_fingerprint(unigram())}.*, which is not shipped", ecjax.decompress, data)


@pytest.mark.parametrize("header", [(2, 12, 12), (2, 20, 12), (1, 0, 12), (3, 13, 0)])
def test_data_that_names_a_codebook_as_something_else_is_refused(header):
    target = io.BytesIO()
    method, bits, precision = header
    Writer(target, Header(method, bits, precision, serialisation.read_fingerprint("books-12"))).block(
        b"a", b"a", last=True
    )
    error = refused("model: ", ecjax.decompress, target.getvalue())
    assert isinstance(error, Refused) and error.cause == "model"


def test_damaged_data_is_refused():
    data = ecjax.compress(TEXT, "books-12")
    for place in range(0, 8 * len(data), 5):
        assert isinstance(refused(": ", ecjax.decompress, flip(data, place)), Refused)
    for size in range(len(data)):
        assert isinstance(refused(": ", ecjax.decompress, data[:size]), Refused)
    for other in (b"", TEXT, data + b"\n", data + data):
        assert isinstance(refused(": ", ecjax.decompress, other), Refused)


def test_a_refusal_comes_out_of_another_process():
    with pytest.raises(Refused) as caught:
        ecjax.decompress(b"x")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is Refused and (again.cause, str(again)) == ("magic", str(caught.value))


@given(st.binary(max_size=80))
def test_bytes_that_are_no_such_data_are_refused(data):
    assert isinstance(refused("^(magic|truncated|version|header): ", ecjax.decompress, data), Refused)
    assert isinstance(refused(": ", ecjax.decompress, container.MAGIC + data), Refused)
