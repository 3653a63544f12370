import json
import re
from pathlib import Path

import numpy as np
import pytest

from ecjax import cli, serialisation

COMMANDS = ("tokenize", "train-m1", "train-m2", "quantize", "compile", "evaluate", "generate", "demo")


class Outcome:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def ecjax(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["ecjax", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return Outcome(int(stop.value.code or 0), *capsys.readouterr())

    return run


def refused(outcome: Outcome, cause: str) -> None:
    """One line on stderr that names the cause, and exit status 2."""
    assert outcome.status == 2
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert re.search(cause, outcome.err), outcome.err


TEXTS = {
    "text": "Caf\u00e9 \u2014 it was the best of times,\r\nit was the worst of times.\n".encode() * 40,
    "binary": np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes(),
    "zeros": bytes(10_000),
    "empty": b"",
    "one byte": b"\xff",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("tokenizer", ["books-12", "books-16", "bytes"])
def test_any_file_comes_back(ecjax, tmp_path: Path, name: str, tokenizer: str) -> None:
    source, tokens, back = tmp_path / "in", tmp_path / "deep/tokens", tmp_path / "out"
    source.write_bytes(TEXTS[name])
    told = ecjax("tokenize", source, tokens, "--tokenizer", tokenizer, "--json")
    assert told.status == 0 and json.loads(told.out)["bytes"] == len(TEXTS[name])
    assert ecjax("tokenize", "--decode", tokens, back, "--tokenizer", tokenizer).status == 0
    assert back.read_bytes() == TEXTS[name]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "in", "out"]


@pytest.fixture
def tokens(ecjax, tmp_path: Path) -> Path:
    (tmp_path / "in").write_bytes(TEXTS["text"])
    assert ecjax("tokenize", tmp_path / "in", tmp_path / "tokens", "--tokenizer", "books-12").status == 0
    return tmp_path / "tokens"


def test_bad_input_to_tokenize_is_refused(ecjax, tokens: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(ecjax("tokenize", tmp_path / "absent", out), "absent is not a file")
    refused(ecjax("tokenize", tmp_path, out), "is not a file")
    refused(ecjax("tokenize", tmp_path / "in", out, "--tokenizer", "books-99"), "neither a file nor one of the shipped")
    refused(ecjax("tokenize", tmp_path / "in", out, "--tokenizer", tokens), "not a file of kind ecjax.codebook")
    refused(ecjax("tokenize", "--decode", tokens, out), "made with another tokenizer than books-16")
    refused(ecjax("tokenize", "--decode", tmp_path / "in", out, "--tokenizer", "books-12"), "damaged or no ecjax file")
    refused(ecjax("tokenize", "--decode", tmp_path / "absent", out), "absent is not a file")
    assert not out.exists()


def test_any_flipped_bit_of_a_tokens_file_is_noticed(ecjax, tokens: Path, tmp_path: Path) -> None:
    whole = tokens.read_bytes()
    for place in np.random.default_rng(1).integers(0, len(whole) * 8, 40).tolist():
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / "damaged").write_bytes(damaged)
        outcome = ecjax("tokenize", "--decode", tmp_path / "damaged", tmp_path / "out", "--tokenizer", "books-12")
        # A flipped bit in the note on the file's origin changes nothing that matters.
        if outcome.status == 0:
            assert (tmp_path / "out").read_bytes() == TEXTS["text"]
        else:
            refused(outcome, "damaged|kind|version|tokenizer")


def test_the_version_of_a_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "file"
    serialisation.write(path, "k", {}, {"x": np.zeros(1)}, {})
    path.write_bytes(path.read_bytes().replace(b'"version":"1"', b'"version":"2"'))
    with pytest.raises(ValueError, match="has version 2"):
        serialisation.read(path, "k")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(ecjax, command: str) -> None:
    told = ecjax(command, "--help")
    assert told.status == 0 and "Usage" in told.out


def test_other_bad_input_is_refused(ecjax, tokens: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "run"
    refused(ecjax("train-m1", empty, "--out", out), "there is no text in")
    refused(ecjax("train-m1", tmp_path / "absent", "--out", out), "does not exist")
    refused(ecjax("train-m1", tmp_path / "in", "--out", out, "--size", "7t"), "known sizes are")
    refused(
        ecjax("train-m1", tmp_path / "in", "--out", out, "--init", "m1-books", "--size", "tiny"), "leave out --size"
    )
    refused(ecjax("train-m2", tmp_path / "in", "--out", out, "--context", 4096), "holds no example of 4096")
    refused(ecjax("evaluate", "books-12", empty), "there is no text in")
    refused(ecjax("evaluate", tokens, tmp_path / "in"), "not a file of kind")
    refused(ecjax("generate", "m1-books"), "no language model over tokens")
    refused(ecjax("generate", tokens), "not a file of kind ecjax.transformer")
    refused(ecjax("generate", tokens, "--temperature", -1), "temperature must be at least 0")
    refused(ecjax("compile", "books-12", "--out", out), "not a file of kind ecjax.transformer")
    refused(ecjax("demo", "--text", tmp_path / "in", "--out", out), "a demonstration needs at least")
    assert not out.exists()


@pytest.mark.slow
def test_codebooks_and_models_are_evaluated(ecjax, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(serialisation.asset("sample.txt").read_bytes()[5000:15000])
    books = json.loads(ecjax("evaluate", "books-16", tmp_path / "text", "--json").out)
    assert books["bytes_per_token"] > 4.5 and books["bytes"] == 10_000
    m1 = json.loads(ecjax("evaluate", "m1-books", tmp_path / "text", "--json").out)
    assert 2 < m1["bits_per_byte"] < 3.5 and m1["bytes_per_token"] == 1


@pytest.mark.slow
def test_from_text_to_samples(ecjax, tmp_path: Path) -> None:
    """The README's sequence of commands with small numbers, and a training that is resumed."""
    text = tmp_path / "text"
    text.write_bytes(serialisation.asset("sample.txt").read_bytes()[:60_000])
    small = ("--size", "tiny", "--steps", 12, "--batch-size", 16, "--json")
    first = json.loads(ecjax("train-m1", text, "--out", tmp_path / "m1", *small).out)
    m1 = tmp_path / "m1/model.safetensors"
    assert len(json.loads((tmp_path / "m1/losses.json").read_text())) == 12
    assert json.loads(ecjax("train-m1", text, "--out", tmp_path / "m1", *small).out) == first
    refused(ecjax("train-m1", text, "--out", tmp_path / "m1", *small, "--seed", 1), "other settings")

    book = tmp_path / "book.safetensors"
    assert json.loads(ecjax("compile", m1, "--bits", 10, "--out", book, "--json").out)["strings"] == 1024
    tuned = ("quantize", m1, text, "--steps", 2, "--batch-size", 8, "--json")
    told = json.loads(ecjax(*tuned, "--out", tmp_path / "exact").out)
    assert abs(told["calibrated_percent_more"]) < 3 and len(told["fingerprint"]) == 64
    exact = tmp_path / "exact/model.safetensors"
    measured = json.loads(ecjax("evaluate", exact, text, "--json").out)["bits_per_byte"]
    assert measured == pytest.approx(told["tuned_bits_per_byte"], rel=1e-6)
    refused(ecjax("quantize", exact, text, "--out", tmp_path / "again"), "wants the float model")
    refused(ecjax("train-m2", text, "--out", tmp_path / "again", "--tokenizer", exact), "is not a file of kind")

    m2 = tmp_path / "m2/model.safetensors"
    assert ecjax("train-m2", text, "--out", tmp_path / "m2", "--tokenizer", book, "--context", 16, *small).status == 0
    measured = json.loads(ecjax("evaluate", m2, text, "--json").out)
    assert 0 < measured["bits_per_byte"] < 10 and measured["bytes_per_token"] > 1
    told = json.loads(ecjax("generate", m2, "--prompt", "The Mole", "--max-tokens", 8, "--json").out)
    assert told["prompt"] == "The Mole" and told["tokens"] <= 8
    book.unlink()
    refused(ecjax("generate", m2), "neither a file nor one of the shipped")


@pytest.mark.deep
@pytest.mark.slow
def test_training_goes_on_from_a_model_and_quantising_tells_what_each_layer_costs(ecjax, tmp_path: Path) -> None:
    text, m1 = tmp_path / "text", tmp_path / "m1/model.safetensors"
    text.write_bytes(serialisation.asset("sample.txt").read_bytes()[:60_000])
    few = ("--steps", 2, "--batch-size", 4)
    assert ecjax("train-m1", text, "--out", tmp_path / "m1", "--size", "tiny", *few).status == 0
    book = tmp_path / "book.safetensors"
    assert ecjax("compile", m1, "--bits", 10, "--out", book).status == 0
    assert ecjax("train-m1", text, "--out", tmp_path / "m1b", "--init", m1, "--starts", book, *few).status == 0
    # The weights of an exact model, as floats.
    shipped = ("train-m1", text, "--out", tmp_path / "m1c", "--init", "m1-books", "--length", 8)
    assert ecjax(*shipped, *few).status == 0
    told = json.loads(ecjax("quantize", m1, text, "--out", tmp_path / "exact", *few, "--layers", "--json").out)
    assert {f"{part}_percent_more" for part in ("calibrated", "layer_0", "layer_1", "unembedding", "tuned")} < set(told)


@pytest.mark.deep
@pytest.mark.slow
def test_the_demonstration_reports(ecjax, tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_bytes(serialisation.asset("sample.txt").read_bytes()[:40_000])
    outcome = ecjax("demo", "--text", text, "--out", tmp_path / "demo", "--minutes", 0, "--json")
    report = json.loads(outcome.out)
    assert report == json.loads((tmp_path / "demo/report.json").read_text())
    assert report["lossless"] is True and report["bytes"] == 40_000
    assert report["bytes_per_token"] == pytest.approx(report["bytes"] / report["tokens"])
    assert set(report["bits_per_byte"]) == {"uniform", "unigram", "bytes_lm", "m2"}
    assert (tmp_path / "demo/curves.png").read_bytes().startswith(b"\x89PNG")
