"""What the processes of a run agree on, the first of them deciding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

_ERRORS = (ValueError, OSError, ImportError)


def from_first(decide: Callable[[], Any]) -> Any:
    """What `decide` returns (anything that JSON holds) in the first process, in all of them; or its error, in all."""
    if jax.process_count() == 1:
        return decide()
    answer, error = {}, None
    if jax.process_index() == 0:
        try:
            answer = {"result": decide()}
        except _ERRORS as failure:
            error = failure
            answer = {"error": str(failure), "kind": next(i for i, k in enumerate(_ERRORS) if isinstance(failure, k))}
    answer = json.loads(_broadcast(json.dumps(answer).encode()))
    if error is not None:
        raise error
    if "error" in answer:
        raise _ERRORS[answer["kind"]](answer["error"])
    return answer["result"]


def check_alike(what: str, value: Any) -> None:
    """Raises ValueError in all processes unless all give the same `value`, which JSON holds."""
    if jax.process_count() == 1:
        return
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    digests = np.asarray(multihost_utils.process_allgather(np.frombuffer(digest, np.uint8)))
    if (digests != digests[0]).any():
        raise ValueError(f"the processes were given different {what}; give all of them the same arguments and data")


def _broadcast(contents: bytes) -> bytes:
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(contents))))
    padded = np.zeros(size, np.uint8)
    if jax.process_index() == 0:
        padded[:] = np.frombuffer(contents, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype(np.uint8).tobytes()
