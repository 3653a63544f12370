"""Codebooks from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ecjax import serialisation
from ecjax.codebook.table import KIND, Codebook
from ecjax.codebook.tree import parents_type


def load_codebook(source: str | Path | serialisation.Contents) -> Codebook:
    """The codebook of a shipped name ("books-12", "books-16", "mixed-16") or of a file.

    Args:
      source: The name or the path, `-` for standard input, or what `ecjax.serialisation.read` gave.

    Raises:
      ValueError: If there is no such file, it is damaged, or it is of another kind.
    """
    contents = serialisation.read(source, KIND)
    tensors = contents.tensors
    try:
        _check_tensors(tensors)
        codebook = Codebook(
            tensors["parents"],
            tensors["last_bytes"],
            json.dumps(contents.provenance, sort_keys=True),
            tensors.get("members"),
            tensors.get("costs"),
        )
        if json.dumps(contents.settings) != json.dumps({"bits": codebook.bits}):
            raise ValueError(f"the settings of a codebook of {codebook.bits} bits must be just that")
    except ValueError as error:
        raise serialisation.damaged(contents.name, str(error)) from error
    return codebook


def _check_tensors(tensors: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError unless a file has the arrays of a codebook, of the right types and shapes."""
    nodes = tensors["parents"].size if "parents" in tensors else 0
    size = tensors["costs"].size if "costs" in tensors else 0
    expected = {"parents": (parents_type(nodes), (nodes,)), "last_bytes": (np.uint8, (nodes,))}
    allowed = expected | {"members": (np.uint8, (nodes,)), "costs": (np.uint16, (size,))}
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    if not expected.items() <= found.items() or not found.items() <= allowed.items():
        raise ValueError(
            f"its arrays must be parents, {parents_type(nodes).__name__}[nodes], and last_bytes, uint8[nodes]; there "
            "may be members, uint8[nodes], and costs, uint16[2**bits], too"
        )
