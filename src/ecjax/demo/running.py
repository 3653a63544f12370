"""A demonstration from its text to its report."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import jax
from rich.markup import escape

from ecjax import atomic
from ecjax.codebook import load_codebook
from ecjax.console import console
from ecjax.demo import coding, curves, page, terminal
from ecjax.demo.findings import Findings
from ecjax.demo.language_models import BATCH_SIZE, CONTEXT, LEARNING_RATE, POINTS, SAMPLING, SIZE, Run
from ecjax.demo.wording import duration
from ecjax.models.transformer import Transformer, configuration
from ecjax.printable import printable
from ecjax.tokenizers import Bytes

LEAST_BYTES = 20_000
FILES = PAGE, REPORT, CURVES = ("report.html", "report.json", "curves.png")
"""What a demonstration writes."""
_CODEBOOKS = ("books-12", "books-16", "mixed-16")
_EXCERPT = 600  # bytes that are shown in windows
_HELD_OUT, _MOST_HELD_OUT = 0.1, 200_000  # the share of the text, at its end, and how many bytes of it are measured
_PROMPT, _SAMPLE_TOKENS = 120, 120  # bytes and tokens
_OTHER_MINUTES = 1  # all but the trainings, on two cores
_PACKAGES = ("ecjax", "jax", "jaxlib", "numpy", "equinox", "optax", "matplotlib")


@dataclasses.dataclass
class Clock:
    """How long each part took."""

    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def run(text: bytes, name: str, out: Path, minutes: float, seed: int, command: str) -> dict[str, object]:
    """Runs the demonstration and writes `report.html`, `report.json` and `curves.png` below `out`.

    Args:
      text: Any text; its last tenth is held out.
      name: What to call it.
      out: A folder, made if need be.
      minutes: How long the model over tokens is trained; the one over bytes gets as many FLOPs.
      seed: Seed of initialisation, data order and sampling.
      command: What to type to repeat it, for the report.

    Returns:
      What is in `report.json`.

    Raises:
      ValueError: If the text is too short to train on, or the minutes are no finite number of at least 0.
    """
    if not 0 <= minutes < float("inf"):
        raise ValueError(f"minutes must be a finite number of at least 0, got {minutes}")
    name = printable(name)
    if len(text) < LEAST_BYTES:
        raise ValueError(f"{name} has {len(text)} bytes; a demonstration needs at least {LEAST_BYTES}")
    out.mkdir(parents=True, exist_ok=True)
    split = round(len(text) * (1 - _HELD_OUT))
    held_out = text[split:][:_MOST_HELD_OUT]
    clock = Clock()
    whole, each_training = duration(60 * (2 * minutes + _OTHER_MINUTES)), duration(60 * minutes)
    console.print(f"This takes about {whole}: {each_training} for each of two trainings, and the rest for all else.")

    console.rule(f"[bold]1. {escape(name)} cut into Equal-Info windows")
    with clock.part("text to windows and back"):
        codebooks = {book: load_codebook(book) for book in _CODEBOOKS}
        excerpt = text[: min(split, _EXCERPT)]
        cuts = tuple(coding.cut(excerpt, book, codebook) for book, codebook in codebooks.items())
        terminal.show_windows(cuts[_CODEBOOKS.index("books-16")])
        console.rule("[bold]2. There and back")
        trips = tuple(coding.round_trips(text, codebooks))
        terminal.show_round_trips(trips)

    console.rule("[bold]3. Two language models of the same size and the same training compute")
    runs = (
        Run.over("bytes", Bytes(), text[:split], held_out),
        Run.over("books-12", codebooks["books-12"], text[:split], held_out),
    )
    models = _train_both(runs, minutes, seed, clock)

    bytes_lm, m2 = (each.trained() for each in runs)
    terminal.show_results((bytes_lm, m2), len(held_out))

    console.rule("[bold]4. What both models write")
    prompt = text[split - _PROMPT : split]
    with clock.part("samples"):
        length = round(_SAMPLE_TOKENS * m2.bytes_per_token)
        samples = tuple(each.sample(model, prompt, length, seed) for each, model in zip(runs, models, strict=True))
    terminal.show_samples(prompt, samples)

    findings = Findings(
        name=name,
        text_bytes=len(text),
        digest=hashlib.sha256(text).hexdigest(),
        held_out_bytes=len(held_out),
        excerpt_bytes=len(excerpt),
        cuts=cuts,
        round_trips=trips,
        bytes_lm=bytes_lm,
        m2=m2,
        prompt=prompt,
        samples=samples,
        settings=_settings(minutes, seed, len(held_out)),
        versions=_versions(),
        command=printable(command),
        seconds=clock.seconds,
    )
    return _write(findings, out)


def _train_both(runs: tuple[Run, Run], minutes: float, seed: int, clock: Clock) -> tuple[Transformer, Transformer]:
    """Trains both: the one over tokens for so many minutes, the one over bytes with as many FLOPs."""
    bytes_lm, m2 = runs
    with clock.part("first steps, to tell how long the trainings take"):
        speeds = bytes_lm.speed(), m2.speed()
    m2_steps = max(POINTS, round(minutes * 60 / speeds[1].step))
    steps = max(POINTS, round(m2_steps * m2.flops_per_step / bytes_lm.flops_per_step)), m2_steps
    seconds = sum(speed.training(count) for speed, count in zip(speeds, steps, strict=True))
    console.print(
        f"The trainings take about {duration(seconds)} at the speed of the first steps: "
        f"{steps[0]:,} steps over bytes, {steps[1]:,} over {m2.name}."
    )
    models = list[Transformer]()
    for each, count in zip(runs, steps, strict=True):
        with clock.part(f"training over {each.name}"):
            models.append(each.train(count, seed))
    return models[0], models[1]


def _settings(minutes: float, seed: int, held_out_bytes: int) -> dict[str, str]:
    config = configuration(SIZE, 1, CONTEXT)
    return {
        "training time asked for": f"{minutes:g} minutes for each model",
        "seed": str(seed),
        "held out": f"the last tenth of the text, of which {held_out_bytes:,} bytes are measured",
        "size of the models": f"{SIZE}: {config.layers} layers of width {config.d_model}, {config.heads} heads",
        "context": f"{CONTEXT} tokens",
        "batch": f"{BATCH_SIZE} examples of {CONTEXT} tokens",
        "learning rate": f"{LEARNING_RATE:g}",
        "sampling": f"temperature {SAMPLING.temperature:g}, top-p {SAMPLING.top_p:g}",
    }


def _versions() -> dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    device = jax.devices()[0]
    return {
        **packages,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{device.platform}: {device.device_kind}",
    }


def _write(found: Findings, out: Path) -> dict[str, object]:
    """Writes the files, and returns what is in `report.json`."""
    models, m2_sample = (found.bytes_lm, found.m2), found.samples[1]
    books16 = next(trip for trip in found.round_trips if trip.codebook == "books-16")
    report: dict[str, object] = {
        "text": found.name,
        "lossless": found.lossless,
        "bytes": found.text_bytes,
        "tokens": books16.tokens,
        "bytes_per_token": found.text_bytes / books16.tokens,
        "bits_per_byte": {
            "uniform": found.m2.uniform,
            "unigram": found.m2.unigram,
            "bytes_lm": found.bytes_lm.bits_per_byte,
            "m2": found.m2.bits_per_byte,
        },
        "bytes_per_step": {"bytes_lm": found.bytes_lm.bytes_per_token, "m2": found.m2.bytes_per_token},
        "flops_per_byte": {model.name: model.flops_per_byte for model in models},
        "curves": {
            model.name: {
                "flops": [point.flops for point in model.curve],
                "bits_per_byte": [point.bits_per_byte for point in model.curve],
            }
            for model in models
        },
        "sample": m2_sample.text.decode("utf-8", "replace"),
        "samples": {sample.name: sample.text.decode("utf-8", "replace") for sample in found.samples},
        "sha256": found.digest,
        "steps": {model.name: model.steps for model in models},
        "seconds": dict(found.seconds),
        "settings": dict(found.settings),
        "versions": dict(found.versions),
    }
    atomic.write_bytes(out / CURVES, curves.png(models))
    atomic.write_bytes(out / REPORT, f"{json.dumps(report, indent=2)}\n".encode())
    atomic.write_bytes(out / PAGE, page.render(found).encode())
    console.print(escape(f"Written to {out}: {', '.join(FILES)}"), soft_wrap=True)
    console.print(escape(f"Open the report in a browser: {(out / PAGE).absolute().as_uri()}"), soft_wrap=True)
    return report
