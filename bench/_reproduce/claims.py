"""The paper's claims, each with our figures and whether they bear it out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from bench._reproduce.methods import BITS
from bench._reproduce.results import Cell, Results, welch
from bench._reproduce.tables import markdown, number, spread

_AT_UNIFORM = 0.01  # a loss less than this share below that of uniform tokens counts as not learnt
_LEARNT = 0.05  # and one more than this below it as learnt


class Finding(NamedTuple):
    """A claim, our figures, and whether it held; None where that could not be seen."""

    claim: str
    ours: str
    held: bool | None


def _below(cell: Cell) -> str:
    uniform = cell.mean("uniform_bits_per_byte")
    return f"{cell.method}: {100 * cell.gain:.1f}% below uniform ({spread(cell)} of {uniform:.3f})"


def _test(a: Cell, b: Cell) -> str:
    test = welch(a, b)
    seeds = f"{len(a.runs)} and {len(b.runs)} seeds"
    return seeds if test is None else f"{seeds}, Welch's p = {test.p:.2g}"


def _not_learnable(results: Results, method: str) -> Finding | None:
    cell = results.find(method)
    return cell and Finding(
        f"{method} is not learnable: M2 stays at the uniform loss", _below(cell), cell.gain < _AT_UNIFORM
    )


def _learnable(results: Results, method: str) -> Finding | None:
    cell = results.find(method)
    return cell and Finding(f"{method} is learnable", _below(cell), cell.gain > _LEARNT)


def _gzip_between(results: Results) -> Finding | None:
    cells = results.of_size(["AC[256]", "GZip[256]", "EqualInfo[16,256] published"])
    if len(cells) < 3:
        return None
    ac, gzip, windows = cells
    held = ac.gain < gzip.gain < windows.gain if gzip.gain > _AT_UNIFORM else None
    claim = "GZip is learnable, and less so than windows of 16 bits: between them and AC"
    return Finding(claim, "; ".join(map(_below, cells)), held)


def _shorter_windows(results: Results, code: str) -> Finding | None:
    cells = results.of_size([f"EqualInfo[{bits},256]{code}" for bits in BITS])
    if len(cells) < 2:
        return None
    gains = [cell.gain for cell in cells]
    return Finding(
        f"Shorter windows are learnt better for each token ({code.strip() or 'preorder'})",
        "; ".join(f"{cell.method}: {100 * cell.gain:.1f}% below uniform" for cell in cells),
        gains == sorted(gains, reverse=True) if max(gains) > _AT_UNIFORM else None,
    )


def _better(claim: str, better: str, worse: str) -> Callable[[Results], Finding | None]:
    def finding(results: Results) -> Finding | None:
        a, b = results.find(better), results.find(worse)
        if a is None or b is None:
            return None
        ours = f"{better} {spread(a)}, {worse} {spread(b)} bits/byte ({_test(a, b)})"
        test = welch(a, b)
        lower = a.mean("bits_per_byte") < b.mean("bits_per_byte")
        seen = max(a.gain, b.gain) > _AT_UNIFORM and (test is None or test.p < 0.05)
        return Finding(claim, ours, lower if seen else None)

    return finding


def _whole_windows(results: Results, whole: str, halves: str) -> Finding | None:
    split = results.find(halves)
    equal_bytes = split and results.find(whole, steps=split.steps // 2)
    if split is None or equal_bytes is None:
        return None
    equal_tokens = results.find(whole, steps=split.steps)
    cells = [cell for cell in (equal_tokens, equal_bytes, split) if cell is not None]
    losses = [cell.mean("bits_per_byte") for cell in cells]
    return Finding(
        f"{whole}, an id for a whole window, beats {halves}, two ids, also at equal bytes of text (Table 6)",
        "; ".join(f"{cell.method}, {cell.steps:,} steps: {spread(cell)} bits/byte" for cell in reversed(cells)),
        all(a < b for a, b in pairwise(losses)),
    )


def _larger_models(results: Results) -> Finding | None:
    if len(results.sizes) < 2:
        return None
    small, large = results.sizes[0], results.sizes[1]
    pairs = [
        (a, b)
        for method in results.methods
        if (a := results.find(method, small)) and (b := results.find(method, large)) and a.gain > _LEARNT
    ]
    ours = "; ".join(f"{a.method}: {spread(a)} to {spread(b)}" for a, b in pairs)
    better = all(b.mean("bits_per_byte") < a.mean("bits_per_byte") for a, b in pairs)
    return Finding(f"What is learnt gets better with size, {small} to {large}", ours, better if pairs else None)


def _longer(results: Results) -> Finding | None:
    ours, held = [], []
    for method in ("EqualInfo[16,256]", "EqualInfo[16,256] published"):
        cell = results.find(method)
        longer = cell and results.find(method, steps=4 * cell.steps)
        if cell and longer:
            ours.append(f"{method}: {spread(cell)}, then {spread(longer)} ({100 * longer.gain:.1f}% below uniform)")
            held.append(longer.gain > max(_LEARNT, cell.gain))
    return (
        Finding("Four times the steps: more of windows of 16 bits is learnt", "; ".join(ours), all(held))
        if held
        else None
    )


def _resets(results: Results) -> Finding | None:
    cells = results.of_size(["EqualInfo[16,256]", "EqualInfo[16,256] every other", "EqualInfo[16,256] never"])
    if len(cells) < 3:
        return None
    ours = "; ".join(
        f"{cell.method}: {cell.mean('bytes_per_token'):.2f} bytes/token, {100 * cell.gain:.1f}% below uniform"
        for cell in cells
    )
    ratios, gains = [cell.mean("bytes_per_token") for cell in cells], [cell.gain for cell in cells]
    held = ratios == sorted(ratios) and gains == sorted(gains, reverse=True)
    return Finding("The rarer M1 starts anew, the denser the tokens and the less is learnt (A.2)", ours, held)


def _lossless_for_nothing(results: Results) -> Finding | None:
    ours, held = [], []
    methods = [f"EqualInfo[{bits},256]" for bits in BITS]
    for preorder in (cell for cell in results.cells if cell.method in methods and cell.size == results.sizes[0]):
        theirs = (results.find(f"{preorder.method} {code}", steps=preorder.steps) for code in ("published", "delayed"))
        others = [cell for cell in theirs if cell is not None]
        if others:
            ours.append(
                f"{preorder.method}, {preorder.steps:,} steps, {number(preorder.whole)}, "
                + ", ".join(f"{cell.method.split()[-1]} {number(cell.whole)}" for cell in others)
            )
            held.append(all(preorder.whole <= cell.whole + 0.01 for cell in others))
    claim = (
        "Ours, not the paper's: windows that decode cost at most 0.01 bits/byte, what published ones leave untold "
        "being counted"
    )
    return Finding(claim, "; ".join(ours), all(held)) if held else None


_CLAIMS: list[Callable[[Results], Finding | None]] = [
    *(lambda results, m=method: _not_learnable(results, m) for method in ("AC[256]", "AC[2]", "AC[4k]", "AC[65k]")),
    lambda results: _not_learnable(results, "StaticAC[256]"),
    *(
        lambda results, m=method: _learnable(results, m)
        for method in ("EqualInfo[16,256] published", "EqualInfo[16,256]", "EqualInfo[12,4k]", "EqualInfo[16,65k]")
    ),
    _gzip_between,
    lambda results: _shorter_windows(results, " published"),
    lambda results: _shorter_windows(results, ""),
    lambda results: _whole_windows(results, "EqualInfo[12,4k]", "EqualInfo[12,64]"),
    lambda results: _whole_windows(results, "EqualInfo[16,65k]", "EqualInfo[16,256]"),
    _better("SentencePiece is ahead of bytes", "SentencePiece[4k]", "Bytes"),
    _better("SentencePiece is ahead of EqualInfo[16,256]", "SentencePiece[4k]", "EqualInfo[16,256]"),
    _better("EqualInfo in whole windows is ahead of bytes", "EqualInfo[12,4k]", "Bytes"),
    _better("Wider ids hurt GZip", "GZip[256]", "GZip[4k]"),
    _larger_models,
    _longer,
    _resets,
    _lossless_for_nothing,
]


def table(results: Results) -> str:
    """Every claim that these runs can speak to."""
    words = {True: "held", False: "**did not hold**", None: "could not be seen"}
    findings = [finding for claim in _CLAIMS if (finding := claim(results)) is not None]
    return markdown(["claim", "at this scale", "ours"], [[f.claim, words[f.held], f.ours] for f in findings])
