"""The file format: the files of the plain Python definition, bit for bit, and every damaged one refused."""

import functools
import gc
import io
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import Codebook, codebook, container
from ecjax.container import Coding, Header, Refused
from ecjax.tokenizers.bits import from_bytes, from_numbers, to_numbers
from specs.oracle import container as oracle
from specs.oracle.codebook import Codebook as OracleCodebook
from specs.oracle.refusal import Refused as OracleRefused
from tests.strategies import Markov, make_table, python_model, sample, texts

METHODS = ("streams", "windows", "codebook")
BLOCKS = {"streams": (33,), "windows": (40,), "codebook": (5, 40, 65_536)}  # every shape is compiled
LONGEST_TEXT = 120
FINGERPRINT = bytes(range(100, 132))
TEXT = b"Any byte\x00 string\xff comes back."


class Both(NamedTuple):
    """A coding here and in the definition."""

    ours: Coding
    theirs: oracle.Coding


@functools.cache
def markov(precision: int = 12) -> Markov:
    rng = np.random.default_rng(0)
    rows = np.stack([make_table(kind, precision, rng) for kind in ("random", "flat", "floor", "random")])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), precision)


@functools.cache
def small_codebook() -> Codebook:
    return codebook.compile_codebook(markov(), 10)


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


def info_bytes(file: bytes) -> container.Summary:
    return container.info(io.BytesIO(file))


def cause(refuses: Callable[[], object]) -> str:
    """Why something is refused, by us or by the definition; and we say so in one line."""
    with pytest.raises((Refused, OracleRefused)) as refused:
        refuses()
    assert "\n" not in str(refused.value)
    return refused.value.cause


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


@pytest.mark.rule("K-1", "K-5", "K-9", "K-10", "K-11", "K-13", "K-15")
@pytest.mark.parametrize(
    "method",
    ["codebook", pytest.param("streams", marks=pytest.mark.slow), pytest.param("windows", marks=pytest.mark.slow)],
)
@given(st.data())
def test_files_are_those_of_the_definition_and_come_back(method, data):
    both, text = coding(method), data.draw(texts(LONGEST_TEXT, markov()))
    block = data.draw(st.sampled_from(BLOCKS[method]))
    file = container.encode_bytes(both.ours, text, block)
    assert file == oracle.encode(both.theirs, text, block)
    assert container.decode_bytes(both.ours, file) == text
    told = info_bytes(file)
    assert (told.length, told.blocks, told.size) == (len(text), -(-len(text) // block), len(file))
    assert told.header == both.ours.header == container.read_header(io.BytesIO(file))
    assert tuple(told.header)[:3] == tuple(oracle.info(file).header)[:3]


@pytest.mark.rule("K-10", "W-13")
@given(st.integers(9, 128), st.data())
def test_windows_of_any_size_are_packed_as_the_definition_says(bits, data):
    codes = data.draw(st.lists(st.integers(1, 2**bits - 1), max_size=20))
    limbs = -(-bits // 32)
    numbers = np.array([[code >> 32 * i & 0xFFFFFFFF for i in range(limbs)] for code in codes], np.uint32)
    packed = np.packbits(from_numbers(numbers.reshape(-1, limbs), bits)).tobytes()
    assert packed == oracle.pack(codes, bits)
    np.testing.assert_array_equal(to_numbers(from_bytes(packed), bits), numbers.reshape(-1, limbs))


@pytest.mark.rule("K-9", "S-5")
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.binary(max_size=min(16 * n, 100)))))
def test_every_payload_of_a_stream_decodes_as_the_definition_says(drawn):
    length, payload = drawn
    both = coding("streams")
    text = both.theirs.decode(payload, length)
    file = crafted(both, [(length, payload)], text)
    assert container.decode_bytes(both.ours, file) == text == oracle.decode(both.theirs, file)


@pytest.mark.rule("S-5")
def test_what_a_full_stream_has_beyond_its_capacity_says_nothing():
    rng = np.random.default_rng(3)
    rows = np.stack([make_table("spiky", 16, rng)] * 257)  # all bytes but one take 16 bits, as many as there can be
    model = Markov(jnp.asarray(rows), 16)
    theirs = oracle.stream_coding(python_model(model), 16, FINGERPRINT)
    both = Both(container.stream_coding(model, FINGERPRINT.hex()), theirs)
    rare = 1 + int(rows[0][1] > 1)
    for _ in range(8):
        longer = rng.integers(rare, 255, 163, np.uint8).tobytes()
        code, text = theirs.encode(longer), longer[:160]
        assert theirs.decode(code, 160) == text
        assert container.decode_bytes(both.ours, crafted(both, [(160, code)], text)) == text


