"""A context-free byte model: one frequency table."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer, UInt32

from ecjax.frequencies import check_table, frequency_table_from_counts
from ecjax.models.base import ByteModel


class Unigram(ByteModel):
    """Every byte has the same distribution, whatever comes before (the M1 of the paper's StaticAC)."""

    valid_tables: ClassVar[bool] = True

    table: UInt32[Array, "257"]
    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)

    def __init__(self, table: UInt32[np.ndarray, "257"], precision: int = 16) -> None:
        """From a frequency table. Raises ValueError if it is none of that precision."""
        check_table(table, precision)
        self.table = jnp.asarray(table, jnp.uint32)
        self.precision = precision
        self.exact = True

    @classmethod
    def fit(cls, text: bytes, precision: int = 16) -> Unigram:
        """The unigram model of a text. Bytes that do not occur get the least frequency; of no text all are alike."""
        counts = np.bincount(np.frombuffer(text, np.uint8), minlength=256)
        counts >>= max(0, int(counts.max()).bit_length() - 32)  # of texts beyond 4 GiB
        return cls(np.asarray(frequency_table_from_counts(counts, precision)), precision)

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], byte: Integer[Array, ""]) -> tuple[()]:
        return ()

    def frequencies(self, state: tuple[()]) -> UInt32[Array, "257"]:
        return self.table

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        return jnp.broadcast_to(self.table, (text.shape[0], 257))
