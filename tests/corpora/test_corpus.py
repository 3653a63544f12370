"""Documents to shards and back."""

import json
import os
import pickle
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ecjax
from ecjax.corpora import Corpus, open_corpus, tokenize_corpus
from ecjax.corpora import corpus as corpora_
from ecjax.corpora.encoder import Encoder
from tests.corpora.support import KINDS, contents, holds, texts, write

DOCUMENT = st.one_of(st.binary(min_size=1, max_size=50), st.text(min_size=1, max_size=30).map(str.encode))
EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 20  # each writes several files
SOME = [b"It was the best of times, it was the worst of times.", b"\xff\x00", "Caf\u00e9".encode() * 40, b"a"]


def tokenize(out: Path, **options: Any) -> Corpus:
    corpus = tokenize_corpus(out=out, **({"codebook": "books-12", "processes": 1} | options))
    assert corpus is not None
    return corpus


@pytest.mark.slow
@pytest.mark.parametrize("format", ["arrayrecord", "parquet"])
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_documents_come_back(tmp_path_factory, format: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    documents = data.draw(st.lists(DOCUMENT.filter(lambda document: holds(kind, document)), min_size=1, max_size=12))
    size = data.draw(st.integers(20, 600))
    check(tmp_path_factory.mktemp("corpus"), kind, documents, format, size)


@pytest.mark.parametrize("kind", KINDS)
def test_documents_come_back_from_each_kind_of_source(tmp_path: Path, kind: str) -> None:
    check(tmp_path, kind, [document for document in SOME * 3 if holds(kind, document)], "arrayrecord", 300)


def check(folder: Path, kind: str, documents: list[bytes], format: str, size: int) -> None:
    corpus = tokenize(folder / "out", **write(folder / "in", kind, documents), format=format, shard_bytes=size)
    assert texts(corpus) == documents
    assert (corpus.documents, corpus.bytes) == (len(documents), sum(map(len, documents)))
    assert corpus.tokens == sum(len(ids) for ids in corpus)
    corpus.verify()
    again = pickle.loads(pickle.dumps(open_corpus(folder / "out", corpus.codebook)))
    assert all(np.array_equal(again[i], corpus[i]) for i in range(len(corpus)))


def test_batches_are_bounded_and_shards_hold_many(tmp_path: Path) -> None:
    documents = [b"%d" % n for n in range(3000)]
    options = write(tmp_path / "in", "jsonl", documents)
    for format in ("arrayrecord", "parquet"):
        corpus = tokenize(tmp_path / format, **options, format=format)
        assert texts(corpus) == documents and len(corpus.shards) == 1
    assert pq.ParquetFile(tmp_path / "parquet" / corpus.shards[0].file).num_row_groups == 3
    assert (
        pq.read_table(tmp_path / "parquet" / corpus.shards[0].file).schema.field("ids").type.value_type == pa.uint16()
    )


def test_ids_are_those_of_the_codebook(tmp_path: Path) -> None:
    book = ecjax.load_codebook("books-16").with_special_tokens(["<end>"])
    corpus = tokenize(tmp_path / "out", **write(tmp_path / "in", "folder", SOME), codebook=book)
    for ids, text in zip(corpus, SOME, strict=True):
        assert ids.dtype == np.uint16 and np.array_equal(ids, book.encode(text))
    assert open_corpus(tmp_path / "out", book).fingerprint == book.without_special_tokens().fingerprint
    assert np.array_equal(corpus[-1], corpus[3])
    for index in (4, -5):
        with pytest.raises(IndexError, match="has 4 documents"):
            corpus[index]
    with pytest.raises(ValueError, match="another codebook"):
        open_corpus(tmp_path / "out", ecjax.load_codebook("books-12"))


def test_grain_reads_it(tmp_path: Path) -> None:
    grain = pytest.importorskip("grain")
    corpus = tokenize(tmp_path / "out", **write(tmp_path / "in", "folder", SOME))
    dataset = grain.MapDataset.source(corpus)
    assert corpus.codebook.decode_batch(list(dataset)) == SOME
    paths = [str(tmp_path / "out" / shard.file) for shard in corpus.shards]
    assert np.array_equal(np.frombuffer(grain.sources.ArrayRecordDataSource(paths)[2], "<u2"), corpus[2])


def test_long_documents_are_cut_in_every_kind_of_source(tmp_path: Path) -> None:
    document = b"0123456789" * 100
    for kind in ("folder", "lines.gz", "jsonl", "parquet"):
        corpus = tokenize(tmp_path / f"out {kind}", **write(tmp_path / kind, kind, [document]), longest=300)
        assert [len(text) for text in texts(corpus)] == [300, 300, 300, 100]
        assert b"".join(texts(corpus)) == document


def test_a_finished_corpus_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = write(tmp_path / "in", "folder", SOME)
    tokenize(tmp_path / "out", **options, shard_bytes=1)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("a shard is made again"))
    tokenize(tmp_path / "out", **options, shard_bytes=1)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("what", ["shard", "shard of another length", "facts", "no facts", "index", "codebook"])
