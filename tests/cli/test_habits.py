"""What fingers know from gzip and zstd: names, pipes, what is replaced and what never is."""

import contextlib
import json
import os
import pty
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ecjax import serialisation
from tests.cli.support import TEXTS, refused

TEXT = TEXTS["text"]
BOOK = ("--model", "books-12")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_bytes(TEXT)
    return tmp_path / "book.txt"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# Names.


def test_the_output_is_named_after_the_input(ecjax, text: Path) -> None:
    assert ecjax("encode", text, *BOOK).status == 0
    assert names(text.parent) == ["book.txt", "book.txt.ecj"]
    text.unlink()
    assert ecjax("decode", f"{text}.ecj").status == 0
    assert names(text.parent) == ["book.txt", "book.txt.ecj"] and text.read_bytes() == TEXT
    refused(ecjax("decode", text), "book.txt does not end in .ecj.*name OUT")
    (text.parent / ".ecj").write_bytes(b"")
    refused(ecjax("decode", text.parent / ".ecj"), "does not end in .ecj")


def test_tokens_are_named_after_the_input(ecjax, text: Path) -> None:
    assert ecjax("tokenize", text).status == 0
    assert names(text.parent) == ["book.txt", "book.txt.tokens"]
    refused(ecjax("tokenize", text), "book.txt.tokens is there already")
    text.unlink()
    assert ecjax("tokenize", "--decode", f"{text}.tokens").status == 0
    assert text.read_bytes() == TEXT


# Standard input and output, pipes.


def test_dash_is_standard_input_and_output(ecjax, text: Path, tmp_path: Path) -> None:
    packed = ecjax("encode", "-", "-", *BOOK, given=TEXT)
    assert packed.status == 0 and packed.err == ""
    for arguments in (
        ("encode", *BOOK),
        ("encode", "-", *BOOK),
        ("encode", text, "-c", *BOOK),
        ("encode", text, "-", *BOOK),
    ):
        assert ecjax(*arguments, given=TEXT).data == packed.data
    for arguments in (("decode",), ("decode", "-"), ("decode", "-", "-"), ("decode", "-c")):
        assert ecjax(*arguments, given=packed.data).data == TEXT
    assert ecjax("encode", "-", tmp_path / "out", *BOOK, given=TEXT).status == 0
    assert (tmp_path / "out").read_bytes() == packed.data
    assert json.loads(ecjax("info", "-", "--json", given=packed.data).out)["text_bytes"] == len(TEXT)


def test_a_report_never_mixes_with_data(ecjax, text: Path) -> None:
    told = ecjax("encode", text, "-c", "--json", *BOOK)
    assert json.loads(told.err)["file_bytes"] == len(told.data)
    assert ecjax("encode", text, *BOOK).out and ecjax("encode", text, "-f", "-q", *BOOK)[1:3] == ("", "")


def test_every_command_reads_standard_input(ecjax, tmp_path: Path) -> None:
    model, book = (serialisation.asset(f"{name}.safetensors").read_bytes() for name in ("m1-books", "books-12"))
    assert json.loads(ecjax("info", "-", "--json", given=model).out)["shipped_as"] == "m1-books"
    assert json.loads(ecjax("evaluate", "books-12", "-", "--json", given=TEXT).out)["bytes"] == len(TEXT)
    told = ecjax("evaluate", "-", "-", given=book)  # nothing is left of it for the text
    refused(told, "there is no text in -")
    tokens = ecjax("tokenize", "-", given=TEXT)
    assert tokens.status == 0
    assert ecjax("tokenize", "--decode", "-", given=tokens.data).data == TEXT
    packed = ecjax("encode", "-", *BOOK, given=TEXT).data
    assert ecjax("decode", "-", "--model", serialisation.asset("books-12.safetensors"), given=packed).data == TEXT


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "ecjax", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, **options)


