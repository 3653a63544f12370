"""The cases of a conformance run: the examples in the texts of the specification, the stored ones, and random ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ecjax.specs import text
from ecjax.specs.oracle import codebook, container, protocol, stream
from ecjax.specs.oracle.protocol import runs, write_code
from ecjax.specs.vectors import books, container_parts, containers_1
from ecjax.specs.vectors.case import likely_text, mixed
from ecjax.specs.vectors.generate import SECTIONS, resolve
from ecjax.specs.vectors.transformers import tiny_model

Request = Mapping[str, Any]


class Case(NamedTuple):
    """A request and its answer.

    Attributes:
      section: What it is about: a file of specs/vectors.
      name: Where it is from.
      rules: The rules of the specification that it tests; a random case names none.
      request: What is sent, but for its `id`.
      answer: What must come back, but for the `id`.
    """

    section: str
    name: str
    rules: tuple[str, ...]
    request: Request
    answer: Mapping[str, Any]


_SECTION_OF = {
    "frequencies": "frequencies",
    "stream": "streams",
    "windows": "windows",
    "tokens": "tokens",
    "transformer": "transformers",
    "codebook": "codebooks",
    "container": "containers",
}


def section_of(request: Request) -> str:
    """The section that an operation belongs to."""
    return _SECTION_OF[request["op"].partition(".")[0]]


def examples() -> Iterator[Case]:
    """The examples in the texts."""
    for number, example in enumerate(text.examples(), 1):
        answer = {name: value for name, value in example.answer.items() if name != "trace"}
        name = f"example {number}, in {example.text}.md"
        yield Case(section_of(example.request), name, example.rules, example.request, answer)


def vectors() -> Iterator[Case]:
    """The stored cases."""
    for section in SECTIONS:
        contents = json.loads((text.FOLDER / "vectors" / f"{section}.json").read_text(encoding="utf-8"))
        for case in contents["cases"]:
            name = f"{section} {case['id']}: {case['comment']}"
            request = resolve(case["request"], contents["definitions"])
            yield Case(section, name, tuple(case["rules"]), request, case["answer"])


def stored() -> list[Case]:
    """The examples and the stored cases, section by section."""
    cases = [*examples(), *vectors()]
    return [case for section in SECTIONS for case in cases if case.section == section]


def fuzz(count: int, seed: int) -> Iterator[Case]:
    """Random cases, whose answers are the oracle's: as many of each kind, in turn."""
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        request = _KINDS[number % len(_KINDS)](draw)
        name = f"random case {number} of seed {seed}"
        yield Case(section_of(request), name, (), request, protocol.answer(request))


def _frequencies(draw: random.Random) -> Request:
    spread = draw.choice((10, 300, 3000, 2**20))
    logits = [draw.randint(-spread, spread) for _ in range(256)]
    return {"op": "frequencies", "logits": runs(logits), "precision": draw.randint(9, 16)}


def _model(draw: random.Random) -> dict[str, Any]:
    return mixed(draw.randint(9, 16), draw.randrange(2**32))


def _text(draw: random.Random, model: dict[str, Any], most: int) -> bytes:
    length, seed = draw.randrange(most), draw.randrange(2**32)
    return draw.choice((likely_text(model, length, seed), draw.randbytes(length), draw.randbytes(1) * length))


def _stream(draw: random.Random) -> Request:
    model = _model(draw)
    code = stream.encode(protocol.from_model(model)[0], text := _text(draw, model, 60))
    if draw.random() < 0.5:
        return {"op": "stream.encode", "model": model, "text": text.hex()}
    code = code if draw.random() < 0.5 else draw.randbytes(draw.randrange(30))
    return {"op": "stream.decode", "model": model, "code": code.hex(), "length": len(text)}


