"""Every block of code in the README, in docs/ and in the pages beside them is executed, as tests/documents.py says.

Commands that take long are run in the deep run only. Until then they are checked without being run, as are those that
are never run: the command, its options and their kinds.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.documents import ROOT, Command, Rule, blocks, check_command, commands, pages, run_command, run_page
from tests.strategies import annotations_unchecked

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
SAMPLE = files("ecjax").joinpath("assets/sample.txt").read_bytes()

# Code in these is executed elsewhere.
TUTORIALS = "docs/tutorials/[0-9]-*.md"  # cells, by tests/test_tutorials.py
SPECIFICATION = "specs/*.md"  # examples, by tests/conformance/test_specification.py

NOT_RUN = (
    Rule("*", "pip install|git clone|apt-get", "it downloads"),
    Rule("*", "make ", "each is a run of its own: the whole suite, the demo, the site"),
    Rule("*", "python -m bench", "it measures for minutes; tests/bench runs parts of it"),
    Rule("docs/models.md", "ecjax", "the shipped models' recipes, which take hours; the README has the same commands"),
    Rule("docs/tutorials/index.md", "jupytext|jupyter", "it needs jupyter, and opens a browser"),
    Rule("docs/tutorials/*-*.md", "ecjax", "the end of a tutorial: the reader's own port or corpus"),
    Rule("docs/playground/README.md", "python -m http.server", "it serves for ever"),
)
DEEP_ONLY = (
    Rule("*", "ecjax (train-|compile|quantize)", "it trains"),
    Rule("*", "ecjax .*(mine.safetensors|runs/)", "it needs what was trained"),
    Rule("*", "ecjax conformance run", "it starts a port for each of hundreds of cases"),
)

_SMALL = "--size tiny --context 16 --batch-size 4 --warmup 1"
SMALLER: dict[str, dict[str, str]] = {
    # What takes less time than as the page has it.
    "README.md": {
        "ecjax encode > notes.ecj": "ecjax encode --model books-12 > notes.ecj",
        "--out runs/m2 --tokenizer mine.safetensors ": f"--out runs/m2 --tokenizer mine.safetensors {_SMALL} --steps 2",
        "--out runs/m1\n": f"--out runs/m1 {_SMALL} --steps 2\n",
        "--out runs/adapted\n": "--out runs/adapted --batch-size 4 --steps 2\n",
    },
    "docs/codebooks.md": {"--bits 16 --out mine": "--bits 9 --out mine", "--bits 12 --join": "--bits 9 --join"},
    "docs/corpora.md": {"corpus --out runs/m2\n": f"corpus --out runs/m2 {_SMALL} --steps 2\n"},
    "docs/files.md": {"ecjax encode ": "ecjax encode --model books-12 "},
    "docs/paper.md": {'PAPER.m2("25m", tokenizer.vocab_size)': 'smaller(PAPER.m2("25m", tokenizer.vocab_size))'},
    "docs/training.md": {
        "--size 25m --context 512 --batch-size 256": "--size tiny --context 16 --batch-size 4",
        "--steps 200000": "--steps 2",
        "corpus --out runs/m2-corpus": "corpus --out runs/m2-corpus --steps 2",
        "corpus --tokenizer books-16": "corpus --tokenizer books-12",
        "length=512, batch_size=256": "length=16, batch_size=2",
        "length=512, batch_size=64": "length=16, batch_size=2",
        "steps=1000, batch_size=64": "steps=1, batch_size=2",
        "(2, 2, 2), (": "(1, 1, 1), (",
    },
}


def names(page: str) -> dict[str, Any]:
    """What the Python blocks of a page use, and its prose leaves to the reader."""
    import jax
    import jax.numpy as jnp

    import ecjax
    from ecjax import training
    from ecjax.models import Transformer, Unigram, configuration

    texts = [SAMPLE[:300], SAMPLE[300:600]]
    if page == "docs/streams.md":
        block = jnp.asarray([list(text) for text in texts])
        return {"model": Unigram.fit(SAMPLE), "block": block, "lengths": jnp.asarray([300, 9]), "n": 300}
    if page == "docs/tokenizers.md":
        rows = jnp.asarray([list(text) for text in texts], jnp.uint8)
        return {"text": rows[0], "length": 300, "texts": rows, "lengths": jnp.asarray([300, 9])}
    if page == "docs/paper.md":

        def smaller(run: Any) -> Any:
            settings = dataclasses.replace(run.settings, steps=1, batch_size=2)
            return dataclasses.replace(
                run, model=configuration("tiny", run.model.vocab_size, 16, "vectors"), settings=settings
            )

        return {"documents": texts, "tokenizer": ecjax.load_codebook("books-12"), "smaller": smaller}
    if page == "docs/training.md":
        tokenizer = ecjax.load_codebook("books-12")
        ids = tokenizer.encode(SAMPLE[:1000])[:32].reshape(2, 16)
        model = Transformer(configuration("tiny", tokenizer.vocab_size, 16), key=jax.random.key(0))
        settings = training.TrainingSettings(steps=1, batch_size=2)
        return {
            "model": model,
            "my_model": model,
            "settings": settings,
            "my_loss": lambda logits, ids: training.cross_entropy(logits, ids)[0],
            "digest_of_texts": "0" * 64,
            "write_model": lambda model, losses: None,
            "tokenizer": tokenizer,
            "documents": texts,
            "optimizer": training.make_optimizer(settings),
            "batches": [ids],
        }
    return {}


def prepare(folder: Path) -> None:
    """Puts into a folder what the pages speak of: `book.txt`, `books/`, and so on. The deep run has a whole book."""
    import pyarrow
    import pyarrow.parquet

    for name in ("books", "data", "notes", "shared"):
        (folder / name).mkdir()
    for name, begin in (("books/one.txt", 0), ("books/two.txt", 4000), ("data/one.txt", 8000), ("notes/one.txt", 0)):
        (folder / name).write_bytes(SAMPLE[begin : begin + 4000])
    (folder / "book.txt").write_bytes(SAMPLE if DEEP else SAMPLE[:1000])
    (folder / "held-out.txt").write_bytes(SAMPLE[20_000:22_000])
    lines = [part.decode("utf-8", "ignore") for part in (SAMPLE[i : i + 200] for i in range(0, 2000, 200))]
    with gzip.open(folder / "web.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": line}) + "\n" for line in lines)
    pyarrow.parquet.write_table(pyarrow.table({"text": lines}), folder / "crawl.parquet")
    for name in ("docs", "specs"):
        (folder / name).symlink_to(ROOT / name)


def source(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def is_of(page: str, pattern: str) -> bool:
    """Whether a page's path has a pattern."""
    return Path(page).match(pattern)


