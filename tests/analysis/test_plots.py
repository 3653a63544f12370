"""Figures are small SVG files that are the same every time and say what they show."""

import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

from ecjax.analysis import Divergences, plots

CURVE = Divergences(np.arange(1, 4), np.array([0.1, 0.5, 1.0]), np.array([-0.01, 0.2, 0.9]))
FIGURES = {
    "divergences": lambda path: plots.draw_divergences({"AC": CURVE, "random bits": CURVE}, {"AC": CURVE}, path),
    "distances": lambda path: plots.draw_distances({"AC": np.linspace(0, 1, 9), "bytes": np.zeros(3)}, path),
    "stability": lambda path: plots.draw_stability({"AC": [1.0, 0.2], "bytes": [1.0]}, path),
    "bytes": lambda path: plots.draw_bytes({"AC": [1.0, 0.2], "bytes": [1.0]}, path),
    "learning": lambda path: plots.draw_learning([1, 2, 3], np.ones((3, 2)), path, "AC"),
    "sequences": lambda path: plots.draw_sequences({"AC": ([1, 2], [0.5, 0.7])}, path),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_every_time_and_names_what_it_shows(name: str, tmp_path: Path):
    path = tmp_path / "new" / "figure.svg"
    FIGURES[name](path)
    first = path.read_bytes()
    FIGURES[name](path)
    assert path.read_bytes() == first and len(first) < 100_000
    letters = " ".join(element.text or "" for element in xml.etree.ElementTree.fromstring(first).iter())
    assert "AC" in letters
