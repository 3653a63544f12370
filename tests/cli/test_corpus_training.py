"""`train-m2` on a corpus that `tokenize-corpus` made."""

import json
import shutil
from pathlib import Path

import pytest

from ecjax import load_codebook, serialisation
from ecjax.corpora import open_corpus
from tests.cli.support import refused

SMALL = ("--size", "tiny", "--context", 16, "--batch-size", 4, "--json")


@pytest.fixture
def corpus(ecjax, tmp_path: Path) -> Path:
    text = tmp_path / "text.txt"
    text.write_bytes(serialisation.asset("sample.txt").read_bytes()[:8000])
    made = ("tokenize-corpus", text, "--out", tmp_path / "corpus", "--documents", "line", "--tokenizer", "books-12")
    assert ecjax(*made, "--workers", 1, "-q").status == 0
    return tmp_path / "corpus"


@pytest.fixture
def train(ecjax, corpus: Path, tmp_path: Path):
    return lambda *arguments: ecjax("train-m2", corpus, *arguments, "--out", tmp_path / "m2", *SMALL)


@pytest.mark.slow
def test_a_corpus_is_trained_on_and_the_run_goes_on(ecjax, train, corpus: Path, tmp_path: Path) -> None:
    outcome = train("--steps", 4, "--checkpoint-every", 2)
    assert outcome.status == 0, outcome.err
    told, opened = json.loads(outcome.out), open_corpus(corpus)
    ids = opened.tokens + opened.documents
    assert told["examples"] == -(-ids // 16)
    made = serialisation.read(tmp_path / "m2/model.safetensors").provenance
    assert made["command"] == "train-m2" and len(str(made["texts"])) == 64
    assert made["tokenizer"] == {
        "name": str(corpus / "codebook.safetensors"),
        "fingerprint": load_codebook("books-12").fingerprint,
    }
    # From the checkpoint before, as after a stop, and with the codebook named: the same bits.
    shutil.rmtree(tmp_path / "m2/checkpoints/4")
    (tmp_path / "m2/model.safetensors").unlink()
    assert json.loads(train("--steps", 4, "--tokenizer", "books-12").out)["fingerprint"] == told["fingerprint"]
    assert json.loads(train("--steps", 4, "--extend", 2).out)["steps"] == 6
    m2 = tmp_path / "m2/model.safetensors"
    measured = json.loads(ecjax("evaluate", m2, tmp_path / "text.txt", "--json").out)
    assert 0 < measured["bits_per_byte"] < 12
    assert ecjax("generate", m2, "--max-tokens", 3).status == 0
    # Other shards are another run.
    again = ("tokenize-corpus", tmp_path / "text.txt", "--out", tmp_path / "whole", "--tokenizer", "books-12", "-q")
    assert ecjax(*again, "--workers", 1).status == 0
    refused(ecjax("train-m2", tmp_path / "whole", "--out", tmp_path / "m2", *SMALL, "--steps", 4), "not this run's")


def test_another_tokenizer_gets_one_line(train, tmp_path: Path) -> None:
    refused(train("--tokenizer", "books-16"), "was made with another codebook; it holds its own")
    refused(train("--tokenizer", "bytes"), "holds ids of a codebook, and bytes is none; leave out --tokenizer")
    assert not (tmp_path / "m2").exists()


def test_what_is_beside_a_corpus_gets_one_line(train, corpus: Path, tmp_path: Path) -> None:
    refused(train(tmp_path / "text.txt"), "corpus is a corpus of tokens, which is trained on alone")
    refused(train(corpus), "is trained on alone; give nothing beside it")


@pytest.mark.parametrize(
    "name, contents, cause",
    [
        ("index.json", None, "holds no whole corpus; run the same tokenize-corpus again"),
        ("index.json", b"{", "index.json is damaged"),
        ("index.json", b'{"format": "ecjax.corpus"}', "is no index of a corpus, or of a version"),
        ("shard-00000-of-00001.arrayrecord", None, "is missing or damaged"),
        ("shard-00000-of-00001.arrayrecord", b"", "is missing or damaged"),
        ("codebook.safetensors", None, "codebook.safetensors"),
        ("codebook.safetensors", b"", "codebook.safetensors"),
    ],
)
def test_a_corpus_that_is_not_whole_gets_one_line(
    train, corpus: Path, name: str, contents: bytes | None, cause: str
) -> None:
    if contents is None:
        (corpus / name).unlink()
    else:
        (corpus / name).write_bytes(contents)
    refused(train(), cause)


@pytest.mark.parametrize("contents", [b"{}", b"[1]", b"no JSON", b'{"format": 1}', b'{"format": "other"}'])
@pytest.mark.slow
def test_a_folder_of_texts_may_have_an_index_of_its_own(ecjax, tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/index.json").write_bytes(contents * 40)
    (tmp_path / "texts/plan.json").write_bytes(contents)
    outcome = ecjax("train-m2", tmp_path / "texts", "--out", tmp_path / "m2", *SMALL, "--steps", 1)
    assert outcome.status == 0, outcome.err


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "books-12"),
        ("train-m1", "--out", "m1"),
        ("train-codebook", "--bits", "9", "--out", "mine.safetensors"),
        ("train-m2", "--out", "m2"),
        ("tokenize-corpus", "--out", "again"),
    ],
)
def test_a_corpus_among_texts_is_not_taken_for_text(
    command: tuple[str, ...], corpus: Path, tmp_path: Path, ecjax, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("books").mkdir()
    shutil.move(corpus, tmp_path / "books/shards")
    place = 2 if command[0] == "evaluate" else 1
    refused(ecjax(*command[:place], "books", *command[place:]), "books/shards is a corpus of tokens, not text")
