"""The results of the scale `windows` as one page: each method against SentencePiece of as many ids, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from bench._reproduce.methods import yardstick
from bench._reproduce.plots import MARKERS, figure_of, save
from bench._reproduce.results import Cell, Results, welch
from bench._reproduce.scales import Equal
from bench._reproduce.tables import markdown, number, spread
from ecjax import atomic

_WORDS: dict[Equal, str] = {
    "steps": "equal steps and training compute: one model for all",
    "flops": "equal FLOPs per byte and training compute: widths chosen so",
}


def write(out: Path, files: Iterable[Path]) -> None:
    """Writes `tables.md` and its figures of the runs in `files` into `out`.

    Raises:
      ValueError: If there are no results.
    """
    results = Results(files)
    if not results.cells:
        raise ValueError(f"there are no results in {out} yet; run without --method, or with another")
    parts = [
        "# Codebooks against subwords\n",
        "Written by `python -m bench reproduce --scale windows`; docs/reproduce.md explains it.\n"
        "Bits/byte are of held-out text; ± is the standard deviation over seeds. t and p are those of\n"
        "Welch's test against the yardstick, the row in bold; t below zero is better than it. Weights\n"
        'and FLOPs are without embeddings, as in the paper, but for "all products".\n',
    ]
    for size in results.sizes:
        for other in dict.fromkeys(yardstick(method) for method in results.methods):
            for equal in get_args(Equal):
                if cells := _section(results, size, other, equal):
                    parts += [f"## {size}, against {other}, {_WORDS[equal]}\n", _table(cells, other)]
        parts += [
            f"## {size}, figures\n",
            f"Over training:\n\n![{size} over training](training-{size}.svg)\n",
            f"Against bytes per step:\n\n![{size} against bytes per step](bytes-per-step-{size}.svg)\n",
        ]
        _training(results, size, out / f"training-{size}.svg")
        _density(results, size, out / f"bytes-per-step-{size}.svg")
    atomic.write_bytes(out / "tables.md", "\n".join(parts).encode())


def _section(results: Results, size: str, other: str, equal: Equal) -> list[Cell]:
    """What is compared with one yardstick, which is the same run in both comparisons."""
    return [
        cell
        for cell in results.cells
        if cell.size == size and yardstick(cell.method) == other and (cell.equal == equal or cell.method == other)
    ]


def _table(cells: Sequence[Cell], other: str) -> str:
    base = next((cell for cell in cells if cell.method == other), None)
    header = [
        "method",
        "seeds",
        "weights",
        "steps",
        "bytes/step",
        "bits/byte",
        "difference",
        "t",
        "p",
        "unigram",
        "FLOPs/byte",
        "all products",
        "training FLOPs",
    ]
    return markdown(header, [_row(cell, base) for cell in cells])


def _row(cell: Cell, base: Cell | None) -> list[str]:
    test = difference = None
    if base is not None and cell is not base:
        test = welch(cell, base)
        difference = cell.mean("bits_per_byte") - base.mean("bits_per_byte")
    return [
        f"**{cell.method}**" if cell is base else cell.method,
        str(len(cell.runs)),
        f"{cell.mean('weights'):,.0f}",
        f"{cell.runs[0]['settings']['steps']:,}",
        number(cell.mean("bytes_per_token")),
        spread(cell),
        "-" if difference is None else f"{difference:+.3f}",
        "-" if test is None else f"{test.t:.1f}",
        "-" if test is None else f"{test.p:.1g}",
        number(cell.mean("unigram_bits_per_byte")),
        f"{cell.mean('flops_per_byte'):,.0f}",
        f"{cell.mean('flops_per_byte_of_all_products'):,.0f}",
        f"{cell.mean('training_flops_without_embeddings'):.3g}",
    ]


def _panels(results: Results, size: str) -> tuple[Any, list[tuple[Any, list[Cell]]]]:
    """A figure with a panel for each yardstick and kind of comparison that there are cells for."""
    sections = [
        (f"against {other}, {_WORDS[equal].partition(':')[0]}", cells)
        for other in dict.fromkeys(yardstick(method) for method in results.methods)
        for equal in get_args(Equal)
        if (cells := _section(results, size, other, equal))
    ]
    figure, axes = figure_of(len(sections))
    panels = [axes] if len(sections) == 1 else list(axes)
    for panel, (title, _) in zip(panels, sections, strict=True):
        panel.set_title(title, fontsize=8)
    return figure, [(panel, cells) for panel, (_, cells) in zip(panels, sections, strict=True)]


def _training(results: Results, size: str, path: Path) -> None:
    """Bits per byte over the training compute, all seeds thin and their mean thick."""
    figure, panels = _panels(results, size)
    for panel, cells in panels:
        for index, cell in enumerate(cells):
            share = cell.mean("training_flops_without_embeddings") / cell.runs[0]["settings"]["steps"]
            for run in cell.runs:
                points = [(share * point["step"], point["bits_per_byte"]) for point in run["curve"]]
                panel.plot(*zip(*points, strict=True), color=f"C{index}", alpha=0.3, linewidth=0.7)
            xs, means = zip(*((share * step, bits) for step, bits in cell.curve.items()), strict=True)
            marker = MARKERS[index % len(MARKERS)]
            panel.plot(xs, means, color=f"C{index}", marker=marker, markersize=4, label=cell.method)
        panel.set(xlabel="training FLOPs, without embeddings", ylabel="held-out bits/byte")
        panel.legend(fontsize=7)
    save(figure, path)


def _density(results: Results, size: str, path: Path) -> None:
    """Bits per byte against bytes per step."""
    figure, panels = _panels(results, size)
    for panel, cells in panels:
        for index, cell in enumerate(cells):
            panel.errorbar(
                [cell.mean("bytes_per_token")],
                [cell.mean("bits_per_byte")],
                [cell.deviation("bits_per_byte") or 0],
                marker=MARKERS[index % len(MARKERS)],
                linestyle="",
                color=f"C{index}",
                capsize=2,
                label=cell.method,
            )
        panel.set(xlabel="bytes per step", ylabel="held-out bits/byte")
        panel.legend(fontsize=7)
    save(figure, path)
