"""The port in JavaScript in a page of a real browser, without a network."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import ports

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ASSETS = ports.ROOT / "src/ecjax/assets"
_BATCH = 1 << 22  # characters of requests that the page is given at a time
_ANSWER = """
async (requests) => {
    const { answer } = await import("/javascript/protocol.mjs");
    return requests.map((request) => JSON.stringify(answer(JSON.parse(request))));
}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class Page:
    """A page that can import `/javascript/ecjax.mjs` and fetch `/assets/...`."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def run(self, code: str, argument: Any = None) -> Any:
        """What a JavaScript function of one argument returns."""
        return self._page.evaluate(code, argument)

    def answers(self, requests: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The answers to requests of the conformance protocol."""
        batch: list[str] = []
        for request in requests:
            batch.append(json.dumps(request))
            if sum(map(len, batch)) > _BATCH:
                yield from map(json.loads, self.run(_ANSWER, batch))
                batch = []
        yield from map(json.loads, self.run(_ANSWER, batch))


def executable() -> str:
    """The browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no Chromium here ({', '.join(NAMES)})")
    return found


@contextlib.contextmanager
def browse(folder: Path) -> Iterator[tuple[Any, str]]:
    """A new page of playwright, and the address of a server that shows a folder.

    Skips the test where the browser or its driver is missing.
    """
    browser = executable()
    driver = pytest.importorskip(
        "playwright.sync_api", reason="the driver of the browser, playwright, is not installed"
    )
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, driver.sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # The sandbox needs rights that containers and root do not have; the page has nothing but our own files.
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            yield launched.new_page(), f"http://127.0.0.1:{server.server_port}/"
        finally:
            launched.close()
            server.shutdown()


@contextlib.contextmanager
def open_page(folder: Path) -> Iterator[Page]:
    """A page whose server shows links in a folder; skips the test where the browser or its driver is missing."""
    (folder / "javascript").symlink_to(ports.JAVASCRIPT.parent)
    (folder / "assets").symlink_to(ASSETS)
    with browse(folder) as (page, address):
        page.goto(address)
        yield Page(page)
