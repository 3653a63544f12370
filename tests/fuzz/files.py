"""Feeds damaged files to every loader, in a process with little memory, and tells of those that are not answered well.

    python -m tests.fuzz.files SEED COUNT [FIRST]

File `i` of a seed is always the same, so one that was answered badly is made again with `SEED 1 i`.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import safetensors.numpy

import ecjax
from ecjax import serialisation
from ecjax.models.files import load_exact, load_model, load_transformer
from tests.fuzz.mutations import damaged, originals

LOADERS = (serialisation.read, load_model, load_exact, load_transformer, ecjax.load_codebook)
MEMORY = 1 << 30  # bytes beyond what the process has before: no file here is a thousandth as long
SECONDS = 120  # for one file, which takes milliseconds


def main(seed: int, count: int, first: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a file"
        for original in originals():  # and so all that loading needs is there before memory is counted
            path.write_bytes(original)
            assert any(_told(loader, path) is None for loader in LOADERS[1:]) or b"ecjax.tokens" in original
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        taken, longest = 0, 0.0
        for i in range(first, first + count):
            path.write_bytes(damaged(random.Random(f"{seed} {i}")))
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            began = time.perf_counter()
            taken += check(path, f"file {i} of seed {seed}")
            longest = max(longest, time.perf_counter() - began)
            faulthandler.cancel_dump_traceback_later()
    print(f"{count} files, {taken} of them taken, {longest:.2f} s for the one that took longest")


def check(path: Path, name: str) -> bool:
    """Whether a file was taken. Exits if something was answered in another way than it should be."""
    for loader in (*LOADERS, serialisation.read_fingerprint):
        if error := _told(loader, path):
            message = str(error)
            if (
                type(error) is not ValueError
                or not message.isprintable()
                or len(message) > 600
                or str(path) not in message
            ):
                faulthandler.cancel_dump_traceback_later()
                raise SystemExit(f"{name}: {loader.__name__} answers {type(error).__name__}: {message[:2000]!a}")
        elif loader in LOADERS:
            _check_taken(path, name)
    return _told(serialisation.read, path) is None


def _told(loader, path: Path) -> BaseException | None:
    try:
        taken = loader(path)
    except Exception as error:
        return error
    for leaf in jax.tree.leaves(taken) if loader is load_transformer else []:
        assert np.isfinite(leaf).all()
    return None


def _check_taken(path: Path, name: str) -> None:
    """What is taken is as the library reads it, and as its fingerprint says."""
    contents, tensors = serialisation.read(path), safetensors.numpy.load_file(path)
    for value in (contents.settings, contents.provenance):
        assert isinstance(value, dict), name
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert contents.tensors.keys() == tensors.keys(), name
    assert all(contents.tensors[key].tobytes() == tensors[key].tobytes() for key in tensors), name
    assert contents.fingerprint == serialisation.fingerprint(contents.kind, contents.settings, tensors), name


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