@pytest.mark.slow
def test_pipes_and_process_substitution(text: Path, tmp_path: Path) -> None:
    ecjax, book = f"{sys.executable} -m ecjax", serialisation.asset("books-12.safetensors")
    script = f"""
        set -eo pipefail
        cat {text} | {ecjax} encode --model books-12 | {ecjax} decode | cmp - {text}
        {ecjax} encode <(cat {text}) one --model <(cat {book}) -q
        {ecjax} encode /dev/stdin --model books-12 -q two < {text}
        {ecjax} encode {text} /dev/stdout --model books-12 > three
        cmp one two && cmp one three
        {ecjax} decode one /dev/null
        {ecjax} decode one >(cat > four) -q
        {ecjax} tokenize --format ids {text} | head -1
    """
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    # On a busy machine a command may take the five seconds after which it tells how far it is.
    progress = rb"ecjax: (encoding|decoding): [\d,]+( of [\d,]+)? bytes are done\n"
    assert done.returncode == 0 and re.sub(progress, b"", done.stderr) == b"", done
    assert names(tmp_path) == ["book.txt", "four", "one", "three", "two"]


def test_named_pipes(ecjax, text: Path, tmp_path: Path) -> None:
    for name in ("there", "back"):
        os.mkfifo(tmp_path / name)
    feeder = threading.Thread(target=lambda: (tmp_path / "there").write_bytes(TEXT))
    feeder.start()
    assert ecjax("encode", tmp_path / "there", tmp_path / "packed", *BOOK).status == 0
    feeder.join()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "back").read_bytes()))
    reader.start()
    assert ecjax("decode", tmp_path / "packed", tmp_path / "back").status == 0
    reader.join()
    assert got == [TEXT] and stat.S_ISFIFO((tmp_path / "back").stat().st_mode)


@pytest.mark.slow
def test_who_reads_no_further_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(TEXT * 200)
    script = f"{sys.executable} -m ecjax tokenize --format jsonl long | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    line, status = done.stdout.splitlines()
    assert json.loads(line)["id"] and status == b"1" and done.stderr == b""


