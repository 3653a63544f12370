"""`bench mixed` on packages made here, so that nothing is downloaded."""

from __future__ import annotations

import gettext
import io
import json
import struct
import tarfile
from pathlib import Path

import pytest

from bench._mixed import readers
from bench._mixed.corpus import Document, deduplicate, draw, read, share_out, split
from bench._mixed.languages import is_written_in, language_of
from bench._mixed.packages import fetch, licence, version
from bench._mixed.sources import Source
from bench.mixed import measure

GREEK = "Κάθε άνθρωπος γεννιέται ελεύθερος και ίσος, λέει το φύλλο {}."
LICENCE = "# Anybody may do with this file whatever they like.\n"


def npm_package(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}-1.2.3.tgz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for file, text in {"package.json": json.dumps({"license": "MIT"}), **files}.items():
            entry = tarfile.TarInfo(f"package/{file}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def example(folder: Path) -> Path:
    messages = {f"m{i}": GREEK.format(i) for i in range(4000)} | {
        "link": "A long sentence that nobody translated so far."
    }
    files = {"locales/el.json": json.dumps(messages), "locales/copy/el.json": json.dumps(messages)}
    files |= {f"src/m{i}.py": f"{LICENCE}\ndef f{i}():\n    return {i}\n" for i in range(40)}
    return npm_package(folder, "example", files)


def test_documents_are_read_once_and_in_their_language(tmp_path: Path) -> None:
    package = example(tmp_path)
    documents = read(Source("npm", "example", ("messages", "python")), package)
    corpus = {
        category: sources["x"] for category, sources in deduplicate({c: {"x": d} for c, d in documents.items()}).items()
    }
    assert set(corpus) == {"languages/el", "code/python"}
    lines = "".join(document.text for document in corpus["languages/el"]).splitlines()
    assert sorted(lines) == sorted(GREEK.format(i) for i in range(4000))
    code = "".join(document.text for document in corpus["code/python"])
    assert code.count(LICENCE) == 1 and all(f"def f{i}()" in code for i in range(40))
    assert (version(package), licence(package)) == ("1.2.3", "MIT")


def test_the_command_writes_two_parts_that_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example(tmp_path / "packages" / "npm")
    books = tmp_path / "books"
    books.mkdir()
    for i in range(30):
        (books / f"{i}.txt").write_text(f"Book {i}.\n" * 20)
    monkeypatch.setattr("bench.mixed.SOURCES", [Source("npm", "example", ("messages", "python"))])
    measure(tmp_path, books)
    for category in ["languages/el", "code/python"]:
        training = (tmp_path / "train" / category / "example.txt").read_text().splitlines()
        held_out = (tmp_path / "held-out" / "categories" / f"{category}.txt").read_text().splitlines()
        assert training and held_out and not {t for t in training if len(t) > 60} & set(held_out)
    rows = json.loads((tmp_path / "sources.json").read_text())
    assert {(row["category"], row["script"]) for row in rows} >= {("languages/el", "Greek"), ("english/books", "Latin")}
    english = sum(row["train_bytes"] + row["held_out_bytes"] for row in rows if row["package"] == "books")
    others = sum(row["train_bytes"] + row["held_out_bytes"] for row in rows if row["package"] == "example")
    assert 0 < english <= others
    with pytest.raises(ValueError, match="exists already"):
        measure(tmp_path, None)


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="no mandoc"):
        measure(tmp_path, None)
    with pytest.raises(ValueError, match="no npm"):
        fetch(Source("npm", "example", ("python",)), tmp_path)


def test_shares_are_even_and_what_one_lacks_goes_to_the_others() -> None:
    numbers = {"few": 3, "many": 90, "more": 99}
    sources = {name: [Document(draw(f"{name} {i}"), "x" * 10) for i in range(n)] for name, n in numbers.items()}
    shares = {name: 10 * len(documents) for name, documents in share_out(sources, 1030).items()}
    assert shares == {"few": 30, "many": 500, "more": 500}


def test_a_tenth_is_held_out() -> None:
    documents = [Document(draw(str(i)), "x") for i in range(10_000)]
    training, held_out = split(documents)
    assert len(training) + len(held_out) == 10_000 and 900 < len(held_out) < 1100


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("usr/share/man/fr/man1/ls.1.gz", "fr"),
        ("usr/share/locale/pt_BR/LC_MESSAGES/gimp.mo", "pt"),
        ("html/zh-TW/index.html", "zh-hant"),
        ("languages/admin-he_IL.mo", "he"),
        ("dist/quran_ru.json", "ru"),
        ("guide/ch01.ja.html", "ja"),
        ("help/C/index.page", "en"),
        ("usr/share/man/man1/ls.1.gz", None),
        ("locales/sr-latn.json", None),
    ],
)
def test_languages_are_found_in_paths(path: str, language: str | None) -> None:
    assert language_of(path, None) == language


def test_lines_in_another_script_are_told_apart() -> None:
    assert is_written_in("日本語の README を読む。", "ja") and not is_written_in("See the README of 日本語.", "ja")


def test_markup_is_stripped() -> None:
    page = (
        b"<html><head><title>t</title></head><body><h1>One</h1><p>Two <b>three</b>\n&amp; four<pre>x</pre></p></body>"
    )
    assert readers.page(page) == ["One\nTwo three & four"]
    assert readers.sayings(b"one\n%\ntwo\n") == ["one", "two"]
    assert readers.readable(b"short\nlines\n") and not readers.readable(b"x" * 1000)


@pytest.mark.parametrize(
    ("reader", "path"), [("man", "usr/share/man/fr/man1/ls.1.gz"), ("json", "botocore/data/s3/service-2.json.gz")]
)
def test_compressed_files_are_known_by_both_names(reader: str, path: str) -> None:
    assert all(readers.READERS[reader].path.search(name) for name in [path, path.removesuffix(".gz")])


def test_catalogs_give_what_is_translated() -> None:
    pairs = [(b"", b"Content-Type: text/plain; charset=UTF-8\n"), (b"cat", "γάτα".encode()), (b"ok", b"ok")]
    table, texts, start = [], b"", 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            table.append(struct.pack("<2I", len(pair[column]), start + len(texts)))
            texts += pair[column] + b"\0"
    content = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0) + b"".join(table) + texts
    assert gettext.GNUTranslations(io.BytesIO(content)).gettext("cat") == "γάτα"
    assert readers.catalog(content) == ["γάτα"]
