"""The commands together, and how they end: one line on standard error for whatever went wrong."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

import ecjax
from ecjax.cli import codebooks, compression, corpora, generation, measurement, tokens, training
from ecjax.conformance import commands as conformance
from ecjax.console import note

_BAD_INPUT = 2
_UsageError: Any = typer.BadParameter.__bases__[0]  # of which typer exports this one kind

app = typer.Typer(
    name="ecjax",
    help="Neural text compression that language models can learn from.\n\n"
    "To compress files: encode, decode, info.\n\n"
    "From your own text to samples, in this order: train-codebook (makes a tokenizer), tokenize, train-m2 (trains a "
    "language model over tokens), evaluate, generate.\n\n"
    "To make a tokenizer from a byte model, as in the paper: train-m1, then compile. `encode --model`, and windows of "
    "more than 16 bits, need an exact byte model: `quantize` makes one.\n\n"
    "To see all of this on a small scale, in a few minutes: demo.\n\n"
    "The name - is standard input or standard output. No file is replaced without -f, except that a training run "
    "writes its own files again.",
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(compression.encode)
app.command()(compression.decode)
app.command()(compression.info)
app.command()(tokens.tokenize)
app.command("tokenize-corpus")(corpora.tokenize_corpus)
app.command("train-codebook")(codebooks.train_codebook)
app.command("train-m1")(training.train_m1)
app.command("train-m2")(training.train_m2)
app.command()(training.quantize)
app.command("compile")(tokens.compile_model)
app.command()(measurement.evaluate)
app.command()(generation.generate)
app.command()(generation.demo)
app.add_typer(conformance.app, name="conformance")


def _show_version(wanted: bool) -> bool:
    if wanted:
        print(f"ecjax {ecjax.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _occupy_standard_streams() -> None:
    """Has the null device where one is closed, lest a file that is opened becomes it, and libraries log into that."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # for which `print` would take standard output
        sys.stderr = os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def run() -> int:
    """Runs the command, and returns its exit status: 2 and one line on standard error for bad input."""
    _occupy_standard_streams()
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="ecjax", standalone_mode=False) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except _UsageError as error:
        return _misused(error)
    except BrokenPipeError:  # whoever read our output has had enough
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1  # as typer has it
    except MemoryError:
        return _failed("there is not enough memory")
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):  # XLA's word for it
            raise
        return _failed("there is not enough memory")
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _failed(str(error) or type(error).__name__)


def _failed(message: str) -> int:
    note(message.strip().replace("\n", " "))
    return _BAD_INPUT


def _misused(error: Any) -> int:
    """Tells of arguments that are wrong; where only a group was named, its help."""
    message, context = error.format_message(), error.ctx
    if "\n" in message.strip():
        print(message, file=sys.stderr)
        return _BAD_INPUT
    command = context.command_path if context else "ecjax"
    return _failed(f"{message.rstrip('.')}; see {command} --help")
