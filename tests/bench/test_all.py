"""Rates do not fall: the short form of `bench all` against the results of an earlier run of it, by ratios alone."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

from bench import _bounds
from bench import all as bench_all
from bench._all.rows import Row, fallen, measured, missing
from ecjax import evaluation
from ecjax.models.transformer import configuration

ROOT = Path(__file__).parents[2]
SHORT = ROOT / "bench" / "results" / "all-short.json"
ROW = Row("encode, x", "English", "4 kB", 10.0, "MB/s", ["a", "b"], [2.0, 4.0], "memory bandwidth", 0.1)


def at(ratio: float, share: float = 0.1) -> Row:
    """The row with other figures."""
    return dataclasses.replace(ROW, ratio=[ratio, 4.0], share=share)


@pytest.mark.slow
def test_no_figure_is_below_half_of_what_it_was(tmp_path):
    # Compiled as for users, which the test run's own settings are not.
    environment = {**os.environ, "XLA_FLAGS": "", "COLUMNS": "200"}
    out = tmp_path / "all.json"
    what = ["-m", "bench", "all", "--short", "--repeats", "3"]
    command = [sys.executable, *what, "--against", str(SHORT), "--json", str(out)]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    content = json.loads(out.read_text())
    absent = content["settings"]["not_installed"]
    if absent:
        print(f"not compared, as they are not installed: {', '.join(absent)}")


def test_what_is_below_half_has_fallen():
    assert fallen([at(1.01, 0.051)], [ROW]) == []
    assert fallen([at(0.99)], [ROW]) == ["encode, x, English, 4 kB: ratio to a is 0.99, was 2"]
    assert fallen([at(2, 0.04)], [ROW]) == []  # beside peers the share does not count
    alone = [dataclasses.replace(at(2, share), peer=[], ratio=[]) for share in (0.1, 0.04)]
    said = ["encode, x, English, 4 kB: share of memory bandwidth is 0.04, was 0.1"]
    assert fallen(alone[1:], alone[:1]) == said
    assert fallen([dataclasses.replace(at(0.1), size="100 B")], [ROW]) == []


def test_what_is_not_measured_any_more_is_told_but_for_peers_that_are_not_installed():
    alone = dataclasses.replace(ROW, peer=["a"], ratio=[2.0])
    assert missing([ROW], [ROW], []) == []
    assert missing([alone], [ROW], []) == ["encode, x, English, 4 kB: ratio to b was 4, and is not measured any more"]
    assert missing([alone], [ROW], ["b"]) == []
    assert len(missing([], [ROW], ["a"])) == 1 and missing([], [ROW], ["a", "b"]) == []


@pytest.mark.parametrize("ratios, calls, last", [([3], 1, 3), ([0.1, 1.5], 2, 1.5), ([0.1, 0.3, 0.2, 0.1, 2], 4, 0.3)])
def test_a_measurement_is_repeated_up_to_three_times(ratios, calls, last):
    left = list(ratios)
    (row,) = measured(lambda: [at(left.pop(0))], [ROW])
    assert len(ratios) - len(left) == calls and row.ratio == [last, 4.0]


def test_the_products_of_a_step_are_counted_as_evaluation_counts_them():
    config, rows = dataclasses.replace(configuration("tiny", 96, 16), layers=1), 2
    _, flops = _bounds.step_products(config, rows)
    assert flops == 3 * evaluation.forward_flops_per_token(config) * rows * config.context


def test_the_products_are_the_gradients():
    a, b = jnp.arange(6.0).reshape(2, 3), jnp.arange(12.0).reshape(3, 4)
    ((of_a, of_b),) = _bounds.three_products([(a, b)])
    assert jnp.array_equal(of_a, a @ b @ b.T) and jnp.array_equal(of_b, a.T @ (a @ b))


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(ValueError, match="leave out --text and --train"):
        bench_all.measure(texts=[SHORT], short=True)
    with pytest.raises(ValueError, match="holds no results of"):
        bench_all.measure(against=tmp_path)
    (tmp_path / "text").write_bytes(b"little")
    with pytest.raises(ValueError, match="6 bytes of text are too few"):
        bench_all.measure(texts=[tmp_path / "text"])
