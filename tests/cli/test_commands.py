import json
from pathlib import Path

import jax
import numpy as np
import pytest

from ecjax import Codebook, serialisation
from ecjax.models.files import load_transformer, save_exact, save_transformer
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, configuration
from tests.cli.support import TEXTS, refused

COMMANDS = (
    "encode",
    "decode",
    "info",
    "tokenize",
    "train-codebook",
    "train-m1",
    "train-m2",
    "quantize",
    "compile",
    "evaluate",
    "generate",
    "demo",
)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("tokenizer", ["books-12", "books-16", "bytes"])
def test_any_file_comes_back(ecjax, tmp_path: Path, name: str, tokenizer: str) -> None:
    source, tokens, back = tmp_path / "in", tmp_path / "tokens", tmp_path / "out"
    source.write_bytes(TEXTS[name])
    told = ecjax("tokenize", source, tokens, "--tokenizer", tokenizer, "--json")
    assert told.status == 0 and json.loads(told.out)["bytes"] == len(TEXTS[name])
    assert ecjax("tokenize", "--decode", tokens, back, "--tokenizer", tokenizer).status == 0
    assert back.read_bytes() == TEXTS[name]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "tokens"]


@pytest.mark.rule("K-1", "K-15")
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("model", ["books-12", "books-16"])
def test_any_file_is_compressed_and_comes_back(ecjax, tmp_path: Path, name: str, model: str) -> None:
    source, packed, back = tmp_path / "in", tmp_path / "packed", tmp_path / "out"
    source.write_bytes(TEXTS[name])
    told = json.loads(ecjax("encode", source, packed, "--model", model, "--json").out)
    size = packed.stat().st_size
    assert (told["text_bytes"], told["file_bytes"]) == (len(TEXTS[name]), size)
    assert told["bits_per_byte"] == 8 * size / max(1, len(TEXTS[name]))
    assert json.loads(ecjax("decode", packed, back, "--json").out) == told
    assert back.read_bytes() == TEXTS[name]
    about = json.loads(ecjax("info", packed, "--json").out)
    assert about.items() >= told.items()
    assert (about["method"], about["bits"], about["precision"]) == ("codebook", int(model[-2:]), None)
    assert about["shipped_as"] == model
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "packed"]


@pytest.mark.slow
def test_the_shipped_byte_model_is_what_compresses(ecjax, tmp_path: Path) -> None:
    source, packed, back = tmp_path / "in", tmp_path / "packed", tmp_path / "out"
    source.write_bytes(b"It was the best of times, it was the worst of times.")
    told = json.loads(ecjax("encode", source, packed, "--json").out)
    assert told["file_bytes"] < 84 + len(source.read_bytes()) // 2
    about = json.loads(ecjax("info", packed, "--json").out)
    assert (about["method"], about["bits"], about["precision"], about["shipped_as"]) == (
        "streams",
        None,
        16,
        "m1-books",
    )
    assert ecjax("decode", packed, back).status == 0
    assert back.read_bytes() == source.read_bytes()
    refused(ecjax("decode", packed, back, "-f", "--model", "books-16"), "model: the file was made with streams")


@pytest.mark.slow
def test_windows_of_ones_own_byte_model(ecjax, tmp_path: Path) -> None:
    source, packed, back, model = (tmp_path / name for name in ("in", "packed", "out", "model"))
    mark = save_exact(model, IntegerTransformer.zeros(configuration("tiny", 256, 4)), {})
    source.write_bytes(b"Short")
    assert ecjax("encode", source, packed, "--model", model, "--bits", 40).status == 0
    about = json.loads(ecjax("info", packed, "--json").out)
    assert (about["method"], about["bits"], about["fingerprint"]) == ("windows", 40, mark)
    refused(
        ecjax("decode", packed, back), f"made with windows of 40 bits of the model {mark}.*name its file with --model"
    )
    refused(ecjax("decode", packed, back, "--model", "m1-books"), "model: the file was made with windows")
    refused(ecjax("decode", packed, back, "--model", "books-12"), "model: the file was made with windows")
    assert ecjax("decode", packed, back, "--model", model).status == 0
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.rule("K-6", "K-14")
def test_a_damaged_file_leaves_what_was_there(ecjax, packed: Path, tmp_path: Path) -> None:
    whole, out = packed.read_bytes(), tmp_path / "out"
    flipped = bytearray(whole)
    flipped[-40] ^= 4
    damages = {
        "header: the header does not have its CRC-32": whole[:20] + b"\0" + whole[21:],
        "version: the file has version 3": whole[:8] + b"\3" + whole[9:],
        "truncated: the file ends within block 1,": whole[:500],
        "checksum: block 1, which begins at byte 48, does not have": bytes(flipped),
        "trailing: the file goes on after its end": whole + b"\n",
    }
    for before in (None, b"before"):
        if before is not None:
            out.write_bytes(before)
        for told, damaged in damages.items():
            packed.write_bytes(damaged)
            refused(ecjax("decode", packed, out, "-f"), f"^ecjax: {told}")
            refused(ecjax("info", packed), f"^ecjax: {told}")
            assert {p.name for p in tmp_path.iterdir()} == {"in", "packed"} | ({"out"} if before else set())
            assert before is None or out.read_bytes() == before


