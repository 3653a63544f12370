"""The commands together, and how they end: one line on standard error for whatever went wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from importlib import metadata
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from ecjax.cli import compression, generation, measurement, tokens, training
from ecjax.conformance import commands as conformance
from ecjax.console import note

_BAD_INPUT = 2
_UsageError: Any = typer.BadParameter.__bases__[0]  # of which typer exports this one kind

app = typer.Typer(
    name="ecjax",
    help="Neural text compression that language models can learn from.\n\n"
    "To compress files: encode, decode, info. From text to samples: train-m1 (a byte model), compile (its windows as a "
    "codebook), tokenize, train-m2 (a language model over tokens), evaluate, generate. `ecjax demo` goes all of that "
    "way in miniature.\n\n"
    "Where a file is read or written, - is standard input or output. Nothing that is there is replaced without -f.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(compression.encode)
app.command()(compression.decode)
app.command()(compression.info)
app.command()(tokens.tokenize)
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
        print(f"ecjax {metadata.version('ecjax')}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command. Bad input ends with one line on standard error and exit status 2."""
    _stop_on_signals()
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="ecjax", standalone_mode=False) or 0
        sys.stdout.flush()
    except _UsageError as error:
        status = _misused(error)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1  # as typer has it
    except (KeyboardInterrupt, typer.Abort):
        status = 128 + signal.SIGINT
    except _Stopped as stopped:
        _end_at_once(128 + stopped.number)
    except MemoryError:
        status = _failed("there is not enough memory")
    except (ValueError, TypeError, OSError, ImportError) as error:
        status = _failed(str(error) or type(error).__name__)
    if status == 128 + signal.SIGINT:  # which typer makes of it, too
        note("stopped")
        _end_at_once(status)
    sys.exit(status)


class _Stopped(SystemExit):
    """Another process asked this one to end."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _stop_on_signals() -> None:
    """Has a request to end clean up as an error does: half-written files go, locks are let go of."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)  # once is enough
        raise _Stopped(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # a command started with nohup goes on
            signal.signal(number, stop)


def _end_at_once(status: int) -> NoReturn:
    """Ends the process, of which nothing is left to be cleaned up.

    Not by way of Python's own end: XLA's threads may still compile then, and crash for want of what is gone.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


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
