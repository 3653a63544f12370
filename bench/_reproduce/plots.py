"""Figs. 3 to 6 and 10 of the paper, and M2 over training, drawn from our results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench._reproduce.methods import BITS
from bench._reproduce.results import Cell, Results

_MAIN = (
    "Bytes",
    "SentencePiece[4k]",
    "SentencePiece[32k]",
    "AC[256]",
    "StaticAC[256]",
    "GZip[256]",
    "EqualInfo[16,256]",
    "EqualInfo[12,4k]",
    "EqualInfo[16,65k]",
)
MARKERS = "osv^D<>ph*XP"


def draw(results: Results, folder: Path) -> None:
    """Writes one SVG file for each figure."""
    _against(results, "flops_per_byte_with_m1", "inference FLOPs/byte, M1 included", folder / "fig3.svg")
    _against(results, "bytes_per_token", "bytes per decoding step", folder / "fig4.svg")
    _window_sizes(results, folder / "fig5.svg")
    _vocabularies(results, folder / "fig6.svg")
    _positions(results, folder / "fig10.svg")
    _curves(results, folder / "training.svg")


def _name(results: Results, cell: Cell) -> str:
    """A method, with its steps where they are not those of most."""
    return cell.method if cell.steps == results.cells[0].steps else f"{cell.method}, {cell.steps} steps"


def figure_of(columns: int = 1) -> tuple[Any, Any]:
    """A figure with panels side by side, and its axes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "ecjax", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}
    from matplotlib import pyplot

    return pyplot.subplots(
        1, columns, figsize=(7.5 if columns == 1 else max(10, 5 * columns), 4.5), layout="constrained"
    )


def save(figure: Any, path: Path) -> None:
    """Writes a figure as SVG."""
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _line(axes: Any, cells: Sequence[Cell], xs: Sequence[float], key: str, index: int, label: str) -> None:
    axes.errorbar(
        xs,
        [cell.mean(key) for cell in cells],
        [cell.deviation(key) or 0 for cell in cells],
        marker=MARKERS[index % len(MARKERS)],
        color=f"C{index}",
        capsize=2,
        label=label,
    )


def _against(results: Results, key: str, label: str, path: Path) -> None:
    """Figs. 3 and 4: bits per byte of each method, a point for each size."""
    figure, axes = figure_of()
    for index, method in enumerate(method for method in _MAIN if results.find(method)):
        cells = [cell for size in results.sizes if (cell := results.find(method, size))]
        _line(axes, cells, [cell.mean(key) for cell in cells], "bits_per_byte", index, _name(results, cells[0]))
    axes.set(xlabel=label, ylabel="held-out bits/byte", xscale="log")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    save(figure, path)


def _window_sizes(results: Results, path: Path) -> None:
    """Fig. 5: bits per byte, and how far below uniform each token's loss is, by the bits of a window."""
    figure, (left, right) = figure_of(2)
    for index, code in enumerate(("", " published", " delayed")):
        found = [(bits, cell) for bits in BITS if (cell := results.find(f"EqualInfo[{bits},256]{code}"))]
        if found:
            bits, cells = zip(*found, strict=True)
            _line(left, cells, bits, "bits_per_byte", index, code.strip() or "preorder")
            if code == " published":
                left.plot(
                    bits,
                    [cell.whole for cell in cells],
                    ":",
                    color=f"C{index}",
                    label="published, with its untold bits",
                )
            right.plot(bits, [100 * cell.gain for cell in cells], marker=MARKERS[index], color=f"C{index}")
    left.set(xlabel="bits of a window", ylabel="held-out bits/byte", xscale="log", xticks=BITS, xticklabels=BITS)
    right.set(xlabel="bits of a window", ylabel="% below the uniform loss", xscale="log", xticks=BITS, xticklabels=BITS)
    for axes in (left, right):
        axes.minorticks_off()
    if left.lines:
        left.legend()
    save(figure, path)


def _vocabularies(results: Results, path: Path) -> None:
    """Fig. 6: the same bits cut into narrow and into wide ids."""
    figure, axes = figure_of()
    pairs = [
        ("AC[256]", "AC[4k]", "AC[65k]"),
        ("GZip[256]", "GZip[4k]", "GZip[65k]"),
        ("EqualInfo[12,64]", "EqualInfo[12,4k]"),
        ("EqualInfo[16,256]", "EqualInfo[16,65k]"),
    ]
    for index, methods in enumerate(pairs):
        cells = results.of_size(methods)
        _line(
            axes,
            cells,
            [cell.mean("bytes_per_token") for cell in cells],
            "bits_per_byte",
            index,
            methods[0].split("[")[0],
        )
        for cell in cells:
            axes.annotate(
                _name(results, cell),
                (cell.mean("bytes_per_token"), cell.mean("bits_per_byte")),
                (4, 4),
                textcoords="offset points",
                fontsize=8,
            )
    axes.set(xlabel="bytes per token", ylabel="held-out bits/byte")
    save(figure, path)


def _positions(results: Results, path: Path) -> None:
    """Fig. 10: how often the likeliest token is right, by its position in the window, over training."""
    cells = results.of_size(["EqualInfo[16,256] published", *(f"EqualInfo[{bits},256]" for bits in (16, 32, 128))])
    figure, axes = figure_of(max(1, len(cells)))
    for panel, cell in zip([axes] if len(cells) < 2 else axes, cells, strict=False):
        curve = cell.runs[0]["curve"]
        for index, point in enumerate(curve):
            accuracy = [100 * share for share in point["accuracy_by_position"]]
            shade = 0.3 + 0.7 * index / max(1, len(curve) - 1)
            panel.plot(range(1, len(accuracy) + 1), accuracy, "o-", color="C0", alpha=shade, markersize=3)
        panel.axhline(100 / 256, color="grey", linestyle=":")
        panel.set(xlabel="token of the window", ylim=(0, None))
        panel.set_title(cell.method, fontsize=9)
        panel.xaxis.get_major_locator().set_params(integer=True)
    figure.supylabel("tokens predicted, %; darker is later", fontsize=10)
    save(figure, path)


def _curves(results: Results, path: Path) -> None:
    """Bits per byte over training, of the first size."""
    figure, axes = figure_of()
    for index, cell in enumerate(results.of_size([method for method in _MAIN if method in results.methods])):
        steps = [point["step"] for point in cell.runs[0]["curve"]]
        bits = [cell.at(i) for i in range(len(steps))]
        axes.plot(steps, bits, marker=MARKERS[index], color=f"C{index}", label=_name(results, cell))
    axes.set(xlabel="steps", ylabel="held-out bits/byte")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    save(figure, path)
