"""The HTML report of a demonstration: well-formed, whole, by itself, and safe whatever the text is."""

from __future__ import annotations

import html.parser
import itertools
import re
from pathlib import Path

import pytest

from ecjax.demo import page
from tests.conformance import browser
from tests.demo import examples

VOID = {"meta", "link", "wbr", "br", "img", "hr", "input"}
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}
PARTS = ["windows", "back", "models", "curves", "samples", "repeat"]


class Outline(html.parser.HTMLParser):
    """The tags of a page. An end tag that ends nothing, or another element than the innermost, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.about: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute is there twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text() -> str:
    return page.render(examples.findings())


@pytest.fixture(scope="module")
def outline(text: str) -> Outline:
    return Outline(text)


def test_it_is_a_page_with_every_part(text: str, outline: Outline) -> None:
    assert text.startswith("<!doctype html>")
    assert outline.named("html") == [{"lang": "en"}] and len(outline.named("h1")) == len(outline.named("title")) == 1
    assert [attributes.get("id") for attributes in outline.named("h2")] == PARTS
    assert {attributes["href"] for attributes in outline.named("a")} == {f"#{part}" for part in PARTS}
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_it_says_what_was_found(outline: Outline) -> None:
    found, words = examples.findings(), re.sub(r"\s+", " ", outline.text)
    for expected in (
        "3.375",
        "2.250",
        "131,072",
        "8.00 \N{MULTIPLICATION SIGN} 109",
        "75 seconds",
        "3.0 minutes",
        "0.10.2",
        "321 bytes",
    ):
        assert expected in words
    assert "All came back as they were." in words and found.digest in words and found.command in words
    windows = [attributes for attributes in outline.named("span") if "data-about" in attributes]
    assert len(windows) == len(found.cuts[0].windows)
    first = found.cuts[0].windows[0]
    bits = re.sub(r"(\d{4})(?=\d)", r"\1 ", first.bits)
    assert windows[0]["data-about"] == f"id {first.id:,} · bits {bits} · 1 byte · '<'"


def test_a_loss_is_told() -> None:
    words = Outline(page.render(examples.findings(changed=True))).text
    assert "Something came back changed." in words and "ffffffffffff" in words and "NOT lossless" in words
    assert "All came back" not in words


def test_it_loads_nothing_and_runs_nothing(text: str, outline: Outline) -> None:
    assert not {"script", "iframe", "object", "embed", "base", "form", "img"} & {tag for tag, _ in outline.tags}
    links = {value for _, attributes in outline.tags for name, value in attributes.items() if name in LOADING}
    assert all(value is not None and (value.startswith("#") or value == "data:,") for value in links)
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    styles = re.findall(r"<style.*?</style>", text, re.DOTALL)
    assert styles and not any("url(" in style or "@import" in style for style in styles)
    policy = outline.named("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy" and "default-src 'none'" in str(policy["content"])


def test_text_of_any_kind_is_shown_and_is_no_markup(text: str, outline: Outline) -> None:
    assert "<script" not in text and "<img" not in text and "{{" in outline.text
    assert outline.text.count(examples.SCRIPT) >= 5  # title, heading, samples, settings, command
    assert not [c for c in outline.text if not c.isprintable() and c != "\n" and c != "\t"]
    assert "السلام" in outline.text and "\\xff" in outline.text and "\\x1b" in outline.text


def test_the_drawing_takes_the_colours_of_the_page(text: str) -> None:
    drawing = text[text.index("<svg") : text.index("</svg>")]
    assert all(f"var(--{name})" in drawing for name in ("text", "first", "second"))
    assert "Transformer over books-12" in drawing and 'xlink:href="http' not in drawing


@pytest.mark.slow
def test_a_browser_shows_it_without_an_error_or_a_request(text: str, tmp_path: Path) -> None:
    """At the width of a phone and of a screen, light and dark; nothing is wider than the page."""
    found = browser.executable()
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = tmp_path / "report.html"
    path.write_bytes(text.encode())
    with driver.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        opened = launched.new_page()
        complaints, requests = list[str](), list[str]()
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(path.as_uri())
        for width, scheme in ((390, "dark"), (1280, "light")):
            opened.set_viewport_size({"width": width, "height": 900})
            opened.emulate_media(color_scheme=scheme)
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
        colours = "getComputedStyle(document.body).backgroundColor"
        light = opened.evaluate(colours)
        opened.emulate_media(color_scheme="dark")
        assert opened.evaluate(colours) != light == "rgb(255, 255, 255)"
        window = opened.locator(".w").nth(1)
        window.hover()
        shown = window.evaluate("element => getComputedStyle(element, '::after').content")
        assert str(examples.findings().cuts[0].windows[1].id) in shown.replace(",", "")
        assert opened.title().startswith(examples.SCRIPT)
        launched.close()
    assert complaints == [] and requests == [path.as_uri()]
