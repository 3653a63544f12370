"""What works without the optional dependencies, and what says which of them it needs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# A finder before all others, for which these packages are not there, and then a program.
WITHOUT = """
import sys

class Missing:
    names = {missing!r}
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""
OPTIONAL = [
    "grain",
    "optax",
    "orbax",
    "jinja2",
    "matplotlib",
    "numba",
    "sentencepiece",
    "tokenizers",
    "transformers",
    "constriction",
    "chex",
    "hypothesis",
    "beartype",
]
TOKENISING = """
import jax, numpy as np
import ecjax
from ecjax import analysis, coding, data, evaluation, generation, testing
from ecjax.models.transformer import Transformer, configuration

text = b"It was the best of times, it was the worst of times."
book, model = ecjax.load_codebook("books-12"), ecjax.load_model("m1-books")
assert book.decode(book.encode(text)) == text
assert ecjax.decompress(ecjax.compress(text, book)) == text
static = ecjax.Unigram.fit(text)
windows = ecjax.EqualInfo(static, 16)
assert windows.decode(windows.encode(text)) == text
assert callable(testing.check_tokenizer)
ids = data.token_stream(book, [text])
assert len(data.Slices(ids, range(4), 4)) == 4
assert evaluation.coded_bits_per_byte(model, np.frombuffer(text, np.uint8), 64) < 8
m2 = Transformer(configuration("tiny", book.vocab_size, 8), key=jax.random.key(0))
assert evaluation.bits_per_byte(m2, ids, len(text)) > 0
assert b"".join(generation.generate(m2, book, text, 3))
"""
COMMANDS = [
    ["encode", "text", "text.ecj"],
    ["decode", "text.ecj", "-"],
    ["info", "text.ecj"],
    ["tokenize", "text", "--tokenizer", "books-12"],
    ["evaluate", "m1-books", "text"],
    ["train-m1", "--help"],
]


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(missing=OPTIONAL) + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)


@pytest.mark.slow
def test_nothing_optional_is_needed_to_tokenise(tmp_path: Path) -> None:
    result = run(TOKENISING, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_nothing_optional_is_needed_to_compress(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"It was the best of times, it was the worst of times.")
    program = f"""
    from ecjax.cli import main

    for command in {COMMANDS}:
        sys.argv[1:] = command
        try:
            main()
        except SystemExit as stop:
            assert not stop.code, command
        else:
            raise AssertionError("a command ends by itself")
    """
    result = run(program, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "program, needed",
    [
        ("from ecjax.training import train", "ecjax.training.train needs grain: pip install 'ecjax[train]'"),
        ("from ecjax.training import make_optimizer", "ecjax.training.make_optimizer needs optax"),
        ("from ecjax.data import batches", "ecjax.data.batches needs grain: pip install 'ecjax[train]'"),
        ("import ecjax.demo", "the demonstration needs matplotlib: pip install 'ecjax[plot]'"),
    ],
)
def test_what_trains_says_what_it_needs(program: str, needed: str, tmp_path: Path) -> None:
    result = run(program, tmp_path)
    assert result.returncode == 1 and result.stderr.splitlines()[-1].startswith(f"ImportError: {needed}")


@pytest.mark.slow
def test_a_command_that_trains_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"It was the best of times, it was the worst of times." * 100)
    command = ["train-m1", "text", "--out", "run"]
    result = run(f"from ecjax.cli import main\nsys.argv[1:] = {command}\nsys.exit(main())", tmp_path)
    assert result.returncode == 2
    assert result.stderr == "ecjax: ecjax.training.extended_settings needs grain: pip install 'ecjax[train]'\n"
