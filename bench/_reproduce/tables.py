"""The paper's tables with our column beside the paper's, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench._reproduce import paper
from bench._reproduce.methods import BITS
from bench._reproduce.results import Cell, Results


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def spread(cell: Cell, key: str = "bits_per_byte") -> str:
    """Mean and deviation over seeds."""
    deviation = cell.deviation(key)
    return number(cell.mean(key)) + ("" if deviation is None else f" ± {deviation:.3f}")


def _millions(flops: float) -> str:
    return f"{flops / 1e6:.3g}M"


def compression(results: Results) -> str:
    """Tables 2, 9 and 12, with what came back."""
    rows = []
    for cell in results.of_size(results.methods):
        undecodable, windows = cell.tokens["undecodable_windows"], cell.tokens["windows"]
        wrong = "-" if windows is None else f"{undecodable:,} of {windows:,}"
        rows.append(
            [
                cell.method,
                number(cell.mean("bytes_per_token")),
                number(paper.figures(cell.method).ratio, 2),
                number(cell.mean("bit_ratio")),
                "yes" if cell.tokens["lossless"] else "no",
                wrong,
            ]
        )
    header = ["method", "bytes/token", "paper's", "bits in / bits out", "text came back", "windows that decode wrongly"]
    return markdown(header, rows)


def baselines(results: Results) -> str:
    """Table 3: the losses of models that know nothing of context."""
    rows = []
    for cell in results.of_size(results.methods):
        theirs = paper.figures(cell.method)
        rows.append(
            [
                cell.method,
                number(cell.mean("uniform_bits_per_byte")),
                number(theirs.uniform),
                number(cell.mean("unigram_bits_per_byte")),
                number(theirs.unigram),
            ]
        )
    return markdown(["method", "uniform", "paper's", "unigram", "paper's"], rows)


def losses(results: Results) -> str:
    """Tables 13, 15 and 16: bits per byte of M2, and FLOPs per byte."""
    rows = []
    for size in results.sizes:
        for cell in (cell for cell in results.cells if cell.size == size):
            theirs = paper.figures(cell.method)
            rows.append(
                [
                    cell.method,
                    size,
                    f"{cell.steps:,}",
                    str(len(cell.runs)),
                    spread(cell),
                    number(cell.mean("uniform_bits_per_byte")),
                    f"{100 * cell.gain:.1f}%",
                    number(cell.mean("nats_per_token")),
                    _millions(cell.mean("flops_per_byte")),
                    _millions(cell.mean("flops_per_byte_with_m1")),
                    number(theirs.early, 2),
                    "-" if theirs.bits is None else " / ".join(number(bits, 2) for bits in theirs.bits),
                ]
            )
    header = [
        "method",
        "size",
        "steps",
        "seeds",
        "bits/byte",
        "uniform",
        "below it",
        "nats/token",
        "FLOPs/byte",
        "with M1",
        "paper's, 25m, 3,000 steps",
        f"paper's, {' / '.join(paper.SIZES)}",
    ]
    return markdown(header, rows)


def window_codes(results: Results) -> str:
    """Preorder, published and delayed windows at every number of bits, M2 of the first size."""
    rows = []
    for bits in BITS:
        for code in ("", " published", " delayed"):
            cell = results.find(f"EqualInfo[{bits},256]{code}")
            if cell is None:
                continue
            undecodable, windows = cell.tokens["undecodable_windows"], cell.tokens["windows"]
            rows.append(
                [
                    f"{bits} bits, {code.strip() or 'preorder'}",
                    number(cell.mean("bytes_per_token")),
                    f"{100 * undecodable / windows:.1f}%",
                    f"{100 * cell.gain:.1f}%",
                    number(cell.mean("nats_per_token")),
                    spread(cell),
                    number(cell.whole),
                ]
            )
    header = [
        "windows",
        "bytes/token",
        "windows that decode wrongly",
        "below uniform",
        "nats/token",
        "bits/byte",
        "with its untold bits",
    ]
    return markdown(header, rows)
