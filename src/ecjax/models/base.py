"""The ByteModel protocol: what a coder asks of a model over bytes."""

# Without `from __future__ import annotations`: Equinox has to see AbstractVar itself, not its name in a string.

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer, PyTree, UInt32


class ByteModel(eqx.Module):
    """A model of the next byte that speaks in integer cumulative frequencies.

    Subclass it with your own `init`, `step` and `frequencies`; everything must be traceable by `jax.jit`. A table of
    ten lines is as good a model as a Transformer.

    Attributes:
      precision: F, the bits of its frequency tables, 9 to 16. Static.
      exact: Whether `sequence` equals stepping bit for bit, in every batch and on every backend. A float model cannot
        promise that. Static.
    """

    precision: eqx.AbstractVar[int]
    exact: eqx.AbstractVar[bool]

    @abstractmethod
    def init(self) -> PyTree[Any]:
        """The state before the first byte."""

    @abstractmethod
    def step(self, state: PyTree[Any], byte: Integer[Array, ""]) -> PyTree[Any]:
        """The state after one more byte, of the same structure, shapes and dtypes."""

    @abstractmethod
    def frequencies(self, state: PyTree[Any]) -> UInt32[Array, "257"]:
        """The frequency table of the next byte (see `ecjax.frequencies`)."""

    def restart(self, state: PyTree[Any], initial: PyTree[Any], where: Bool[Array, ""]) -> PyTree[Any]:
        """The state `initial`, which is `init()`, where `where` holds, else `state`.

        A model whose state is large overrides it: what `step` and `frequencies` will not read may stay as it is.
        """
        return jax.tree.map(lambda a, b: jnp.where(where, a, b), initial, state)

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        """The tables before each byte of `text`: row i is that of `text[i]` given `text[:i]`.

        By default it steps; a model that can do all positions at once overrides it.
        """

        def advance(state: PyTree[Any], byte: Integer[Array, ""]) -> tuple[PyTree[Any], UInt32[Array, "257"]]:
            return self.step(state, byte), self.frequencies(state)

        return jax.lax.scan(advance, self.init(), text)[1]


def check_exact(model: ByteModel, allow_inexact: bool) -> None:
    """Raises ValueError unless the model is exact, or need not be."""
    if not (model.exact or allow_inexact):
        raise ValueError(
            f"{type(model).__name__} is not exact: its tokens need not decode to the same text elsewhere; use an exact "
            "model, which `ecjax quantize` makes of a float one (a tokenizer also takes allow_inexact=True)"
        )
