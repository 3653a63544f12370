"""All that wants an accelerator, in one command of 20 minutes: does it give the right bits, how fast, in what memory.

Without an accelerator it runs in miniature on the CPU, which shows that the command works and nothing else. A section
is a row of runs; one that fails, or for which there is no time left, says so and does not stop the others. The results
are written after each section.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer

from bench import lanes as lanes_bench
from bench import streams as streams_bench
from bench._common import Json, console, report, write
from bench._machine import best_seconds
from ecjax import load_model, serialisation
from ecjax.models.dequantisation import dequantise
from ecjax.models.files import load_exact
from ecjax.models.transformer import Transformer, TransformerByteModel, configuration
from ecjax.training import TrainingSettings, TrainingState
from ecjax.training.devices import at, data_mesh, spread
from ecjax.training.own import Method
from ecjax.training.step import compiled_step

Rows = Iterator[tuple[str, Callable[[], dict[str, Any]]]]
"""The runs of a section: a name, and what gives the figures. `ok` is False among them if the bits are wrong."""

_REPEATS = 3


def golden(small: bool) -> Rows:
    """What the shipped files make of the sample text (tests/golden)."""
    from tests.golden import digests

    expected = json.loads((Path(digests.__file__).parent / "digests.json").read_text(encoding="utf-8"))
    few = ["m1-books", "books-12", "books-16", "tables", "tables-short", "windows-16"]
    for name in few if small else digests.DIGESTS:
        yield name, lambda name=name: {"ok": digests.DIGESTS[name]() == expected[name]}


def backends(small: bool) -> Rows:
    """What tests/test_backends.py runs on each backend, on the default one."""
    from tests import test_backends as cases

    cases.model(), cases.codebook(), cases.exact_model()  # made out here: within a trace they would be tracers

    def run(name: str) -> dict[str, Any]:
        case = cases.CASES[name]()
        function = jax.jit(case.function)
        for i, arguments in enumerate(case.arguments):
            case.check(i, function(*jax.device_put(arguments)))  # raises AssertionError
        return {"ok": True, "arguments": len(case.arguments)}

    for name in cases.CASES:
        if not (small and name.startswith(("lanes", "Integer"))):
            yield name, lambda name=name: run(name)


def rates(small: bool) -> Rows:
    """`sequence` of the exact model and of its weights in float, as `bench exact`; and matrix products by dtype."""
    text = np.frombuffer(serialisation.asset("sample.txt").read_bytes(), np.uint8)
    exact = load_exact("m1-books")
    models = {"exact": exact, "float": TransformerByteModel(dequantise(exact))}
    run = {name: eqx.filter_jit(lambda x, m=model: jax.vmap(m.sequence)(x)) for name, model in models.items()}

    def sequence(rows: int) -> dict[str, Any]:
        block = jnp.asarray(np.resize(text, (rows, 64)))
        seconds = {name: best_seconds(lambda f=f: jax.block_until_ready(f(block)), _REPEATS) for name, f in run.items()}
        found = {f"{name}_bytes_per_s": block.size / s for name, s in seconds.items()}
        return found | {"exact_to_float": seconds["float"] / seconds["exact"]}

    def product(size: int, dtype: Any, result: Any, precision: str | None) -> dict[str, Any]:
        a = jnp.asarray(np.random.default_rng(0).integers(-127, 128, (size, size)), dtype)
        f = jax.jit(lambda a, b: jax.lax.dot(a, b, precision=precision, preferred_element_type=result))
        return {"operations_per_s": 2 * size**3 / best_seconds(lambda: jax.block_until_ready(f(a, a)), _REPEATS)}

    for rows in (64,) if small else (64, 1024, 16384):
        yield f"sequence, batch of {rows}", lambda rows=rows: sequence(rows)
    size = 256 if small else 8192
    kinds = {
        "int8": (jnp.int8, jnp.int32, None),
        "float32, highest": (jnp.float32, jnp.float32, "highest"),
        "float32, default": (jnp.float32, jnp.float32, None),
        "bfloat16": (jnp.bfloat16, jnp.float32, None),
    }
    for name, kind in kinds.items():
        yield f"product of {size}, {name}", lambda kind=kind: product(size, *kind)


def streams(small: bool) -> Rows:
    """Coding of whole streams, in both ways, against how many lie side by side, as `bench streams`."""
    text = np.frombuffer(serialisation.asset("sample.txt").read_bytes(), np.uint8)
    length = 256 if small else 512

    def run(name: str, count: int) -> dict[str, Any]:
        task = streams_bench.text_task(np.resize(text, count * length).tobytes(), count)
        (row,) = streams_bench.compare(task, {name: streams_bench.OURS[name]}, _REPEATS)
        return {key: value for key, value in row.items() if key != "coder"} | {"ok": row["lossless"]}

    for count in (16, 64) if small else (64, 256, 1024, 4096, 16384):
        for name in streams_bench.OURS:
            yield f"{name}, {count} of {length} bytes", lambda name=name, count=count: run(name, count)


def lanes(small: bool) -> Rows:
    """Windows of 64 bits through m1-books against the number of documents, as `bench lanes`."""
    model = load_model("m1-books")
    text = serialisation.asset("sample.txt").read_bytes()
    length = 64 if small else 256

    def run(count: int) -> dict[str, Any]:
        block = np.resize(np.frombuffer(text, np.uint8), count * length).tobytes()
        documents = [block[i : i + length] for i in range(0, len(block), length)]
        sample = jnp.asarray(np.frombuffer(text[: 256 if small else 4096], np.uint8))
        row = lanes_bench._windows(model, 64, documents, sample, 1 if small else 2)
        return {key: value for key, value in row.items() if key != "code"} | {"ok": row["lossless"]}

    for count in (16,) if small else (64, 512, 4096):
        yield f"{count} documents of {length} bytes", lambda count=count: run(count)


def training(small: bool) -> Rows:
    """A step of the paper's 25m, by precision and by what saves memory: seconds, tokens and bytes."""
    size, vocab, context, batch = ("tiny", 256, 64, 8) if small else ("25m", 1 << 16, 512, 32)
    config = configuration(size, vocab, context)

    def run(settings: TrainingSettings) -> dict[str, Any]:
        mesh = data_mesh()
        state = TrainingState.begin(Transformer(config, key=jax.random.key(0)), settings)
        state = at(state, mesh, None)
        ids = np.random.default_rng(0).integers(vocab, size=(batch, context)).astype(np.int32)
        ids = spread(ids, mesh, settings.accumulate)
        how = (Method(settings), None)
        step = cast(Any, compiled_step).lower(how, mesh, state, ids).compile()
        memory = step.compiled.memory_analysis()
        losses, seconds = [], []
        for _ in range(2 + _REPEATS):
            begin = time.perf_counter()
            state, loss = step(how, mesh, state, ids)
            losses.append(float(loss))
            seconds.append(time.perf_counter() - begin)
        return {
            "ok": bool(np.isfinite(losses).all() and losses[-1] < losses[0]),
            "seconds_per_step": min(seconds[1:]),
            "tokens_per_s": ids.size / min(seconds[1:]),
            "bytes_of_arguments": memory.argument_size_in_bytes,
            "bytes_between": memory.temp_size_in_bytes,
            "peak_bytes_so_far": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
            "first_loss": losses[0],
            "last_loss": losses[-1],
        }

    kinds: dict[str, dict[str, Any]] = {
        "bfloat16, 4 parts, remat": {"compute": "bfloat16", "accumulate": 4, "remat": True},
        "bfloat16, remat": {"compute": "bfloat16", "remat": True},
        "bfloat16": {"compute": "bfloat16"},
        "float32, remat": {"remat": True},
    }
    for name, kind in list(kinds.items())[: 1 if small else None]:
        settings = TrainingSettings(1000, batch, "paper", **kind)
        yield f"{size}, {batch} times {context} tokens, {name}", lambda settings=settings: run(settings)