def _windows(draw: random.Random) -> Request:
    model, bits = _model(draw), draw.randint(9, 128)
    if draw.random() < 0.5:
        return {"op": "windows.encode", "model": model, "bits": bits, "text": _text(draw, model, 50).hex()}
    codes = [write_code(draw.randrange(2 ** draw.randint(1, bits)), bits) for _ in range(draw.randrange(4))]
    return {"op": "windows.decode", "model": model, "bits": bits, "codes": codes}


def _tokens(draw: random.Random) -> Request:
    bits, token_bits = draw.randint(9, 128), draw.randint(1, 16)
    if draw.random() < 0.5:
        codes = [write_code(draw.randrange(2**bits), bits) for _ in range(draw.randrange(6))]
        return {"op": "tokens.cut", "codes": codes, "bits": bits, "token_bits": token_bits}
    ids = [draw.randrange(2**token_bits) for _ in range(draw.randrange(40))]
    return {"op": "tokens.join", "ids": ids, "bits": bits, "token_bits": token_bits}


def _transformer(draw: random.Random) -> Request:
    names = ("context", "d_model", "head_dim", "heads", "layers", "mlp_dim")
    sizes = {name: draw.randint(1, 2 if name == "layers" else 6) for name in names}
    model = tiny_model(draw.randrange(2**32), loud=draw.random() < 0.3, **sizes)
    return {"op": "transformer.logits", "transformer": model, "text": draw.randbytes(draw.randrange(8)).hex()}


def _codebook(draw: random.Random) -> Request:
    model = _model(draw)
    if draw.random() < 0.5:
        book = codebook.compile_codebook(protocol.from_model(model)[0], 9)
        text = _text(draw, model, 50)
    else:
        book = books.drawn(draw)
        text = bytes(draw.choices(b"abc\xff", (9, 9, 9, 1), k=draw.randrange(300)))
    if draw.random() < 0.5:
        return {"op": "codebook.encode", "codebook": books.written(book), "text": text.hex()}
    ids = [draw.randrange(512) for _ in range(draw.randrange(20))]
    return {"op": "codebook.decode", "codebook": books.written(book), "ids": ids}


def _container(draw: random.Random) -> Request:
    model = _model(draw)
    coding = {"model": model, "fingerprint": draw.randbytes(32).hex()}
    if draw.random() < 0.5:
        coding["bits"] = draw.randint(9, 128)
    text, block = _text(draw, model, 50), draw.randint(1, 60)
    if draw.random() < 0.3:
        return {"op": "container.encode", "text": text.hex(), "block": block} | coding
    write = draw.choice((container.encode, containers_1.encode, _free_blocks))
    file = bytearray(write(protocol.from_coding(coding), text, block))
    for _ in range(draw.randrange(3)):
        file[draw.randrange(len(file))] ^= 1 << draw.randrange(8)
    damaged = file[: draw.randrange(len(file))] if draw.random() < 0.2 else file
    if draw.random() < 0.3:
        return {"op": "container.info", "file": damaged.hex()}
    return {"op": "container.decode", "file": damaged.hex()} | coding


def _free_blocks(coding: container.Coding, text: bytes, block: int) -> bytes:
    """A file whose blocks are cut and stored as no writer of ours does it, and some of which are wrong."""
    draw, bodies, at = random.Random(block), [], 0
    while at < len(text):
        part = text[at : at + draw.randint(1, block)]
        at += len(part)
        code = coding.encode(part)
        payload = code if len(code) < len(part) and draw.random() < 0.7 else part
        payload = payload[:-1] if draw.random() < 0.1 else payload
        bodies.append(container_parts.body(len(part), payload, text if at == len(text) else None))
    if not text or draw.random() < 0.3:
        bodies.append(container_parts.stored(b"", text))
    if draw.random() < 0.2:
        draw.shuffle(bodies)
    return container_parts.chained(container.write_header(coding.header), bodies)


_KINDS: tuple[Callable[[random.Random], Request], ...] = (
    _frequencies,
    _stream,
    _windows,
    _tokens,
    _transformer,
    _codebook,
    _container,
)
