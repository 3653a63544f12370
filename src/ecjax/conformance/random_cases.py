"""Random cases, whose answers are the oracle's: as many of each kind, in turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from ecjax.specs.cases import Case, Request, Wanted, every
from ecjax.specs.oracle import codebook, container, protocol, stream
from ecjax.specs.oracle.protocol import runs, write_code
from ecjax.specs.vectors import books, container_parts, containers_1
from ecjax.specs.vectors.case import likely_text, mixed
from ecjax.specs.vectors.transformers import tiny_model


def numbers(count: int, seed: int, wanted: Wanted = every) -> list[int]:
    """The numbers below `count` of the cases whose section and name are wanted; nothing is computed for the others."""
    sections = list(_KINDS)
    return [i for i in range(count) if wanted(sections[i % len(sections)], _name(i, seed))]


def fuzz(count: int, seed: int, wanted: Wanted = every) -> Iterator[Case]:
    """Random cases.

    Args:
      count: How many there are.
      seed: Of all of them.
      wanted: Says of a section and a name whether that case is wanted.
    """
    sections = list(_KINDS)
    for number in numbers(count, seed, wanted):
        draw = random.Random(f"{seed} {number}")
        section = sections[number % len(sections)]
        request = _KINDS[section](draw)
        yield Case(section, _name(number, seed), (), request, protocol.answer(request))


def names(count: int, seed: int) -> list[str]:
    """What the cases below `count` are called."""
    return [_name(number, seed) for number in range(count)]


def _name(number: int, seed: int) -> str:
    return f"random case {number} of seed {seed}"


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


_KINDS: dict[str, Callable[[random.Random], Request]] = {
    "frequencies": _frequencies,
    "streams": _stream,
    "windows": _windows,
    "tokens": _tokens,
    "transformers": _transformer,
    "codebooks": _codebook,
    "containers": _container,
}
