"""The commands `tokenize` and `compile`."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ecjax import serialisation
from ecjax.cli import streams
from ecjax.cli.methods import source_of
from ecjax.cli.options import Force, Json, Quiet, TokenizerName, named_file
from ecjax.cli.ready import ready
from ecjax.console import counting
from ecjax.printable import printable

if TYPE_CHECKING:
    import numpy as np

    from ecjax.cli.tokenizers import Named

KIND = "ecjax.tokens"
SUFFIX = ".tokens"
Format = Literal["tokens", "ids", "strings", "jsonl"]


def tokenize(
    source: Annotated[
        Path,
        typer.Argument(
            parser=named_file,
            metavar="IN",
            help="The text; any bytes will do. With --decode, its tokens. - is standard input.",
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            parser=named_file,
            metavar="[OUT]",
            show_default=f"IN{SUFFIX}; other formats, standard output; --decode, IN without {SUFFIX}",
            help="The tokens; with --decode, the text.",
        ),
    ] = None,
    tokenizer: TokenizerName = "books-16",
    decode: Annotated[bool, typer.Option("--decode", help="From tokens back to text.")] = False,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="'tokens' is a binary file for programs. The others are text with a line for each window: its id, its "
            "string, or a JSON object with both. --decode reads tokens, ids and jsonl.",
        ),
    ] = "tokens",
    to_show: Annotated[
        bool, typer.Option("--show", help="Print the windows and their ids to look at. No file is written.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turns a file into tokens and back, without loss.

    The tokens are written to a safetensors file with one tensor: `ids`, of uint16 (uint32 if there are more than 65,536
    ids). The file also has the fingerprint of the tokenizer, so that no other tokenizer decodes it by mistake.
    """
    if to_show and (decode or target or form != "tokens"):
        raise ValueError("--show prints the windows of a text and writes nothing; leave out OUT, --decode and --format")
    if target is None:
        target = _target(source, decode, form)
    inputs = [source, source_of(tokenizer)]
    if not to_show:
        streams.check_output(target, force, inputs)
    ready("ecjax.cli.tokenizers")
    from ecjax.cli.tokenizers import tokenizer_of

    with streams.reading(source) as file:
        status, given = streams.regular_status(file), file.read()
    chosen = tokenizer_of(tokenizer)
    if to_show:
        _show_windows(given, chosen)
        return
    if decode:
        ids = _read_ids(streams.called(source), given, chosen, form)
        text = written = chosen.tokenizer.decode(ids)
    else:
        text, ids = given, chosen.tokenizer.encode(given)
        written = _write_ids(ids, chosen, form)
    with streams.writing(target, force, inputs, status, text=decode or form != "tokens") as file:
        file.write(written)
    streams.report(
        {"bytes": len(text), "tokens": len(ids), "bytes_per_token": len(text) / max(1, len(ids))},
        target,
        quiet,
        as_json,
    )


