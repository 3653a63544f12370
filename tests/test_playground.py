"""The playground in a real browser: its ids are Python's, its files are the command's, and its text is all there."""

import base64
import functools
import itertools
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecjax
from tests.conformance import browser, ports
from tests.golden import digests
from tests.varied_texts import varied

SOURCES = ports.ROOT / "docs/playground"
CODEBOOKS = ("books-12", "books-16", "m1-books-12", "m1-books-16", "mixed-16")
SAMPLE = (browser.ASSETS / "sample.txt").read_bytes()
PROSE = SAMPLE[5000:6000].decode().replace("\r\n", "\n")  # as a browser has it
GOLDEN = json.loads((Path(digests.__file__).parent / "digests.json").read_text(encoding="utf-8"))
EDITED = (
    "It was the best of times, it was the worst of times.",
    "It was the best of tides, it was the worst of times.",
)

CUT = """
async ({ name, bits, texts }) => {
    const { cut } = await import(new URL("client.mjs", document.baseURI));
    const bytes = (encoded) => Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const cuts = await Promise.all(texts.map((text) => cut(name, bits, bytes(text))));
    return JSON.stringify(cuts.map(({ ids, ends }) => [Array.from(ids, String), Array.from(ends)]));
}
"""
# The bytes that each coloured token of a panel shows: its characters, and the bytes that are none.
SHOWN = """
(key) => {
    const bytes = (node) => {
        if (node.nodeType === Node.TEXT_NODE) return Array.from(new TextEncoder().encode(node.data));
        if (node.dataset.hex !== undefined) return [parseInt(node.dataset.hex, 16)];
        return Array.from(node.childNodes).flatMap(bytes);
    };
    return Array.from(document.getElementById(`${key}-tokens`).children, bytes);
}
"""
IDLE = """
() => Array.from(document.querySelectorAll("[data-part=tokens]")).every((e) => e.getAttribute("aria-busy") === "false")
"""


