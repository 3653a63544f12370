"""`train-codebook`, and what `info` says of codebooks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ecjax import Codebook, data, load_codebook, serialisation, train_codebook
from ecjax.models.files import save_transformer
from ecjax.models.transformer import Transformer, configuration
from tests.cli.support import refused

TEXT = serialisation.asset("sample.txt").read_bytes()[:60_000]
HALVES = [TEXT[:30_000], TEXT[30_000:]]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of two documents and an empty file."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in zip(("a", "b", "c"), (*HALVES, b""), strict=True):
        (folder / name).write_bytes(text)
    return folder


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """A model that knows where windows end; nothing has taught it."""
    path = tmp_path / "windows.safetensors"
    save_transformer(path, Transformer(configuration("tiny", 257, 4), key=jax.random.key(0)), {})
    return path


def test_a_codebook_of_ones_own_text(ecjax, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    costs = ("--join-cost", 3, "--token-cost", 0.5)
    told = json.loads(ecjax("train-codebook", texts, "--bits", 9, *costs, "--out", out, "--json").out)
    made = load_codebook(out)
    same = train_codebook(HALVES, 9, join_cost=3.0, token_cost=0.5)
    assert told["fingerprint"] == made.fingerprint == same.fingerprint
    assert (told["codebook"], told["strings"], told["longest"]) == (str(out), 512, made.longest)
    ids = np.concatenate(made.encode_batch(HALVES))
    assert told["bytes_per_token"] == len(TEXT) / len(ids)
    assert told["bits_per_byte"] == np.asarray(made.costs)[ids].sum() / 256 / len(TEXT)
    assert json.loads(made.provenance) == {
        "command": "train-codebook",
        "texts": data.fingerprint(HALVES),
        "join_cost": 3.0,
        "token_cost": 0.5,
    }
    # It is a tokenizer like any other.
    assert ecjax("tokenize", texts / "a", tmp_path / "tokens", "--tokenizer", out).status == 0
    assert ecjax("tokenize", "--decode", tmp_path / "tokens", tmp_path / "back", "--tokenizer", out).status == 0
    assert ecjax("encode", texts / "a", tmp_path / "packed", "--model", out).status == 0
    assert ecjax("decode", tmp_path / "packed", tmp_path / "again", "--model", out).status == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "again").read_bytes() == HALVES[0]
    assert json.loads(ecjax("evaluate", out, texts, "--json").out)["bytes_per_token"] == told["bytes_per_token"]


def test_the_same_bytes_each_time_on_any_number_of_cores(ecjax, texts: Path, tmp_path: Path, monkeypatch) -> None:
    for name, cores in (("one", 1), ("two", 1), ("three", 3)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert ecjax("train-codebook", texts, "--bits", 9, "--out", tmp_path / name).status == 0
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two == three


def test_pipes_and_what_is_there(ecjax, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    piped = ecjax("train-codebook", "-", "--bits", 9, "--out", "-", given=HALVES[0])
    assert piped.status == 0 and piped.err == ""
    assert ecjax("train-codebook", texts / "a", "--bits", 9, "--out", out, "-q").out == ""
    assert out.read_bytes() == piped.data
    refused(ecjax("train-codebook", texts, "--out", out), "out is there already; .*-f")
    assert out.read_bytes() == piped.data
    assert ecjax("train-codebook", texts, "--bits", 9, "--out", out, "-f").status == 0
    assert out.read_bytes() != piped.data


def test_a_large_text_is_measured_by_pieces_of_all_of_it(ecjax, texts: Path, tmp_path: Path, monkeypatch) -> None:
    from ecjax.cli import codebooks

    monkeypatch.setattr(codebooks, "_MEASURED", 30_000)
    monkeypatch.setattr(codebooks, "_PIECE", 5_000)
    told = json.loads(ecjax("train-codebook", texts, "--bits", 9, "--out", tmp_path / "out", "--json").out)
    pieces = [TEXT[begin : begin + 5_000] for begin in range(0, len(TEXT), 10_000)]
    tokens = sum(map(len, load_codebook(tmp_path / "out").encode_batch(pieces)))
    assert told["bytes_per_token"] == 30_000 / tokens


def test_bad_input_is_refused_and_leaves_nothing(ecjax, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def refuses(cause: str, *arguments: object, **given: bytes) -> None:
        refused(ecjax("train-codebook", *arguments, **given), cause)

    refuses("nothing to make a codebook from; name TEXTS", "--out", out)
    refuses("Missing option '--out'", texts)
    refuses("absent does not exist", tmp_path / "absent", "--out", out)
    refuses("there is no text in", texts / "c", "--out", out)
    refuses("there is no text in -", "-", "--out", out, given=b"")
    refuses("yield .* strings .*16 bits have 65,535; give more text, or at most", texts, "--out", out)
    refuses("Invalid value for '--bits'", texts, "--out", out, "--bits", 17)
    refuses("Invalid value for '--join-cost'", texts, "--out", out, "--join-cost", -1)
    refuses("Invalid value for '--token-cost'", texts, "--out", out, "--token-cost", "nan")
    refuses("there is no folder", texts, "--out", tmp_path / "none" / "out")
    refuses("is what is read", texts, "--out", texts / "a", "-f")
    refuses("is in .*, which is read", texts, "--out", texts / "out")
    refuses("can be read only once", "-", "--from", "-", "--out", out, given=TEXT)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "texts"]


@pytest.mark.slow
def test_a_model_that_knows_where_windows_end(ecjax, texts: Path, windows: Path, tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    told = json.loads(ecjax("train-codebook", "--from", windows, "--bits", 9, "--out", alone, "--json").out)
    of_model = load_codebook(alone)
    assert told["longest"] == of_model.longest <= 3 and told.keys().isdisjoint({"bytes_per_token", "bits_per_byte"})
    mark = serialisation.read_fingerprint(windows)
    assert json.loads(of_model.provenance) == {"command": "train-codebook", "model": mark}
    # With texts, its windows are candidates.
    assert ecjax("train-codebook", texts, "--from", windows, "--bits", 9, "--out", both).status == 0
    candidates = [of_model.token_bytes(token) for token in range(1, 512)]
    assert load_codebook(both).fingerprint == train_codebook(HALVES, 9, candidates=candidates).fingerprint
    assert json.loads(load_codebook(both).provenance)["model"] == mark
    refused(
        ecjax("train-codebook", "--from", windows, "--join-cost", 3, "--out", tmp_path / "no"),
        "--join-cost and --token-cost are for what is learnt from texts",
    )


def test_other_models_know_no_ends(ecjax, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for symbols in (256, 512):
        save_transformer(
            tmp_path / str(symbols), Transformer(configuration("tiny", symbols, 4), key=jax.random.key(0)), {}
        )
    for model in ("m1-books", tmp_path / "256"):
        refused(ecjax("train-codebook", "--from", model, "--out", out), "is a byte model.*ecjax compile.*--windows")
    refused(ecjax("train-codebook", "--from", tmp_path / "512", "--out", out), "predicts 512 symbols.*257.*--windows")
    refused(ecjax("train-codebook", "--from", "books-12", "--out", out), "not a file of kind ecjax.transformer")
    refused(ecjax("train-codebook", "--from", tmp_path / "absent", "--out", out), "neither a file nor one of")
    assert not out.exists()


def test_info_describes_the_strings(ecjax, tmp_path: Path) -> None:
    single = [bytes([byte]) for byte in range(256)]
    more = [bytes([byte, 1, 2]) for byte in range(255)]
    open_book = Codebook.from_strings([*single, *more], costs=[7] * 511)
    open_book.save(tmp_path / "open")
    closed = [bytes([byte, 1]) for byte in range(255)]
    Codebook.from_strings([*single, *closed]).save(tmp_path / "closed")
    about = json.loads(ecjax("info", tmp_path / "open", "--json").out)
    assert (
        about.items()
        >= {
            "strings": 512,
            "nodes": 1 + 256 + 2 * 255,
            "longest": 3,
            "mean_length": (256 + 3 * 255) / 511,
            "closed_under_prefixes": False,
            "costs": True,
            "parse": "cheapest",
        }.items()
    )
    about = json.loads(ecjax("info", tmp_path / "closed", "--json").out)
    assert (about["strings"], about["nodes"], about["longest"]) == (512, 512, 2)
    assert (about["closed_under_prefixes"], about["costs"], about["parse"]) == (True, False, "greedy")


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"parents": np.zeros((), np.uint16)},
        {"parents": np.zeros((2, 2), np.uint16)},
        {"parents": np.zeros(0, np.uint16)},
        {"parents": np.zeros(3, np.float32)},
        {"parents": np.array([0, 1, 5], np.uint16)},
        {"parents": np.zeros(3, np.uint16), "members": np.ones(2, np.uint8)},
        {"parents": np.zeros(3, np.uint16), "members": np.zeros(3, np.uint8)},
    ],
)
def test_info_says_nothing_of_strings_that_are_not_there(ecjax, tmp_path: Path, tensors) -> None:
    serialisation.write(tmp_path / "file", "ecjax.codebook", {}, tensors, {})
    told = ecjax("info", tmp_path / "file", "--json")
    assert told.status == 0 and "strings" not in json.loads(told.out)


def _run(program: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    start = "import sys; sys.argv[:1] = ['ecjax']\n"
    command = [sys.executable, "-c", start + program, "train-codebook", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_numba_one_line_says_what_to_install(texts: Path, windows: Path, tmp_path: Path) -> None:
    program = "sys.modules['numba'] = None\nfrom ecjax import cli; cli.main()"
    done = _run(program, texts, "--bits", 9, "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "ecjax: making a codebook from text needs numba: pip install numba\n",
    )
    assert not (tmp_path / "out").exists()
    done = _run(program, "--from", windows, "--bits", 9, "--out", "out", cwd=tmp_path)  # which does without
    assert done.returncode == 0 and load_codebook(tmp_path / "out").vocab_size == 512


@pytest.mark.slow
def test_progress_is_told(texts: Path, tmp_path: Path) -> None:
    program = """
from ecjax import cli, console
console._FIRST = console._EVERY = 0.01
cli.main()
"""
    done = _run(program, texts, "--bits", 9, "--out", "out", cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and any("% are done, " in line for line in lines), done.stderr
    assert all(line.startswith("ecjax: training") for line in lines)
    assert _run(program, texts, "--bits", 9, "--out", "out", "-f", "-q", cwd=tmp_path).stderr == ""