def compile_model(
    model: Annotated[str, typer.Argument(help="A byte model's file, or a shipped model's name.")],
    out: Annotated[Path, typer.Option(parser=named_file, metavar="FILE", help="Where to write the codebook.")],
    bits: Annotated[int, typer.Option(min=9, max=16, help="Bits of a window; the codebook has 2**bits strings.")] = 16,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compiles the windows of a byte model into a codebook: a table of their strings, which needs no model."""
    streams.check_output(out, force, [model])
    ready("ecjax.codebook", "ecjax.models.files")
    import numpy as np

    from ecjax.codebook import compile_codebook
    from ecjax.models.files import load_model

    contents = serialisation.read(model)
    provenance = {"command": "compile", "model": contents.fingerprint}
    with counting("compiling", "strings", 1 << bits, quiet) as report:
        codebook = compile_codebook(load_model(contents), bits, provenance, report)
    with streams.writing(out, force, [model]) as file:
        codebook.save(file)
    lengths = np.asarray(codebook.lengths)
    told = {
        "codebook": str(out),
        "strings": len(lengths),
        "longest": int(lengths.max()),
        "fingerprint": codebook.fingerprint,
    }
    streams.report(told, out, quiet, as_json)


def _show_windows(text: bytes, named: Named) -> None:
    """Prints each window of a text on a line: its id, its bytes, its string."""
    tokenizer = named.one_by_one
    ids = tokenizer.encode(text)
    digits = len(str(tokenizer.vocab_size - 1))
    print(f"{'id':>{digits}} bytes  string")
    for id_, string in _windows(ids, named):
        print(f"{id_:>{digits}} {len(string):>5}  {_string(string)}")


def _target(source: Path, decode: bool, form: Format) -> Path:
    if source == streams.STANDARD or (form != "tokens" and not decode):
        return streams.STANDARD
    return streams.without_suffix(source, SUFFIX) if decode else source.with_name(source.name + SUFFIX)


def _windows(ids: np.ndarray, named: Named) -> Iterable[tuple[int, bytes]]:
    """Each id and its string."""
    return zip(ids.tolist(), named.one_by_one.decode_batch(list(ids[:, None])), strict=True)


def _string(string: bytes) -> str:
    """A window's string on one line, between quotation marks: UTF-8 as it is, else escaped as Python does."""
    return f'"{printable(string.decode("utf-8", "backslashreplace"))}"'


def _write_ids(ids: np.ndarray, named: Named, form: Format) -> bytes:
    """The contents of a file of tokens, or lines of text."""
    import numpy as np

    if form == "tokens":
        file, kind = io.BytesIO(), np.uint16 if named.tokenizer.vocab_size <= 1 << 16 else np.uint32
        settings, tensors = {"tokenizer": named.fingerprint}, {"ids": ids.astype(kind)}
        serialisation.write(file, KIND, settings, tensors, {"tokenizer": named.name})
        return file.getvalue()
    if form == "ids":
        lines = map(str, ids.tolist())
    elif form == "strings":
        lines = (_string(string) for _, string in _windows(ids, named))
    else:
        lines = (
            json.dumps({"id": id_, "text": string.decode("utf-8", "backslashreplace"), "bytes": string.hex()})
            for id_, string in _windows(ids, named)
        )
    return "".join(f"{line}\n" for line in lines).encode()


def _read_ids(source: str, given: bytes, named: Named, form: Format) -> np.ndarray:
    """The ids that `_write_ids` wrote. Raises ValueError if they are damaged, or those of another tokenizer."""
    import numpy as np

    from ecjax.checks import check_ids

    if form == "strings":
        raise ValueError("--decode reads tokens, ids and jsonl; strings are for people")
    if form == "tokens":
        contents = serialisation.read(io.BytesIO(given), KIND, name=source)
        if contents.settings != {"tokenizer": named.fingerprint}:
            raise ValueError(
                f"{contents.name} was made with another tokenizer than {named.name}; name that one with --tokenizer"
            )
        if contents.tensors.keys() != {"ids"}:
            raise serialisation.damaged(contents.name, "it holds other arrays than ids")
        ids = contents.tensors["ids"]
    else:
        ids = np.array(list(_read_lines(source, given, form)), np.int64)
    try:
        return check_ids(ids, named.tokenizer.vocab_size)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source} holds no ids of {named.name}: {error}") from error


def _read_lines(source: str, given: bytes, form: Format) -> Iterator[int]:
    """The id on each line."""
    for number, line in enumerate(given.splitlines(), 1):
        try:
            if form == "ids" and not re.fullmatch(rb"-?[0-9]{1,10}", line):
                raise ValueError
            id_ = int(line) if form == "ids" else json.loads(line)["id"]
            if type(id_) is not int or id_.bit_length() > 32:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            what = "an id" if form == "ids" else 'a JSON object with an "id"'
            raise ValueError(f"line {number} of {source} is not {what}, as --format {form} writes it") from None
        yield id_
