"""The whole way in miniature: text to windows and back, a language model over them, its samples decoded to text."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Int32
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ecjax import atomic, data, evaluation
from ecjax.codebook import Codebook, load_codebook
from ecjax.console import Report, console, training_progress
from ecjax.generation import SamplingSettings, generate
from ecjax.models.transformer import Transformer, TransformerConfig, configuration
from ecjax.printable import printable_lines
from ecjax.tokenizers import Bytes
from ecjax.training import TrainingSettings, train

SIZE, CONTEXT, BATCH_SIZE, LEARNING_RATE = "tiny", 128, 16, 3e-3
LEAST_BYTES = 20_000
FILES = REPORT, CURVES = ("report.json", "curves.png")
"""What a demonstration writes."""
_HELD_OUT = 0.1  # the share of the text, at its end, that models are measured on
_POINTS = 8  # how often a training is measured on the way
_COLOURS = ("on yellow", "on cyan", "on green", "on magenta")  # which every terminal has


@dataclasses.dataclass
class Run:
    """A language model's training for the demonstration, and what it was measured to be on held-out text."""

    name: str
    tokenizer: Codebook | Bytes
    training: Int32[np.ndarray, " n"]
    held_out: Int32[np.ndarray, " m"]
    held_out_bytes: int
    bytes_per_token: float
    config: TransformerConfig
    flops: list[float] = dataclasses.field(default_factory=list)
    bits_per_byte: list[float] = dataclasses.field(default_factory=list)

    @classmethod
    def over(cls, name: str, tokenizer: Codebook | Bytes, text: bytes, held_out: bytes) -> Run:
        """A run on `text`, measured on `held_out`."""
        ids = tokenizer.encode(held_out)
        config = configuration(SIZE, tokenizer.vocab_size, CONTEXT)
        training = data.token_stream(tokenizer, [text])
        return cls(name, tokenizer, training, ids, len(held_out), len(held_out) / len(ids), config)

    @property
    def flops_per_step(self) -> int:
        return evaluation.training_flops_per_token(self.config) * BATCH_SIZE * CONTEXT

    def train(self, steps: int, seed: int) -> Transformer:
        """Trains a fresh model, measuring it on the way."""
        points = {max(1, steps * i // _POINTS) for i in range(1, _POINTS + 1)}
        with training_progress(self.name, steps, self.bytes_per_token) as progress:

            def report(step: int, loss: float, model: Transformer) -> None:
                progress(step, loss, model)
                if step in points:
                    self.flops.append(float(step * self.flops_per_step))
                    self.bits_per_byte.append(evaluation.bits_per_byte(model, self.held_out, self.held_out_bytes))

            return self._train(steps, seed, report)

    def seconds_per_step(self) -> float:
        """How long a step takes here, from a few after compilation."""
        times: list[float] = []
        self._train(8, 0, lambda step, loss, model: times.append(time.perf_counter()))
        return float(np.median(np.diff(times)))

    def _train(self, steps: int, seed: int, report: Report) -> Transformer:
        model = Transformer(self.config, key=jax.random.key(seed))
        # Examples begin anywhere: a short text makes too few that begin where another ended.
        examples = data.Slices(self.training, range(len(self.training)), CONTEXT)
        settings = TrainingSettings(steps, BATCH_SIZE, learning_rate=LEARNING_RATE, seed=seed)
        return train(model, data.batches(examples, BATCH_SIZE, seed), settings, report=report)[0]


def run(text: bytes, name: str, out: Path, minutes: float, seed: int) -> dict[str, object]:
    """Runs the demonstration and writes `report.json` and `curves.png` below `out`.

    Args:
      text: Any text; its last tenth is held out.
      name: What to call it.
      out: A folder, made if need be.
      minutes: How long the first of the two models is trained; the second gets as many FLOPs.
      seed: Seed of initialisation, data order and sampling.

    Returns:
      The report.

    Raises:
      ValueError: If the text is too short to train on, or the minutes are no finite number of at least 0.
    """
    if not 0 <= minutes < float("inf"):
        raise ValueError(f"minutes must be a finite number of at least 0, got {minutes}")
    if len(text) < LEAST_BYTES:
        raise ValueError(f"{name} has {len(text)} bytes; a demonstration needs at least {LEAST_BYTES}")
    out.mkdir(parents=True, exist_ok=True)
    cut = round(len(text) * (1 - _HELD_OUT))
    books12, books16 = load_codebook("books-12"), load_codebook("books-16")

    console.rule(f"[bold]1. {escape(name)} cut into Equal-Info windows")
    show_windows(text[: min(cut, 600)], books16)

    console.rule("[bold]2. There and back")
    ids = books16.encode(text)
    lossless = show_round_trips(text, ids, (books12, books16))

    console.rule("[bold]3. Two language models of the same size and the same training compute")
    m2 = Run.over("books-12", books12, text[:cut], text[cut:])
    bytes_lm = Run.over("bytes", Bytes(), text[:cut], text[cut:])
    steps = max(_POINTS, round(minutes * 60 / m2.seconds_per_step()))
    model = m2.train(steps, seed)
    bytes_lm.train(max(_POINTS, round(steps * m2.flops_per_step / bytes_lm.flops_per_step)), seed)
    show_results(bytes_lm, m2)
    draw(bytes_lm, m2, out / CURVES)

    console.rule("[bold]4. What the model over windows writes")
    prompt = text[cut - 120 : cut]
    console.print(Text(_printable(prompt), "dim"), end="", soft_wrap=True)
    sample = b""
    for piece in generate(model, books12, prompt, 120, SamplingSettings(temperature=0.8, top_p=0.95, seed=seed)):
        sample += piece
        console.print(Text(_printable(piece), "bold"), end="", soft_wrap=True)
    console.print()

    report = {
        "text": name,
        "lossless": lossless,
        "bytes": len(text),
        "tokens": len(ids),
        "bytes_per_token": len(text) / len(ids),
        "bits_per_byte": {
            "uniform": _uniform(m2),
            "unigram": _unigram(m2),
            "bytes_lm": bytes_lm.bits_per_byte[-1],
            "m2": m2.bits_per_byte[-1],
        },
        "bytes_per_step": {"bytes_lm": bytes_lm.bytes_per_token, "m2": m2.bytes_per_token},
        "flops_per_byte": {
            run.name: evaluation.flops_per_byte(run.config, run.bytes_per_token) for run in (bytes_lm, m2)
        },
        "curves": {run.name: {"flops": run.flops, "bits_per_byte": run.bits_per_byte} for run in (bytes_lm, m2)},
        "sample": sample.decode("utf-8", "replace"),
    }
    atomic.write_bytes(out / REPORT, f"{json.dumps(report, indent=2)}\n".encode())
    console.print(escape(f"\nWritten: {out / REPORT}, {out / CURVES}"))
    return report


def show_windows(text: bytes, codebook: Codebook) -> None:
    """Prints a text with its windows in colours, and the first of them bit by bit (after the paper's Fig. 2)."""
    ids = codebook.encode(text)
    strings = [codebook.decode(ids[i : i + 1]) for i in range(len(ids))]
    coloured = Text()
    for index, string in enumerate(strings):
        coloured.append(_printable(string), f"black {_COLOURS[index % len(_COLOURS)]}")
        if console.color_system is None:
            coloured.append("|")
    console.print(coloured)
    console.print(f"\nThe first windows, {codebook.bits} bits each:")
    table = Table(box=None)
    for column in ("bits", "id", "bytes", "text"):
        table.add_column(column, justify="right" if column in ("id", "bytes") else "left")
    for id_, string in list(zip(ids.tolist(), strings, strict=True))[:12]:
        table.add_row(f"{id_:0{codebook.bits}b}", str(id_), str(len(string)), escape(repr(string)[1:]))
    console.print(table)


def show_round_trips(text: bytes, ids: Int32[np.ndarray, " n"], codebooks: tuple[Codebook, Codebook]) -> bool:
    """Sends the text, and bytes that are no text at all, through both codebooks; whether all came back unchanged."""
    noise = np.random.default_rng(0).integers(0, 256, 65_536, np.uint8).tobytes()
    table = Table(box=None)
    for column in ("", "codebook", "bytes", "tokens", "bytes/token", "SHA-256"):
        table.add_column(column, justify="left" if column in ("", "codebook") else "right")
    lossless = True
    for what, original in (("the text", text), ("random bytes", noise), ("nothing", b"")):
        for codebook in codebooks:
            tokens = ids if original is text and codebook is codebooks[1] else codebook.encode(original)
            digests = [hashlib.sha256(t).hexdigest()[:12] for t in (original, codebook.decode(tokens))]
            lossless &= digests[0] == digests[1]
            ratio = f"{len(original) / len(tokens):.3f}" if len(tokens) else "-"
            same = digests[0] if digests[0] == digests[1] else " became ".join(digests)
            table.add_row(what, f"books-{codebook.bits}", f"{len(original):,}", f"{len(tokens):,}", ratio, same)
    console.print(table)
    console.print("[bold green]All came back as they were." if lossless else "[bold red]NOT lossless.")
    return lossless


def show_results(bytes_lm: Run, m2: Run) -> None:
    """Prints what both models are worth on the held-out text, side by side."""
    table = Table(title=f"On {m2.held_out_bytes:,} held-out bytes", box=None)
    for column in ("", "bits/byte", "uniform", "unigram", "bytes/step", "FLOPs/byte", "trained FLOPs"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for run in (bytes_lm, m2):
        table.add_row(
            run.name,
            f"[bold]{run.bits_per_byte[-1]:.3f}",
            f"{_uniform(run):.3f}",
            f"{_unigram(run):.3f}",
            f"{run.bytes_per_token:.2f}",
            f"{evaluation.flops_per_byte(run.config, run.bytes_per_token):,.0f}",
            f"{run.flops[-1]:.2e}",
        )
    console.print(table)


def draw(bytes_lm: Run, m2: Run, path: Path) -> None:
    """Draws held-out bits per byte against training compute."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("the demonstration draws with matplotlib: pip install 'ecjax[plot]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for run, colour in ((bytes_lm, "tab:orange"), (m2, "tab:blue")):
        axes.plot(run.flops, run.bits_per_byte, "o-", color=colour, label=f"Transformer over {run.name}")
        axes.axhline(_unigram(run), color=colour, linestyle=":", label=f"unigram over {run.name}")
    axes.set(xlabel="training compute (FLOPs)", ylabel="held-out bits/byte", title="Less is better")
    axes.legend()
    axes.grid(alpha=0.3)
    with atomic.replacing(path) as file:
        figure.savefig(file, dpi=150, format="png")
    pyplot.close(figure)


def _uniform(run: Run) -> float:
    return evaluation.uniform_bits_per_byte(run.tokenizer.vocab_size, len(run.held_out), run.held_out_bytes)


def _unigram(run: Run) -> float:
    vocab_size = run.tokenizer.vocab_size
    return evaluation.unigram_bits_per_byte(run.training, run.held_out, vocab_size, run.held_out_bytes)


def _printable(text: bytes) -> str:
    """Text for a terminal: line ends as one character, other control characters and broken UTF-8 as signs."""
    return printable_lines(text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