def test_bad_input_to_encode_and_decode_is_refused(ecjax, packed: Path, tokens: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(ecjax("encode", tmp_path / "absent", out), "absent is not a file")
    refused(ecjax("encode", tmp_path, out), "is not a file")
    refused(ecjax("encode", tmp_path / "in", out, "--model", "m2-books"), "neither a file nor one of the shipped")
    refused(ecjax("encode", tmp_path / "in", out, "--model", tokens), "not a file of kind")
    refused(
        ecjax("encode", tmp_path / "in", out, "--model", "books-12", "--bits", 12), "have 12 bits; leave out --bits"
    )
    assert ecjax("encode", tmp_path / "in", out, "--bits", 8).status == 2
    refused(ecjax("encode", tmp_path / "in", tmp_path, "--model", "books-12"), "is there and is no file")
    refused(ecjax("decode", tmp_path / "absent", out), "absent is not a file")
    refused(ecjax("decode", tmp_path / "in", out), "magic: a file of compressed text begins with 8945")
    refused(ecjax("decode", tokens, out), "magic: ")
    refused(
        ecjax("decode", packed, out, "--model", "books-16"),
        "model: .* 12 bits of the codebook .* this is windows of 16",
    )
    refused(ecjax("info", tmp_path / "absent"), "absent is not a file")
    refused(ecjax("info", tmp_path / "in"), "is damaged or no ecjax file")
    assert not out.exists() and not list(tmp_path.glob("*.partial"))


def test_a_file_of_a_model_that_is_not_shipped_names_it(ecjax, tmp_path: Path) -> None:
    parents, last = np.zeros(512, np.uint16), np.zeros(512, np.uint8)
    for byte in range(256):  # each byte, and each but the last once more with a zero byte
        code = 1 + 2 * byte
        last[code] = byte
        if byte < 255:
            parents[code + 1], last[code + 1] = code, 0
    book = Codebook(parents, last)
    book.save(tmp_path / "book")
    (tmp_path / "in").write_bytes(TEXTS["binary"])
    assert ecjax("encode", tmp_path / "in", tmp_path / "packed", "--model", tmp_path / "book").status == 0
    refused(ecjax("decode", tmp_path / "packed", tmp_path / "out"), f"codebook {book.fingerprint}.*with --model")
    about = json.loads(ecjax("info", tmp_path / "packed", "--json").out)
    assert (about["fingerprint"], about["shipped_as"]) == (book.fingerprint, None)
    assert ecjax("decode", tmp_path / "packed", tmp_path / "out", "--model", tmp_path / "book").status == 0
    assert (tmp_path / "out").read_bytes() == TEXTS["binary"]


def test_a_float_model_compresses_nothing(ecjax, tmp_path: Path) -> None:
    model = Transformer(configuration("tiny", 256, 16), key=jax.random.key(0))
    save_transformer(tmp_path / "float", model, {})
    (tmp_path / "in").write_bytes(b"text")
    for options in ((), ("--bits", 64)):
        told = ecjax("encode", tmp_path / "in", tmp_path / "out", "--model", tmp_path / "float", *options)
        refused(told, "is not exact.*`ecjax quantize`")
    assert not (tmp_path / "out").exists()


def test_info_tells_of_models_codebooks_and_tokens(ecjax, tokens: Path) -> None:
    model = json.loads(ecjax("info", serialisation.asset("m1-books.safetensors"), "--json").out)
    assert (model["kind"], model["shipped_as"]) == ("ecjax.integer_transformer", "m1-books")
    assert model["settings"]["layers"] == 3 and model["provenance"]["command"] == "quantize"
    book = json.loads(ecjax("info", serialisation.asset("books-12.safetensors"), "--json").out)
    assert (book["kind"], book["settings"], book["strings"]) == ("ecjax.codebook", {"bits": 12}, 4096)
    nodes = book["nodes"]
    assert nodes > 4096 and book["numbers"] == 3 * nodes + 4096  # parents, last bytes, members; and costs
    about = json.loads(ecjax("info", tokens, "--json").out)
    assert about["kind"] == "ecjax.tokens" and about["settings"] == {"tokenizer": book["fingerprint"]}
    table = ecjax("info", serialisation.asset("books-12.safetensors")).out
    assert book["fingerprint"] in table.replace(" ", "").replace("\n", "")
    tokens.write_bytes(tokens.read_bytes()[:-1])
    refused(ecjax("info", tokens), "damaged")


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


@pytest.mark.slow
def test_any_flipped_bit_of_a_tokens_file_is_noticed(ecjax, tokens: Path, tmp_path: Path) -> None:
    whole = tokens.read_bytes()
    for place in np.random.default_rng(1).integers(0, len(whole) * 8, 40).tolist():
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / "damaged").write_bytes(damaged)
        outcome = ecjax("tokenize", "-f", "--decode", tmp_path / "damaged", tmp_path / "out", "--tokenizer", "books-12")
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


