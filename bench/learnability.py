"""What makes tokens easy or hard to learn: figures of each method's tokens beside M2's bits over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import loads
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import Int64

from bench._common import Json, console, report
from bench._learnability import figures, ngrams, strings
from bench._learnability.vocabularies import Use, lacking, use_of
from bench._reproduce import tokens
from bench._reproduce.methods import COMPARED, yardstick
from bench._reproduce.results import Results
from bench._reproduce.scales import SCALES, Scale

_SCALE = "windows"
_ORDER = 4  # ids of the longest n-grams
_ALIKE = 0.003  # how far bytes per token may differ between tokens of the same kind
_SIZES = ("tiny", "small")  # of M2


def measure(
    text: Annotated[list[Path], typer.Option(help="Training text: a file or a folder; repeatable.")],
    held_out: Annotated[list[Path], typer.Option(help="Text to measure on, in the same way.")],
    out: Annotated[Path, typer.Option(help="Where `reproduce --scale windows` keeps tokens, or will.")],
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of files of its runs, to see what goes with M2's bits; repeatable. [default: OUT/runs]"
        ),
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only methods of these names; repeatable.")] = None,
    json: Json = None,
) -> None:
    """Rare ids, words, parses and n-grams of every method's tokens, and how these go together with M2's bits."""
    unknown = sorted(set(method or []) - set(COMPARED))
    if unknown:
        raise ValueError(f"there is no method {unknown[0]!r}; the methods are {', '.join(COMPARED)}")
    job, scale = tokens.Job(_SCALE, text, held_out, "m1-books", out), SCALES[_SCALE]
    files = sorted(file for folder in runs or [out / "runs"] for file in folder.glob("*.json"))
    document = b"".join(tokens.texts_of(job, scale)[2])
    rows: list[dict[str, Any]] = []
    uses: dict[str, Use] = {}
    with console.status("") as status:
        for name in method or COMPARED:
            status.update(name)
            row, uses[name] = _measured(job, scale, name, document)
            rows.append(row | m2_bits(files, name, row["bytes_per_token"]))
    for row in rows:
        row["vocabulary"] = _beside(uses, row["method"])
    settings = {
        "held_out_bytes": len(document),
        "training_tokens": _seen_tokens(scale),
        "rare": f"fewer than {figures.RARE} times in them",
        "correlations": {ids: correlations(_subwords(rows, ids)) for ids in ("4k", "16k")},
    }
    report("learnability", settings, rows, json)


def _measured(job: tokens.Job, scale: Scale, method: str, document: bytes) -> tuple[dict[str, Any], Use]:
    """The figures of a method, and how often its ids are used."""
    own, made = strings.load(job, method), tokens.load(job, method)
    everything, held_out = made.training.astype(np.int64), made.held_out.astype(np.int64)
    seen = sample(everything, scale.context, _seen_tokens(scale))
    bits = ngrams.bits_by_order(seen, held_out, made.vocab_size, _ORDER)
    more = ngrams.bits_by_order(everything, held_out, made.vocab_size, 3)
    size = len(document)
    row = {
        "method": method,
        "bytes_per_token": made.bytes_per_token,
        **figures.of_rare_ids(seen, held_out, made.vocab_size),
        **figures.of_strings(own.strings, held_out),
        **figures.of_words(document, own.strings, held_out),
        "prefix_distance": own.prefix_distance,
        "untold_bits_per_byte": figures.untold(own.strings, seen, held_out, document) / size,
        **{f"{n}_gram_bits_per_byte": found / size for n, found in enumerate(bits, 1)},
        "3_gram_bits_per_byte_of_all_text": more[-1] / size,
    }
    return row, use_of(own.strings, seen, held_out)


def _seen_tokens(scale: Scale) -> int:
    """The tokens that M2 is trained on."""
    return scale.settings.steps * scale.settings.batch_size * scale.context


def sample(ids: Int64[np.ndarray, " n"], context: int, wanted: int) -> Int64[np.ndarray, " m"]:
    """About as many ids as are wanted, from everywhere, in slices as M2 sees them; all if there are not so many."""
    rows = ids[: len(ids) // context * context].reshape(-1, context)
    if wanted >= rows.size:
        return ids
    return rows[np.sort(np.random.default_rng(0).permutation(len(rows))[: wanted // context])].ravel()


def m2_bits(files: Sequence[Path], method: str, bytes_per_token: float) -> dict[str, float | None]:
    """M2's mean bits per byte at equal steps, for each size; None where there is no run.

    A kind of codebook may have changed since it was trained on: runs of much denser or coarser tokens are left out.
    """
    alike = [file for file in files if _is_alike(loads(file.read_text()), method, bytes_per_token)]
    cells = {cell.size: cell for cell in Results(alike).cells}
    return {f"m2_{size}": cells[size].mean("bits_per_byte") if size in cells else None for size in _SIZES}


def _is_alike(run: Mapping[str, Any], method: str, bytes_per_token: float) -> bool:
    named = (run["run"]["method"], run["run"].get("equal", "steps")) == (method, "steps")
    return named and abs(run["results"]["bytes_per_token"] / bytes_per_token - 1) < _ALIKE


def _beside(uses: Mapping[str, Use], method: str) -> dict[str, Any]:
    """What a method has that its yardstick lacks, and the reverse."""
    other = yardstick(method)
    if other not in uses or other == method:
        return {}
    return {"own": lacking(uses[method], uses[other]), "of_yardstick": lacking(uses[other], uses[method])}


def _subwords(rows: Sequence[Mapping[str, Any]], ids: str) -> list[Mapping[str, Any]]:
    """What is compared at one number of ids: bytes are not, nor windows of a model, which are far behind."""
    return [row for row in rows if f"[{ids}]" in row["method"]]


def correlations(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Pearson's r of each figure with M2's bits per byte, over the methods that have both."""
    found: dict[str, dict[str, float]] = {}
    for size in _SIZES:
        known = [row for row in rows if row[f"m2_{size}"] is not None]
        if len(known) > 2:
            names = [name for name, value in known[0].items() if isinstance(value, float) and name[:3] != "m2_"]
            bits = [row[f"m2_{size}"] for row in known]
            found[size] = {name: float(np.corrcoef([row[name] for row in known], bits)[0, 1]) for name in names}
    return found
