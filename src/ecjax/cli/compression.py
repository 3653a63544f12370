"""The commands `encode`, `decode` and `info`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ecjax import serialisation
from ecjax.binary import Source, Target, take
from ecjax.cli import codebooks, streams
from ecjax.cli.options import Force, Json, Quiet, named_file
from ecjax.cli.ready import ready
from ecjax.cli.streams import report as show_report
from ecjax.console import counting, note, show
from ecjax.container import CODEBOOK, MAGIC, STREAMS, WINDOWS
from ecjax.container.layout import Summary
from ecjax.container.layout import info as container_info
from ecjax.standard import standard_input

SUFFIX = ".ecj"
_METHODS = {STREAMS: "streams", WINDOWS: "windows", CODEBOOK: "codebook"}
_FOREIGN = 5.0  # bits per byte from which on a text is not of the model's kind ...
_TELLING = 256  # ... if it has so many bytes
_OVERHEAD = 63  # bytes of a file with one block besides the block's code

ToStandardOutput = Annotated[bool, typer.Option("--stdout", "-c", help="Write to standard output.")]
Remove = Annotated[bool, typer.Option("--rm", help="Remove IN once OUT is written.")]


def encode(
    source: Annotated[
        Path | None, typer.Argument(parser=named_file, metavar="[IN]", help="The file to compress; any bytes will do.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(parser=named_file, metavar="[OUT]", show_default=f"IN{SUFFIX}", help="The compressed file."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A byte model (m1-books), a codebook (books-16, mixed-16), or a file of either.")
    ] = "m1-books",
    bits: Annotated[
        int | None,
        typer.Option(
            min=9,
            max=128,
            show_default="no windows",
            help="Write windows of this many bits. Each decodes by itself. The file is larger. Not with a codebook.",
        ),
    ] = None,
    force: Force = False,
    to_stdout: ToStandardOutput = False,
    remove: Remove = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compresses a file.

    A byte model makes the smallest files, but it is slow. A codebook is fast, but its files are larger. `ecjax decode`
    gives the file back; it needs the same model or codebook. IN stays unless --rm is given.

    Without IN, or if it is -, the command reads standard input and, unless OUT is named, writes standard output.
    """
    source = _source(source)
    target = _target(source, target, to_stdout, lambda path: path.with_name(path.name + SUFFIX))

    def run(text: Source, file: Target, report: Callable[[int], None]) -> Summary:
        from ecjax.compression import compress_stream

        return compress_stream(text, file, model, bits, report)

    summary = _convert(source, target, "encoding", run, [model], force, remove, quiet)
    show_report(_sizes(summary), target, quiet, as_json)
    if not quiet and summary.length >= _TELLING:
        bits_per_byte = 8 * (summary.size - _OVERHEAD) / summary.length
        if bits_per_byte > _FOREIGN:
            note(
                f"{streams.called(source)} is not of the kind that {model} knows: {bits_per_byte:.1f} bits per byte; "
                "another model, or another program, may make it smaller"
            )