def on_terminal(*arguments: object) -> tuple[int, bytes]:
    """How the command ends, and what it prints, with a terminal as its standard output."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "ecjax", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=its, stderr=subprocess.STDOUT)
    os.close(its)
    out = b""
    with contextlib.suppress(OSError):  # which reading from a terminal ends with
        while part := os.read(ours, 1 << 16):
            out += part
    os.close(ours)
    return process.wait(), out


@pytest.mark.slow
def test_a_terminal_gets_no_binary_data_unless_forced(text: Path) -> None:
    status, told = on_terminal("encode", text, "-c", *BOOK)
    assert status == 2 and b"standard output is a terminal" in told and len(told.splitlines()) == 1
    status, told = on_terminal("encode", text, "-c", "-f", *BOOK)
    assert status == 0 and told.startswith(b"\x89ECJ")
    assert run("encode", text, *BOOK).returncode == 0
    status, told = on_terminal("decode", f"{text}.ecj", "-c")
    assert status == 0 and b"it was the best of times" in told


# What is there.


def commands(folder: Path) -> dict[str, list[object]]:
    """A command line of each command that writes, with its output at the end."""
    text = folder / "in"
    return {
        "encode": ["encode", text, *BOOK],
        "decode": ["decode", folder / "packed"],
        "tokenize": ["tokenize", text],
        "tokenize ids": ["tokenize", "--format", "ids", text],
        "detokenize": ["tokenize", "--decode", folder / "tokens", "--tokenizer", "books-12"],
        "compile": ["compile", folder / "tiny", "--bits", 9, "--out"],
    }


@pytest.fixture
def workplace(ecjax, packed: Path, tokens: Path, tmp_path: Path) -> Path:
    from ecjax.models.files import save_exact
    from ecjax.models.integer import IntegerTransformer
    from ecjax.models.transformer import configuration

    save_exact(tmp_path / "tiny", IntegerTransformer.zeros(configuration("tiny", 256, 4)), {})
    return tmp_path


@pytest.mark.parametrize("name", commands(Path()))
def test_nothing_is_replaced_unasked(ecjax, workplace: Path, name: str) -> None:
    command, out = commands(workplace)[name], workplace / "out"
    out.write_bytes(b"mine")
    out.chmod(0o640)
    refused(ecjax(*command, out), "out is there already; name another file, or replace it with -f")
    assert out.read_bytes() == b"mine"
    refused(ecjax(*command, workplace / "typo/out"), "there is no folder .*typo")
    (workplace / "link").symlink_to(out)
    refused(ecjax(*command, workplace / "link"), "link is there already")
    assert ecjax(*command, workplace / "link", "-f").status == 0  # through the link
    assert out.read_bytes() != b"mine" and (workplace / "link").is_symlink()
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert ecjax(*command, workplace / "new").status == 0
    assert (workplace / "new").read_bytes() == out.read_bytes()
    refused(ecjax(*command, workplace, "-f"), "is no file but a folder")
    assert names(workplace) == ["in", "link", "new", "out", "packed", "tiny", "tokens"]


@pytest.mark.parametrize("name", commands(Path()))
@pytest.mark.parametrize("by", ["name", "hard link", "symbolic link", "other spelling"])
def test_what_is_read_is_never_replaced(ecjax, workplace: Path, name: str, by: str) -> None:
    command = commands(workplace)[name]
    source = next(part for part in command if isinstance(part, Path))
    before, out = source.read_bytes(), workplace / "out"
    if by == "hard link":
        out.hardlink_to(source)
    elif by == "symbolic link":
        out.symlink_to(source)
    else:
        out = source if by == "name" else workplace / "." / ".." / workplace.name / source.name
    for force in ((), ("-f",)):
        refused(ecjax(*command, out, *force), "is what is read")
    assert source.read_bytes() == before


def test_nor_is_a_model_or_a_tokenizer(ecjax, workplace: Path) -> None:
    book = workplace / "book"
    book.write_bytes(serialisation.asset("books-12.safetensors").read_bytes())
    before = book.read_bytes()
    for command in (
        ("encode", workplace / "in", book, "--model", book),
        ("decode", workplace / "packed", book, "--model", book),
        ("tokenize", workplace / "in", book, "--tokenizer", book),
        ("tokenize", "--decode", workplace / "tokens", book, "--tokenizer", book),
    ):
        refused(ecjax(*command, "-f"), "book is what is read")
    assert book.read_bytes() == before


@pytest.mark.slow
def test_standard_output_may_be_no_input_either(text: Path) -> None:
    before = text.read_bytes()
    for redirection in (">>", "1<>"):
        script = f"{sys.executable} -m ecjax encode book.txt -c --model books-12 {redirection} book.txt"
        done = subprocess.run(["bash", "-c", script], cwd=text.parent, capture_output=True, check=False)
        assert done.returncode == 2 and b"is what is read" in done.stderr and text.read_bytes() == before


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_permissions_and_time_are_kept(ecjax, text: Path, mode: int) -> None:
    text.chmod(mode)
    os.utime(text, ns=(1_600_000_000_000_000_000, 1_500_000_000_000_000_007))
    assert ecjax("encode", text, *BOOK).status == ecjax("decode", f"{text}.ecj", f"{text}.back").status == 0
    assert ecjax("tokenize", text, f"{text}.tokens").status == 0
    for suffix in ("ecj", "back", "tokens"):
        status = Path(f"{text}.{suffix}").stat()
        assert stat.S_IMODE(status.st_mode) == mode and status.st_mtime_ns == 1_500_000_000_000_000_007


def test_rm_removes_the_input_once_the_output_is_there(ecjax, text: Path) -> None:
    assert ecjax("encode", text, "--rm", *BOOK).status == 0
    assert names(text.parent) == ["book.txt.ecj"]
    packed = Path(f"{text}.ecj")
    for target in (("-c",), ("-",), ("/dev/null",)):
        refused(ecjax("decode", packed, *target, "--rm"), "--rm removes IN once OUT is there")
    refused(ecjax("encode", "-", text, "--rm", *BOOK, given=TEXT), "--rm removes IN once OUT is there")
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-1])
    refused(ecjax("decode", packed, "--rm"), "truncated")
    assert names(text.parent) == ["book.txt.ecj"]
    packed.write_bytes(whole)
    (tmp := packed.with_name("link.ecj")).symlink_to(packed)
    refused(ecjax("decode", tmp, "--rm"), "is a link")
    tmp.unlink()
    assert ecjax("decode", packed, "--rm").status == 0
    assert names(text.parent) == ["book.txt"] and text.read_bytes() == TEXT


# What is said.


def test_version_and_help(ecjax) -> None:
    from importlib import metadata

    for flag in ("--version", "-V"):
        assert ecjax(flag).out == f"ecjax {metadata.version('ecjax')}\n"
    for arguments in ((), ("--help",), ("-h",)):
        told = ecjax(*arguments)
        assert told.status == 0 and "encode" in told.out
    assert "--install-completion" in ecjax("--help").out


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("encode", "in", "--bits", 5), r"Invalid value for '--bits'.*; see ecjax encode --help"),
        (("encode", "in", "--what"), "No such option.*--what.*; see ecjax encode --help"),
        (("decode", "in", "out", "more"), "unexpected extra argument.*; see ecjax decode --help"),
        (("info",), "Missing argument 'FILE'; see ecjax info --help"),
        (("pack",), "No such command 'pack'; see ecjax --help"),
        (("train-m1", "in"), "Missing option '--out'"),
        (("tokenize", "in", "--format", "xml"), "--format.*'xml'"),
        (("encode", "in", "out", "-c"), "leave out it or out"),
    ],
)
def test_misuse_is_told_in_one_line(ecjax, arguments, cause: str) -> None:
    refused(ecjax(*arguments), cause)


def test_a_text_of_another_kind_is_told(ecjax, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(TEXTS["binary"])
    told = ecjax("encode", tmp_path / "noise", *BOOK)
    assert told.status == 0 and "noise is not of the kind that books-12 knows" in told.err
    assert ecjax("encode", tmp_path / "noise", "-f", "-q", *BOOK).err == ""
    stored = json.loads(ecjax("info", tmp_path / "noise.ecj", "--json").out)
    assert stored["stored_blocks"] == stored["blocks"] == 1


def test_windows_and_ids_are_shown(ecjax, tmp_path: Path) -> None:
    string = "It was the best: caf\u00e9 \x1b[31m".encode() + b"\xff\n"
    told = ecjax("tokenize", "-", "--show", "--tokenizer", "books-12", given=string)
    assert told.status == 0 and "\x1b" not in told.out
    ids = [line.split()[0] for line in told.out.splitlines()[1:]]
    forms = {
        form: ecjax("tokenize", "-", "--format", form, "--tokenizer", "books-12", given=string).data
        for form in ("ids", "strings", "jsonl")
    }
    assert forms["ids"].decode().split() == ids and len(forms["strings"].splitlines()) == len(ids)
    windows = [json.loads(line) for line in forms["jsonl"].splitlines()]
    assert [str(window["id"]) for window in windows] == ids
    assert b"".join(bytes.fromhex(window["bytes"]) for window in windows) == string
    assert b"\x1b" not in forms["strings"]
    for form in ("ids", "jsonl"):
        back = ecjax("tokenize", "--decode", "-", "--format", form, "--tokenizer", "books-12", given=forms[form])
        assert back.data == string
    refused(ecjax("tokenize", "--decode", "-", "--format", "strings", given=b""), "strings are for people")
    refused(ecjax("tokenize", "--show", "in", "out"), "--show prints")


@pytest.mark.parametrize(
    ("form", "given", "cause"),
    [
        ("ids", b"1\ntwo\n", "line 2 of standard input is not an id"),
        ("ids", b"4096\n", "standard input holds no ids of books-12: ids lie in 0 .. 4095, got 4096"),
        ("ids", b"-1\n", "got -1"),
        ("ids", b"1_0\n", "line 1 of standard input is not an id"),
        ("ids", b"+5\n", "line 1 of standard input is not an id"),
        ("ids", b"9" * 5000 + b"\n", "line 1 of standard input is not an id"),
        ("jsonl", b'{"id": 1.5}\n', "line 1 of standard input is not a JSON object"),
        ("jsonl", b'{"text": "a"}\n', "line 1 of standard input is not a JSON object"),
        ("jsonl", b"[" * 100_000 + b"\n", "line 1 of standard input is not a JSON object"),
        ("jsonl", b'{"id": true}\n', "line 1 of standard input is not a JSON object"),
    ],
)
def test_lines_that_hold_no_ids_are_refused(ecjax, form: str, given: bytes, cause: str) -> None:
    refused(ecjax("tokenize", "--decode", "-", "--format", form, "--tokenizer", "books-12", given=given), cause)


def test_names_that_are_no_text_are_printed_all_the_same(ecjax, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J\n"))
    path.write_bytes(TEXT)
    told = ecjax("encode", path, *BOOK)
    assert told.status == 0
    told = ecjax("encode", path, *BOOK)
    assert "\x1b" not in told.err
    refused(told, r"\\udcff\\x1b\[2J .ecj is there already")


def test_what_a_file_says_is_escaped(ecjax, tmp_path: Path) -> None:
    hostile = "\x1b[2J\u202e\n[red]"
    serialisation.write(tmp_path / "file", "ecjax.codebook", {"a": hostile}, {"x": np.zeros(1)}, {"b": hostile})
    told = ecjax("info", tmp_path / "file")
    assert told.status == 0 and "\x1b" not in told.out and "\u202e" not in told.out and "[red]" in told.out
    assert json.loads(ecjax("info", tmp_path / "file", "--json").out)["settings"] == {"a": hostile}
    refused(ecjax("encode", tmp_path / "file", tmp_path / "out", "--model", tmp_path / "file"), "damaged")
    assert "\x1b" not in ecjax("evaluate", tmp_path / "file", tmp_path / "file").err


# When things go wrong.


def test_a_full_disk_is_one_line(tmp_path: Path, text: Path) -> None:
    assert run("encode", text, "-c", *BOOK, env={**os.environ}).returncode == 0
    script = f"{sys.executable} -m ecjax encode book.txt -c --model books-12 > /dev/full"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (2, "ecjax: [Errno 28] No space left on device\n")


@pytest.mark.slow
def test_a_full_file_system_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes())
    (tmp_path / "disk").mkdir()
    mount = "mount -t tmpfs -o size=100k tmpfs disk"
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c"]
    if subprocess.run([*namespace, mount], cwd=tmp_path, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    script = f"""{mount} && echo before > disk/out
        {sys.executable} -m ecjax encode big disk/out -f --model books-12 2> told
        echo $? $(ls -A disk) $(cat disk/out)"""
    done = subprocess.run([*namespace, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", "out", "before"]
    assert (tmp_path / "told").read_text() == "ecjax: [Errno 28] No space left on device: 'disk/out'\n"


def test_what_may_not_be_read_or_written_is_one_line(ecjax, text: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    refused(ecjax("encode", tmp_path / "loop", tmp_path / "out", *BOOK), "Too many levels of symbolic links|not a file")
    refused(ecjax("encode", text, tmp_path / "loop", *BOOK), "Too many levels of symbolic links")
    refused(ecjax("encode", text, tmp_path / ("n" * 256), *BOOK), "File name too long")
    refused(ecjax("encode", text, text / "below", *BOOK), "Not a directory|no folder")
    assert names(tmp_path) == ["book.txt", "loop"]


def test_names_of_every_length_are_written(ecjax, text: Path, tmp_path: Path) -> None:
    for length in (245, 255):
        assert ecjax("encode", text, tmp_path / ("n" * length), *BOOK).status == 0


@pytest.mark.slow
def test_completion_knows_commands_and_options() -> None:
    def completed(words: str, place: int) -> list[str]:
        asked = {"_ECJAX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        script = "import sys; sys.argv = ['ecjax']; from ecjax.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", script], env=os.environ | asked, capture_output=True, check=False)
        return done.stdout.decode().split()

    assert completed("ecjax enc", 1) == ["encode"]
    assert "--model" in completed("ecjax encode --m", 2)


@pytest.mark.slow
def test_help_and_info_need_no_jax(text: Path) -> None:
    program = """
