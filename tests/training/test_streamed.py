"""Training on the shards of a corpus: what is stopped comes to the bits of a run that was not."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from ecjax import Codebook
from ecjax.corpora import Corpus, open_corpus, tokenize_corpus
from ecjax.data import corpus_batches
from ecjax.models.transformer import TransformerConfig
from ecjax.training import train
from tests.training.runs import SETTINGS, Recording, Stopped, free_address, model, same, start, stop_at, use_cpus

_BYTES = [bytes([i]) for i in range(256)]
CODEBOOK = Codebook.from_strings(_BYTES + [b"a" + byte for byte in _BYTES[:255]])
CONFIG = TransformerConfig(vocab_size=512, d_model=8, heads=1, layers=1, head_dim=8, mlp_dim=16, context=8)


@pytest.fixture(params=["arrayrecord", "parquet"])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    lines = [b"abcdefghijklmnop"[: 3 + 7 * i % 13] * (1 + i % 4) for i in range(40)]
    (tmp_path / "lines").write_bytes(b"\n".join(lines))
    options = {"format": request.param, "documents": "line", "shard_bytes": 200, "processes": 1}
    tokenize_corpus([tmp_path / "lines"], tmp_path / "corpus", CODEBOOK, **options)
    return open_corpus(tmp_path / "corpus")


def batches_of(corpus: Corpus) -> Recording:
    batches = corpus_batches(corpus, 12, SETTINGS.batch_size, 0, end_id=corpus.codebook.padding_id, open_at_once=5)
    return Recording(batches)


def test_a_stopped_run_comes_to_the_same_bits(corpus: Corpus, tmp_path: Path) -> None:
    begin = model(config=CONFIG)
    whole, losses = train(begin, batches_of(corpus), SETTINGS)
    for stop in (2, 5, 9):
        with pytest.raises(Stopped):
            train(
                begin,
                batches_of(corpus),
                SETTINGS,
                directory=tmp_path / "run",
                checkpoint_every=2,
                report=stop_at(stop),
            )
    last = batches_of(open_corpus(corpus.folder))
    again, told = train(begin, last, SETTINGS, directory=tmp_path / "run", checkpoint_every=2)
    assert told == losses and same(again, whole)
    expected = batches_of(corpus)
    for _ in range(SETTINGS.steps):
        next(expected)
    np.testing.assert_array_equal(last.last.ids, expected.last.ids)


def train_together(folder: Path, out: Path, cache: Path, address: str | None = None, index: int = 0) -> None:
    """Trains on a corpus, perhaps as one of two processes, and writes the losses."""
    use_cpus(1, cache)
    if address is not None:
        jax.distributed.initialize(address, 2, index)
    _, losses = train(model(config=CONFIG), batches_of(open_corpus(folder)), SETTINGS)
    out.write_text(json.dumps(losses))


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["arrayrecord"], indirect=True)
def test_two_processes_give_the_losses_of_one(corpus: Corpus, tmp_path: Path) -> None:
    address, cache = free_address(), tmp_path / "cache"
    outs = [tmp_path / name for name in ("alone", "first", "second")]
    alone = start(train_together, corpus.folder, outs[0], cache)
    alone.join()
    for process in [start(train_together, corpus.folder, outs[1 + i], cache, address, i) for i in range(2)]:
        process.join()
        assert process.exitcode == 0
    expected, first, second = (json.loads(out.read_text()) for out in outs)
    assert first == second
    np.testing.assert_allclose(first, expected, rtol=1e-5)


def test_another_corpus_is_another_run(corpus: Corpus, tmp_path: Path) -> None:
    begin = model(config=CONFIG)
    train(begin, batches_of(corpus), SETTINGS, directory=tmp_path / "run")
    (tmp_path / "other").write_bytes(b"another text\n" * 9)
    other = tokenize_corpus([tmp_path / "other"], tmp_path / "others", CODEBOOK, processes=1)
    assert other is not None
    with pytest.raises(ValueError, match="holds another run: batch is "):
        train(begin, batches_of(other), SETTINGS, directory=tmp_path / "run")
