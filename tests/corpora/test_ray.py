"""Ray Data gives the same ids as one process does, on several processes, of which one is killed."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecjax import serialisation
from ecjax.corpora import tokenize_corpus
from ecjax.corpora.ray import Tokenize

TEXT = serialisation.asset("sample.txt").read_bytes().decode("utf-8", "replace")
ROWS = [{"number": number, "text": TEXT[number * 3 : number * 3 + 200 + number]} for number in range(300)]


@pytest.fixture(scope="module")
def data() -> Iterator[Any]:
    """Ray Data on a cluster of this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ecjax[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield pytest.importorskip("ray.data")
    ray.shutdown()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[list[int]]:
    folder = tmp_path_factory.mktemp("one")
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    corpus = tokenize_corpus([folder / "in.jsonl"], folder / "out", "books-12", processes=1)
    assert corpus is not None
    return [ids.tolist() for ids in corpus]


def ids_in(folder: Path) -> list[list[int]]:
    table = pq.read_table(folder).sort_by("number")
    assert table.schema.field("ids").type.value_type == pa.uint16()
    assert table.column_names == ["number", "ids"] and table["number"].to_pylist() == list(range(len(ROWS)))
    return table["ids"].to_pylist()


@pytest.mark.slow
def test_tasks_give_the_ids_of_one_process(data: Any, expected: list[list[int]], tmp_path: Path) -> None:
    rows = data.from_items(ROWS, override_num_blocks=4)
    found = rows.map_batches(Tokenize("books-12"), batch_format="pyarrow", batch_size=50)
    found.write_parquet(str(tmp_path / "out"))
    assert ids_in(tmp_path / "out") == expected


@pytest.mark.slow
def test_so_do_actors_of_which_one_is_killed(data: Any, expected: list[list[int]], tmp_path: Path) -> None:
    killed = tmp_path / "killed"

    class Fatal(Tokenize):  # travels by value: it is no module's
        def __call__(self, batch: Any) -> Any:
            if 150 in batch["number"].to_pylist() and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    rows = data.from_items(ROWS, override_num_blocks=6)
    found = rows.map_batches(
        Fatal,
        fn_constructor_args=("books-12",),
        batch_format="pyarrow",
        batch_size=25,
        compute=data.ActorPoolStrategy(size=2),
    )
    found.write_parquet(str(tmp_path / "out"))
    assert killed.exists() and ids_in(tmp_path / "out") == expected


def test_batches_keep_other_columns_and_their_order() -> None:
    table = pa.table({"a": [1, 2], "text": ["x", None], "b": [3, 4]})
    found = Tokenize("books-12", ids="tokens")(table)
    assert found.column_names == ["a", "tokens", "b"] and found["a"] == table["a"]
    assert [None if ids is None else len(ids) for ids in found["tokens"].to_pylist()] == [1, None]


@pytest.mark.parametrize(
    "batch, error, cause",
    [
        ({"text": ["a"]}, TypeError, 'pass batch_format="pyarrow"; got dict'),
        (pa.table({"title": ["a"]}), ValueError, "there is no column 'text'; there are title"),
        (pa.table({"text": [1]}), ValueError, "the column 'text' holds int64, no text"),
    ],
)
def test_other_batches_are_refused(batch: Any, error: type[Exception], cause: str) -> None:
    with pytest.raises(error, match=cause):
        Tokenize("books-12")(batch)
