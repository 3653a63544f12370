"""The port in JavaScript in a browser: every stored case, and files that go both ways between the page and Python."""

import base64

import pytest

import ecjax
from ecjax.conformance.differences import first
from specs.cases import each
from tests.conformance import browser

pytestmark = pytest.mark.slow
TEXT = (browser.ASSETS / "sample.txt").read_bytes()[5000:5600] + bytes(range(256))
CODED = [("m1-books", None), ("m1-books", 24), ("m1-books-12", None), ("mixed-16", None)]

# What the page does with a file and a text, as the port's README has it.
EXCHANGE = """
async ({ name, bits, file, text }) => {
    const ecjax = await import("/javascript/ecjax.mjs");
    const read = await (await fetch(`/assets/${name}.safetensors`)).arrayBuffer();
    const bytes = (encoded) => Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const encoded = (bytes) => btoa(String.fromCharCode(...bytes));
    let coding;
    if (name === "m1-books") {
        const model = ecjax.readTransformer(read);
        const [byteModel, fingerprint] = [model.byteModel(), model.fingerprint()];
        coding = bits ? ecjax.windowCoding(byteModel, fingerprint, bits) : ecjax.streamCoding(byteModel, fingerprint);
    } else {
        coding = ecjax.codebookCoding(ecjax.readCodebook(read));
    }
    return [encoded(ecjax.decodeContainer(coding, bytes(file))), encoded(ecjax.encodeContainer(coding, bytes(text)))];
}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser.open_page(tmp_path_factory.mktemp("server")) as page:
        yield page


def test_every_stored_case_passes_in_a_browser(page):
    cases = list(each())
    found = list(page.answers(dict(case.request) for case in cases))
    assert len(found) == len(cases) > 1000
    wrong = [case.name for case, answer in zip(cases, found, strict=True) if first(case.answer, answer)]
    assert wrong == []


@pytest.mark.parametrize(("name", "bits"), CODED)
def test_files_go_both_ways_between_a_browser_and_python(page, name, bits):
    file = ecjax.compress(TEXT, name, bits)
    sent = {
        "name": name,
        "bits": bits,
        "file": base64.b64encode(file).decode(),
        "text": base64.b64encode(TEXT).decode(),
    }
    text, coded = map(base64.b64decode, page.run(EXCHANGE, sent))
    assert text == TEXT and coded == file


def test_the_page_refuses_a_damaged_file(page):
    file = bytearray(ecjax.compress(TEXT, "m1-books-12"))
    file[60] ^= 1
    request = {"op": "container.info", "file": file.hex()}
    assert list(page.answers([request])) == [{"refused": "checksum"}]
