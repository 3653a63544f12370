"""Sums over all cuts and cheapest cuts, against all cuts written out and sums of decimal numbers."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecjax.codebook import lattice
from ecjax.codebook.candidates import Strings
from ecjax.codebook.candidates import given as strings_given
from specs.oracle.codebook import parse_cheaply
from tests.codebook.support import codebooks, drawn, mixed_text
from tests.strategies import seeds

LETTERS = [bytes([byte]) for byte in range(256)]
words = st.sets(st.text(alphabet="ab", min_size=2, max_size=6).map(str.encode), max_size=10)
short_texts = st.lists(st.text(alphabet="abc", max_size=9).map(str.encode), max_size=3)


class Strung:
    """Strings as `lattice` wants them, and what it says of them by string."""

    def __init__(self, strings: Sequence[bytes]) -> None:
        self.strings: Strings = strings_given(strings)
        self.spelled = self.strings.spelled()
        self.nodes = np.flatnonzero(self.strings.members)
        self.node_of = dict(zip(self.spelled, self.nodes.tolist(), strict=True))

    def array(self, values: Mapping[bytes, float]) -> np.ndarray:
        found = np.full(len(self.strings.members), np.nan)  # of no meaning for nodes that are no members
        found[self.nodes] = [values[string] for string in self.spelled]
        return found

    def expect(self, weights: Mapping[bytes, float], texts: Sequence[bytes]) -> tuple[dict[bytes, float], float]:
        expected = np.zeros(len(self.strings.members))
        trie, members = self.strings.trie, self.strings.members
        bits = lattice.expect(trie, members, self.array(weights), *joined(texts), expected)
        return self.by_string(expected), bits

    def count(self, costs: Mapping[bytes, float], texts: Sequence[bytes]) -> tuple[dict[bytes, float], float]:
        counts = np.zeros(len(self.strings.members))
        cost = lattice.count(self.strings.trie, self.strings.members, self.array(costs), *joined(texts), counts)
        return self.by_string(counts), cost

    def by_string(self, found: np.ndarray) -> dict[bytes, float]:
        assert not found[~self.strings.members].any()
        return {string: found[node] for string, node in self.node_of.items() if found[node]}


def joined(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(b"".join(texts), np.uint8), np.cumsum([len(text) for text in texts], dtype=np.int64)


def cuts(text: bytes, strings: Mapping[bytes, object]) -> Iterator[list[bytes]]:
    """All ways to cut a text into some strings."""
    for cut in itertools.product([False, True], repeat=max(0, len(text) - 1)):
        borders = [0, *(place + 1 for place, here in enumerate(cut) if here), len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(borders) if a < b]
        if all(part in strings for part in parts):
            yield parts


def expected_by_cuts(weights: Mapping[bytes, float], texts: Sequence[bytes]) -> tuple[dict[bytes, Decimal], Decimal]:
    counts, bits = defaultdict[bytes, Decimal](Decimal), Decimal(0)
    for text in texts:
        products = []
        for parts in cuts(text, weights):
            product = Decimal(1)
            for part in parts:
                product *= Decimal(weights[part])
            products.append((product, parts))
        total = sum((product for product, _ in products), Decimal(0))
        bits -= total.ln() / Decimal(2).ln()
        for product, parts in products:
            for part in parts:
                counts[part] += product / total
    return counts, bits


def expected_by_sums(weights: Mapping[bytes, float], texts: Sequence[bytes]) -> tuple[dict[bytes, Decimal], Decimal]:
    """The same by sums from both ends, of numbers that cannot underflow."""
    longest, counts, bits = max(map(len, weights)), defaultdict[bytes, Decimal](Decimal), Decimal(0)
    exact = {string: Decimal(weight) for string, weight in weights.items()}
    for text in texts:
        edges = [
            (begin, end, text[begin:end])
            for begin in range(len(text))
            for end in range(begin + 1, min(len(text), begin + longest) + 1)
            if text[begin:end] in exact
        ]
        before, after = [Decimal(0)] * (len(text) + 1), [Decimal(0)] * (len(text) + 1)
        before[0] = after[len(text)] = Decimal(1)
        for begin, end, string in edges:
            before[end] += before[begin] * exact[string]
        for begin, end, string in reversed(edges):
            after[begin] += after[end] * exact[string]
        bits -= after[0].ln() / Decimal(2).ln()
        for begin, end, string in edges:
            counts[string] += before[begin] * exact[string] * after[end] / after[0]
    return counts, bits


def same_expected(found: tuple[Mapping, float], right: tuple[Mapping, Decimal]) -> None:
    counts, bits = found
    for string in counts.keys() | right[0].keys():
        assert counts.get(string, 0.0) == pytest.approx(float(right[0].get(string, 0)), rel=1e-9, abs=1e-12), string
    assert bits == pytest.approx(float(right[1]), rel=1e-12, abs=1e-9)


def weights_of(strings: Sequence[bytes], rng: np.random.Generator, least: float) -> dict[bytes, float]:
    """Weights from 10**least on; one, at random, has nearly all that is left of 1."""
    every = [*LETTERS, *strings]
    found = {string: 10 ** rng.uniform(least, -3.5) for string in every}
    found[every[rng.choice([97, 98, *range(256, len(every))])]] = 0.4
    return found


@given(words, short_texts, seeds, st.sampled_from([-4.0, -30.0, -89.9]))
@example({b"aa", b"aaa"}, [b"aaaaaaaaa", b"", b"aaa"], 0, -4.0)
@example(set(), [b"abc"], 0, -89.9)
@example({b"aab"}, [b"aa"], 0, -4.0)
def test_expected_counts_are_those_over_all_cuts(strings, texts, seed, least):
    weights = weights_of(sorted(strings), np.random.default_rng(seed), least)
    right = expected_by_cuts(weights, texts)
    same_expected(Strung(sorted(strings)).expect(weights, texts), right)
    by_sums = expected_by_sums(weights, texts)
    same_expected(({string: float(n) for string, n in by_sums[0].items()}, float(by_sums[1])), right)


def extreme(name: str) -> tuple[dict[bytes, float], list[bytes]]:
    """Weights and texts whose sums are far below the smallest float, or far apart from each other."""
    rng = np.random.default_rng(0)
    weights = dict.fromkeys(LETTERS, 1.01e-90)
    if name == "unlikely bytes":
        return weights, [rng.bytes(3000), b"x", rng.bytes(1)]
    if name == "likely":
        return weights | {b"a": 1 - 1e-9}, [b"a" * 5000, b"b" + b"a" * 700 + b"b"]
    if name == "one string over unlikely bytes":
        word = rng.bytes(255)
        return weights | {word: 0.999}, [word, word + b"a", b"a" + word * 3, word[1:] + word + word[:254]]
    if name == "two strings that overlap":
        word = rng.bytes(255)
        weights |= {word: 0.4, word[100:] + b"next": 1e-60, word[:20]: 1e-80, b"nextnext": 1e-5}
        return weights, [word + b"next", (word + b"nextnext") * 3, word[:20] + word + b"n"]
    if name == "chain":
        return weights | {b"a" * n: 10 ** -(1.0 + n % 7 * 12) for n in range(2, 256)}, [b"a" * 700]
    assert name == "words"
    weights |= {bytes(rng.choice(list(b"ab"), rng.integers(2, 40)).astype(np.uint8)): 1e-3 for _ in range(60)}
    return weights, [bytes(rng.choice(list(b"ab"), 3000).astype(np.uint8))]


EXTREME = [
    "unlikely bytes",
    "likely",
    "one string over unlikely bytes",
    "two strings that overlap",
    "chain",
    "words",
]


@pytest.mark.parametrize("name", EXTREME)
def test_expected_counts_where_floats_underflow(name):
    weights, texts = extreme(name)
    with localcontext() as context:
        context.prec = 40
        same_expected(Strung([*weights]).expect(weights, texts), expected_by_sums(weights, texts))


def test_expected_counts_are_added():
    weights = dict.fromkeys(LETTERS, 1e-3)
    strung = Strung([])
    expected = np.ones(257)
    lattice.expect(strung.strings.trie, strung.strings.members, strung.array(weights), *joined([b"ab", b"b"]), expected)
    assert expected.sum() == pytest.approx(260) and expected[strung.node_of[b"b"]] == pytest.approx(3)


def test_strings_that_are_no_members_are_not_used():
    strung = Strung([b"ab", b"abcd"])
    left_out = strung.strings.without(np.arange(len(strung.strings.members)) == strung.node_of[b"ab"])
    array = np.full(len(left_out.members), 0.001)
    expected = np.zeros(len(array))
    lattice.expect(left_out.trie, left_out.members, array, *joined([b"abcd"]), expected)
    assert expected[strung.node_of[b"ab"]] == 0 and expected[strung.node_of[b"abcd"]] > 0.9
    counts = np.zeros(len(array))
    array[strung.node_of[b"ab"]] = 0  # it would be free
    lattice.count(left_out.trie, left_out.members, array, *joined([b"abab"]), counts)
    assert counts[strung.node_of[b"ab"]] == 0 and counts.sum() == 4


def cheapest_by_cuts(costs: Mapping[bytes, int], text: bytes) -> list[bytes]:
    return min(cuts(text, costs), key=lambda parts: (sum(costs[p] for p in parts), [-len(p) for p in parts]))


def costs_of(strings: Sequence[bytes], rng: np.random.Generator, most: int) -> dict[bytes, int]:
    return {string: int(rng.integers(most)) for string in [*LETTERS, *strings]}


@given(words, short_texts, seeds, st.sampled_from([1, 3, 65536]))
@example({b"aa", b"aaa"}, [b"aaaaaaaaa"], 0, 1)
def test_the_cheapest_parse_is_the_cheapest_cut(strings, texts, seed, most):
    costs = costs_of(sorted(strings), np.random.default_rng(seed), most)
    parses = [cheapest_by_cuts(costs, text) for text in texts if text]
    counts, cost = Strung(sorted(strings)).count(costs, texts)
    assert counts == Counter(itertools.chain(*parses))
    assert cost == sum(costs[string] for string in itertools.chain(*parses))


@given(words, seeds, st.sampled_from([1, 3, 65536]))
@example({b"aa", b"aaa", b"aaaa", b"aaaaaa"}, 0, 1)
@example({b"ab", b"abab"}, 0, 1)
def test_replace_gives_the_cheapest_cut_without_the_string_itself(strings, seed, most):
    costs = costs_of(sorted(strings), np.random.default_rng(seed), most)
    strung = Strung(sorted(strings))
    nodes = np.array([strung.node_of[string] for string in sorted(strings)], np.int32)
    found = lattice.replace(strung.strings.trie, strung.strings.members, strung.array(costs), nodes)
    assert found.shape == (len(nodes), strung.strings.trie.longest)
    for string, row in zip(sorted(strings), found.tolist(), strict=True):
        others = {other: cost for other, cost in costs.items() if other != string}
        right = [strung.node_of[part] for part in cheapest_by_cuts(others, string)]
        assert row == right + [0] * (len(row) - len(right))


@given(codebooks.filter(lambda book: book[3] is not None), seeds)
def test_counts_are_those_of_the_codebooks_parse(book, seed):
    codebook, ids, prices = drawn(*book)
    assert prices is not None
    rng = np.random.default_rng(seed)
    texts = [mixed_text(rng, int(rng.choice([0, 1, 100, 1500]))) for _ in range(3)]
    strings = [string for string in ids if string]
    costs = {string: prices[ids[string]] for string in strings}
    counts, cost = Strung(strings).count(costs, texts)
    codes = list(itertools.chain(*(parse_cheaply(ids, prices, text) for text in texts)))
    assert counts == Counter(codebook.token_bytes(code) for code in codes)
    assert cost == sum(prices[code] for code in codes)


def edges_of(strung: Strung, text: bytes) -> list[list[bytes]]:
    """The members that begin at each position."""
    edges, counts = lattice._edges(strung.strings.trie, strung.strings.members, np.frombuffer(text, np.uint8))
    names = {node: string for string, node in strung.node_of.items()}
    found = iter(names[node] for node in edges.tolist())
    return [list(itertools.islice(found, int(n))) for n in counts]


def check_edges(strings: list[bytes], text: bytes) -> None:
    every, longest = {*LETTERS, *strings}, max(map(len, strings), default=1)
    right = [
        [text[begin:end] for end in range(begin + 1, min(len(text), begin + longest) + 1) if text[begin:end] in every]
        for begin in range(len(text))
    ]
    assert edges_of(Strung(strings), text) == right


@pytest.mark.parametrize("letters", [b"ab", b"abcdefgh", bytes(range(256))])
def test_a_full_table_finds_every_string_and_no_other(letters):
    rng = np.random.default_rng(1)
    strings = sorted({bytes(rng.choice(list(letters), rng.integers(2, 9)).astype(np.uint8)) for _ in range(6000)})
    text = b"".join(strings[i] for i in rng.permutation(len(strings))[:2000])
    check_edges(strings, text)


def test_a_table_whose_last_slot_overflows_goes_on_at_the_first():
    for seed in range(426, 2000):  # 426 is one, as long as the hash is what it is
        strings = sorted({np.random.default_rng([seed, i]).bytes(3) for i in range(300)})
        trie = Strung(strings).strings.trie
        deep = np.flatnonzero(trie.depths == 3)
        keys = 256 * trie.parents[deep].astype(np.int64) + trie.last_bytes[deep]
        if sum(lattice._slot(key, len(trie.table)) == len(trie.table) - 1 for key in keys.tolist()) == 2:
            check_edges(strings, b"".join(strings))
            return
    raise AssertionError("no such table was found")


@pytest.mark.parametrize("text", [b"", b"a", b"a" * 254, b"a" * 256, b"a" * 1000, b"b" * 20 + b"a" * 300 + b"c"])
def test_a_trie_of_a_single_chain(text):
    check_edges([b"a" * 255], text)
    check_edges([b"a" * n for n in range(2, 256)], text)


def test_replace_of_strings_of_255_bytes():
    strung = Strung([b"a" * 255, b"b" * 254, b"b" * 255])
    nodes = np.array([strung.node_of[string] for string in strung.spelled if len(string) == 255], np.int32)
    a, b, long_b = (strung.node_of[string] for string in (b"a", b"b", b"b" * 254))
    costs = strung.array(dict.fromkeys(strung.spelled, 1.0))
    found = lattice.replace(strung.strings.trie, strung.strings.members, costs, nodes)
    assert found.tolist() == [[a] * 255, [long_b, b] + [0] * 253]


def test_bytes_only():
    check_edges([], bytes(range(256)) * 2)
    trie = Strung([]).strings.trie
    assert trie.longest == 1 and not trie.pairs.any() and not trie.table.any()
