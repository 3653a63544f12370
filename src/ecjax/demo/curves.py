"""Learning curves: held-out bits per byte against training compute."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ecjax.demo.findings import Trained

_COLOURS = ("tab:orange", "tab:blue")
_MARKERS = "os"
# In the drawing for a page: a colour that nothing else has stands for a variable of the page's style sheet.
_INK, _SERIES = "#010203", ("#010204", "#010205")
_VARIABLES = {_INK: "var(--text)", _SERIES[0]: "var(--first)", _SERIES[1]: "var(--second)"}
_PAGE_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "svg.fonttype": "none",  # letters stay letters
    "svg.hashsalt": "ecjax",  # the same drawing is the same text
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _INK,
    "legend.frameon": False,
}


def png(models: Sequence[Trained]) -> bytes:
    """The curves of two models as a PNG file."""
    file, figure = io.BytesIO(), _figure(models, _COLOURS, (7.0, 4.2))
    figure.axes[0].legend()
    figure.savefig(file, dpi=150, format="png")
    return file.getvalue()


def svg(models: Sequence[Trained]) -> str:
    """The curves of two models as an SVG element for a page that defines `--text`, `--first` and `--second`."""
    file = io.StringIO()
    with matplotlib.rc_context(_PAGE_STYLE):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure = _figure(models, _SERIES, (5.4, 4.4))
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)  # where no line crosses it
        figure.savefig(file, format="svg", metadata=nothing, transparent=True)
    drawing = file.getvalue()
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, variable)
    return drawing[drawing.index("<svg") :]


def _figure(models: Sequence[Trained], colours: Sequence[str], size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    for model, colour, marker in zip(models, colours, _MARKERS, strict=True):
        flops, bits = [point.flops for point in model.curve], [point.bits_per_byte for point in model.curve]
        axes.plot(flops, bits, f"{marker}-", color=colour, label=f"Transformer over {model.name}")
        axes.axhline(model.unigram, color=colour, linestyle=":", label=f"unigram over {model.name}")
    axes.set(xlabel="training compute (FLOPs)", ylabel="held-out bits/byte", title="Less is better")
    axes.grid(alpha=0.3)
    return figure
