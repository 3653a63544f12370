"""Cases of container.md of real size, and files in which one number or one bit alone is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..oracle import container, protocol, stream
from ..oracle.container import Header, write_header
from . import containers_1
from .case import Case
from .container_parts import FINGERPRINT, STREAM, body, both, chained, crc, resolved, stored

_LIKELY = {"model": "#likely-a", "fingerprint": FINGERPRINT.hex()}
_BOOK = {"codebook": "#book-of-a"}
_LONG = 70_000


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    yield from _headers(shared)
    yield from _blocks(shared)
    yield from _version_1(shared)
    text = b"a" * 66_000 + b"b" + b"a" * (_LONG - 66_001)
    for what, coding in (("streams", _LIKELY), ("windows of 128 bits", _LIKELY | {"bits": 128}), ("a codebook", _BOOK)):
        request = {"op": "container.encode", "text": text.hex(), "block": 65_536} | coding
        yield Case(f"{what}: {_LONG} bytes", "K-1 K-9 K-10 K-11 K-13 K-16 K-17", request, ["long"])
        file = container.encode(resolved(coding, shared), text, 65_536)
        yield from both(file, coding, f"{what}: {_LONG} bytes, back", "K-1 K-9 K-10 K-11 K-13 K-17", "long")
    transformer = {"model": "#moody", "fingerprint": FINGERPRINT.hex()}
    model = protocol.from_model(shared["moody"])[0]
    first = stream.decode(model, b"\x5a\xa5\x3c", 12)
    second = next(
        part for seed in range(20) if _tells(model, first, part := stream.decode(model, bytes([11 * seed]), 12))
    )
    request = {"op": "container.encode", "text": (first + second).hex(), "block": 12} | transformer
    yield Case("the Transformer: the second block is coded as if nothing came before", "K-9 T-16", request)


def _tells(model: stream.Model, first: bytes, second: bytes) -> bool:
    """Whether a block is coded, and its code would be another if the model had seen the block before."""
    code = stream.encode(model, second)
    return len(code) < len(second) and code != stream.encode(lambda text: model(first + text), second)


def _headers(shared: Mapping[str, Any]) -> Iterator[Case]:
    """Headers in which one thing is wrong, or just right."""
    coding, end = resolved(STREAM, shared), [stored(b"abc", b"abc")]
    right = write_header(coding.header)
    for place in range(8):
        start = bytes([*right[:place], right[place] ^ 1, *right[place + 1 : 44]])
        yield from both(chained(start + crc(start), end), STREAM, f"byte {place} of the first 8 is wrong", "K-2")
    for header, what in [
        (Header(container.CODEBOOK, 16, 0, FINGERPRINT), "a codebook of 16 bits"),
        (Header(container.CODEBOOK, 9, 0, FINGERPRINT), "a codebook of 9 bits"),
        (Header(container.WINDOWS, 128, 16, FINGERPRINT), "windows of 128 bits, precision 16"),
        (Header(container.WINDOWS, 9, 9, FINGERPRINT), "windows of 9 bits, precision 9"),
    ]:
        yield from both(chained(write_header(header), end), STREAM, f"a header of {what}", "K-5 K-6")
    windows = _LIKELY | {"bits": 16}
    header = resolved(windows, shared).header
    for other, what in [
        (header._replace(bits=17), "bits"),
        (header._replace(precision=15), "precision"),
        (header._replace(fingerprint=FINGERPRINT[:-1] + b"\0"), "last byte of the fingerprint"),
        (header._replace(fingerprint=b"\0" + FINGERPRINT[1:]), "first byte of the fingerprint"),
    ]:
        yield from both(chained(write_header(other), end), windows, f"another {what}, and nothing else", "K-6")


def _blocks(shared: Mapping[str, Any]) -> Iterator[Case]:
    """Payloads of windows with more behind them, and a wrong checksum where the file ends."""
    for bits, more in ((9, 8), (16, 1), (128, 1), (128, 15)):
        coding = _LIKELY | {"bits": bits}
        row = container.pack([97 + 12] * 8, bits)
        start, text = write_header(resolved(coding, shared).header), b"a" * 96 + bytes(200)
        for left, what in ((more if bits > 9 else 1, "zeros"), (0, "nothing")):
            file = chained(start, [body(96, row + bytes(left), text[:96])])
            if len(row) + left < 96:
                yield from both(file, coding, f"windows of {bits} bits, and {left} bytes of {what}", "K-10")
    start = write_header(resolved(STREAM, shared).header)
    for size in (0, 1, 3):
        cut = start + stored(b"abc") + bytes(4 + size)
        yield from both(cut, STREAM, f"a wrong checksum, and {size} bytes behind it", "K-4 K-8 K-12", "truncated")


def _version_1(shared: Mapping[str, Any]) -> Iterator[Case]:
    """Sizes of version 1 beyond 16, 24, 31, 32 and 53 bits."""
    coding, text = resolved(STREAM, shared), b"abc"
    start, block = containers_1.write_header(coding.header), containers_1.write_block(3, coding.encode(text))
    for bits in (16, 24, 31, 32, 48, 53, 63):
        end = containers_1.write_block(0, (2**bits + 3).to_bytes(8, "big") + crc(text))
        yield from both(start + block + end, STREAM, f"version 1: a length of 2^{bits} + 3", "K-19")
    for high, low in ((3, 0), (1, 2)):
        end = containers_1.write_block(0, high.to_bytes(4, "big") + low.to_bytes(4, "big") + crc(text))
        yield from both(start + block + end, STREAM, f"version 1: a length of {high} * 2^32 + {low}", "K-19")
    for size in (2**31, 2**32 - 1):
        cut = start + (3).to_bytes(4, "big") + size.to_bytes(4, "big") + bytes(9)
        yield from both(cut, STREAM, f"version 1: a payload of {size} bytes, and no more", "K-18 K-19", "truncated")
    for bits in (16, 24, 31):
        long = containers_1.write_block(2**bits + 3, coding.encode(text)) + containers_1.write_end(text)
        yield from both(start + long, STREAM, f"version 1: a block of 2^{bits} + 3 bytes", "K-18")
    for size in (4_096, 65_536):
        text = b"a" * size
        file = containers_1.encode(resolved(_LIKELY, shared), text, size)
        yield from both(file, _LIKELY, f"version 1: a block of {size} bytes", "K-18", "long")
