"""Codebooks from texts: valid ones, the same each time, whose strings are worth their places."""

import functools
import itertools
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ecjax.codebook import Codebook, fitting, lattice
from ecjax.codebook import candidates as strings_module
from ecjax.codebook.fitting import refine, train_codebook
from tests.codebook.support import drawn
from tests.strategies import annotations_unchecked


@functools.cache
def words(seed: int = 0, size: int = 60_000) -> tuple[bytes, ...]:
    """Texts of 600 words that are used as often as words are, in lines."""
    rng = np.random.default_rng(seed)
    letters = rng.dirichlet(np.full(26, 0.5))
    lexicon = [bytes((97 + rng.choice(26, rng.integers(2, 9), p=letters)).tolist()) for _ in range(600)]
    often = 1 / np.arange(1, 601)
    picked = [lexicon[i] for i in rng.choice(600, size // 6, p=often / often.sum())]
    lines = [b" ".join(picked[i : i + 9]) + b".\n" for i in range(0, len(picked), 9)]
    return tuple(b"".join(lines[i : i + 40]) for i in range(0, len(lines), 40))


@functools.cache
def trained(bits: int = 9, **options: Any) -> Codebook:
    return train_codebook(words(), bits, **options)


def strings_of(codebook: Codebook) -> list[bytes]:
    return [codebook.token_bytes(code) for code in range(1, codebook.vocab_size)]


def uses(codebook: Codebook, texts: Sequence[bytes]) -> Counter[bytes]:
    """How often each string is in the cheapest parses of texts."""
    strings = strings_of(codebook)
    found = strings_module.given(strings)
    costs, counts = np.zeros((2, len(found.members)))
    costs[found.members] = np.asarray(codebook.costs)[1:]
    ends = np.cumsum([len(text) for text in texts])
    lattice.count(found.trie, found.members, costs, np.frombuffer(b"".join(texts), np.uint8), ends, counts)
    return Counter(dict(zip(strings, counts[found.members].astype(int).tolist(), strict=True)))


def bits_of(used: Counter[bytes]) -> float:
    return -sum(n * math.log2(n / used.total()) for n in used.values() if n)


def joins(string: bytes) -> int:
    kinds = re.findall(rb"[A-Za-z\x80-\xff]+|[0-9]+| +|[^A-Za-z0-9 \x80-\xff]+", string)
    return len(kinds) - 1 - sum(kind.isspace() and b" " in kind for kind in kinds[:-1])


# What it makes.


@pytest.mark.parametrize("bits", [9, 10])
def test_a_codebook_of_just_so_many_strings_with_costs(bits):
    codebook = trained(bits)
    strings = strings_of(codebook)
    assert len(set(strings)) == (1 << bits) - 1 and {bytes([byte]) for byte in range(256)} <= set(strings)
    costs = np.asarray(codebook.costs)
    assert costs[0] == 0 and costs[1:].min() >= 1


def test_costs_are_the_surprise_in_the_codebooks_own_parse():
    used = uses(trained(), words())
    costs = dict(zip(strings_of(trained()), np.asarray(trained().costs)[1:].tolist(), strict=True))
    total = sum(max(0.5, n) for n in used.values())
    often = [string for string, n in used.items() if n > 30]
    assert len(often) > 50
    for string in often:  # parts' borders, and the last round of costs, change a few uses
        assert costs[string] == pytest.approx(-256 * math.log2(used[string] / total), abs=256 * 0.5), string
    unused = round(-256 * math.log2(0.5 / total))
    assert {costs[string] for string, n in used.items() if n == 0} <= set(range(unused - 20, unused + 20))


def test_the_parse_is_the_codebooks():
    text = b"".join(words(1))[:1500] + bytes(range(256))
    ids = trained().encode(text)
    assert Counter(trained().token_bytes(code) for code in ids.tolist()) == +uses(trained(), [text])
    assert trained().decode(ids) == text


def test_it_is_better_than_fewer_strings():
    few, many = uses(trained(), words()), uses(trained(10), words())
    assert sum(map(len, words())) / few.total() > 2.5
    assert many.total() < 0.9 * few.total() and bits_of(many) < 0.9 * bits_of(few)


def test_strings_are_worth_more_than_the_most_frequent_ones():
    """Fewer bits than the strings whose count times length is highest, at the costs that fit these best."""
    found = Counter()
    for text in words():
        for length in range(2, 12):
            found.update(text[i : i + length] for i in range(len(text) - length + 1))
    most = sorted(found, key=lambda string: -found[string] * len(string))[:255]
    plain = Codebook.from_strings([*most, *(bytes([byte]) for byte in range(256))])
    assert bits_of(uses(trained(), words())) < 0.93 * bits_of(uses(refine(plain, words()), words()))


# The same each time.


def test_the_same_again_and_on_one_core_and_on_many(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    one = train_codebook(words(), 9)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(7)), raising=False)
    many = train_codebook(list(words()), 9)
    assert one.fingerprint == many.fingerprint == trained().fingerprint


@pytest.mark.slow
def test_the_same_in_another_process():
    program = (
        "from tests.codebook.test_fitting import train_codebook, words; print(train_codebook(words(), 9).fingerprint)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == trained().fingerprint


# What it is told to do.


def test_join_cost_makes_fewer_strings_over_word_ends():
    shares = []
    for options in ({}, {"join_cost": 3.0}, {"join_cost": 30.0}):
        used = uses(trained(**options), words())
        shares.append(sum(n * joins(string) for string, n in used.items()) / used.total())
    assert shares[0] > 1.2 * shares[1] > 0 and shares[2] < 0.02 * shares[0]


def test_join_cost_counts_each_change_of_kind_but_after_a_space():
    strings = [
        b"a b",
        b" a",
        b"a ",
        b"a  b",
        b"a b c",
        b"a \n\tb\rc",
        b"  ",
        b" a b ",
        b"a,",
        b" a1",
        b"\xc3\xa9t\xc3\xa9",
        b",\n",
    ]
    found = strings_module.given(strings, join_cost=2.0, token_cost=0.5)
    extra = dict(zip(found.spelled(), found.extra[found.members].tolist(), strict=True))
    assert {string: extra[string] for string in strings} == {string: 0.5 + 2 * joins(string) for string in strings}
    assert extra[b" "] == 0.5


def test_token_cost_makes_fewer_tokens():
    totals = [uses(trained(**options), words()).total() for options in ({}, {"token_cost": 8.0})]
    assert totals[1] < 0.99 * totals[0]


@pytest.mark.parametrize("name", ["join_cost", "token_cost"])
def test_the_highest_costs_work(name):
    codebook = trained(**{name: 200.0})
    assert np.asarray(codebook.costs)[1:].min() >= 1
    assert uses(codebook, words(2)).total() < sum(map(len, words(2)))


def test_extra_costs_have_a_bound_together():
    found = strings_module.given([b"a b c d e f g"], join_cost=200.0, token_cost=200.0)
    assert found.extra.max() == 200


def test_candidates_may_be_rare_in_the_texts():
    rare = b"a sentence that stands here but once, and is long enough to be worth a place in the codebook"
    texts = [*words(), *(bytes([33 + i]) + rare + b"\n" for i in range(2)), rare * 2]
    texts = [*texts[:100:2], rare, *texts[1:100:2], *texts[100:]]
    assert rare not in strings_of(train_codebook(texts, 9))
    codebook = train_codebook(texts, 9, candidates=[rare, rare, b"", b"x", b"not there at all" * 15])
    assert rare in strings_of(codebook)
    assert not any(b"not there at all" in string for string in strings_of(codebook))
    assert +uses(codebook, [rare]) == {rare: 1}


def test_candidates_may_make_up_for_strings_that_are_too_few():
    pairs = [bytes([a, b]) for a in range(20) for b in range(20)]
    codebook = train_codebook([b"hello"], 9, candidates=pairs)
    assert len({*strings_of(codebook)} & {*pairs}) >= 250


def test_names_of_one_text_take_no_places():
    """What only one part of the texts has goes before what all parts have less often."""
    texts = list(words(0, 80_000))
    whole = sum(map(len, texts))
    name = b"Zarathustra"
    texts[3] = texts[3].replace(b" ", b" " + name + b" ")[: whole // 20]
    spread = train_codebook([text.replace(b" ", b" " + name + b" ", 5) for text in words(0, 80_000)], 9)
    assert any(name[:6] in string for string in strings_of(spread))
    assert not any(name[:6] in string for string in strings_of(train_codebook(texts, 9)))


def test_reports_go_from_0_to_1():
    told: list[tuple[float, str]] = []
    train_codebook(words(), 9, report=lambda share, found: told.append((share, found)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == pytest.approx(1)
    assert max(b - a for a, b in itertools.pairwise(shares)) < 0.6
    left = [int(found.split()[0].replace(",", "")) for _, found in told if "strings, " in found]
    assert left[-1] == 511 and left == sorted(left, reverse=True)


def test_provenance_is_kept():
    codebook = train_codebook(words(), 9, provenance={"texts": "words"})
    assert codebook.provenance == refine(codebook, words(1)).provenance == '{"texts": "words"}'


# Refining.


@pytest.mark.parametrize("book", [(0, 12, True, None), (2, 255, False, "per byte")])
def test_refining_keeps_the_strings_and_fits_the_costs(book):
    codebook = drawn(*book).codebook
    refined = refine(codebook, [b"", *words()])
    assert strings_of(refined) == strings_of(codebook)
    costs = dict(zip(strings_of(refined), np.asarray(refined.costs)[1:].tolist(), strict=True))
    assert costs[b" "] < costs[b"."] < costs[b"\xfe"] == max(costs.values())  # what is never used costs the same
    if codebook.costs is not None:
        assert bits_of(uses(refined, words())) <= bits_of(uses(codebook, words()))


def test_a_language_whose_texts_follow_each_other_gets_its_strings():
    """One part of the texts must not hold all of it, or nothing would be saved outside."""
    greek = "\u03ba\u03b1\u03b9 \u03c4\u03bf ".encode()
    texts = [bytes(np.random.default_rng(i).integers(97, 117, 3000, np.uint8)) for i in range(15)]
    texts += [greek * 20] * 12
    strings = fitting.train_codebook(texts, 9)
    assert len(strings.encode(greek * 10)) < 40


# Errors.


@pytest.mark.parametrize(
    ("error", "message", "texts", "options"),
    [
        (ValueError, "no text to learn from", [], {}),
        (ValueError, "no text to learn from", [b"", b""], {}),
        (TypeError, "a text is bytes, got str; encode it first", ["text"], {}),
        (TypeError, "a text is bytes, got int", b"text", {}),
        (ValueError, "bits must be at least 9, got 8", [b"text"], {"bits": 8}),
        (ValueError, "bits must be at most 16, got 17", [b"text"], {"bits": 17}),
        (ValueError, "bits must be an int, got True", [b"text"], {"bits": True}),
        (ValueError, "join_cost is a number of bits from 0 to 200, got True", [b"text"], {"join_cost": True}),
        (ValueError, "join_cost is a number of bits from 0 to 200, got nan", [b"text"], {"join_cost": math.nan}),
        (ValueError, "token_cost is a number of bits from 0 to 200, got inf", [b"text"], {"token_cost": math.inf}),
        (ValueError, "token_cost is a number of bits from 0 to 200, got -1", [b"text"], {"token_cost": -1}),
        (ValueError, "token_cost is a number of bits from 0 to 200, got '1'", [b"text"], {"token_cost": "1"}),
        (ValueError, "have 511; give more text$", [b"text"], {}),
        (ValueError, "a string has at most 255 bytes, got one of 256", [b"text"], {"candidates": [b"a" * 256]}),
        (TypeError, "a text is bytes, got str", [b"text"], {"candidates": ["a"]}),
    ],
)
def test_errors(error, message, texts, options):
    # Type checks of the test run would come first.
    with annotations_unchecked(), pytest.raises(error, match=message):
        train_codebook(texts, **{"bits": 9, **options})


def test_too_little_text_tells_how_many_bits_work():
    texts = [text[:60] for text in words()]
    with pytest.raises(ValueError, match=r"16 bits have 65,535; give more text, or at most \d+ bits") as found:
        train_codebook(texts, 16)
    bits = int(re.findall(r"at most (\d+) bits", str(found.value))[0])
    assert train_codebook(texts, bits).bits == bits
    with pytest.raises(ValueError, match=f"or at most {bits} bits"):
        train_codebook(texts, bits + 1)


def test_texts_of_2_gib_are_too_many(monkeypatch):
    monkeypatch.setattr(fitting, "_MOST_TEXT", 10)
    with pytest.raises(ValueError, match="less than 2 GiB together"):
        train_codebook([b"12345", b"1234"], 9)
