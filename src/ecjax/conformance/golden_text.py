"""The golden text: 10 MiB of many kinds, which every machine makes from the sample text and numbers of a generator."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from ecjax.specs.vectors.described import xorshift

PIECE = 1 << 20
"""Bytes of a piece: the longest text that the protocol asks for."""

PIECES = 10
SHA256 = "acc35aa746ed31cc30f14e894a4e47626f092d298460b5b122ecfd368ff21662"
"""Of the whole text."""

_WORDS = (
    "count",
    "index",
    "total",
    "value",
    "buffer",
    "next_row",
    "limit",
    "names",
    "offset",
    "width",
    "result",
    "model",
    "table",
)
_LINES = (
    "def {0}({1}: int) -> int:\n    return {1} * {2} + {3}\n\n",
    "for (size_t {0} = 0; {0} < {2}; {0}++) {{\n    {1}[{0}] ^= 0x{3:x}u;\n}}\n",
    "const {0} = ({1}) => {1}.map((x) => x + {2}).filter(Boolean); // {3}\n",
    "    if {0} >= {2} and not {1}:\n        raise ValueError(f'{0} is {{{0}}}, not below {3}')\n",
    "SELECT {0}, {1} FROM items WHERE {1} > {2} ORDER BY {0} LIMIT {3};\n",
)
_SENTENCES = (
    "Все люди рождаются свободными и равными в своём достоинстве и правах. ",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. ",
    "人人生而自由,在尊严和权利上一律平等。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. ",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. ",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। ",
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. ",
    "🙂🎲 1 ≠ 2 — “quoted”… ",
)

_Draw = Callable[[int], int]
"""A number below the given one."""


@functools.cache
def prose() -> bytes:
    """The sample text of the package: a part of a novel in English."""
    # What a run of the other cases does not need is imported here: it takes 100 MB.
    from ecjax.serialisation import asset

    return asset("sample.txt").read_bytes()


def _prose(draw: _Draw, size: int) -> bytes:
    """Sentences of the sample, some in capitals, some with other ends of lines."""
    sample = prose()
    start = draw(len(sample) - size)
    part = sample[start : start + size]
    return (part, part.upper(), part.replace(b"\n", b"\r\n"), part)[draw(4)]


def _code(draw: _Draw, size: int) -> bytes:
    words = (_WORDS[draw(len(_WORDS))] for _ in cycle("x"))
    return _joined((_LINES[draw(5)].format(next(words), next(words), draw(1000), draw(1 << 20)) for _ in words), size)


def _records(draw: _Draw, size: int) -> bytes:
    def record(number: int) -> str:
        fields = {"id": number, "name": _WORDS[draw(len(_WORDS))], "value": draw(1 << 24) / 256, "tags": [draw(9)] * 3}
        return json.dumps(fields | {"open": draw(2) == 0}) + "\n"

    return _joined((record(draw(100_000)) for _ in cycle("x")), size)


def _scripts(draw: _Draw, size: int) -> bytes:
    return _joined((_SENTENCES[draw(len(_SENTENCES))] for _ in cycle("x")), size)


def _noise(draw: _Draw, size: int) -> bytes:
    return bytes(draw(256) for _ in range(size))


def _repeated(draw: _Draw, size: int) -> bytes:
    """A few bytes over and over; often it is one."""
    unit = _noise(draw, (1, 1, 2, 3, 7, 300)[draw(6)])
    return unit * (size // len(unit))


def _numbers(draw: _Draw, size: int) -> bytes:
    """Rising numbers of 32 bits, the least significant byte first."""
    first, step = draw(1 << 20), draw(5000)
    return b"".join((first + i * step & 0xFFFF_FFFF).to_bytes(4, "little") for i in range(size // 4))


def _joined(parts: Iterator[str], size: int) -> bytes:
    # No part is shorter than 8 bytes.
    return "".join(islice(parts, size // 8)).encode()[:size]


_KINDS = (_prose, _prose, _prose, _code, _records, _scripts, _noise, _repeated, _numbers)


@functools.cache
def text() -> bytes:
    """The golden text.

    Raises:
      ValueError: If it is not what it was when its digests were made.
    """
    numbers = xorshift(2026)
    made = bytearray()
    while len(made) < PIECES * PIECE:
        made += _KINDS[_below(numbers, len(_KINDS))](functools.partial(_below, numbers), 256 + _below(numbers, 1 << 13))
    whole = bytes(made[: PIECES * PIECE])
    if (found := hashlib.sha256(whole).hexdigest()) != SHA256:
        raise ValueError(f"the golden text has the SHA-256 {found}, not {SHA256}; its generator must not change")
    return whole


def _below(numbers: Iterator[int], limit: int) -> int:
    return next(numbers) * limit >> 32


def piece(number: int) -> bytes:
    """A piece of the text, from 0."""
    return text()[number * PIECE : (number + 1) * PIECE]
