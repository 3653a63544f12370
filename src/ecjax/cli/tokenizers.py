"""Tokenizers as commands name them."""

from __future__ import annotations

import functools
import os

from ecjax import serialisation
from ecjax.codebook import Codebook, load_codebook
from ecjax.printable import printable
from ecjax.tokenizers import Bytes


@functools.cache
def tokenizer_of(name: str) -> Codebook | Bytes:
    """The tokenizer called so: 'bytes', a shipped codebook, or a codebook's file, which is read once."""
    return Bytes() if name == "bytes" else load_codebook(name)


def identity(name: str, tokenizer: Codebook | Bytes) -> dict[str, str]:
    """How a file remembers its tokenizer."""
    mark = tokenizer.fingerprint if isinstance(tokenizer, Codebook) else "bytes"
    return {"name": name, "fingerprint": mark}


def remembered(model: serialisation.Contents, replacement: str | None) -> Codebook | Bytes:
    """The tokenizer of a language model, as its file remembers it; or one that is named instead, if it is the same.

    Raises:
      ValueError: If the file remembers none, it is not there, or what is there is another.
    """
    told = model.provenance.get("tokenizer")
    if not (isinstance(told, dict) and all(isinstance(told.get(key), str) for key in ("name", "fingerprint"))):
        raise ValueError(f"{model.name} is no language model over tokens; make one with ecjax train-m2")
    name = replacement or told["name"]
    if replacement is None and name not in ("bytes", *serialisation.shipped()) and not os.path.isfile(name):
        raise ValueError(
            f"{model.name} was trained over {printable(name, 300)}, which is neither a file nor one of the "
            "shipped names; say with --tokenizer where it is"
        )
    tokenizer = tokenizer_of(name)
    if identity(name, tokenizer)["fingerprint"] != told["fingerprint"]:
        raise ValueError(f"{model.name} was trained with another codebook than {printable(name, 80)}; name that")
    return tokenizer
