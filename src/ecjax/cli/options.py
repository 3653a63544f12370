"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def named(text: str) -> Path:
    """The path that an argument names. Only `-` itself is standard input or output: `./-` is a file."""
    if not text:
        raise typer.BadParameter("the name is empty")
    path = Path(text)
    return Path.cwd() / path if str(path) == "-" != text else path


def named_file(text: str) -> Path:
    """As `named`, but of what is no folder."""
    if text.endswith("/"):
        raise typer.BadParameter(f"{text} names a folder; name a file")
    return named(text)


Texts = Annotated[
    list[Path],
    typer.Argument(parser=named, metavar="TEXTS...", help="Text files, or folders of them. Each file is a document."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and what --json asks for).")]
_TOKENIZERS = (
    "'bytes', a shipped codebook (books-16, mixed-16), a codebook's file, or a method by the paper's name: "
    "'EqualInfo[16,256]', 'AC[256]:MODEL', 'StaticAC[256]:TEXT', 'GZip[256]', 'SentencePiece[32k]:FILE.model'. "
    "The default of MODEL is m1-books."
)
TokenizerName = Annotated[str, typer.Option("--tokenizer", help=_TOKENIZERS)]
TrainedTokenizer = Annotated[
    str | None,
    typer.Option("--tokenizer", show_default="books-12, or the codebook of the corpus", help=_TOKENIZERS),
]
RememberedTokenizer = Annotated[
    str | None,
    typer.Option("--tokenizer", help="The tokenizer that the language model was trained over, if its file has moved."),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Seed of random numbers. The same seed, text and settings give the same result.")
]