@pytest.mark.slow
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
    refused(ecjax("generate", tokens, "--temperature", -1), "temperature must be")
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
    text.write_bytes(serialisation.asset("sample.txt").read_bytes()[:20_000])
    small = ("--size", "tiny", "--steps", 12, "--batch-size", 16, "--json")
    first = json.loads(ecjax("train-m1", text, "--out", tmp_path / "m1", *small).out)
    m1 = tmp_path / "m1/model.safetensors"
    assert len(json.loads((tmp_path / "m1/losses.json").read_text())) == 12
    assert json.loads(ecjax("train-m1", text, "--out", tmp_path / "m1", *small).out) == first
    refused(ecjax("train-m1", text, "--out", tmp_path / "m1", *small, "--seed", 1), "settings.seed is 1 here and was 0")

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
    # A model that knows where windows end, and one that goes on from it; it is another kind than the others.
    ends = ("train-m1", text, "--windows", book, *few)
    assert ecjax(*ends, "--out", tmp_path / "ends", "--size", "tiny").status == 0
    with_end = tmp_path / "ends/model.safetensors"
    assert ecjax(*ends, "--out", tmp_path / "again", "--init", with_end).status == 0
    refused(ecjax(*ends, "--out", tmp_path / "no", "--init", m1), "predicts 256 symbols; --init wants a model of 257")
    refused(ecjax(*ends, "--out", tmp_path / "no", "--length", 8), "leave out --starts and --length")
    refused(ecjax("compile", with_end, "--out", tmp_path / "no"), "predicts 256 bytes")
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
    assert set(report["samples"]) == {"bytes", "books-12"} and report["samples"]["books-12"] == report["sample"]
    assert (tmp_path / "demo/curves.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "demo/report.html").read_text(encoding="utf-8")
    assert "All came back as they were." in page and report["sha256"] in page
    assert "ecjax demo --text mine.txt --minutes 0 --seed 0" in page and str(tmp_path) not in page


@pytest.mark.slow
def test_a_language_model_can_learn_vectors_of_distances(ecjax, tmp_path: Path) -> None:
    text, out = tmp_path / "text", tmp_path / "m2"
    text.write_bytes(TEXTS["text"] * 3)
    command = ("train-m2", text, "--out", out, "--tokenizer", "bytes", "--size", "tiny", "--context", 16)
    few = ("--steps", 2, "--batch-size", 2)
    assert ecjax(*command, *few, "--relative", "vectors").status == 0
    assert load_transformer(out / "model.safetensors").config.relative == "vectors"
    assert json.loads(ecjax("evaluate", out / "model.safetensors", text, "--json").out)["bits_per_byte"] > 0
    assert ecjax("generate", out / "model.safetensors", "--max-tokens", 3).status == 0
    refused(ecjax(*command, *few), r'model\.relative is absent here and was "vectors"')
    refused(ecjax(*command, *few, "--relative", "rotary"), "rotary")
    exact = ("quantize", out / "model.safetensors", text, "--out", tmp_path / "exact")
    refused(ecjax(*exact), "an exact model has a bias for each distance, not vectors; train one with biases")