def test_what_is_damaged_is_made_again(tmp_path: Path, what: str) -> None:
    options = write(tmp_path / "in", "folder", SOME)
    corpus = tokenize(tmp_path / "out", **options, shard_bytes=1)
    before = contents(tmp_path / "out")
    shard = tmp_path / "out" / corpus.shards[1].file
    facts = tmp_path / "out" / "done" / f"{shard.name}.json"
    if what == "shard":
        shard.write_bytes(bytes(len(shard.read_bytes())))
        with pytest.raises(ValueError, match=r"00001-of-00004.arrayrecord is damaged"):
            open_corpus(tmp_path / "out").verify()
    elif what == "shard of another length":
        shard.write_bytes(b"")
        with pytest.raises(ValueError, match="is missing or damaged"):
            open_corpus(tmp_path / "out")
    elif what == "facts":
        facts.write_bytes(b"{")
    elif what == "no facts":
        facts.unlink()
    else:
        (tmp_path / "out" / {"index": "index.json", "codebook": "codebook.safetensors"}[what]).write_bytes(b"{")
        with pytest.raises(ValueError, match="damaged"):
            open_corpus(tmp_path / "out").codebook  # noqa: B018
    tokenize(tmp_path / "out", **options, shard_bytes=1)
    assert contents(tmp_path / "out") == before


def test_parts_make_one_corpus(tmp_path: Path) -> None:
    options = write(tmp_path / "in", "folder", SOME) | {"codebook": "books-12", "processes": 1, "shard_bytes": 1}
    tokenize(tmp_path / "whole", **options)
    with pytest.raises(ValueError, match="holds no corpus"):
        open_corpus(tmp_path / "out")
    for k in (3, 1, 2):
        corpus = tokenize_corpus(out=tmp_path / "out", **options, part=(k, 3))
        assert (corpus is None) == (k != 2)
        if k == 1:
            with pytest.raises(ValueError, match="holds no whole corpus"):
                open_corpus(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    "change, cause",
    [
        ({"format": "parquet"}, "was begun with format 'arrayrecord', not 'parquet'"),
        ({"shard_bytes": 2}, "was begun with shard_bytes 1, not 2"),
        ({"codebook": "books-16"}, "was begun with codebook"),
        ({"field": "body"}, "was begun with field 'text', not 'body'"),
        ({"documents": "line"}, "was begun with documents 'file', not 'line'"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, Any], cause: str) -> None:
    options = write(tmp_path / "in", "folder", SOME) | {"shard_bytes": 1}
    tokenize(tmp_path / "out", **options)
    with pytest.raises(ValueError, match=cause):
        tokenize(tmp_path / "out", **(options | change))


def test_other_sources_are_refused(tmp_path: Path) -> None:
    options = write(tmp_path / "in", "folder", SOME)
    (tmp_path / "more").write_bytes(b"more")
    tokenize(tmp_path / "out", **options)
    with pytest.raises(ValueError, match=r"was begun without .*more"):
        tokenize(tmp_path / "out", sources=[tmp_path / "in", tmp_path / "more"])
    with pytest.raises(ValueError, match="was begun with other sources, or in another order"):
        tokenize(tmp_path / "out", sources=[tmp_path / "in/0000"])
    (tmp_path / "in/0000/0001.txt").write_bytes(b"12")
    with pytest.raises(ValueError, match=r"0001.txt has changed since"):
        tokenize(tmp_path / "out", **options)


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = write(tmp_path / "in", "folder", SOME)
    encode = Encoder.encode

    def change(self: Encoder, texts: list[bytes]):
        (tmp_path / "in/0000/0002.txt").write_bytes(b"other")
        return encode(self, texts)

    monkeypatch.setattr(Encoder, "encode", change)
    with pytest.raises(ValueError, match=r"0002.txt has changed since"):
        tokenize(tmp_path / "out", **options, shard_bytes=1)


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    options = write(tmp_path / "in", "folder", SOME)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis").write_bytes(b"")
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan/plan.json").write_bytes(b"[]")
    for name, cause in {
        "file": "is no folder",
        "mine": "holds something else, such as thesis",
        "plan": "of another kind or version",
        "in/out": "out is in .*in, which is read",
        "in": "in is in .*in, which is read",
    }.items():
        with pytest.raises(ValueError, match=cause):
            tokenize(tmp_path / name, **options)
    assert (tmp_path / "mine/thesis").exists() and not (tmp_path / "in/out").exists()


@pytest.mark.parametrize("format", ["arrayrecord", "parquet"])
def test_a_full_disk_is_told_of_and_nothing_half_written_is_left(tmp_path: Path, format: str) -> None:
    text = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
    options = write(tmp_path / "in", "folder", [text]) | {"format": format}
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            tokenize(tmp_path / "out", **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert not [name for name in contents(tmp_path / "out") if "shard" in name or "partial" in name]
    assert texts(tokenize(tmp_path / "out", **options)) == [text]


def test_the_index_tells_all(tmp_path: Path) -> None:
    tokenize(tmp_path / "out", **write(tmp_path / "in", "folder", SOME))
    index = json.loads((tmp_path / "out/index.json").read_bytes())
    assert index["codebook"] == {
        "file": "codebook.safetensors",
        "fingerprint": ecjax.load_codebook("books-12").fingerprint,
    }
    assert [source["size"] for source in index["sources"]] == list(map(len, SOME))
    assert (index["format"], index["version"], index["records"], index["documents"]) == (
        corpora_.KIND, 1, "arrayrecord", 4
    )  # fmt: skip


def test_what_is_done_is_told_of_within_a_shard(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    options = write(tmp_path / "in", "jsonl", [b"%d" % n for n in range(3000)])
    corpus = tokenize(tmp_path / "out", **options, watch=lambda *numbers: told.append(numbers))
    size = (tmp_path / "in/text.jsonl").stat().st_size
    assert len(corpus.shards) == 1 and told[-1] == (size, size, 3000)
    assert [documents for _, _, documents in told[:3]] == [1024, 2048, 3000]
