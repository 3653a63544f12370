"""Damaged files of compressed text: every one is refused, for the cause that the plain Python definition names."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import container
from ecjax.container import Refused
from specs.oracle import container as oracle
from specs.vectors import containers_1
from specs.vectors.container_parts import body, chained, crc
from tests.containers import (
    BOOK,
    FINGERPRINT,
    METHODS,
    SLOW_METHODS,
    STREAM,
    TEXT,
    VERSIONS,
    WINDOW,
    Both,
    Source,
    assert_damaged,
    assert_refused,
    assert_told_with_the_model,
    cause,
    coding,
    crafted,
    flip,
    info_bytes,
    likely,
    markov,
    outcome,
    parts_of_two_files,
    short_file,
    small_codebook,
)
from tests.strategies import python_model


@pytest.mark.rule("K-2", "K-3", "K-4", "K-7", "K-8", "K-11", "K-12", "K-15", "K-18", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", SLOW_METHODS)
def test_every_flipped_bit_is_noticed(method, version):
    both, file = coding(method), short_file(method, version)
    found = {assert_damaged(both, flip(file, place)) for place in range(8 * len(file))}
    assert found == {"magic", "version", "header", "truncated", "block", "checksum"}


@pytest.mark.rule("K-2", "K-4", "K-12", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", METHODS)
def test_every_truncation_is_noticed(method, version):
    both, file = coding(method), short_file(method, version)
    for size in range(len(file)):
        assert assert_damaged(both, file[:size]) == ("magic" if size < 8 else "truncated")


@pytest.mark.rule("K-11", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("more", [b"\0", b"\n", None])
def test_what_follows_the_end_is_noticed(more, version):
    both, file = coding("codebook"), short_file("codebook", version)
    assert assert_refused(both, file + (more or file)) == ("trailing", "trailing")


@pytest.mark.rule("K-11")
def test_what_is_chained_to_the_end_is_noticed():
    both, file = coding("codebook"), short_file("codebook", 2)
    for block in (body(1, b"a"), body(1, b"a", b"a"), body(0, b"", b"")):
        assert assert_refused(both, chained(file, [block])) == ("trailing", "trailing")


def moved(mine: list[bytes], other: list[bytes]) -> Iterator[list[bytes]]:
    """Rows of blocks with one that is left out, repeated, swapped, or of another file."""
    for i in range(4):
        for j in range(i + 1, 4):
            yield [*mine[:i], mine[j], *mine[i + 1 : j], mine[i], *mine[j + 1 :]]
        yield [*mine[:i], other[i], *mine[i + 1 :]]
        yield from ([*mine[:i], block, *mine[i:]] for block in mine + other if block != mine[i] or i < 3)
    for i in range(1, 4):
        yield [*mine[: i - 1], *mine[i:]]
        yield [*mine[:i], *other[i:]]


@pytest.mark.rule("K-8")
def test_blocks_in_other_places_are_noticed():
    header, mine, other = parts_of_two_files()
    assert info_bytes(header + b"".join(mine)).stored == 2
    for blocks in moved(mine, other):
        assert assert_damaged(coding("codebook"), header + b"".join(blocks)) == "checksum"


@pytest.mark.rule("K-8", "K-11")
@given(st.lists(st.integers(0, 7), max_size=6) | st.integers(0, 4).map(lambda n: [*range(n), *range(n, 8, 2)]))
def test_no_other_row_of_blocks_is_a_file(places):
    header, mine, other = parts_of_two_files()
    blocks = [[*mine, *other][place] for place in places]
    if blocks in (mine, other):
        return
    word = "checksum"
    if blocks[:4] in (mine, other):
        word = "trailing"
    elif blocks in (mine[: len(blocks)], other[: len(blocks)]):
        word = "truncated"
    assert assert_damaged(coding("codebook"), header + b"".join(blocks)) == word


@pytest.mark.rule("K-8")
def test_blocks_that_follow_another_header_are_noticed():
    file = short_file("codebook", 2)
    start = oracle.write_header(BOOK)  # of another fingerprint
    assert file[:44] != start[:44]
    assert cause(lambda: info_bytes(start + file[48:])) == cause(lambda: oracle.info(start + file[48:])) == "checksum"


@pytest.mark.rule("K-3", "K-5", "K-12", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
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
def test_headers_that_cannot_be_are_refused(header, word, version):
    both = coding("streams")
    assert assert_refused(both, crafted(both, [], b"", version, header)) == (word, word)


@pytest.mark.rule("K-3")
@pytest.mark.parametrize("version", [0, 3, 255])
def test_another_version_is_refused_before_all_else(version):
    other = bytearray(short_file("streams", 2)[:9])
    other[8] = version
    assert assert_refused(coding("streams"), bytes(other)) == ("version", "version")


@pytest.mark.rule("K-6")
@pytest.mark.parametrize("version", VERSIONS)
def test_another_model_is_refused(version):
    file = short_file("streams", version)
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
            assert_told_with_the_model(other, damaged, "model")
    with pytest.raises(Refused, match=rf"made with streams of the model {FINGERPRINT.hex()}, precision 12, this is"):
        container.decode_bytes(coding("codebook").ours, file)


@pytest.mark.rule("K-7")
@pytest.mark.parametrize(
    ("marker", "n", "p"),
    [
        *((0, n, p) for n, p in [(0, 0), (0, 1), (1, 2), (65_536, 65_537), (65_537, 1), (2**24 - 1, 2**24 - 1)]),
        *((1, n, p) for n, p in [(0, 1), (1, 2), (65_537, 65_537)]),
        *((marker, 3, 2) for marker in (2, 3, 128, 255)),
    ],
)
def test_blocks_that_cannot_be_are_refused_before_they_are_read(marker, n, p):
    both = coding("streams")
    file = oracle.write_header(both.theirs.header) + bytes([marker]) + n.to_bytes(3, "big") + p.to_bytes(3, "big")
    assert assert_refused(both, file) == ("block", "block")
    assert assert_refused(both, chained(oracle.write_header(both.theirs.header), [file[48:]])) == ("block", "block")


@pytest.mark.rule("K-18")
@pytest.mark.parametrize(
    ("n", "p"), [(65_537, 1), (2**32 - 1, 0), (1, 17), (3, 49), (65_536, 2**20 + 1), (0, 11), (0, 13)]
)
def test_blocks_of_version_1_that_cannot_be_are_refused_before_they_are_read(n, p):
    both = coding("streams")
    file = containers_1.write_header(both.theirs.header) + n.to_bytes(4, "big") + p.to_bytes(4, "big")
    assert assert_refused(both, file) == ("block", "block")


@pytest.mark.rule("K-7", "K-18")
def test_a_damaged_number_asks_for_no_more_than_a_block():
    for start, most in (
        (oracle.write_header(STREAM) + b"\0\1\0\0\1\0\0", 1 << 16),
        (containers_1.write_header(STREAM) + b"\0\1\0\0\0\x10\0\0", 1 << 20),
    ):
        source = Source(len(start), lambda a, b: start[a:b])  # noqa: B023
        assert cause(lambda: container.info(source)) == "truncated"  # noqa: B023
        assert source.asked <= most


def payloads_of_other_texts(version: int) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """A text, its payload, and payloads that do not hold it, in windows of 10 bits."""
    few = small_codebook().encode(likely(60)).tolist()[:8]  # which take 10 bytes, all bits
    text = small_codebook().decode(few)
    right = oracle.pack(few, 10)
    assert len(right) == 10 and len(text) > 12
    wrong = [
        ("an empty window at the end", oracle.pack([*few, 0], 10)),
        ("an empty window between", oracle.pack([few[0], 0, *few[1:]], 10)),
        ("too little text", oracle.pack(few[:7], 10)),
        ("too much text", oracle.pack([few[0], *few], 10)),
        ("no windows", b""),
        ("no whole window", b"\x61"),
        ("a byte after the windows", right + b"\0"),
        ("as many bytes as there can be", b"\xff" * (len(text) - 1 if version == 2 else 16 * len(text))),
    ]
    if version == 1:  # no payload of version 2 is so long
        windows = [int(small_codebook().encode(bytes([byte]))[0]) for byte in text]
        wrong.append(("more windows than bytes", oracle.pack([*windows, windows[0]], 10)))
    return text, right, wrong


@pytest.mark.rule("K-10", "K-12", "K-19")
@pytest.mark.parametrize("then", ["good", "damaged"])
@pytest.mark.parametrize(
    ("version", "payload"),
    [
        pytest.param(version, payload, id=f"{what} {version}")
        for version in VERSIONS
        for what, payload in payloads_of_other_texts(version)[2]
    ],
)
def test_payloads_that_hold_no_such_text_are_refused(version, payload, then):
    both, (text, good, _) = coding("codebook"), payloads_of_other_texts(version)
    n = len(text)
    file = crafted(both, [(n, good), (n, payload), (n, good)], text * 3, version)
    if then == "damaged":  # later, so not what is told
        file = flip(file, 8 * len(file) - 1)
    assert_told_with_the_model(both, file, "payload")
    with pytest.raises(Refused, match="payload: in block 2, "):
        container.decode_bytes(both.ours, file)
    if then == "good":
        assert info_bytes(file).length == 3 * n
    else:
        assert cause(lambda: info_bytes(file)) == "checksum"


@pytest.mark.rule("K-10")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("bit", [0, 1])
def test_bits_after_the_windows_are_0(bit, version):
    both = coding("codebook")
    few = small_codebook().encode(likely(60))[:7].tolist()
    text, right = small_codebook().decode(few), oracle.pack(few, 10)  # of which two bits are left over
    wrong = right[:-1] + bytes([right[-1] | 1 << bit])
    assert container.decode_bytes(both.ours, crafted(both, [(len(text), right)], text, version)) == text
    assert_told_with_the_model(both, crafted(both, [(len(text), wrong)], text, version), "payload")


@pytest.mark.rule("K-10", "K-12", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("off", [-2, -1, 1])
def test_windows_of_a_model_hold_their_block_or_are_refused(off, version):
    both, text = coding("windows"), likely(24)
    code = both.theirs.encode(text)
    good = crafted(both, [(24, code)], text, version)
    assert len(code) < 16 and container.decode_bytes(both.ours, good) == text
    length = len(text) + off
    assert_told_with_the_model(both, crafted(both, [(length, code)], text[:length], version), "payload")
    codes = oracle.unpack(code, 37)
    for wrong in ([0, *codes], [*codes, 0], [0]):
        assert_told_with_the_model(both, crafted(both, [(24, oracle.pack(wrong, 37))], text, version), "payload")
    # What is wrong in a block before is told first, though that shows only when it is decoded.
    cut = crafted(both, [(length, code), (24, code)], text + text, version)[:-18]
    assert_told_with_the_model(both, cut, "payload")
    assert cause(lambda: info_bytes(cut)) == "truncated"


@pytest.mark.rule("K-11", "K-12", "K-19")
def test_the_sums_of_the_end_are_compared():
    both, text = coding("codebook"), likely(16)
    for version in VERSIONS:
        file = crafted(both, [(16, both.theirs.encode(text))], text[:-1] + b"\0", version)
        for damaged in (file, file + b"\0"):
            assert_told_with_the_model(both, damaged, "text")
        assert info_bytes(file).length == 16
        assert cause(lambda: info_bytes(file + b"\0")) == "trailing"  # noqa: B023
    for other in (text[:-1], text + b"a", b""):
        file = crafted(both, [(16, both.theirs.encode(text))], other, 1)
        assert assert_refused(both, file) == ("length", "length")


@pytest.mark.rule("K-11", "K-16")
def test_a_stored_block_of_another_text_is_noticed():
    both = coding("streams")
    file = crafted(both, [(16, TEXT[:16]), (13, TEXT[16:])], TEXT[:15] + b"?" + TEXT[16:])
    assert_told_with_the_model(both, file, "text")
    assert info_bytes(file).stored == 2


@pytest.mark.rule("K-7", "K-8", "K-10", "K-11", "K-12", "K-13", "K-16", "K-18", "K-19")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", SLOW_METHODS)
@given(st.data())
def test_files_put_together_anyhow_are_taken_as_the_definition_takes_them(method, version, data):
    both, text = coding(method), b""
    rarely = st.sampled_from([False] * 15 + [True])
    file = (oracle if version == 2 else containers_1).write_header(both.theirs.header)
    for last in [False] * data.draw(st.integers(0, 3)) + [True]:
        part = data.draw(st.builds(likely, st.integers(0, 32), st.integers(0, 5)) | st.binary(max_size=32))
        code = both.theirs.encode(part)
        payload = data.draw(st.sampled_from([code, code, part]) | st.binary(max_size=8))
        n, text = len(part) + data.draw(rarely), text + part + b"?" * data.draw(rarely)
        if version == 1:
            block = containers_1.write_block(n, payload)
        else:
            block = body(
                n, payload, text if last else None, data.draw(st.integers(0, 2)) if data.draw(rarely) else None
            )
            block += crc((file[:4] if data.draw(rarely) else file[-4:]) + block)
        file += block
    file += containers_1.write_end(text) if version == 1 else b""
    file += b"\0" * data.draw(rarely)
    assert outcome(lambda: container.decode_bytes(both.ours, file)) == outcome(lambda: oracle.decode(both.theirs, file))
    assert outcome(lambda: bytes(info_bytes(file).blocks)) == outcome(lambda: bytes(oracle.info(file).blocks))


@pytest.mark.rule("K-19")
def test_blocks_of_version_1_in_other_places_change_the_text():
    both, text = coding("codebook"), likely(16) + TEXT[:16]
    blocks = [(16, both.theirs.encode(part)) for part in (text[:16], text[16:])]
    assert container.decode_bytes(both.ours, crafted(both, blocks, text, 1)) == text
    assert_told_with_the_model(both, crafted(both, blocks[::-1], text, 1), "text")
    assert_told_with_the_model(both, crafted(both, blocks[1:], text, 1), "length")