def decode(
    source: Annotated[
        Path | None, typer.Argument(parser=named_file, metavar="[IN]", help="A file that `ecjax encode` wrote.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(parser=named_file, metavar="[OUT]", show_default=f"IN without {SUFFIX}", help="Where to write."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            show_default="the shipped one that the file names",
            help="The model or codebook that made the file: a name or a file.",
        ),
    ] = None,
    force: Force = False,
    to_stdout: ToStandardOutput = False,
    remove: Remove = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Gives back the text of a compressed file: every byte of it, or an error and no file.

    Without IN, or if it is -, the command reads standard input and, unless OUT is named, writes standard output. It
    then writes the text as it decodes it: trust the text only after the command has ended with status 0.
    """
    source = _source(source)
    target = _target(source, target, to_stdout, lambda path: streams.without_suffix(path, SUFFIX))

    def run(file: Source, text: Target, report: Callable[[int], None]) -> Summary:
        from ecjax.compression import decompress_stream

        return decompress_stream(file, text, model, report)

    summary = _convert(source, target, "decoding", run, [] if model is None else [model], force, remove, quiet)
    show_report(_sizes(summary), target, quiet, as_json)


def info(
    file: Annotated[
        Path,
        typer.Argument(
            parser=named_file,
            metavar="FILE",
            help="A compressed file, a model, a codebook or a file of tokens; or a shipped name.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Says what a file is. Also checks it for damage, as far as this needs no model."""
    if str(file) in serialisation.shipped():
        file = serialisation.resolve(str(file))
    with streams.reading(file) as opened:
        start = take(opened, len(MAGIC))
        rest = streams.Continued(start, opened)
        if start == MAGIC:
            summary = container_info(rest)
            show(_header(summary) | _sizes(summary), as_json)
            return
        contents = serialisation.read(rest, name=str(file))
    told = {
        "kind": contents.kind,
        "settings": contents.settings,
        "fingerprint": contents.fingerprint,
        "shipped_as": serialisation.shipped_name(contents.fingerprint),
        "file_bytes": rest.count,
        "numbers": sum(tensor.size for tensor in contents.tensors.values()),
    }
    if contents.kind == codebooks.KIND:
        told |= codebooks.facts(contents)
    told["provenance"] = contents.provenance
    show(told, as_json)


def _source(source: Path | None) -> Path:
    if source is None and standard_input().isatty():
        raise ValueError("standard input is a terminal; name a file, or - to type what is to be read")
    return source or streams.STANDARD


def _target(source: Path, target: Path | None, to_stdout: bool, named: Callable[[Path], Path]) -> Path:
    """Where to write; unless that is said, beside the input, and to standard output if that is standard input."""
    if to_stdout and target not in (None, streams.STANDARD):
        raise ValueError(f"--stdout writes to standard output; leave out it or {target}")
    if to_stdout or (target is None and source == streams.STANDARD):
        return streams.STANDARD
    return target or named(source)


def _convert(
    source: Path,
    target: Path,
    what: str,
    run: Callable[[Source, Target, Callable[[int], None]], Summary],
    models: list[str],
    force: bool,
    remove: bool,
    quiet: bool,
) -> Summary:
    """Reads, converts and writes; then removes what was read, if that was asked."""
    streams.check_output(target, force, [source, *models])
    ready("ecjax.compression")
    with streams.reading(source) as opened:
        status = streams.regular_status(opened)
        if remove and (status is None or source == streams.STANDARD or not streams.is_file_to_be(target)):
            raise ValueError("--rm removes IN once OUT is there; name a file for each, no pipe and no device")
        if remove and source.is_symlink():
            raise ValueError(f"{source} is a link, and --rm would not remove what it links to; name that")
        total = status.st_size if status and what == "encoding" else None
        with (
            streams.writing(target, force, [source, *models], status, text=what == "decoding") as file,
            counting(what, "bytes", total, quiet or streams.to_terminal(target)) as progress,
        ):
            summary = run(opened, file, progress)
    if remove:
        if status is None or not streams.unchanged(source, status):
            raise ValueError(f"{target} is written, but {source} has changed since it was read: it is not removed")
        source.unlink()
    return summary


def _header(summary: Summary) -> dict[str, object]:
    header = summary.header
    return {
        "kind": "compressed text",
        "version": summary.version,
        "method": _METHODS[header.method],
        "bits": header.bits or None,
        "precision": header.precision or None,
        "fingerprint": header.fingerprint,
        "shipped_as": serialisation.shipped_name(header.fingerprint),
    }


def _sizes(summary: Summary) -> dict[str, object]:
    """What is reported of a compressed file."""
    return {
        "text_bytes": summary.length,
        "file_bytes": summary.size,
        "bits_per_byte": 8 * summary.size / max(1, summary.length),
        "blocks": summary.blocks,
        "stored_blocks": summary.stored,
    }
