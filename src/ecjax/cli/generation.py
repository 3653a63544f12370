"""The commands `generate` and `demo`."""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from ecjax import serialisation
from ecjax.cli import streams
from ecjax.cli.options import Force, Json, RememberedTokenizer, Seed, named, named_file
from ecjax.cli.ready import ready
from ecjax.console import console
from ecjax.printable import printable_lines


def generate(
    model: Annotated[str, typer.Argument(help="The file of a model that train-m2 made.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="The most tokens to draw.")] = 256,
    temperature: Annotated[
        float, typer.Option(help="The higher, the more random; 0 always takes the likeliest token.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest tokens.")] = None,
    top_p: Annotated[
        float, typer.Option(help="Draw from the likeliest tokens that together have this probability.")
    ] = 1.0,
    tokenizer: RememberedTokenizer = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Samples text from a language model over tokens, and prints the prompt and then the text as it comes."""
    ready("ecjax.generation", "ecjax.models.files")
    from ecjax.cli.tokenizers import remembered
    from ecjax.codebook import Codebook
    from ecjax.generation import SamplingSettings, generate
    from ecjax.models.files import EXACT_KIND, KIND, load_transformer
    from ecjax.tokenizers import Bytes

    settings = SamplingSettings(temperature, top_k, top_p, seed)
    contents = serialisation.read(model, KIND, EXACT_KIND)
    text = prompt.encode("utf-8", "surrogateescape")
    named = remembered(contents, tokenizer)
    if not isinstance(named.tokenizer, Codebook | Bytes):
        raise ValueError(
            f"{contents.name} was trained over {named.name}, whose ids have no strings of their own; generate wants a "
            "model over a codebook or bytes"
        )
    pieces = generate(load_transformer(contents), named.tokenizer, text, max_tokens, settings)
    if as_json:
        parts = list(pieces)
        told = b"".join(parts).decode("utf-8", "replace")
        print(json.dumps({"prompt": prompt, "text": told, "tokens": len(parts)}))
        return
    with streams.standard_output() as out:
        every = itertools.chain([text], pieces, [b"\n"])
        for piece in _shown(every) if sys.stdout.isatty() else every:
            out.write(piece)
            out.flush()


def demo(
    text: Annotated[
        Path | None,
        typer.Option(parser=named_file, metavar="FILE", help="Your own text; by default one that the package ships."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(parser=named, metavar="FOLDER", help="Where report.html and its data go. Made if not there."),
    ] = Path("build/demo"),
    minutes: Annotated[float, typer.Option(min=0, help="About how long each of the two small models trains.")] = 1.0,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Shows on a small scale: windows, round trips, two language models compared, samples. Writes an HTML report."""
    ready("ecjax.demo")
    from ecjax import demo as demonstration

    source = serialisation.asset("sample.txt") if text is None else text
    name = "The Wind in the Willows" if text is None else text.name
    contents = streams.read(source)
    streams.check_outputs(out, demonstration.FILES, force, [source])
    # The text by its name alone: a report may be shown to others, whom the folders do not concern.
    own = [] if text is None else ["--text", text.name]
    command = shlex.join(["ecjax", "demo", *own, "--minutes", f"{minutes:g}", "--seed", str(seed)])
    with console.capture() if as_json else contextlib.nullcontext():
        report = demonstration.run(contents, name, out, minutes, seed, command)
    if as_json:
        print(json.dumps(report))


def _shown(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Text that a terminal can show: no model gives it commands."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield printable_lines(decoder.decode(piece)).encode()
