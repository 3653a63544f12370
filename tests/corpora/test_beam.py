"""Apache Beam gives the same ids as one process does, on several processes too."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecjax import serialisation
from ecjax.corpora import tokenize_corpus

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed: pip install 'ecjax[beam]'")
RUNNER = importlib.import_module("apache_beam.runners.portability.fn_api_runner")  # which needs no other program
OPTIONS = importlib.import_module("apache_beam.options.pipeline_options")
TEXT = serialisation.asset("sample.txt").read_bytes().decode("utf-8", "replace")


def rows(count: int) -> list[dict[str, Any]]:
    return [{"text": TEXT[number * 3 : number * 3 + 200 + number], "number": number} for number in range(count)]


def expected(folder: Path, rows: list[dict[str, Any]]) -> list[list[int]]:
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = tokenize_corpus([folder / "in.jsonl"], folder / "out", "books-12", processes=1)
    assert corpus is not None
    return [ids.tolist() for ids in corpus]


def tokenised(folder: Path, rows: list[dict[str, Any]], fatal: Path | None = None) -> list[list[int]]:
    """The ids that a pipeline on two processes writes to files, in the order of the rows.

    Where no file is at `fatal`, one of the processes makes it and is killed.
    """
    from ecjax.corpora.beam import Tokenize

    def passed(row: dict[str, Any]) -> dict[str, Any]:
        import os
        import signal

        if fatal is not None and row["number"] == 150 and not fatal.exists():
            fatal.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return row

    options = OPTIONS.PipelineOptions(["--direct_num_workers=2", "--direct_running_mode=multi_processing"])
    with beam.Pipeline(RUNNER.FnApiRunner(), options) as pipeline:
        found = pipeline | beam.Create(rows) | beam.Reshuffle() | beam.Map(passed) | Tokenize("books-12")
        lines = found | beam.Map(lambda row: json.dumps([row["number"], row["ids"].tolist(), sorted(row)]))
        _ = lines | beam.io.WriteToText(str(folder / "beam"))
    every = [json.loads(line) for path in folder.glob("beam-*-of-*") for line in path.read_text().splitlines()]
    assert all(names == ["ids", "number"] for _, _, names in every)
    assert sorted(number for number, _, _ in every) == list(range(len(rows)))
    return [ids for _, ids, _ in sorted(every)]


@pytest.mark.slow
def test_the_ids_are_those_of_one_process_also_after_a_kill(tmp_path: Path) -> None:
    """This runner gives up where a process is killed, as no runner of a cluster does; nothing half-done is left."""
    some = rows(300)
    with pytest.raises(RuntimeError):
        tokenised(tmp_path, some, tmp_path / "killed")
    assert (tmp_path / "killed").exists() and not list(tmp_path.glob("beam-*-of-*"))
    assert tokenised(tmp_path, some, tmp_path / "killed") == expected(tmp_path, some)


def test_rows_without_text_are_told_of_or_kept() -> None:
    from ecjax.corpora.beam import Tokenize

    encode = Tokenize("books-12")._encode
    (nothing, bytes_) = encode.process([{"text": None, "id": 1}, {"text": b"a", "id": 2}])
    assert nothing == {"ids": None, "id": 1}
    assert bytes_["ids"].dtype == np.uint16 and len(bytes_["ids"]) == 1
    with pytest.raises(ValueError, match="a row has no field 'text'; it has title"):
        list(encode.process([{"title": "a"}]))