class Playground:
    """The page, with what it asked for and what it complained of."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url} failed"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.set_default_timeout(180_000)  # a machine with much other work is slow, not wrong
        page.goto(address)
        page.wait_for_selector("[data-ready]")

    def cut(self, name: str, bits: int | None, texts: list[bytes]) -> list[tuple[list[int], list[int]]]:
        """The ids of each text, and where each token ends."""
        encoded = [base64.b64encode(text).decode() for text in texts]
        cuts = self.page.evaluate(CUT, {"name": name, "bits": bits, "texts": encoded})
        return [([int(i) for i in ids], ends) for ids, ends in json.loads(cuts)]

    def shows(self, key: str, text: str) -> list[bytes]:
        """The coloured tokens of a panel once a text is typed."""
        self.page.get_by_role("textbox", name="Your text").fill(text)
        # The page reads the text in the next frame, before this one.
        self.page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => resolve()))")
        self.page.wait_for_function(IDLE)
        return [bytes(token) for token in self.page.evaluate(SHOWN, key)]

    def panel(self, key: str) -> Any:
        names = {"left": "First way to cut", "right": "Second way to cut"}
        return self.page.get_by_role("region", name=names[key])

    def choose(self, key: str, name: str, bits: int | None = None) -> None:
        self.panel(key).get_by_label("Cut by").select_option(name)
        if bits is not None:
            self.panel(key).get_by_label("Size of a window").fill(str(bits))

    def give(self, path: Path, method: str | None = None, bits: int | None = None) -> None:
        """Chooses a file, as a reader would."""
        files = self.page.get_by_role("region", name="Compress a file, or open one")
        if method is not None:
            files.get_by_label("Compress with").select_option(method)
        if bits is not None:
            files.get_by_role("slider", name="Window").fill(str(bits))
        with self.page.expect_file_chooser() as chooser:
            files.get_by_text("Choose a file").click()
        chooser.value.set_files(path)

    def saved(self) -> tuple[str, bytes]:
        """The name and the bytes of the file that the page made."""
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Save ").click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    folder = tmp_path_factory.mktemp("playground")
    subprocess.run([sys.executable, SOURCES / "assemble.py", folder], check=True)
    with browser.browse(folder) as (page, address):
        playground = Playground(page, address)
        playground.choose("right", "books-12")  # quicker than the model
        yield playground


@pytest.fixture
def playground(started: Playground) -> Iterator[Playground]:
    """The page; after each test there is nothing that it complained of, and no request to another host."""
    yield started
    assert started.complaints == []
    own = (started.address, f"blob:{started.address}")
    assert len(started.requests) > 10 and [url for url in started.requests if not url.startswith(own)] == []


def texts() -> list[bytes]:
    """1,000 texts: most are short, many are of what no codebook knows, two have as many bytes as a block."""
    rng = random.Random(26)
    sources = [SAMPLE, *varied(3000).values()]
    made = [b"", b"\0", b"\xff" * 700, SAMPLE[:65536], varied(65536)["every byte"]]
    while len(made) < 1000:
        source = rng.choice(sources)
        start, size = rng.randrange(len(source)), int(2 ** rng.uniform(0, 9))
        kinds = (source[start : start + size], rng.randbytes(size // 4), bytes(rng.choices(b"ab \n", k=size)))
        made.append(rng.choices(kinds, (8, 1, 1))[0])
    return made


def joined(numbers: list[int], bits: int) -> bytes:
    """Windows end to end; zeros fill the last of their ids of 16 bits."""
    whole = functools.reduce(lambda before, number: before << bits | number, numbers, 0)
    ids = -(-len(numbers) * bits // 16)
    return (whole << (16 * ids - len(numbers) * bits)).to_bytes(2 * ids, "big")


@pytest.mark.slow
@pytest.mark.parametrize("name", CODEBOOKS)
def test_ids_are_those_of_python(playground, name):
    codebook = ecjax.load_codebook(name)
    sent = texts()
    found = playground.cut(name, None, sent)
    expected = [codebook.encode_with_offsets(text) for text in sent]
    assert found == [(ids.tolist(), spans[:, 1].tolist()) for ids, spans in expected]


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, 24, 64, 128])
def test_windows_of_the_model_are_those_of_python(playground, bits):
    found = playground.cut("m1-books", bits, digests.DOCUMENTS)
    ids = np.frombuffer(b"".join(joined(numbers, bits) for numbers, _ in found), ">u2")
    assert digests.sha256(ids, "<u2") == GOLDEN[f"windows-{bits}"]  # which test_digests.py compares with Python's
    assert [ends[-1] if ends else 0 for _, ends in found] == [len(text) for text in digests.DOCUMENTS]


@pytest.mark.slow
def test_a_text_that_is_edited_has_the_windows_of_the_new_text(playground):
    codebook = ecjax.load_codebook("m1-books-16")  # the same windows, as a table
    first, second = [text.encode() for text in EDITED]
    for text in (first, second, second[:20], second + first, first):
        ((ids, ends),) = playground.cut("m1-books", 16, [text])
        assert ids == codebook.encode(text).tolist() and ends[-1] == len(text)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bytes", "books-16", "mixed-16", "m1-books"])
def test_coloured_tokens_cover_the_text_in_order(playground, method):
    playground.choose("left", method)
    shown = ["", "a", "It was,\tso\n\n  they say.\n", "e\u0301 👩‍👩‍👧‍👦 \u202eabc\u202c\u0000\u007f", "すべて يولد"]
    for text in [*shown, PROSE[:300]]:
        tokens = playground.shows("left", text)
        assert b"".join(tokens) == text.encode() and b"" not in tokens
        bits = 64 if method == "m1-books" else None
        ((_, ends),) = playground.cut(method, bits, [text.encode()])
        assert list(itertools.accumulate(map(len, tokens))) == ends


@pytest.mark.slow
def test_the_page_counts_and_tells_of_each_token(playground):
    playground.choose("left", "books-12")
    playground.choose("right", "bytes")
    tokens = playground.shows("left", "The Mole had been working")
    panel = playground.panel("left")
    counts = [panel.locator(f"[data-part={part}]").inner_text() for part in ("count", "per-token", "per-byte")]
    assert counts == [str(len(tokens)), f"{25 / len(tokens):.2f}", f"{12 * len(tokens) / 25:.2f}"]
    panel.get_by_role("listbox").press("ArrowRight")
    detail = panel.locator("[data-part=detail]").inner_text()
    ids = ecjax.load_codebook("books-12").encode(b"The Mole had been working").tolist()
    assert detail.startswith("Token 2 ") and f"id {ids[1]} · " in detail and " · 12 bits · " in detail
    touched = playground.panel("right").locator(".touched").all_inner_texts()
    assert "".join(touched).encode() == tokens[1]
    panel.get_by_text("Table of tokens").click()
    panel.locator("tbody tr").first.wait_for()  # the table is filled when it opens
    rows = panel.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[2] for row in rows] == list(map(str, ids))
    board = playground.page.locator("#board tr", has_text="m1-books-16").all_inner_texts()
    other = len(ecjax.load_codebook("m1-books-16").encode(b"The Mole had been working"))
    assert [row.split() for row in board] == [
        ["m1-books-16", str(other), f"{25 / other:.2f}", f"{16 * other / 25:.2f}"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "bits"),
    [
        ("books-16", None),
        ("mixed-16", None),
        pytest.param("m1-books", 0, marks=pytest.mark.deep),
        pytest.param("m1-books", 64, marks=pytest.mark.deep),
    ],
)
def test_files_go_both_ways_between_the_page_and_python(playground, tmp_path, method, bits):
    text = SAMPLE[9000:9400] + bytes(range(200, 256)) if method == "m1-books" else SAMPLE[:150_000]
    expected = ecjax.compress(text, method, bits or None)
    given = tmp_path / "a text.txt"
    given.write_bytes(text)
    way = {None: "", 0: ":stream", 64: ":windows"}[bits]
    playground.give(given, method + way, bits or None)
    assert playground.saved() == ("a text.txt.ecj", expected)
    if method != "m1-books":  # what is the same file decodes the same way, and takes a compilation
        assert ecjax.decompress(expected) == text
    packed = tmp_path / "other.ecj"
    packed.write_bytes(expected)
    playground.give(packed)
    assert playground.saved() == ("other", text)
    facts = playground.page.locator("[data-part=facts]").inner_text()
    assert f"{100 * len(expected) / len(text):.1f}% of the text" in facts and method in facts


@pytest.mark.slow
def test_a_file_of_the_model_holds_pythons_code(playground, tmp_path):
    given, packed = tmp_path / "text", tmp_path / "packed"
    given.write_bytes(digests.TEXT)
    playground.give(given, "m1-books:stream")
    name, file = playground.saved()
    # A file of one block (K-8): 48 bytes of header, 7 before the code, two checksums after it.
    code = np.frombuffer(file[55:-8], np.uint8)
    assert name == "text.ecj" and digests.sha256(code, "u1") == GOLDEN["stream"]
    packed.write_bytes(file)  # is known by its first bytes, too
    playground.give(packed)
    assert playground.saved() == ("packed.out", digests.TEXT)


@pytest.mark.slow
def test_bad_files_are_refused_in_plain_words(playground, tmp_path):
    good = ecjax.compress(SAMPLE[:3000], "books-12")
    shipped = ecjax.load_codebook("books-12")
    parents, last_bytes, members, costs = map(
        np.array, (shipped.parents, shipped.last_bytes, shipped.members, shipped.costs)
    )
    costs[-1] += 1
    foreign = ecjax.Codebook(parents, last_bytes, members=members, costs=costs)
    problem = playground.page.locator("[data-part=problem]")
    for data, words in [
        (b"no such thing", "not a file that ecjax compressed"),
        (good[:-1], "not complete"),
        (good[:99] + bytes([good[99] ^ 1]) + good[100:], "damaged"),
        (good + b"!", "after the end"),
        (ecjax.compress(SAMPLE[:3000], foreign), "model or codebook that this page does not"),
    ]:
        bad = tmp_path / "bad.ecj"
        bad.write_bytes(data)
        playground.give(bad)
        playground.page.wait_for_function("() => document.querySelector('[data-part=problem]').textContent !== ''")
        assert words in problem.inner_text()
        assert not playground.page.get_by_role("link", name="Save ").is_visible()


@pytest.mark.slow
def test_a_link_brings_the_text_and_the_choices(playground):
    playground.choose("left", "m1-books", 33)
    playground.choose("right", "mixed-16")
    playground.shows("left", "a & b = 自由\n")
    playground.page.get_by_role("button", name="Copy a link to this").click()
    playground.page.wait_for_function("() => document.getElementById('linked').textContent !== ''")
    address = playground.page.url
    playground.page.goto("about:blank")
    playground.requests.clear()
    playground.page.goto(address)
    playground.page.wait_for_selector("[data-ready]")
    assert playground.page.get_by_role("textbox", name="Your text").input_value() == "a & b = 自由\n"
    assert playground.panel("left").get_by_label("Size of a window").input_value() == "33"
    assert playground.panel("right").get_by_label("Cut by").input_value() == "mixed-16"


@pytest.mark.slow
def test_the_page_fits_a_phone(playground):
    playground.choose("left", "books-16")
    playground.page.set_viewport_size({"width": 390, "height": 844})
    for text in ("a" * 3000, PROSE, "\t" * 200):
        playground.shows("left", text)
        assert playground.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    playground.page.set_viewport_size({"width": 1280, "height": 800})


def test_what_is_shipped_is_described(tmp_path):
    subprocess.run([sys.executable, SOURCES / "assemble.py", tmp_path], check=True)
    described = {entry["name"]: entry for entry in json.loads((tmp_path / "assets/index.json").read_text("utf-8"))}
    assert set(described) == {*CODEBOOKS, "m1-books"}
    for name in CODEBOOKS:
        codebook = ecjax.load_codebook(name)
        entry = described[name]
        assert (entry["kind"], entry["bits"]) == ("codebook", codebook.bits)
        assert entry["fingerprint"] == codebook.fingerprint
        assert f'"{name}": ' in (SOURCES / "methods.mjs").read_text("utf-8")
    imported = [
        name
        for path in tmp_path.glob("*.mjs")
        for name in re.findall(r'^(?:import|\}) .*from "(.*)";', path.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(imported) > 10 and all((tmp_path / name).exists() for name in imported)


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of WCAG 2.2 of two colours, written as #rrggbb."""

    def luminance(colour: str) -> float:
        shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return sum(share * weight for share, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_text_has_enough_contrast_in_light_and_dark():
    style = (SOURCES / "style.css").read_text(encoding="utf-8")
    palettes = [dict(re.findall(r"--([\w-]+): (#\w{6});", part)) for part in style.split("@media", 2)[:2]]
    assert len(palettes[0]) == len(palettes[1]) > 20
    for palette in palettes:
        shades = [name for name in palette if name.startswith(("hue", "density"))]
        pairs = [("ink", ground) for ground in [*shades, "page", "card", "field"]]
        pairs += [(text, ground) for text in ("quiet", "accent", "problem") for ground in ("page", "card", "field")]
        pairs.append(("accent-ink", "accent"))
        assert {pair for pair in pairs if contrast(palette[pair[0]], palette[pair[1]]) < 4.5} == set()
