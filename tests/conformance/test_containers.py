"""What container.md promises of its files, by the oracle: damage shows, and no file is much longer than its text."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from specs.oracle import container, protocol
from specs.oracle.refusal import Refused
from specs.vectors import container_parts, containers_1
from specs.vectors.case import flat, likely_text, mixed, table_model

MIXED, FLAT = mixed(12, 1), table_model(9, [flat(9)])
STREAMS = protocol.from_coding({"model": MIXED, "fingerprint": bytes(32).hex()})
HOPELESS = protocol.from_coding({"model": FLAT, "fingerprint": bytes(32).hex(), "bits": 9})  # 9 bits for each byte
TEXT = likely_text(MIXED, 20, 1) + bytes(range(12)) + likely_text(MIXED, 8, 2)
FILES = {1: containers_1.encode(STREAMS, TEXT, 16), 2: container.encode(STREAMS, TEXT, 16)}


def cause(file: bytes) -> str | None:
    """Why a file is refused without its model."""
    try:
        container.info(file)
    except Refused as refused:
        return refused.cause
    return None


def test_the_file_that_is_damaged_has_blocks_of_both_kinds():
    summary = container.info(FILES[2])
    assert (summary.blocks, summary.stored) == (3, 2)
    assert [container.decode(STREAMS, file) for file in FILES.values()] == [TEXT, TEXT]


@pytest.mark.parametrize("version", FILES)
@pytest.mark.rule("K-8", "K-15", "K-18")
def test_every_flipped_bit_is_noticed_without_the_model(version):
    file = FILES[version]
    for place in range(len(file)):
        for bit in range(8):
            assert cause(container_parts.flipped(file, place, bit)), f"bit {bit} of byte {place}"


@pytest.mark.parametrize("version", FILES)
@pytest.mark.rule("K-4", "K-19")
def test_a_file_that_is_cut_off_is_truncated_wherever_that_is(version):
    file = FILES[version]
    assert {cause(file[:size]) for size in range(8)} == {"magic"}
    assert {cause(file[:size]) for size in range(8, len(file))} == {"truncated"}


@given(st.lists(st.integers(0, 5), max_size=8))
@pytest.mark.rule("K-8")
def test_blocks_fit_in_their_own_order_only(order):
    file = container.encode(STREAMS, TEXT[:36], 6)
    blocks, at = [], container.HEADER
    for block in container.blocks(file):
        end = at + 11 + len(block.payload) + len(block.text_sum)
        blocks.append(file[at:end])
        at = end
    assert len(blocks) == 6
    assume(order != list(range(6)))
    # What comes after the last block is told as such; before it, a block that is not in its place.
    right = next((i for i, place in enumerate(order) if i != place), len(order))
    found = cause(file[: container.HEADER] + b"".join(blocks[place] for place in order))
    assert found == ("trailing" if right >= 6 else "truncated" if right == len(order) else "checksum")


@given(st.binary(max_size=200), st.integers(1, 70), st.sampled_from([STREAMS, HOPELESS]))
@pytest.mark.rule("K-16", "K-17")
def test_a_file_grows_by_its_header_and_by_11_bytes_a_block_at_most(text, block, coding):
    file = container.encode(coding, text, block)
    assert len(file) <= len(text) + 52 + 11 * max(1, -(-len(text) // block))
    assert container.decode(coding, file) == text


@pytest.mark.rule("K-17")
def test_the_bound_on_growth_is_met_where_nothing_can_be_coded():
    assert len(container.encode(HOPELESS, b"", 65_536)) == 63
    assert len(container.encode(HOPELESS, bytes(range(255)) * 2, 255)) == 510 + 52 + 22
