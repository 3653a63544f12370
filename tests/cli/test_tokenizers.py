"""Tokenizers by the paper's names: the ids of the library's, files that remember them, and names that are none."""

import json
from pathlib import Path

import numpy as np
import pytest

import ecjax as library
from ecjax import Unigram, serialisation
from ecjax.cli.methods import Method, parse, source_of
from ecjax.models.files import load_model
from tests.cli.support import TEXTS, refused

SAMPLE = serialisation.asset("sample.txt")
TEXT = SAMPLE.read_bytes()[:700]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SentencePiece model of 400 pieces."""
    path = tmp_path_factory.mktemp("pieces") / "own.model"
    path.write_bytes(library.SentencePiece.train([SAMPLE.read_bytes()[:50_000]], 400).model_proto)
    return path


def m1() -> library.ByteModel:
    return load_model("m1-books")


def unigram() -> Unigram:
    return Unigram.fit(SAMPLE.read_bytes())


MADE = {
    "Bytes": lambda: library.Bytes(),
    "AC[256]": lambda: library.ArithmeticCoding(m1(), 8),
    "AC[2]:m1-books": lambda: library.ArithmeticCoding(m1(), 1),
    f"StaticAC[65k]:{SAMPLE}": lambda: library.ArithmeticCoding(unigram(), 16),
    "GZip[4k]": lambda: library.GZip(12),
    "GZip[256] bare": lambda: library.GZip(8, header=False),
    "EqualInfo[16,256]": lambda: library.EqualInfo(m1(), 16, 8),
    "EqualInfo[64,65k]": lambda: library.EqualInfo(m1(), 64, 16),
    "EqualInfo[16,256] delayed": lambda: library.EqualInfo(m1(), 16, 8, code="delayed"),
    "EqualInfo[16,256] every other": lambda: library.EqualInfo(m1(), 16, 8, reset=2),
    "EqualInfo[16,256] every 3": lambda: library.EqualInfo(m1(), 16, 8, reset=3),
    "EqualInfo[16,256] never": lambda: library.EqualInfo(m1(), 16, 8, reset=None),
    "EqualText[4,256]": lambda: library.EqualText(m1(), 4, 8, delimiters=False),
    "EqualText[4,257] delimited": lambda: library.EqualText(m1(), 4, 8, delimiters=True),
    f"Huffman[256]:{SAMPLE}": lambda: library.Huffman(unigram(), 8),
}
QUICK = ("Bytes", "GZip[4k]", "GZip[256] bare")
DEEP = (
    "AC[2]",
    "EqualInfo[64",
    "EqualInfo[16,256] d",
    "EqualInfo[16,256] every",
    "EqualInfo[16,256] n",
    "EqualText[4,256]",
)
NAMES = [
    name
    if name in QUICK
    else pytest.param(name, marks=[pytest.mark.slow, *([pytest.mark.deep] if name.startswith(DEEP) else [])])
    for name in MADE
]


@pytest.mark.parametrize("name", NAMES)
def test_a_methods_ids_are_the_librarys(ecjax, name: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXT)
    told = ecjax("tokenize", tmp_path / "in", "--tokenizer", name, "--format", "ids")
    assert told.status == 0, told.err
    assert list(map(int, told.out.split())) == MADE[name]().encode(TEXT).tolist()
    assert ecjax("tokenize", tmp_path / "in", tmp_path / "tokens", "--tokenizer", name).status == 0
    back = ecjax("tokenize", "--decode", tmp_path / "tokens", tmp_path / "out", "--tokenizer", name)
    assert back.status == 0 and (tmp_path / "out").read_bytes() == TEXT


def test_subwords_of_a_file(ecjax, pieces: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    name = f"SentencePiece[400]:{pieces}"
    told = ecjax("tokenize", tmp_path / "in", "--tokenizer", name, "--format", "jsonl").out
    tokenizer = library.SentencePiece(pieces.read_bytes())
    assert [json.loads(line)["id"] for line in told.splitlines()] == tokenizer.encode(TEXTS["text"]).tolist()
    refused(
        ecjax("tokenize", tmp_path / "in", "--tokenizer", f"SentencePiece[32k]:{pieces}"),
        r"has 400 pieces; write SentencePiece\[400\]",
    )
    refused(ecjax("tokenize", tmp_path / "in", pieces, "-f", "--tokenizer", name), "is what is read")
    assert library.SentencePiece(pieces.read_bytes()).vocab_size == 400


@pytest.mark.slow
def test_windows_that_are_ids_are_the_compiled_codebook(ecjax, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    for name in ("EqualInfo[12,4k]", "m1-books-12"):
        assert ecjax("tokenize", tmp_path / "in", tmp_path / name, "--tokenizer", name).status == 0
    tokens = [serialisation.read(tmp_path / name) for name in ("EqualInfo[12,4k]", "m1-books-12")]
    assert tokens[0].settings == tokens[1].settings
    np.testing.assert_array_equal(tokens[0].tensors["ids"], tokens[1].tensors["ids"])


def test_other_tokenizers_do_not_decode_a_file(ecjax, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    assert ecjax("tokenize", tmp_path / "in", tmp_path / "tokens", "--tokenizer", "GZip[256]").status == 0
    for other in ("GZip[256] bare", "GZip[4k]", "books-12", "bytes"):
        refused(ecjax("tokenize", "--decode", tmp_path / "tokens", tmp_path / "out", "--tokenizer", other), "another")
    assert not (tmp_path / "out").exists()


def test_ids_without_strings_of_their_own_are_not_shown(ecjax, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    for options in (("--show",), ("--format", "strings"), ("--format", "jsonl")):
        refused(ecjax("tokenize", tmp_path / "in", "--tokenizer", "GZip[256]", *options), "no strings of their own")


@pytest.mark.parametrize(
    "name, cause",
    [
        ("AC[]", r"write AC\[IDS\]"),
        ("AC[16,256]", r"write AC\[IDS\]"),
        ("AC[300]", "must have 2, 4, 8"),
        ("AC[128k]", "must have 2, 4, 8"),
        ("AC[256] published", "there is no AC 'published'"),
        ("EqualInfo[16]", r"write EqualInfo\[BITS,IDS\]"),
        ("EqualInfo[8,256]", "9 to 128"),
        ("EqualInfo[16,256] sometimes", "there is no EqualInfo 'sometimes'"),
        ("EqualInfo[16,256]:absent", "absent is not a file|neither a file nor"),
        ("EqualInfo[16,256]:books-12", "not a file of kind"),
        ("EqualText[4,257]", "must have 2, 4, 8"),
        ("StaticAC[256]", r"made from a text; write StaticAC\[IDS\]:TEXT"),
        ("StaticAC[256]:absent", "absent cannot be read"),
        ("Huffman[256]", "made from a text"),
        ("SentencePiece[32k]", "made from a model's file"),
        ("SentencePiece[32k]:in", "no SentencePiece model"),
        ("GZip[256]:in", "made from nothing"),
    ],
)
def test_names_that_are_none_are_refused(ecjax, name, cause, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").write_bytes(b"text")
    refused(ecjax("tokenize", "in", "out", "--tokenizer", name), cause)
    assert not (tmp_path / "out").exists()


def test_names_are_taken_apart() -> None:
    assert parse("EqualInfo[16,256] every 3:a:b [c]") == Method("EqualInfo", 16, "256", "every 3", "a:b [c]")
    assert parse("EqualInfo[16,256] every other") == Method("EqualInfo", 16, "256", "every other", "m1-books")
    assert parse("books-12") is parse("./AC[256]") is parse("bytes") is parse("AC") is None
    assert source_of("AC[256]") == "m1-books" and source_of("GZip[2]") == "GZip[2]" and source_of("x/y") == "x/y"
    methods = [parse(f"AC[{ids}]") for ids in ("2", "1024", "1k", "32k", "65k", "65536")]
    assert [method and method.token_bits for method in methods] == [
        1, 10, 10, 15, 16, 16,
    ]  # fmt: skip


def test_methods_are_evaluated(ecjax, pieces: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    gzip = json.loads(ecjax("evaluate", "GZip[256]", tmp_path / "in", "--json").out)
    assert gzip["tokens"] == len(library.GZip(8).encode(TEXTS["text"]))
    own = json.loads(ecjax("evaluate", f"SentencePiece[400]:{pieces}", tmp_path / "in", "--json").out)
    assert own["tokens"] == len(library.SentencePiece(pieces.read_bytes()).encode(TEXTS["text"]))


@pytest.mark.slow
def test_a_language_model_remembers_its_method(ecjax, pieces: Path, tmp_path: Path) -> None:
    text, m2 = tmp_path / "text", tmp_path / "m2/model.safetensors"
    text.write_bytes(SAMPLE.read_bytes()[:6000])
    own = tmp_path / "own.model"
    own.write_bytes(pieces.read_bytes())
    small = ("--size", "tiny", "--steps", 3, "--batch-size", 4, "--context", 16)
    name = f"SentencePiece[400]:{own}"
    assert ecjax("train-m2", text, "--out", tmp_path / "m2", "--tokenizer", name, *small).status == 0
    first = json.loads(ecjax("evaluate", m2, text, "--json").out)
    assert first["tokens"] == len(library.SentencePiece(own.read_bytes()).encode(text.read_bytes())) + 1
    refused(ecjax("generate", m2), "have no strings of their own|generate wants a model over a codebook or bytes")
    own.rename(tmp_path / "moved.model")
    refused(ecjax("evaluate", m2, text), "say with --tokenizer where it is")
    moved = f"SentencePiece[400]:{tmp_path / 'moved.model'}"
    assert json.loads(ecjax("evaluate", m2, text, "--tokenizer", moved, "--json").out) == first
    refused(ecjax("evaluate", m2, text, "--tokenizer", "GZip[256]"), "trained with another tokenizer than GZip")
