"""Parses by cost: the oracle against a search of all parses; the port in C where cases would be too long to store."""

import random
from collections.abc import Iterator

import pytest

from ecjax.conformance import runner
from specs.oracle import codebook, protocol
from specs.oracle.tensors import fingerprint
from specs.vectors import books
from tests.conformance import ports


def parses(strings: list[bytes], text: bytes) -> Iterator[list[int]]:
    """Every sequence of ids whose strings are the text."""
    if not text:
        yield []
    for number, spelled in enumerate(strings):
        if spelled and text.startswith(spelled):
            yield from ([number, *rest] for rest in parses(strings, text[len(spelled) :]))


@pytest.mark.rule("B-5", "B-13")
@pytest.mark.parametrize("seed", range(25))
def test_the_oracle_writes_what_the_rules_choose_of_all_parses(seed):
    draw = random.Random(seed)
    book = books.drawn(draw)
    strings, text = codebook.strings(book), bytes(draw.choices(b"abc", k=8))

    def order(ids: list[int]) -> tuple[int, list[int]]:
        cost = 0 if book.costs is None else sum(book.costs[number] for number in ids)
        return cost, [-len(strings[number]) for number in ids]

    assert codebook.encode(book, text) == min(parses(strings, text), key=order)


def answers(*requests: dict) -> list[tuple[dict, dict]]:
    """What the port in C says, and the oracle."""
    with runner.Port([str(ports.c_port())], 60.0) as port:
        said = [{name: value for name, value in port.ask(request).items() if name != "id"} for request in requests]
    return list(zip(said, map(protocol.answer, requests), strict=True))


@pytest.mark.slow
@pytest.mark.rule("B-13", "C-1")
@pytest.mark.parametrize("one, first", [(0, 98), (1, 99)])
def test_sums_beyond_32_bits(one, first):
    # The costs of 65,537 bytes `b` sum up to 2**32 - 1; the sums before them, and only these, have more bits.
    book = books.priced({b"a": one, b"aa": 1, b"b": 65_535})
    request = {"op": "codebook.encode", "codebook": books.written(book), "text": (b"aa" + b"b" * 65_537).hex()}
    [(said, right)] = answers(request)
    assert said == right and right["ids"][0] == first


def with_nodes(longer: int) -> codebook.Codebook:
    """A codebook of 15 bits: 257 nodes, 32,511 strings of three bytes with two nodes each, so many with three."""
    strings = [bytes([number >> 8, number & 255, 0, *([0] if number < longer else [])]) for number in range(32_511)]
    return books.trie(sorted([b"", *books.BYTES, *strings]))


@pytest.mark.slow
@pytest.mark.rule("B-8", "B-10")
def test_parents_have_two_bytes_up_to_65536_nodes():
    for longer, size in ((257, 2), (258, 4)):
        book = with_nodes(longer)
        assert len(book.parents) == 65_279 + longer
        [(said, right)] = answers({"op": "codebook.fingerprint", "codebook": books.written(book)})
        types = {name: ("|u1", (65_279 + longer,)) for name in ("last_bytes", "members")}
        types["parents"] = (f"<u{size}", (65_279 + longer,))
        lists = {name: book._asdict()[name] for name in types}
        assert said == right == {"fingerprint": fingerprint("ecjax.codebook", {"bits": 15}, lists, types)}