@pytest.mark.rule("K-13")
@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_any_sizes_are_read(method):
    both = coding(method)
    parts = [TEXT[:1], TEXT[1:20], TEXT[20:22], TEXT[22:]]
    file = crafted(both, [(len(part), both.theirs.encode(part)) for part in parts], TEXT)
    assert container.decode_bytes(both.ours, file) == TEXT
    assert info_bytes(file).blocks == 4


@pytest.mark.rule("K-10", "W-10")
def test_windows_that_no_encoder_writes_are_read():
    both = coding("codebook")
    file = crafted(both, [(len(TEXT), oracle.pack(top_codes(TEXT), 10))], TEXT)
    assert len(file) > len(container.encode_bytes(both.ours, TEXT))
    assert container.decode_bytes(both.ours, file) == TEXT


def top_codes(text: bytes) -> list[int]:
    """A window for each byte of a text."""
    first = small_codebook().first.tolist()
    return [first[byte] for byte in text]


def crafted(both: Both, blocks: list[tuple[int, bytes]], text: bytes, header: oracle.Header | None = None) -> bytes:
    """A file whose checksums are right, whatever is in it."""
    parts = [oracle.write_header(header or both.theirs.header)]
    parts += [oracle.write_block(length, payload) for length, payload in blocks]
    return b"".join([*parts, oracle.write_block(0, len(text).to_bytes(8, "big") + crc32(text).to_bytes(4, "big"))])


@functools.cache
def short_file(method: str) -> bytes:
    return oracle.encode(coding(method).theirs, TEXT[:9], 5)


