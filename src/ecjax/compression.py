"""Compressing bytes and files by a model's name, and back."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from ecjax import container, serialisation
from ecjax.checks import check_integer, check_text
from ecjax.codebook import KIND as CODEBOOK_KIND
from ecjax.codebook import Codebook, load_codebook
from ecjax.coding.windows import MAX_BITS, MIN_BITS
from ecjax.container import Coding, Reader, Source, Summary, Target
from ecjax.container.files import Report
from ecjax.models.base import ByteModel
from ecjax.models.files import exact_fingerprint, load_model
from ecjax.models.integer import IntegerTransformer
from ecjax.models.sizes import TransformerConfig

DEFAULT = "m1-books"
"""The model that compresses unless another is named."""

Model = str | Path | serialisation.Contents | ByteModel | Codebook
Buffer = bytes | bytearray | memoryview


def compress(data: Buffer, model: Model = DEFAULT, bits: int | None = None) -> bytes:
    """Compresses bytes to what `ecjax encode` writes for them: a file as in specs/container.md.

    The result is longer than `data` by at most 63 bytes plus 0.017%, whatever `data` is.

    Args:
      data: Bytes of any content: `bytes`, a `bytearray`, or a `memoryview`, of which the bytes that it shows.
      model: An exact byte model or a codebook: a shipped name ("m1-books", "books-16", "mixed-16"), the path of a file,
        what `ecjax.serialisation.read` returned, or the object itself.
      bits: By default a byte model codes the text as streams. With a number from 9 to 128, it codes it as windows of so
        many bits, each of which decodes by itself, and the result is longer. Leave it out with a codebook.

    Returns:
      The compressed file.

    Raises:
      TypeError: If `data` or `model` is none of these.
      ValueError: If there is no such model, its file is damaged, or it is not exact; if `bits` is out of range, or is
        given with a codebook.
    """
    target = io.BytesIO()
    compress_stream(io.BytesIO(check_text(data)), target, model, bits)
    return target.getvalue()


def decompress(data: Buffer, model: Model | None = None) -> bytes:
    """Gives back the bytes that `compress` or `ecjax encode` was given.

    Args:
      data: The compressed file: `bytes`, a `bytearray` or a `memoryview`.
      model: The model or codebook that made it, given as in `compress`. By default it is the shipped one that `data`
        names. `data` also says how many bits its windows have.

    Returns:
      The text.

    Raises:
      TypeError: If `data` or `model` is of another type.
      ValueError: If there is no such model, or it is not exact; or if no model is given, and `data` names none that is
        shipped.
      ecjax.container.Refused: A ValueError too: if `data` is damaged, or was made with another model.
    """
    target = io.BytesIO()
    decompress_stream(io.BytesIO(check_text(data)), target, model)
    return target.getvalue()


def compress_stream(
    source: Source, target: Target, model: Model = DEFAULT, bits: int | None = None, report: Report | None = None
) -> Summary:
    """Compresses all that `source` gives, in one pass. The memory that it takes does not grow with the text.

    Args:
      source: Where the text is read: a file opened in binary mode, a pipe, or any object with such a `read`. A `read`
        that has no bytes yet must wait for them.
      target: Where the compressed file is written: likewise, with `write`.
      model: As in `compress`.
      bits: As in `compress`.
      report: Called now and then with the number of bytes of text that are done.

    Returns:
      What `ecjax.container.info` says of the file, such as the numbers of bytes and of blocks.

    Raises:
      TypeError, ValueError: As `compress`.
      OSError: If reading or writing fails.
    """
    return container.encode(coding_of(model, bits), source, target, report=report)


def decompress_stream(
    source: Source, target: Target, model: Model | None = None, report: Report | None = None
) -> Summary:
    """Gives back the text of a compressed file, in one pass. The memory that it takes does not grow with the text.

    The text is written as it is decoded. If this raises an error, do not use what is in `target`: it may be a part of
    the text, or wrong.

    Args:
      source: Where the compressed file is read: an object as in `compress_stream`.
      target: Where the text is written: an object as in `compress_stream`.
      model: As in `decompress`.
      report: Called now and then with the number of bytes of text that are done.

    Returns:
      As `compress_stream`.

    Raises:
      TypeError, ValueError: As `decompress`.
      OSError: As `compress_stream`.
    """
    reader = Reader(source)
    header = reader.header
    if model is None:
        model = serialisation.shipped_name(header.fingerprint)
        if model is None:
            raise ValueError(
                f"this was made with {header}, which is not shipped; name its file with --model, or as `model`"
            )
    bits = header.bits if header.method == container.WINDOWS else None
    return container.decode(_coding(model, bits), reader, target, report)


def coding_of(model: Model, bits: int | None = None) -> Coding:
    """How blocks are coded with a model, or with a codebook. The arguments, and what is raised, as in `compress`."""
    if bits is not None:
        check_integer("bits", bits, MIN_BITS, MAX_BITS)
    coding = _coding(model, bits)
    if bits is not None and coding.header.method == container.CODEBOOK:
        raise ValueError(
            f"this is a codebook, whose windows have {coding.header.bits} bits; leave out --bits, or `bits`"
        )
    return coding


def _coding(model: Model, bits: int | None) -> Coding:
    """As `coding_of`, but a codebook has its own bits whatever `bits` says."""
    if isinstance(model, str) and model in serialisation.shipped():
        return _shipped_coding(model, bits)
    return _read_coding(model, bits)


@functools.lru_cache(maxsize=8)
def _shipped_coding(name: str, bits: int | None) -> Coding:
    """Kept, lest each of many short texts loads the model anew."""
    return _read_coding(serialisation.read(name), bits)


def _read_coding(model: Model, bits: int | None) -> Coding:
    if isinstance(model, str | Path):
        model = serialisation.read(model)
    if isinstance(model, serialisation.Contents):
        mark = model.fingerprint
        model = load_codebook(model) if model.kind == CODEBOOK_KIND else load_model(model)
    else:
        mark = None
    if isinstance(model, Codebook):
        return container.codebook_coding(model)
    if not isinstance(model, ByteModel):
        raise TypeError(f"a model is a name, a file, or an `ecjax` ByteModel or Codebook, got {type(model).__name__}")
    mark = mark or model_fingerprint(model)
    return container.stream_coding(model, mark) if bits is None else container.window_coding(model, bits, mark)


def model_fingerprint(model: ByteModel) -> str:
    """What a file calls a model: SHA-256 of its class's name, its settings and its arrays.

    That of an exact Transformer is the one that its own file has (specs/transformer.md, T-17). Of another, what its
    methods do is not looked at: give the class another name when they change. The name has the module's, which of a
    script that is run is `__main__`.

    Raises:
      ValueError: If the model's settings are no plain values, which would be called the same in another process.
    """
    if type(model) is IntegerTransformer:
        return exact_fingerprint(model)
    try:
        arrays = dict(_arrays(model))
        # As JSON has them, where records are told by their classes too.
        settings = json.loads(json.dumps(dict(_settings("", model)), sort_keys=True, default=_record))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a {type(model).__name__} cannot be told from others by its settings ({error}); keep numbers, strings and "
            "arrays in it, or use ecjax.container with a fingerprint of your own"
        ) from error
    return serialisation.fingerprint(_class_name(model), settings, arrays)


def _arrays(model: ByteModel) -> Iterator[tuple[str, np.ndarray]]:
    """A model's arrays, and the numbers that are used as such, by their places."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(model):
        if eqx.is_array_like(leaf):
            array = np.asarray(leaf)
            if array.dtype.hasobject:
                raise TypeError(f"an array of {array.dtype} holds objects")
            yield jax.tree_util.keystr(path), array


def _settings(place: str, module: eqx.Module) -> Iterator[tuple[str, object]]:
    """What else there is of a module and of the modules in it, wherever they are: static fields, and other leaves."""
    yield place, _class_name(module)
    for field in dataclasses.fields(module):
        if field.metadata.get("static"):
            yield f"{place}.{field.name}", getattr(module, field.name)

    def is_part(node: object) -> bool:
        return isinstance(node, eqx.Module) and node is not module

    for path, part in jax.tree_util.tree_leaves_with_path(module, is_leaf=is_part):
        if isinstance(part, eqx.Module):
            yield from _settings(place + jax.tree_util.keystr(path), part)
        elif not eqx.is_array_like(part):
            yield place + jax.tree_util.keystr(path), part


def _record(value: object) -> object:
    """What JSON is to have of a value that it does not know. Raises TypeError if that is not a dataclass's instance."""
    if isinstance(value, TransformerConfig):
        # As it was when it was defined there and had sizes alone: files call models by this.
        return ["ecjax.models.transformer.TransformerConfig", value.settings()]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is no plain value")
    return [_class_name(value), {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}]


def _class_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
