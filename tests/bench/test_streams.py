"""The measurement of streams runs in miniature: what it codes comes back, and close to the ideal."""

import json

import numpy as np
import pytest

from bench import streams


@pytest.mark.slow
def test_it_runs_in_miniature(tmp_path):
    out = tmp_path / "streams.json"
    streams.measure(streams=[1, 8], alphabet=[2, 300], size=2000, repeats=1, out=out)
    written = json.loads(out.read_text())
    rows = written["results"]
    names = {row["coder"] for row in rows}
    assert names >= {*streams.OURS} and not names & {*written["settings"]["not_installed"]}
    assert len(rows) == len(names) * 2 * 3
    assert all(row["lossless"] and row["encode_symbols_per_s"] > 0 for row in rows)
    assert all(row["overhead_bits_per_stream"] < 8.1 for row in rows if row["coder"] == "ecjax, stream")


def test_made_up_symbols_are_as_likely_as_their_tables_say():
    task = streams.made_up_task(16, 100_000, 4)
    counts = np.diff(task.tables.astype(int), axis=1)
    assert task.symbols.shape == task.which.shape == (4, 25_000) and (counts > 0).all()
    expected = -(counts / 65536 * np.log2(counts / 65536)).sum(axis=1)[task.which].sum()
    assert abs(task.ideal_bits / expected - 1) < 0.02


def test_too_little_text_is_refused():
    with pytest.raises(ValueError, match="2000 bytes are too few for 4096 streams"):
        streams.measure(streams=[4096], size=2000)
