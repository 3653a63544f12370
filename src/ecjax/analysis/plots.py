"""Figures of the analyses, one function each, drawn with matplotlib (the extra `plot`) as small SVG files.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; lines also differ in their markers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from ecjax.analysis.divergence import Divergences

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999", "#000000")
_MARKERS = "osD^vP*X"
# Letters stay letters, and the same figure is the same file.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "ecjax", "font.size": 9, "legend.fontsize": 8}


def draw_divergences(
    overlapping: Mapping[str, Divergences], cut: Mapping[str, Divergences], path: Path, baseline: str = "random bits"
) -> None:
    """Draws corrected divergences against n: overlapping n-grams (Fig. 11), and tokens of n bits (Figs. 16, 17).

    Args:
      overlapping: Of each bit stream.
      cut: Of each bit stream.
      path: Where to write the figure.
      baseline: The stream that is drawn as a broken black line.
    """
    with _figure(path, 2, width=9.5) as panels:
        for axes, curves, title in zip(panels, (overlapping, cut), ("overlapping", "cut from the stream"), strict=True):
            for index, (name, found) in enumerate(curves.items()):
                style = {"color": "k", "linestyle": "--"} if name == baseline else _style(index)
                axes.plot(found.widths, found.corrected, label=name, markersize=3, **style)
            axes.set_yscale("symlog", linthresh=1e-2)
            axes.set(xlabel="n (bits)", ylabel="KL to uniform (bits per n-gram)", title=f"n-grams, {title}")
        panels[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5))


def draw_distances(distances: Mapping[str, Float64[np.ndarray, " _"]], path: Path) -> None:
    """Draws how much of a tokenisation another first word changes (Fig. 8): median, quartiles, 5 and 95 percent."""
    with _figure(path, 1, height=0.28 * len(distances) + 1) as (axes,):
        axes.boxplot(
            list(distances.values())[::-1],
            orientation="horizontal",
            tick_labels=list(distances)[::-1],
            whis=(5, 95),
            showfliers=False,
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": _COLOURS[5]},
            medianprops={"color": "k", "linewidth": 2},
        )
        axes.set(xlabel="edit distance / length in ids", xlim=(0, 1), title="Another first word: what changes")


def draw_stability(shares: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draws how often an id adds its most frequent text, by its position in the window (Tables 8 and 14)."""
    with _figure(path, 1) as (axes,):
        _draw_positions(axes, shares)
        axes.set(
            ylabel="share of occurrences with the id's usual text", ylim=(0, 1.05), title="The same id, the same text"
        )


def draw_bytes(means: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draws the bytes that become certain with each token of a window (Fig. 9)."""
    with _figure(path, 1) as (axes,):
        _draw_positions(axes, means)
        axes.set(ylabel="bytes that become certain", title="What each token of a window tells")
        axes.set_ylim(bottom=0)


def draw_learning(
    steps: Sequence[int], accuracy: Float64[np.ndarray, "points k"], path: Path, title: str = "Learning within a window"
) -> None:
    """Draws accuracy over training, a line for each position in the window (Fig. 10).

    Args:
      steps: Training steps at which the model was measured.
      accuracy: Top-1 accuracy then, at each position.
      path: Where to write the figure.
      title: What the model was trained on.
    """
    with _figure(path, 1) as (axes,):
        for position, line in enumerate(accuracy.T):
            axes.plot(steps, line, label=f"token {position + 1}", markersize=4, **_style(position))
        axes.set(xlabel="training steps", ylabel="top-1 accuracy on held-out text", title=title)
        axes.set_ylim(bottom=0)
        axes.legend()


def draw_sequences(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], path: Path) -> None:
    """Draws accuracy per target id over training, a line for each task (Table 5): steps and accuracies."""
    with _figure(path, 1) as (axes,):
        for index, (name, (steps, accuracy)) in enumerate(curves.items()):
            axes.plot(steps, accuracy, label=name, markersize=4, **_style(index))
        axes.set(xlabel="training steps", ylabel="accuracy per target id", ylim=(0, 1.02), title="Sequence to sequence")
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))


def _draw_positions(axes: Any, values: Mapping[str, Sequence[float]]) -> None:
    for index, (name, line) in enumerate(values.items()):
        axes.plot(range(1, len(line) + 1), line, label=name, markersize=4, **_style(index))
    axes.set_xlabel("position of the token in its window")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()


def _style(index: int) -> dict[str, Any]:
    return {"color": _COLOURS[index % len(_COLOURS)], "marker": _MARKERS[index % len(_MARKERS)], "linewidth": 1.3}


@contextlib.contextmanager
def _figure(path: Path, panels: int, width: float = 6.5, height: float = 3.6) -> Iterator[Sequence[Any]]:
    """Panels side by side, to be drawn on; the figure is written when they are."""
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("figures are drawn with matplotlib: pip install 'ecjax[plot]'") from error
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        for each in axes:
            each.grid(alpha=0.3)
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
