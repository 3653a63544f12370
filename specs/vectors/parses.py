"""Cases of codebooks.md with strings that are not closed under prefixes, and with costs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from ..oracle import codebook, protocol
from ..oracle.codebook import Codebook
from .books import BYTES, de_bruijn, drawn_costs, filled, large, priced, trie, written
from .case import Case, mixed

_DEAD_ENDS = [b"abcdefgh", b"abc", b"bcd", b"cdefg", b"de", b"xyzzy", b"hundreds of", b"hundred"]
_RUNS = [b"a" * size for size in (2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 255)] + [b"ab" * 127 + b"a"]
_LONG = [b"a" * 255, b"b" * 254, b"ab" * 127 + b"a"]
_OVER_AB = [bytes(letters) for size in (4, 6, 7) for letters in product(b"ab", repeat=size)]
_BY_HAND = [b"abc", b"abcde"]
_TIES = {
    # Each pair of letters in these stands in one of the texts below only.
    b"abc": 2, b"ab": 1, b"a": 9, b"b": 9, b"c": 1,
    b"fgh": 2, b"fg": 2, b"hij": 2, b"f": 9, b"g": 9, b"h": 9, b"i": 1, b"j": 1,
    b"kl": 1, b"mn": 1, b"no": 1, b"k": 9, b"l": 9, b"m": 1, b"n": 9, b"o": 1,
    b"qrs": 3, b"qr": 1, b"q": 9, b"r": 9, b"s": 1,
    b"uvw": 1, b"uv": 1, b"u": 9, b"v": 9, b"w": 1,
}  # fmt: skip
_TIE_TEXTS = [
    (b"abc", "a tie in the first string: the longest"),
    (b"abcabcabc", "the same in all of them"),
    (b"fghij", "a tie: the longest first string, though another sequence has fewer"),
    (b"klmno", "a tie in the second string only: the longest"),
    (b"klmnoklmnoabc", "ties in several strings"),
    (b"qrs", "no tie: a longer string costs 1 more than two"),
    (b"uvw", "no tie: a longer string costs 1 less than two"),
]


def _some(strings: list[bytes], count: int, seed: int) -> list[bytes]:
    return random.Random(seed).sample(strings, count)


def _closed_with_costs() -> Codebook:
    book = codebook.compile_codebook(protocol.from_model(mixed(10, 1))[0], 9)
    return book._replace(costs=drawn_costs(512, 500, 3_000, 2))


def _by_hand(cost: int) -> Codebook:
    """The codebook of B-13, in which `abcde` has this cost."""
    return priced({single: 2 for single in BYTES} | {b"abc": 4, b"abcde": cost}, rest=9)


def small_definitions() -> dict[str, Any]:
    """Codebooks of 512 strings."""
    dead_ends, over_ab = filled(_DEAD_ENDS), filled(_OVER_AB)
    over_abc = [bytes(letters) for size in (2, 3, 5) for letters in product(b"abc", repeat=size)]
    chain = filled(b"a" * size for size in range(2, 256))
    books = {
        "members-by-hand": trie(filled(_BY_HAND)),
        "tie-by-hand": _by_hand(8),
        "costs-by-hand": _by_hand(9),
        "dead-ends": trie(dead_ends),
        "dead-ends-priced": trie(dead_ends, drawn_costs(512, 0, 2_500, 343)),
        "closed-priced": _closed_with_costs(),
        "ties": priced(_TIES),
        "free": trie(over_ab, [0] * 512),
        "dear": trie(over_ab, [0] + [65_535] * 511),
        "many-ties": trie(filled(_some(over_abc, 240, 3)), drawn_costs(512, 1, 3, 4)),
        "runs": trie(filled(_RUNS), drawn_costs(512, 0, 65_535, 5)),
        "long": trie(filled(_LONG)),
        "long-chain": trie(chain, [0, *(700 + 90 * len(spelled) for spelled in chain[1:])]),
    }
    return {name: written(book) for name, book in books.items()}


def definitions() -> dict[str, Any]:
    """Codebooks."""
    return small_definitions() | {"large": written(large(65_537))}


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    yield _encode("the text of B-10, by hand", "B-5 B-10", "members-by-hand", b"abcdx")
    yield _encode("the text of B-13, by hand: a tie", "B-11 B-13", "tie-by-hand", b"abcde")
    yield _encode("the same without a tie", "B-11 B-13", "costs-by-hand", b"abcde")
    for name in ("dead-ends", "dead-ends-priced"):
        rules = "B-5 B-10" if name == "dead-ends" else "B-10 B-11 B-13"
        for text, what in [
            (b"", "the empty text"),
            (b"abcdefgh", "a string"),
            (b"abcdefgX", "a dead end: 4 bytes back to a shorter string"),
            (b"abcdefg", "the text ends in a dead end"),
            (b"abcdabcdefabcdefgh", "dead ends, one after the other"),
            (b"xyzzxyzzy", "a dead end: 3 bytes back to a single byte"),
            (b"ab", "a node that is no string of the codebook"),
            (b"hundreds ohundreds of", "a dead end behind a string"),
        ]:
            yield _encode(what, rules, name, text)
    for text, what in _TIE_TEXTS:
        yield _encode(what, "B-11 B-13", "ties", text)
    yield from _adversarial(shared)
    for name in ("dead-ends", "dead-ends-priced", "closed-priced", "large"):
        yield Case(f"the fingerprint of {name}", "B-8", {"op": "codebook.fingerprint", "codebook": f"#{name}"})
    yield from _decoded()
    for text in (bytes(2), b"\x00\x00\xfe", b"\x00\x00\xff\x00\x00", b"\xfe\x7f\xfe\x80\xff"):
        yield _encode("a trie of 65537 nodes", "B-1 B-5 B-10", "large", text)


def _encode(comment: str, rules: str, name: str, text: bytes) -> Case:
    return Case(comment, rules, {"op": "codebook.encode", "codebook": f"#{name}", "text": text.hex()})


def _adversarial(shared: Mapping[str, Any]) -> Iterator[Case]:
    """Runs, periods, texts that have everything, and strings joined."""
    binary, ternary = de_bruijn(b"ab", 8), de_bruijn(b"abc", 5)
    for name in ("free", "dear", "many-ties", "closed-priced"):
        for text, what in [
            (b"a" * 100, "a run"),
            (b"ab" * 39 + b"b", "a period of 2"),
            (b"aab" * 28 + b"aa", "a period of 3"),
            (b"abaababa" * 12, "a period of 8"),
            (binary, "every string of 8 letters of 2"),
            (ternary, "every string of 5 letters of 3"),
        ]:
            yield _encode(f"{name}: {what}", "B-11 B-13", name, text)
    yield _encode("sums beyond 2^24, from where there is a choice", "B-11 B-13", "dear", binary + b"z" * 256)
    yield _encode("the same, and a string at the end", "B-11 B-13", "dear", b"aababab" + b"z" * 255 + b"abab")
    for size in (1, 2, 4, 88, 232, 254, 255, 256, 510, 600):
        yield _encode(f"a run of {size}", "B-11 B-12 B-13", "runs", b"a" * size)
        yield _encode(f"a run of {size}", "B-11 B-12 B-13", "long-chain", b"a" * size)
    for text in (b"a" * 254, b"a" * 255, b"a" * 509, b"ab" * 127, b"ab" * 128, b"b" * 253 + b"a" * 256):
        yield _encode(f"strings of 255 bytes, a text of {len(text)}", "B-5 B-10 B-12", "long", text)
    for name in ("dead-ends", "dead-ends-priced", "closed-priced", "many-ties"):
        rules = "B-5 B-10" if name == "dead-ends" else "B-11 B-13"
        spelled = codebook.strings(protocol.from_codebook(shared[name]))
        yield _encode(f"{name}: all strings joined", rules, name, b"".join(spelled))
        yield _encode(f"{name}: all strings joined, the last first", rules, name, b"".join(reversed(spelled)))


def _decoded() -> Iterator[Case]:
    """Ids of codebooks with members and costs."""
    for name in ("dead-ends", "dead-ends-priced", "closed-priced"):
        request = {"op": "codebook.decode", "codebook": f"#{name}"}
        yield Case(f"{name}: every string", "B-6 B-10", request | {"ids": list(range(512))})
        yield Case(f"{name}: id 512", "B-6 B-10", request | {"ids": [1, 512]})
    ids = [0, 98, 99, 100, 0, 98]
    request = {"op": "codebook.decode", "codebook": "#dead-ends-priced", "ids": ids}
    yield Case("not the cheapest parse, and empty strings", "B-6 B-13", request, ["not canonical"])
    request = {"op": "codebook.decode", "codebook": "#large", "ids": [1, 2, 256, 257, 65_535]}
    yield Case("a trie of 65537 nodes", "B-1 B-6 B-10", request)
    request = {"op": "codebook.decode", "codebook": "#large", "ids": [65_536]}
    yield Case("a node that is there, but no id", "B-6 B-10", request)
