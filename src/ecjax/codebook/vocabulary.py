"""The strings of a codebook's ids."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Int64, Integer, UInt8

from ecjax.checks import as_bytes, check_integer
from ecjax.integers import wrapping

_MOST = (1 << 31) - 1


class Spelling(eqx.Module):
    """All strings end to end, in order of their ids.

    Attributes:
      strings: Their bytes.
      offsets: Where the string of each id begins.
      lengths: How many bytes it has.
    """

    strings: UInt8[Array | np.ndarray, " total"]
    offsets: Int32[Array | np.ndarray, " size"]
    lengths: Int32[Array | np.ndarray, " size"]


def spell(
    spelling: Spelling, ids: Integer[Array, " n"], capacity: int
) -> tuple[UInt8[Array, " capacity"], Int32[Array, ""]]:
    """The first `capacity` bytes of the text of ids, filled with zeros, and its whole length."""
    spelling = jax.tree.map(jnp.asarray, spelling)
    ids = jnp.append(ids, 0)  # the empty string once more, so that there is an id
    lengths = spelling.lengths[ids]
    ends = jnp.cumsum(lengths)
    begins = ends - lengths
    # A byte's place in `strings` is its place in the text plus what is constant over its token. That constant is the
    # sum of its changes, each noted where a token begins: cheaper than to repeat it for each byte.
    constant = spelling.offsets[ids] - begins
    with wrapping():  # modulo 2**32 the sums come to the constants
        changes = jnp.diff(constant, prepend=0)
        noted = jnp.zeros(capacity, jnp.int32).at[begins].add(changes, mode="drop")
        shift = jax.lax.associative_scan(jnp.add, noted)
        place = jnp.arange(capacity, dtype=jnp.int32)
        found = jnp.take(spelling.strings, shift + place, mode="clip")
    total = ends[-1]
    return jnp.where(place < total, found, 0), total


def token_bytes(spelling: Spelling, token: int) -> bytes:
    """The string of an id. Raises ValueError unless it is one."""
    check_integer("an id", token, 0, len(spelling.lengths) - 1)
    begin, length = np.asarray(spelling.offsets)[token], np.asarray(spelling.lengths)[token]
    return np.asarray(spelling.strings)[begin : begin + length].tobytes()


def tokens(spelling: Spelling) -> list[bytes]:
    """The string of every id."""
    text, begins, lengths = np.asarray(spelling.strings).tobytes(), spelling.offsets, spelling.lengths
    bounds = zip(np.asarray(begins).tolist(), np.asarray(lengths).tolist(), strict=True)
    return [text[begin : begin + length] for begin, length in bounds]


def spans(ends: Int64[np.ndarray, " n"]) -> Int32[np.ndarray, "n 2"]:
    """Where tokens begin and end in their text, if they end there. Raises ValueError beyond 2**31 - 1 bytes."""
    if len(ends) and ends[-1] > _MOST:
        raise ValueError(f"offsets count up to {_MOST} bytes; this text has {ends[-1]}: cut it up")
    out = np.zeros((len(ends), 2), np.int32)
    out[1:, 0], out[:, 1] = ends[:-1], ends
    return out


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of special tokens. Raises ValueError unless each is a str, not empty, UTF-8, and there once."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'special tokens are a list of names such as ["<bos>"], got {names!r}')
    for i, name in enumerate(names):
        if not as_bytes(name) or name in names[:i]:
            raise ValueError(f"a special token has a name of its own; {name!r} is {'twice there' if name else 'none'}")
    return tuple(names)


def named(spelling: Spelling, names: Sequence[str]) -> Spelling:
    """The same, with the names of the last ids as their strings."""
    strings = [name.encode() for name in names]
    sizes = np.array([len(string) for string in strings], np.int32)
    size, plain = spelling.strings.size, spelling.lengths.size - len(names)
    begins = np.concatenate([np.asarray(spelling.offsets)[:plain], size + np.cumsum(sizes) - sizes])
    lengths = np.concatenate([np.asarray(spelling.lengths)[:plain], sizes])
    every = np.concatenate([np.asarray(spelling.strings), np.frombuffer(b"".join(strings), np.uint8)])
    return Spelling(every, begins.astype(np.int32), lengths)


def descendants(spelling: Spelling, code: int, high: int) -> tuple[int, int]:
    """The range `low .. high - 1` of ids, of those below `high`, whose strings begin with the string of `code`."""
    string, low = token_bytes(spelling, check_integer("an id", code, 0, high - 1)), code
    while high - low > 1:  # `low` begins with it, `high` does not
        middle = (low + high) // 2
        if token_bytes(spelling, middle).startswith(string):
            low = middle
        else:
            high = middle
    return code, high
