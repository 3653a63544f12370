"""Safetensors files with a kind, a version and a fingerprint; and those that the package ships."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from ecjax import atomic

_VERSION = "1"
_SUFFIX = ".safetensors"


def asset(name: str) -> Path:
    """A file that the package ships."""
    return Path(str(resources.files("ecjax"))) / "assets" / name


def shipped() -> list[str]:
    """Names of the models and codebooks that the package ships."""
    return sorted(path.stem for path in asset("").glob(f"*{_SUFFIX}"))


def resolve(name_or_path: str | Path) -> Path:
    """The file that a shipped name or a path means. Raises ValueError if there is none."""
    path = Path(name_or_path)
    if str(name_or_path) in shipped():
        return asset(f"{name_or_path}{_SUFFIX}")
    if not path.is_file():
        raise ValueError(f"{name_or_path} is neither a file nor one of the shipped names ({', '.join(shipped())})")
    return path


def shipped_name(mark: str) -> str | None:
    """The name of the shipped model or codebook that has this fingerprint, if one has."""
    return next((name for name in shipped() if read_fingerprint(asset(f"{name}{_SUFFIX}")) == mark), None)


def fingerprint(kind: str, settings: Mapping[str, object], tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of what a file means, independent of how it is laid out."""
    digest = hashlib.sha256(json.dumps([kind, settings], sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = np.asarray(tensors[name], order="C")
        digest.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def write(
    path: Path,
    kind: str,
    settings: Mapping[str, object],
    tensors: Mapping[str, np.ndarray],
    provenance: Mapping[str, object],
) -> str:
    """Writes a file in one go and returns its fingerprint, of which `provenance`, how it came about, is no part."""
    mark = fingerprint(kind, settings, tensors)
    metadata = {
        "kind": kind,
        "version": _VERSION,
        "settings": json.dumps(settings, sort_keys=True),
        "fingerprint": mark,
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    atomic.write_bytes(
        path, safetensors.numpy.save({k: np.asarray(v, order="C") for k, v in tensors.items()}, metadata)
    )
    return mark


def read_kind(path: Path) -> str:
    """The kind of a file. Raises ValueError if it is none of ours."""
    return _metadata(path).get("kind", "something else")


def read_fingerprint(path: Path) -> str:
    """The fingerprint of a file, as it says itself. Raises ValueError if it is none of ours."""
    return _metadata(path).get("fingerprint", "")


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no ecjax file: {error}; get or make it again") from error


def read(path: Path, kind: str) -> tuple[dict[str, object], dict[str, np.ndarray], str, dict[str, object]]:
    """Settings, tensors, fingerprint and provenance of a file.

    Raises:
      ValueError: If the file is damaged, of another kind, or of a version that this code does not know.
    """
    metadata = _metadata(path)
    if metadata.get("kind") != kind:
        raise ValueError(f"{path} is not a file of kind {kind} but {metadata.get('kind', 'something else')}")
    if metadata.get("version") != _VERSION:
        raise ValueError(
            f"{path} has version {metadata.get('version')}, of which this ecjax knows nothing, only {_VERSION}"
        )
    try:
        tensors = safetensors.numpy.load_file(path)
        settings, provenance = json.loads(metadata["settings"]), json.loads(metadata["provenance"])
        mark = metadata["fingerprint"]
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}; get or make it again") from error
    if fingerprint(kind, settings, tensors) != mark:
        raise ValueError(f"{path} is damaged: its contents do not have its fingerprint; get or make it again")
    return settings, tensors, mark, provenance
