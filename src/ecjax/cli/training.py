"""The commands that train: `train-m1`, `train-m2` and `quantize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecjax.cli.methods import source_of
from ecjax.cli.options import Force, Json, Quiet, Seed, Texts, TrainedTokenizer, named
from ecjax.cli.ready import ready
from ecjax.console import show
from ecjax.models.choices import Relative
from ecjax.training.choices import Compute, Optimizer

if TYPE_CHECKING:
    from ecjax.models.transformer import Transformer
    from ecjax.training import TrainingSettings

Out = Annotated[
    Path,
    typer.Option(
        parser=named,
        metavar="FOLDER",
        help="Folder of the run: checkpoints, losses.json, model.safetensors. Made if not there.",
    ),
]
Steps = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]
Extend = Annotated[
    int | None,
    typer.Option(min=1, help="Give a finished run this many more steps. Repeat its other options unchanged."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples in a step.")]
LearningRate = Annotated[float, typer.Option(min=0, help="Peak learning rate of adamw.")]
OptimizerName = Annotated[Optimizer, typer.Option(help="'adamw', or 'paper': Adafactor with the paper's schedule.")]
Warmup = Annotated[int, typer.Option(min=0, help="Steps over which adamw's learning rate rises to its peak.")]
ComputeName = Annotated[Compute, typer.Option("--compute", help="Precision of matrix products; weights stay float32.")]
Accumulate = Annotated[
    int, typer.Option(min=1, help="To save memory, compute a batch in this many parts, one after another.")
]
Remat = Annotated[bool, typer.Option("--remat", help="Save memory: compute activations again for the gradient.")]
CheckpointEvery = Annotated[
    int, typer.Option(min=1, help="Steps between checkpoints, from which a stopped run goes on.")
]
Lengths = Annotated[
    list[int] | None,
    typer.Option(
        "--length", min=1, show_default="the context", help="Bytes of an example. Repeat it to mix several lengths."
    ),
]
Starts = Annotated[
    str | None, typer.Option(show_default="anywhere", help="A codebook. Examples begin where its windows begin.")
]
Windows = Annotated[
    str | None,
    typer.Option(
        show_default="no ends",
        help="A codebook. Each of its windows, with its end, is an example. For train-codebook --from.",
    ),
]

_CHECKPOINTS = ["orbax.checkpoint"]


def train_m1(
    texts: Texts,
    out: Out,
    size: Annotated[
        str | None, typer.Option(show_default="small", help="tiny, small, 1m, 3m, 25m, 113m, 403m or 2b.")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(min=1, show_default="16 (--windows: 32), or as --init", help="Bytes that the model sees."),
    ] = None,
    lengths: Lengths = None,
    init: Annotated[
        str | None, typer.Option(help="Begin with the weights of this model, float or exact: a file or m1-books.")
    ] = None,
    starts: Starts = None,
    windows: Windows = None,
    steps: Steps = 2000,
    extend: Extend = None,
    batch_size: BatchSize = 512,
    learning_rate: LearningRate = 3e-3,
    warmup: Warmup = 100,
    optimizer: OptimizerName = "adamw",
    compute: ComputeName = "float32",
    accumulate: Accumulate = 1,
    remat: Remat = False,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Trains a byte model, called M1: it predicts each next byte.

    If the run in the folder was stopped, it goes on; if it is finished, nothing is trained again.

    Windows are pieces of text that carry equally many bits under M1, and M1 is reset in each. So M1 learns best from
    short examples that begin where windows begin. Train a model and compile it. Then train again, with this model as
    --init and its codebook as --starts.

    With --windows, the model also predicts the end of a window, as a 257th symbol. Such a model is for train-codebook
    --from, not for encode or compile.
    """
    ready("ecjax.cli.runs", extras=_CHECKPOINTS)
    import jax

    from ecjax.cli.runs import MODEL, Run, byte_examples, float_model, provenance, window_examples
    from ecjax.models.files import save_transformer
    from ecjax.models.transformer import Transformer, configuration

    if init is not None and size is not None:
        raise ValueError("--init brings its own size; leave out --size")
    if windows is not None and (starts is not None or lengths):
        raise ValueError("--windows makes each window an example; leave out --starts and --length")
    symbols, reach = (256, 16) if windows is None else (257, 32)
    settings = _settings(steps, batch_size, optimizer, learning_rate, warmup, compute, accumulate, remat, seed)
    run = Run.prepare(out, settings, extend, checkpoint_every, quiet, [*texts, init, starts, windows])
    if init is None:
        config = configuration(size or "small", symbols, context or reach)
        model, origin = Transformer(config, key=jax.random.key(seed)), None
    else:
        model, origin = float_model(init, symbols)
        model = model if context is None else model.with_context(context)
    if windows is None:
        examples = byte_examples(texts, starts, lengths or [model.config.context])
    else:
        examples = window_examples(texts, windows, model.config.context)
    inputs = {"command": "train-m1", "init": origin, **examples.inputs}

    def save(trained: Transformer, losses: Sequence[float]) -> str:
        return save_transformer(out / MODEL, trained, provenance(inputs, run.settings))

    _, results = run.train(model, run.batches(examples.sources), inputs, examples.bytes_per_symbol, save)
    _show(results, quiet, as_json)