def trial(small: bool) -> Rows:
    """Every function that is proved exact, run in every way there is here (`ecjax.exactness.trial`)."""
    from ecjax import exactness
    from tests.exactness.test_audit import PROOFS

    model = load_exact("m1-books")
    proved = {**PROOFS, "m1-books": lambda: (lambda x: model.sequence(x), jax.ShapeDtypeStruct((20,), jnp.uint8))}

    def run(name: str) -> dict[str, Any]:
        function, *arguments = proved[name]()
        found = exactness.trial(function, *arguments, samples=2 if small else 4)
        return {
            "ok": found.agreed,
            "samples": found.samples,
            "ways": len(found.variants),
            "left_out": list(found.left_out),
            "digest": found.digest,
            "difference": None if found.agreed else str(found.difference),
        }

    quick = ("integers.add", "integers.proportion", "cumulative_frequencies 16", "Codebook.decode_array")
    for name in quick if small else proved:
        yield name, lambda name=name: run(name)


# In the order in which they are run, with the minutes that each may take: what tells most comes first.
_SECTIONS: dict[str, tuple[Callable[[bool], Rows], float]] = {
    "golden": (golden, 4),
    "backends": (backends, 3),
    "rates": (rates, 2),
    "training": (training, 4),
    "streams": (streams, 3),
    "lanes": (lanes, 4),
    "trial": (trial, 20),
}
_MINUTES = 20