import sys
from ecjax import cli
sys.argv[:1] = ["ecjax"]
try:
    cli.main()
except SystemExit as stop:
    assert not stop.code
heavy = {"jax", "jaxlib", "equinox", "optax", "grain", "orbax", "matplotlib", "numba"} & set(sys.modules)
assert not heavy, heavy
"""
    assert run("encode", text, *BOOK).returncode == 0
    for arguments in (
        ["--help"],
        ["--version"],
        ["encode", "--help"],
        ["train-m1", "--help"],
        ["train-codebook", "--help"],
        ["info", f"{text}.ecj"],
        ["info", str(serialisation.asset("m1-books.safetensors"))],
        ["info", str(serialisation.asset("books-12.safetensors"))],
    ):
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
def test_progress_is_told_where_there_is_no_terminal(tmp_path: Path) -> None:
    program = """
import sys
from ecjax import cli, console
console._FIRST = console._EVERY = 0.05
sys.argv[:1] = ["ecjax"]
cli.main()
"""
    (tmp_path / "in").write_bytes(TEXT * 1000)
    done = subprocess.run(
        [sys.executable, "-c", program, "encode", "in", *BOOK], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr and all(
        "encoding: " in line and " of 2,560,000 bytes" in line for line in done.stderr.splitlines()
    )


@pytest.mark.slow
def test_a_run_never_writes_over_what_it_reads(ecjax, tmp_path: Path) -> None:
    import jax

    from ecjax.models.files import save_transformer
    from ecjax.models.transformer import Transformer, configuration

    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (tmp_path / "text").write_bytes(TEXT * 4)
    model = run_folder / "model.safetensors"
    save_transformer(model, Transformer(configuration("tiny", 256, 8), key=jax.random.key(0)), {})
    before = model.read_bytes()
    refused(ecjax("quantize", model, tmp_path / "text", "--out", run_folder), "is what is read")
    refused(ecjax("quantize", model, tmp_path / "text", "--out", run_folder, "-f"), "is what is read")
    refused(ecjax("quantize", model, tmp_path / "text", "--out", run_folder, "--steps", 2), "is what is read")
    refused(ecjax("train-m1", tmp_path / "text", "--out", run_folder, "--init", model), "is what is read")
    refused(ecjax("train-m1", tmp_path / "text", "--out", run_folder), "is there, and no run that made it")
    refused(ecjax("train-m1", tmp_path / "text", "--out", tmp_path / "text"), "is no folder")
    assert model.read_bytes() == before and names(run_folder) == ["model.safetensors"]
    out = tmp_path / "exact"
    assert ecjax("quantize", model, tmp_path / "text", "--out", out).status == 0
    refused(ecjax("quantize", model, tmp_path / "text", "--out", out), "is there already")
    assert ecjax("quantize", model, tmp_path / "text", "--out", out, "-f").status == 0
