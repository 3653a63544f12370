"""What a demonstration of a hostile text may have found, made up without a training."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator

from ecjax.demo.findings import Cut, Findings, Point, RoundTrip, Sample, Trained, Window

SCRIPT = "<script>document.title = 'taken'; console.error('ran')</script>"
NAME = f"{SCRIPT}&amp;\"'.txt"
MARKUP = "<img src=x onerror=alert(1)><a href='https://example.org/'>& \"quotes\"</a>{{ 7 * 7 }}]]></style></svg><!--"
TEXT = f"{SCRIPT}{MARKUP}\r\n\ttab السلام عليكم \u202eright to left\u202c 漢字 \x00\x1b[31m".encode()
TEXT += b"\xff\xfe\x80 and broken\n" + b"x" * 300
_LENGTHS = (1, 9, 2, 30, 1, 5)  # of windows, over and over


def windows() -> Iterator[Window]:
    begin, lengths = 0, itertools.cycle(_LENGTHS)
    while begin < len(TEXT):
        string = TEXT[begin : begin + next(lengths)]
        yield Window(1000 + begin, f"{1000 + begin:012b}", string)
        begin += len(string)


def trained(name: str, bits: float) -> Trained:
    curve = tuple(Point(step, step * 1e9, bits + 1 / step) for step in range(1, 9))
    return Trained(name, 257, 131_072, 1.5, 8, 16_384, 8.006, 4.496, 262_144.0, curve, 75.4)


@functools.cache
def findings(changed: bool = False) -> Findings:
    """Everything that a report shows; with one text that came back changed, if that is wanted."""
    digest = hashlib.sha256(TEXT).hexdigest()
    trips = [RoundTrip("the text", "books-12", len(TEXT), 99, digest, digest), RoundTrip("nothing", "b", 0, 0, "", "")]
    if changed:
        trips.append(RoundTrip("the text", "books-16", len(TEXT), 5, "0" * 64, "f" * 64))
    return Findings(
        name=NAME,
        text_bytes=len(TEXT),
        digest=digest,
        held_out_bytes=321,
        excerpt_bytes=len(TEXT),
        cuts=(Cut("books-12", tuple(windows())),),
        round_trips=tuple(trips),
        bytes_lm=trained("bytes", 3.25),
        m2=trained("books-12", 2.125),
        prompt=TEXT[:90],
        samples=(Sample("bytes", TEXT, 400, 2.5), Sample("books-12", b"Mole " + TEXT, 120, 0.2)),
        settings={"seed": "17", SCRIPT: SCRIPT},
        versions={"jax": "0.10.2"},
        command=f"ecjax demo --text '{NAME}' --minutes 0.5 --seed 17",
        seconds={"text to windows and back": 4.4, "samples": 181.0},
    )