def measure(
    miniature: Annotated[
        bool | None, typer.Option(help="Small sizes, to see that it works. [default: if there is no accelerator]")
    ] = None,
    section: Annotated[
        list[str] | None, typer.Option(help=f"Only this section: {', '.join(_SECTIONS)}; repeatable.")
    ] = None,
    out: Json = None,
) -> None:
    """All that wants an accelerator: right bits, rates, and the memory of training. At most about 20 minutes."""
    if unknown := set(section or ()) - set(_SECTIONS):
        raise ValueError(f"sections are {', '.join(_SECTIONS)}, not {', '.join(sorted(unknown))}")
    device = jax.devices()[0]
    small = device.platform == "cpu" if miniature is None else miniature
    begin = time.perf_counter()
    settings = {
        "device": device.device_kind,
        "devices": jax.device_count(),
        "device_bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "miniature": small,
        "minutes_at_most": _MINUTES,
        "sample": serialisation.asset("sample.txt").name,
    }
    results = []
    for name, (rows, minutes) in _SECTIONS.items():
        if section and name not in section:
            continue
        until = begin + 60 * _MINUTES
        results.append(_section(name, rows(small), min(until, time.perf_counter() + 60 * minutes)))
        write("device", settings, results, out)
    report("device", settings, results, out)
    if failed := [f"{row['section']}: {name}" for row in results for name in row["failed"]]:
        raise ValueError(f"these failed, as the results say: {'; '.join(failed)}")


def _section(name: str, rows: Rows, until: float) -> dict[str, Any]:
    """Runs what a section has, until there is no time left; tells what came out, and what failed."""
    begin = time.perf_counter()
    found: dict[str, dict[str, Any]] = {}
    left_out = []
    while True:
        try:
            row, run = next(rows)
        except StopIteration:
            break
        except Exception as error:  # what the rows need is not there
            found["the section itself"] = {"ok": False, "error": _said(error)}
            break
        if time.perf_counter() > until:
            left_out.append(row)
            continue
        start = time.perf_counter()
        try:
            found[row] = run()
        except Exception as error:
            said = _said(error)
            # What does not fit into this device's memory is no fault.
            found[row] = {"ok": None if "RESOURCE_EXHAUSTED" in said else False, "error": said}
        found[row]["seconds"] = time.perf_counter() - start
        told = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in found[row].items())
        console.print(f"{name}: {row}: {told}", markup=False, soft_wrap=True)
    failed = [row for row, figures in found.items() if figures.get("ok") is False]
    return {
        "section": name,
        "runs": len(found),
        "failed": failed,
        "left_out_for_time": left_out,
        "seconds": time.perf_counter() - begin,
        "rows": found,
    }


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
