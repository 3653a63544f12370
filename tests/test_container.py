"""Files of compressed text: those of the plain Python definition, bit for bit, which come back and never grow."""

import gc
import io
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import container
from ecjax.coding import stream
from ecjax.container import Header
from ecjax.models.unigram import Unigram
from ecjax.tokenizers.bits import from_bytes, from_numbers, to_numbers
from ecjax.tokenizers.blocks import lanes
from specs.oracle import container as oracle
from tests.containers import (
    FINGERPRINT,
    METHODS,
    SLOW_METHODS,
    TEXT,
    VERSIONS,
    Both,
    Nowhere,
    Source,
    coding,
    crafted,
    info_bytes,
    likely,
    markov,
    payload,
    small_codebook,
    written,
)
from tests.strategies import Markov, make_table, python_model, sample, seeds, texts

BLOCKS = {"streams": (33,), "windows": (40,), "codebook": (5, 40, 65_536)}  # every shape is compiled
LONGEST_TEXT = 120


@pytest.mark.rule("K-1", "K-5", "K-9", "K-10", "K-11", "K-13", "K-15", "K-16")
@pytest.mark.parametrize("method", SLOW_METHODS)
@given(st.data())
def test_files_are_those_of_the_definition_and_come_back(method, data):
    both, text = coding(method), data.draw(texts(LONGEST_TEXT, markov()))
    block = data.draw(st.sampled_from(BLOCKS[method]))
    assert_comes_back(both, text, block)


