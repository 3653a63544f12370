"""What a step waits for data is measured in miniature."""

import json

import pytest

from bench import feeding


@pytest.mark.slow
def test_it_runs_in_miniature(tmp_path):
    out = tmp_path / "feeding.json"
    feeding.measure(size="tiny", context=8, batch_size=4, steps=2, documents=[5000], out=out)
    rows = json.loads(out.read_text())["results"]
    assert [row["shards"] for row in rows] == ["arrayrecord", "parquet"]
    for row in rows:
        assert 4000 < row["document_bytes"] < 6000 and row["documents"] > 1000
        assert 0 < row["waiting_percent"] < 100 and row["step_ms"] > row["making_ms"] > 0
