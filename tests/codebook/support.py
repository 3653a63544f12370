"""Codebooks that tests share, and what their parses are to be."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from ecjax.codebook import Codebook, compile_codebook
from ecjax.codebook.host import LEAST
from specs.oracle.codebook import parse_cheaply, parse_greedily
from tests.strategies import Markov, make_table

SIZE = 64
ALPHABET = b"abxyz\0\xff"


def random_model(
    seed: int, kinds: tuple[str, ...] = ("random", "random", "floor", "flat"), precision: int = 16
) -> Markov:
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, precision, rng) for kind in kinds])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), precision)


@functools.cache
def compiled(bits: int, seed: int, *kinds: str) -> tuple[Markov, Codebook]:
    model = random_model(seed, kinds) if kinds else random_model(seed)
    return model, compile_codebook(model, bits)


def codebook_of(extra: list[bytes], bits: int) -> Codebook:
    """The codebook of the 256 bytes and prefix-closed `extra` strings, of which enough are taken to make 2**bits."""
    count = 2**bits - 257
    assert len(extra) >= count
    strings = sorted([b"", *(bytes([c]) for c in range(256)), *extra[:count]])
    codes = {string: code for code, string in enumerate(strings)}
    parents = np.array([codes[s[:-1]] if s else 0 for s in strings], np.uint16)
    return Codebook(parents, np.array([s[-1] if s else 0 for s in strings], np.uint8))


def strings_of(codebook: Codebook) -> list[bytes]:
    """Every code's string, from the tree alone."""
    out = [b""]
    for parent, byte in list(zip(codebook.parents.tolist(), codebook.last_bytes.tolist(), strict=True))[1:]:
        out.append(out[parent] + bytes([byte]))
    return out


def walk(codes: dict[bytes, int], text: bytes) -> list[int]:
    """One greedy walk from end to end, over a dictionary of strings."""
    ids, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start : end + 1] in codes:
            end += 1
        ids.append(codes[text[start:end]])
        start = end
    return ids


@functools.cache
def in_step() -> tuple[Codebook, dict[bytes, int]]:
    """Strings of runs and periods; their windows rarely end where lanes begin."""
    runs = [b"a" * k for k in range(2, 102)] + [bytes(k) for k in range(2, 60)]
    runs += [(b"xy" * 40)[:k] for k in range(2, 60)] + [b"ba", b"bab", b"aab"[:2], b"zz"]
    runs = list(dict.fromkeys(runs))
    runs += [bytes([1, c]) for c in range(255)]
    codebook = codebook_of(runs, 9)
    return codebook, {string: code for code, string in enumerate(strings_of(codebook))}


jit_encode = jax.jit(Codebook.encode_array)
jit_decode = jax.jit(Codebook.decode_array, static_argnames="capacity")


def lane_text(rng: np.random.Generator, length: int) -> bytes:
    """Random bytes, runs and periods, some of them as long as pieces."""
    parts, total = [], 0
    while total < length:
        n = int(rng.choice([1, 7, 100, 256, 1000, LEAST]))
        kind = rng.integers(5)
        alphabet = [b"a", b"\0", b"xy", b"ab"][min(kind, 3)]
        parts.append(rng.choice(list(b"abxy\0\1"), n).astype(np.uint8).tobytes() if kind == 4 else (alphabet * n)[:n])
        total += n
    return b"".join(parts)[:length]


def tree() -> tuple[np.ndarray, np.ndarray]:
    codebook, _ = in_step()
    return np.array(codebook.parents), np.array(codebook.last_bytes)


class Drawn(NamedTuple):
    """A codebook, and its strings and costs by themselves."""

    codebook: Codebook
    ids: dict[bytes, int]
    costs: list[int] | None

    def parse(self, text: bytes) -> list[int]:
        """What the oracle says of a text."""
        return parse_greedily(self.ids, text) if self.costs is None else parse_cheaply(self.ids, self.costs, text)


@functools.cache
def drawn(seed: int, longest: int, closed: bool, costs: str | None) -> Drawn:
    """512 strings of up to `longest` bytes, runs and periods among them, and costs of a kind that `cost_of` knows."""
    rng = np.random.default_rng(seed)
    strings = {b"", *(bytes([c]) for c in range(256))}
    while len(strings) < 512:
        size = int(rng.integers(2, longest + 1))
        kinds = [
            b"a" * size,
            (b"ab" * size)[:size],
            (b"xyz" * size)[:size],
            rng.choice(list(ALPHABET), size).astype(np.uint8),
        ]
        string = bytes(kinds[rng.choice(4, p=[0.1, 0.1, 0.1, 0.7])])
        more = [string[:k] for k in range(2, size)] if closed else []
        strings |= set([*more, string][: 512 - len(strings)])
    prices = None
    if costs is not None:
        prices = {string: cost_of(costs, string, rng) for string in strings} | {b"": 0}
    given = list(strings)
    rng.shuffle(given)
    codebook = Codebook.from_strings(given, None if prices is None else [prices[string] for string in given])
    ordered = sorted(strings)
    ids = {string: number for number, string in enumerate(ordered) if number}
    return Drawn(codebook, ids, None if prices is None else [prices[string] for string in ordered])


def cost_of(kind: str, string: bytes, rng: np.random.Generator) -> int:
    """Any cost; one of few, so that many parses cost the same; the largest; or one that grows with the string."""
    if kind == "any":
        return int(rng.integers(1 << 16))
    if kind == "few":
        return int(rng.integers(3))
    return 65535 if kind == "largest" else 250 * len(string) - int(rng.integers(20)) * (len(string) - 1)


BOOKS = [  # few, for each takes compiling
    (0, 12, True, None),
    (0, 12, False, None),
    (1, 4, False, "any"),
    (1, 40, False, "few"),
    (2, 255, False, "per byte"),
    (2, 12, True, "few"),
    (3, 12, False, "largest"),
]
codebooks = st.sampled_from(BOOKS)
"""What `drawn` makes codebooks of: closed under prefixes or not, with costs or without."""


def mixed_text(rng: np.random.Generator, length: int) -> bytes:
    """Runs, periods, and random bytes of those that the strings of `drawn` have."""
    parts, total = [], 0
    while total < length:
        n = int(rng.choice([1, 3, 20, 300, 3000]))
        kinds = [
            b"a" * n,
            (b"ab" * n)[:n],
            (b"xyz" * n)[:n],
            bytes(rng.choice(list(ALPHABET), min(n, 300)).astype(np.uint8)),
            rng.bytes(3),
        ]
        parts.append(kinds[rng.integers(5)])
        total += len(parts[-1])
    return b"".join(parts)[:length]
