"""Safetensors files with a kind, a version and a fingerprint; and those that the package ships.

A file may come from anybody. What its header claims is checked before memory is taken for it, and whatever is wrong is
one ValueError of one line. This module does without JAX, so that a file can be looked at in no time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from ecjax import atomic
from ecjax.binary import Source, Target, put, take
from ecjax.printable import printable
from ecjax.standard import standard_input

_VERSION = "1"
_SUFFIX = ".safetensors"
_LONGEST_HEADER = 1 << 22  # bytes; parsed, they take some twenty times as much
_DEEPEST = 32  # levels of JSON
_SHOWN = 80  # characters of a file's own text that a message has
_DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"}  # NumPy's own
_FIELDS = ("kind", "version", "settings", "fingerprint", "provenance")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
      name: What the file is called in messages: its shipped name, its path, or "standard input".
      kind: What it is, such as "ecjax.codebook".
      settings: What gives the tensors their meaning.
      tensors: Arrays by name.
      fingerprint: SHA-256 of kind, settings and tensors, in hexadecimal.
      provenance: How it came about, for people.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    tensors: dict[str, np.ndarray]
    fingerprint: str
    provenance: dict[str, Any]


def asset(name: str) -> Path:
    """A file that the package ships."""
    return Path(str(resources.files("ecjax"))) / "assets" / name


def shipped() -> list[str]:
    """Names of the models and codebooks that the package ships."""
    return sorted(path.stem for path in asset("").glob(f"*{_SUFFIX}"))


def resolve(name_or_path: str | Path) -> Path:
    """The file, or the pipe, that a shipped name or a path means. Raises ValueError if there is none."""
    path = Path(name_or_path)
    if str(name_or_path) in shipped():
        return asset(f"{name_or_path}{_SUFFIX}")
    if not path.exists() or path.is_dir():
        name = printable(str(name_or_path)) or "an empty name"
        raise ValueError(f"{name} is neither a file nor one of the shipped names ({', '.join(shipped())})")
    return path


def shipped_name(mark: str) -> str | None:
    """The name of the shipped model or codebook that has this fingerprint, if one has."""
    return _shipped_fingerprints().get(mark)


@functools.cache
def _shipped_fingerprints() -> dict[str, str]:
    """The name of each shipped file, by its fingerprint."""
    return {read_fingerprint(name): name for name in shipped()}


def fingerprint(kind: str, settings: Mapping[str, object], tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of what a file means, independent of how it is laid out."""
    digest = hashlib.sha256(json.dumps([kind, settings], sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = np.asarray(tensors[name], order="C")
        digest.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def write(
    target: str | Path | Target,
    kind: str,
    settings: Mapping[str, object],
    tensors: Mapping[str, np.ndarray],
    provenance: Mapping[str, object],
    replace: bool = True,
) -> str:
    """Writes a file, whole or not at all, or into one that is open, and returns its fingerprint.

    The fingerprint is not that of `provenance` too, which says how the contents came about. The same contents give the
    same bytes.

    Raises:
      ValueError: If JSON does not have what `settings` or `provenance` hold (NaN is none of its numbers), or they are
        longer or deeper than a reader takes.
    """
    arrays = {name: _little_endian(np.asarray(tensor, order="C")) for name, tensor in tensors.items()}
    mark = fingerprint(kind, settings, arrays)
    # A path in the provenance may be no UTF-8, and Python then has it with lone surrogates, which no reader takes.
    origin = json.dumps(provenance, sort_keys=True, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
    metadata = {
        "kind": kind,
        "version": _VERSION,
        "settings": json.dumps(settings, sort_keys=True, allow_nan=False),
        "fingerprint": mark,
        "provenance": origin.decode(),
    }
    for part in ("settings", "provenance"):
        _json_object(part, metadata[part])
    data = _ordered(safetensors.numpy.save(arrays, metadata))
    if isinstance(target, str | Path):
        atomic.write_bytes(target, data, replace=replace)
    else:
        put(target, data)
    return mark


def read(source: str | Path | Contents | Source, *kinds: str, name: str = "the file") -> Contents:
    """Reads a safetensors file of ecjax: a model, a codebook or tokens.

    The file is read once, from its beginning to its end, so it may be a pipe.

    Args:
      source: A shipped name, a path, `-` for standard input, or a file that is open in binary mode. `Contents` that
        were read before are returned as they are.
      kinds: The kinds of file that are wanted, such as "ecjax.codebook". Without any, every kind is taken.
      name: How messages call a file that is open already.

    Returns:
      The arrays, which cannot be written to, and what the file says of them.

    Raises:
      ValueError: If there is no such file; or if it is damaged, of another kind, or of a version that this code does
        not know.
    """
    if isinstance(source, Contents):
        _check_kind(source.name, source.kind, kinds)
        return source
    with _opened(source, name) as (name, file):
        head, header = _header(name, file)
        metadata = _metadata(name, header)
        _check_kind(name, metadata["kind"], kinds)
        data = head + _tensor_bytes(name, file, header)
    try:
        settings, provenance = (_json_object(part, metadata[part]) for part in ("settings", "provenance"))
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise damaged(name, str(error)) from error
    if fingerprint(metadata["kind"], settings, tensors) != metadata["fingerprint"]:
        raise damaged(name, "its contents do not have its fingerprint")
    for tensor in tensors.values():  # which models may share, and the fingerprint is that of
        tensor.flags.writeable = False
    return Contents(name, metadata["kind"], settings, tensors, metadata["fingerprint"], provenance)


def read_fingerprint(name_or_path: str | Path) -> str:
    """The fingerprint of a file, as it says itself, from its header alone. Raises ValueError if it is none of ours."""
    with _opened(name_or_path) as (name, file):
        return _metadata(name, _header(name, file)[1])["fingerprint"]


def damaged(name: str, why: str) -> ValueError:
    """The error for a file that is not as it was written."""
    return ValueError(f"{name} is damaged: {printable(why, 300)}; get or make it again")


def _foreign(name: str, why: str) -> ValueError:
    """The error for a file of which it cannot be said what it was meant to be."""
    return ValueError(f"{name} is damaged or no ecjax file: {printable(why, 300)}; get or make it again")


def _little_endian(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _ordered(data: bytes) -> bytes:
    """A safetensors file with its header in order; the library writes the metadata in a new order each time."""
    end = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:end])
    header = json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # what follows stays aligned
    if len(header) > _LONGEST_HEADER:
        raise ValueError(f"settings, provenance and names of tensors take {len(header)} bytes, above {_LONGEST_HEADER}")
    return len(header).to_bytes(8, "little") + header + data[end:]


@contextlib.contextmanager
def _opened(source: str | Path | Source, name: str = "") -> Iterator[tuple[str, Source]]:
    """A file, open, and what messages call it."""
    if not isinstance(source, str | Path):
        yield printable(name), source
    elif str(source) == "-":
        yield "standard input", standard_input()
    else:
        with resolve(source).open("rb") as file:
            yield printable(str(source)), file


def _header(name: str, file: Source) -> tuple[bytes, dict[str, Any]]:
    """A file's bytes up to the end of its header, and the header."""
    size = take(file, 8)
    length = int.from_bytes(size, "little")
    if len(size) < 8 or not 2 <= length <= _LONGEST_HEADER:
        raise _foreign(name, f"its header is not of 2 to {_LONGEST_HEADER} bytes")
    header = take(file, length)
    if len(header) < length:
        raise _foreign(name, "its header is cut off")
    try:
        return size + header, _json_object("header", header.decode())
    except ValueError as error:
        raise _foreign(name, str(error)) from error


def _metadata(name: str, header: Mapping[str, Any]) -> dict[str, str]:
    """What the header says of the file: every field a string, and the version ours."""
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or "kind" not in metadata:
        raise ValueError(f"{name} is none of ecjax's files: its header does not say of what kind it is")
    if not all(isinstance(metadata.get(field), str) for field in _FIELDS):
        raise damaged(name, f"its header has no {', '.join(_FIELDS)}")
    if metadata["version"] != _VERSION:
        version = printable(metadata["version"], _SHOWN)
        raise ValueError(f"{name} has version {version}, of which this ecjax knows nothing, only {_VERSION}")
    return metadata


def _check_kind(name: str, kind: str, kinds: tuple[str, ...]) -> None:
    if kinds and kind not in kinds:
        raise ValueError(f"{name} is not a file of kind {' or '.join(kinds)} but {printable(kind, _SHOWN)}")


def _tensor_bytes(name: str, file: Source, header: Mapping[str, Any]) -> bytes:
    """The rest of a file, no more than its header claims of it, and no memory taken for what is not there."""
    claimed = 0
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        try:
            dtype, shape, (_, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            if dtype not in _DTYPES or not all(type(n) is int and n >= 0 for n in [*shape, end]) or len(shape) > 8:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            what = f"an array that is called {printable(tensor, _SHOWN)}"
            raise damaged(name, f"its header does not tell {what}") from None
        claimed = max(claimed, end)
    there = _bytes_left(file)
    data = take(file, claimed) if there in (None, claimed) else b""
    if len(data) < claimed or file.read(1):
        raise damaged(name, f"it does not end after the {claimed} bytes of its arrays, where its header says")
    return data


def _bytes_left(file: Source) -> int | None:
    """How many bytes of a file are still to be read; None if that is not known beforehand, as of a pipe."""
    if not isinstance(file, io.BufferedReader):
        return None
    status = os.fstat(file.fileno())
    return status.st_size - file.tell() if stat.S_ISREG(status.st_mode) else None


def _json_object(what: str, text: str) -> dict[str, Any]:
    """The JSON object of a text. Raises ValueError if it is none, or one that nobody would write."""
    marks = np.frombuffer(_STRING.sub("", text).encode("utf-8", "replace"), np.uint8)
    steps = np.isin(marks, list(b"[{")).astype(np.int32) - np.isin(marks, list(b"]}"))
    if steps.size and np.cumsum(steps, dtype=np.int32).max() > _DEEPEST:
        raise ValueError(f"its {what} is nested more than {_DEEPEST} levels deep")
    try:
        value = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_finite_number, parse_float=_finite_number
        )
        # Half a surrogate pair can be escaped in JSON, but nothing could print or encode it.
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise ValueError(f"its {what} is no proper JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"its {what} is no JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key comes twice")
    return result


def _finite_number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{printable(text, _SHOWN)} is no finite number")
    return number
