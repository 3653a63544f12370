"""Tokenizers as commands name them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from pathlib import Path

from ecjax import serialisation
from ecjax.cli.methods import Method, parse
from ecjax.codebook import Codebook, load_codebook
from ecjax.models.base import ByteModel
from ecjax.models.files import load_model
from ecjax.models.unigram import Unigram
from ecjax.printable import printable
from ecjax.tokenizers import (
    ArithmeticCoding,
    Bytes,
    EqualInfo,
    EqualText,
    GZip,
    Huffman,
    SentencePiece,
    Tokenizer,
)


@dataclasses.dataclass(frozen=True)
class Named:
    """A tokenizer that a command named.

    Attributes:
      name: As it was named.
      tokenizer: It.
      fingerprint: Two with the same one give the same tokens.
    """

    name: str
    tokenizer: Tokenizer
    fingerprint: str

    @property
    def one_by_one(self) -> Codebook | Bytes | SentencePiece:
        """The tokenizer, if its ids decode one by one. Raises ValueError otherwise."""
        if not isinstance(self.tokenizer, Codebook | Bytes | SentencePiece):
            raise ValueError(
                f"ids of {self.name} have no strings of their own; this takes a codebook, bytes or SentencePiece"
            )
        return self.tokenizer


@functools.cache
def tokenizer_of(name: str) -> Named:
    """The tokenizer called so, which is read once.

    Args:
      name: 'bytes', a shipped codebook, a codebook's file, or a method (`ecjax.cli.methods`).

    Raises:
      ValueError: If there is none, or what it is made from is not there, damaged or of another kind.
    """
    if name in ("bytes", "Bytes"):
        return Named(name, Bytes(), "bytes")
    method = parse(name)
    if method is None:
        codebook = load_codebook(name)
        return Named(name, codebook, codebook.fingerprint)
    tokenizer, material = _build(method)
    if isinstance(tokenizer, Codebook):  # the windows of a model, as `ecjax compile` makes them
        return Named(name, tokenizer, tokenizer.fingerprint)
    told = json.dumps([method.title, material]).encode()
    return Named(name, tokenizer, hashlib.sha256(told).hexdigest())


def identity(named: Named) -> dict[str, str]:
    """How a file remembers its tokenizer."""
    return {"name": named.name, "fingerprint": named.fingerprint}


def remembered(model: serialisation.Contents, replacement: str | None) -> Named:
    """The tokenizer of a language model, as its file remembers it; or one that is named instead, if it is the same.

    Raises:
      ValueError: If the file remembers none, it is not there, or what is there is another.
    """
    told = model.provenance.get("tokenizer")
    if not (isinstance(told, dict) and all(isinstance(told.get(key), str) for key in ("name", "fingerprint"))):
        raise ValueError(f"{model.name} is no language model over tokens; make one with ecjax train-m2")
    name = replacement or told["name"]
    if replacement is None and not _is_there(name):
        raise ValueError(
            f"{model.name} was trained over {printable(name, 300)}, which is neither a file nor one of the "
            "shipped names; say with --tokenizer where it is"
        )
    found = tokenizer_of(name)
    if found.fingerprint != told["fingerprint"]:
        raise ValueError(f"{model.name} was trained with another tokenizer than {printable(name, 80)}; name that")
    return found


def _is_there(name: str) -> bool:
    """Whether what a tokenizer is read from is there."""
    method = parse(name)
    source = name if method is None else method.material
    return source in ("", "bytes", "Bytes", *serialisation.shipped()) or os.path.isfile(source)


def _build(method: Method) -> tuple[Tokenizer, str]:
    """A method's tokenizer, and the fingerprint of what it was made from."""
    if method.kind == "GZip":
        return GZip(method.token_bits, header=method.variant != "bare"), ""
    if method.kind == "SentencePiece":
        return _subwords(method)
    if method.kind in ("StaticAC", "Huffman"):
        text = _read(method.material)
        model, mark = Unigram.fit(text), hashlib.sha256(text).hexdigest()
    else:
        contents = serialisation.read(method.material)
        model, mark = load_model(contents), contents.fingerprint
    return _modelled(method, model), mark


def _modelled(method: Method, model: ByteModel) -> Tokenizer:
    """A method's tokenizer over a byte model."""
    if method.kind in ("AC", "StaticAC"):
        return ArithmeticCoding(model, method.token_bits)
    if method.kind == "Huffman":
        return Huffman(model, method.token_bits)
    if method.kind == "EqualText":
        delimited = method.variant == "delimited"
        size = method._replace(ids=str(int(method.ids) - 1)) if delimited and method.ids.isdigit() else method
        return EqualText(model, method.size, size.token_bits, delimited)
    code = method.variant if method.variant in ("published", "delayed") else "preorder"
    every = method.variant.removeprefix("every ")
    reset = None if every == "never" else 2 if every == "other" else int(every) if every.isdigit() else 1
    tokenizer = EqualInfo(model, method.size, method.token_bits, code=code, reset=reset)
    whole = method.size == method.token_bits and code == "preorder" and reset == 1
    return tokenizer.compile() if whole else tokenizer


def _subwords(method: Method) -> tuple[SentencePiece, str]:
    """SentencePiece's model of a file, if it has the number of pieces that the name says."""
    proto = _read(method.material)
    tokenizer = SentencePiece(proto)
    size = tokenizer.vocab_size
    if method.ids not in (str(size), f"{size // 1000}k", f"{size // 1024}k"):
        raise ValueError(f"{printable(method.material, 300)} has {size} pieces; write SentencePiece[{size}]:FILE.model")
    return tokenizer, hashlib.sha256(proto).hexdigest()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{printable(path, 300)} cannot be read: {error.strerror}") from error
