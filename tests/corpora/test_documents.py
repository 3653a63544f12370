"""Documents of files and of parts of files."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.corpora import documents, plan, sources
from ecjax.corpora.documents import Cut, Piece, Rules, documents_of, stretches

TEXT = st.lists(st.sampled_from([b"", b"a", b"bcd", b"\n", b"\r\n", b"\n\n", b"x" * 300]), max_size=40).map(b"".join)


@given(TEXT, st.integers(1, 2000))
@example(b"x" * 600 + b"\n" + b"y" * 600, 600)
@example(b"x" * 512 + b"y\n", 512)
def test_long_texts_are_cut_after_lines_and_nothing_is_lost(text: bytes, longest: int) -> None:
    found = list(stretches(io.BytesIO(text), longest))
    assert b"".join(found) == text and all(found)
    assert len(found) in (max(1, -(-len(text) // longest)), -(-len(text) // longest) - 1) or not text
    assert all(len(stretch) <= longest + longest // 256 for stretch in found)
    position = 0
    for stretch in found[:-1]:
        position += len(stretch)
        near = text[position // longest * longest :][: longest // 256]
        assert position % longest == 0 if b"\n" not in near else text[position - 1 :].startswith(b"\n")


@pytest.mark.parametrize("cut", ["file", "line"])
@given(text=TEXT, longest=st.sampled_from([1, 3, 20, 300, 600]), size=st.sampled_from([1, 2, 3, 5, 10, 100, 500]))
def test_parts_together_are_the_whole(tmp_path_factory, text: bytes, longest: int, size: int, cut: Cut) -> None:
    path = tmp_path_factory.mktemp("part") / "text"
    path.write_bytes(text or b"a")
    whole = whole_of(path, longest, cut)
    (source,) = sources.find([path])
    settings = plan.Settings("", shard_bytes=size, longest=longest, documents=cut)
    shards = plan.shards([source], settings)
    assert [d for s in shards for p in s.pieces for d in documents_of(p, settings.rules)] == whole
    assert sum(shard.bytes for shard in shards) == source.size
    if cut == "line" and longest > max(map(len, (text or b"a").split(b"\n"))) + 1:
        assert whole == [line.removesuffix(b"\r") for line in (text or b"a").split(b"\n") if line.removesuffix(b"\r")]
    if cut == "file":
        assert b"".join(whole) == (text or b"a")


@pytest.mark.parametrize("group", range(3))
def test_row_groups_belong_to_the_part_in_which_they_begin(tmp_path: Path, group: int) -> None:
    texts = [b"%d" % number for number in range(9)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", row_group_size=3)
    (source,) = sources.find([tmp_path / "a.parquet"])
    column = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(group).column(0)
    for offset in (-1, 0, 1):
        middle = (column.dictionary_page_offset or column.data_page_offset) + offset
        parts = [Piece(source, 0, middle), Piece(source, middle, source.size)]
        first, second = (list(documents_of(part, Rules())) for part in parts)
        assert first == texts[: 3 * group + (3 if offset == 1 else 0)] and first + second == texts


def whole_of(path: Path, longest: int, cut: Cut) -> list[bytes]:
    (source,) = sources.find([path])
    return list(documents_of(Piece(source, 0, source.size), Rules(cut=cut, longest=longest)))


def test_long_lines_are_cut_and_lines_behind_them_are_whole(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a" * 25 + b"\n" + b"b" * 10 + b"\nc\n")
    assert whole_of(tmp_path / "text", 11, "line") == [b"a" * 11, b"a" * 11, b"aaa", b"b" * 10, b"c"]


def test_a_folder_is_read_in_sorted_order_and_by_names(tmp_path: Path) -> None:
    for name in ("b/z.TXT", "b/a.jsonl.gz", "a.parquet", "c.ndjson.zst", "d.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    found = sources.find([tmp_path / "d.json", tmp_path])
    names = ["d.json", "a.parquet", "b/a.jsonl.gz", "b/z.TXT", "c.ndjson.zst", "d.json"]
    assert [source.name for source in found] == [str(tmp_path / name) for name in names]
    kinds = [(source.kind, source.compression) for source in found]
    assert kinds[1:5] == [("parquet", "none"), ("jsonl", "gzip"), ("text", "none"), ("jsonl", "zstd")]
    assert [source.kind for source in sources.find([tmp_path / "d.json"], "jsonl")] == ["jsonl"]


def test_files_behind_urls_are_read_as_those_of_the_machine(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe({"/corpus/b.txt": b"second", "/corpus/a/a.jsonl": b'{"text": "first"}\n'})
    found = sources.find(["memory://corpus"])
    assert [d for s in found for d in documents_of(Piece(s, 0, s.size), Rules())] == [b"first", b"second"]
    assert all(sources.stamp(source.name) == (source.size, source.stamp) for source in found)
    memory.pipe("/corpus/b.txt", b"SECOND")
    assert sources.stamp(found[1].name) != (found[1].size, found[1].stamp)
    with pytest.raises(ValueError, match="nowhere does not exist"):
        sources.find(["memory://nowhere"])


@pytest.mark.parametrize(
    "line, cause",
    [
        (b"no json", "at byte 14 is no JSON object"),
        (b"[1]", "at byte 14 is no JSON object"),
        (b'{"text": "a', "at byte 14 is no JSON object"),
        (b'{"text": "\xff"}', "at byte 14 is no JSON object"),
        (b'{"title": "a", "id": 1}', "at byte 14 has no field 'text'; it has 'title', 'id'"),
        (b'{"text": 1}', "the field 'text' of the line at byte 14 is no string"),
        (b"[" * 100_000, "at byte 14 is no JSON object"),
    ],
    ids=range(7),
)
def test_lines_that_are_no_documents_are_told_of(tmp_path: Path, line: bytes, cause: str) -> None:
    path = tmp_path / "text.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + line + b"\n")
    (source,) = sources.find([path])
    with pytest.raises(ValueError, match=f"{path} cannot be read: .*{cause}"):
        list(documents_of(Piece(source, 0, source.size), Rules()))


def test_a_line_of_json_has_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_LONGEST_JSON", 20)
    path = tmp_path / "text.jsonl"
    path.write_bytes(b'{"text": "12345678"}\n')
    (source,) = sources.find([path])
    with pytest.raises(ValueError, match="the line at byte 0 has"):
        list(documents_of(Piece(source, 0, source.size), Rules()))


def test_what_is_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a" * 5_000_000)
    (source,) = sources.find([tmp_path / "text"])
    told: list[int] = []
    list(documents_of(Piece(source, 0, source.size), Rules(), told.append))
    assert sum(told) == 5_000_000 and len(told) > 1
