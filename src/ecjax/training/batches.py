"""Batches as a run takes them from the caller: looked at before they are used, and known again."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import grain
import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Integer, PyTree

from ecjax.training.losses import Masked


def peek(examples: grain.DatasetIterator) -> Any:
    """The batch that `examples` gives next, and will give again.

    Raises:
      ValueError: If there is none.
    """
    state = copy.deepcopy(examples.get_state())
    batch = take(examples, 1)
    examples.set_state(state)
    return batch


def take(examples: grain.DatasetIterator, step: int) -> Any:
    """The batch of `step`. Raises ValueError if there is none."""
    try:
        return next(examples)
    except StopIteration:
        raise ValueError(f"the examples are at an end before step {step}; give more, or repeat them") from None


def check_ids(batch: PyTree, vocab_size: int, step: int) -> None:
    """Looks at a batch on the host, before a device sees it: there an id out of range is taken for another.

    Raises:
      ValueError: If it holds anything but whole numbers in `0 .. vocab_size - 1`.
    """
    for ids in check_shapes(batch, step):
        if ids.min() < 0 or ids.max() >= vocab_size:
            row, column = np.argwhere((ids < 0) | (ids >= vocab_size))[0]
            raise ValueError(
                f"the batch of step {step} has the id {ids[row, column]} in example {row} at position {column}; "
                f"the model's ids lie in 0 .. {vocab_size - 1}"
            )


def check_shapes(batch: PyTree, step: int) -> list[Integer[np.ndarray, "_ _"]]:
    """The ids of each part of a batch.

    Raises:
      ValueError: If one is not whole numbers of shape `[examples, length]`, or what counts in it, or its segments, are
        not of that shape.
    """
    parts = []
    for part in jax.tree.leaves(batch, is_leaf=lambda x: isinstance(x, Masked)):
        ids = np.asarray(part.ids if isinstance(part, Masked) else part)
        if ids.dtype.kind not in "iu" or ids.ndim != 2 or ids.size == 0:
            raise ValueError(
                f"the batch of step {step} is {ids.dtype} of shape {ids.shape}; "
                "it must be token ids, whole numbers of shape [examples, length]"
            )
        if isinstance(part, Masked):
            counted = np.asarray(part.counted)
            if counted.dtype != bool or counted.shape != ids.shape:
                raise ValueError(
                    f"what counts in the batch of step {step} is {counted.dtype} of shape {counted.shape}; "
                    f"it must be bool of shape {ids.shape}, as its ids are"
                )
            segments = None if part.segments is None else np.asarray(part.segments)
            if segments is not None and (segments.dtype.kind not in "iu" or segments.shape != ids.shape):
                raise ValueError(
                    f"the segments of the batch of step {step} are {segments.dtype} of shape {segments.shape}; "
                    f"they must be whole numbers of shape {ids.shape}, as its ids are"
                )
        parts.append(ids)
    return parts


def fingerprint(tree: PyTree) -> str:
    """SHA-256 of a tree's arrays, with their places, types and shapes, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if isinstance(leaf, np.ndarray | np.generic | jax.Array):
            array = _whole(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _whole(leaf: np.ndarray | np.generic | jax.Array) -> np.ndarray:
    """A leaf on the host, gathered from all processes if this one has a part of it alone."""
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        leaf = multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)
