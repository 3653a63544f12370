"""The command `tokenize-corpus`."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from ecjax.corpora import open_corpus
from tests.cli.support import refused

TEXT = b"It was the best of times, it was the worst of times."


GZIP = gzip.compress(TEXT, mtime=0)


@pytest.fixture
def tokenize(ecjax, tmp_path: Path):
    (tmp_path / "text.txt").write_bytes(TEXT)

    def run(*arguments: object):
        return ecjax("tokenize-corpus", *arguments, "--out", tmp_path / "out", "--tokenizer", "books-12")

    return run


def test_a_corpus_is_made_and_told_of(tokenize, tmp_path: Path) -> None:
    outcome = tokenize(tmp_path / "text.txt", "--json", "-q")
    assert outcome.status == 0 and not outcome.err
    told, corpus = json.loads(outcome.out), open_corpus(tmp_path / "out")
    assert told.pop("seconds") >= 0
    assert told == {
        "corpus": str(tmp_path / "out"),
        "complete": True,
        "shards": 1,
        "documents": 1,
        "bytes": len(TEXT),
        "tokens": len(corpus[0]),
        "bytes_per_token": len(TEXT) / len(corpus[0]),
    }
    assert corpus.codebook.decode(corpus[0]) == TEXT
    assert tokenize(tmp_path / "text.txt", "-q").out == ""
    refused(tokenize(tmp_path / "text.txt", "--format", "parquet"), "begun with format 'arrayrecord'")


def test_options_reach_the_corpus(tokenize, tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_text('{"body": "a"}\n{"body": "bc"}\n')
    options = ("--input", "jsonl", "--field", "body", "--shard-bytes", "1", "--format", "parquet", "--workers", "1")
    outcome = tokenize(tmp_path / "lines.json", *options, "--part", "2/2", "--json")
    assert outcome.status == 0 and json.loads(outcome.out) == {"corpus": str(tmp_path / "out"), "complete": False}
    outcome = tokenize(tmp_path / "lines.json", *options, "--part", "1/2")
    assert outcome.status == 0 and "documents" in outcome.out
    corpus = open_corpus(tmp_path / "out")
    assert [corpus.codebook.decode(ids) for ids in corpus] == [b"a", b"bc"]
    assert {shard.file[-8:] for shard in corpus.shards} == {".parquet"}


def test_lines_are_documents_if_asked_for(tokenize, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("a\n\nb\r\nc")
    assert tokenize(tmp_path / "lines", "--documents", "line").status == 0
    assert open_corpus(tmp_path / "out").documents == 3


def write(path: Path, contents: bytes) -> Path:
    path.write_bytes(contents)
    return path


@pytest.mark.parametrize(
    "name, contents, cause",
    [
        ("nothing", None, "nothing does not exist"),
        ("empty", b"", "there is no text in .*empty"),
        ("a.jsonl", b'{"title": "a"}\n', "a.jsonl cannot be read: .* has no field 'text'; it has 'title'"),
        ("a.jsonl", b"text\n", "a.jsonl cannot be read: .* is no JSON object"),
        ("a.parquet", b"text\n" * 10, "a.parquet cannot be read: .*[Pp]arquet"),
        ("a.parquet.gz", b"text\n", "a.parquet.gz is Parquet inside gzip"),
        ("a.gz", b"text\n", "a.gz cannot be read: Not a gzipped file"),
        ("a.gz", GZIP[:-9], "a.gz is damaged: Compressed file ended"),
        ("a.gz", GZIP[:-8] + bytes(8), "a.gz cannot be read: CRC check failed"),
        ("a.gz", GZIP[:10] + b"\xff" + GZIP[11:], "a.gz is damaged"),
        ("a.zst", b"text\n", "a.zst cannot be read: ZSTD"),
        ("a.zst", pa.Codec("zstd").compress(TEXT * 99, asbytes=True)[:-3], "a.zst cannot be read: Truncated"),
        ("no-such-store://a", None, "[Pp]rotocol"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_sources_get_one_line(tokenize, tmp_path: Path, name: str, contents: bytes | None, cause: str) -> None:
    source = name if "://" in name else tmp_path / name
    if contents is not None:
        write(tmp_path / name, contents)
    refused(tokenize(source, "-q"), cause)
    assert not (tmp_path / "out/index.json").exists()


def test_bad_columns_get_one_line(tokenize, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"title": ["a"], "n": [1]}), tmp_path / "a.parquet")
    refused(tokenize(tmp_path / "a.parquet", "-q"), "has no column 'text'; it has 'title', 'n'")


def test_a_column_of_numbers_gets_one_line(tokenize, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": [1]}), tmp_path / "a.parquet")
    refused(tokenize(tmp_path / "a.parquet", "-q"), "column 'text' holds int64, no text")


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "1/2/3", "a/b"])
def test_parts_that_are_none_get_one_line(tokenize, tmp_path: Path, part: str) -> None:
    refused(tokenize(tmp_path / "text.txt", "--part", part), "is no part")


def test_folders_that_cannot_be_get_one_line(ecjax, tokenize, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    refused(tokenize(tmp_path / "in"), "there is no file in .*in")
    write(tmp_path / "in/text", TEXT)
    refused(ecjax("tokenize-corpus", tmp_path / "in", "--out", tmp_path / "in/out"), "which is read")
    refused(ecjax("tokenize-corpus", tmp_path / "in", "--out", tmp_path / "in/text"), "which is read")
    refused(ecjax("tokenize-corpus", tmp_path / "in", "--out", tmp_path / "text.txt"), "is no folder")
    refused(ecjax("tokenize-corpus", tmp_path / "in", "--out", tmp_path), "holds something else")
    refused(ecjax("tokenize-corpus", tmp_path / "in", "--out", tmp_path / "out", "--tokenizer", "m1-books"), "codebook")
