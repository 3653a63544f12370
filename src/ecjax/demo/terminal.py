"""A demonstration on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ecjax.console import console
from ecjax.demo.findings import Cut, RoundTrip, Sample, Trained
from ecjax.demo.wording import readable

_COLOURS = ("on yellow", "on cyan", "on green", "on magenta")  # which every terminal has
_FIRST = 12  # windows that are shown bit by bit


def show_windows(cut: Cut) -> None:
    """Prints a text with its windows in colours, and the first of them bit by bit (after the paper's Fig. 2)."""
    coloured = Text()
    for index, window in enumerate(cut.windows):
        coloured.append(readable(window.string), f"black {_COLOURS[index % len(_COLOURS)]}")
        if console.color_system is None:
            coloured.append("|")
    console.print(coloured)
    console.print(f"\nThe first windows, {len(cut.windows[0].bits)} bits each:")
    table = Table(box=None)
    for column in ("bits", "id", "bytes", "text"):
        table.add_column(column, justify="right" if column in ("id", "bytes") else "left")
    for window in cut.windows[:_FIRST]:
        text = escape(repr(window.string)[1:])
        table.add_row(window.bits, str(window.id), str(len(window.string)), text)
    console.print(table)


def show_round_trips(trips: Sequence[RoundTrip]) -> None:
    """Prints what came back, and whether all did."""
    table = Table(box=None)
    for column in ("", "codebook", "bytes", "tokens", "bytes/token", "SHA-256"):
        table.add_column(column, justify="left" if column in ("", "codebook") else "right")
    for trip in trips:
        ratio = f"{trip.text_bytes / trip.tokens:.3f}" if trip.tokens else "-"
        same = trip.before[:12] if trip.lossless else f"{trip.before[:12]} became {trip.after[:12]}"
        table.add_row(trip.what, trip.codebook, f"{trip.text_bytes:,}", f"{trip.tokens:,}", ratio, same)
    console.print(table)
    console.print(
        "[bold green]All came back as they were." if all(trip.lossless for trip in trips) else "[bold red]NOT lossless."
    )


def show_results(models: Sequence[Trained], held_out_bytes: int) -> None:
    """Prints what models are worth on the held-out text, side by side."""
    table = Table(title=f"On {held_out_bytes:,} held-out bytes", box=None)
    for column in ("", "bits/byte", "uniform", "unigram", "bytes/step", "FLOPs/byte", "trained FLOPs"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for model in models:
        table.add_row(
            model.name,
            f"[bold]{model.bits_per_byte:.3f}",
            f"{model.uniform:.3f}",
            f"{model.unigram:.3f}",
            f"{model.bytes_per_token:.2f}",
            f"{model.flops_per_byte:,.0f}",
            f"{model.flops:.2e}",
        )
    console.print(table)


def show_samples(prompt: bytes, samples: Iterable[Sample]) -> None:
    """Prints what models made of a prompt."""
    for sample in samples:
        console.print(f"The model over {sample.name}:")
        console.print(Text(readable(prompt), "dim") + Text(readable(sample.text), "bold"), end="\n\n", soft_wrap=True)