def assert_comes_back(both: Both, text: bytes, block: int) -> container.Summary:
    target = io.BytesIO()
    told = container.encode(both.ours, io.BytesIO(text), target, block)
    file = target.getvalue()
    assert file == oracle.encode(both.theirs, text, block)
    target = io.BytesIO()
    assert told == info_bytes(file) == container.decode(both.ours, io.BytesIO(file), target)
    assert target.getvalue() == text
    theirs = oracle.info(file)
    assert (told.version, told.length, told.blocks, told.stored) == (2, len(text), theirs.blocks, theirs.stored)
    assert (told.blocks, told.size) == (-(-len(text) // block), len(file))
    assert told.header == both.ours.header == container.Reader(io.BytesIO(file)).header
    assert tuple(told.header)[:3] == tuple(theirs.header)[:3]
    return told


@pytest.mark.rule("K-9", "K-10", "K-16")
@pytest.mark.parametrize("method", SLOW_METHODS)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.booleans(), seeds)
def test_stored_and_coded_blocks_may_be_mixed(method, are_stored, ends_short, seed):
    rng = np.random.default_rng(seed)
    both, text = coding(method), sample(markov(), 33 * len(are_stored), rng)
    blocks = [rng.bytes(33) if stored else text[33 * i :][:33] for i, stored in enumerate(are_stored)]
    blocks[-1] = blocks[-1][: 1 if ends_short else 33]  # one byte, whose code is never shorter
    told = assert_comes_back(both, b"".join(blocks), 33)
    codes = map(both.theirs.encode, blocks)
    assert told.stored == sum(len(code) >= len(block) for code, block in zip(codes, blocks, strict=True))


@pytest.mark.deep
def test_texts_of_many_lengths_need_few_shapes_of_streams(monkeypatch):
    rng = np.random.default_rng(4)
    ours = container.stream_coding(Unigram.fit(TEXT, 12), FINGERPRINT.hex())
    sizes = [*rng.integers(0, 700, 20), *rng.integers(0, 12_000, 4), 45_000]
    files = [bytes(rng.choice(list(TEXT), int(size)).astype(np.uint8)) for size in sizes]
    jax.clear_caches()
    chex.clear_trace_counter()
    for name in ("encode", "decode"):  # blocks are filled up to six lengths
        monkeypatch.setattr(stream, name, chex.assert_max_traces(getattr(stream, name), n=6))
    for text in files:
        assert container.decode_bytes(ours, container.encode_bytes(ours, text)) == text


def test_more_blocks_than_are_decoded_at_once_come_in_order():
    both, count = coding("codebook"), 3 * lanes(16, 256) + 1
    rng = np.random.default_rng(2)
    for kinds in ([0, 1], [0] * 20 + [1] * 20, [0], [1]):  # 0 for blocks that are coded, 1 for stored ones
        chosen = [kinds[i % len(kinds)] for i in range(count)]
        blocks = [rng.bytes(40) if kind else likely(40, i) for i, kind in enumerate(chosen)]
        assert assert_comes_back(both, b"".join(blocks), 40).stored == sum(chosen)


@pytest.mark.rule("K-3", "K-18")
@pytest.mark.parametrize("method", SLOW_METHODS)
@given(st.data())
def test_files_of_version_1_come_back(method, data):
    both, text = coding(method), data.draw(texts(LONGEST_TEXT, markov()))
    block = data.draw(st.sampled_from(BLOCKS[method]))
    file = written(both, text, block, 1)
    assert container.decode_bytes(both.ours, file) == oracle.decode(both.theirs, file) == text
    told = info_bytes(file)
    assert told == (both.ours.header, 1, len(text), -(-len(text) // block), 0, len(file))


@pytest.mark.rule("K-16", "K-17")
@pytest.mark.parametrize("method", SLOW_METHODS)
@given(st.data())
def test_files_hardly_grow(method, data):
    rng = np.random.default_rng(data.draw(seeds))
    part = st.binary(max_size=40) | st.builds(lambda n: sample(markov(), n, rng), st.integers(0, 99))
    text = b"".join(data.draw(st.lists(part | st.just(bytes(50)) | st.just(TEXT), max_size=8)))
    block = data.draw(st.sampled_from(BLOCKS[method]))
    size = len(container.encode_bytes(coding(method).ours, text, block))
    blocks = max(1, -(-len(text) // block))
    assert size <= len(text) + 63 + 11 * (blocks - 1)


@pytest.mark.rule("K-16", "K-17")
@pytest.mark.parametrize("size", [0, 1, 63, 65_535, 65_536, 65_537, 1_000_000])
def test_what_cannot_be_compressed_is_stored(size):
    ours, text = coding("codebook").ours, np.random.default_rng(size).bytes(size)
    file = container.encode_bytes(ours, text)
    blocks = -(-size // 65_536)
    assert len(file) == size + 52 + 11 * max(1, blocks) <= size + 64 + size * 0.0002
    assert info_bytes(file).stored == info_bytes(file).blocks == blocks
    assert container.decode_bytes(ours, file) == text


@pytest.mark.rule("K-16", "K-18")
def test_a_payload_as_long_as_its_text_is_the_text_but_in_version_1():
    both, code = coding("streams"), TEXT[:20]
    for version, text in ((1, both.theirs.decode(code, 20)), (2, code)):
        file = crafted(both, [(20, code)], text, version)
        assert container.decode_bytes(both.ours, file) == oracle.decode(both.theirs, file) == text
        assert info_bytes(file).stored == version - 1


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
@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_every_payload_of_a_stream_decodes_as_the_definition_says(version, data):
    length = data.draw(st.integers(1, 40))
    code = data.draw(st.binary(max_size=min(16 * length, 100) if version == 1 else length - 1))
    both = coding("streams")
    text = both.theirs.decode(code, length)
    file = crafted(both, [(length, code)], text, version)
    assert container.decode_bytes(both.ours, file) == text == oracle.decode(both.theirs, file)


@pytest.mark.rule("S-5", "K-18")
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
        assert container.decode_bytes(both.ours, crafted(both, [(160, code)], text, 1)) == text


@pytest.mark.rule("K-13")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_any_sizes_are_read(method, version):
    both = coding(method)
    text = likely(24) + TEXT[:9] + likely(30, 1)
    parts = [text[:1], text[1:24], text[24:26], text[26:33], text[33:]]
    blocks = [(len(part), payload(both, part, version)) for part in parts]
    file = crafted(both, blocks, text, version)
    assert container.decode_bytes(both.ours, file) == text
    assert info_bytes(file)[1:] == (version, len(text), 5, 3 if version == 2 else 0, len(file))


@pytest.mark.rule("K-13")
@pytest.mark.parametrize("blocks", [0, 1, 2, 17])
def test_an_empty_block_may_end_a_file(blocks):
    both = coding("codebook")
    parts = [likely(40, i) if i % 2 else TEXT for i in range(blocks)]
    payloads = [(len(part), payload(both, part, 2)) for part in parts]
    file = crafted(both, [*payloads, (0, b"")], b"".join(parts))
    assert container.decode_bytes(both.ours, file) == oracle.decode(both.theirs, file) == b"".join(parts)
    assert info_bytes(file)[2:] == (len(b"".join(parts)), blocks, -(-blocks // 2), len(file))


@pytest.mark.rule("K-10", "W-10")
@pytest.mark.parametrize("version", VERSIONS)
def test_windows_that_no_encoder_writes_are_read(version):
    both, text = coding("codebook"), likely(60)
    few = small_codebook().encode(text).tolist()
    first = small_codebook().decode(few[:1])
    codes = [small_codebook().encode(bytes([byte])).item() for byte in first] + few[1:]  # the first in single bytes
    file = crafted(both, [(len(text), oracle.pack(codes, 10))], text, version)
    assert len(codes) > len(few) and len(file) > len(written(both, text, 60, version))
    assert container.decode_bytes(both.ours, file) == text
    assert info_bytes(file).stored == 0


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


def test_progress_is_reported():
    done, ours = list[int](), coding("codebook").ours
    source, target = io.BytesIO(TEXT * 40), io.BytesIO()
    container.encode(ours, source, target, 20, done.append)
    assert done == sorted(done) and done[-1] == len(TEXT * 40)
    encoded, done[:] = done[:], []
    container.decode(ours, io.BytesIO(target.getvalue()), io.BytesIO(), done.append)
    assert done == encoded and len(done) > 1


@pytest.mark.parametrize("method", SLOW_METHODS)
def test_sources_may_give_little_at_a_time(method):
    text = likely(30) + TEXT
    for most in (1, 5, 13):
        file = container.encode_bytes(coding(method).ours, text, 12)
        source, target = Source(len(text), lambda a, b: text[a:b], most), io.BytesIO()
        container.encode(coding(method).ours, source, target, 12)
        assert target.getvalue() == file
        source, target = Source(len(file), lambda a, b: file[a:b], most), io.BytesIO()  # noqa: B023
        container.decode(coding(method).ours, source, target)
        assert target.getvalue() == text


def test_a_source_that_has_nothing_yet_is_not_at_its_end():
    class Waiting(io.RawIOBase):
        def read(self, size: int = -1) -> bytes | None:
            return None

    runs: tuple[Any, ...] = (container.encode, container.decode)
    for run in runs:
        with pytest.raises(BlockingIOError, match="no bytes yet"):
            run(coding("codebook").ours, Waiting(), io.BytesIO())


class Narrow(io.RawIOBase):
    """A stream that takes so many bytes at a time."""

    def __init__(self, most: int) -> None:
        self.most, self.taken = most, b""

    def write(self, data) -> int:
        self.taken += data[: self.most]
        return min(len(data), self.most)


def test_targets_may_take_little_at_a_time():
    ours, file = coding("codebook").ours, container.encode_bytes(coding("codebook").ours, TEXT)
    for most in (1, 7, 100):
        target = Narrow(most)
        container.encode(ours, io.BytesIO(TEXT), target)
        assert target.taken == file
        target = Narrow(most)
        container.decode(ours, io.BytesIO(file), target)
        assert target.taken == TEXT


def test_a_target_that_takes_nothing_is_noticed():
    ours, file = coding("codebook").ours, container.encode_bytes(coding("codebook").ours, TEXT)
    with pytest.raises(OSError, match="takes none of 48 bytes"):
        container.encode(ours, io.BytesIO(TEXT), Narrow(0))
    with pytest.raises(OSError, match="takes none of 29 bytes"):
        container.decode(ours, io.BytesIO(file), Narrow(0))


@pytest.mark.slow
@pytest.mark.rule("K-13")
@pytest.mark.parametrize("stored", [False, pytest.param(True, marks=pytest.mark.deep)])
def test_memory_does_not_grow_with_the_text(stored):
    ours = coding("codebook").ours
    rng = np.random.default_rng(0)
    pattern = rng.bytes(1 << 16) if stored else sample(markov(), 1 << 16, rng)

    def text(begin: int, end: int) -> bytes:
        return bytes(memoryview(pattern)[: end - begin])  # a copy, for of the whole a slice would be the same object

    def peak(run: Callable[[], container.Summary], size: int) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            told = run()
            assert (told.length, told.stored) == (size, told.blocks * stored)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def runs(size: int) -> list[Callable[[], container.Summary]]:
        source, target = Source(size, text), io.BytesIO()
        container.encode(ours, source, target)
        assert source.asked <= 1 << 16
        file = target.getvalue()
        return [
            lambda: container.encode(ours, Source(size, text), Nowhere()),
            lambda: container.decode(ours, Source(len(file), lambda a, b: file[a:b]), Nowhere()),
        ]

    small, large = 1 << 21, 1 << 23
    for shorter, longer in zip(runs(small), runs(large), strict=True):
        shorter()  # compiles, which is not to be measured
        # JAX may hold on to an array of 1 MiB for a while; to hold 6 MiB of text, or their file, would be more. What it
        # lets go of late adds to a peak now and then, what is kept adds to each: one of three has to be low.
        limit = min(min(peak(shorter, small) for _ in range(3)) + 1_200_000, 64 << 20)
        assert any(peak(longer, large) < limit for _ in range(3))


def test_files_are_looked_at_without_jax():
    program = (
        "import io, sys; from ecjax import container; "
        "print(container.info(io.BytesIO(bytes.fromhex(sys.argv[1]))).length, 'jax' in sys.modules)"
    )
    file = container.encode_bytes(coding("codebook").ours, TEXT).hex()
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(TEXT)), "False"]


def test_a_header_says_what_it_stands_for():
    told = [str(Header(method, bits, 12 * (method < 3), "ab" * 32)) for method, bits in ((1, 0), (2, 64), (3, 16))]
    mark = "ab" * 32
    assert told == [
        f"streams of the model {mark}, precision 12",
        f"windows of 64 bits of the model {mark}, precision 12",
        f"windows of 16 bits of the codebook {mark}",
    ]
