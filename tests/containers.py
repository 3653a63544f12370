"""What the tests of the file format share: codings here and in the definition, and files put together by hand."""

import functools
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from ecjax import Codebook, codebook, container
from ecjax.container import Coding, Refused
from specs.oracle import container as oracle
from specs.oracle.codebook import Codebook as OracleCodebook
from specs.oracle.refusal import Refused as OracleRefused
from specs.vectors import containers_1
from specs.vectors.container_parts import body, chained
from tests.strategies import Markov, make_table, python_model, sample

METHODS = ("streams", "windows", "codebook")
SLOW_METHODS = [
    "codebook",
    pytest.param("streams", marks=pytest.mark.slow),
    pytest.param("windows", marks=pytest.mark.slow),
]
VERSIONS = (1, 2)
FINGERPRINT = bytes(range(100, 132))
TEXT = b"Any byte\x00 string\xff comes back."
"""No text of the model's: no code of it is shorter."""
STREAM, WINDOW, BOOK = (
    oracle.Header(1, 0, 12, FINGERPRINT),
    oracle.Header(2, 37, 12, FINGERPRINT),
    oracle.Header(3, 10, 0, FINGERPRINT),
)


class Both(NamedTuple):
    """A coding here and in the definition."""

    ours: Coding
    theirs: oracle.Coding


@functools.cache
def markov(precision: int = 12) -> Markov:
    rng = np.random.default_rng(4)
    rows = np.stack([make_table(kind, precision, rng) for kind in ("random", "flat", *["floor"] * 4)])
    return Markov(jnp.asarray(rows[rng.choice(6, 257, p=[0.05, 0.05, *[0.225] * 4])]), precision)


@functools.cache
def small_codebook() -> Codebook:
    return codebook.compile_codebook(markov(), 10)


@functools.cache
def likely(size: int, seed: int = 0) -> bytes:
    """A text of the model's, whose codes are shorter."""
    return sample(markov(), size, np.random.default_rng(seed))


@functools.cache
def coding(method: str) -> Both:
    model, mark = markov(), FINGERPRINT.hex()
    if method == "streams":
        return Both(container.stream_coding(model, mark), oracle.stream_coding(python_model(model), 12, FINGERPRINT))
    if method == "windows":
        return Both(
            container.window_coding(model, 37, mark),
            oracle.window_coding(python_model(model), 12, 37, FINGERPRINT),
        )
    book = small_codebook()
    tree = OracleCodebook(book.parents.tolist(), book.last_bytes.tolist())
    return Both(container.codebook_coding(book), oracle.codebook_coding(tree))


def payload(both: Both, part: bytes, version: int) -> bytes:
    """What a writer makes of a part of a text."""
    code = both.theirs.encode(part)
    return code if version == 1 or len(code) < len(part) else part


def crafted(
    both: Both,
    blocks: Sequence[tuple[int, bytes]],
    text: bytes,
    version: int = 2,
    header: oracle.Header | None = None,
) -> bytes:
    """A file of blocks, given as their n and payload, whose checksums are right, whatever is in it."""
    if version == 1:
        start = containers_1.write_header(header or both.theirs.header)
        return start + b"".join(containers_1.write_block(*block) for block in blocks) + containers_1.write_end(text)
    *rest, (n, code) = blocks or [(0, b"")]
    return chained(oracle.write_header(header or both.theirs.header), [*(body(*b) for b in rest), body(n, code, text)])


def written(both: Both, text: bytes, block: int, version: int) -> bytes:
    """The file of a text as the definition, or what there was of it, writes it."""
    return (oracle if version == 2 else containers_1).encode(both.theirs, text, block)


@functools.cache
def short_file(method: str, version: int) -> bytes:
    """Of three blocks, the middle one of which is stored in version 2."""
    return written(coding(method), likely(16) + TEXT[:16] + likely(12), 16, version)


def pieces(file: bytes) -> list[bytes]:
    """The blocks of a file of version 2 that is whole, with their CRC-32."""
    found, at, last = [], oracle.HEADER, 0
    while not last:
        last = file[at]
        end = at + 11 + int.from_bytes(file[at + 4 : at + 7], "big") + 4 * last
        found.append(file[at:end])
        at = end
    return found


def parts_of_two_files() -> tuple[bytes, list[bytes], list[bytes]]:
    """The header and the blocks, no two alike, of two files of the same coding and length; each second is stored."""
    both = coding("codebook")
    texts = [b"".join(likely(16, seed + i) + bytes([seed + i]) * 16 for i in range(2)) for seed in (5, 9)]
    mine, other = ([*pieces(oracle.encode(both.theirs, text, 16))] for text in texts)
    assert len({*mine, *other}) == 8
    return oracle.encode(both.theirs, texts[0], 16)[:48], mine, other


def flip(file: bytes, place: int) -> bytes:
    """A file with one bit turned over."""
    damaged = bytearray(file)
    damaged[place // 8] ^= 1 << place % 8
    return bytes(damaged)


def info_bytes(file: bytes) -> container.Summary:
    return container.info(io.BytesIO(file))


def cause(refuses: Callable[[], object]) -> str:
    """Why something is refused, by us or by the definition; and we say so in one line."""
    with pytest.raises((Refused, OracleRefused)) as refused:
        refuses()
    assert "\n" not in str(refused.value)
    return refused.value.cause


def outcome(run: Callable[[], bytes]) -> bytes | str:
    """The text of a file, or why it is refused."""
    try:
        return run()
    except (Refused, OracleRefused) as refused:
        return refused.cause


def assert_damaged(both: Both, file: bytes) -> str:
    """We refuse a file, with its model and without, for the cause that the definition names without: this one."""
    word = cause(lambda: oracle.info(file))
    assert cause(lambda: container.decode_bytes(both.ours, file)) == cause(lambda: info_bytes(file)) == word
    return word


def assert_refused(both: Both, file: bytes) -> tuple[str, str]:
    """Both refuse a file for the same causes: those with and without its model."""
    causes = cause(lambda: container.decode_bytes(both.ours, file)), cause(lambda: info_bytes(file))
    assert causes == (cause(lambda: oracle.decode(both.theirs, file)), cause(lambda: oracle.info(file)))
    return causes


def assert_told_with_the_model(both: Both, file: bytes, word: str) -> None:
    """Both refuse a file for this cause, with its model."""
    assert cause(lambda: container.decode_bytes(both.ours, file)) == word
    assert cause(lambda: oracle.decode(both.theirs, file)) == word


class Source(io.RawIOBase):
    """A stream that makes its bytes as they are asked for, gives at most `most` at a time, and notes what was asked."""

    def __init__(self, size: int, at: Callable[[int, int], bytes], most: int = 2**31) -> None:
        self.left, self.place, self.at, self.most, self.asked = size, 0, at, most, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.asked = max(self.asked, size)
        begin, self.place = self.place, min(self.place + min(size, self.most), self.left)
        return self.at(begin, self.place)


class Nowhere(io.RawIOBase):
    """A stream that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        return len(data)
