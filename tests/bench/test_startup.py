"""Commands are run as users run them, and what they use is told."""

import json
from pathlib import Path

import pytest

from bench import startup

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_it_runs_in_miniature(tmp_path):
    out = tmp_path / "startup.json"
    startup.measure(model=["books-12"], size=[500], repeats=1, out=out)
    results = json.loads(out.read_text())["results"]
    assert [(row["command"], row["call"]) for row in results] == [
        ("encode 500 bytes, books-12", "first"),
        ("decode 500 bytes, books-12", "first"),
        ("encode 500 bytes, books-12", "later"),
        ("decode 500 bytes, books-12", "later"),
        ("--help", "any"),
        ("--version", "any"),
        ("info FILE", "any"),
    ]
    assert all(row["cpu_seconds"] > 0 and row["peak_mib"] > 5 and "ratio" not in row for row in results)


def test_two_checkouts_side_by_side(tmp_path):
    sides = {name: startup._Side(ROOT / "src", tmp_path / name) for name in ("here", "base")}
    row = startup._row("--version", "any", startup._simple(sides, ["--version"], 1))
    assert row["ratio"] == row["cpu_seconds"] / row["base_cpu_seconds"] and row["base_peak_mib"] > 5
    assert startup._simple(sides, ["no-such-command"], 1) == {"here": [], "base": []}
    assert startup._row("no-such-command", "any", {"here": [], "base": []}).keys() == {"command", "call"}


def test_a_base_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no checkout of ecjax"):
        startup.measure(base=tmp_path)