def train_m2(
    texts: Annotated[
        list[Path],
        typer.Argument(
            parser=named,
            metavar="TEXTS...",
            help="Text files, or folders of them, each file being a document; or one folder that tokenize-corpus made.",
        ),
    ],
    out: Out,
    tokenizer: TrainedTokenizer = None,
    size: Annotated[str, typer.Option(help="tiny, small, 1m, 3m, 25m, 113m, 403m or 2b.")] = "small",
    context: Annotated[int, typer.Option(min=1, help="Tokens that the model sees.")] = 128,
    relative: Annotated[
        Relative,
        typer.Option(
            help="How distances between tokens count: a 'bias' for each head, or 'vectors' for keys, as in the paper."
        ),
    ] = "bias",
    steps: Steps = 2000,
    extend: Extend = None,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 3e-3,
    warmup: Warmup = 100,
    optimizer: OptimizerName = "adamw",
    compute: ComputeName = "float32",
    accumulate: Accumulate = 1,
    remat: Remat = False,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed", help="This is one of several processes that Slurm, Open MPI or Kubernetes started."
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Trains a language model over tokens, called M2, on all devices.

    If the run in the folder was stopped, it goes on; if it is finished, nothing is trained again.

    A corpus that tokenize-corpus made may have any size: documents are read from its shards as they are needed.

    With --distributed, run the command in each process, with the same arguments and an --out that all can reach.
    """
    ready("ecjax.cli.runs", extras=_CHECKPOINTS, keep=not distributed)
    import jax

    from ecjax.cli.language_examples import DEFAULT, language_examples
    from ecjax.cli.runs import MODEL, Run, join_processes, provenance
    from ecjax.cli.tokenizers import identity
    from ecjax.models.files import save_transformer
    from ecjax.models.transformer import Transformer, configuration

    if distributed:
        join_processes()
    settings = _settings(steps, batch_size, optimizer, learning_rate, warmup, compute, accumulate, remat, seed)
    read = [*texts, source_of(tokenizer or DEFAULT)]
    run = Run.prepare(out, settings, extend, checkpoint_every, quiet, read)
    examples = language_examples(texts, tokenizer, context, run)
    vocab_size = examples.tokenizer.tokenizer.vocab_size
    model = Transformer(configuration(size, vocab_size, context, relative), key=jax.random.key(seed))
    inputs = {"command": "train-m2", **examples.inputs}

    def save(trained: Transformer, losses: Sequence[float]) -> str:
        origin = provenance(inputs | {"tokenizer": identity(examples.tokenizer)}, run.settings)
        return save_transformer(out / MODEL, trained, origin)

    _, results = run.train(model, examples.batches, inputs, examples.bytes_per_token, save)
    if jax.process_index() == 0:
        _show(results, quiet, as_json)


def quantize(
    model: Annotated[str, typer.Argument(help="A float byte model that train-m1 made.")],
    texts: Texts,
    out: Out,
    held_out: Annotated[
        Path | None,
        typer.Option(
            parser=named, metavar="FILE", show_default="the training text", help="Text to measure the loss on."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of fine-tuning; 0 calibrates only.")] = 0,
    lengths: Lengths = None,
    starts: Starts = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also measure what the rounding of each layer costs.")
    ] = False,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 1e-4,
    warmup: Warmup = 100,
    seed: Seed = 0,
    checkpoint_every: CheckpointEvery = 500,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Makes an exact byte model from a float one.

    An exact model computes with integers alone, and gives the same bits on every machine. The units of its activations
    are chosen on the text (calibration). With --steps, the model is then fine-tuned with its rounding.
    """
    ready("ecjax.cli.quantisation", extras=_CHECKPOINTS if steps else ())
    from ecjax.cli import quantisation

    settings = None
    if steps:
        settings = _settings(steps, batch_size, "adamw", learning_rate, warmup, "float32", 1, False, seed)
    results = quantisation.run(
        quantisation.Request(
            model, texts, out, held_out, settings, lengths, starts, layers, seed, checkpoint_every, force, quiet
        )
    )
    _show(results, quiet, as_json)


def _settings(
    steps: int,
    batch_size: int,
    optimizer: Optimizer,
    learning_rate: float,
    warmup: int,
    compute: Compute,
    accumulate: int,
    remat: bool,
    seed: int,
) -> TrainingSettings:
    from ecjax.training import TrainingSettings

    return TrainingSettings(
        steps,
        batch_size,
        optimizer,
        learning_rate,
        warmup,
        seed=seed,
        compute=compute,
        accumulate=accumulate,
        remat=remat,
    )


def _show(results: dict[str, Any], quiet: bool, as_json: bool) -> None:
    if as_json or not quiet:
        show(results, as_json)