def executed_here(page: str) -> tuple[str, ...]:
    """The languages of the blocks that this test executes; the cells of a tutorial run in a notebook."""
    return ("console",) if is_of(page, TUTORIALS) else ("python", "console")


WITH_CODE = [page for page in pages() if {*executed_here(page)} & {block.language for block in blocks(source(page))}]


@pytest.mark.parametrize("page", pages())
def test_every_block_has_a_language_that_somebody_executes(page: str) -> None:
    known = {"python", "console", "text", "json"}
    if is_of(page, TUTORIALS):
        known |= {"bash"}
    if is_of(page, SPECIFICATION):
        known |= {"example", ""}  # those without a language are formulas and tables of numbers
    for block in blocks(source(page)):
        assert block.language in known, (
            f"{page}:{block.line}: the language of a block is {block.language or 'not said'}; "
            f"it must be one of {', '.join(sorted(known))}, in a fence ```LANGUAGE"
        )


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE)
def test_the_blocks_of_a_page_do_what_they_say(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = source(page)
    for there, smaller in SMALLER.get(page, {}).items():
        assert there in text, f"{page} has no {there!r}, which SMALLER replaces"
        text = text.replace(there, smaller)

    def run(command: Command) -> None:
        if any(rule.holds(page, command.text) for rule in NOT_RUN + (() if DEEP else DEEP_ONLY)):
            check_command(command.text)
        else:
            run_command(command, same=_same)

    with annotations_unchecked():
        assert run_page(page, text, names(page), run, executed_here(page))


def _same(line: str) -> list[str]:
    """What of a line of output is compared: its words; the numbers only where the whole book was read."""
    return (line if DEEP else re.sub(r"\d+(\.\d+)?", "N", line)).split()


def test_every_rule_holds_for_a_command() -> None:
    there = [
        (page, command.text)
        for page in WITH_CODE
        for block in blocks(source(page))
        if block.language == "console"
        for command in commands(block.text)
    ]
    for rule in NOT_RUN + DEEP_ONLY:
        assert any(rule.holds(page, command) for page, command in there), f"{rule} is about no command"


@pytest.mark.parametrize(
    "command, fault",
    [
        ("ecjax encod book.txt", "no command 'encod'"),
        ("ecjax encode --bit 9 book.txt", "--bit"),
        ("ecjax train-m2 books/ --out runs --steps many", "many"),
        ("ecjax conformance walk", "no command 'walk'"),
        ("make tset", "no such target"),
    ],
)
def test_a_wrong_command_is_found_without_running_it(command: str, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check_command(command)


@pytest.mark.parametrize(
    "markdown, fault",
    [
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", "page.md:5"),
        ("```console\n$ exit 3\n```\n", "status 3"),
        ("```console\n$ echo seven\nsix\n```\n", "prints:\nseven"),
        ("```console\n$ false | cat\n```\n", "status 1"),
    ],
)
def test_a_wrong_block_is_found(markdown: str, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        run_page("page.md", markdown, {}, lambda command: run_command(command, same=str.split), ["python", "console"])


def test_a_block_that_begins_with_output_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with a command"):
        commands("seven\n")


def test_a_block_is_left_out_where_the_page_says_so() -> None:
    page = '<!-- skip: next "no bucket" -->\n```python\n1 / 0\n```\n\n```console\n$ true\n```\n'
    assert run_page("page.md", page, {}, lambda command: None, ["python", "console"]) == ["no bucket", "console"]
    assert [block.language for block in blocks(page + "\n    indented\n")] == ["python", "console", ""]