@pytest.mark.slow
@pytest.mark.rule("K-2", "K-3", "K-4", "K-7", "K-8", "K-11", "K-12", "K-15")
@pytest.mark.parametrize("method", METHODS)
def test_every_flipped_bit_is_noticed(method):
    both, file = coding(method), short_file(method)
    found = set()
    for place in range(8 * len(file)):
        damaged = bytearray(file)
        damaged[place // 8] ^= 1 << place % 8
        found.add(assert_damaged(both, bytes(damaged)))
    assert found == {"magic", "version", "header", "truncated", "block", "checksum"}


@pytest.mark.rule("K-2", "K-4", "K-12")
@pytest.mark.parametrize("method", METHODS)
def test_every_truncation_is_noticed(method):
    both, file = coding(method), short_file(method)
    for size in range(len(file)):
        assert assert_damaged(both, file[:size]) == ("magic" if size < 8 else "truncated")


@pytest.mark.rule("K-11")
@pytest.mark.parametrize("more", [b"\0", b"\n", None])
def test_what_follows_the_end_is_noticed(more):
    both, file = coding("codebook"), short_file("codebook")
    assert assert_refused(both, file + (more or file)) == ("trailing", "trailing")


STREAM, WINDOW, BOOK = (
    oracle.Header(1, 0, 12, FINGERPRINT),
    oracle.Header(2, 37, 12, FINGERPRINT),
    oracle.Header(3, 10, 0, FINGERPRINT),
)


@pytest.mark.rule("K-3", "K-5", "K-12")
@pytest.mark.parametrize(
    ("header", "word"),
    [
        (STREAM._replace(method=0), "method"),
        (STREAM._replace(method=4, bits=200), "method"),
        (STREAM._replace(bits=9), "parameters"),
        (STREAM._replace(precision=8), "parameters"),
        (STREAM._replace(precision=17), "parameters"),
        (WINDOW._replace(bits=8), "parameters"),
        (WINDOW._replace(bits=129), "parameters"),
        (WINDOW._replace(precision=0), "parameters"),
        (WINDOW._replace(precision=17), "parameters"),
        (BOOK._replace(bits=8), "parameters"),
        (BOOK._replace(bits=17), "parameters"),
        (BOOK._replace(precision=9), "parameters"),
    ],
)
def test_headers_that_cannot_be_are_refused(header, word):
    assert assert_refused(coding("streams"), crafted(coding("streams"), [], b"", header)) == (word, word)


@pytest.mark.rule("K-3")
def test_a_later_version_is_refused_before_all_else():
    later = bytearray(short_file("streams")[:9])
    later[8] = 2
    assert assert_refused(coding("streams"), bytes(later)) == ("version", "version")


@pytest.mark.rule("K-6")
def test_another_model_is_refused():
    file = short_file("streams")
    for other in (
        coding("windows"),
        coding("codebook"),
        Both(
            container.stream_coding(markov(), bytes(32).hex()),
            oracle.stream_coding(python_model(markov()), 12, bytes(32)),
        ),
        Both(
            container.stream_coding(markov(9), FINGERPRINT.hex()),
            oracle.stream_coding(python_model(markov(9)), 9, FINGERPRINT),
        ),
    ):
        for damaged in (file, file[:48]):  # before the blocks are looked at
            assert cause(lambda: container.decode_bytes(other.ours, damaged)) == "model"  # noqa: B023
            assert cause(lambda: oracle.decode(other.theirs, damaged)) == "model"  # noqa: B023
    with pytest.raises(Refused, match=rf"made with streams of the model {FINGERPRINT.hex()}, precision 12, this is"):
        container.decode_bytes(coding("codebook").ours, file)


@pytest.mark.rule("K-7")
@pytest.mark.parametrize(
    ("n", "p"), [(65_537, 1), (2**32 - 1, 0), (1, 17), (3, 49), (65_536, 2**20 + 1), (0, 11), (0, 13)]
)
def test_blocks_that_cannot_be_are_refused_before_they_are_read(n, p):
    both = coding("streams")
    file = oracle.write_header(both.theirs.header) + n.to_bytes(4, "big") + p.to_bytes(4, "big")
    assert assert_refused(both, file) == ("block", "block")


WORD = b"\x00\x80ab"  # the first two bytes of which are a window of the small codebook


def window_payloads() -> list[tuple[str, bytes]]:
    """Payloads that do not hold `WORD`, in windows of 10 bits."""
    single, few = top_codes(WORD), small_codebook().encode(WORD).tolist()
    right = oracle.pack(single, 10)
    assert len(few) == 3 and len(right) == 5
    return [
        ("an empty window at the end", oracle.pack([*few, 0], 10)),
        ("an empty window between", oracle.pack([few[0], 0, *few[1:]], 10)),
        ("too little text", oracle.pack(single[:3], 10)),
        ("too much text", oracle.pack([few[0], *few], 10)),
        ("more windows than bytes", oracle.pack([*single, single[0]], 10)),
        ("no windows", b""),
        ("no whole window", b"\x61"),
        ("bits after the windows", oracle.pack(few, 10)[:-1] + bytes([oracle.pack(few, 10)[-1] | 1])),
        ("a byte after the windows", right + b"\0"),
        ("as many bytes as there can be", b"\xff" * 64),
    ]


@pytest.mark.rule("K-10", "K-12")
@pytest.mark.parametrize("then", ["good", "damaged"])
@pytest.mark.parametrize(
    ("what", "payload"), window_payloads(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_payloads_that_hold_no_such_text_are_refused(what, payload, then):
    both = coding("codebook")
    good = oracle.pack(top_codes(WORD), 10)
    file = crafted(both, [(4, good), (4, payload), (4, good)], WORD * 3)
    if then == "damaged":  # later, so not what is told
        file = file[:-30] + b"\xff" + file[-29:]
    assert cause(lambda: container.decode_bytes(both.ours, file)) == "payload"
    assert cause(lambda: oracle.decode(both.theirs, file)) == "payload"
    with pytest.raises(Refused, match="payload: in block 2, "):
        container.decode_bytes(both.ours, file)
    if then == "good":
        assert info_bytes(file).length == 12
    else:
        assert cause(lambda: info_bytes(file)) == "checksum"


@pytest.mark.rule("K-10")
@pytest.mark.parametrize("length", [3, 4, 6])
def test_windows_of_a_model_hold_their_block_or_are_refused(length):
    both = coding("windows")
    payload = both.theirs.encode(TEXT[:5])
    files = [crafted(both, [(n, payload)], TEXT[:n]) for n in (5, length)]
    assert container.decode_bytes(both.ours, files[0]) == TEXT[:5]
    assert assert_payload(both, files[1])
    codes = oracle.unpack(payload, 37)
    for wrong in ([0, *codes], [*codes, 0], [0]):
        assert assert_payload(both, crafted(both, [(5, oracle.pack(wrong, 37))], TEXT[:5]))
    # What is wrong in a block before is told first, though that shows only when it is decoded.
    assert assert_payload(both, crafted(both, [(length, payload), (5, payload)], TEXT[: length + 5])[:-30])


def assert_payload(both: Both, file: bytes) -> bool:
    causes = cause(lambda: container.decode_bytes(both.ours, file)), cause(lambda: oracle.decode(both.theirs, file))
    return causes == ("payload", "payload")


@pytest.mark.rule("K-11", "K-12")
def test_the_sums_of_the_end_block_are_compared():
    both, payload = coding("codebook"), oracle.pack(top_codes(b"abc"), 10)
    for text in (b"ab", b"abcd", b""):
        assert assert_refused(both, crafted(both, [(3, payload)], text)) == ("length", "length")
    other = crafted(both, [(3, payload)], b"abd")
    for file in (other, other + b"\0"):
        assert cause(lambda: container.decode_bytes(both.ours, file)) == "text"  # noqa: B023
        assert cause(lambda: oracle.decode(both.theirs, file)) == "text"  # noqa: B023
    assert info_bytes(other).length == 3


def test_what_cannot_be_a_coding_is_refused():
    model, mark = markov(), FINGERPRINT.hex()
    inexact = Markov(model.tables, 12, exact=False)
    with pytest.raises(ValueError, match="Markov is not exact"):
        container.stream_coding(inexact, mark)
    with pytest.raises(ValueError, match="Markov is not exact"):
        container.window_coding(inexact, 37, mark)
    for bits in (8, 129):
        with pytest.raises(ValueError, match=f"a window has 9 to 128 bits, got {bits}"):
            container.window_coding(model, bits, mark)
    for wrong in ("", mark[1:], mark.upper(), mark + "\n"):
        with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
            container.stream_coding(model, wrong)
    for block in (0, 65_537):
        with pytest.raises(ValueError, match=f"a block has 1 to 65,536 bytes of text, got {block}"):
            container.encode_bytes(coding("codebook").ours, TEXT, block)


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
    """A stream that keeps only a checksum, and notes how much it was given at once."""

    def __init__(self) -> None:
        self.most = self.sum = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.most, self.sum = max(self.most, len(data)), crc32(data, self.sum)
        return len(data)


def test_progress_is_reported():
    done: list[int] = []
    ours = coding("codebook").ours
    source, target = io.BytesIO(TEXT * 40), io.BytesIO()
    container.encode(ours, source, target, 20, done.append)
    assert done == sorted(done) and done[-1] == len(TEXT * 40)
    encoded, done[:] = done[:], []
    container.decode(ours, io.BytesIO(target.getvalue()), io.BytesIO(), done.append)
    assert done == encoded and len(done) > 1


@pytest.mark.slow
def test_sources_may_give_little_at_a_time():
    for method in METHODS:
        file = container.encode_bytes(coding(method).ours, TEXT, 12)
        source, target = Source(len(TEXT), lambda a, b: TEXT[a:b], most=5), io.BytesIO()
        container.encode(coding(method).ours, source, target, 12)
        assert target.getvalue() == file
        target = io.BytesIO()
        container.decode(coding(method).ours, Source(len(file), lambda a, b: file[a:b], most=5), target)  # noqa: B023
        assert target.getvalue() == TEXT


@pytest.mark.slow
@pytest.mark.rule("K-13")
def test_memory_does_not_grow_with_the_text():
    ours = coding("codebook").ours
    pattern = sample(markov(), 1 << 15, np.random.default_rng(0))

    def text(begin: int, end: int) -> bytes:
        return bytes(memoryview(pattern)[: end - begin])  # a copy, for of the whole a slice would be the same object

    def peak(run: Callable[[], container.Summary], size: int) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            assert run().length == size
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def runs(size: int) -> list[Callable[[], container.Summary]]:
        source, written = Source(size, text), io.BytesIO()
        container.encode(ours, source, written)
        assert source.asked <= 1 << 15
        file = written.getvalue()
        return [
            lambda: container.encode(ours, Source(size, text), Nowhere()),
            lambda: container.decode(ours, Source(len(file), lambda a, b: file[a:b]), Nowhere()),
        ]

    small, large = 1 << 20, 1 << 22
    for shorter, longer in zip(runs(small), runs(large), strict=True):
        shorter()  # compiles, which is not to be measured
        # JAX may hold on to an array of 1 MiB for a while; to hold 3 MiB of text, or their file, would be more. What it
        # lets go of late adds to a peak now and then, what is kept adds to each: one of three has to be low.
        limit = min(min(peak(shorter, small) for _ in range(3)) + 1_200_000, 32 << 20)
        assert any(peak(longer, large) < limit for _ in range(3))


@pytest.mark.rule("K-7")
def test_a_damaged_number_asks_for_no_more_than_a_block():
    start = oracle.write_header(STREAM) + b"\0\1\0\0" + b"\0\x10\0\0"
    source = Source(len(start), lambda a, b: start[a:b])
    assert cause(lambda: container.info(source)) == "truncated"
    assert source.asked <= 1 << 20


def test_a_header_says_what_it_stands_for():
    told = [str(Header(method, bits, 12 * (method < 3), "ab" * 32)) for method, bits in ((1, 0), (2, 64), (3, 16))]
    mark = "ab" * 32
    assert told == [
        f"streams of the model {mark}, precision 12",
        f"windows of 64 bits of the model {mark}, precision 12",
        f"windows of 16 bits of the codebook {mark}",
    ]
