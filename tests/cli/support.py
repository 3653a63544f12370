"""What the tests of commands share."""

import re
from typing import NamedTuple

import numpy as np

TEXTS = {
    "text": "Caf\u00e9 \u2014 it was the best of times,\r\nit was the worst of times.\n".encode() * 40,
    "binary": np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes(),
    "zeros": bytes(10_000),
    "empty": b"",
    "one byte": b"\xff",
}


class Outcome(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str
    data: bytes


def refused(outcome: Outcome, cause: str) -> None:
    """One line on stderr that names the cause, and exit status 2."""
    assert outcome.status == 2, outcome
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert re.search(cause, outcome.err), outcome.err
