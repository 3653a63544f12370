"""The strings of a codebook's ids."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8

from ecjax.checks import check_integer


class Spelling(eqx.Module):
    """All strings end to end, in order of their ids.

    Attributes:
      strings: Their bytes.
      offsets: Where the string of each id begins.
      lengths: How many bytes it has.
    """

    strings: UInt8[Array, " total"]
    offsets: Int32[Array, " size"]
    lengths: Int32[Array, " size"]


def spell(
    spelling: Spelling, ids: Integer[Array, " n"], capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    """The first `capacity` bytes of the text of ids, filled with zeros, and its whole length."""
    ids = jnp.append(ids, 0)  # the empty string once more, so that there is an id
    lengths = spelling.lengths[ids]
    ends = jnp.cumsum(lengths)
    # A byte's place in `strings` is its place in the text plus what is constant over its token.
    shift = jnp.repeat(spelling.offsets[ids] - (ends - lengths), lengths, total_repeat_length=capacity)
    place = jnp.arange(capacity)
    total = ends[-1]
    return jnp.where(place < total, jnp.take(spelling.strings, shift + place, mode="clip"), 0), total


def token_bytes(spelling: Spelling, token: int) -> bytes:
    """The string of an id. Raises ValueError unless it is one."""
    check_integer("an id", token, 0, len(spelling.lengths) - 1)
    begin, length = np.asarray(spelling.offsets)[token], np.asarray(spelling.lengths)[token]
    return np.asarray(spelling.strings)[begin : begin + length].tobytes()


def descendants(spelling: Spelling, code: int) -> tuple[int, int]:
    """The range `low .. high - 1` of ids whose strings begin with the string of `code`."""
    string, low, high = token_bytes(spelling, code), code, len(spelling.lengths)
    while high - low > 1:  # `low` begins with it, `high` does not
        middle = (low + high) // 2
        if token_bytes(spelling, middle).startswith(string):
            low = middle
        else:
            high = middle
    return code, high
