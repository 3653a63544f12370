"""Cases whose numbers have more bits than the words that a port may read them into, or are written in another way.

Cut off to 8, 16 or 32 bits, most of these numbers are right. So a port that checks them only after that takes them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..oracle.codebook import Codebook
from ..oracle.protocol import from_runs, runs
from .books import filled, trie, written
from .case import Case, flat, table_model

_SIZES = (2**8, 2**16, 2**32)
_WORDS = (2**8, 2**16, 2**32, -(2**32))


def frequencies() -> Iterator[Case]:
    """Logits and their precision."""
    request = {"op": "frequencies", "logits": [[256, 0]], "precision": 9}
    for more in _WORDS:
        yield Case(f"a precision of {9 + more}", "F-1 C-1", request | {"precision": 9 + more})
    for logit in (2**31, 2**32, 2**32 + 5, -(2**31) - 1, -(2**32), -(2**32) + 5):
        yield Case(f"a logit of {logit}", "F-2 C-1", request | {"logits": [[255, 0], [1, logit]]})
    logits = [[100, 0], [100, 0], [55, 0], [1, 256]]
    yield Case("runs that could be longer", "P-4", request | {"logits": logits})
    yield Case("the operation is the last field", "P-2", {"precision": 9, "logits": logits, "op": "frequencies"})


def tokens() -> Iterator[Case]:
    """Sizes, ids, and two causes at once."""
    cut = {"op": "tokens.cut", "codes": ["0105"], "bits": 9, "token_bits": 8}
    join = {"op": "tokens.join", "ids": [130, 130], "bits": 9, "token_bits": 8}
    for more in _WORDS:
        for request, rule in ((cut, "W-13"), (join, "W-14")):
            yield Case(f"ids of {8 + more} bits", f"{rule} C-1", request | {"token_bits": 8 + more})
            yield Case(f"windows of {9 + more} bits", f"W-1 {rule} C-1", request | {"bits": 9 + more})
        yield Case(f"an id of {130 + more}", "W-14 C-1", join | {"ids": [130, 130 + more]})
        yield Case(f"an id of {130 + more}", "W-14 C-1", join | {"token_bits": 16, "ids": [130, 130 + more]})
    for size in (0, 17):
        both = {"token_bits": size}
        yield Case(
            "a code and the size of ids are wrong: the size is told", "W-13 C-7", cut | both | {"codes": ["0200"]}
        )
        yield Case("an id and the size of ids are wrong: the size is told", "W-14 C-7", join | both | {"ids": [-1]})


def windows() -> Iterator[Case]:
    """Sizes, frequencies, and what comes before other causes."""
    request = {"op": "windows.encode", "model": "#uniform", "bits": 9, "text": "61"}
    for more in _WORDS:
        yield Case(f"windows of {9 + more} bits", "W-1 C-1", request | {"bits": 9 + more})
        model = table_model(9, [flat(9)]) | {"precision": 9 + more}
        yield Case(f"a precision of {9 + more}", "F-1 C-1", request | {"model": model})
        model = table_model(9, [[2 + more, *flat(9)[1:]]])
        yield Case(f"a frequency of {2 + more}", "F-1 C-1", request | {"model": model})
    for precision in (8, 17):
        model = table_model(9, [flat(9)[1:]]) | {"precision": precision}
        yield Case("precision and table are both wrong: the precision is told", "F-1 C-7", request | {"model": model})
    model = {"precision": 8, "transformer": {"settings": {}, "tensors": {}}}
    yield Case("precision and settings are both wrong: the precision is told", "T-1 C-7", request | {"model": model})
    for bits in (8, 129):
        none = {"op": "windows.decode", "codes": [], "bits": bits}
        yield Case(f"no windows, of {bits} bits", "W-1 W-8", {k: v for k, v in request.items() if k != "text"} | none)
    for text in (b"a\n", b"\r\n", b"\x00a\x00", b"\xc3\x28\xff", b"\x1a"):
        yield Case("bytes that mean something elsewhere", "C-4 W-7", request | {"text": text.hex()})


def transformers(model: Mapping[str, Any]) -> Iterator[Case]:
    """Settings and numbers of tensors; the model has widths of 1."""
    settings, tensors = model["settings"], model["tensors"]
    fingerprint = {"op": "transformer.fingerprint"}
    wrong = [{name: settings[name] + more} for name in settings for more in _SIZES if name != "vocab_size"]
    wrong += [{"vocab_size": 256 + more} for more in _WORDS]
    wrong += [{"heads": heads, "head_dim": size} for heads, size in ((2**16, 2**16), (65_537, 65_537), (15, 8807))]
    for changes in wrong:
        if max(changes.values()) <= 257:
            continue
        what = ", ".join(f"{name} {value}" for name, value in changes.items())
        transformer = {"settings": settings | changes, "tensors": {}}
        yield Case(f"settings: {what}", "T-1 T-2 C-1", fingerprint | {"transformer": transformer})
    for name, bits in [
        (".unembedding.weight", 8),
        (".embedding", 16),
        (".norm.gain", 32),
        (".unembedding.scale.multiplier", 8),
        (".norm.gain_shift", 8),
    ]:
        for more in {2**bits, 2**32, -(2**32)}:
            number = from_runs(tensors[name])[-1] + more
            transformer = {"settings": settings, "tensors": tensors | {name: _last(tensors[name], number)}}
            yield Case(f"{name} is {number}", "T-2 C-1", fingerprint | {"transformer": transformer})
    both = tensors | {".layers[0].attention.qkv.scale.multiplier": [[3, -1]], ".unembedding.scale.shift": [[255, 1]]}
    transformer = {"settings": settings, "tensors": both}
    yield Case("a multiplier and a tensor's size are wrong", "T-2 T-3 C-7", fingerprint | {"transformer": transformer})


def _last(written_runs: Sequence[Sequence[int]], number: int) -> list[list[int]]:
    """Runs of which the last number is another."""
    return runs([*from_runs(written_runs)[:-1], number])


def codebooks() -> Iterator[Case]:
    """Parents, last bytes, members, costs and ids; and a codebook of 16 bits with costs."""
    strings = filled([b"abc", b"mno", b"uv", b"uvw"])
    book = trie(strings, [0] + [1_000] * 511)
    text = {"op": "codebook.encode", "text": "616263"}
    for name, place in (("parents", -1), ("last_bytes", 9), ("members", 9), ("costs", 9)):
        for more in _WORDS:
            lists = copy.deepcopy(book._asdict())
            lists[name][place] += more
            comment = f"a number of {name} is {lists[name][place]}"
            yield Case(comment, "B-1 B-10 B-11 C-1", text | {"codebook": written(Codebook(**lists))})
    for more in _WORDS:
        decode = {"op": "codebook.decode", "codebook": written(book), "ids": [130, 500 + 2 * more]}
        yield Case(f"an id of {500 + 2 * more}", "B-6 C-1", decode)
        compiled = {"op": "codebook.compile", "model": "#uniform", "bits": 9 + more}
        yield Case(f"a codebook of {9 + more} bits", "B-4 C-1", compiled)
    wrong = {"op": "codebook.decode", "codebook": written(book._replace(costs=[1])), "ids": [-1, 70_000]}
    yield Case("a codebook and an id are both wrong: the codebook is told", "B-6 B-11 C-7", wrong)


def large_codebooks(book: Codebook) -> Iterator[Case]:
    """A codebook of 16 bits, to which costs are added."""
    costs = [0, *(1_000 + number % 7 for number in range(1, book.size))]
    priced = written(book._replace(costs=costs))
    text = {"bytes": [["00", 450], "01ff02fec805fdfffeff", [77, 0, 255, 300]]}
    yield Case("16 bits with costs", "B-13 C-1", {"op": "codebook.encode", "codebook": priced, "text": text}, ["long"])
